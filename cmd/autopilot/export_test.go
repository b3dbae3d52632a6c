package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

// TestExportAndCalibrate writes what people answered to a file, and looks that the file and the database say the same of it.
func TestExportAndCalibrate(t *testing.T) {
	url := storetest.URL(t)
	t.Setenv("AUTOPILOT_DATABASE_URL", url)
	st := storetest.Open(t, url, store.Options{})
	ada := engine.Person{ID: "U1", Name: "Ada"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 {
		of := engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: fmt.Sprint("api-", n)}
		now := time.Now()
		must(st.Observe(t.Context(), engine.Observation{Source: engine.SourceWatch, Workload: of, At: now, Signals: []engine.Signal{{
			Source: engine.SourceWatch, ID: of.Name, Workload: of, Class: engine.ClassCrashLoop, Severity: engine.Critical, Summary: "password=hunter2hunter2", StartsAt: now,
		}}}))
		id := int64(n + 1)
		must(st.SaveDiagnosis(t.Context(), engine.Diagnosis{IncidentID: id, At: now, Causes: []engine.Cause{{Rule: "crash/dns", Title: "cannot resolve db", Confidence: 0.85}}}))
		_, err := st.Decide(t.Context(), engine.Decision{ID: of.Name, Action: engine.ActionVerdict, IncidentID: id, By: ada, At: now, Allowed: true, Right: n > 0})
		must(err)
	}

	file := filepath.Join(t.TempDir(), "incidents.jsonl")
	if code, out, errs := call(t, "export", "incidents", "-o", file); code != 0 || out != "" || errs != "3 incidents\n" {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	data, err := os.ReadFile(file)
	must(err)
	if strings.Contains(string(data), "hunter2") || strings.Count(string(data), "\n") != 3 {
		t.Errorf("the file:\n%s", data)
	}
	if code, out, _ := call(t, "export", "incidents", "-since", "1h"); code != 0 || out != string(data) {
		t.Errorf("another call gives other bytes: %d\n%s", code, out)
	}
	if code, out, _ := call(t, "export", "incidents", "-until", "1h"); code != 0 || out != "" {
		t.Errorf("before an hour ago: %d\n%s", code, out)
	}

	code, fromFile, errs := call(t, "calibrate", "-in", file)
	if code != 0 || errs != "" {
		t.Fatalf("%d %s", code, errs)
	}
	for _, want := range []string{
		"3 answers, 2 of them right; the confidence that was shown is known of 3", "Brier score 0.2558 as shown", "0.8 to 0.9  3        0.85       0.67",
		"crash/dns  2      1      0.82    0.60        0.25 and 0.90  what is stated",
	} {
		if !strings.Contains(fromFile, want) {
			t.Errorf("no %q in\n%s", want, fromFile)
		}
	}
	if code, fromRows, _ := call(t, "calibrate"); code != 0 || fromRows != fromFile {
		t.Errorf("the rows say otherwise: %d\n%s", code, fromRows)
	}
}

func TestExportWrongCalls(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.jsonl")
	if err := os.WriteFile(bad, []byte("{\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"export", 2, "autopilot export incidents"},
		{"export ledger", 2, "the ledger is /autopilot savings export"},
		{"export -h", 0, "docs/export.md"},
		{"export incidents -h", 0, "-since"},
		{"export incidents now", 2, `takes no argument "now"`},
		{"export incidents -since yesterday", 2, `-since "yesterday" is no time; right would be 2026-11-01`},
		{"export incidents -since 1d -until 2d", 2, "-since 1d is not before -until 2d"},
		{"export incidents -form csv", 2, "flag provided but not defined: -form"},
		{"calibrate -in " + bad, 1, "line 1 is not a record"},
		{"calibrate -in " + bad + ".gone", 1, "the file cannot be read"},
		{"calibrate -h", 0, "from 30 answers on"},
		{"calibrat", 2, `did you mean "calibrate"?`},
	} {
		if code, _, errs := call(t, strings.Fields(c.args)...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%s: %d %s", c.args, code, errs)
		}
	}
}

// TestIntoLeavesNoHalfFile looks that what cannot be written whole is not there at all, and that what was there before stays.
func TestIntoLeavesNoHalfFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "out")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := into(file, nil, func(w io.Writer) error {
		_, _ = w.Write([]byte("half"))
		return engine.Errorf(engine.Unavailable, "the database is away")
	})
	if engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("error %v", err)
	}
	if data, _ := os.ReadFile(file); string(data) != "old" {
		t.Errorf("the file has %q", data)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
}
