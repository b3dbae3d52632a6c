// Package rca ranks the likely causes of an incident from its evidence.
//
// Collectors gather (package kube has them); ranking is pure: the same evidence gives the same answer, with no network.
package rca

import (
	"context"

	"github.com/eks-autopilot/autopilot/engine"
)

// Collector gathers one kind of evidence. An error means that the evidence could not be had, and is shown as a Gap;
// evidence that came before the error still counts.
type Collector interface {
	Name() string
	Collect(ctx context.Context, i engine.Incident) ([]engine.Evidence, error)
}

// Tally is how often people said that a rule's cause was right and wrong.
type Tally struct{ Right, Wrong int }
