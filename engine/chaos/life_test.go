package chaos_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// A second look that would do something else than was shown is told; one that only says it in other words, or is refused, is not.
func TestChanged(t *testing.T) {
	q, err := chaos.ParseSteps("cpu-stress shop/api -count 2\nkill shop/db")
	if err != nil {
		t.Fatal(err)
	}
	shown := mustDraft(t, q, field(), rules())
	for name, c := range map[string]struct {
		change func(*engine.Victim)
		want   string
	}{
		"the same":           {func(*engine.Victim) {}, ""},
		"other words":        {func(v *engine.Victim) { v.Why = "another reason" }, ""},
		"another mechanism":  {func(v *engine.Victim) { v.Mechanism = engine.ByAgent }, "was shown as by exec, and would be by agent now"},
		"another container":  {func(v *engine.Victim) { v.Container = "proxy" }, "was shown as in container main, and would be in proxy now"},
		"refused altogether": {func(v *engine.Victim) { v.Mechanism, v.Refused = engine.ByAgent, "forbidden" }, ""},
	} {
		look := shown
		look.Strikes = slices.Clone(shown.Strikes)
		look.Strikes[0].Targets = slices.Clone(shown.Strikes[0].Targets)
		c.change(&look.Strikes[0].Targets[1])
		if got := chaos.Changed(shown, look); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestDue(t *testing.T) {
	q, err := chaos.ParseSteps("network-lag shop/api -count 2 -duration 1m\nkill shop/db -after 30s\nnothing edge -after 90s -duration 30s")
	if err != nil {
		t.Fatal(err)
	}
	e := mustDraft(t, q, field(), rules())
	if due := chaos.Due(e, noon); due != nil {
		t.Errorf("a plan has blows due: %+v", due)
	}
	e.Status, e.StartedAt = engine.ExperimentRunning, noon
	if got, want := chaos.EndsAt(e, noon), noon.Add(2*time.Minute); !got.Equal(want) {
		t.Errorf("ends at %v, want %v", got, want)
	}
	due := chaos.Due(e, noon)
	if len(due) != 2 || due[0].Strike != 0 || !due[0].Deadline.Equal(noon.Add(time.Minute)) {
		t.Fatalf("due at once: %+v", due)
	}
	e.Blows = append(e.Blows, engine.Blow{Strike: 0, Target: due[0].Target})
	if again := chaos.Due(e, noon.Add(time.Second)); len(again) != 1 || again[0].Target.Object != due[1].Target.Object {
		t.Errorf("a blow that was kept is due again: %+v", again)
	}
	e.Blows = append(e.Blows, engine.Blow{Strike: 0, Target: due[1].Target})
	for _, c := range []struct {
		after  time.Duration
		strike int // -1 for none
		next   time.Duration
	}{{29 * time.Second, -1, 30 * time.Second}, {30 * time.Second, 1, 90 * time.Second}, {59 * time.Second, 1, 90 * time.Second}, {60 * time.Second, -1, 90 * time.Second}, {90 * time.Second, 2, 0}, {2 * time.Minute, -1, 0}} {
		now := noon.Add(c.after)
		due := chaos.Due(e, now)
		if c.strike < 0 && len(due) > 0 || c.strike >= 0 && (len(due) != 1 || due[0].Strike != c.strike) {
			t.Errorf("after %s: due %+v, want strike %d", c.after, due, c.strike)
		}
		if next := chaos.Next(e, now); c.next == 0 && !next.IsZero() || c.next > 0 && !next.Equal(noon.Add(c.next)) {
			t.Errorf("after %s: next at %v, want %s", c.after, next, c.next)
		}
	}
	e.StopAt = noon
	if due := chaos.Due(e, noon.Add(30*time.Second)); due != nil {
		t.Errorf("a stopped one has blows due: %+v", due)
	}
}

// The hash changes with anything that a card shows, and with nothing else; it survives the database.
func TestHash(t *testing.T) {
	e := mustDraft(t, parsed(t, "network-lag shop/api -count 2"), field(), rules())
	var back engine.Experiment
	if data, err := json.Marshal(e); err != nil || json.Unmarshal(data, &back) != nil || chaos.Hash(back) != e.Hash {
		t.Errorf("kept and read again, the hash is another: %v", err)
	}
	for name, change := range map[string]func(*engine.Experiment){
		"title": func(e *engine.Experiment) { e.Title += "!" }, "cluster": func(e *engine.Experiment) { e.Cluster = "test" },
		"count": func(e *engine.Experiment) { e.Strikes[0].Count++ }, "delay": func(e *engine.Experiment) { e.Strikes[0].Dose.Delay++ },
		"duration": func(e *engine.Experiment) { e.Strikes[0].Duration++ }, "after": func(e *engine.Experiment) { e.Strikes[0].After++ },
		"target":    func(e *engine.Experiment) { e.Strikes[0].Targets[1].Object.UID = "x" },
		"mechanism": func(e *engine.Experiment) { e.Strikes[0].Targets[1].Mechanism = engine.ByFIS },
		"why":       func(e *engine.Experiment) { e.Strikes[0].Targets[0].Why = "" }, "container": func(e *engine.Experiment) { e.Strikes[0].Targets[0].Container = "c" },
		"dry run": func(e *engine.Experiment) { e.Strikes[0].Targets[0].Refused = "no" }, "fewer": func(e *engine.Experiment) { e.Strikes[0].Targets = e.Strikes[0].Targets[:1] },
		"refusal": func(e *engine.Experiment) { e.Refusals = []engine.Refusal{{Text: "no"}} }, "steady": func(e *engine.Experiment) { e.Steady[0].Text = "?" },
		"cause": func(e *engine.Experiment) { e.Expect.Causes = nil }, "stop": func(e *engine.Experiment) { e.StopOn = []string{"A"} },
		"need": func(e *engine.Experiment) { e.Need.People++ }, "expiry": func(e *engine.Experiment) { e.Expires = e.Expires.Add(time.Second) }, "seed": func(e *engine.Experiment) { e.Seed++ },
	} {
		e := mustDraft(t, parsed(t, "network-lag shop/api -count 2"), field(), rules())
		if change(&e); chaos.Hash(e) == e.Hash {
			t.Errorf("another %s has the same hash", name)
		}
	}
	for name, change := range map[string]func(*engine.Experiment){
		"version": func(e *engine.Experiment) { e.Version++ }, "status": func(e *engine.Experiment) { e.Status = engine.ExperimentConfirmed },
		"zone": func(e *engine.Experiment) { e.Expires = e.Expires.In(time.FixedZone("x", 3600)) }, "thread": func(e *engine.Experiment) { e.Thread.TS = "1" },
	} {
		e := e
		if change(&e); chaos.Hash(e) != e.Hash {
			t.Errorf("another %s has another hash", name)
		}
	}
}

// Whatever runs, no blow is due twice, none before its time, none after its deadline, and none has a deadline beyond the end of the plan.
func TestDueProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q chaos.Request
		for range rapid.IntRange(1, 4).Draw(t, "strikes") {
			one := parsed(t, rapid.SampledFrom([]string{"kill shop/api", "network-lag shop/web", "nothing edge", "node-drain n2", "cpu-stress shop/db"}).Draw(t, "what"))
			one.Strikes[0].After = time.Duration(rapid.IntRange(0, 300).Draw(t, "after")) * time.Second
			if one.Strikes[0].Duration > 0 {
				one.Strikes[0].Duration = time.Duration(rapid.IntRange(5, 200).Draw(t, "for")) * time.Second
			}
			q.Strikes = append(q.Strikes, one.Strikes...)
		}
		e := mustDraft(t, q, field(), rules())
		e.Status, e.StartedAt = engine.ExperimentRunning, noon
		e.EndsAt = chaos.EndsAt(e, noon)
		done := map[string]bool{}
		for now := noon; !now.After(e.EndsAt.Add(time.Minute)); now = now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "tick")) * time.Second) {
			for _, w := range chaos.Due(e, now) {
				s := e.Strikes[w.Strike]
				key := string(rune('0'+w.Strike)) + w.Target.Object.Kind + w.Target.Object.UID + w.Target.Object.Name
				if done[key] || now.Before(noon.Add(s.After)) || !now.Before(w.Deadline) || w.Deadline.After(e.EndsAt) {
					t.Fatalf("at %s: %+v is due (again: %t), by %s; the plan ends at %s", now, w, done[key], w.Deadline, e.EndsAt)
				}
				done[key] = true
				e.Blows = append(e.Blows, engine.Blow{Strike: w.Strike, Target: w.Target})
			}
		}
	})
}

