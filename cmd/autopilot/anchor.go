package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// anchors prepares where the audit log's head is kept, and speaks to nobody.
func (c *AnchorConfig) anchors(ctx context.Context) (*aws.Anchors, error) {
	a, err := aws.NewAnchors(ctx, aws.AnchorConfig{
		Config: aws.Config{Name: c.Account, Region: c.Region, Role: c.RoleARN, ExternalID: c.ExternalID, Endpoint: c.Endpoint},
		Bucket: c.Bucket, Prefix: c.Prefix, Account: c.Account, Governance: c.Mode == modeGovernance, Retain: c.Retain,
	})
	if err != nil {
		return nil, fmt.Errorf("audit.anchor: %w", err)
	}
	return a, nil
}

// connectAnchoring gives the handlers what they need to keep the audit log's head elsewhere; nil where nobody asks for it.
func connectAnchoring(ctx context.Context, cfg Config, st *store.Store) (*handlers.Anchoring, error) {
	c := cfg.Audit.Anchor
	if c == nil {
		return nil, nil
	}
	a, err := c.anchors(ctx)
	if err != nil {
		return nil, err
	}
	return &handlers.Anchoring{Chain: st, Keeper: a, Every: c.Every, Version: programVersion()}, nil
}

// checkAnchor tries what keeping the audit log's head elsewhere needs, and says how old the newest anchor is.
func checkAnchor(ctx context.Context, cfg Config, chain handlers.AuditChain, now time.Time) []engine.Check {
	const area, name = "audit anchor", "newest"
	c := cfg.Audit.Anchor
	if c == nil {
		return nil // nobody asked for it
	}
	keeper, err := c.anchors(ctx)
	if err != nil {
		return []engine.Check{engine.Missed("audit-anchor-credentials", engine.CheckFail, area, "credentials", err.Error(), "credentials", "see audit.anchor in the configuration")}
	}
	checks := keeper.Check(ctx, now)
	if !checks[len(checks)-1].OK {
		return checks // what cannot be listed cannot be judged
	}
	s, err := (&handlers.Anchoring{Chain: chain, Keeper: keeper, Every: c.Every}).Stand(ctx, now)
	switch {
	case engine.CodeOf(err) == engine.Conflict:
		return append(checks, engine.Missed("audit-anchor-contradiction", engine.CheckFail, area, name, err.Error(), "a row of the audit log",
			"find out who can write to the database; autopilot audit verify compares every anchor"))
	case err != nil:
		return append(checks, engine.Missed("audit-anchor-unread", engine.CheckFail, area, name, err.Error(), "an answer", "see audit.anchor in the configuration"))
	case s.Newest.Seq == 0 && s.Head.Seq > 0:
		return append(checks, engine.Missed("audit-anchor-none", engine.CheckWarn, area, name, "none", "one every "+short(c.Every), "autopilot serve writes the first within minutes of its start"))
	case s.Stale > 0:
		return append(checks, engine.Missed("audit-anchor-old", engine.CheckWarn, area, name, fmt.Sprintf("row %d, %s ago", s.Newest.Seq, short(s.Stale.Truncate(time.Minute))),
			"one every "+short(c.Every), "see the log of autopilot serve for task anchor"))
	case s.Newest.Seq == 0:
		return append(checks, engine.Passed(area, name, "the audit log is empty"))
	}
	return append(checks, engine.Passed(area, name, fmt.Sprintf("row %d of %d, %s", s.Newest.Seq, s.Head.Seq, s.Newest.At.Format(time.RFC3339))))
}

// checkAudit is checkAnchor with a store of its own. A database that cannot be had is told elsewhere.
func checkAudit(ctx context.Context, cfg Config, secrets Secrets) []engine.Check {
	st, err := store.Open(ctx, secrets.DatabaseURL.Reveal(), store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil
	}
	defer st.Close()
	return checkAnchor(ctx, cfg, st, time.Now())
}

// verifyAnchors compares the chain with every anchor that can be read, and says what it was compared with.
func verifyAnchors(ctx context.Context, cfg Config, chain handlers.AuditChain, w io.Writer) error {
	c := cfg.Audit.Anchor
	if c == nil {
		_, err := io.WriteString(w, "compared with no anchor: audit.anchor is not configured\n")
		return err
	}
	keeper, err := c.anchors(ctx)
	if err != nil {
		return err
	}
	all, err := keeper.All(ctx)
	if err != nil {
		return fmt.Errorf("the chain is not compared with its anchors: %w", err)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintf(w, "compared with no anchor: there is none in s3://%s/%s yet\n", c.Bucket, c.Prefix)
		return err
	}
	if err := handlers.HoldAnchors(ctx, chain, all); err != nil {
		return err
	}
	newest := all[len(all)-1]
	_, err = fmt.Fprintf(w, "%d anchor(s) in s3://%s/%s agree, the newest of row %d at %s\n", len(all), c.Bucket, c.Prefix, newest.Seq, newest.At.Format(time.RFC3339))
	return err
}
