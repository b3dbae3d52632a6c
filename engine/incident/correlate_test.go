package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

func TestOpening(t *testing.T) {
	w := newWorld(t)
	s := w.signal(api, engine.ClassCrashLoop)
	s.StartsAt = start.Add(-time.Minute)
	p := w.watch(api, s)
	i := *p.Incident
	equal(t, "id", i.ID, 41)
	equal(t, "title", i.Title, "payments/api is crash-looping")
	equal(t, "severity", i.Severity, engine.Critical)
	equal(t, "status", i.Status, engine.Open)
	equal(t, "started", i.StartedAt, start.Add(-time.Minute))
	equal(t, "detected", i.DetectedAt, start)
	equal(t, "events", kinds(p), "opened")
	equal(t, "messages", keys(p), "41/card")
	equal(t, "channel", p.Messages[0].Channel, "#pay")
	equal(t, "tasks", taskList(p, w.now), "diagnose diagnose:unsure+20s diagnose:unsure+1m0s escalate+5m0s")
	equal(t, "considered", p.Considered[0].Verdict+": "+p.Considered[0].Reason, "opened: no open incident of payments/api")

	if p := w.watch(api, s); !p.Empty() {
		t.Errorf("the same observation again changes something: %+v", p)
	}
	s.StartsAt = start.Add(30 * time.Second) // a source that knows the start less well later on
	if p := w.watch(api, s); !p.Empty() {
		t.Errorf("a later start of what fires already changes something: %+v", p)
	}
}

