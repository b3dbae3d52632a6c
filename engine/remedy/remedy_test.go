package remedy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/remedy"
)

var (
	api  = engine.Workload{Cluster: "prod", Namespace: "pay", Kind: "Deployment", Name: "api"}
	node = engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "n1"}
	// second is a Deployment whose second revision is live.
	second = remedy.Situation{Current: 2, Before: 1, Replicas: 3}
)

func showing(w engine.Workload, classes ...engine.Class) engine.Incident {
	i := engine.Incident{ID: 7, Workload: w, Status: engine.Open}
	for _, c := range classes {
		i.Signals = append(i.Signals, engine.Signal{Class: c})
	}
	return i
}

// blaming is a diagnosis whose first cause rests on an edit of a revision.
func blaming(what, revision string) engine.Diagnosis {
	return engine.Diagnosis{
		Causes: []engine.Cause{{Rule: "probe/after-change", For: []string{"event/1", "change/1"}}, {Rule: "other", For: []string{"change/2"}}},
		Evidence: []engine.Evidence{
			{ID: "event/1", Kind: engine.EvidenceEvent},
			{ID: "change/1", Kind: engine.EvidenceChange, Fields: map[string]string{"what": what, "revision": revision}},
			{ID: "change/2", Kind: engine.EvidenceChange, Fields: map[string]string{"what": "image", "revision": "2"}},
		},
	}
}

func with(s remedy.Situation, change func(*remedy.Situation)) remedy.Situation {
	change(&s)
	return s
}

