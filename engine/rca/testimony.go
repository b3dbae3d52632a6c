package rca

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	mostSuspects = 3
	leastShare   = 0.1
	ahead        = 2 * time.Minute // by which one moved before another, when values are a minute apart
)

// Testimony puts the numbers of a neighbourhood into lines of evidence: how the workload itself left what was usual for it, and whom near
// it Blame suspects. "first" is "true" for one that moved before the workload itself did, or when that did not move at all.
func Testimony(n *Neighborhood, fared map[string]Series, a Alarm) []engine.Evidence {
	self := NodeName(n.Of)
	suspects := Blame(n.Graph, fared, a)
	var since time.Time // when the workload itself moved
	var out []engine.Evidence
	for _, t := range tracks(departures(fared[self], a)) {
		if strings.HasPrefix(string(t.Measure), seenBy) {
			continue // it is its callers' wait, and told of the way between
		}
		if since.IsZero() || t.Since.Before(since) {
			since = t.Since
		}
		if !matters(n.Of, t) {
			continue
		}
		out = append(out, engine.Evidence{
			ID: "series/" + string(t.Measure), Kind: engine.EvidenceSeries, Object: objectOf(n.Of), At: t.Since, Text: n.Of.String() + ": " + moved(t),
			Fields: map[string]string{"measure": string(t.Measure), "direction": "up", "usual": t.Measure.Amount(t.High), "now": t.Measure.Amount(last(t)), "since": t.Since.Format(time.RFC3339)},
		})
	}
	rank := -1
	for _, s := range suspects[:min(len(suspects), mostSuspects)] {
		relation := n.Relation(s.Node)
		if relation == RelationSameNode && len(s.Tracks) > 0 && !shared(s.Tracks[0].Measure) {
			continue // it has troubles of its own, which nobody beside it feels
		}
		rank++
		w, known := n.Workloads[s.Node]
		if !known || s.Share < leastShare || len(s.Tracks) == 0 || !matters(w, s.Tracks[0]) {
			continue
		}
		t := s.Tracks[0]
		first := relation != RelationSelf && (since.IsZero() || since.Sub(s.Since) >= ahead)
		text := fmt.Sprintf("%s%s: %s; %.0f %% of the suspicion", w, as(relation, n.Of), moved(t), 100*s.Share)
		if first && !since.IsZero() {
			text += ", and it moved first"
		}
		out = append(out, engine.Evidence{
			ID: "neighbor/" + s.Node, Kind: engine.EvidenceNeighbor, Object: objectOf(w), At: s.Since, Text: text,
			Fields: map[string]string{
				"relation": string(relation), "kind": w.Kind, "namespace": w.Namespace, "name": w.Name, "rank": strconv.Itoa(rank + 1),
				"share": strconv.FormatFloat(s.Share, 'f', 2, 64), "first": strconv.FormatBool(first), "measure": string(kindOf(t.Measure)),
				"usual": amount(t.Measure, t.High), "now": amount(t.Measure, last(t)), "since": s.Since.Format(time.RFC3339),
			},
		})
	}
	if e, ok := slowNetwork(n, fared, a); ok {
		out = append(out, e)
	}
	return out
}

// leastRise is how far beyond what is usual a measure must be for anybody to feel it, however unusual it is: a core that was idle for weeks is
// still idle when a shell runs on it.
var leastRise = map[engine.Measure]float64{
	engine.MeasureCPU: 0.1, engine.MeasureMemory: 32 << 20, engine.MeasureRequests: 0.5, engine.MeasureLatency: 0.005, engine.MeasureErrors: 0.001, engine.MeasureSaturation: 0.05,
}

// shared tells whether a measure is of what workloads on one node take from each other.
func shared(m engine.Measure) bool { return m == engine.MeasureCPU || m == engine.MeasureMemory }

// leastBusy is the same of a machine's CPU: the smallest has two cores, and half of one more holds nobody up.
const leastBusy = 0.5

// leastFull is how full a volume must be for those who write to it to feel it: file systems slow down, and programs stop, before the last byte.
const leastFull = 0.9

func matters(w engine.Workload, t engine.Track) bool {
	if w.Kind == KindClaim {
		return last(t) >= leastFull
	}
	least := leastRise[kindOf(t.Measure)]
	if w.Kind == engine.KindNode && t.Measure == engine.MeasureCPU {
		least = leastBusy
	}
	return last(t)-t.High >= least
}

// moved says how a series left what was usual.
func moved(t engine.Track) string {
	return fmt.Sprintf("%s %s, up to %s is usual, since %s", t.Measure, amount(t.Measure, last(t)), amount(t.Measure, t.High), t.Since.UTC().Format("15:04 MST"))
}

// amount writes a value as people read it.
func amount(m engine.Measure, v float64) string {
	if m == VolumeUsed {
		return engine.MeasureSaturation.Amount(v) // a share, too
	}
	return kindOf(m).Amount(v)
}

// kindOf is the measure that a series is of: what a caller sees of a latency is one.
func kindOf(m engine.Measure) engine.Measure {
	if strings.HasPrefix(string(m), seenBy) {
		return engine.MeasureLatency
	}
	return m
}

// last is the newest value of a track that is above what is usual: what came back since was the trouble all the same.
func last(t engine.Track) float64 {
	for k, p := range slices.Backward(t.Points) {
		if p.Value > t.High || k == 0 {
			return p.Value
		}
	}
	return 0
}

func as(r Relation, of engine.Workload) string {
	switch r {
	case RelationCalls:
		return ", which " + of.Name + " calls"
	case RelationOn:
		return ", the node that " + of.Name + " runs on"
	case RelationUnder:
		return ", the node of one that " + of.Name + " calls"
	case RelationHas:
		return ", a volume that " + of.Name + " or one that it calls has"
	case RelationSameNode:
		return ", on the same node"
	case RelationCalledBy:
		return ", which calls " + of.Name
	case RelationSelf, RelationNone:
	}
	return ""
}

func objectOf(w engine.Workload) engine.ObjectRef {
	return engine.ObjectRef{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
}