func TestNothingToOpen(t *testing.T) {
	w := newWorld(t)
	over := w.signal(api, engine.ClassOOMKilled)
	over.EndsAt = start
	for name, p := range map[string]incident.Plan{
		"no signals":   w.watch(api),
		"an ended one": w.alert(api, over),
		"health alone": w.observe(engine.Observation{Source: engine.SourceWatch, Workload: api, Complete: true, Health: &engine.Health{Desired: 3}}),
	} {
		if !p.Empty() {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestFacetsJoin(t *testing.T) {
	w := newWorld(t)
	crash := w.signal(api, engine.ClassCrashLoop)
	crash.Severity = engine.Warning
	w.watch(api, crash)
	w.pass(time.Minute)

	oom := w.signal(api, engine.ClassOOMKilled)
	p := w.watch(api, crash, oom)
	equal(t, "title", p.Incident.Title, "payments/api is being OOM-killed")
	equal(t, "severity", p.Incident.Severity, engine.Critical)
	equal(t, "classes", len(p.Incident.Classes), 2)
	equal(t, "first class", p.Incident.Classes[0], engine.ClassCrashLoop)
	equal(t, "events", kinds(p), "joined joined")
	equal(t, "messages", keys(p), "41/card 41/event/2")
	equal(t, "tasks", taskList(p, w.now), "diagnose escalate+5m0s")
	equal(t, "reason", p.Considered[0].Reason, "same workload: oom_killed is a facet of incident 41")

	alert := w.signal(api, engine.ClassCrashLoop)
	alert.ID = "fp1"
	p = w.alert(api, alert)
	equal(t, "an alert about a known class: messages", keys(p), "41/card")
	equal(t, "tasks", taskList(p, w.now), "")
	if p := w.watch(api, crash, oom); !p.Empty() {
		t.Errorf("the watch ends or repeats what the alert said: %+v", p)
	}

	crash.Severity = engine.Info
	p = w.watch(api, crash)
	equal(t, "severity after the worst ended", p.Incident.Severity, engine.Critical)
	equal(t, "title after the worst ended", p.Incident.Title, "payments/api is being OOM-killed")
}

// TestWhatIsConsideredIsShown holds that the thread's diagnosis, which tells why which signal belongs to the incident, is drawn anew
// with each that joins, also when the card has nothing new to say.
func TestWhatIsConsideredIsShown(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassEvicted))
	w.apply(incident.Diagnosed(w.full(41), diagnosis(start, "a"), w.r, w.now))
	w.pass(time.Minute)
	alert := w.signal(api, engine.ClassEvicted)
	alert.ID, alert.Summary = "fp1", "shop/api: a pod was evicted"
	p := w.alert(api, alert)
	equal(t, "verdict", p.Considered[0].Verdict, "joined")
	equal(t, "messages", keys(p), "41/card 41/diagnosis")
	if p := w.alert(api, alert); !p.Empty() {
		t.Errorf("the same alert again is shown again: %+v", p)
	}
}

func TestFlappingIsCountedInOneLine(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	chains := 0
	for range 7 {
		w.pass(time.Minute)
		w.watch(api)
		w.pass(30 * time.Second)
		p := w.watch(api, w.signal(api, engine.ClassCrashLoop))
		chains += strings.Count(taskList(p, w.now), "escalate")
	}
	equal(t, "chains beside the first", chains, 0)
	lines := func() (out []string) {
		for _, e := range w.incidents[41].Timeline {
			out = append(out, fmt.Sprint(e.Kind, " ", e.Times, ": ", e.Text))
		}
		return out
	}
	want := []string{
		"opened 0: payments/api is crash-looping",
		"cleared 7: No signal fires any more; resolved in 2m if it stays so (7 times since 03:01 UTC)",
		"relapsed 7: It came back (7 times since 03:01 UTC)",
	}
	if got := lines(); !slices.Equal(got, want) {
		t.Errorf("timeline:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	w.pass(time.Hour)
	w.watch(api)
	w.pass(time.Minute)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	want = append(want, "cleared 0: No signal fires any more; resolved in 2m if it stays so", "relapsed 0: It came back")
	if got := lines(); !slices.Equal(got, want) {
		t.Errorf("an hour later:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestClearRelapseResolve(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	w.pass(time.Minute)
	p := w.watch(api)
	equal(t, "events", kinds(p), "cleared")
	equal(t, "messages", keys(p), "41/card")
	equal(t, "tasks", taskList(p, w.now), "settle+2m0s")
	equal(t, "ended", p.Signals[0].EndsAt, w.now)

	w.pass(time.Minute)
	p = incident.Settle(w.full(41), w.r, w.now)
	equal(t, "too early", taskList(p, w.now), "settle+1m0s")

	p = w.watch(api, w.signal(api, engine.ClassCrashLoop))
	equal(t, "relapse", kinds(p), "relapsed")
	equal(t, "cleared", p.Incident.ClearedAt.IsZero(), true)
	equal(t, "the repetitions went on", taskList(p, w.now), "diagnose")
	w.pass(time.Hour)
	if p := incident.Settle(w.full(41), w.r, w.now); !p.Empty() {
		t.Errorf("settled while it fires: %+v", p)
	}

	w.watch(api)
	w.pass(2 * time.Minute)
	p = incident.Settle(w.full(41), w.r, w.now)
	w.apply(p)
	equal(t, "resolved", p.Incident.Status, engine.Resolved)
	equal(t, "by nobody", p.Incident.ResolvedBy.IsZero(), true)
	equal(t, "messages", keys(p), "41/card 41/event/5 41/summary")
	if p := incident.Settle(w.full(41), w.r, w.now); !p.Empty() {
		t.Errorf("settled twice: %+v", p)
	}
}

func TestReopen(t *testing.T) {
	cases := []struct {
		name  string
		gap   time.Duration
		by    engine.Person
		id    int64
		texts string
	}{
		{"within the window", 10 * time.Minute, engine.Person{}, 41, "it was resolved by itself 10m ago"},
		{"after the window", time.Hour, engine.Person{}, 42, "payments/api is crash-looping"},
		{"resolved by hand", 10 * time.Minute, ana, 41, "it was resolved by Ana 10m ago"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.watch(api, w.signal(api, engine.ClassOOMKilled))
			w.must(w.decide(41, ben, engine.ActionAcknowledge))
			w.watch(api)
			if c.by.IsZero() {
				w.pass(w.r.HoldDown)
				w.apply(incident.Settle(w.full(41), w.r, w.now))
			} else {
				w.must(w.decide(41, c.by, engine.ActionResolve))
			}
			w.pass(c.gap)
			crash := w.signal(api, engine.ClassCrashLoop)
			crash.Severity = engine.Warning
			p := w.watch(api, crash)
			i := p.Incident
			equal(t, "incident", i.ID, c.id)
			equal(t, "status", i.Status, engine.Open)
			equal(t, "severity", i.Severity, engine.Warning)
			equal(t, "title", i.Title, "payments/api is crash-looping")
			equal(t, "acknowledged", i.AcknowledgedBy.IsZero() && i.AcknowledgedAt.IsZero(), true)
			equal(t, "resolved", i.ResolvedAt.IsZero() && i.ResolvedBy.IsZero() && i.ClearedAt.IsZero(), true)
			if !strings.Contains(p.Events[0].Text, c.texts) {
				t.Errorf("event says %q", p.Events[0].Text)
			}
			if c.id == 41 {
				equal(t, "reopened", i.Reopened, 1)
				equal(t, "thread", len(p.Messages), 2)
			}
		})
	}
}

func TestResolvedByHandWhileItFires(t *testing.T) {
	w := newWorld(t)
	crash := w.signal(api, engine.ClassCrashLoop)
	w.watch(api, crash)
	w.pass(time.Minute)
	w.must(w.decide(41, ana, engine.ActionResolve))
	w.pass(time.Minute)
	if p := w.watch(api, crash); !p.Empty() {
		t.Errorf("what fired already reopens it: %+v", p)
	}
	crash.StartsAt = w.now // the watch knows no better start for the same thing
	if p := w.watch(api, crash); !p.Empty() {
		t.Errorf("what fired already, with a later start, reopens it: %+v", p)
	}
	late := w.signal(api, engine.ClassAlert)
	late.ID, late.StartsAt = "fp", start
	p := w.alert(api, late)
	equal(t, "a late alert", p.Considered[0].Verdict, "suppressed")
	equal(t, "stays resolved", w.incidents[41].Status, engine.Resolved)
	if p := w.alert(api, late); !p.Empty() {
		t.Errorf("the late alert again changes something: %+v", p)
	}

	w.pass(time.Minute)
	image := w.signal(api, engine.ClassImagePull)
	p = w.watch(api, crash, image)
	equal(t, "something new reopens", p.Incident.ID, 41)
	equal(t, "status", p.Incident.Status, engine.Open)
	equal(t, "classes", len(p.Incident.Classes), 3)
}

func TestEndsAfterResolvedByHand(t *testing.T) {
	w := newWorld(t)
	crash := w.signal(api, engine.ClassCrashLoop)
	w.watch(api, crash)
	w.must(w.decide(41, ana, engine.ActionResolve))
	w.pass(time.Minute)
	p := w.watch(api)
	equal(t, "the signal ends", len(p.Signals), 1)
	equal(t, "still resolved", p.Incident.Status, engine.Resolved)
	w.pass(time.Minute)
	crash.StartsAt = w.now
	equal(t, "and comes back", w.watch(api, crash).Incident.Status, engine.Open)
}

func TestAlertsEndAndAreStale(t *testing.T) {
	w := newWorld(t)
	s := w.signal(api, engine.ClassHighCPU)
	w.alert(api, s)
	w.pass(time.Hour)
	stale := s
	stale.EndsAt = start.Add(-time.Hour)
	if p := w.alert(api, stale); !p.Empty() {
		t.Errorf("an end before the start ends it: %+v", p)
	}
	s.EndsAt = w.now.Add(-time.Minute)
	p := w.alert(api, s)
	equal(t, "cleared", p.Incident.ClearedAt, w.now)
	if p := w.alert(api, s); !p.Empty() {
		t.Errorf("ended twice: %+v", p)
	}
}

func TestIgnored(t *testing.T) {
	w := newWorld(t)
	w.r.Ignore = []incident.Ignore{
		{Reason: "a rule without a condition"},
		{Namespace: "pay*", Class: engine.ClassHighCPU, Reason: "batch nodes run hot"},
		{Workload: "[", Reason: "malformed"},
	}
	hot := w.signal(api, engine.ClassHighCPU)
	if p := w.watch(api, hot); !p.Empty() {
		t.Errorf("an ignored signal opens an incident: %+v", p)
	}
	p := w.watch(api, hot, w.signal(api, engine.ClassCrashLoop))
	equal(t, "signals", len(p.Incident.Signals), 1)
	equal(t, "considered", p.Considered[0].Verdict+": "+p.Considered[0].Reason, "ignored: batch nodes run hot")
	if p := w.watch(api, hot, w.signal(api, engine.ClassCrashLoop)); !p.Empty() {
		t.Errorf("said twice: %+v", p)
	}
}

func TestMaintenance(t *testing.T) {
	w := newWorld(t)
	w.r.Maintenance = []incident.Window{
		{Name: "elsewhere", Cluster: "staging", Start: start, End: start.Add(time.Hour)},
		{Name: "upgrade", Namespace: "payments", Start: start, End: start.Add(10 * time.Minute)},
	}
	p := w.watch(api, w.signal(api, engine.ClassCrashLoop))
	equal(t, "events", kinds(p), "opened_quietly")
	equal(t, "messages", keys(p), "")
	equal(t, "tasks", taskList(p, w.now), "diagnose diagnose:unsure+20s diagnose:unsure+1m0s settle+10m0s")
	w.apply(incident.Diagnosed(w.full(41), diagnosis(start, "a"), w.r, w.now))
	equal(t, "diagnosis is not told", keys(w.last), "")
	if p := incident.Escalate(w.full(41), w.r, w.now.Add(9*time.Minute)); !p.Empty() {
		t.Errorf("repeated in maintenance: %+v", p)
	}
	equal(t, "too early", taskList(incident.Settle(w.full(41), w.r, w.now), w.now), "settle+10m0s")
	w.pass(10 * time.Minute)
	p = incident.Settle(w.full(41), w.r, w.now)
	w.apply(p)
	equal(t, "events", kinds(p), "announced")
	equal(t, "messages", keys(p), "41/card 41/event/3 41/diagnosis")
	equal(t, "tasks", taskList(p, w.now), "escalate+5m0s")
	if p := incident.Settle(w.full(41), w.r, w.now); !p.Empty() {
		t.Errorf("announced twice: %+v", p)
	}
}

func TestMaintenanceOverBeforeAnyoneHears(t *testing.T) {
	w := newWorld(t)
	w.r.Maintenance = []incident.Window{{Name: "upgrade", Start: start, End: start.Add(time.Hour)}}
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	w.watch(api)
	w.pass(2 * time.Minute)
	p := incident.Settle(w.full(41), w.r, w.now)
	w.apply(p)
	equal(t, "resolved", p.Incident.Status, engine.Resolved)
	equal(t, "without a word", keys(p), "")
}

func TestRoute(t *testing.T) {
	r := incident.Route{
		Default: "#ops", Namespaces: map[string]string{"payments": "#pay"},
		Teams: map[string]string{"shop": "#shop"}, TeamLabel: "squad",
	}
	for _, c := range []struct {
		w      engine.Workload
		labels map[string]string
		want   string
	}{
		{api, map[string]string{"squad": "shop"}, "#pay"},
		{web, map[string]string{"squad": "shop"}, "#shop"},
		{web, map[string]string{"team": "shop"}, "#ops"},
		{node, nil, "#ops"},
	} {
		equal(t, c.w.String(), r.Channel(c.w, c.labels), c.want)
	}
	w := newWorld(t)
	s := w.signal(web, engine.ClassCrashLoop)
	s.Labels = map[string]string{"team": "shop"}
	equal(t, "by team", w.watch(web, s).Messages[0].Channel, "#shop")
}

func TestTitles(t *testing.T) {
	for _, c := range []struct {
		of     engine.Workload
		class  engine.Class
		health *engine.Health
		want   string
	}{
		{api, engine.ClassImagePull, nil, "payments/api cannot pull its image"},
		{api, engine.ClassReplicasMissing, &engine.Health{Desired: 3, Ready: 1}, "payments/api has 1 of 3 replicas"},
		{api, engine.ClassReplicasMissing, nil, "payments/api lacks replicas"},
		{node, engine.ClassNodeNotReady, nil, "node node-1 is not ready"},
		{api, engine.ClassAlert, nil, "payments/api: KubeHpaMaxedOut"},
	} {
		w := newWorld(t)
		s := w.signal(c.of, c.class)
		s.Labels = map[string]string{"alertname": "KubeHpaMaxedOut"}
		p := w.observe(engine.Observation{Source: engine.SourceWatch, Workload: c.of, Signals: []engine.Signal{s}, Complete: true, Health: c.health})
		equal(t, string(c.class), p.Incident.Title, c.want)
	}
}

func TestHealthRedrawsTheCard(t *testing.T) {
	w := newWorld(t)
	o := engine.Observation{
		Source: engine.SourceWatch, Workload: api, Complete: true,
		Signals: []engine.Signal{w.signal(api, engine.ClassCrashLoop)}, Health: &engine.Health{Desired: 3, Ready: 2},
	}
	w.observe(o)
	o.Health = &engine.Health{Desired: 3, Ready: 1}
	p := w.observe(o)
	equal(t, "messages", keys(p), "41/card")
	equal(t, "events", kinds(p), "")
	equal(t, "ready", p.Incident.Health.Ready, 1)
	if p := w.observe(o); !p.Empty() {
		t.Errorf("same health, new plan: %+v", p)
	}
}