func TestOffer(t *testing.T) {
	unknown := engine.Diagnosis{Causes: []engine.Cause{{Rule: "service/slow"}}}
	told := func(i engine.Incident, kind, text string) engine.Incident {
		i.Timeline = append(i.Timeline, engine.Event{Kind: kind, Text: text})
		return i
	}
	for _, tc := range []struct {
		name string
		i    engine.Incident
		d    engine.Diagnosis
		s    remedy.Situation
		want string // kinds with From and To
		why  string
	}{
		{name: "a probe that fails since it was changed", i: showing(api, engine.ClassProbeFailing), d: blaming("probe", "2"), s: second, want: "undo 2→1"},
		{name: "a crash after a change", i: showing(api, engine.ClassCrashLoop), d: blaming("env", "2"), s: second, want: "undo 2→1"},
		{name: "an image after a change", i: showing(api, engine.ClassImagePull, engine.ClassRolloutStuck), d: blaming("image", "2"), s: second, want: "undo 2→1"},
		{name: "of a StatefulSet", i: showing(engine.Workload{Kind: "StatefulSet", Namespace: "pay", Name: "db"}, engine.ClassCrashLoop), d: blaming("env", "2"), s: second, want: "undo 2→1"},
		{name: "no revision before", i: showing(api, engine.ClassCrashLoop), d: blaming("env", "2"), s: remedy.Situation{Current: 2}},
		{name: "it was just made", i: showing(api, engine.ClassCrashLoop), d: blaming("created", "2"), s: second},
		{name: "a ConfigMap has no revisions", i: showing(api, engine.ClassCrashLoop), d: blaming("configmap", ""), s: second},
		{name: "another revision is live by now", i: showing(api, engine.ClassCrashLoop), d: blaming("env", "2"), s: with(second, func(s *remedy.Situation) { s.Current = 3 })},
		{name: "the change is not of the first cause", i: showing(api, engine.ClassCrashLoop), d: engine.Diagnosis{Causes: []engine.Cause{{}, {For: []string{"change/1"}}}, Evidence: blaming("env", "2").Evidence}, s: second},
		{name: "no cause", i: showing(api, engine.ClassCrashLoop), s: second},
		{name: "a Job has no revisions", i: showing(engine.Workload{Kind: "Job", Name: "night"}, engine.ClassJobFailed), d: blaming("env", "2"), s: second},
		{name: "Git owns it", i: showing(api, engine.ClassCrashLoop), d: blaming("env", "2"), s: with(second, func(s *remedy.Situation) { s.Owner = "Argo CD (application pay)" }), why: "Argo CD (application pay) deploys it from Git"},
		{name: "Git owns it, and nothing was to be undone", i: showing(api, engine.ClassCrashLoop), d: unknown, s: with(second, func(s *remedy.Situation) { s.Owner = "Flux" })},
		{name: "paused", i: showing(api, engine.ClassCrashLoop), d: blaming("env", "2"), s: with(second, func(s *remedy.Situation) { s.Paused = true }), why: "paused"},
		{name: "somebody went back already", i: showing(api, engine.ClassCrashLoop), d: blaming("env", "2"), s: with(second, func(s *remedy.Situation) { s.BroughtBack = true }), why: "went back to"},
		{name: "undone before, and no better", i: told(showing(api, engine.ClassCrashLoop), engine.EventRemedyDone, "Rollout undone: revision 2 → 1"), d: blaming("env", "2"), s: second},
		{name: "an undo was refused", i: told(showing(api, engine.ClassCrashLoop), engine.EventRemedyRefused, "Did not undo the rollout: forbidden"), d: blaming("env", "2"), s: second, want: "undo 2→1"},

		{name: "pods run and do not answer", i: showing(api, engine.ClassProbeFailing), d: unknown, s: second, want: "restart →"},
		{name: "memory grows", i: showing(api, engine.ClassHighMemory), d: unknown, s: second, want: "restart →"},
		{name: "a new pod would crash as well", i: showing(api, engine.ClassProbeFailing, engine.ClassCrashLoop), d: unknown, s: second},
		{name: "Git owns what hangs", i: showing(api, engine.ClassProbeFailing), d: unknown, s: with(second, func(s *remedy.Situation) { s.Owner = "Flux" }), why: "does not restart it"},
		{name: "paused, what hangs", i: showing(api, engine.ClassProbeFailing), d: unknown, s: with(second, func(s *remedy.Situation) { s.Paused = true }), why: "resume"},

		{name: "load", i: showing(api, engine.ClassHighCPU), d: unknown, s: second, want: "scale 3→4"},
		{name: "load of one replica", i: showing(api, engine.ClassHighCPU), d: unknown, s: with(second, func(s *remedy.Situation) { s.Replicas = 1 }), want: "scale 1→2"},
		{name: "slow under load", i: showing(api, engine.ClassHighLatency), d: unknown, s: second, want: "restart →, scale 3→4"},
		{name: "load since a change", i: showing(api, engine.ClassHighCPU), d: blaming("env", "2"), s: second, want: "undo 2→1"},
		{name: "an autoscaler is at it", i: showing(api, engine.ClassHighCPU), d: unknown, s: with(second, func(s *remedy.Situation) { s.Autoscaler = "api" }), why: "autoscaler api sets its replicas"},
		{name: "Git sets the replicas", i: showing(api, engine.ClassHighCPU), d: unknown, s: with(second, func(s *remedy.Situation) { s.Owner = "Flux" }), why: "does not scale it"},
		{name: "scaled to nothing", i: showing(api, engine.ClassHighCPU), d: unknown, s: with(second, func(s *remedy.Situation) { s.Replicas = 0 })},
		{name: "as many as one click may make", i: showing(api, engine.ClassHighCPU), d: unknown, s: with(second, func(s *remedy.Situation) { s.Replicas = 70 })},
		{name: "a DaemonSet has a pod a node", i: showing(engine.Workload{Kind: "DaemonSet", Namespace: "pay", Name: "agent"}, engine.ClassHighCPU), d: unknown, s: second},

		{name: "a sick node", i: showing(node, engine.ClassNodePressure), want: "cordon →"},
		{name: "a sick node that gets no pods", i: showing(node, engine.ClassNodePressure), s: remedy.Situation{Cordoned: true}},
		{name: "a workload is no node", i: showing(api, engine.ClassNodePressure), s: second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			offers, why := remedy.Offer(tc.i, tc.d, tc.s, engine.RemedyKinds)
			var got []string
			for _, r := range offers {
				got = append(got, strings.TrimSpace(string(r.Kind)+" "+r.From+"→"+r.To))
				if r.Target != tc.i.Workload {
					t.Errorf("a remedy of %v", r.Target)
				}
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("offers (-want +got):\n%s", diff)
			}
			if (tc.why == "") != (why == "") || !strings.Contains(why, tc.why) {
				t.Errorf("why there is none: %q, want %q", why, tc.why)
			}
			if offers, why := remedy.Offer(tc.i, tc.d, tc.s, nil); len(offers) > 0 || why != "" {
				t.Errorf("where nothing is allowed: %v, %q", offers, why)
			}
		})
	}
}