func TestInterrupt(t *testing.T) {
	for name, c := range map[string]struct {
		command string
		change  func(e *engine.Experiment, f *chaos.Field)
		want    string
	}{
		"all is as planned": {change: func(e *engine.Experiment, f *chaos.Field) {
			for _, v := range e.Strikes[0].Targets {
				pod(f, v.Object.Name).Ready = false
			}
			unit(f, api).Ready = 2
		}},
		"not running": {change: func(e *engine.Experiment, f *chaos.Field) {
			e.Status, f.NoMetrics = engine.ExperimentOver, "gone"
		}},
		"somebody's word": {change: func(e *engine.Experiment, _ *chaos.Field) {
			e.StopAt = noon.Add(30 * time.Second)
		}, want: "somebody stopped it"},
		"its time": {change: func(e *engine.Experiment, _ *chaos.Field) {
			e.EndsAt = noon
		}, want: "its time is over"},
		"Prometheus": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.NoMetrics = "connection refused"
		}, want: "cannot be asked any more: connection refused"},
		"its owner changed their mind": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Namespaces[0].OptedIn = false
		}, want: "shop has opted out"},
		"the bot is down while a fault is held": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Unwatched = "what it knows is 2m old"
		}},
		"the bot is down before the next strike": {change: func(e *engine.Experiment, f *chaos.Field) {
			f.Unwatched = "what it knows is 2m old"
			next := e.Strikes[0]
			next.After = 20 * time.Minute
			e.Strikes = append(e.Strikes, next)
		}, want: "something is still to begin: what it knows is 2m old"},
		"an alert that it brought about": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Alerts = []engine.Signal{since(api, 5*time.Second)}
		}},
		"an alert told in whole seconds": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Alerts = []engine.Signal{since(api, -time.Second)}
		}},
		"an alert on who calls it": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Alerts = []engine.Signal{since(web, 5*time.Second)}
		}},
		"an alert from before": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Alerts = []engine.Signal{since(api, -time.Minute)}
		}, want: "Burning fires on shop/api"},
		"an alert on what it calls": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Alerts = []engine.Signal{since(db, 5*time.Second)}
		}, want: "Burning fires on shop/db"},
		"an alert on its node": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Alerts = []engine.Signal{since(onNode("n1"), time.Second), since(onNode("n2"), time.Second)}
		}, want: "Burning fires on n"},
		"an alert to stop on": {change: func(e *engine.Experiment, f *chaos.Field) {
			e.StopOn = []string{"Burning"}
			f.Alerts = []engine.Signal{since(front, 5*time.Second)}
		}, want: "Burning fires on edge/front, on which it is to stop"},
		"an incident that it brought about": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Incidents = []engine.Incident{{ID: 3, Workload: api, Status: engine.Open, StartedAt: noon.Add(time.Second)}}
		}},
		"an incident of what it calls": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Incidents = []engine.Incident{{ID: 3, Workload: db, Status: engine.Open, StartedAt: noon.Add(time.Second), Title: "db is down"}}
		}, want: "incident 3 is open: db is down"},
		"too few are left": {change: func(_ *engine.Experiment, f *chaos.Field) {
			each(f, func(p *chaos.Pod) { p.Ready = p.Workload != api })
		}, want: "only 0 other pods of shop/api are ready"},
		"as many are left as have to be": {change: func(e *engine.Experiment, f *chaos.Field) {
			left := 0
			each(f, func(p *chaos.Pod) {
				hit := slices.ContainsFunc(e.Strikes[0].Targets, func(v engine.Victim) bool { return v.Object == p.Ref })
				if p.Workload == api && !hit {
					left++
					p.Ready = left == 1
				}
			})
		}},
		"what it calls suffers": {change: func(_ *engine.Experiment, f *chaos.Field) {
			unit(f, db).Ready = 1
		}, want: "shop/db, which it depends on, is not well: 1 of 2"},
		"others suffer": {change: func(_ *engine.Experiment, f *chaos.Field) { unit(f, front).Ready = 0 }},
		"its nodes": {change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Nodes[0].Ready, f.Nodes[1].Ready = false, false
		}, want: "is not ready"},
		"a drain alarms its node": {command: "node-drain n1", change: func(_ *engine.Experiment, f *chaos.Field) {
			f.Alerts = []engine.Signal{since(onNode("n1"), time.Second)}
			each(f, func(p *chaos.Pod) { p.Ready = p.Workload != db })
		}},
	} {
		if c.command == "" {
			c.command = "network-lag shop/api -count 2"
		}
		f := field()
		e := mustDraft(t, parsed(t, c.command), f, rules())
		e.Status, e.StartedAt = engine.ExperimentRunning, noon
		e.EndsAt = chaos.EndsAt(e, noon)
		now := noon.Add(45 * time.Second)
		c.change(&e, &f)
		reason, stop := chaos.Interrupt(e, f, rules(), now)
		if stop != (c.want != "") || !strings.Contains(reason, c.want) {
			t.Errorf("%s: %q, %t; want %q", name, reason, stop, c.want)
		}
	}
}

