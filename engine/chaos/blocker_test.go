package chaos_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// ref is a pod of the fixture as a budget knows it.
func ref(namespace, name string) engine.ObjectRef {
	return engine.ObjectRef{Kind: "Pod", Namespace: namespace, Name: name}
}

func budgetOf(allowed int, pods ...engine.ObjectRef) chaos.Budget {
	return chaos.Budget{Ref: engine.ObjectRef{Namespace: "shop", Name: "api"}, Allowed: allowed, Pods: pods}
}

func apiPods() []engine.ObjectRef {
	return []engine.ObjectRef{ref("shop", "api-0"), ref("shop", "api-1"), ref("shop", "api-2"), ref("shop", "api-3")}
}

func alert(w engine.Workload, severity engine.Severity) engine.Signal {
	return engine.Signal{Source: engine.SourceAlert, Workload: w, Severity: severity, Summary: "it burns", StartsAt: noon.Add(-time.Minute), Labels: map[string]string{"alertname": "Burning"}}
}

func active(id int64, status engine.ExperimentStatus, namespace string) engine.Experiment {
	return engine.Experiment{ID: id, Cluster: "prod", Status: status, Strikes: []engine.Strike{{Namespace: namespace}}, By: engine.Person{ID: "U1"}}
}

func begun(n int, by string, ago time.Duration) []engine.Experiment {
	var all []engine.Experiment
	for k := range n {
		all = append(all, engine.Experiment{ID: int64(100 + k), Cluster: "prod", Status: engine.ExperimentOver, By: engine.Person{ID: by}, StartedAt: noon.Add(-ago)})
	}
	return all
}

