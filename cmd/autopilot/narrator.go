package main

import (
	"context"

	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// NarratorConfig has a model on Amazon Bedrock put the ranked evidence of a diagnosis into a paragraph. Without the section none is asked.
type NarratorConfig struct {
	Model      string `yaml:"model"`       // id or ARN of a model or an inference profile
	Region     string `yaml:"region"`      // where the model is asked
	RoleARN    string `yaml:"role_arn"`    // assumed first; empty: the process's own identity
	ExternalID string `yaml:"external_id"` // that the role may ask for
	Endpoint   string `yaml:"endpoint"`    // only for a VPC endpoint or a test; default AWS's own
	PerHour    int    `yaml:"per_hour"`    // diagnoses that it is asked about, by each replica; default 30
}

const narratedPerHour = 30

func (c NarratorConfig) on() bool { return c != NarratorConfig{} }

func (v *validator) narrator(c NarratorConfig) {
	where := at{"narrator"}
	if !c.on() {
		return
	}
	if c.Model == "" {
		v.bad(where.with("model"), "it is missing; the id of a model or an inference profile of Bedrock, such as eu.amazon.nova-lite-v1:0")
	}
	if c.PerHour < 0 || c.PerHour > 1000 {
		v.bad(where.with("per_hour"), "%d is not 1 to 1000", c.PerHour)
	}
	v.reach(where, c.Region, c.RoleARN, c.ExternalID, c.Endpoint)
}

// narrator prepares the model; nil where none is configured.
func (c Config) narrator(ctx context.Context, st *store.Store) (*handlers.Narrator, error) {
	n := c.Narrator
	if !n.on() {
		return nil, nil //nolint:nilnil // none is wanted
	}
	m, err := aws.NewModel(ctx, aws.Config{Region: n.Region, Role: n.RoleARN, ExternalID: n.ExternalID, Endpoint: n.Endpoint}, n.Model)
	if err != nil {
		return nil, err
	}
	w := &handlers.Narrator{Model: n.Model, Write: m.Write, Save: st.SaveNarrative, PerHour: n.PerHour}
	if w.PerHour == 0 {
		w.PerHour = narratedPerHour
	}
	return w, nil
}