// A signal that is over is no reason to do anything.
func TestOfferLooksAtWhatFires(t *testing.T) {
	i := showing(api, engine.ClassHighCPU)
	i.Signals[0].EndsAt = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	if offers, _ := remedy.Offer(i, engine.Diagnosis{Causes: []engine.Cause{{}}}, second, engine.RemedyKinds); len(offers) > 0 {
		t.Errorf("offers %v", offers)
	}
}

func TestOwner(t *testing.T) {
	for _, tc := range []struct {
		name                string
		annotations, labels map[string]string
		managers            []string
		want                string
	}{
		{name: "nobody", labels: map[string]string{"app": "api", "app.kubernetes.io/instance": "api"}, managers: []string{"kubectl-client-side-apply", "helm"}},
		{name: "Argo CD by its annotation", annotations: map[string]string{"argocd.argoproj.io/tracking-id": "pay:apps/Deployment:pay/api"}, want: "Argo CD (application pay)"},
		{name: "Argo CD by its label", labels: map[string]string{"argocd.argoproj.io/instance": "pay"}, want: "Argo CD (application pay)"},
		{name: "Argo CD by who wrote it", managers: []string{"kube-controller-manager", "argocd-controller"}, want: "Argo CD"},
		{name: "Argo CD by who wrote it, without server-side apply", managers: []string{"argocd-application-controller"}, want: "Argo CD"},
		{name: "a Kustomization", labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"}, want: "Flux (Kustomization apps)"},
		{name: "a Kustomization by who wrote it", managers: []string{"kustomize-controller"}, want: "Flux"},
		{name: "a release that a Kustomization made", labels: map[string]string{"helm.toolkit.fluxcd.io/name": "api", "kustomize.toolkit.fluxcd.io/name": "apps"}, want: "Flux (release api)"},
		{name: "a release by who wrote it", managers: []string{"helm-controller"}, want: "Flux"},
	} {
		if got := remedy.Owner(tc.annotations, tc.labels, tc.managers); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestHashIsOfAllThatIsShown(t *testing.T) {
	plan := engine.Remedy{
		Kind: engine.RemedyUndo, Target: api, From: "2", To: "1", Text: "revision 2 → 1", Source: "api-5f7", Command: "kubectl", UID: "u", Generation: 4,
		Expires: time.Date(2026, 11, 20, 3, 10, 0, 0, time.UTC),
	}
	want := remedy.Hash(plan)
	if len(want) != 64 {
		t.Errorf("hash %q", want)
	}
	for name, change := range map[string]func(*engine.Remedy){
		"kind":       func(r *engine.Remedy) { r.Kind = engine.RemedyRestart },
		"target":     func(r *engine.Remedy) { r.Target.Cluster = "dev" },
		"from":       func(r *engine.Remedy) { r.From = "3" },
		"to":         func(r *engine.Remedy) { r.To = "2" },
		"text":       func(r *engine.Remedy) { r.Text = "" },
		"source":     func(r *engine.Remedy) { r.Source = "api-6aa" },
		"command":    func(r *engine.Remedy) { r.Command = "" },
		"uid":        func(r *engine.Remedy) { r.UID = "v" },
		"generation": func(r *engine.Remedy) { r.Generation++ },
		"expiry":     func(r *engine.Remedy) { r.Expires = r.Expires.Add(time.Second) },
	} {
		changed := plan
		if change(&changed); remedy.Hash(changed) == want {
			t.Errorf("the %s changes nothing", name)
		}
	}
	// Who asked, and what came of it, is no part of what was shown; neither is the zone in which a time is told.
	same := plan
	same.ID, same.By, same.Status, same.Outcome, same.Hash = "d1", engine.Person{ID: "U1"}, engine.RemedyDone, "done", want
	same.Expires = plan.Expires.In(time.FixedZone("CET", 3600))
	if remedy.Hash(same) != want {
		t.Error("what is not shown changes the hash")
	}
}
