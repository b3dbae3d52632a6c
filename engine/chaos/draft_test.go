package chaos_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

func parsed(t interface {
	Helper()
	Fatal(...any)
}, text string,
) chaos.Request {
	t.Helper()
	q, err := chaos.Parse(strings.Fields(text))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestDraft(t *testing.T) {
	e := mustDraft(t, parsed(t, "network-lag shop/api -count 2 -delay 300ms -jitter 20ms"), field(), rules())
	if len(e.Refusals) > 0 || e.Status != engine.ExperimentPlanned {
		t.Fatalf("refused: %+v", e.Refusals)
	}
	if want := "network-lag 300ms ± 20ms for 1m on 2 pods of shop/api"; e.Title != want {
		t.Errorf("title %q, want %q", e.Title, want)
	}
	if s := e.Strikes[0]; s.Workload != "Deployment/api" || len(s.Targets) != 2 || s.Targets[0].Object.UID == s.Targets[1].Object.UID {
		t.Errorf("strike %+v", s)
	}
	for _, v := range e.Strikes[0].Targets {
		if v.Workload != api || v.Mechanism != engine.ByAgent || v.Why == "" || v.Node == "" {
			t.Errorf("target %+v", v)
		}
	}
	if want := []engine.Workload{api, web}; !slices.Equal(e.Expect.Workloads, want) {
		t.Errorf("an incident is expected of %v, want %v: what is hit, and what calls it", e.Expect.Workloads, want)
	}
	if want := []engine.Workload{onNode("n1"), onNode("n2"), front}; len(e.Expect.MayFeel) < 2 || !subset(e.Expect.MayFeel, want) || !slices.Contains(e.Expect.MayFeel, front) {
		t.Errorf("may feel: %v, want of %v", e.Expect.MayFeel, want)
	}
	if e.Expect.Within != 3*time.Minute || e.Expect.Nothing || len(e.Expect.Causes) == 0 {
		t.Errorf("expectation %+v", e.Expect)
	}
	var steady []string
	for _, s := range e.Steady {
		if !s.OK {
			t.Errorf("not steady: %s", s.Text)
		}
		steady = append(steady, s.Text)
	}
	if want := []string{"shop/api: 4 of 4 ready", "shop/db, which it depends on: 2 of 2 ready"}; !cmp.Equal(want, steady[:2]) {
		t.Errorf("steady %q", steady)
	}
	if e.Seed != 42 || e.Need.People != 1 || !e.Expires.Equal(noon.Add(15*time.Minute)) || e.Hash != chaos.Hash(e) {
		t.Errorf("seed %d, need %+v, expires %v, hash %s", e.Seed, e.Need, e.Expires, e.Hash)
	}
}

func subset(some, of []engine.Workload) bool {
	return !slices.ContainsFunc(some, func(w engine.Workload) bool { return !slices.Contains(of, w) })
}

func TestDraftTitles(t *testing.T) {
	r := rules()
	r.Deletes = true
	for text, want := range map[string]string{
		"kill shop/api":                               "kill on 1 pod of shop/api",
		"kill shop/api -force":                        "kill by plain delete on 1 pod of shop/api",
		"kill shop -selector app=api -count 2":        "kill on 2 pods of shop (app=api)",
		"network-loss shop/api -loss 5 -duration 90s": "network-loss 5 % for 1m30s on 1 pod of shop/api",
		"network-throttle shop/api -rate 1500kbit":    "network-throttle 1.5 mbit for 1m on 1 pod of shop/api",
		"network-throttle shop/api -rate 64kbit":      "network-throttle 64 kbit for 1m on 1 pod of shop/api",
		"cpu-stress shop/api -cpu 0.5":                "cpu-stress 0.5 cores for 1m on 1 pod of shop/api",
		"cpu-stress shop":                             "cpu-stress for 1m on 1 pod of shop",
		"memory-stress shop/api -memory 64Mi":         "memory-stress 64 MiB for 1m on 1 pod of shop/api",
		"dns-fail shop/api -names a.b,c":              "dns-fail a.b, c for 1m on 1 pod of shop/api",
		"node-drain n1":                               "node-drain for 2m of n1 with 6 pods",
		"random-all kill":                             "kill on 2 pods in 2 namespaces",
		"nothing shop/api":                            "nothing for 1m on 1 pod of shop/api",
	} {
		if e := mustDraft(t, parsed(t, text), field(), r); e.Title != want {
			t.Errorf("%s: title %q, want %q", text, e.Title, want)
		}
	}
	q, err := chaos.ParseSteps("kill shop/api\nkill shop/web -after 10s")
	if err != nil {
		t.Fatal(err)
	}
	if e := mustDraft(t, q, field(), r); e.Title != "kill on 1 pod of shop/api, and 1 strike more" {
		t.Errorf("title %q", e.Title)
	}
	q.Title = "game day"
	if e := mustDraft(t, q, field(), r); e.Title != "game day" {
		t.Errorf("title %q", e.Title)
	}
}

func TestDraftNeed(t *testing.T) {
	r := rules()
	r.TwoPeople, r.Deletes = true, true
	if e := mustDraft(t, parsed(t, "kill shop/api -force"), field(), r); !e.Need.NotProposer || len(e.Need.Why) != 2 {
		t.Errorf("need %+v", e.Need)
	}
	if e := mustDraft(t, parsed(t, "kill shop/api"), field(), rules()); e.Need.NotProposer || len(e.Need.Why) != 0 {
		t.Errorf("need %+v", e.Need)
	}
}

func TestDraftRefusesNames(t *testing.T) {
	two := field()
	two.Pods = append(two.Pods, pods(workload("shop", "StatefulSet", "api"), 2)...)
	empty := field()
	empty.Namespaces = []chaos.Namespace{{Name: "shop"}}
	for _, c := range []struct {
		text string
		f    chaos.Field
		code engine.Code
		want string
	}{
		{"kill shpo/api", field(), engine.NotFound, "did you mean `shop`"},
		{"kill elsewhere", field(), engine.NotFound, "opted in are: edge, kube-system, shop"},
		{"kill elsewhere", empty, engine.NotFound, "none has opted in: label one with autopilot.dev/chaos=enabled"},
		{"kill shop/apu", field(), engine.Invalid, "did you mean `shop/api`"},
		{"kill shop/nothinglikeit", field(), engine.Invalid, "it has: api, web, db"},
		{"kill shop/sts/api", field(), engine.Invalid, "it has: api"},
		{"kill shop/api", two, engine.Invalid, "several workloads; say which: `shop/Deployment/api`, `shop/StatefulSet/api`"},
		{"kill closed", field(), engine.Invalid, "closed has no pods"},
		{"kill closed/api", field(), engine.Invalid, "closed has no workloads"},
		{"kill shop -selector app=nobody", field(), engine.Invalid, "no pod of shop has the labels `app=nobody`"},
		{"node-drain n3", field(), engine.NotFound, "did you mean `n"},
		{"node-drain ip-10", field(), engine.NotFound, "kubectl get nodes"},
		{"random-all kill -selector app=nobody", field(), engine.Invalid, "no namespace that has opted in"},
		{"kill shop/api -cluster test", field(), engine.Invalid, "cluster test"},
	} {
		if _, err := chaos.Draft(parsed(t, c.text), c.f, rules(), 1); engine.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s with %q", c.text, err, c.code, c.want)
		}
	}
	for _, text := range []string{"kill shop/deploy/api", "kill shop/Deployments/api"} {
		if e, err := chaos.Draft(parsed(t, text), two, rules(), 1); err != nil || e.Strikes[0].Targets[0].Workload != api {
			t.Errorf("%s: %v, %+v", text, err, e.Strikes)
		}
	}
	if _, err := chaos.Draft(chaos.Request{}, field(), rules(), 1); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("an empty request: %v", err)
	}
}

