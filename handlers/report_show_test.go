package handlers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestParseReport(t *testing.T) {
	for text, want := range map[string]string{
		"report":                                "2026-W08 / ",
		"report weekly":                         "2026-W08 / ",
		"report Week last":                      "2026-W08 / ",
		"report last week":                      "2026-W08 / ",
		"report this":                           "2026-W09 / ",
		"report this month":                     "2026-03 / ",
		"report monthly":                        "2026-02 / ",
		"report monthly last payments":          "2026-02 / payments",
		"report 2026-W07":                       "2026-W07 / ",
		"report weekly 2026-w7 prod":            "2026-W07 / prod",
		"report 2025-12 team=pay cluster=prod":  "2025-12 pay/prod ",
		"report monthly period=2026-01":         "2026-01 / ",
		"report weekly 2026-02-19 team=monthly": "2026-W08 monthly/ ",
	} {
		q, err := parse(text, noon)
		if got := q.period.String() + " " + q.scope.Team + "/" + q.scope.Cluster + " " + q.bare; err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"report wekly":                "did you mean `/autopilot report weekly`?",
		"report weekly monthly":       "a report is weekly or monthly",
		"report weekly 2026-10":       "a weekly one is right",
		"report monthly 2026-W07":     "a monthly one is right",
		"report 2026-W54":             "there is no week 54",
		"report 2026-W20":             "has not begun yet",
		"report monthly 2026-13":      "there is no month 13",
		"report weekly 2026-W07 last": "a period was named already",
		"report weekly pay prod":      "a team or cluster was named already",
		"report team=":                "`team=` wants a value behind it",
		"report owner=x":              "known: team, cluster, period",
		"report weekly period=soon":   "2026-W47",
		"repor":                       "did you mean `/autopilot report`?",
	} {
		if _, err := parse(text, noon); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func TestReportAnswersTheAsker(t *testing.T) {
	r := newReporting(t, "2026-03-01 12:00")
	ask := func(by, text string) (engine.Reply, error) {
		return r.Command(t.Context(), engine.Command{ID: "c", By: engine.Person{ID: by}, Text: text})
	}
	reply, err := ask("UCAT", "report weekly dev")
	if err != nil || reply.Digest == nil || reply.File == nil {
		t.Fatalf("%+v, %v", reply, err)
	}
	if reply.Digest.Scope != (engine.DigestScope{Cluster: "dev"}) || reply.File.Name != "autopilot-2026-W08-dev.html" || reply.File.Title != "Week 2026-W08, cluster dev" || !strings.Contains(reply.File.Content, "<html") {
		t.Errorf("%+v, file %q %q", reply.Digest.Scope, reply.File.Name, reply.File.Title)
	}
	if reply, err = ask("UCAT", "report weekly payments"); err != nil || reply.Digest.Scope != (engine.DigestScope{Team: "payments"}) {
		t.Errorf("%+v, %v", reply.Digest, err)
	}

	kept, err := r.book.SaveDigest(t.Context(), *reply.Digest, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := r.book.read
	if reply, err = ask("UCAT", "report weekly team=payments"); err != nil || r.book.read != before {
		t.Errorf("%v; want the one that was told", err)
	} else if diff := cmp.Diff(kept, *reply.Digest); diff != "" {
		t.Error(diff)
	}

	if _, err := ask("UCAT", "report weekly cluster=prd"); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), "did you mean `cluster=prod`?") {
		t.Errorf("%v", err)
	}
	r.book.empty = true
	for text, want := range map[string]string{
		"report 2024-W01":         "nothing is known of 2024-W01; the first day with costs is 1 January 2025, in 2025-W01",
		"report 2024-11":          "nothing is known of 2024-11; the first day with costs is 1 January 2025, in 2025-01",
		"report weekly pay":       "nothing is known of 2026-W08, team pay; the first day with costs is 1 January 2025, in 2025-W01",
		"report weekly shopp":     "no cost is known of a team `shopp`; did you mean team `shop`?",
		"report weekly prd":       "no cost is known of a team `prd`; did you mean cluster `prod`?",
		"report weekly team=Shop": "no cost is known of a team `Shop`; did you mean team `shop`?",
		"report weekly nobody":    "no cost is known of a team `nobody`; known: `pay`, `shop`",
	} {
		if _, err := ask("UCAT", text); engine.CodeOf(err) != engine.NotFound || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
	r.Policy.Roles = r.Policy.Roles[:1]
	if _, err := ask("UCAT", "report weekly"); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("%v; want that only who may look sees it", err)
	}
}
