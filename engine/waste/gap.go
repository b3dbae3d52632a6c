package waste

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// consequence is what cannot be judged for want of parts.
type consequence struct {
	of    string   // the cluster, or the account and its region
	what  string   // that is missing
	text  string   // what is not judged then
	words []string // by one of which a gap's reason shows that it is about what is missing
}

// gaps gives what the snapshot could not have and what is neither found nor closed for that, each in one line: the consequence stands
// behind the gap that it follows from, and by itself where nobody said why the part is missing.
func (s *Snapshot) gaps() []engine.Gap {
	gaps := slices.Clone(s.Missing)
	for _, c := range s.consequences() {
		at := slices.IndexFunc(gaps, func(g engine.Gap) bool { return strings.HasSuffix(" "+g.Collector, " "+c.of) && c.about(g.Reason) })
		switch {
		case at < 0:
			gaps = append(gaps, engine.Gap{Collector: c.of, Reason: c.what + " could not be had: " + c.text})
		case !strings.HasSuffix(gaps[at].Reason, c.text):
			gaps[at].Reason += "; " + c.text
		}
	}
	return gaps
}

func (c consequence) about(reason string) bool {
	return slices.ContainsFunc(c.words, func(word string) bool { return strings.Contains(strings.ToLower(reason), word) })
}

// consequences says what is not judged, once for each thing that is not.
func (s *Snapshot) consequences() []consequence {
	var all []consequence
	add := func(of string, parts []Part) {
		for _, p := range parts {
			cost, ok := costs[p]
			if !ok {
				continue
			}
			next := consequence{of, string(p), cost.text, cost.words}
			if i := slices.IndexFunc(all, func(c consequence) bool { return c.of == of && c.text == cost.text }); i >= 0 {
				all[i].what, all[i].words = all[i].what+" and "+string(p), slices.Concat(all[i].words, cost.words)
				continue
			}
			all = append(all, next)
		}
	}
	for _, c := range s.Clusters {
		if !c.Complete {
			all = append(all, consequence{c.Name, "its whole list", "its requests and nodes are not judged, nor any volume", []string{"listed"}})
			continue
		}
		add(c.Name, c.Missing)
	}
	for _, a := range s.Accounts {
		add(fmt.Sprint(a.ID, " ", a.Region), a.Missing)
	}
	return all
}

// costs says what cannot be judged without a part, see Judged, and how those who list it call it.
var costs = map[Part]struct {
	text  string
	words []string
}{
	PartUsage: {
		"its requests are not judged, nor its nodes if pods come and go by autoscalers or schedules", []string{"prometheus", "could not be read", "no series"},
	},
	PartVertical:  {"its requests are not judged", []string{"verticalpodautoscalers"}},
	PartNodePools: {"its nodes are not judged", []string{"nodepools"}},
	PartBackups:   {"no volume is judged", []string{"volumesnapshotcontents", "podvolumebackups", "datauploads"}},
	PartInstances: {"nodes and volumes of the account are not judged", []string{"instances", "not listed", "who we are"}},
	PartGroups:    {"nodes of the account are not judged", []string{"groups", "not listed", "who we are"}},
	PartVolumes:   {"volumes of the account are not judged", []string{"volumes", "not listed", "who we are"}},
	PartSnapshots: {"volumes of the account are not judged", []string{"snapshots", "not listed", "who we are"}},
}
