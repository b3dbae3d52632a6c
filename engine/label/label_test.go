package label_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/label"
)

var update = flag.Bool("update", false, "write the golden file")

var t0 = time.Date(2026, 11, 22, 3, 12, 5, 0, time.UTC)

const secret = "hunter2"

// redact stands in for the real one.
func redact(s string) string { return strings.ReplaceAll(s, secret, "***") }

// kept has a secret in every text that a person or a cluster can write.
func kept() label.Kept {
	who := engine.Person{ID: "U1", Name: "Ada"}
	pod := engine.ObjectRef{Kind: "Pod", Namespace: "payments", Name: "api-1"}
	cause := engine.Cause{Rule: "crash/dns", Title: "cannot resolve db", Confidence: 0.8, Basis: engine.Prior, For: []string{"log/1"}, Step: engine.Step{Text: "Look at DNS."}}
	text := "pass=" + secret
	return label.Kept{
		Incident: engine.Incident{
			ID: 42, Workload: engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "api"}, Fingerprint: "f00",
			Severity: engine.Critical, Status: engine.Resolved, Classes: []engine.Class{engine.ClassCrashLoop}, Title: "payments/api is crash-looping " + text,
			Thread: engine.Thread{Channel: "C1", TS: "1790000000.000100"}, StartedAt: t0, DetectedAt: t0.Add(time.Second), ResolvedAt: t0.Add(time.Hour), ResolvedBy: who, Health: &engine.Health{Desired: 2, Ready: 1},
			Signals: []engine.Signal{
				{Source: engine.SourceWatch, ID: "b", Class: engine.ClassCrashLoop, Severity: engine.Critical, Object: pod, Summary: text, StartsAt: t0.Add(time.Minute)},
				{Source: engine.SourceAlert, ID: "a", Class: engine.ClassAlert, Severity: engine.Warning, Summary: text, StartsAt: t0, EndsAt: t0.Add(time.Hour)},
			},
			Considered: []engine.Consideration{{At: t0, Signal: text, Class: engine.ClassCrashLoop, Source: engine.SourceWatch, Verdict: "opened", Reason: text}},
			Diagnosis: engine.Diagnosis{
				At: t0.Add(time.Minute), Causes: []engine.Cause{cause},
				Evidence:   []engine.Evidence{{ID: "log/1", Collector: "logs", Kind: engine.EvidenceLog, Object: pod, Text: text, Fields: map[string]string{"line": text, "a": "1"}}},
				Gaps:       []engine.Gap{{Collector: "events", Reason: "late"}},
				LastChange: &engine.Change{At: t0, By: "argocd", Text: text, Details: []string{text}},
			},
			Verdicts: []engine.Verdict{{At: t0.Add(2 * time.Minute), By: who, Rule: "crash/dns", Correction: text}, {At: t0, By: who, Rule: "gone"}},
			Timeline: []engine.Event{{ID: 1, At: t0, Kind: "resolved", By: who, Text: text, Times: 2}},
			Children: []engine.Incident{{ID: 44}, {ID: 43}},
		},
		Diagnoses: []engine.Diagnosis{{At: t0.Add(time.Minute), Causes: []engine.Cause{cause}}},
		Decisions: []engine.Decision{{At: t0, By: who, Action: engine.ActionResolve, Allowed: true, Reason: text}},
		Remedies:  []label.Remedy{{At: t0, By: "U1", Kind: engine.RemedyUndo, Status: engine.RemedyDone, Text: text, Outcome: text}},
		Fixes:     []engine.Fix{{Kind: engine.FixPerson, At: t0, By: who, Text: text}},
	}
}

