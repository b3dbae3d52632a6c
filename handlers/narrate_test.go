package handlers

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// oneIncident is a store that has one diagnosed incident.
type oneIncident struct {
	noIncidents
	incident engine.Incident
}

type noIncidents = Incidents

func (t oneIncident) Incident(context.Context, int64) (engine.Incident, error) {
	return t.incident, nil
}

// TestNarrate asks a model once about a diagnosis that is new, keeps what rests on evidence, and lets nothing that the model does matter.
func TestNarrate(t *testing.T) {
	at := noon.Add(123 * time.Microsecond)
	diagnosed := engine.Incident{ID: 7, Diagnosis: engine.Diagnosis{
		IncidentID: 7, At: at, Causes: []engine.Cause{{Rule: "oom", Title: "out of memory", For: []string{"end"}}}, Evidence: []engine.Evidence{{ID: "end", Text: "it was killed for its memory"}},
	}}
	kept := engine.Narrative{Model: "m", Sentences: []engine.Sentence{{Text: "It was killed for its memory.", Evidence: []string{"end"}}}}
	narrated := diagnosed
	narrated.Diagnosis.Narrative = &kept
	for name, c := range map[string]struct {
		incident engine.Incident
		at       time.Time
		answer   string
		fails    error
		want     []engine.Narrative
		asked    int
	}{
		"new":                  {diagnosed, at.Add(time.Nanosecond), "It was killed for its memory [1]. Buy more [9].", nil, []engine.Narrative{kept}, 1},
		"another is newer":     {diagnosed, at.Add(-time.Minute), "It was killed for its memory [1].", nil, nil, 0},
		"told already":         {narrated, at, "It was killed for its memory [1].", nil, nil, 0},
		"nothing to say":       {engine.Incident{ID: 7, Diagnosis: engine.Diagnosis{At: at}}, at, "Hello [1].", nil, nil, 0},
		"it is away":           {diagnosed, at, "", errors.New("away"), nil, 1},
		"it knows no evidence": {diagnosed, at, "Everything is on fire.", nil, nil, 1},
	} {
		asked := 0
		var got []engine.Narrative
		h := &Handlers{Incidents: oneIncident{incident: c.incident}, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler), Narrator: &Narrator{
			Model: "m", PerHour: 1,
			Write: func(context.Context, string, string) (string, error) {
				asked++
				return c.answer, c.fails
			},
			Save: func(_ context.Context, id int64, when time.Time, n engine.Narrative) error {
				if id != 7 || !when.Equal(at) {
					t.Errorf("%s: of %d at %s", name, id, when)
				}
				got = append(got, n)
				return nil
			},
		}}
		h.narrate(t.Context(), 7, c.at)
		if d := cmp.Diff(c.want, got); d != "" || asked != c.asked {
			t.Errorf("%s: asked %d times %s", name, asked, d)
		}
	}
	(&Handlers{}).narrate(t.Context(), 7, at) // without a model, nothing
	w := &Narrator{PerHour: 2}
	for n, c := range []struct {
		after time.Duration
		may   bool
	}{{0, true}, {time.Minute, true}, {2 * time.Minute, false}, {time.Hour, true}, {time.Hour + time.Second, false}, {time.Hour + time.Minute, true}} {
		if got := w.may(noon.Add(c.after)); got != c.may {
			t.Errorf("the %d. time: %v", n+1, got)
		}
	}
}