func TestDraftLeavesAlone(t *testing.T) {
	f := field()
	pod(&f, "api-0").Leaving = true
	pod(&f, "api-1").Ready = false
	for seed := range uint64(20) {
		q := parsed(t, "kill shop/api")
		q.Seed = seed + 1
		e := mustDraft(t, q, f, rules())
		if n := e.Strikes[0].Targets[0].Object.Name; n != "api-2" && n != "api-3" {
			t.Errorf("seed %d takes %s, which is leaving or not ready", seed+1, n)
		}
	}
}

func TestDraftDrain(t *testing.T) {
	f := field()
	pod(&f, "web-0").Daemon = true
	pod(&f, "db-0").Leaving = true
	e := mustDraft(t, parsed(t, "node-drain n1"), f, rules())
	var got []string
	for _, v := range e.Strikes[0].Targets {
		got = append(got, v.Object.Kind+" "+v.Object.Name)
	}
	if want := []string{"Node n1", "Pod front-0", "Pod api-0", "Pod api-2", "Pod web-2"}; !cmp.Equal(want, got) {
		t.Errorf("targets %q, want %q", got, want)
	}
	if !e.Expect.Nothing || len(e.Expect.Workloads) > 0 {
		t.Errorf("a drain is planned, yet %+v is expected of it", e.Expect)
	}
	q, err := chaos.ParseSteps("node-drain n1\nkill shop/db")
	if err != nil {
		t.Fatal(err)
	}
	both := mustDraft(t, q, field(), rules())
	if !slices.Contains(both.Expect.Workloads, db) || !slices.Contains(both.Expect.Workloads, onNode("n1")) || both.Expect.Nothing {
		t.Errorf("a drain and a kill: %+v", both.Expect)
	}
	e.Status, e.StartedAt = engine.ExperimentRunning, noon
	if due := chaos.Due(e, noon); len(due) != 1 || due[0].Target.Object.Kind != engine.KindNode || !due[0].Deadline.Equal(noon.Add(2*time.Minute)) {
		t.Errorf("due %+v; want one blow, on the node", due)
	}
}

