package main

import (
	"context"
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// remover prepares who may remove volumes in a region of an account.
func (a AWSAccountConfig) remover(ctx context.Context, region string) (*aws.Remover, error) {
	r, err := aws.NewRemover(ctx, aws.Config{
		Name: a.label(), Region: region, Role: a.RemoverRoleARN, ExternalID: a.ExternalID, Endpoint: a.Endpoint,
	})
	if err != nil {
		return nil, fmt.Errorf("aws account %s: remover_role_arn: %w", a.ID, err)
	}
	return r, nil
}

// connectRemoving gives the handlers what they need to remove volumes; nil where the configuration does not let them. It speaks to nobody.
func connectRemoving(ctx context.Context, cfg Config, st *store.Store) (*handlers.Removing, error) {
	if !cfg.Volumes.Remove {
		return nil, nil
	}
	removing := &handlers.Removing{Steps: st}
	for _, a := range cfg.AWS.Accounts {
		if a.RemoverRoleARN == "" {
			continue
		}
		for _, region := range a.Regions {
			r, err := a.remover(ctx, region)
			if err != nil {
				return nil, err
			}
			removing.Accounts = append(removing.Accounts, handlers.RemovalAccount{ID: a.ID, Region: region, Remover: r})
		}
	}
	return removing, nil
}

// checkRemovers tries what can be tried of removing volumes without one.
func checkRemovers(ctx context.Context, cfg Config) []engine.Check {
	if !cfg.Volumes.Remove {
		return nil // nobody asked for it
	}
	var checks []engine.Check
	if cfg.GitHub == nil { // else they are checked there
		checks = append(checks, checkApprovers(cfg))
	}
	for _, a := range cfg.AWS.Accounts {
		if a.RemoverRoleARN == "" {
			continue
		}
		for _, region := range a.Regions {
			r, err := a.remover(ctx, region)
			if err != nil {
				checks = append(checks, engine.Missed("remover-credentials", engine.CheckFail, "aws", "volume remover", err.Error(), "credentials", "see aws.accounts in the configuration"))
				continue
			}
			checks = append(checks, r.CheckRemover(ctx, a.label())...)
		}
	}
	return checks
}
