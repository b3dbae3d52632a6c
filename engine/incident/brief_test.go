package incident_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// lost is the signal of a pod that was deleted for nobody's reason, for as long as its place was empty; 0 is until now.
func (w *world) lost(since, lasted time.Duration) engine.Signal {
	s := w.signal(api, engine.ClassReplicasMissing)
	s.Severity, s.Labels, s.StartsAt = engine.Warning, map[string]string{engine.LabelLost: "api-1"}, w.now.Add(-since)
	if lasted > 0 {
		s.EndsAt = s.StartsAt.Add(lasted)
	}
	return s
}

func TestALossThatIsHealedBeforeItIsToldIsAnIncidentThatIsResolved(t *testing.T) {
	w := newWorld(t)
	p := w.watch(api, w.lost(5*time.Second, 3*time.Second))
	i := w.incidents[41]
	equal(t, "status", i.Status, engine.Resolved)
	equal(t, "started", i.StartedAt, w.now.Add(-5*time.Second))
	equal(t, "events", kinds(p), "opened resolved")
	equal(t, "signals", len(p.Signals), 1)
	equal(t, "its end", i.Signals[0].EndsAt, w.now.Add(-2*time.Second))

	// Told again, as the watch does when it doubts, it is nothing new; nor is it when the watch no longer speaks of it.
	equal(t, "again", w.watch(api, w.lost(5*time.Second, 3*time.Second)).Empty(), true)
	equal(t, "forgotten", w.watch(api).Empty(), true)

	// Once more within minutes it is the same incident, and over at once.
	w.pass(time.Minute)
	p = w.watch(api, w.lost(4*time.Second, 2*time.Second))
	equal(t, "events of the second", kinds(p), "reopened resolved")
	equal(t, "incidents", len(w.incidents), 1)
	equal(t, "reopened", w.incidents[41].Reopened, 1)

	// A day later it is another.
	w.pass(24 * time.Hour)
	w.watch(api, w.lost(4*time.Second, 2*time.Second))
	equal(t, "incidents in the end", len(w.incidents), 2)
	equal(t, "the second", w.incidents[42].Status, engine.Resolved)
	for _, id := range w.ids() { // what was to wake somebody finds nothing to do
		if p := incident.Escalate(w.full(id), w.r, w.now.Add(time.Hour)); !p.Empty() {
			t.Errorf("incident %d wakes somebody: %+v", id, p)
		}
	}
}

// TestWhatWasOverLastTimeDoesNotComeBackWithSomethingElse holds that a loss which was healed, and is still told of, is no part of what begins after it.
func TestWhatWasOverLastTimeDoesNotComeBackWithSomethingElse(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.lost(5*time.Second, 3*time.Second))
	w.pass(30 * time.Second)
	crash := w.signal(api, engine.ClassCrashLoop)
	p := w.watch(api, w.lost(35*time.Second, 3*time.Second), crash)
	i := w.incidents[41]
	equal(t, "events", kinds(p), "reopened")
	equal(t, "started", i.StartedAt, crash.StartsAt)
	equal(t, "classes", fmt.Sprint(i.Classes), fmt.Sprint([]engine.Class{engine.ClassCrashLoop}))
	for _, n := range i.Signals {
		equal(t, string(n.Class)+" fires", n.Firing(), n.Class == engine.ClassCrashLoop)
	}
}

func TestALossIsOverAtOnceOnlyWhenItWasShort(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		want  engine.Status
	}{{8 * time.Second, engine.Resolved}, {30 * time.Second, engine.Open}} {
		w := newWorld(t)
		w.watch(api, w.lost(2*time.Second, 0))
		equal(t, "begins", w.incidents[41].Status, engine.Open)
		w.pass(tt.after - 2*time.Second)
		w.watch(api, w.lost(tt.after, tt.after))
		equal(t, "after "+tt.after.String(), w.incidents[41].Status, tt.want)
		w.pass(10 * time.Minute)
		w.apply(incident.Settle(w.full(41), w.r, w.now))
		equal(t, "in the end", w.incidents[41].Status, engine.Resolved)
	}
}

func TestAnAlertThatIsOverOpensNothing(t *testing.T) {
	w := newWorld(t)
	equal(t, "plan", w.alert(api, w.lost(5*time.Second, 3*time.Second)).Empty(), true)
}
