package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// over is a story with all that a story can have.
func over() engine.Story {
	i := resolved()
	i.ResolvedBy, i.Reopened = ben, 1
	i.Verdicts = []engine.Verdict{{By: ben, Rule: "crash/dependency-refused", Correction: "db was renamed"}}
	i.Before = before()
	return engine.Story{
		Incident: i, Detect: engine.Took{Known: true, For: 8 * time.Second}, Acknowledge: engine.Took{Known: true, For: 2 * time.Minute},
		Lasted: 47 * time.Minute, Cost: 3917 * engine.USD, Costed: true,
		People: []engine.Part{{By: ana, Did: []string{"acknowledged"}}, {By: ben, Did: []string{"resolved"}}},
		Fixes: []engine.Fix{
			{Kind: engine.FixChange, At: t0, By: ana, Text: "Merged: db gets its port back", URL: "https://github.com/acme/infra/pull/7"},
			{Kind: engine.FixPerson, At: t0, By: ben, Text: "Resolved: db is back"},
		},
	}
}

// before is an incident that was like the others of these tests.
func before() *engine.Former {
	return &engine.Former{
		ID: 17, Workload: opened().Workload, Title: "payments/api is crash-looping", SameCause: true, ResolvedAt: t0.AddDate(0, 0, -3), Times: 4,
		Thread: engine.Thread{Channel: "C0INC", TS: "1763521125.000100"},
		Fixes:  []engine.Fix{{Kind: engine.FixRemedy, By: ana, Text: "Rollout undone: revision 16 → 15"}, {Kind: engine.FixItself, Text: "Resolved: no signal for 1 min"}},
	}
}

func TestSummary(t *testing.T) {
	alone := engine.Story{Incident: resolved(), Lasted: time.Minute}
	alone.Incident.Diagnosis = engine.Diagnosis{}
	again := diagnosed()
	again.Before = before()
	again.Before.SameCause, again.Before.Cause, again.Before.Workload.Name = false, "the <image>", "cart"
	linked := diagnosed()
	linked.Timeline = append(linked.Timeline, engine.Event{ID: 3, At: t0, Kind: "linked", Text: "Follows from incident 41: data/<db> is crash-looping"})
	golden(t, map[string]any{
		"card_linked":   view.Card(linked, nil, workspace),
		"summary":       view.Summary(over(), workspace).Blocks,
		"summary_alone": view.Summary(alone, "").Blocks,
		"card_before":   view.Card(again, nil, workspace),
	})
}

// TestSummaryFile looks that the same story has the same file, which is uploaded once, and another story another.
func TestSummaryFile(t *testing.T) {
	first, again := view.Summary(over(), workspace).Files, view.Summary(over(), "").Files
	if len(first) != 1 || first[0] != again[0] || !strings.HasSuffix(first[0].Name, ".md") || !strings.HasPrefix(first[0].Content, "# Incident 42: ") {
		t.Fatalf("the files are %+v and %+v", first, again)
	}
	other := over()
	other.Incident.Timeline = other.Incident.Timeline[:1]
	if view.Summary(other, workspace).Files[0].Name == first[0].Name {
		t.Error("another story has a file of the same name")
	}
}

// storyOf has the texts of an incident wherever a story has texts from outside.
func storyOf(i engine.Incident) engine.Story {
	s := engine.Story{Incident: i, People: []engine.Part{{By: i.Assignee, Did: []string{i.Title}}}}
	for range 20 {
		s.Fixes = append(s.Fixes, engine.Fix{By: i.Assignee, Text: i.Title, URL: "https://example.com/pull/7"})
	}
	s.Incident.Before = &engine.Former{ID: 1, Workload: i.Workload, Title: i.Title, Cause: i.Title, Fixes: s.Fixes, Times: 9, Thread: i.Thread}
	return s
}
