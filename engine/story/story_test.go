package story_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/story"
)

var update = flag.Bool("update", false, "write the golden files")

var t0 = time.Date(2026, 11, 22, 3, 12, 5, 0, time.UTC)

func full() engine.Story {
	ana, ben := engine.Person{ID: "U0ANA", Name: "ana"}, engine.Person{ID: "U0BEN", Name: "ben"}
	pod := engine.ObjectRef{Kind: "Pod", Namespace: "payments", Name: "api-7f9c-x2"}
	end := t0.Add(47 * time.Minute)
	return engine.Story{
		Incident: engine.Incident{
			ID: 42, Workload: engine.Workload{Cluster: "prod-eu", Namespace: "payments", Kind: "Deployment", Name: "api"},
			Severity: engine.Critical, Status: engine.Resolved, Classes: []engine.Class{engine.ClassCrashLoop, engine.ClassReplicasMissing},
			Title: "payments/api is crash-looping", StartedAt: t0, DetectedAt: t0.Add(8 * time.Second), ResolvedAt: end, ResolvedBy: ben, Reopened: 1,
			Signals: []engine.Signal{
				{Source: engine.SourceAlert, ID: "b", Summary: "2 of 4 replicas", StartsAt: t0.Add(time.Minute)},
				{Source: engine.SourceWatch, ID: "a", Summary: "container api of pod api-7f9c-x2 is crash-looping", StartsAt: t0, EndsAt: end},
			},
			Diagnosis: engine.Diagnosis{
				At: t0.Add(20 * time.Second),
				Causes: []engine.Cause{
					{
						Rule: "crash/dependency-refused", Title: "cannot reach db:5432", Basis: engine.Calibrated, Confidence: 0.8, Verdicts: 41,
						Text: "Nothing listens there.", For: []string{"log/1", "gone"}, Against: []string{"change/1"},
					},
					{Rule: "change/image", Title: "the change of the image", Basis: engine.Prior, Confidence: 0.15, For: []string{"change/1"}},
				},
				Evidence: []engine.Evidence{
					{ID: "log/1", Kind: engine.EvidenceLog, Object: pod, Container: "api", At: t0.Add(-time.Second), Text: "FATAL: cannot connect to db:5432: connection refused"},
					{ID: "change/1", Kind: engine.EvidenceChange, Text: "image 1.4.1 → 1.4.2 (container api)"},
				},
				Gaps: []engine.Gap{{Collector: "node conditions", Reason: "timeout after 5 s"}},
				LastChange: &engine.Change{
					At: t0.Add(-4 * time.Minute), By: "argocd", Revision: "17", Text: "image 1.4.1 → 1.4.2 (container api)",
					Details: []string{"image 1.4.1 → 1.4.2 (container api)", "env LOG_LEVEL info → debug"},
				},
			},
			Verdicts: []engine.Verdict{
				{At: end, By: ben, Rule: "crash/dependency-refused", Right: true},
				{At: end, By: ana, Rule: "change/image", Correction: "it was rolled back without effect"},
				{At: end, By: ana, Rule: "oom/limit"},
			},
			Timeline: []engine.Event{
				{ID: 1, At: t0.Add(8 * time.Second), Kind: "opened", Text: "payments/api is crash-looping"},
				{ID: 2, At: t0.Add(2 * time.Minute), Kind: "acknowledged", By: ana, Text: "Acknowledged"},
				{ID: 3, At: end, Kind: "resolved", By: ben, Text: "Resolved: db is back"},
			},
			Children: []engine.Incident{{ID: 43, Title: "shop/cart lacks replicas"}},
			Before: &engine.Former{
				ID: 17, Title: "payments/api is crash-looping", Cause: "cannot reach db:5432", SameCause: true, ResolvedAt: t0.AddDate(0, 0, -3), Times: 4,
				Fixes: []engine.Fix{{Kind: engine.FixRemedy, By: ana, Text: "Rollout undone: revision 16 → 15"}, {Kind: engine.FixItself, Text: "Resolved: no signal for 1 min"}},
			},
		},
		Detect: engine.Took{Known: true, For: 8 * time.Second}, Acknowledge: engine.Took{Known: true, For: 112 * time.Second},
		Lasted: 47 * time.Minute, Cost: 3_916_666_667, Costed: true,
		People:  []engine.Part{{By: ana, Did: []string{"acknowledged", "judged the cause"}}, {By: ben, Did: []string{"resolved"}}},
		Fixes:   []engine.Fix{{Kind: engine.FixChange, At: t0.Add(40 * time.Minute), By: ana, Text: "Merged: db gets its port back", URL: "https://github.com/acme/infra/pull/7"}, {Kind: engine.FixPerson, At: end, By: ben, Text: "Resolved: db is back"}},
		Missing: []string{"What its replicas cost meanwhile: bills are divided by day and namespace."},
	}
}