func TestDraftEverywhere(t *testing.T) {
	e := mustDraft(t, parsed(t, "random-all kill"), field(), rules())
	if got := e.Namespaces(); !cmp.Equal([]string{"edge", "shop"}, got) || len(e.Strikes) != 2 {
		t.Errorf("namespaces %v, strikes %+v: one pod of each that has opted in and is not protected", got, e.Strikes)
	}
	e = mustDraft(t, parsed(t, "random-all kill -count 4"), field(), rules())
	n := 0
	for _, s := range e.Strikes {
		n += len(s.Targets)
		if s.Count != len(s.Targets) {
			t.Errorf("count %d, targets %d", s.Count, len(s.Targets))
		}
	}
	if n != 4 || len(e.Strikes) != 2 {
		t.Errorf("%d pods in %d namespaces, want 4 in 2", n, len(e.Strikes))
	}
	e = mustDraft(t, parsed(t, "random-all kill -percent 50"), field(), rules())
	if len(e.Strikes) != 2 || len(e.Strikes[0].Targets) != 1 || len(e.Strikes[1].Targets) < 3 {
		t.Errorf("strikes %+v", e.Strikes)
	}
}

func TestExpectationOfControls(t *testing.T) {
	e := mustDraft(t, parsed(t, "nothing shop/api"), field(), rules())
	if !e.Expect.Nothing || len(e.Expect.Workloads)+len(e.Expect.MayFeel)+len(e.Expect.Causes) > 0 {
		t.Errorf("expectation %+v", e.Expect)
	}
	q := parsed(t, "kill shop/api")
	q.Expect = engine.Expectation{Causes: []string{"evict/*"}, Within: 20 * time.Second}
	if e := mustDraft(t, q, field(), rules()); !cmp.Equal(e.Expect.Causes, []string{"evict/*"}) || e.Expect.Within != 20*time.Second || !slices.Equal(e.Expect.Workloads, []engine.Workload{api}) {
		t.Errorf("what was said is kept, the rest filled in: %+v", e.Expect)
	}
}

