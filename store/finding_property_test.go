package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// brokenLives gives a line for each rule of a finding's life that is broken.
const brokenLives = `
	SELECT 'gaps in a history', string_agg(x::text, ' ') FROM
		(SELECT finding_id FROM finding_event GROUP BY 1 HAVING count(*) <> max(n)) q(x) HAVING count(*) > 0
	UNION ALL SELECT 'it did not begin once', string_agg(f.id::text, ' ') FROM finding f
		WHERE (SELECT count(*) FROM finding_event e WHERE e.finding_id = f.id AND e.kind = 'opened') <> 1 HAVING count(*) > 0
	UNION ALL SELECT 'its history ends otherwise', string_agg(f.id::text || ' ' || f.status, ', ') FROM finding f
		JOIN LATERAL (SELECT kind FROM finding_event e WHERE e.finding_id = f.id AND kind <> 'updated' ORDER BY n DESC LIMIT 1) e ON true
		WHERE f.status <> CASE e.kind WHEN 'closed' THEN 'closed' WHEN 'snoozed' THEN 'snoozed' WHEN 'not_waste' THEN 'not_waste' ELSE 'open' END HAVING count(*) > 0
	UNION ALL SELECT 'it was reopened more or less often', string_agg(f.id::text, ' ') FROM finding f
		WHERE f.reopened <> (SELECT count(*) FROM finding_event e WHERE e.finding_id = f.id AND e.kind = 'reopened') HAVING count(*) > 0
	UNION ALL SELECT 'a person''s word without a name or a reason', string_agg(f.id::text, ' ') FROM finding f
		WHERE (f.status IN ('snoozed', 'not_waste')) <> (f.by_id <> '' AND f.reason <> '') AND f.status <> 'closed' HAVING count(*) > 0
	UNION ALL SELECT 'an old card is wanted', string_agg(g.id::text, ' ') FROM finding_group g JOIN messages m ON m.key = g.card
		WHERE m.wanted <> g.version HAVING count(*) > 0
	UNION ALL SELECT 'too many cards in a day', string_agg(day::text, ' ') FROM
		(SELECT date_trunc('day', carded_at AT TIME ZONE 'UTC'), channel FROM finding_group WHERE carded_at IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 2) q(day) HAVING count(*) > 0
	UNION ALL SELECT 'a card and no message', count(*)::text FROM finding_group g WHERE carded_at IS NOT NULL
		AND NOT EXISTS (SELECT FROM messages m WHERE m.key = g.card) HAVING count(*) > 0
	UNION ALL SELECT 'a decision that is not audited', '' WHERE (SELECT count(*) FROM decisions) <> (SELECT count(*) FROM audit_log)`

// next begins a scan: the one that an undo asked for, if one waits.
func (w *savers) next() engine.Scan {
	w.t.Helper()
	w.scans++
	d := engine.Decision{ID: fmt.Sprint("scan", w.scans), Action: engine.ActionScan, By: ada, At: w.now(), Allowed: true}
	asked, err := w.RequestScan(w.t.Context(), d, "", "")
	if engine.CodeOf(err) != engine.Conflict {
		w.must(err)
	}
	begun, err := w.BeginScan(w.t.Context(), asked.ID)
	w.must(err)
	return begun
}

// Whatever scans find, however often they are saved, and whatever people decide meanwhile: every finding's life holds together.
func TestAnyLife(t *testing.T) {
	w := newSavers(t)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		for range rapid.IntRange(1, 6).Draw(rt, "scans") {
			w.pass(time.Duration(rapid.IntRange(1, 30).Draw(rt, "hours")) * time.Hour)
			var found []engine.Finding
			for k := range 4 {
				if rapid.Bool().Draw(rt, "found") {
					found = append(found, sizing(fmt.Sprint("r", round, "-", k), float64(rapid.IntRange(1, 60).Draw(rt, "dollars"))))
				}
			}
			blind := fmt.Sprint("r", round, "-", rapid.IntRange(0, 4).Draw(rt, "blind"))
			r := waste.Report{
				Scan: w.next(), Outcome: waste.Outcome{Findings: found},
				Judged: func(f engine.Finding) bool { return f.Target.Name != blind },
			}
			action := rapid.SampledFrom([]engine.Action{engine.ActionSnooze, engine.ActionNotWaste}).Draw(rt, "action")
			d := engine.Decision{
				ID: fmt.Sprint("d", w.scans), Action: action, By: ada, At: w.now(), Allowed: rapid.Bool().Draw(rt, "allowed"), Reason: "because",
				GroupID: int64(rapid.IntRange(1, 4*round).Draw(rt, "group")), Undo: rapid.Bool().Draw(rt, "undo"),
				Until: w.now().Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "until")) * time.Hour),
			}
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() {
					if _, err := w.SaveScan(t.Context(), r); err != nil {
						t.Error(err)
					}
				})
				all.Go(func() {
					switch _, err := w.Mute(t.Context(), d); engine.CodeOf(err) {
					case "", engine.NotFound, engine.Conflict:
					default:
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		if got := w.sql(brokenLives); got != "" {
			rt.Fatal(got)
		}
	})
	if err := w.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
}

// A save that is cut off leaves nothing behind, and the next one does all of it.
func TestASaveThatIsCutOff(t *testing.T) {
	w := newSavers(t)
	var found []engine.Finding
	for k := range 50 {
		found = append(found, sizing(fmt.Sprint("w", k), float64(20+k)))
	}
	r := waste.Report{Scan: w.begin("", ""), Judged: everything, Outcome: waste.Outcome{Findings: found}, Holding: []string{"a"}}
	const counts = `SELECT (SELECT count(*) FROM finding), (SELECT count(*) FROM finding_group), (SELECT count(*) FROM finding_event),
		(SELECT count(*) FROM messages), (SELECT count(*) FROM clock), (SELECT count(*) FROM scan WHERE finished_at IS NOT NULL)`
	tries := 0
	for patience := time.Millisecond; ; patience += patience/2 + time.Millisecond {
		tries++
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := w.SaveScan(ctx, r)
		cancel()
		got := w.sql(counts)
		if err == nil {
			equal(t, "kept", got, "50 50 50 2 1 1")
			break
		}
		if got != "0 0 0 0 0 0" && got != "50 50 50 2 1 1" { // the answer to the commit may be lost, the commit not
			t.Fatalf("after %s: %s", patience, got)
		}
	}
	if tries < 2 {
		t.Error("no try was cut off")
	}
}

// Thousands of findings are kept well within the time that a scan has.
func TestAScanOfManyFindings(t *testing.T) {
	w := newSavers(t)
	var found []engine.Finding
	for k := range 5000 {
		f := sizing(fmt.Sprint("w", k), 20)
		f.Sizing.Chart.Series[0].Values = make([]float64, 336)
		found = append(found, f)
	}
	if saved := w.scan(found...); saved.New != 5000 || saved.Monthly != 100_000*engine.USD {
		t.Errorf("kept %d, %s", saved.New, saved.Monthly)
	}
	if saved := w.scan(found...); saved.Seen != 5000 {
		t.Errorf("saw %d again", saved.Seen)
	}
}