// hostile is the same with texts that would be links, tables, headings, mentions and HTML.
func hostile() engine.Story {
	const evil = "a|b\n# head <img src=x onerror=1> [click](http://evil.example) `code` **bold** @channel https://evil.example www.evil.example \u202eesrever $x$ ~~s~~"
	s := full()
	i := &s.Incident
	i.Title, i.Workload.Name, i.Diagnosis.Causes[0].Title, i.Diagnosis.Causes[0].Text = evil, evil, evil, evil
	i.Diagnosis.Evidence[0].Text, i.Diagnosis.Evidence[0].Object.Name = "`` x | "+evil+"`", evil
	i.Diagnosis.LastChange.Text, i.Diagnosis.LastChange.By, i.Diagnosis.Gaps[0].Reason = evil, evil, evil
	i.Verdicts[0].Correction, i.Verdicts[0].By.Name, i.Signals[0].Summary, i.Timeline[0].Text = evil, evil, evil, evil
	i.Children[0].Title, i.Before.Title, i.Before.Fixes[0].Text = evil, evil, evil
	s.Fixes[0].Text, s.Fixes[0].URL = evil, "javascript:alert(1)`|"
	return s
}

func TestMarkdown(t *testing.T) {
	running := full()
	running.Incident.Status, running.Incident.Diagnosis, running.Incident.Before, running.Incident.Children = engine.Open, engine.Diagnosis{}, nil, nil
	running.Incident.Verdicts, running.Incident.Reopened, running.People, running.Fixes = nil, 0, nil, nil
	running.Detect, running.Acknowledge, running.Costed, running.Missing = engine.Took{}, engine.Took{}, false, nil
	for name, s := range map[string]engine.Story{"full": full(), "hostile": hostile(), "open": running} {
		t.Run(name, func(t *testing.T) {
			got := story.Markdown(s)
			path := filepath.Join("testdata", name+".md")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestWhateverItIsCalled puts any text where a cluster's texts go: the page keeps its lines, and nothing in it becomes a link, HTML, a
// heading or a mention.
func TestWhateverItIsCalled(t *testing.T) {
	lines := strings.Count(story.Markdown(full()), "\n")
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"<b>", "](http://x)", "`", "``", "|", "\n", "\r", "@here", "#", "\\", "*", "_", "http://x", "www.x", "\u2028", "\u202e", "\x00", "a", " "})
		evil := "x" + strings.Join(rapid.SliceOfN(word, 0, 12).Draw(t, "text"), "")
		s := full()
		s.Incident.Title, s.Incident.Timeline[0].Text, s.Incident.Diagnosis.Causes[0].Text = evil, evil, evil
		s.Incident.Diagnosis.Evidence[0].Text, s.Incident.Signals[0].Summary, s.Fixes[0].Text = evil, evil, evil
		got := story.Markdown(s)
		if n := strings.Count(got, "\n"); n != lines {
			t.Fatalf("%d lines, want %d:\n%s", n, lines, got)
		}
		for line := range strings.SplitSeq(got, "\n") {
			outside, inCode := outsideCode(line)
			for _, bad := range []string{"<", "](", "http://", "www.", "@h"} {
				if strings.Contains(outside, bad) {
					t.Fatalf("%q in %q", bad, line)
				}
			}
			if inCode {
				t.Fatalf("a code span does not end: %q", line)
			}
			if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || r == '\u202e' || r == '\u2028' }) {
				t.Fatalf("invisible characters in %q", line)
			}
		}
	})
}

// outsideCode is a line of Markdown without its code spans, as CommonMark finds them; open tells that one was begun and not ended.
func outsideCode(line string) (rest string, open bool) {
	var b strings.Builder
	for k := 0; k < len(line); {
		switch {
		case line[k] == '\\' && k+1 < len(line):
			b.WriteByte(' ') // what is escaped means nothing
			k += 2
		case line[k] == '`':
			n := len(line[k:]) - len(strings.TrimLeft(line[k:], "`"))
			end := closing(line[k+n:], n)
			if end < 0 {
				return b.String(), true
			}
			k += n + end + n
		default:
			b.WriteByte(line[k])
			k++
		}
	}
	return b.String(), false
}

// closing finds a run of exactly n backticks.
func closing(s string, n int) int {
	for k := 0; k < len(s); {
		if s[k] != '`' {
			k++
			continue
		}
		run := len(s[k:]) - len(strings.TrimLeft(s[k:], "`"))
		if run == n {
			return k
		}
		k += run
	}
	return -1
}