// draws draws a field of up to three workloads in two namespaces, some of whose pods are away.
func draws(t *rapid.T) chaos.Field {
	f := chaos.Field{Cluster: "prod", At: noon, Namespaces: []chaos.Namespace{{Name: "a", OptedIn: true}, {Name: "b", OptedIn: true}, {Name: "c"}}, Nodes: []chaos.Node{{Name: "n1", Ready: true}, {Name: "n2", Ready: true}}}
	for _, w := range []engine.Workload{workload("a", "Deployment", "x"), workload("a", "Deployment", "y"), workload("b", "Deployment", "z"), workload("c", "Deployment", "w")} {
		all := pods(w, rapid.IntRange(1, 9).Draw(t, w.Name))
		ready := 0
		for k := range all {
			all[k].Ready = rapid.IntRange(0, 4).Draw(t, "ready") > 0
			all[k].Leaving = rapid.IntRange(0, 4).Draw(t, "leaving") == 0
			if all[k].Ready && !all[k].Leaving {
				ready++
			}
		}
		f.Pods = append(f.Pods, all...)
		f.Units = append(f.Units, chaos.Unit{Workload: w, Desired: len(all), Ready: ready})
	}
	return f
}

func TestDraftProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, r := draws(t), rules()
		r.MaxPercent, r.MinReady = rapid.IntRange(0, 100).Draw(t, "most"), rapid.IntRange(0, 3).Draw(t, "min")
		text := rapid.SampledFrom([]string{"kill a", "kill a/x", "cpu-stress a -selector app=y", "random-all kill", "network-lag b"}).Draw(t, "text")
		switch rapid.IntRange(0, 2).Draw(t, "how") {
		case 1:
			text += " -count " + rapid.SampledFrom([]string{"1", "2", "5", "20"}).Draw(t, "count")
		case 2:
			text += " -percent " + rapid.SampledFrom([]string{"1", "34", "50", "100"}).Draw(t, "percent")
		}
		q := parsed(t, text)
		q.Seed = rapid.Uint64Range(1, 1<<40).Draw(t, "seed")
		e, err := chaos.Draft(q, f, r, 7)
		if err != nil {
			if engine.CodeOf(err) != engine.Invalid || !q.Everywhere {
				t.Fatalf("%s: %v", text, err)
			}
			return
		}
		seen, per := map[string]bool{}, map[engine.Workload]int{}
		for _, s := range e.Strikes {
			if s.Count > 0 && len(s.Targets) > s.Count {
				t.Fatalf("%s: %d targets, more than -count %d", text, len(s.Targets), s.Count)
			}
			for _, v := range s.Targets {
				k := slices.IndexFunc(f.Pods, func(p chaos.Pod) bool { return p.Ref == v.Object })
				if k < 0 || seen[v.Object.UID] {
					t.Fatalf("%s: %v is not there, or hit twice", text, v.Object)
				}
				p := f.Pods[k]
				seen[v.Object.UID] = true
				per[p.Workload]++
				if p.Ref.Namespace != s.Namespace || p.Workload.Namespace == "c" || !p.Ready || p.Leaving ||
					strings.HasSuffix(q.Strikes[0].Workload, "x") && p.Workload.Name != "x" || q.Strikes[0].Selector != "" && p.Workload.Name != "y" {
					t.Fatalf("%s: %+v is outside of the selection", text, p)
				}
			}
		}
		for w, n := range per {
			all, ready := 0, 0
			for _, p := range f.Pods {
				if p.Workload == w && !p.Leaving {
					all++
					if p.Ready {
						ready++
					}
				}
			}
			if n > max(all*r.MaxPercent/100, 1) || r.MaxPercent == 0 || ready-n < r.MinReady {
				t.Fatalf("%s: %d of %s are hit, of %d with %d ready, by %d %% and %d that stay", text, n, w, all, ready, r.MaxPercent, r.MinReady)
			}
		}
		shuffled := f
		shuffled.Pods = slices.Clone(f.Pods)
		slices.Reverse(shuffled.Pods)
		again, err := chaos.Draft(q, shuffled, r, 7)
		if diff := cmp.Diff(e.Strikes, again.Strikes); err != nil || diff != "" {
			t.Fatalf("the same seed, another choice: %v\n%s", err, diff)
		}
	})
}
