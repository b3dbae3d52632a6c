package labelled

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TestCases holds that the set has what it is for: of every kind both waste and what must be left alone, and no two volumes of one id.
func TestCases(t *testing.T) {
	all, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	flagged, kept, seen := map[engine.FindingKind]int{}, map[engine.FindingKind]int{}, map[subject]bool{}
	for _, l := range labels(all) {
		if l.Waste != "" {
			flagged[l.kind]++
		} else {
			kept[l.kind]++
		}
		if seen[l.subject] {
			t.Errorf("%s has two labels", l.where)
		}
		seen[l.subject] = true
	}
	for _, kind := range engine.FindingKinds() {
		if flagged[kind] < 5 || kept[kind] < 15 {
			t.Errorf("%s: %d labelled as waste, %d to be left alone", kind, flagged[kind], kept[kind])
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an unknown key", "[{name: a, about: b, nods: []}]", "nods"},
		{"no name", "[{about: b}]", "name and about are needed"},
		{"another cluster", "[{name: a, about: b, cluster: moon}]", `no cluster "moon"`},
		{"a node without a label", "[{name: a, about: b, nodes: [{name: n, type: m5.xlarge, zone: a}]}]", "either waste or keep"},
		{"a node with two", "[{name: a, about: b, nodes: [{name: n, type: m5.xlarge, zone: a, waste: so, keep: why}]}]", "either waste or keep"},
		{"an instance type", "[{name: a, about: b, nodes: [{name: n, type: m5.huge, zone: a, keep: why}]}]", `"m5.huge" is not known`},
		{"a group", "[{name: a, about: b, nodes: [{name: n, type: m5.xlarge, zone: a, group: g, keep: why}]}]", `no group "g"`},
		{"a volume's state", "[{name: a, about: b, volumes: [{name: v, gib: 1, created: 1d, pv: lost, keep: why}]}]", `pv "lost"`},
		{"a time span", "[{name: a, about: b, volumes: [{name: v, gib: 1, created: soon, keep: why}]}]", "soon"},
		{"a kind of workload", "[{name: a, about: b, workloads: [{kind: Rollout, name: w, containers: [{}]}]}]", "a kind that is known"},
	} {
		if _, err := Parse("cases.yaml", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to say %q", c.name, err, c.want)
		}
	}
}

func TestScore(t *testing.T) {
	all, err := Parse("cases.yaml", []byte(`[{name: a, about: b,
		nodes: [{name: idle, type: m5.xlarge, zone: a, waste: minSize}, {name: busy, type: m5.xlarge, zone: a, keep: fits nowhere}],
		workloads: [{kind: Deployment, name: api, containers: [{cpu: {waste: requests.cpu, least: 200m}, memory: {keep: a JVM}}]}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	node := func(name, lever string) engine.Finding {
		return engine.Finding{Kind: engine.IdleNode, Target: engine.Target{Workload: engine.Workload{Cluster: First, Name: name}}, Lever: lever}
	}
	api := engine.Target{Workload: engine.Workload{Cluster: First, Namespace: "a", Kind: "Deployment", Name: "api"}, Container: "app"}
	cpu := func(request int64) engine.Finding {
		return engine.Finding{Kind: engine.OverRequestedCPU, Target: api, Lever: "change requests.cpu", Sizing: &engine.Sizing{New: request}}
	}
	skip := func(kind engine.FindingKind, t engine.Target, reason, detail string) waste.Skip {
		return waste.Skip{Kind: kind, Target: t, Reason: reason, Detail: detail}
	}
	busy := skip(engine.IdleNode, node("busy", "").Target, "a pod of it fits nowhere else", "web: fits nowhere")
	jvm := skip(engine.OverRequestedMemory, api, "a JVM whose heap is not known", "")
	for _, c := range []struct {
		name              string
		o                 waste.Outcome
		precision, recall float64 // of nodes
		misses            []string
	}{
		{"all as it should be", waste.Outcome{Findings: []engine.Finding{node("idle", "minSize: 2 to 1"), cpu(250)}, Skips: []waste.Skip{busy, jvm}}, 1, 1, nil},
		{"waste that is not found", waste.Outcome{Findings: []engine.Finding{cpu(250)}, Skips: []waste.Skip{busy, jvm}}, 1, 0, []string{"node idle: idle_node not found"}},
		{
			"a node too many",
			waste.Outcome{Findings: []engine.Finding{node("idle", "minSize"), node("busy", "minSize"), cpu(250)}, Skips: []waste.Skip{jvm}},
			0.5, 1,
			[]string{"idle_node busy is wrongly called waste"},
		},
		{
			"what has no label",
			waste.Outcome{Findings: []engine.Finding{node("idle", "minSize"), node("stranger", ""), cpu(250)}, Skips: []waste.Skip{busy, jvm}},
			0.5, 1,
			[]string{"idle_node stranger is wrongly called waste"},
		},
		{"another lever", waste.Outcome{Findings: []engine.Finding{node("idle", "drain it"), cpu(250)}, Skips: []waste.Skip{busy, jvm}}, 1, 1, []string{`does not say "minSize"`}},
		{"another reason", waste.Outcome{Findings: []engine.Finding{node("idle", "minSize"), cpu(250)}, Skips: []waste.Skip{busy}}, 1, 1, []string{`for "" instead of "a JVM"`}},
		{"too low a request", waste.Outcome{Findings: []engine.Finding{node("idle", "minSize"), cpu(150)}, Skips: []waste.Skip{busy, jvm}}, 1, 1, []string{"proposes 150, less than 200m"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, misses := Score(all, c.o)
			for _, r := range rows {
				if r.Kind == engine.IdleNode && (r.Precision() != c.precision || r.Recall() != c.recall) {
					t.Errorf("precision %v, recall %v; want %v and %v", r.Precision(), r.Recall(), c.precision, c.recall)
				}
			}
			if len(misses) != len(c.misses) {
				t.Fatalf("misses %q, want %q", misses, c.misses)
			}
			for i := range misses {
				if !strings.Contains(misses[i], c.misses[i]) {
					t.Errorf("miss %q, want %q", misses[i], c.misses[i])
				}
			}
		})
	}
}

func TestShape(t *testing.T) {
	all, err := Parse("cases.yaml", []byte(`[{name: a, about: b, workloads: [{kind: Deployment, name: w, containers: [
		{use: {cpu: {level: 200m, noise: 0.001, peak: "3", peak_for: 2h, peak_every: 7d, peak_ago: 1d}, memory: {level: 1Gi, noise: 0.001, growth: 100Mi}}}]}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	use, rng := all[0].Workloads[0].Containers[0].Use, rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		got  float64
		want float64
	}{
		{"the level", use.CPU.at(12*time.Hour, old, rng), 0.2},
		{"the last peak", use.CPU.at(25*time.Hour, old, rng), 3},
		{"after it", use.CPU.at(27*time.Hour, old, rng), 0.2},
		{"the peak a week before", use.CPU.at(8*day+time.Hour, old, rng), 3},
		{"the end of what grows", use.Memory.at(0, old, rng), 1 << 30},
		{"two days before", use.Memory.at(2*day, old, rng), 1<<30 - 200<<20},
		{"never below nothing", use.Memory.at(30*day, old, rng), 0},
	} {
		if math.Abs(c.got-c.want) > 0.002*c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

// TestWorld holds that the stand-in for AWS is shown what the nodes and manifests name.
func TestWorld(t *testing.T) {
	all, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	w := World(all, noon)
	instances := map[string]bool{}
	for _, i := range w.Instances {
		instances[i.ID] = true
	}
	for _, c := range all {
		for _, n := range c.Nodes {
			if o := n.object(c); !strings.HasSuffix(o.Spec.ProviderID, "/"+n.ID()) || !instances[n.ID()] {
				t.Errorf("node %s is at %s, which AWS has not got", n.Name, o.Spec.ProviderID)
			}
		}
		if text := c.named(c.Manifests); strings.Contains(text, "${") {
			t.Errorf("case %s: a volume is not known: %s", c.Name, text)
		}
	}
	for _, g := range w.Groups {
		for _, i := range g.Instances {
			if !instances[i] {
				t.Errorf("group %s has instance %s, which is not there", g.Name, i)
			}
		}
	}
	since := Clocks(all, noon, func(id string) string { return "at/" + id })
	if at, ok := since["at/"+(Volume{Name: "data"}).ID(Case{Name: "leaked"})]; !ok || noon.Sub(at) != 30*day {
		t.Errorf("the leaked volume is detached since %v", at)
	}
}
