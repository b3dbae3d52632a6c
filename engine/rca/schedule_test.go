package rca

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseVerdict(t *testing.T) {
	cases := []struct {
		text    string
		nodes   int
		useless int
		reasons []reason
		extent  string // of a reason that rules out one node
	}{
		{
			"0/4 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 1 node(s) were unschedulable, 2 Insufficient cpu. preemption: 0/4 nodes are available: 2 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.",
			4, 2,
			[]reason{{1, "node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }"}, {1, "node(s) were unschedulable"}, {2, "Insufficient cpu"}},
			"This rules out 1 of 4 nodes; the others have other reasons.",
		},
		{
			"0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
			1, 1,
			[]reason{{1, "Insufficient cpu"}},
			"This rules out the only node.",
		},
		{
			"0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
			2, 2,
			[]reason{{2, "pod has unbound immediate PersistentVolumeClaims"}},
			"This rules out 1 of 2 nodes; the others have other reasons.",
		},
		{
			"0/2 nodes are available: 2 node(s) had untolerated taint {team: a, b}.",
			2, 0,
			[]reason{{2, "node(s) had untolerated taint {team: a, b}"}},
			"This rules out 1 of 2 nodes; the others have other reasons.",
		},
		{"no nodes available to schedule pods", 0, 0, []reason{{0, "no nodes available to schedule pods"}}, "The scheduler finds no node for the pod."},
	}
	for _, c := range cases {
		v, ok := parseVerdict(c.text)
		if !ok || v.nodes != c.nodes || v.useless != c.useless || v.extent(1) != c.extent {
			t.Errorf("%q: %+v\nextent %q", c.text, v, v.extent(1))
		}
		if diff := cmp.Diff(c.reasons, v.reasons, cmp.AllowUnexported(reason{})); diff != "" {
			t.Errorf("%q: %s", c.text, diff)
		}
	}
	if _, ok := parseVerdict("Successfully assigned payments/api to n1"); ok {
		t.Error("a success is a verdict")
	}
}

func FuzzParseVerdict(f *testing.F) {
	f.Add("0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint {a: b}. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.")
	f.Add("0/99999999999999999999 nodes are available: 1 }}{{,,.")
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := parseVerdict(text)
		if ok != (len(v.reasons) > 0) {
			t.Errorf("%q: %v with %d reasons", text, ok, len(v.reasons))
		}
		if w := v.weight(1); w < 0.5 || w > 1 {
			t.Errorf("%q: weight %v", text, w)
		}
	})
}
