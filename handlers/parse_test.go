package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestParse(t *testing.T) {
	cases := []struct {
		text string
		want query
	}{
		{"", query{verb: "help"}},
		{"  HELP ", query{verb: "help"}},
		{"status", query{verb: "status"}},
		{"show 42", query{verb: "show", id: 42}},
		{"show #42", query{verb: "show", id: 42}},
		{"incident 42", query{verb: "show", id: 42}},
		{"show 42 Export", query{verb: "export_incident", id: 42}},
		{"pause the  migration runs", query{verb: "pause", reason: "the migration runs"}},
		{"resume", query{verb: "resume"}},
		{"incidents", query{verb: "incidents"}},
		{"incidents payments", query{verb: "incidents", filter: engine.IncidentFilter{Namespace: "payments"}}},
		{"incidents payments/api critical", query{verb: "incidents", filter: engine.IncidentFilter{Namespace: "payments", Workload: "api", Severity: engine.Critical}}},
		{"incidents mine resolved", query{verb: "incidents", mine: true, filter: engine.IncidentFilter{Status: engine.Resolved}}},
		{"incidents all", query{verb: "incidents", filter: engine.IncidentFilter{AnyStatus: true}}},
		{"incidents cluster=prod ns=shop class=oom-killed", query{verb: "incidents", filter: engine.IncidentFilter{Cluster: "prod", Namespace: "shop", Class: engine.ClassOOMKilled}}},
		{"incidents last=2h", query{verb: "incidents", filter: engine.IncidentFilter{Since: noon.Add(-2 * time.Hour), AnyStatus: true}}},
		{"incidents open last=7d", query{verb: "incidents", filter: engine.IncidentFilter{Since: noon.Add(-7 * 24 * time.Hour), Status: engine.Open}}},
	}
	for _, c := range cases {
		got, err := parse(c.text, noon)
		if err != nil {
			t.Errorf("parse(%q): %v", c.text, err)
			continue
		}
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(query{})); d != "" {
			t.Errorf("parse(%q): %s", c.text, d)
		}
	}
}

func TestParseSaysWhatWouldBeRight(t *testing.T) {
	cases := []struct{ text, want string }{
		{"statsu", "did you mean `/autopilot status`?"},
		{"incident", "did you mean `/autopilot incidents`?"},
		{"inc", "did you mean `/autopilot incidents`?"},
		{"deploy", "`/autopilot help` lists what I do"},
		{"`rm -rf`", "I do not know `rm`"},
		{"show", "such as `/autopilot show 42`"},
		{"show 42 pdf", "`export` gives it as a file"},
		{"show 42 export now", "`/autopilot show 42 export` gives it as a file"},
		{"show forty", `"forty" is not an incident's number`},
		{"show -1", `"-1" is not an incident's number`},
		{"show 99999999999999999999", "is not an incident's number"},
		{"status now", "`status` takes nothing behind it"},
		{"incidents severity=bad", "critical, warning or info"},
		{"incidents status=closed", "open, acknowledged, resolved, all"},
		{"incidents class=oom_kiled", "did you mean `class=oom_killed`?"},
		{"incidents class=sad", "known: crash_loop, oom_killed"},
		{"incidents last=soon", "such as last=2h or last=7d"},
		{"incidents last=-2h", "such as last=2h or last=7d"},
		{"incidents a b", "one word too many"},
		{"incidents colour=red", "I do not know the filter `colour`"},
		{"incidents cluster=", "`cluster=` wants a value"},
	}
	for _, c := range cases {
		_, err := parse(c.text, noon)
		if engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("parse(%q) = %v; want invalid, with %q", c.text, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "help", "show 1", "incidents a/b critical last=3d", "pause x", "incidents ``` class=", "\u202estatus", "show \u200b7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parse(text, noon)
		if err != nil {
			if engine.CodeOf(err) != engine.Invalid {
				t.Errorf("parse(%q): code %s, want invalid", text, engine.CodeOf(err))
			}
			// A person's own backquotes must not end the code spans of the answer.
			if strings.Count(err.Error(), "`")%2 != 0 {
				t.Errorf("parse(%q): unbalanced code span in %q", text, err)
			}
			return
		}
		if q.verb == "" || q.verb == "show" && q.id < 1 || len([]rune(q.reason)) > 300 {
			t.Errorf("parse(%q) = %+v", text, q)
		}
	})
}
