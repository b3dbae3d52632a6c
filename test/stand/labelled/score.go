package labelled

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// Row is how one detector did.
type Row struct {
	Kind   engine.FindingKind
	Waste  int // labelled as waste
	Found  int // of them
	Wrong  int // called waste, and not labelled so
	Keep   int // labelled as to be left alone, with the reason
	Reason int // of them, left alone for that reason
}

// Precision is the share of what was called waste that is waste; 1 when nothing was.
func (r Row) Precision() float64 {
	if r.Found+r.Wrong == 0 {
		return 1
	}
	return float64(r.Found) / float64(r.Found+r.Wrong)
}

// Recall is the share of the waste that was found; 1 when there is none.
func (r Row) Recall() float64 {
	if r.Waste == 0 {
		return 1
	}
	return float64(r.Found) / float64(r.Waste)
}

// subject is what a label is about.
type subject struct {
	kind engine.FindingKind
	// name of a volume is its id, of a container "cluster/namespace/Kind/workload/container", of a node its own.
	name string
}

func subjectOf(kind engine.FindingKind, t engine.Target) subject {
	switch kind {
	case engine.IdleNode:
		return subject{kind, t.Name}
	case engine.OrphanVolume:
		return subject{kind, t.Provider}
	case engine.OverRequestedCPU, engine.OverRequestedMemory:
	}
	return subject{kind, strings.Join([]string{t.Cluster, t.Namespace, t.Kind, t.Name, t.Container}, "/")}
}

// tagged is a label with where it stands.
type tagged struct {
	subject
	Label
	where string
}

// labels gives every label of the cases, in their order.
func labels(all []Case) []tagged {
	var out []tagged
	add := func(kind engine.FindingKind, name string, l Label, where string) {
		if l.Waste != "" || l.Keep != "" {
			out = append(out, tagged{subject{kind, name}, l, where})
		}
	}
	for _, c := range all {
		for _, n := range c.Nodes {
			add(engine.IdleNode, n.Name, n.Label, c.Name+": node "+n.Name)
		}
		for _, v := range c.Volumes {
			add(engine.OrphanVolume, v.ID(c), v.Label, c.Name+": volume "+v.Name)
		}
		for _, w := range c.Workloads {
			for _, b := range w.Containers {
				name := strings.Join([]string{c.Cluster, c.Namespace, w.Kind, w.Name, b.Name}, "/")
				add(engine.OverRequestedCPU, name, b.CPU, c.Name+": "+w.Kind+" "+w.Name+"/"+b.Name)
				add(engine.OverRequestedMemory, name, b.Memory, c.Name+": "+w.Kind+" "+w.Name+"/"+b.Name)
			}
		}
	}
	return out
}

// Score compares what a scan said with the labels. Each miss is a line: waste that was not found, what was wrongly called waste, and
// what was said otherwise than it should have been.
func Score(all []Case, o waste.Outcome) (rows []Row, misses []string) {
	found, skipped := map[subject]engine.Finding{}, map[subject][]string{}
	for _, f := range o.Findings {
		found[subjectOf(f.Kind, f.Target)] = f
	}
	for _, s := range o.Skips {
		at := subjectOf(s.Kind, s.Target)
		skipped[at] = append(skipped[at], strings.TrimSuffix(s.Reason+": "+s.Detail, ": "))
	}
	byKind := map[engine.FindingKind]*Row{}
	for _, kind := range engine.FindingKinds() {
		byKind[kind] = &Row{Kind: kind}
	}
	meant := map[subject]bool{}
	for _, l := range labels(all) {
		row := byKind[l.kind]
		f, ok := found[l.subject]
		meant[l.subject] = l.Waste != ""
		said := strings.Join(skipped[l.subject], "; ")
		switch {
		case l.Waste != "":
			row.Waste++
			if !ok {
				misses = append(misses, fmt.Sprintf("%s: %s not found, but said: %s", l.where, l.kind, said))
				continue
			}
			row.Found++
			if text := textOf(f); !strings.Contains(text, l.Waste) {
				misses = append(misses, fmt.Sprintf("%s: %s is found, but does not say %q: %s", l.where, l.kind, l.Waste, text))
			}
			if l.Least != nil && f.Sizing != nil && f.Sizing.New < amount(l) {
				misses = append(misses, fmt.Sprintf("%s: %s proposes %d, less than %s", l.where, l.kind, f.Sizing.New, l.Least))
			}
		default:
			row.Keep++
			switch {
			case ok: // it is told below
			case strings.Contains(said, l.Keep):
				row.Reason++
			default:
				misses = append(misses, fmt.Sprintf("%s: %s is rightly left alone, but for %q instead of %q", l.where, l.kind, said, l.Keep))
			}
		}
	}
	for _, f := range o.Findings {
		if at := subjectOf(f.Kind, f.Target); !meant[at] {
			byKind[f.Kind].Wrong++
			misses = append(misses, fmt.Sprintf("%s %s is wrongly called waste: %s", at.kind, at.name, textOf(f)))
		}
	}
	for _, kind := range engine.FindingKinds() {
		rows = append(rows, *byKind[kind])
	}
	return rows, misses
}

// amount is the least request of a label in millicores or bytes.
func amount(l tagged) int64 {
	if l.kind == engine.OverRequestedCPU {
		return l.Least.MilliValue()
	}
	return l.Least.Value()
}

// textOf is all that a finding says in words.
func textOf(f engine.Finding) string {
	return strings.Join(slices.Concat([]string{f.Lever}, f.Reasons, f.Risks, f.Caveats), " | ")
}
