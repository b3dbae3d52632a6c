package view_test

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

var (
	t0  = time.Date(2026, 11, 22, 3, 12, 5, 0, time.UTC)
	ana = engine.Person{ID: "U0ANA", Name: "ana"}
	ben = engine.Person{ID: "U0BEN", Name: "ben"}
)

// opened is an incident nobody has looked at, with no diagnosis yet.
func opened() engine.Incident {
	return engine.Incident{
		ID:        42,
		Workload:  engine.Workload{Cluster: "prod-eu", Namespace: "payments", Kind: "Deployment", Name: "api"},
		Severity:  engine.Critical,
		Status:    engine.Open,
		Classes:   []engine.Class{engine.ClassCrashLoop},
		Title:     "payments/api is crash-looping",
		Health:    &engine.Health{Desired: 4, Ready: 1},
		StartedAt: t0, DetectedAt: t0.Add(8 * time.Second),
		Thread:  engine.Thread{Channel: "C0INC", TS: "1763781125.000100"},
		Version: 1,
	}
}

// diagnosed is the same incident once its cause is known.
func diagnosed() engine.Incident {
	i := opened()
	i.Version = 3
	i.Confidence = 0.8
	pod := engine.ObjectRef{Kind: "Pod", Namespace: "payments", Name: "api-7f9c-x2"}
	i.Diagnosis = engine.Diagnosis{
		IncidentID: 42, At: t0.Add(20 * time.Second),
		Causes: []engine.Cause{
			{
				Rule: "crash/dependency-refused", Title: "cannot reach db:5432", Basis: engine.Prior, Confidence: 0.8,
				Text: "The container ends with exit code 3 right after it says that db:5432 refused the connection.",
				For:  []string{"log/1", "term/1", "ref/1"}, Against: []string{"change/1"},
				Step: engine.Step{
					Text:    "See whether the service db has endpoints.",
					Command: "kubectl --context prod-eu -n payments get endpointslices -l kubernetes.io/service-name=db",
					Runbook: "https://example.com/runbooks/crash-loop?a=1&b=2",
				},
			},
			{
				Rule: "change/image", Title: "the change of the image", Basis: engine.Calibrated, Confidence: 0.22, Verdicts: 41,
				Text: "It broke four minutes after the image changed.", For: []string{"change/1"},
				Step: engine.Step{Text: "Roll back.", Command: "kubectl rollout undo deployment/api", Field: "spec.template.spec.containers[0].image"},
			},
		},
		Apart: "It is the first if nothing answers at that address from another pod either. It is the second if it ends when the last revision is undone.",
		Evidence: []engine.Evidence{
			{ID: "log/1", Collector: "previous logs", Kind: engine.EvidenceLog, Object: pod, Container: "api", At: t0.Add(-time.Second), Text: "FATAL: cannot connect to db:5432: connection refused"},
			{ID: "term/1", Collector: "pods", Kind: engine.EvidenceTermination, Object: pod, Container: "api", At: t0, Text: "exited with code 3 after 1 s, 6 restarts"},
			{ID: "ref/1", Collector: "references", Kind: engine.EvidenceReference, Object: engine.ObjectRef{Kind: "Service", Name: "db"}, Text: "service db has no endpoints"},
			{ID: "change/1", Collector: "changes", Kind: engine.EvidenceChange, At: t0.Add(-4 * time.Minute), Text: "image 1.4.1 → 1.4.2 (container api)"},
		},
		Gaps: []engine.Gap{{Collector: "node conditions", Reason: "timeout after 5 s"}},
		LastChange: &engine.Change{
			At: t0.Add(-4 * time.Minute), By: "argocd", Revision: "17", Text: "image 1.4.1 → 1.4.2 (container api)",
			Details: []string{"spec.template.spec.containers[api].image: 1.4.1 → 1.4.2"},
		},
	}
	i.Considered = []engine.Consideration{
		{At: t0, Signal: "container api is crash-looping", Class: engine.ClassCrashLoop, Source: engine.SourceWatch, Verdict: "opened", Reason: "no open incident of this workload"},
		{At: t0.Add(time.Minute), Signal: "CrashLoopBackOff", Class: engine.ClassCrashLoop, Source: engine.SourceAlert, Verdict: "joined", Reason: "same workload"},
	}
	i.Timeline = []engine.Event{
		{ID: 1, At: t0.Add(8 * time.Second), Kind: "opened", Text: "container api is crash-looping"},
		{ID: 2, At: t0.Add(20 * time.Second), Kind: "diagnosed", Text: "Likeliest cause: cannot reach db:5432"},
	}
	return i
}

func acknowledged() engine.Incident {
	i := diagnosed()
	i.Status = engine.Acknowledged
	i.AcknowledgedAt, i.AcknowledgedBy = t0.Add(2*time.Minute), ana
	i.Assignee = ben
	i.Silence = engine.Silence{Until: t0.Add(time.Hour), By: ana, AlertmanagerID: "5c1e"}
	i.Timeline = append(i.Timeline, engine.Event{ID: 3, At: i.AcknowledgedAt, Kind: "acknowledged", By: ana, Text: "Acknowledged"})
	i.Verdicts = []engine.Verdict{{At: t0, By: ben, Rule: "crash/dependency-refused", Correction: "db was renamed to db-main"}}
	return i
}

func resolved() engine.Incident {
	i := acknowledged()
	i.Status = engine.Resolved
	i.ResolvedAt = t0.Add(47 * time.Minute)
	i.Health = &engine.Health{Desired: 4, Ready: 4}
	i.Verdicts = nil
	return i
}

// nodeDown is an incident that others follow from.
func nodeDown() engine.Incident {
	i := opened()
	i.ID, i.Title, i.Health = 50, "node ip-10-0-3-7 is not ready", nil
	i.Workload = engine.Workload{Cluster: "prod-eu", Kind: engine.KindNode, Name: "ip-10-0-3-7"}
	for n := range 12 {
		child := opened()
		child.ID, child.Title = int64(60+n), "shop/cart-"+string(rune('a'+n))+" misses replicas"
		if n == 3 {
			child.Status = engine.Resolved
		}
		i.Children = append(i.Children, child)
	}
	return i
}

func dashboard() engine.Overview {
	warn := opened()
	warn.ID, warn.Severity, warn.Title, warn.Assignee = 43, engine.Warning, "shop/cart has a stuck rollout", ana
	warn.Thread = engine.Thread{}
	return engine.Overview{
		At:       t0.Add(time.Hour),
		Open:     []engine.Incident{diagnosed(), warn},
		Resolved: []engine.Incident{resolved()},
		BySev:    map[engine.Severity]int{engine.Critical: 1, engine.Warning: 1},
		Clusters: []engine.ClusterState{
			{Name: "prod-eu", Watched: true, Holder: "a", SyncedAt: t0.Add(time.Hour), OpenCount: 2},
			{Name: "prod-us", Error: "the API server does not answer", SyncedAt: t0},
		},
		Paused:   engine.Pause{On: true, By: ben, At: t0, Reason: "database maintenance"},
		Watchdog: t0,
	}
}
