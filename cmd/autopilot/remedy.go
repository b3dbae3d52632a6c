package main

import (
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// RemediesConfig says what the bot may do to clusters when somebody with the role asks for it. Nothing is the default.
type RemediesConfig struct {
	Undo    bool `yaml:"undo"`    // go back to the revision before
	Restart bool `yaml:"restart"` // make the pods anew
	Scale   bool `yaml:"scale"`   // more replicas
	Cordon  bool `yaml:"cordon"`  // no new pods on a node
}

// kinds are those that are switched on.
func (c RemediesConfig) kinds() []engine.RemedyKind {
	on := map[engine.RemedyKind]bool{
		engine.RemedyUndo: c.Undo, engine.RemedyRestart: c.Restart, engine.RemedyScale: c.Scale, engine.RemedyCordon: c.Cordon,
	}
	var kinds []engine.RemedyKind
	for _, k := range engine.RemedyKinds {
		if on[k] {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// remedies refuses one that is switched on and that nobody may ask for.
func (v *validator) remedies(c Config) {
	for _, k := range c.Remedies.kinds() {
		if !slices.ContainsFunc(c.Roles, func(r RoleConfig) bool { return slices.Contains(r.May, string(k.Action())) }) {
			v.bad(at{"remedies", string(k)}, "no role may %s; add it to what a role may", k)
		}
	}
}
