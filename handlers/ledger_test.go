package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestParseLedger(t *testing.T) {
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	until := measuredUntil(noon)
	span := engine.LedgerFilter{From: until.AddDate(0, 0, -ledgerDays), To: until}
	with := func(change func(*engine.LedgerFilter)) engine.LedgerFilter {
		f := span
		change(&f)
		return f
	}
	for text, want := range map[string]query{
		"savings ledger":              {verb: "ledger", ledger: span},
		"savings LEDGER payments":     {verb: "ledger", ledger: span, bare: "payments"},
		"savings ledger node by=type": {verb: "ledger", ledger: with(func(f *engine.LedgerFilter) { f.Type, f.By = engine.IdleNode, engine.LedgerByType })},
		"savings ledger team=a cluster=b ns=c type=cpu": {verb: "ledger", ledger: with(func(f *engine.LedgerFilter) {
			f.Team, f.Cluster, f.Namespace, f.Type = "a", "b", "c", engine.OverRequestedCPU
		})},
		"savings ledger 2025-01":                {verb: "ledger", ledger: engine.LedgerFilter{From: day("2025-01-01"), To: day("2025-02-01")}},
		"savings ledger 2025-01-05..2025-01-06": {verb: "ledger", ledger: engine.LedgerFilter{From: day("2025-01-05"), To: day("2025-01-07")}},
		"savings export":                        {verb: "export", format: "csv", ledger: span},
		"savings export FOCUS volumes platform": {verb: "export", format: "focus", bare: "platform", ledger: with(func(f *engine.LedgerFilter) { f.Type = engine.OrphanVolume })},
	} {
		got, err := parse(text, noon)
		if err != nil {
			t.Errorf("parse(%q): %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(query{})); d != "" {
			t.Errorf("parse(%q): %s", text, d)
		}
	}
	for text, want := range map[string]string{
		"savings ledger a b":                    "one word too many; a team or cluster",
		"savings ledger week 2025-01":           "one word too many; a time",
		"savings ledger type=disk":              "cpu, memory, node or volume",
		"savings ledger by=hour":                "by=team, by=namespace, by=cluster or by=type",
		"savings ledger team=":                  "`team=` wants a value",
		"savings ledger colour=red":             "known: team, cluster, namespace, type, by",
		"savings ledger 2025-13":                "is not a time",
		"savings ledger 2025-01-05..x":          "`x` is no day; such as",
		"savings ledger x..2025-01-05":          "`x` is no day; such as",
		"savings ledger 2025-01-05..2025-01-04": "the first day comes first",
		"savings ledger 9999-01":                "in the future",
	} {
		if _, err := parse(text, noon); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%q) = %v; want invalid, with %q", text, err, want)
		}
	}
}

func FuzzParseLedger(f *testing.F) {
	for _, s := range []string{"", "week", "2026-01", "2026-01-01..2026-01-31", "by=team", "team=x cpu", "..", "2026-", "focus node"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, verb := range ledgerVerbs {
			q, err := parse("savings "+verb+" "+s, noon)
			if err != nil {
				if engine.CodeOf(err) != engine.Invalid {
					t.Fatalf("%q: %v", s, err)
				}
				continue
			}
			if q.verb != verb || q.ledger.From.IsZero() || !q.ledger.From.Before(q.ledger.To) {
				t.Fatalf("%q: %+v", s, q)
			}
		}
	})
}

func TestLedger(t *testing.T) {
	w := newMeasureWorld(t)
	w.tick()
	w.implement()
	w.request = 0.5
	w.clock = w.clock.AddDate(0, 0, 2)
	w.tick()
	r, err := w.Command(t.Context(), command("UEVE", "savings ledger prod by=namespace"))
	if err != nil || r.Ledger == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	until := measuredUntil(w.clock)
	if want := (engine.LedgerFilter{Cluster: "prod", From: until.AddDate(0, 0, -ledgerDays), To: until, By: engine.LedgerByNamespace, Limit: listed}); w.chains.filter != want {
		t.Errorf("asked for %+v; want %+v", w.chains.filter, want)
	}
	if r.Ledger.Verified <= 0 || !strings.Contains(r.Ledger.Filter, ", cluster prod") {
		t.Errorf("%+v", r.Ledger)
	}
	if _, err := w.Command(t.Context(), command("UEVE", "savings ledger month")); err != nil || w.chains.filter.To.After(until) {
		t.Errorf("%v; a day that is not over counts as missed: %+v", err, w.chains.filter)
	}
	if _, err := w.Command(t.Context(), command("UEVE", "savings ledger cluster=nowhere")); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("%v", err)
	}
	if _, err := w.Command(t.Context(), command("UEVE", "savings ledger somebody")); err != nil || w.chains.filter.Team != "somebody" {
		t.Errorf("%v, %+v; want a team", err, w.chains.filter)
	}
}

func TestExport(t *testing.T) {
	w := newMeasureWorld(t)
	r, err := w.Command(t.Context(), command("UEVE", "savings export"))
	if err != nil || r.File != nil || !strings.HasPrefix(r.Text, "The ledger has nothing to export") {
		t.Errorf("%+v, %v of an empty ledger", r, err)
	}
	w.tick()
	w.implement()
	w.request = 0.5
	w.clock = w.clock.AddDate(0, 0, 2)
	w.tick()
	for format, column := range map[string]string{"csv": "amount_usd", "focus": "EffectiveCost"} {
		r, err := w.Command(t.Context(), command("UEVE", "savings export cpu "+format))
		if err != nil || r.File == nil || !strings.Contains(r.File.Content, column) || !strings.Contains(r.File.Content, "2.160000") ||
			!strings.HasPrefix(r.File.Name, "savings-"+format+"-") || !strings.HasSuffix(r.File.Name, ".csv") || !strings.Contains(r.Text, "direct message") {
			t.Errorf("%s: %+v, %v", format, r, err)
		}
	}
	w.Waste.Ledger = nil
	if _, err := w.Command(t.Context(), command("UEVE", "savings export")); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("without a ledger: %v", err)
	}
}
