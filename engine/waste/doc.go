// Package waste decides what of a cluster is paid for and not used: one Snapshot in, findings out.
//
// Each detector is one file with a pure function; Detectors names them in the order in which they own dollars. The scan task in
// package handlers takes the snapshot and hands it over; the store keeps the findings by identity.
package waste

import "github.com/eks-autopilot/autopilot/engine"

// Detector looks for one kind of waste. It reads the snapshot and changes nothing; the same snapshot gives the same findings.
// What was looked at and is no finding is a Skip, with the reason that a person would want to read.
type Detector interface {
	Name() engine.FindingKind
	Detect(s *Snapshot, r Rules) ([]engine.Finding, []Skip)
}

// Skip is a target that is no finding, and why.
type Skip struct {
	Key    string // the identity that its finding would have: a finding that was open is closed with this reason
	Kind   engine.FindingKind
	Target engine.Target
	Reason string // a constant phrase, so that skips can be counted by it
	Detail string // what of this target led to it
}

// Outcome is what a scan found.
type Outcome struct {
	Findings []engine.Finding // the dearest first; no dollar in two of them
	Skips    []Skip
	Missing  []engine.Gap
}
