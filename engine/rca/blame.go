package rca

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Graph says which node depends on which: a caller on whom it calls, a workload on the node or volume that it has.
type Graph map[string][]string

// Series are the measures of one node of a Graph, before and after the onset.
type Series map[engine.Measure][]engine.Point

// Suspect is a node that may be where the trouble began.
type Suspect struct {
	Node   string
	Share  float64        // of the suspicion; the shares of all suspects add up to 1
	Since  time.Time      // when its first series left what was usual; zero when none did
	Tracks []engine.Track // the series that speak for it, strangest first
}
