package store_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

func TestObserveOpens(t *testing.T) {
	w := newWorld(t)
	i := w.open(api)
	at := start.Truncate(time.Microsecond)
	signal := w.signal(api, engine.ClassCrashLoop)
	signal.StartsAt = at
	equal(t, "incident", i, engine.Incident{
		ID: 1, Workload: api, Fingerprint: api.Fingerprint(), Severity: engine.Critical, Status: engine.Open,
		Classes: []engine.Class{engine.ClassCrashLoop}, Title: "payments/api is crash-looping",
		Health: &engine.Health{Desired: 3, Ready: 1}, StartedAt: at, DetectedAt: at, Version: 1,
		Signals: []engine.Signal{signal},
		Considered: []engine.Consideration{{
			At: at, Signal: "api shows crash_loop", Class: engine.ClassCrashLoop, Source: engine.SourceWatch,
			Verdict: "opened", Reason: "no open incident of payments/api",
		}},
		Timeline: []engine.Event{{ID: 1, At: at, Kind: "opened", Text: "payments/api is crash-looping"}},
	})
	equal(t, "tasks", w.tasks(), "diagnose 1, diagnose 1, diagnose 1, escalate 1")
	equal(t, "messages", w.sql(`SELECT key, lane, wanted, shown FROM messages`), "incident/1/card #incidents 1 0")
	// The select that the operators were promised, as it is written.
	equal(t, "select", w.sql(`SELECT id, namespace, severity, confidence FROM incidents ORDER BY detected_at DESC LIMIT 10;`), "1 payments critical 0")
}

// everything is a hash over each table that an observation could write.
func (w *world) everything() string {
	w.t.Helper()
	var b strings.Builder
	for table := range strings.FieldsSeq(`incidents signals considerations events messages decisions verdicts diagnoses audit_log
		inbox incident_number diagnosis_requests home_changes river_job`) {
		fmt.Fprintln(&b, table, w.sql(`SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM `+table+` t`))
	}
	return b.String()
}

func TestObserveTwiceChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.must(w.HomeOpened(t.Context(), ada))
	signal := w.signal(api, engine.ClassCrashLoop)
	signal.Labels = map[string]string{}
	w.watch(api, signal)
	before := w.everything()
	w.pass(time.Minute)
	for range 3 {
		w.watch(api, signal)
	}
	equal(t, "database", w.everything(), before)

	w.watch(api)
	if w.everything() == before {
		t.Fatal("the end of a signal changed nothing")
	}
	before = w.everything()
	w.watch(api)
	equal(t, "database after a second end", w.everything(), before)
}

