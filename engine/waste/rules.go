package waste

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Rules are what the configuration says of waste. DefaultRules gives those that are used where it is silent.
type Rules struct {
	MinDays    float64         // of history per pod, below which nothing is said
	MinMonthly engine.MicroUSD // below which a finding is only counted
	Margin     float64         // of CPU above what the model asks for, as a share; 0 by default: the model has its own
	MinCPU     int64           // millicores: no request is put lower
	MinMemory  int64           // bytes
	Grace      time.Duration   // a volume must have been detached for so long
	NodeAge    time.Duration   // a node younger than this is not judged
	TeamLabels []string        // labels of a workload or namespace that name its team, first that is there wins
	Ignore     []Ignore
	Reserves   []Reserve // nodes that stand by on purpose
}

// Ignore leaves targets out; every field that is set must match, and may have * in it.
type Ignore struct {
	Cluster, Namespace, Workload string
	Kind                         engine.FindingKind
	Reason                       string
}

// DefaultRules are the rules where the configuration is silent.
func DefaultRules() Rules {
	return Rules{
		MinDays:    3,
		MinMonthly: 5 * engine.USD,
		MinCPU:     10,
		MinMemory:  32 << 20,
		Grace:      7 * 24 * time.Hour,
		NodeAge:    time.Hour,
		TeamLabels: []string{"team", "app.kubernetes.io/team", "owner"},
	}
}