// Each blocker refuses with its reason, and does not refuse the near miss. before changes the world and the rules before the plan is made;
// after changes them, and the plan, when it is looked at again.
func TestBlockers(t *testing.T) {
	type change func(e *engine.Experiment, f *chaos.Field, r *chaos.Rules)
	for _, c := range []struct {
		name, blocker, command string
		before, after          change
		want                   string // "" for a near miss
	}{
		{"a protected pattern", "protected namespace", "kill shop/api", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) { r.Protected = []string{"sh*"} }, nil, `shop is protected by "sh*"`},
		{"another pattern", "protected namespace", "kill shop/api", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.Protected = []string{"shop-*"}
		}, nil, ""},
		{"a pattern that cannot be read", "protected namespace", "kill shop/api", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.Protected = []string{"[x"}
		}, nil, "shop is protected"},
		{"kube-system, though it opted in", "protected namespace", "kill kube-system", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Pods = append(f.Pods, pods(workload("kube-system", "Deployment", "coredns"), 4)...)
		}, nil, "kube-system is protected and never hit"},
		{"a target in a protected one", "protected namespace", "kill shop/api", nil, func(e *engine.Experiment, _ *chaos.Field, _ *chaos.Rules) {
			e.Strikes[0].Targets[0].Object.Namespace = "kube-node-lease"
		}, "kube-node-lease is protected"},

		{"not opted in", "opt-in", "kill closed", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Pods = append(f.Pods, pods(workload("closed", "Deployment", "x"), 4)...)
		}, nil, "kubectl label namespace closed autopilot.dev/chaos=enabled"},
		{"opted in", "opt-in", "kill shop/api", nil, nil, ""},
		{"opted out since", "opt-in", "kill shop/api", nil, func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Namespaces[0].OptedIn = false
		}, "shop has not opted in"},
		{"gone since", "opt-in", "kill shop/api", nil, func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Namespaces = nil
		}, "shop has not opted in"},

		{"a drain of others' pods", "drain", "node-drain n1", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Pods = append(f.Pods, pods(workload("closed", "Deployment", "x"), 1)...)
		}, nil, "n1 runs 1 pod of closed, which has not opted in: x-0"},
		{"others' daemons stay", "drain", "node-drain n1", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Pods = append(f.Pods, pods(workload("closed", "DaemonSet", "x"), 1)...)
			pod(f, "x-0").Daemon = true
		}, nil, ""},
		{"no other node", "drain", "node-drain n1", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Nodes[1].Cordoned = true
		}, nil, "no other node is ready"},
		{"somebody else's cordon", "drain", "node-drain n1", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Nodes[0].Cordoned = true
		}, nil, "n1 is cordoned already"},
		{"kills do not ask for nodes", "drain", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) { f.Nodes = nil }, nil, ""},

		{"a delete", "plain delete", "kill shop/api -force", nil, nil, "leave out -force"},
		{"a delete where it is allowed", "plain delete", "kill shop/api -force", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.Deletes = true
		}, nil, ""},
		{"an eviction that became a delete", "plain delete", "kill shop/api", nil, func(e *engine.Experiment, _ *chaos.Field, _ *chaos.Rules) {
			e.Strikes[0].Targets[0].Mechanism = engine.ByDelete
		}, "plain deletes break disruption budgets"},
		{"an eviction", "plain delete", "kill shop/api", nil, nil, ""},

		{"too many pods", "pods of an experiment", "kill shop/api -count 2", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.MaxPods = 1
		}, nil, "it would hit 2 pods; at most 1"},
		{"as many as are allowed", "pods of an experiment", "kill shop/api -count 2", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.MaxPods = 2
		}, nil, ""},
		{"none", "pods of an experiment", "kill shop/api", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.MinReady = 4
		}, nil, "shop/api has no pod that may be hit"},
		{"a drain of more", "pods of an experiment", "node-drain n1", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.MaxPods = 1
		}, nil, ""},

		{"a larger share", "share of a workload", "kill shop/api -percent 75", nil, nil, "-percent 75 is more than the 50 %"},
		{"the share", "share of a workload", "kill shop/api -percent 50", nil, nil, ""},
		{"a larger count", "share of a workload", "kill shop/api -count 3", nil, nil, "ask for -count 2"},
		{"the count", "share of a workload", "kill shop/api -count 2", nil, nil, ""},
		{"it shrank since", "share of a workload", "kill shop/api -count 2", nil, func(e *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Pods = slices.DeleteFunc(f.Pods, func(p chaos.Pod) bool {
				return p.Workload == api && !slices.ContainsFunc(e.Strikes[0].Targets, func(v engine.Victim) bool { return v.Object == p.Ref })
			})
		}, "2 of 2 pods of shop/api would be hit"},
		{"a drain takes what is there", "share of a workload", "node-drain n1", nil, nil, ""},

		{"others are not ready since", "minimum ready", "kill shop/db", nil, func(e *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			for k := range f.Pods {
				if p := &f.Pods[k]; p.Workload == db && p.Ref != e.Strikes[0].Targets[0].Object {
					p.Ready = false
				}
			}
		}, "only 0 ready of shop/db would stay untouched; at least 1"},
		{"one stays", "minimum ready", "kill shop/db", nil, nil, ""},
		{"a drain of all", "minimum ready", "node-drain n1", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			pod(f, "db-1").Node = "n1"
		}, nil, "only 0 ready of shop/db"},
		{"a drain of all, paced by a budget", "minimum ready", "node-drain n1", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			pod(f, "db-1").Node = "n1"
			f.Budgets = []chaos.Budget{budgetOf(1, ref("shop", "db-0"), ref("shop", "db-1"))}
		}, nil, ""},
		{"a drain of all, half of it paced", "minimum ready", "node-drain n1", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			pod(f, "db-1").Node = "n1"
			f.Budgets = []chaos.Budget{budgetOf(1, ref("shop", "db-0"))}
		}, nil, "only 0 ready of shop/db"},

		{"too long", "duration", "network-lag shop/api -duration 11m", nil, nil, "-duration 11m is more than the 10m"},
		{"as long as may be", "duration", "network-lag shop/api -duration 10m", nil, nil, ""},
		{"too late", "duration", "kill shop/api -after 61m", nil, nil, "-after 1h1m is too late"},
		{"late", "duration", "kill shop/api -after 60m", nil, nil, ""},
		{"no time at all", "duration", "network-lag shop/api", nil, func(e *engine.Experiment, _ *chaos.Field, _ *chaos.Rules) {
			e.Strikes[0].Duration = 0
		}, "network-lag wants a -duration"},

		{"no CPU limit", "limits", "cpu-stress shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			unlimited(f, func(c *chaos.Container) { c.CPU = 0 })
		}, nil, "no running container of shop/api has a CPU limit"},
		{"no memory limit does not matter to CPU", "limits", "cpu-stress shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			unlimited(f, func(c *chaos.Container) { c.Memory = 0 })
		}, nil, ""},
		{"no memory limit", "limits", "memory-stress shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			unlimited(f, func(c *chaos.Container) { c.Memory = 0 })
		}, nil, "has a memory limit"},
		{"more CPU than the limit", "limits", "cpu-stress shop/api -cpu 1.1", nil, nil, "-cpu 1.1 is more than the limit of container main"},
		{"CPU up to the limit", "limits", "cpu-stress shop/api -cpu 1", nil, nil, ""},
		{"more memory than the limit", "limits", "memory-stress shop/api -memory 513Mi", nil, nil, "-memory 513 MiB is more than the limit"},
		{"memory up to the limit", "limits", "memory-stress shop/api -memory 512Mi", nil, nil, ""},
		{"a lag wants no limits", "limits", "network-lag shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			unlimited(f, func(c *chaos.Container) { c.CPU, c.Memory = 0, 0 })
		}, nil, ""},

		{"host network", "host network", "network-loss shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			each(f, func(p *chaos.Pod) { p.HostNetwork = true })
		}, nil, "shop/api is on its node's network"},
		{"host network does not matter to a kill", "host network", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			each(f, func(p *chaos.Pod) { p.HostNetwork = true })
		}, nil, ""},

		{"agents used up since", "agents of a pod", "network-lag shop/api", nil, func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			each(f, func(p *chaos.Pod) { p.Agents = 5 })
		}, "had 5 agents put into it"},
		{"room for one more agent", "agents of a pod", "network-lag shop/api", nil, func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			each(f, func(p *chaos.Pod) { p.Agents = 4 })
		}, ""},

		{"a budget with no room", "disruption budget", "kill shop/api -count 2", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Budgets = []chaos.Budget{budgetOf(1, apiPods()...)}
		}, nil, "disruption budget shop/api allows 1 disruption now, and 2 would be taken down"},
		{"containers killed beyond a budget", "disruption budget", "container-kill shop/api -count 2", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Budgets = []chaos.Budget{budgetOf(1, apiPods()...)}
		}, nil, "disruption budget shop/api allows 1 disruption now, and 2 would be taken down"},
		{"a budget with room", "disruption budget", "kill shop/api -count 2", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Budgets = []chaos.Budget{budgetOf(2, apiPods()...)}
		}, nil, ""},
		{"a budget of others", "disruption budget", "kill shop/web", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Budgets = []chaos.Budget{budgetOf(0, apiPods()...)}
		}, nil, ""},
		{"a lag disrupts no budget", "disruption budget", "network-lag shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Budgets = []chaos.Budget{budgetOf(0, apiPods()...)}
		}, nil, ""},
		{"a drain with no room at all", "disruption budget", "node-drain n1", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Budgets = []chaos.Budget{budgetOf(0, apiPods()...)}
		}, nil, "the node could not be drained"},
		{"a drain that is paced", "disruption budget", "node-drain n1", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Budgets = []chaos.Budget{budgetOf(1, apiPods()...)}
		}, nil, ""},

		{"no way", "mechanism", "network-lag shop/api", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.AgentImage = ""
		}, nil, "no image of the agent is configured; Chaos Mesh (NetworkChaos) is not installed"},
		{"Chaos Mesh", "mechanism", "network-lag shop/api", func(_ *engine.Experiment, f *chaos.Field, r *chaos.Rules) {
			r.AgentImage, f.Meshes = "", []string{"NetworkChaos"}
		}, nil, ""},
		{"the dry run found a way", "mechanism", "network-lag shop/api", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) { r.AgentImage = "" }, func(e *engine.Experiment, _ *chaos.Field, _ *chaos.Rules) {
			e.Strikes[0].Targets[0].Mechanism = engine.ByChaosMesh
		}, ""},

		{"refused by the API server", "dry run", "kill shop/api -count 2", nil, func(e *engine.Experiment, _ *chaos.Field, _ *chaos.Rules) {
			for k := range e.Strikes[0].Targets {
				e.Strikes[0].Targets[k].Refused = "pods is forbidden"
			}
		}, "pods is forbidden (and 1 pod more)"},
		{"taken by the API server", "dry run", "kill shop/api -count 2", nil, nil, ""},

		{"a freeze", "freeze", "kill shop/api", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.Quiet = quiet("shop")
		}, nil, "shop: quiet until Monday"},
		{"a freeze that it would last into", "freeze", "network-lag shop/api -duration 10m", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.Quiet = quietFrom(noon.Add(5 * time.Minute))
		}, nil, "shop: it would last into a time when nothing may: quiet from then on"},
		{"a freeze that a later strike would begin in", "freeze", "kill shop/api -after 20m", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.Quiet = quietFrom(noon.Add(5 * time.Minute))
		}, nil, "quiet from then on"},
		{"a freeze after it", "freeze", "network-lag shop/api -duration 4m", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.Quiet = quietFrom(noon.Add(5 * time.Minute))
		}, nil, ""},
		{"a freeze of others", "freeze", "kill shop/api", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) { r.Quiet = quiet("edge") }, nil, ""},
		{"a freeze of a namespace that a drain touches", "freeze", "node-drain n1", func(_ *engine.Experiment, _ *chaos.Field, r *chaos.Rules) {
			r.Quiet = quiet("edge")
		}, nil, "edge: quiet until Monday"},

		{"the quota", "quota", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Experiments = begun(20, "U1", time.Hour)
		}, nil, "you began 20 experiments within 24 h"},
		{"one less", "quota", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Experiments = begun(19, "U1", time.Hour)
		}, nil, ""},
		{"yesterday's", "quota", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Experiments = begun(20, "U1", 24*time.Hour)
		}, nil, ""},
		{"others'", "quota", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Experiments = begun(20, "U2", time.Hour)
		}, nil, ""},
		{"a schedule's", "quota", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) { f.Experiments = begun(20, "", time.Hour) }, func(e *engine.Experiment, _ *chaos.Field, _ *chaos.Rules) {
			e.By = engine.Person{}
		}, ""},

		{"another of the namespace", "one experiment at a time", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Experiments = []engine.Experiment{active(9, engine.ExperimentRunning, "shop")}
		}, nil, "experiment 9 (running) holds shop"},
		{"itself", "one experiment at a time", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Experiments = []engine.Experiment{active(42, engine.ExperimentPlanned, "shop")}
		}, nil, ""},
		{"another of another namespace", "one experiment at a time", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Experiments = []engine.Experiment{active(9, engine.ExperimentRunning, "edge")}
		}, nil, ""},
		{"one that is over", "one experiment at a time", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Experiments = []engine.Experiment{active(9, engine.ExperimentOver, "shop")}
		}, nil, ""},
		{"one of another cluster", "one experiment at a time", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			other := active(9, engine.ExperimentRunning, "shop")
			other.Cluster = "test"
			f.Experiments = []engine.Experiment{other}
		}, nil, ""},
		{"a plan that lapsed", "one experiment at a time", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			old := active(9, engine.ExperimentPlanned, "shop")
			old.Expires = noon
			f.Experiments = []engine.Experiment{old}
		}, nil, ""},
		{"the cluster's cap", "one experiment at a time", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, r *chaos.Rules) {
			r.MaxActive = 1
			f.Experiments = []engine.Experiment{active(9, engine.ExperimentConfirmed, "edge")}
		}, nil, "prod has 1 experiment planned or running; at most 1 at a time"},

		{"no metrics", "metrics", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.NoMetrics = "connection refused"
		}, nil, "connection refused"},
		{"metrics", "metrics", "kill shop/api", nil, nil, ""},
		{"nobody watches", "watch", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Unwatched = "it was last seen 5m ago"
		}, nil, "the bot does not look at the cluster, so nobody knows whether something is wrong with it already: it was last seen 5m ago"},
		{"watched", "watch", "kill shop/api", nil, nil, ""},

		{"an alert on the target", "alarm", "kill shop/api", alerted(api, engine.Warning), nil, "Burning fires on shop/api (warning): it burns"},
		{"an alert on what it depends on", "alarm", "kill shop/web", alerted(db, engine.Critical), nil, "Burning fires on shop/db (critical)"},
		{"an alert on its node", "alarm", "kill shop/api -count 2", func(e *engine.Experiment, f *chaos.Field, r *chaos.Rules) {
			each(f, func(p *chaos.Pod) { p.Node = "n1" })
			alerted(onNode("n1"), engine.Warning)(e, f, r)
		}, nil, "Burning fires on n1"},
		{"an alert on the Service of that name", "alarm", "kill shop/api", alerted(workload("shop", engine.KindService, "api"), engine.Warning), nil, "Burning fires on shop/api"},
		{"an alert that names a node alone", "alarm", "node-drain n1", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			a := alert(workload("", "Alert", "Burning"), engine.Warning)
			a.Node = "n1"
			f.Alerts = []engine.Signal{a}
		}, nil, "Burning fires on Burning"},
		{"an alert of little severity", "alarm", "kill shop/api", alerted(api, engine.Info), nil, ""},
		{"an alert on who calls it", "alarm", "kill shop/api", alerted(web, engine.Critical), nil, ""},
		{"an alert that has ended", "alarm", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			a := alert(api, engine.Critical)
			a.EndsAt = noon
			f.Alerts = []engine.Signal{a}
		}, nil, ""},
		{"an incident", "alarm", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Incidents = []engine.Incident{{ID: 5, Workload: db, Status: engine.Acknowledged, Title: "shop/db is slow"}}
		}, nil, "incident 5 is open: shop/db is slow"},
		{"an incident that is resolved", "alarm", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Incidents = []engine.Incident{{ID: 5, Workload: db, Status: engine.Resolved}}
		}, nil, ""},

		{"not steady", "steady state", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			unit(f, api).Ready = 3
		}, nil, "shop/api: 3 of 4 ready; let it be well"},
		{"what it depends on is not steady", "steady state", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			unit(f, db).Ready = 1
		}, nil, "shop/db, which it depends on: 1 of 2 ready"},
		{"a rollout", "steady state", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			unit(f, api).Rolling = true
		}, nil, "a rollout is on its way"},
		{"a node that is not ready", "steady state", "kill shop/api -count 2", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			each(f, func(p *chaos.Pod) { p.Node = "n2" })
			f.Nodes[1].Ready = false
		}, nil, "node n2: not ready"},
		{"a node that is not known", "steady state", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			f.Nodes = nil
		}, nil, "its state is not known"},
		{"who calls it is not steady", "steady state", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			unit(f, web).Ready = 0
		}, nil, ""},
		{"more than it wants", "steady state", "kill shop/api", func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) {
			unit(f, api).Ready = 5
		}, nil, ""},
	} {
		t.Run(c.blocker+"/"+c.name, func(t *testing.T) {
			f, r := field(), rules()
			if c.before != nil {
				c.before(nil, &f, &r)
			}
			e := mustDraft(t, parsed(t, c.command), f, r)
			if c.after != nil {
				c.after(&e, &f, &r)
			}
			var got []string
			for _, refusal := range chaos.Refusals(e, f, r) {
				if refusal.Blocker == c.blocker {
					got = append(got, refusal.Text)
				}
			}
			if c.want == "" && len(got) > 0 {
				t.Errorf("refuses: %q", got)
			}
			if c.want != "" && !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("says %q, want %q", got, c.want)
			}
			if e := chaos.Seal(e, f, r); c.want != "" && (e.Status != engine.ExperimentRefused || e.Text == "") {
				t.Errorf("the plan is %s: %q", e.Status, e.Text)
			}
		})
	}
}

