package chaos

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Rules is what the configuration says about experiments.
type Rules struct {
	OptIn       string   // the label, as "key=value", by which a namespace opts in
	Protected   []string // namespaces, as path.Match patterns, that are never hit, whatever their labels say
	MaxPercent  int      // of a workload's pods at once
	MinReady    int      // pods of a workload that stay untouched
	MaxPods     int      // of one experiment
	MaxActive   int      // experiments of a cluster at a time
	MaxDuration time.Duration
	PerDay      int // experiments that one person may begin in 24 h
	MaxAgents   int // ephemeral containers in one pod

	// Quiet gives the reason why nothing may begin now in a namespace, "" when it may: package policy knows the freeze windows and quiet hours.
	Quiet     func(cluster, namespace string, at time.Time) string
	TwoPeople bool          // who asked may not confirm
	Deletes   bool          // a plain delete may be asked for at all
	Shown     time.Duration // for how long a plan can be said yes to

	AgentImage string
}

// Request is what somebody wants, as a command, a window or a schedule says it.
type Request struct {
	Cluster    string
	Title      string // "" for one that says what is done
	Strikes    []engine.Strike
	Everywhere bool // random-all: in every namespace that has opted in
	Expect     engine.Expectation
	StopOn     []string
	Seed       uint64
	Command    string
}

// Blocker is one rule that can keep an experiment from beginning. The order of Blockers is that in which reasons are shown.
type Blocker interface {
	Name() string
	// Blocked gives the reasons; none means that it may begin.
	Blocked(e engine.Experiment, f Field, r Rules) []string
}

// Defaults are the rules where the configuration says nothing. In Rules themselves a zero is a zero: a limit of 0 allows nothing.
func Defaults() Rules {
	return Rules{
		OptIn: "autopilot.dev/chaos=enabled", MaxPercent: 50, MinReady: 1, MaxPods: 10, MaxActive: 3, MaxDuration: 10 * time.Minute, PerDay: 20,
		MaxAgents: 5, Shown: 15 * time.Minute,
	}
}