func since(w engine.Workload, after time.Duration) engine.Signal {
	a := alert(w, engine.Warning)
	a.StartsAt = noon.Add(after)
	return a
}

func TestLadder(t *testing.T) {
	for name, c := range map[string]struct {
		command string
		change  func(f *chaos.Field, r *chaos.Rules)
		want    []engine.Mechanism // that are not refused
		no      string             // part of why the first that is refused is
	}{
		"a kill": {"kill shop/api", nil, []engine.Mechanism{engine.ByEviction}, ""},
		"a delete": {"kill shop/api -force", func(_ *chaos.Field, r *chaos.Rules) {
			r.Deletes = true
		}, []engine.Mechanism{engine.ByDelete}, ""},
		"a delete that may not be": {"kill shop/api -force", nil, nil, "leave out -force"},
		"a signal":                 {"container-kill shop/api", nil, []engine.Mechanism{engine.ByExec, engine.ByAgent}, ""},
		"nothing runs": {"container-kill shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			unlimited(f, func(c *chaos.Container) {
				c.Running = false
			})
		}, nil, "no container of it runs"},
		"stress": {"cpu-stress shop/api", nil, []engine.Mechanism{engine.ByExec, engine.ByAgent}, "Chaos Mesh (StressChaos) is not installed"},
		"stress with all that there is": {"cpu-stress shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			f.Meshes, f.FIS = []string{"StressChaos"}, true
		}, []engine.Mechanism{engine.ByExec, engine.ByAgent, engine.ByChaosMesh, engine.ByFIS}, ""},
		"FIS holds no bytes": {"memory-stress shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			f.Meshes, f.FIS = []string{"StressChaos"}, true
		}, []engine.Mechanism{engine.ByExec, engine.ByAgent, engine.ByChaosMesh}, "not so many bytes"},
		"only the pod's first has a limit": {"cpu-stress shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			f.Meshes, f.FIS = []string{"StressChaos"}, true
			each(f, func(p *chaos.Pod) { p.Containers = append(p.Containers, chaos.Container{Name: "side", Running: true}) })
		}, []engine.Mechanism{engine.ByExec, engine.ByChaosMesh}, "container side has no CPU limit"},
		"a mesh without a limit": {"memory-stress shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			f.Meshes, f.FIS = []string{"StressChaos"}, true
			unlimited(f, func(c *chaos.Container) { c.Memory = 0 })
		}, nil, "set resources.limits"},
		"stress under baseline": {"cpu-stress shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			f.Namespaces[0].Security = "baseline"
		}, []engine.Mechanism{engine.ByExec, engine.ByAgent}, "StressChaos"},
		"a sidecar without a limit": {"cpu-stress shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			each(f, func(p *chaos.Pod) { p.Containers = append(p.Containers, chaos.Container{Name: "side", Running: true}) })
		}, []engine.Mechanism{engine.ByExec}, "container side has no CPU limit"},
		"an init container without a limit": {"cpu-stress shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			f.FIS = true
			each(f, func(p *chaos.Pod) { p.Inits = []chaos.Container{{Name: "migrate", Memory: 1 << 20}} })
		}, []engine.Mechanism{engine.ByExec}, "container migrate has no CPU limit"},
		"no limits": {"memory-stress shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			unlimited(f, func(c *chaos.Container) {
				c.Memory = 0
			})
		}, nil, "set resources.limits"},
		"no agent": {"memory-stress shop/api", func(_ *chaos.Field, r *chaos.Rules) {
			r.AgentImage = ""
		}, []engine.Mechanism{engine.ByExec}, "no image of the agent"},
		"a lag": {"network-lag shop/api", nil, []engine.Mechanism{engine.ByAgent}, "not installed"},
		"on the host": {"network-lag shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			each(f, func(p *chaos.Pod) { p.HostNetwork = true })
			f.Meshes = []string{"NetworkChaos"}
		}, nil, "its node's network"},
		"restricted": {"network-lag shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			f.Namespaces[0].Security = "restricted"
		}, []engine.Mechanism{engine.ByAgent}, "not installed"}, // the API server says whether it lets it in
		"privileged": {"network-lag shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			f.Namespaces[0].Security = "privileged"
		}, []engine.Mechanism{engine.ByAgent}, "not installed"},
		"restricted, with a mesh": {"network-lag shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			f.Namespaces[0].Security, f.Meshes = "restricted", []string{"NetworkChaos"}
		}, []engine.Mechanism{engine.ByAgent, engine.ByChaosMesh}, "AWS FIS is not configured"},
		"no agent, with FIS": {"network-loss shop/api", func(f *chaos.Field, r *chaos.Rules) {
			f.FIS, r.AgentImage = true, ""
		}, []engine.Mechanism{engine.ByFIS}, "no image of the agent"},
		"restricted, with FIS": {"network-loss shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			f.Namespaces[0].Security, f.FIS = "restricted", true
			each(f, func(p *chaos.Pod) { p.Agents = 5 })
		}, nil, "restart the pod"},
		"on Fargate, with FIS": {"network-loss shop/api", func(f *chaos.Field, r *chaos.Rules) {
			f.FIS, r.AgentImage = true, ""
			each(f, func(p *chaos.Pod) { p.Node = "fargate-ip-10-0-0-1" })
		}, nil, "no image of the agent"},
		"FIS has no DNS": {"dns-fail shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			f.Namespaces[0].Security, f.Meshes, f.FIS = "restricted", []string{"NetworkChaos"}, true
		}, []engine.Mechanism{engine.ByAgent}, "DNSChaos"},
		"agents used up": {"network-throttle shop/api", func(f *chaos.Field, _ *chaos.Rules) {
			each(f, func(p *chaos.Pod) {
				p.Agents = 5
			})
		}, nil, "restart the pod"},
		"nothing": {"nothing shop/api", nil, []engine.Mechanism{engine.ByNothing}, ""},
	} {
		f, r := field(), rules()
		if c.change != nil {
			c.change(&f, &r)
		}
		ladder := chaos.Ladder(parsed(t, c.command).Strikes[0], *pod(&f, "api-0"), f, r)
		var got []engine.Mechanism
		no := ""
		for _, rung := range ladder {
			switch {
			case rung.Refused == "" && rung.Why == "":
				t.Errorf("%s: %s says not why", name, rung.Mechanism)
			case rung.Refused == "":
				got = append(got, rung.Mechanism)
			case no == "":
				no = rung.Refused
			}
		}
		if !cmp.Equal(c.want, got) || !strings.Contains(no, c.no) || c.no == "" && no != "" {
			t.Errorf("%s: %v, and %q; want %v, and %q", name, got, no, c.want, c.no)
		}
		first, refused, ok := chaos.First(ladder)
		if ok != (len(c.want) > 0) || ok && first.Mechanism != c.want[0] || !ok && refused == "" {
			t.Errorf("%s: first is %+v, %q, %t", name, first, refused, ok)
		}
	}
}
