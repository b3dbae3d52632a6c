package rca

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func linesOf(texts ...string) []LogLine {
	var all []LogLine
	for _, s := range texts {
		all = append(all, LogLine{Text: s})
	}
	return all
}

func textsOf(evidence []engine.Evidence) []string {
	var all []string
	for _, e := range evidence {
		all = append(all, e.Text)
	}
	return all
}

func TestLogEvidenceShowsTheEndAndTheTellingLines(t *testing.T) {
	lines := linesOf("panic: first", "dial tcp: connect db:5432: connection refused", "panic: second")
	for n := range maxLast {
		lines = append(lines, LogLine{Text: fmt.Sprintf("line %d", n)})
	}
	pod := engine.ObjectRef{Kind: "Pod", Namespace: "pay", Name: "api-1"}
	all := LogEvidence("log/api-1/app/false", pod, "app", "false", lines)
	got := textsOf(all)
	if len(got) != maxLast+2 || got[0] != lines[1].Text || got[1] != "panic: second" || got[len(got)-1] != "line 19" {
		t.Errorf("excerpt: %q", got)
	}
	want := engine.Evidence{
		ID: "log/api-1/app/false/2", Kind: engine.EvidenceLog, Object: pod, Container: "app", Text: "panic: second",
		Fields: map[string]string{"line": "panic: second", "signature": "panic", "previous": "false"},
	}
	if diff := cmp.Diff(want, all[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e := LogEvidence("x", pod, "app", "", linesOf("", "hello"))[0]; len(e.Fields) != 1 || e.Text != "hello" {
		t.Errorf("an empty line, and a run that nobody knows: %+v", e)
	}
}

func TestCleanLines(t *testing.T) {
	key := strings.Repeat("Ab0+", 16)
	lines := linesOf("\x1b[31mred\x1b[0m\x07 token=hunter2", "-----BEGIN EC PRIVATE KEY-----", key, "-----END EC PRIVATE KEY-----", strings.Repeat("é", maxLogLine))
	CleanLines(lines)
	if lines[0].Text != "red token=***" || lines[0].Redactions != 1 || strings.Contains(fmt.Sprint(lines), key) {
		t.Errorf("%+v", lines[:4])
	}
	if long := lines[4].Text; len(long) > maxLogLine || !utf8.ValidString(long) || !strings.HasSuffix(long, "…") {
		t.Errorf("a long line has %d bytes", len(long))
	}
}

func TestALineIsToldOnce(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	line := func(collector, pod, text string, at time.Time) engine.Evidence {
		return engine.Evidence{
			ID: collector + pod + text, Collector: collector, Kind: engine.EvidenceLog, Object: engine.ObjectRef{Kind: "Pod", Namespace: "pay", Name: pod, UID: collector},
			Container: "app", At: at, Text: text, Fields: map[string]string{"line": text},
		}
	}
	kept := []engine.Evidence{
		line("logs", "a", "panic: x", at), line("logs", "a", "panic: x", at), // the program said it twice
		line("loki", "b", "panic: x", at), line("loki", "a", "panic: y", at), line("loki", "a", "panic: x", at.Add(-time.Minute)),
		{ID: "e", Collector: "loki", Kind: engine.EvidenceEvent, Text: "panic: x"},
	}
	got := once(append(kept[:2:2], append([]engine.Evidence{line("loki", "a", "panic: x", at.Add(time.Millisecond))}, kept[2:]...)...))
	if diff := cmp.Diff(kept, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d := Rank(engine.Incident{}, append(kept[:1:1], line("loki", "a", "panic: x", at)), nil, nil, at); len(d.Evidence) != 1 {
		t.Errorf("the diagnosis holds %d lines", len(d.Evidence))
	}
}
