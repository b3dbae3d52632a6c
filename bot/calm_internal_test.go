package bot

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// storm changes a message five times a second for a minute, as the deliverer sees it, with what it says at each moment, and gives the
// moments of its edits.
func storm(key string, c *calm, says func(since time.Duration) headline) (edits []time.Duration) {
	began := time.Now()
	for time.Since(began) < time.Minute {
		now := says(time.Since(began))
		if rest := c.rest(key, now, time.Now()); rest > 0 {
			time.Sleep(rest)
			continue
		}
		c.shown(key, now, time.Now())
		edits = append(edits, time.Since(began))
		time.Sleep(time.Second / 5)
	}
	return edits
}

func TestStormLeavesEditsToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c calm
		edits := storm("a", &c, func(time.Duration) headline { return headline{status: engine.Open} })
		if n := len(edits); n < 5 || n > 10 {
			t.Errorf("%d edits in a minute of a message that says the same: %v; want 5 to 10", n, edits)
		}
		if edits[1] != calmStep {
			t.Errorf("the second edit comes after %v, want %v", edits[1], calmStep)
		}
		for k := range edits[1:] {
			if gap := edits[k+1] - edits[k]; gap > calmMost {
				t.Errorf("%v between two edits, want %v at most", gap, calmMost)
			}
		}
		if rest := c.rest("b", headline{}, time.Now()); rest != 0 {
			t.Errorf("another message rests %v", rest)
		}
		time.Sleep(calmMost)
		if rest := c.rest("a", headline{status: engine.Open}, time.Now()); rest != 0 {
			t.Errorf("after the storm it rests %v", rest)
		}
		time.Sleep(2 * calmMost)
		c.shown("b", headline{}, time.Now())
		if len(c.last) != 1 {
			t.Errorf("%d messages are remembered, want the one of late", len(c.last))
		}
	})
}

// TestNewsIsNotHeldUp: whatever on-call acts on is shown within a second, in the middle of a storm.
func TestNewsIsNotHeldUp(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 12, 5, 0, time.UTC)
	for name, change := range map[string]func(*engine.Incident){
		"acknowledged":      func(i *engine.Incident) { i.Status = engine.Acknowledged },
		"resolved":          func(i *engine.Incident) { i.Status = engine.Resolved },
		"reopened":          func(i *engine.Incident) { i.Reopened++ },
		"the first cause":   func(i *engine.Incident) { i.Diagnosis.Causes = []engine.Cause{{Rule: "crash/oom"}} },
		"what it says":      func(i *engine.Incident) { i.Diagnosis.Causes = []engine.Cause{{Title: "cannot reach db:5432"}} },
		"worse":             func(i *engine.Incident) { i.Severity = engine.Critical },
		"another facet":     func(i *engine.Incident) { i.Classes = append(i.Classes, engine.ClassCrashLoop) },
		"taken over":        func(i *engine.Incident) { i.Assignee.ID = "UBEN" },
		"silenced":          func(i *engine.Incident) { i.Silence.Until = at },
		"really silenced":   func(i *engine.Incident) { i.Silence.AlertmanagerID = "17" },
		"repeated":          func(i *engine.Incident) { i.Escalations++ },
		"a person's answer": func(i *engine.Incident) { i.Verdicts = append(i.Verdicts, engine.Verdict{Right: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const news = 31400 * time.Millisecond
				before := engine.Incident{ID: 1, Status: engine.Open, Severity: engine.Warning}
				after := before
				change(&after)
				var c calm
				edits := storm("a", &c, func(since time.Duration) headline {
					if since < news {
						return headlineOf(before)
					}
					return headlineOf(after)
				})
				for _, at := range edits {
					if at >= news {
						if at-news > calmLook {
							t.Errorf("shown %v later, want %v at most", at-news, calmLook)
						}
						return
					}
				}
				t.Error("never shown")
			})
		})
	}
}

// TestCountsAreNoNews: what changes with each pod of a storm may wait.
func TestCountsAreNoNews(t *testing.T) {
	i := engine.Incident{ID: 1, Status: engine.Open, Title: "a has 3 of 200 replicas", Diagnosis: engine.Diagnosis{Causes: []engine.Cause{{Rule: "r", Title: "t"}}}}
	j := i
	j.Title, j.Version, j.Confidence = "a has 2 of 200 replicas", 9, 0.3
	j.Health, j.Signals, j.Timeline = &engine.Health{Ready: 2}, make([]engine.Signal, 9), make([]engine.Event, 9)
	j.Diagnosis = engine.Diagnosis{At: time.Unix(9, 0), Causes: []engine.Cause{{Rule: "r", Title: "t", Confidence: 0.3}, {Rule: "s"}}}
	if headlineOf(i) != headlineOf(j) {
		t.Errorf("%+v, then %+v", headlineOf(i), headlineOf(j))
	}
}