func TestObserveManyAtOnce(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	for n := range 50 {
		signal := w.signal(api, engine.ClassCrashLoop)
		signal.ID = fmt.Sprint("pod-", n)
		all.Go(func() {
			if err := w.Observe(t.Context(), engine.Observation{Source: engine.SourceWatch, Workload: api, Signals: []engine.Signal{signal}, At: w.now()}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	equal(t, "incidents", w.sql(`SELECT count(*), max(id) FROM incidents`), "1 1")
	equal(t, "signals", w.sql(`SELECT count(*) FROM signals`), "50")
	equal(t, "messages", w.sql(`SELECT key FROM messages`), "incident/1/card")
	equal(t, "the next number", w.sql(`SELECT next FROM incident_number`), "2")
}

func TestObserveManyWorkloadsAtOnce(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	for n := range 30 {
		of := api
		of.Name = fmt.Sprint("api-", n)
		signal := w.signal(of, engine.ClassCrashLoop)
		all.Go(func() {
			if err := w.Observe(t.Context(), engine.Observation{Source: engine.SourceWatch, Workload: of, Signals: []engine.Signal{signal}, At: w.now()}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	equal(t, "numbers without gaps", w.sql(`SELECT count(*), min(id), max(id) FROM incidents`), "30 1 30")
}

// A node and the pods on it fail at the same moment: whatever is seen first, the pods' incidents end up under the node's.
func TestNodeIsTheParentOfItsPods(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	observe := func(of engine.Workload, class engine.Class, change func(*engine.Signal)) {
		signal := w.signal(of, class)
		change(&signal)
		all.Go(func() {
			if err := w.Observe(t.Context(), engine.Observation{Source: engine.SourceWatch, Workload: of, Signals: []engine.Signal{signal}, At: w.now(), Complete: true}); err != nil {
				t.Error(err)
			}
		})
	}
	for n := range 20 {
		of := api
		of.Name = fmt.Sprint("api-", n)
		observe(of, engine.ClassReplicasMissing, func(s *engine.Signal) { s.Node, s.Parent = node.Name, node })
		if n == 10 {
			observe(node, engine.ClassNodeNotReady, func(s *engine.Signal) { s.Node = node.Name })
		}
	}
	all.Wait()
	parent := w.sql(`SELECT id FROM incidents WHERE workload_kind = 'Node'`)
	equal(t, "children", w.sql(`SELECT count(*) FROM incidents WHERE parent_id = `+parent), "20")
	equal(t, "the parent's lines are numbered without gaps, and one tells of all children",
		w.sql(`SELECT count(*) = max(n), count(*) FILTER (WHERE kind = 'hurt') FROM events WHERE incident_id = `+parent), "true 1")
	equal(t, "it is the one that the thread shows, at its newest", w.sql(`
		SELECT left(e.text, 27), m.wanted <= i.version, m.thread_key, m.lane
		FROM events e JOIN messages m ON m.key = 'incident/' || e.incident_id || '/event/' || e.n JOIN incidents i ON i.id = e.incident_id
		WHERE e.kind = 'hurt'`), "20 workloads are hurt too:  true incident/"+parent+"/card #incidents")

	w.pass(time.Minute)
	w.watch(node)
	w.pass(5 * time.Minute)
	list := w.find(engine.IncidentFilter{Workload: node.Name})
	equal(t, "the parent's children", len(w.incident(list[0].ID).Children), 20)
	version := list[0].Version
	w.must(w.Settle(t.Context(), list[0].ID))
	equal(t, "children on their own", w.sql(`SELECT count(*) FROM incidents WHERE parent_id IS NULL AND status = 'open'`), "20")
	equal(t, "cards", w.sql(`SELECT count(*) FROM messages WHERE kind = 'card'`), "21")
	if got := w.incident(list[0].ID); got.Version <= version || got.IsOpen() {
		t.Errorf("the parent has version %d and status %s", got.Version, got.Status)
	}
}

func TestChildRedrawsItsParent(t *testing.T) {
	w := newWorld(t)
	w.watch(node, w.signal(node, engine.ClassNodeNotReady))
	hurt := w.signal(api, engine.ClassReplicasMissing)
	hurt.Node, hurt.Parent = node.Name, node
	before := w.sql(`SELECT wanted FROM messages WHERE key = 'incident/1/card'`)
	w.watch(api, hurt)
	opened := w.sql(`SELECT m.wanted, m.wanted = i.version FROM messages m, incidents i WHERE i.id = 1 AND key = 'incident/1/card'`)
	if opened != "2 true" || before != "1" {
		t.Errorf("the parent's card went from version %s to %s, want 1 to 2", before, opened)
	}
	w.watch(api) // the child clears
	equal(t, "version wanted of the parent's card", w.sql(`SELECT wanted FROM messages WHERE key = 'incident/1/card'`), "3")
	equal(t, "cards", w.sql(`SELECT key FROM messages WHERE kind = 'card'`), "incident/1/card")
}

func TestFlappingIsBounded(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	for n := range 20 {
		w.pass(time.Minute)
		w.watch(api)
		if n%5 == 0 { // a task that comes too early asks to be called again
			w.must(w.Settle(t.Context(), 1))
			_, err := w.Escalate(t.Context(), 1)
			w.must(err)
		}
		w.pass(time.Minute)
		w.watch(api, w.signal(api, engine.ClassCrashLoop))
	}
	i := w.incident(1)
	last := i.Timeline[len(i.Timeline)-1]
	for _, e := range i.Timeline {
		if e.Kind == incident.EventRelapsed {
			last = e
		}
	}
	equal(t, "relapses", []any{last.Times, last.Text}, []any{20, "It came back (20 times since 03:02 UTC)"})
	equal(t, "lines that tell of it", w.sql(`SELECT kind, count(*) FROM events WHERE kind IN ('cleared', 'relapsed') GROUP BY kind ORDER BY kind`), "cleared 1\nrelapsed 1")
	equal(t, "tasks that wait", w.sql(`SELECT kind, count(*) FROM river_job WHERE kind IN ('escalate', 'settle') GROUP BY kind ORDER BY kind`), "escalate 1\nsettle 1")
}

// TestOneLookWaits has a task of a kind that looks inserted when one waits already, and when one runs.
func TestOneLookWaits(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	w.sql(`DELETE FROM river_job`)
	at := func(d time.Duration) incident.TaskAt {
		return incident.TaskAt{Task: engine.Task{Kind: engine.TaskSettle, IncidentID: 1}, At: w.now().Add(d)}
	}
	due := func() string {
		return w.sql(`SELECT round(extract(epoch FROM scheduled_at - $1::timestamptz))::int FROM river_job WHERE state <> 'running'`, w.now())
	}
	w.insert(at(10 * time.Minute))
	w.insert(at(20 * time.Minute))
	equal(t, "the earlier one stays", due(), "600")
	w.insert(at(5*time.Minute), at(7*time.Minute))
	equal(t, "it is hastened", due(), "300")
	other := at(time.Minute)
	other.Task.IncidentID = 12
	w.sql(`UPDATE river_job SET state = 'running'`)
	w.insert(at(time.Hour), other)
	equal(t, "beside one that runs, and for another incident", w.sql(`SELECT count(*) FROM river_job`), "3")
}

func TestReopenKeepsTheThread(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	w.watch(api)
	w.pass(3 * time.Minute)
	w.must(w.Settle(t.Context(), 1))
	w.pass(time.Minute)
	i := w.open(api)
	equal(t, "incident", []any{i.ID, i.Reopened, i.Status}, []any{int64(1), 1, engine.Open})

	w.watch(api)
	w.pass(3 * time.Minute)
	w.must(w.Settle(t.Context(), 1))
	w.pass(time.Hour)
	equal(t, "after the window", w.open(api).ID, int64(2))
}

func TestHostileTexts(t *testing.T) {
	w := newWorld(t)
	signal := w.signal(api, engine.ClassCrashLoop)
	signal.Summary = "nul \x00 and half a rune \xc3 and \\u0000 and 'quote'; DROP TABLE incidents"
	signal.Labels = map[string]string{"a\x00b": "c\x00d"}
	w.watch(api, signal)
	i := w.incident(1)
	equal(t, "summary", i.Signals[0].Summary, "nul \uFFFD and half a rune \uFFFD and \\u0000 and 'quote'; DROP TABLE incidents")
	equal(t, "labels", i.Signals[0].Labels, map[string]string{"a\uFFFDb": "c\uFFFDd"})
	equal(t, "considered", i.Considered[0].Signal, i.Signals[0].Summary)

	w.must(w.SaveDiagnosis(t.Context(), engine.Diagnosis{IncidentID: 1, At: w.now(), Evidence: []engine.Evidence{{ID: "log", Text: "\x00\xff"}}}))
	equal(t, "evidence", w.incident(1).Diagnosis.Evidence[0].Text, "\uFFFD\uFFFD")
	w.must(w.decide("d\x00", engine.ActionAcknowledge, engine.Person{ID: "U\xff", Name: "\x00"}, 1))
	w.must(w.VerifyAudit(t.Context()))
	_, err := w.Receive(t.Context(), engine.Payload{ID: "\x00", Kind: engine.PayloadEvent, Body: []byte{0, 0xff}, At: start}, time.Minute)
	w.must(err)
}

func TestObserveRefuses(t *testing.T) {
	w := newWorld(t)
	code(t, "no workload", w.Observe(t.Context(), engine.Observation{Source: engine.SourceWatch}), engine.Invalid)
	long := w.signal(api, engine.ClassCrashLoop)
	for n := range 2000 { // random enough not to be compressed below the limit
		long.ID += fmt.Sprintf("%x", sha256.Sum256([]byte{byte(n), byte(n >> 8)}))
	}
	code(t, "an id without end", w.Observe(t.Context(), engine.Observation{
		Source: engine.SourceWatch, Workload: api, Signals: []engine.Signal{long}, At: w.now(),
	}), engine.Invalid)
	equal(t, "incidents", w.sql(`SELECT count(*) FROM incidents`), "0")
}

func TestWatchingAndFiringAlerts(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.open(api)
	alert := w.signal(node, engine.ClassAlert)
	alert.Source = engine.SourceAlert
	w.must(w.Observe(ctx, engine.Observation{Source: engine.SourceAlert, Workload: node, Signals: []engine.Signal{alert}, At: w.now()}))

	watching := func(cluster string, source engine.Source) []engine.Workload {
		t.Helper()
		list, err := w.Watching(ctx, cluster, source)
		w.must(err)
		return list
	}
	equal(t, "by watch", watching("prod", engine.SourceWatch), []engine.Workload{api})
	equal(t, "by alert", watching("prod", engine.SourceAlert), []engine.Workload{node})
	equal(t, "elsewhere", len(watching("dev", engine.SourceWatch)), 0)
	alerts, err := w.FiringAlerts(ctx, "prod")
	w.must(err)
	equal(t, "alerts", []any{len(alerts), alerts[0].ID, alerts[0].Workload}, []any{1, alert.ID, node})

	w.must(w.decide("d1", engine.ActionResolve, ada, 1))
	equal(t, "resolved by hand while it fires", watching("prod", engine.SourceWatch), []engine.Workload{api})
	w.watch(api)
	equal(t, "ended", len(watching("prod", engine.SourceWatch)), 0)
}

func TestIncidentsFilter(t *testing.T) {
	w := newWorld(t)
	shop := engine.Workload{Cluster: "dev", Namespace: "shop", Kind: "Deployment", Name: "cart"}
	w.open(api)
	w.pass(time.Minute)
	mild := w.signal(shop, engine.ClassOOMKilled)
	mild.Severity = engine.Warning
	w.watch(shop, mild)
	w.pass(time.Minute)
	w.watch(node, w.signal(node, engine.ClassNodeNotReady))
	w.must(w.decide("d1", engine.ActionAssign, ada, 1))
	w.must(w.decide("d2", engine.ActionResolve, ada, 3))

	for _, c := range []struct {
		name string
		f    engine.IncidentFilter
		want []int64
	}{
		{"open ones, newest first", engine.IncidentFilter{}, []int64{2, 1}},
		{"all", engine.IncidentFilter{AnyStatus: true}, []int64{3, 2, 1}},
		{"limit", engine.IncidentFilter{AnyStatus: true, Limit: 2}, []int64{3, 2}},
		{"cluster", engine.IncidentFilter{Cluster: "dev"}, []int64{2}},
		{"namespace", engine.IncidentFilter{Namespace: "payments"}, []int64{1}},
		{"workload", engine.IncidentFilter{Workload: "cart"}, []int64{2}},
		{"severity", engine.IncidentFilter{Severity: engine.Warning}, []int64{2}},
		{"status", engine.IncidentFilter{Status: engine.Acknowledged}, []int64{1}},
		{"resolved", engine.IncidentFilter{Status: engine.Resolved}, []int64{3}},
		{"class", engine.IncidentFilter{Class: engine.ClassOOMKilled}, []int64{2}},
		{"assignee", engine.IncidentFilter{Assignee: ada.ID}, []int64{1}},
		{"since", engine.IncidentFilter{Since: start.Add(30 * time.Second)}, []int64{2}},
		{"nothing", engine.IncidentFilter{Namespace: "' OR true --"}, nil},
	} {
		var got []int64
		for _, i := range w.find(c.f) {
			got = append(got, i.ID)
		}
		equal(t, c.name, got, c.want)
	}
	_, err := w.Incident(t.Context(), 99)
	code(t, "unknown incident", err, engine.NotFound)
}

func TestNothingIsHalfWritten(t *testing.T) {
	w := newWorld(t)
	w.sql(`ALTER TABLE river_job ADD CONSTRAINT broken CHECK (kind <> 'escalate') NOT VALID`) // the last thing that is written
	before := w.everything()
	code(t, "observe", w.Observe(t.Context(), engine.Observation{
		Source: engine.SourceWatch, Workload: api, Signals: []engine.Signal{w.signal(api, engine.ClassCrashLoop)}, At: w.now(),
	}), engine.Internal)
	equal(t, "database", w.everything(), before)
	w.sql(`ALTER TABLE river_job DROP CONSTRAINT broken`)
	equal(t, "once it works", w.open(api).ID, int64(1))
}

func BenchmarkObserve(b *testing.B) {
	s := storetest.New(b, store.Options{Rules: rules})
	for n := 0; b.Loop(); n++ {
		of := api
		of.Name = fmt.Sprint("api-", n)
		signal := engine.Signal{Source: engine.SourceWatch, ID: "x", Workload: of, Class: engine.ClassCrashLoop, Severity: engine.Critical, Summary: "crashes", StartsAt: start}
		if err := s.Observe(b.Context(), engine.Observation{Source: engine.SourceWatch, Workload: of, Signals: []engine.Signal{signal}, At: start}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestObservePassed holds that what was over before it was told is an incident that is resolved, once, however often it is told.
func TestObservePassed(t *testing.T) {
	w := newWorld(t)
	lost := w.signal(api, engine.ClassReplicasMissing)
	lost.Labels = map[string]string{engine.LabelLost: "api-1"}
	lost.EndsAt = lost.StartsAt.Add(3 * time.Second)
	for range 3 {
		w.pass(4 * time.Second)
		w.watch(api, lost)
	}
	i := w.incident(1)
	if i.Status != engine.Resolved || i.Reopened != 0 || len(i.Signals) != 1 || i.Signals[0].Firing() || !i.ResolvedBy.IsZero() {
		t.Errorf("%s, reopened %d times, by %+v, with %+v", i.Status, i.Reopened, i.ResolvedBy, i.Signals)
	}
	equal(t, "incidents", w.sql(`SELECT count(*) FROM incidents`), "1")
	again := lost
	again.StartsAt, again.EndsAt = w.now().Add(-2*time.Second), w.now()
	w.pass(time.Second)
	w.watch(api, again)
	if i = w.incident(1); i.Status != engine.Resolved || i.Reopened != 1 {
		t.Errorf("the same again: %s, reopened %d times", i.Status, i.Reopened)
	}
}
