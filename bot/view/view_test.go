package view_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

var update = flag.Bool("update", false, "write the golden files")

const workspace = "https://acme.slack.com/"

var oncall = []engine.Mention{{Group: "S0ONCALL"}}

// encode writes a drawing as people read it in a diff.
func encode(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	drawings := map[string]any{
		"card_opened":           view.Card(opened(), oncall, workspace),
		"card_diagnosed":        view.Card(diagnosed(), oncall, workspace),
		"card_acknowledged":     view.Card(acknowledged(), oncall, workspace),
		"card_resolved":         view.Card(resolved(), oncall, workspace),
		"card_node":             view.Card(nodeDown(), nil, workspace),
		"diagnosis":             view.Diagnosis(diagnosed()),
		"diagnosis_none":        view.Diagnosis(unknownCause()),
		"diagnosis_narrated":    view.Diagnosis(narrated()),
		"event":                 must(view.Event(acknowledged(), 3, oncall)),
		"escalation":            view.Escalation(diagnosed(), 2, []engine.Mention{{Group: "S0ONCALL"}, {User: "U0ANA"}, {Group: "payments-team"}}),
		"escalation_over":       view.Escalation(acknowledged(), 2, oncall),
		"home":                  view.Home(dashboard(), "U0ANA", workspace),
		"home_quiet":            view.Home(engine.Overview{At: t0, Watchdog: t0}, "U0ANA", workspace),
		"reply_help":            view.Reply(engine.Reply{Text: "There is no command `staus`; did you mean `status`?", Help: &engine.Help{Commands: []engine.HelpLine{{Usage: "/autopilot status", Text: "what is open where"}, {Usage: "/autopilot show <id>", Text: "one incident"}}}}, workspace),
		"reply_incidents":       view.Reply(engine.Reply{Incidents: &engine.IncidentList{Filter: "cluster=prod-eu", Incidents: []engine.Incident{diagnosed(), resolved()}, More: true}}, workspace),
		"reply_incidents_empty": view.Reply(engine.Reply{Incidents: &engine.IncidentList{}}, workspace),
		"reply_incident":        view.Reply(engine.Reply{Incident: new(acknowledged())}, workspace),
		"reply_logs":            view.Reply(engine.Reply{Logs: &engine.LogExcerpt{Pod: "api-7f9c-x2", Container: "api", Previous: true, Lines: []string{"starting", "FATAL: ``` <db>"}, Redactions: 1}}, workspace),
		"reply_logs_store":      view.Reply(engine.Reply{Logs: &engine.LogExcerpt{Pod: "api-7f9c-x2", Container: "api", Store: "Loki", Lines: []string{"FATAL"}, Truncated: true}}, workspace),
		"modal": view.Modal(engine.Form{
			Name: "correction", Title: "What was it really, in the end?", Text: "The card says: cannot reach db:5432.",
			Fields: []engine.Field{{Name: "cause", Label: "The real cause", Hint: "One sentence.", Placeholder: "the new image", Multiline: true, MaxLength: 1000}},
		}, `{"s":"42"}`),
	}
	golden(t, drawings)
}

// golden compares each drawing with its file in testdata, or writes the files.
func golden(t *testing.T, drawings map[string]any) {
	t.Helper()
	for name, drawing := range drawings {
		t.Run(name, func(t *testing.T) {
			got := encode(t, drawing)
			path := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("drawing differs from %s (-want +got):\n%s", path, diff)
			}
		})
	}
}

func must(m view.Message, err error) view.Message {
	if err != nil {
		panic(err)
	}
	return m
}

// narrated is a diagnosis that a model put into words, one of which would wake everybody.
func narrated() engine.Incident {
	i := diagnosed()
	i.Diagnosis.Causes, i.Diagnosis.Apart, i.Diagnosis.LastChange = i.Diagnosis.Causes[:1], "", nil
	i.Diagnosis.Narrative = &engine.Narrative{Model: "eu.vendor.model-v1:0", Sentences: []engine.Sentence{
		{Text: "The container ends with code 3 because db:5432 refuses it <!channel> *now*.", Evidence: []string{"log/1", "term/1"}},
		{Text: "The service db has no endpoints.", Evidence: []string{"ref/1", "log/1", "gone"}},
	}}
	return i
}

func unknownCause() engine.Incident {
	i := diagnosed()
	i.Diagnosis.Causes = nil
	i.Diagnosis.LastChange = nil
	return i
}

// said is all that a drawing shows.
func said(t *testing.T, m view.Message) string {
	t.Helper()
	return string(encode(t, m.Blocks))
}

func actionsOf(m view.Message) []string {
	var out []string
	for _, b := range m.Blocks {
		block, ok := b.(*slack.ActionBlock)
		if !ok {
			continue
		}
		for _, e := range block.Elements.ElementSet {
			switch e := e.(type) {
			case *slack.ButtonBlockElement:
				out = append(out, e.ActionID)
			case *slack.SelectBlockElement:
				out = append(out, e.ActionID)
			}
		}
	}
	return out
}