func each(f *chaos.Field, change func(*chaos.Pod)) {
	for k := range f.Pods {
		change(&f.Pods[k])
	}
}

func unlimited(f *chaos.Field, change func(*chaos.Container)) {
	each(f, func(p *chaos.Pod) { change(&p.Containers[0]) })
}

func quiet(namespace string) func(_, _ string, _ time.Time) string {
	return func(cluster, n string, at time.Time) string {
		if cluster == "prod" && n == namespace && at.Equal(noon) {
			return "quiet until Monday"
		}
		return ""
	}
}

func quietFrom(begin time.Time) func(_, _ string, _ time.Time) string {
	return func(_, _ string, at time.Time) string {
		if at.Before(begin) {
			return ""
		}
		return "quiet from then on"
	}
}

func alerted(w engine.Workload, s engine.Severity) func(*engine.Experiment, *chaos.Field, *chaos.Rules) {
	return func(_ *engine.Experiment, f *chaos.Field, _ *chaos.Rules) { f.Alerts = []engine.Signal{alert(w, s)} }
}

// Every blocker is tried above, has a name of its own, and lets an ordinary experiment begin.
func TestBlockersAreApart(t *testing.T) {
	names := map[string]bool{}
	for _, b := range chaos.Blockers() {
		if names[b.Name()] {
			t.Errorf("two blockers are called %q", b.Name())
		}
		names[b.Name()] = true
	}
	for _, command := range []string{
		"kill shop/api -count 2", "container-kill shop/api", "cpu-stress shop/api", "memory-stress shop/api", "network-lag shop/api", "network-loss shop",
		"network-throttle shop/db", "dns-fail edge", "node-drain n1", "random-all kill", "nothing shop/api",
	} {
		if e := mustDraft(t, parsed(t, command), field(), rules()); len(e.Refusals) > 0 {
			t.Errorf("%s: %+v", command, e.Refusals)
		}
	}
}
