package chaos

import (
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// alarm refuses while something is wrong already with what would be hit, with its nodes, or with what it depends on.
func alarm(e engine.Experiment, f Field, _ Rules) []string {
	var reasons []string
	for _, text := range alarms(e, f) {
		if !slices.Contains(reasons, text) {
			reasons = append(reasons, text)
		}
	}
	return reasons
}

// slack is by how much a start may be told too early: the API server counts in whole seconds.
const slack = 2 * time.Second

// alarms lists the firing alerts of severity warning or above, and the open incidents, on what an experiment hits, its nodes and what it
// depends on, but for those that it brought about itself.
func alarms(e engine.Experiment, f Field) []string {
	s := scopeOf(e, f)
	var all []string
	for _, a := range f.Alerts {
		if a.Firing() && a.Severity.Rank() >= engine.Warning.Rank() && s.concerns(a.Workload, a.Node) && !s.brought(e, a.Workload, a.StartsAt) {
			all = append(all, fmt.Sprintf("%s fires on %s (%s): %s", alertName(a), a.Workload, a.Severity, a.Summary))
		}
	}
	for _, i := range f.Incidents {
		if i.IsOpen() && s.concerns(i.Workload, "") && !s.brought(e, i.Workload, latestOf(i.StartedAt, i.DetectedAt)) {
			all = append(all, fmt.Sprintf("incident %d is open: %s", i.ID, i.Title))
		}
	}
	return all
}

// concerns tells whether something that is wrong with a workload, or on a node, is in the way.
func (s scope) concerns(w engine.Workload, onNode string) bool {
	switch {
	case slices.Contains(s.hit, w), slices.Contains(s.beneath, w), slices.Contains(s.nodes, w):
		return true
	case w.Kind == engine.KindService: // whoever is behind it, by the name that both mostly have
		return slices.ContainsFunc(slices.Concat(s.hit, s.beneath), func(h engine.Workload) bool {
			return h.Cluster == w.Cluster && h.Namespace == w.Namespace && h.Name == w.Name
		})
	}
	return w.Kind == kindAlert && onNode != "" && slices.ContainsFunc(s.nodes, func(n engine.Workload) bool { return n.Name == onNode })
}

// kindAlert is that of the workload of an alert which names none.
const kindAlert = "Alert"

// brought tells whether the experiment explains it: it is on what it hits itself, and began after the experiment did.
func (s scope) brought(e engine.Experiment, w engine.Workload, at time.Time) bool {
	if e.StartedAt.IsZero() || at.Before(e.StartedAt.Add(-slack)) {
		return false
	}
	own := slices.Contains(s.hit, w) || slices.Contains(s.drained, w)
	return own || w.Kind == engine.KindService && slices.ContainsFunc(s.hit, func(h engine.Workload) bool {
		return h.Cluster == w.Cluster && h.Namespace == w.Namespace && h.Name == w.Name
	})
}

func alertName(a engine.Signal) string {
	if n := a.Labels["alertname"]; n != "" {
		return n
	}
	return string(a.Class)
}

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
