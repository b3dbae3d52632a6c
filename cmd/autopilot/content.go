package main

import (
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/store"
)

// content gives the bot what its messages show.
type content struct {
	*store.Store
	rules incident.Rules
}

// Mentions says whom the configuration wakes for an incident of this severity.
func (c content) Mentions(i engine.Incident) []engine.Mention {
	return c.rules.Escalation[i.Severity].Mention
}
