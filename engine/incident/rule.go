package incident

import (
	"path"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Channel gives where a workload's incidents are told: its namespace's channel, else its team's, else the default.
func (r Route) Channel(w engine.Workload, labels map[string]string) string {
	if c := r.Namespaces[w.Namespace]; c != "" && w.Namespace != "" {
		return c
	}
	key := r.TeamLabel
	if key == "" {
		key = "team"
	}
	if c := r.Teams[labels[key]]; c != "" {
		return c
	}
	return r.Default
}

// Of gives where an incident of these signals is told.
func (r Route) Of(w engine.Workload, signals []engine.Signal) string {
	return r.channelOf(engine.Incident{Workload: w, Signals: signals})
}

// channelOf routes an incident by the first of its signals that names a team with a channel.
func (r Route) channelOf(i engine.Incident) string {
	for _, s := range i.Signals {
		if c := r.Channel(i.Workload, s.Labels); c != r.Default {
			return c
		}
	}
	return r.Channel(i.Workload, nil)
}

// ignored gives the reason of the first rule that leaves a signal out.
func (r Rules) ignored(s engine.Signal) (string, bool) {
	w := s.Workload
	for _, rule := range r.Ignore {
		if rule == (Ignore{Reason: rule.Reason}) {
			continue // a rule without a condition would ignore everything
		}
		if like(rule.Cluster, w.Cluster) && like(rule.Namespace, w.Namespace) && like(rule.Workload, w.Name) &&
			(rule.Class == "" || rule.Class == s.Class) {
			return rule.Reason, true
		}
	}
	return "", false
}

// maintenance gives the window that w is in; of several, the one that ends last.
func (r Rules) maintenance(w engine.Workload, now time.Time) (Window, bool) {
	var in Window
	for _, m := range r.Maintenance {
		if like(m.Cluster, w.Cluster) && like(m.Namespace, w.Namespace) && !now.Before(m.Start) && now.Before(m.End) && m.End.After(in.End) {
			in = m
		}
	}
	return in, !in.End.IsZero()
}

// mostPatience is by how much the hold-down of what comes and goes may grow.
const mostPatience = 16

// holdDown is how long an incident that cleared is waited for. Each time but the first that it was reopened within the hour before doubles
// it: what comes and goes is one incident that stays open and counts, not one that is told over and over.
func (r Rules) holdDown(i engine.Incident) time.Duration {
	patience := 1
	for _, e := range i.Timeline {
		if (e.Kind == EventReopened || e.Kind == EventReopenedQuietly) && i.ClearedAt.Sub(e.At) < flapping {
			patience *= 2
		}
	}
	return r.HoldDown * time.Duration(min(max(patience/2, 1), mostPatience))
}

// like matches a path.Match pattern; "" matches everything and a malformed pattern nothing.
func like(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