func line(t *testing.T, k label.Kept) string {
	t.Helper()
	var b bytes.Buffer
	if err := label.Write(&b, label.RecordOf(k, redact)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRecord holds the form that docs/export.md describes: a field that is renamed is another schema.
func TestRecord(t *testing.T) {
	got := line(t, kept())
	if strings.Contains(got, secret) {
		t.Errorf("a secret went out:\n%s", got)
	}
	if strings.Contains(got, "Ada") {
		t.Error("a name went out; ids are enough")
	}
	if strings.Count(got, "\n") != 1 || line(t, kept()) != got {
		t.Error("not one line, or not the same again")
	}
	path := filepath.Join("testdata", "record.json")
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(got), "", "  "); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, pretty.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestEmpty looks that lists are lists, also where there is nothing: readers in other languages stumble over null.
func TestEmpty(t *testing.T) {
	if got := line(t, label.Kept{}); strings.Contains(got, "null") {
		t.Errorf("null in %s", got)
	}
}

func TestShownConfidence(t *testing.T) {
	at := func(minute int, confidence float64, rule string) engine.Diagnosis {
		return engine.Diagnosis{At: t0.Add(time.Duration(minute) * time.Minute), Causes: []engine.Cause{{Rule: "other", Confidence: 0.9}, {Rule: rule, Confidence: confidence}}}
	}
	cases := map[string]struct {
		diagnoses []engine.Diagnosis
		want      float64 // -1 for none
	}{
		"none kept":                {nil, -1},
		"never said":               {[]engine.Diagnosis{at(1, 0.5, "another")}, -1},
		"the newest before":        {[]engine.Diagnosis{at(4, 0.5, "r"), at(1, 0.4, "r"), at(9, 0.6, "r")}, 0.5},
		"not one without the rule": {[]engine.Diagnosis{at(1, 0.4, "r"), at(4, 0.5, "another")}, 0.4},
		"the first after":          {[]engine.Diagnosis{at(9, 0.6, "r"), at(7, 0.3, "r")}, 0.3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				r := label.RecordOf(label.Kept{
					Incident: engine.Incident{Verdicts: []engine.Verdict{{At: t0.Add(5 * time.Minute), Rule: "r"}}}, Diagnoses: c.diagnoses,
				}, redact)
				got := -1.0
				if p := r.Answers[0].Confidence; p != nil {
					got = *p
				}
				if got != c.want {
					t.Errorf("%v, want %v", got, c.want)
				}
				for a, b := 0, len(c.diagnoses)-1; a < b; a, b = a+1, b-1 { // and in the other order
					c.diagnoses[a], c.diagnoses[b] = c.diagnoses[b], c.diagnoses[a]
				}
			}
		})
	}
}

func TestRead(t *testing.T) {
	good := line(t, kept())
	cases := map[string]struct {
		file string
		n    int
		want string // of the error; "" for none
	}{
		"nothing":           {"", 0, ""},
		"two, and a blank":  {good + "\n" + good, 2, ""},
		"no end of line":    {strings.TrimSuffix(good, "\n"), 1, ""},
		"not JSON":          {good + "{", 1, "line 2 is not a record"},
		"a later version":   {strings.Replace(good, "/v1", "/v2", 1), 0, `line 1 has the schema "autopilot.incident/v2"; this version reads autopilot.incident/v1`},
		"something else":    {`{"a":1}`, 0, `line 1 has the schema ""`},
		"another type":      {`{"schema":"autopilot.incident/v1","id":"x"}`, 0, "line 1 is not a record"},
		"nothing after bad": {"x\n" + good, 0, "line 1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n := 0
			var failed error
			for r, err := range label.Read(strings.NewReader(c.file)) {
				if err != nil {
					failed = err
					continue
				}
				n++
				if !reflect.DeepEqual(r.Answers, label.RecordOf(kept(), redact).Answers) {
					t.Errorf("answers %+v", r.Answers)
				}
			}
			if n != c.n || (failed == nil) != (c.want == "") || failed != nil && (!strings.Contains(failed.Error(), c.want) || engine.CodeOf(failed) != engine.Invalid) {
				t.Errorf("%d records, %v", n, failed)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"schema":"autopilot.incident/v1","id":1,"answers":[{"rule":"a","right":true}]}` + "\n"))
	f.Add([]byte("\n\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		over := false
		for r, err := range label.Read(bytes.NewReader(data)) {
			if over {
				t.Fatal("it goes on after an error")
			}
			if over = err != nil; over {
				if engine.CodeOf(err) != engine.Invalid {
					t.Fatalf("code %q of %v", engine.CodeOf(err), err)
				}
				continue
			}
			var b bytes.Buffer
			if err := label.Write(&b, r); err != nil {
				t.Fatal(err)
			}
			for again, err := range label.Read(&b) {
				if err != nil || !reflect.DeepEqual(again.Answers, r.Answers) {
					t.Fatalf("written and read again: %+v, %v", again, err)
				}
			}
		}
	})
}
