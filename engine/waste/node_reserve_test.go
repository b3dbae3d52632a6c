package waste

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// spare gives a cluster whose group "workers" has three nodes that nobody needs: n1, n5 and n6, in two zones.
func spare(t *testing.T) nodeWorld {
	w := newNodeWorld(t)
	w.addNode("n5", "a")
	w.addNode("n6", "b")
	w.pin()
	return w
}

func TestReserveOfANodeGroup(t *testing.T) {
	const key = "nodes/prod/managed%20node%20group/workers"
	tests := map[string]struct {
		reserves []Reserve
		kept     map[string]int
		muted    string // a node
		found    int    // of which the muted one is one
		skipped  map[string]int
		detail   string
	}{
		"none":                                 {found: 3},
		"one":                                  {reserves: []Reserve{{Group: "workers", Nodes: 1, Reason: "a failed zone"}}, found: 2, skipped: map[string]int{skipReserve: 1}, detail: "1 of workers: a failed zone"},
		"the larger of two":                    {reserves: []Reserve{{Group: "work*", Nodes: 1, Reason: "x"}, {Cluster: "pro*", Group: "*", Nodes: 2, Reason: "y"}}, found: 1, skipped: map[string]int{skipReserve: 2}, detail: "2 of workers: y"},
		"more than there are":                  {reserves: []Reserve{{Group: "workers", Nodes: 9, Reason: "x"}}, skipped: map[string]int{skipReserve: 3}},
		"another group":                        {reserves: []Reserve{{Group: "worker", Nodes: 1, Reason: "x"}}, found: 3},
		"another cluster":                      {reserves: []Reserve{{Cluster: "dev", Group: "workers", Nodes: 1, Reason: "x"}}, found: 3},
		"no group named":                       {reserves: []Reserve{{Nodes: 1, Reason: "x"}}, found: 3},
		"kept by a person":                     {kept: map[string]int{key: 2}, found: 1, skipped: map[string]int{skipGroupKept: 2}, detail: "2 of workers"},
		"kept, and the instance is there":      {kept: map[string]int{key: 1}, muted: "n5", found: 3},
		"kept, one instance is gone":           {kept: map[string]int{key: 2}, muted: "n5", found: 2, skipped: map[string]int{skipGroupKept: 1}},
		"kept, and the instance is of use now": {kept: map[string]int{key: 1}, muted: "n2", found: 2, skipped: map[string]int{skipGroupKept: 1}},
		"another group's are kept":             {kept: map[string]int{key + "-2": 2}, found: 3},
		"both": {
			reserves: []Reserve{{Group: "workers", Nodes: 1, Reason: "x"}}, kept: map[string]int{key: 2}, found: 1,
			skipped: map[string]int{skipReserve: 1, skipGroupKept: 1},
		},
		"a reserve that is muted already": {
			reserves: []Reserve{{Group: "workers", Nodes: 1, Reason: "x"}}, kept: map[string]int{key: 1}, muted: "n5", found: 3,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := spare(t)
			if tt.muted != "" {
				v := newSurvey(w.Snapshot, w.cluster(), DefaultRules())
				w.Muted = map[string]bool{Key("idle_node", v.target(w.node(tt.muted))): true}
			}
			w.Kept = tt.kept
			r := DefaultRules()
			r.Reserves = tt.reserves
			findings, skips := Nodes{}.Detect(w.Snapshot, r)
			seen, counts := map[string]bool{}, map[string]int{}
			for _, f := range findings {
				seen[f.Target.Name] = true
				if f.Group != key {
					t.Errorf("group %q, want %q", f.Group, key)
				}
			}
			for _, s := range skips {
				if seen[s.Target.Name] {
					t.Errorf("%s is found and skipped", s.Target.Name)
				}
				seen[s.Target.Name] = true
				if s.Reason == skipReserve || s.Reason == skipGroupKept {
					counts[s.Reason]++
					if tt.detail != "" && s.Detail != tt.detail {
						t.Errorf("%s is skipped for %q, want %q", s.Target.Name, s.Detail, tt.detail)
					}
				}
			}
			want := tt.skipped
			if want == nil {
				want = map[string]int{}
			}
			if d := cmp.Diff(want, counts); d != "" || len(findings) != tt.found || len(seen) != 6 {
				t.Errorf("found %d of %d, want %d; skipped (-want +got):\n%s", len(findings), len(seen), tt.found, d)
			}
		})
	}
}

// TestReserveIsThatOfEachGroup wants a pattern to keep as many nodes of every group that it matches.
func TestReserveIsThatOfEachGroup(t *testing.T) {
	w := spare(t)
	other := *w.group()
	other.Name, other.Autoscaling, other.Instances, other.Desired = "builds", "eks-builds", nil, 0
	w.Accounts[0].Groups = append(w.Accounts[0].Groups, other)
	for i := range 2 {
		n := w.addNode(fmt.Sprint("b", i), []string{"a", "b"}[i])
		n.Labels["eks.amazonaws.com/nodegroup"] = "builds"
		g, b := w.group(), &w.Accounts[0].Groups[1]
		g.Instances, g.Desired = g.Instances[:len(g.Instances)-1], g.Desired-1
		b.Instances, b.Desired = append(b.Instances, n.InstanceID), b.Desired+1
	}
	before, _ := w.detect()
	r := DefaultRules()
	r.Reserves = []Reserve{{Group: "*", Nodes: 1, Reason: "x"}}
	after, _ := Nodes{}.Detect(w.Snapshot, r)
	groups := map[string]int{}
	for _, f := range before {
		groups[f.Node.Group]++
	}
	for _, f := range after {
		groups[f.Node.Group]--
	}
	for group, fewer := range groups {
		if fewer != 1 {
			t.Errorf("%d fewer of %s are found, want 1", fewer, group)
		}
	}
	if len(groups) == 0 {
		t.Error("nothing was found at all")
	}
}