func TestCardButtonsApply(t *testing.T) {
	judged := resolved()
	judged.Verdicts = []engine.Verdict{{By: ana, Rule: "crash/dependency-refused", Right: true}}
	tests := []struct {
		name string
		i    engine.Incident
		want []string
	}{
		{"open", opened(), []string{"acknowledge", "assign", "silence", "resolve", "logs", "diagnose"}},
		{"diagnosed", diagnosed(), []string{"acknowledge", "assign", "silence", "resolve", "logs", "diagnose", "verdict:right", "verdict:wrong"}},
		{"acknowledged and judged", acknowledged(), []string{"assign", "silence", "resolve", "logs", "diagnose"}},
		{"resolved", resolved(), []string{"verdict:right", "verdict:wrong"}},
		{"resolved and judged", judged, nil},
		{"a node has no logs", nodeDown(), []string{"acknowledge", "assign", "silence", "resolve", "diagnose"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, actionsOf(view.Card(tt.i, nil, workspace))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCardTellsConfidenceHonestly(t *testing.T) {
	tests := []struct {
		cause engine.Cause
		want  string
		not   string
	}{
		{engine.Cause{Title: "x", Basis: engine.Prior, Confidence: 0.9}, "(very likely)", "%"},
		{engine.Cause{Title: "x", Basis: engine.Prior, Confidence: 0.7}, "(likely)", "%"},
		{engine.Cause{Title: "x", Basis: engine.Prior, Confidence: 0.4}, "(possible)", "%"},
		{engine.Cause{Title: "x", Basis: engine.Prior, Confidence: 0.1}, "(unlikely)", "%"},
		{engine.Cause{Title: "x", Basis: engine.Calibrated, Confidence: 0.734, Verdicts: 31}, "(73 %, from 31 answers)", "likely"},
	}
	for _, tt := range tests {
		i := opened()
		i.Diagnosis = engine.Diagnosis{At: t0, Causes: []engine.Cause{tt.cause}}
		got := said(t, view.Card(i, nil, workspace))
		if !strings.Contains(got, tt.want) || strings.Contains(got, tt.not) {
			t.Errorf("%+v: card says %s; want %q and no %q", tt.cause, got, tt.want, tt.not)
		}
	}
}

func TestCardWakesOnlyWhileOpen(t *testing.T) {
	const group = "<!subteam^S0ONCALL>"
	for status, want := range map[engine.Status]bool{engine.Open: true, engine.Acknowledged: false, engine.Resolved: false} {
		i := diagnosed()
		i.Status = status
		m := view.Card(i, oncall, workspace)
		if got := strings.Contains(m.Text, group); got != want {
			t.Errorf("%s: the notification mentions the on-call: %v, want %v", status, got, want)
		}
	}
	again := diagnosed()
	again.Timeline = append(again.Timeline, engine.Event{ID: 9, Kind: "reopened", Text: "It fires again"})
	if m := must(view.Event(again, 9, oncall)); !strings.Contains(m.Text, group) {
		t.Errorf("a reopened incident wakes nobody: %q", m.Text)
	}
	if m := must(view.Event(again, 2, oncall)); strings.Contains(m.Text, group) {
		t.Errorf("a diagnosis wakes the on-call: %q", m.Text)
	}
}

func TestEventIsMissing(t *testing.T) {
	if _, err := view.Event(opened(), 7, nil); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("error %v, want not_found", err)
	}
}

func TestKeysSurviveTheButton(t *testing.T) {
	for _, b := range view.Card(diagnosed(), nil, workspace).Blocks {
		if block, ok := b.(*slack.ActionBlock); ok && view.KeyOf(block.BlockID) != engine.CardKey(42) {
			t.Errorf("block %q gives the key %q", block.BlockID, view.KeyOf(block.BlockID))
		}
	}
	if got := view.KeyOf("aB3=x"); got != "" {
		t.Errorf("a foreign block id gives the key %q", got)
	}
	if got := view.ActionOf("verdict:right"); got != "verdict" {
		t.Errorf("action %q, want verdict", got)
	}
}

func TestDiagnosisTooLongBecomesAFile(t *testing.T) {
	i := diagnosed()
	short := view.Diagnosis(i)
	if len(short.Files) > 0 {
		t.Fatalf("a short diagnosis has a file: %+v", short.Files)
	}
	for n := range 60 {
		id := "log/" + strings.Repeat("i", n+2)
		i.Diagnosis.Evidence = append(i.Diagnosis.Evidence, engine.Evidence{ID: id, Text: "line number " + id, At: t0})
		i.Diagnosis.Causes[0].For = append(i.Diagnosis.Causes[0].For, id)
	}
	long := view.Diagnosis(i)
	if len(long.Files) != 1 {
		t.Fatal("a long diagnosis has no file")
	}
	if !strings.Contains(long.Files[0].Content, "line number log/"+strings.Repeat("i", 61)) {
		t.Error("the file does not hold the last line")
	}
	i.Considered = append(i.Considered, engine.Consideration{At: t0, Signal: "one more", Verdict: "joined"})
	if again := view.Diagnosis(i); again.Files[0].Name != long.Files[0].Name {
		t.Errorf("a joining signal makes a new file: %s, then %s", long.Files[0].Name, again.Files[0].Name)
	}
	i.Diagnosis.Causes[0].Title = "something else"
	if other := view.Diagnosis(i); other.Files[0].Name == long.Files[0].Name {
		t.Errorf("another cause keeps the file %s", other.Files[0].Name)
	}
}

func TestLogsKeepTheNewest(t *testing.T) {
	var lines []string
	for n := range 500 {
		lines = append(lines, "line "+time.Duration(n).String()+" "+strings.Repeat("x", 80))
	}
	got := said(t, view.Reply(engine.Reply{Logs: &engine.LogExcerpt{Pod: "p", Container: "c", Lines: lines}}, ""))
	if !strings.Contains(got, "line 499ns ") || strings.Contains(got, "line 0s ") {
		t.Error("the oldest lines are shown instead of the newest")
	}
	if !strings.Contains(got, "the newest ") {
		t.Error("nothing says that lines were left out")
	}
}
