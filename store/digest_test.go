package store_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/ledger"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/store"
)

var (
	everybody = engine.DigestScope{}
	weekDue   = engine.PeriodOf(engine.Weekly, start).Before() // 2026-W47
	finops    = digest.Delivery{Name: "finops", Kind: engine.Weekly, Channel: "#finops"}
	board     = digest.Delivery{Name: "board", Kind: engine.Monthly, Channel: "#finance", Email: true, S3: true}
)

// year fills the store with a year of rows up to the test's day: two payers, three clusters, so many teams, a missing day, credits,
// invoices of the months before October, one invoice of October, and as many chains as there are teams, of which some were reversed,
// corrected, or not measured on some days.
func (w *world) year(teams int) {
	w.t.Helper()
	w.sql(`INSERT INTO cost_row (day, payer, account, cluster, namespace, team, kind, what, micro_usd, provisional)
		SELECT d, p, p, CASE WHEN k IN ('outside', 'unallocatable') THEN '' ELSE 'c' || t % 3 END,
			CASE WHEN k IN ('workload', 'shared') THEN 'ns' || t ELSE '' END, CASE WHEN k IN ('workload', 'shared') THEN 'team' || t ELSE '' END,
			k, CASE k WHEN 'unallocatable' THEN CASE t % 2 WHEN 0 THEN 'Tax' ELSE 'commitments, fees and credits of EC2 and EKS' END ELSE 'nodes' END,
			(hashint8(t * 1000 + extract(doy FROM d)::int + length(k)) % 40000000) * CASE WHEN k = 'unallocatable' THEN 1 ELSE sign(hashint8(t * 1000 + extract(doy FROM d)::int + length(k))) END,
			d > date '2026-11-19'
		FROM generate_series(date '2025-11-24', date '2026-11-22', interval '1 day') AS d(d), generate_series(1, $1::int) AS t(t),
			unnest(ARRAY['111111111111', '222222222222']) AS p(p), unnest(ARRAY['workload', 'shared', 'idle', 'outside', 'unallocatable']) AS k(k)
		WHERE d <> date '2026-11-11' AND (k IN ('workload', 'shared') OR t <= 3) AND (p = '111111111111' OR t % 4 = 0 OR t <= 3)`, teams)
	w.sql(`INSERT INTO cost_day (day, payer, total, guessed, bill, missing, saved_at)
		SELECT day, payer, sum(micro_usd), day = date '2026-11-17', '{}', CASE WHEN day = date '2026-11-18' THEN '[{"collector": "c1", "reason": "no Prometheus"}]' ELSE '[]' END::jsonb,
			least(day + interval '60 hours', timestamp '2026-11-23 02:00') FROM cost_row GROUP BY day, payer`)
	w.sql(`INSERT INTO cost_month (payer, month, n, total, invoice, closed_at)
		SELECT p, m, 1, 1000000, '{}', m + interval '40 days' FROM unnest(ARRAY['111111111111', '222222222222']) AS p(p),
			generate_series(date '2025-11-01', date '2026-10-01', interval '1 month') AS m(m) WHERE m < date '2026-10-01' OR p = '111111111111'`)
	w.sql(`INSERT INTO cost_month (payer, month, n, total, invoice, closed_at) VALUES ('111111111111', '2026-09-01', 2, 1234567, '{}', '2026-11-18T09:00:00Z')`)
	w.sql(`INSERT INTO ledger (chain, kind, at, day, proposal, type, cluster, namespace, target, team, amount, cash, low, high, work)
		SELECT 'finding/' || t || '/0', k, b + n * interval '10 days', NULL, t, (ARRAY['over_requested_cpu', 'over_requested_memory', 'idle_node', 'orphan_volume'])[1 + t % 4],
			'c' || t % 3, 'ns' || t, jsonb_build_object('cluster', 'c' || t % 3, 'namespace', 'ns' || t, 'kind', 'Deployment', 'name', 'w'), 'team' || t,
			t * 1000001, t * 500000, t * 1000001, t * 1000001, 0
		FROM generate_series(1, $1::int) AS t(t), LATERAL (SELECT timestamptz '2025-12-01 10:00Z' + (t * 37 % 340) * interval '1 day' AS b) b,
			unnest(ARRAY['detected', 'approved', 'implemented', 'reversed']) WITH ORDINALITY AS k(k, n)
		WHERE (k <> 'reversed' OR t % 5 = 0) AND (t % 7 <> 0 OR k = 'detected')
			AND b + n * interval '10 days' < '2026-11-22Z' ORDER BY t, n`, teams)
	w.sql(`INSERT INTO ledger (chain, kind, at, day, proposal, type, cluster, namespace, target, team, amount, cash, low, high, work)
		SELECT i.chain, 'verified', d + interval '30 hours', d, i.proposal, i.type, i.cluster, i.namespace, i.target, i.team,
			hashint8(i.id * 400 + extract(doy FROM d)::int) % 3000000, 0, -4000000, 4000000, 24
		FROM ledger i, generate_series(date_trunc('day', i.at AT TIME ZONE 'UTC') + interval '1 day', timestamp '2026-11-21', interval '1 day') AS d(d)
		WHERE i.kind = 'implemented' AND (hashint8(i.id + extract(doy FROM d)::int) % 11 <> 0) AND d < coalesce(
			(SELECT date_trunc('day', r.at AT TIME ZONE 'UTC') FROM ledger r WHERE r.chain = i.chain AND r.kind = 'reversed'), timestamp 'infinity')
		ORDER BY d, i.id`)
	w.sql(`INSERT INTO ledger (chain, kind, at, day, proposal, type, cluster, namespace, target, team, amount, cash, low, high, work, corrects, ref)
		SELECT chain, 'corrected', at + interval '2 days', day, proposal, type, cluster, namespace, target, team, -1000 - id % 10, 0, -1000, -1000, 24, id, 'the bill settled'
		FROM ledger WHERE kind = 'verified' AND id % 13 = 0 AND at < '2026-11-20Z' ORDER BY id`)
	w.sql(`INSERT INTO incidents (id, cluster, namespace, workload_kind, workload, fingerprint, severity, status, title, started_at, detected_at, resolved_at, parent_id, version)
		SELECT n, 'c' || n % 3, 'ns' || 1 + n % $1::int, 'Deployment', 'w' || n, 'f' || n, (ARRAY['critical', 'warning', 'info'])[1 + n % 3],
			CASE WHEN n % 50 = 0 THEN 'open' ELSE 'resolved' END, 'w is down', b, b + interval '90 seconds', CASE WHEN n % 50 > 0 THEN b + n % 100 * interval '1 hour' END,
			CASE WHEN n % 10 = 1 AND n > 1 THEN n - 1 END, 1
		FROM generate_series(1, 300) AS n(n), LATERAL (SELECT timestamptz '2025-12-01Z' + n * interval '28 hours' AS b) b ORDER BY n`, teams)
	w.sql(`INSERT INTO signals (incident_id, source, id, cluster, starts_at, body)
		SELECT id, 'watch', 's', cluster, started_at, '{"labels": {"team": "named"}}' FROM incidents WHERE id % 4 = 0`)
	w.sql(`INSERT INTO cost_call (day, calls, micro_usd) SELECT d, 3, 30000 FROM generate_series(date '2026-11-01', date '2026-11-22', interval '1 day') AS d(d)`)
	w.sql(`INSERT INTO scan (trigger, requested_at, started_at, finished_at, report) SELECT 'schedule', d, d, d + interval '1 minute',
			jsonb_build_object('Cost', jsonb_build_object('queries', 18, 'samples', 5000000000, 'slowest', 700000000), 'Missing', jsonb_build_array(jsonb_build_object('collector', 'prod', 'reason', 'no volumes')))
		FROM generate_series(timestamptz '2026-11-01Z', timestamptz '2026-11-22Z', interval '6 hours') AS d(d)`)
	w.sql(`INSERT INTO unit_count (name, day, count, at) SELECT 'request', d, 1000, d + interval '25 hours' FROM generate_series(date '2026-11-01', date '2026-11-22', interval '1 day') AS d(d)`)
	w.sql(`ANALYZE`)
}

func (w *world) facts(p engine.Period, scope engine.DigestScope, wanted ...engine.DigestScope) digest.Facts {
	w.t.Helper()
	f, err := w.DigestFacts(w.t.Context(), p, scope, wanted)
	w.must(err)
	return f
}

// number is a sum that the database makes of a query of the test's own.
func (w *world) number(query string, args ...any) int64 {
	w.t.Helper()
	var n int64
	if _, err := fmt.Sscan(w.sql(`SELECT n::bigint FROM (`+query+`) q (n)`, args...), &n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestFactsComeToTheRows(t *testing.T) {
	w := newWorld(t)
	w.year(12)
	wanted := []engine.DigestScope{{Team: "team3"}, {Cluster: "c1"}, {Team: "team4", Cluster: "c1"}, {}, {Team: "nobody"}}
	for _, p := range []engine.Period{weekDue, engine.PeriodOf(engine.Monthly, october)} {
		for _, scope := range []engine.DigestScope{everybody, {Team: "team3"}, {Team: "team5", Cluster: "c2"}} {
			what := p.String() + " of " + scope.Team + "/" + scope.Cluster
			f := w.facts(p, scope, wanted...)
			of := func(table string) string {
				return fmt.Sprintf(`FROM %s WHERE ('%s' = '' OR team = '%[2]s') AND ('%s' = '' OR cluster = '%[3]s') AND `, table, scope.Team, scope.Cluster)
			}
			days := func(from, to time.Time) string {
				return fmt.Sprintf(`day >= '%s' AND day < '%s'`, from.Format(time.DateOnly), to.Format(time.DateOnly))
			}
			within := days(p.From, p.To)
			sums := map[string]engine.MicroUSD{}
			for _, part := range f.Parts {
				for _, key := range []string{"", "team " + part.Team, "cluster " + part.Cluster, "kind " + part.Kind, "payer " + part.Payer, fmt.Sprint("provisional ", part.Provisional)} {
					sums[fmt.Sprint(part.Before, " ", key)] += part.Amount
				}
			}
			var lines []string
			for _, key := range slices.Sorted(maps.Keys(sums)) {
				lines = append(lines, fmt.Sprint(key, " ", int64(sums[key])))
			}
			equal(t, what+": parts", strings.Join(lines, "\n"), w.sql(fmt.Sprintf(`SELECT coalesce(before::text, '') || ' ' || CASE WHEN grouping(team) = 0 THEN 'team ' || team
				WHEN grouping(cluster) = 0 THEN 'cluster ' || cluster WHEN grouping(kind) = 0 THEN 'kind ' || kind WHEN grouping(payer) = 0 THEN 'payer ' || payer
				WHEN grouping(provisional) = 0 THEN 'provisional ' || provisional ELSE '' END COLLATE "C", sum(micro_usd)::bigint
				FROM (SELECT *, day < '%s' AS before %s) r GROUP BY before, GROUPING SETS ((), (team), (cluster), (kind), (payer), (provisional)) ORDER BY 1`,
				p.From.Format(time.DateOnly), of("cost_row")+days(p.Before().From, p.To))))
			var total, adjusted engine.MicroUSD
			for _, d := range f.Days {
				total, adjusted = total+d.Amount, adjusted+d.Adjustment
			}
			equal(t, what+": days", int64(total), w.number(`SELECT coalesce(sum(micro_usd), 0) `+of("cost_row")+days(digest.HistoryFrom(p), p.To)))
			equal(t, what+": adjustments", int64(adjusted), w.number(`SELECT coalesce(sum(micro_usd), 0) `+of("cost_row")+days(digest.HistoryFrom(p), p.To)+` AND kind = 'adjustment'`))
			var billed engine.MicroUSD
			for _, payer := range f.Payers {
				billed += payer.Amount
			}
			equal(t, what+": bills", int64(billed), w.number(`SELECT coalesce(sum(micro_usd), 0) `+of("cost_row")+within))

			equal(t, what+": verified", int64(f.Funnel.Verified), w.number(`SELECT coalesce(sum(amount), 0) `+of("ledger")+within))
			equal(t, what+": of the year", int64(f.Funnel.Year), w.number(`SELECT coalesce(sum(amount), 0) `+of("ledger")+days(time.Date(p.To.AddDate(0, 0, -1).Year(), 1, 1, 0, 0, 0, 0, time.UTC), p.To)))
			inside := fmt.Sprintf(`at >= '%s' AND at < '%s' AND kind = `, p.From.Format(time.RFC3339), p.To.Format(time.RFC3339))
			for kind, step := range map[string]engine.FunnelStep{"detected": f.Funnel.Identified, "approved": f.Funnel.Approved, "implemented": f.Funnel.Implemented, "reversed": f.Funnel.Reversed} {
				equal(t, what+": "+kind, w.sql(`SELECT count(*), coalesce(sum(amount), 0)::bigint `+of("ledger")+inside+`'`+kind+`'`), fmt.Sprint(step.Chains, " ", int64(step.Monthly)))
			}
			var corrected engine.MicroUSD
			for _, c := range f.Corrections {
				corrected += c.Amount
			}
			invoices := int64(0)
			if scope == everybody && p.From.Before(start.AddDate(0, 0, -4)) && p.To.After(start.AddDate(0, 0, -6)) {
				invoices = 234567
			}
			equal(t, what+": corrections", int64(corrected), invoices+w.number(`SELECT coalesce(sum(amount), 0) `+of("ledger")+inside+`'corrected' AND day < '`+p.From.Format(time.DateOnly)+`'`))
			whole, err := w.LedgerEntries(t.Context(), engine.LedgerFilter{From: p.From, To: p.To, Team: scope.Team, Cluster: scope.Cluster})
			w.must(err)
			sum, byType, byCluster, way := ledger.Summary(whole, engine.LedgerFilter{From: p.From, To: p.To, Team: scope.Team, Cluster: scope.Cluster, Limit: digest.LedgerLines})
			way.Year = f.Funnel.Year
			equal(t, what+": the ledger as of all its entries", []any{f.Ledger, f.ByType, f.ByCluster, f.Funnel}, []any{sum, byType, byCluster, way})

			for n, s := range f.Scopes {
				var got engine.MicroUSD
				for _, d := range s.Days {
					got += d.Amount
				}
				equal(t, fmt.Sprint(what, ": scope ", wanted[n]), int64(got), w.number(fmt.Sprintf(`SELECT coalesce(sum(micro_usd), 0) FROM cost_row
					WHERE ('%s' = '' OR team = '%[1]s') AND ('%s' = '' OR cluster = '%[2]s') AND %s`, s.Scope.Team, s.Scope.Cluster, days(digest.HistoryFrom(p), p.To))))
			}
		}
	}
}

func TestFactsSayWhatIsKnown(t *testing.T) {
	w := newWorld(t)
	w.year(8)
	f := w.facts(weekDue, everybody)
	var known []string
	for _, k := range f.Known {
		if !k.Day.Before(weekDue.Before().From) {
			known = append(known, fmt.Sprint(k.Day.Format("02"), " ", k.Partial, k.Guessed, k.Estimated))
		}
	}
	want := "09 false false false, 10 false false false, 12 false false false, 13 false false false, 14 false false false, 15 false false false, " +
		"16 false false false, 17 false true false, 18 false false false, 19 false false false, 20 false false false, 21 false false false, 22 false false false"
	equal(t, "days", strings.Join(known, ", "), want)
	equal(t, "newest", f.Newest, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	equal(t, "since", f.Since, time.Date(2025, 11, 24, 0, 0, 0, 0, time.UTC))
	equal(t, "own", f.Own, engine.OwnCost{BilledCalls: 21, BilledAmount: 210_000, Scans: 25, Queries: 450, Samples: 125_000_000_000, Slowest: 700 * time.Millisecond})
	equal(t, "counts", len(f.Counts), 14)
	equal(t, "gaps", f.Missing, []engine.Gap{{Collector: "c1", Reason: "no Prometheus"}, {Collector: "prod", Reason: "no volumes"}})
	equal(t, "scan", f.Scan, time.Date(2026, 11, 22, 0, 1, 0, 0, time.UTC))
	equal(t, "closed", f.Closed, false)
	if f.Audit != nil {
		t.Errorf("anchor %+v of an empty audit log", f.Audit)
	}
	w.must(w.SetPause(t.Context(), engine.Decision{ID: "p", Action: engine.ActionPause, By: ada, At: w.now(), Allowed: true}))
	f = w.facts(weekDue, everybody)
	if f.Audit == nil || f.Audit.Seq != 1 || !f.AsOf.Equal(f.Audit.At) {
		t.Errorf("anchor %+v as of %s", f.Audit, f.AsOf)
	}

	october := engine.PeriodOf(engine.Monthly, october)
	equal(t, "payers of October", []bool{w.facts(october, everybody).Payers[0].Closed, w.facts(october, everybody).Payers[1].Closed, w.facts(october, everybody).Closed}, []bool{true, false, false})
	equal(t, "September", w.facts(october.Before(), everybody).Closed, true)
	last := engine.PeriodOf(engine.Weekly, time.Date(2026, 9, 30, 0, 0, 0, 0, time.UTC))
	equal(t, "a week with a day of October", w.facts(last, everybody).Closed, false)
	equal(t, "the week before", w.facts(last.Before(), everybody).Closed, true)
	later := w.facts(october.Before(), everybody).Corrections
	equal(t, "September is told in the month in which its invoice came", len(later) > 0 && strings.HasPrefix(later[0].Of, "invoice"), false)

	w.sql(`DELETE FROM cost_day WHERE day = '2026-11-20' AND payer = '222222222222'`)
	w.sql(`DELETE FROM cost_day WHERE day = '2026-11-22' AND payer = '222222222222'`)
	var partial []int
	for _, k := range w.facts(weekDue, everybody).Known {
		if k.Partial {
			partial = append(partial, k.Day.Day())
		}
	}
	equal(t, "partial days", partial, []int{20, 22})
}

func TestIncidentsOfAPeriod(t *testing.T) {
	w := newWorld(t)
	w.year(8)
	f := w.facts(weekDue, everybody)
	open := w.sql(`SELECT count(*) FROM incidents WHERE parent_id IS NULL AND detected_at < '2026-11-23Z' AND (resolved_at IS NULL OR resolved_at >= '2026-11-16Z')`)
	equal(t, "open in the week", fmt.Sprint(len(f.Incidents)), open)
	equal(t, "opened before", fmt.Sprint(f.Earlier), w.sql(`SELECT count(*) FROM incidents WHERE parent_id IS NULL AND detected_at >= '2026-11-09Z' AND detected_at < '2026-11-16Z'`))
	teams := map[string]int{}
	for _, i := range f.Incidents {
		teams[i.Team]++
		if i.ID%4 == 0 != (i.Team == "named") || i.ID%4 != 0 && i.Team != "team"+strings.TrimPrefix(i.Workload.Namespace, "ns") && w.sql(`SELECT count(*) FROM cost_row WHERE cluster = $1 AND namespace = $2`, i.Workload.Cluster, i.Workload.Namespace) != "0" {
			t.Errorf("incident %d of %s is team %q's", i.ID, i.Workload, i.Team)
		}
	}
	for team, n := range teams {
		if team != "" {
			equal(t, "of team "+team, len(w.facts(weekDue, engine.DigestScope{Team: team}).Incidents), n)
		}
	}
}

func TestOpenOpportunities(t *testing.T) {
	w := newSavers(t)
	var found []engine.Finding
	for n := range 14 {
		found = append(found, sizing(fmt.Sprint("w", n), float64(20+n)))
	}
	w.scan(found...)
	open := w.facts(engine.PeriodOf(engine.Weekly, w.now()), everybody).Open
	equal(t, "count", open.Count, 14)
	equal(t, "monthly", fmt.Sprint(int64(open.Monthly)), w.sql(`SELECT sum(monthly)::bigint FROM finding WHERE status = 'open'`))
	equal(t, "top", len(open.Top), digest.OpenGroups)
	first := open.Top[0]
	equal(t, "the dearest", first, engine.Opportunity{Group: first.Group, Title: "payments/w13", Cluster: "prod", Monthly: 33 * engine.USD, Confidence: 0.9, Risk: engine.RiskLow, Since: w.now().Truncate(time.Microsecond)})
	f := w.one("w13")
	w.must(w.SaveDrafts(t.Context(), first.Group, []engine.ProposalItem{{FindingID: f.ID, Title: "less", Repo: "o/r", Base: "main", Edits: []engine.FileEdit{{Path: "a.yaml", Before: "1", After: "2"}}}}))
	open = w.facts(engine.PeriodOf(engine.Weekly, w.now()), everybody).Open
	equal(t, "with a draft", []bool{open.Top[0].Drafted, open.Top[1].Drafted}, []bool{true, false})
	equal(t, "of nobody", w.facts(weekDue, engine.DigestScope{Team: "nobody"}).Open.Count, 0)

	since := w.now().Truncate(time.Microsecond)
	w.pass(50 * time.Hour)
	late := sizing("w13", 9)
	late.Target.Container = "sidecar"
	late.Key = waste.Key(late.Kind, late.Target)
	w.scan(append(found, late)...)
	first = w.facts(engine.PeriodOf(engine.Weekly, w.now()), everybody).Open.Top[0]
	equal(t, "since its oldest finding was seen", []any{first.Title, first.Monthly, first.Since}, []any{"payments/w13", 42 * engine.USD, since})
}

// made is the digest of what is kept now.
func (w *world) made(p engine.Period) engine.Digest {
	w.t.Helper()
	return digest.Make(w.facts(p, everybody), digest.Rules{})
}

func TestADigestIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.year(4)
	d := w.made(weekDue)
	var all sync.WaitGroup
	other := w.again()
	for n := range 8 {
		all.Go(func() {
			if _, err := []*store.Store{w.Store, other}[n%2].SaveDigest(t.Context(), d, []digest.Delivery{finops, {Name: "cfo", Kind: engine.Weekly, Email: true}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	equal(t, "digests", w.sql(`SELECT count(*) FROM digest`), "1")
	equal(t, "messages", w.sql(`SELECT key, kind, subject, detail, channel, thread_key, wanted FROM messages ORDER BY key`), strings.Join([]string{
		"digest/2026-W47/finops digest 1 0 #finops  1",
		"digest/2026-W47/finops/details/1 details 1 1 #finops digest/2026-W47/finops 1",
		"digest/2026-W47/finops/details/2 details 1 2 #finops digest/2026-W47/finops 1",
	}, "\n"))
	equal(t, "sendings", w.sql(`SELECT delivery, via, state FROM digest_sending ORDER BY id`), "finops slack sent\ncfo email waiting")
	equal(t, "tasks", w.sql(`SELECT kind, args FROM river_job`), "report_send map[detail:2]")

	kept, ok, err := w.DigestOf(t.Context(), weekDue, everybody)
	w.must(err)
	equal(t, "kept", ok, true)
	d.ID = kept.ID
	if diff := cmp.Diff(d, kept); diff != "" {
		t.Errorf("what is kept is not what was told: %s", diff)
	}
	byID, err := w.Digest(t.Context(), kept.ID)
	w.must(err)
	equal(t, "by its id", byID, kept)
	_, err = w.Digest(t.Context(), 99)
	code(t, "no digest", err, engine.NotFound)
	if _, ok, _ := w.DigestOf(t.Context(), weekDue, engine.DigestScope{Team: "x"}); ok {
		t.Error("that of all is not that of a team")
	}

	w.sql(`UPDATE cost_row SET micro_usd = 1`)
	second, err := w.SaveDigest(t.Context(), w.made(weekDue), []digest.Delivery{{Name: "late", Kind: engine.Weekly, Channel: "#late"}})
	w.must(err)
	equal(t, "a later delivery gets what was told", second, kept)
}

// again is another process on the same database.
func (w *world) again() *store.Store {
	w.t.Helper()
	s, err := store.Open(w.t.Context(), w.url, store.Options{Rules: rules, Now: w.now})
	w.must(err)
	w.t.Cleanup(s.Close)
	return s
}

func TestAMonthIsClosedOnce(t *testing.T) {
	w := newWorld(t)
	october := engine.PeriodOf(engine.Monthly, october)
	w.must(w.SaveCosts(t.Context(), divided(t, october.From, bill("1", october.From, 10*engine.USD, engine.USD))))
	first, err := w.SaveDigest(t.Context(), w.made(october), []digest.Delivery{board})
	w.must(err)
	equal(t, "closed", first.Closed, false)
	equal(t, "to close", w.toClose(), "")
	code(t, "what is not closed", w.CloseDigest(t.Context(), first), engine.Invalid)
	w.must(w.SaveSent(t.Context(), 2, "", false))
	w.must(w.SaveSent(t.Context(), 3, "", false))

	invoice := price.Invoice{Payer: "1", Month: october.From, Final: true, Accounts: map[string]engine.MicroUSD{"1": 12 * engine.USD}}
	w.must(w.CloseMonth(t.Context(), invoice))
	equal(t, "to close", w.toClose(), "2026-10")
	final := w.made(october)
	equal(t, "final", final.Closed, true)
	for range 3 {
		w.must(w.CloseDigest(t.Context(), final))
	}
	kept, _, err := w.DigestOf(t.Context(), october, everybody)
	w.must(err)
	final.ID = first.ID
	equal(t, "kept", kept, final)
	equal(t, "to close", w.toClose(), "")
	equal(t, "its messages are edited", w.sql(`SELECT DISTINCT wanted, channel FROM messages`), "2 #finance")
	equal(t, "S3 gets it again", w.sql(`SELECT via, state FROM digest_sending ORDER BY id`), "slack sent\nemail sent\ns3 waiting")
	equal(t, "tasks", w.sql(`SELECT args ->> 'detail' FROM river_job WHERE kind = 'report_send' ORDER BY id`), "2\n3\n3")

	for _, sql := range []string{`UPDATE digest SET body = '{}'`, `UPDATE digest SET closed = false`, `DELETE FROM digest`, `TRUNCATE digest CASCADE`} {
		if err := w.try(sql); err == nil || !strings.Contains(err.Error(), "never change") {
			t.Errorf("%s: %v, want that it never changes", sql, err)
		}
	}

	w.pass(24 * time.Hour)
	invoice.Accounts["1"] = 13 * engine.USD
	w.must(w.CloseMonth(t.Context(), invoice))
	w.must(w.CloseDigest(t.Context(), w.made(october)))
	after, _, err := w.DigestOf(t.Context(), october, everybody)
	w.must(err)
	equal(t, "a later invoice changes nothing", after, kept)
	november := w.facts(engine.PeriodOf(engine.Monthly, w.now()), everybody)
	equal(t, "it is a correction", november.Corrections, []engine.Correction{{Of: "invoice of 2026-10", Amount: engine.USD, At: w.now().Truncate(time.Microsecond), Reason: "payer 1 was sent invoice 2 of the month"}})
}

func (w *world) toClose() string {
	w.t.Helper()
	list, err := w.Closable(w.t.Context())
	w.must(err)
	var names []string
	for _, d := range list {
		names = append(names, d.Period.String())
	}
	return strings.Join(names, " ")
}

// try runs a statement on a connection of its own.
func (w *world) try(sql string) error {
	ctx := context.WithoutCancel(w.t.Context())
	c, err := pgx.Connect(ctx, w.url)
	w.must(err)
	defer func() { _ = c.Close(ctx) }()
	_, err = c.Exec(ctx, sql)
	return err
}

func TestAWeekStaysAsItWasTold(t *testing.T) {
	w := newWorld(t)
	_, err := w.SaveDigest(t.Context(), w.made(weekDue), nil)
	w.must(err)
	if err := w.try(`UPDATE digest SET body = '{}'`); err == nil || !strings.Contains(err.Error(), "never change") {
		t.Errorf("%v, want that it never changes", err)
	}
	equal(t, "to close", w.toClose(), "")
}

func TestDeliveriesAreKnownSinceTheyAreConfigured(t *testing.T) {
	w := newWorld(t)
	stand := func(of digest.Delivery) string {
		at, err := w.DeliveryStand(t.Context(), of)
		w.must(err)
		return at.Since.Format(time.RFC3339) + " " + at.Newest.Format(time.DateOnly) + " " + at.First.Format(time.DateOnly)
	}
	equal(t, "new", stand(finops), "2026-11-23T03:00:00Z 0001-01-01 0001-01-01")
	w.pass(time.Hour)
	equal(t, "known", stand(finops), "2026-11-23T03:00:00Z 0001-01-01 0001-01-01")
	w.open(api)
	monthly := finops
	monthly.Kind = engine.Monthly
	equal(t, "of another kind", stand(monthly), "2026-11-23T04:00:00Z 0001-01-01 2026-11-23")
	for _, p := range []engine.Period{weekDue, weekDue.Before()} {
		_, err := w.SaveDigest(t.Context(), w.made(p), []digest.Delivery{finops})
		w.must(err)
	}
	equal(t, "told", stand(finops), "2026-11-23T03:00:00Z 2026-11-16 2026-11-23")
	equal(t, "of another kind", stand(monthly), "2026-11-23T04:00:00Z 0001-01-01 2026-11-23")
}

func TestSendingsEnd(t *testing.T) {
	w := newWorld(t)
	d, err := w.SaveDigest(t.Context(), w.made(weekDue), []digest.Delivery{{Name: "cfo", Kind: engine.Weekly, Email: true, S3: true}})
	w.must(err)
	w.must(w.SaveSent(t.Context(), 1, "SES is away", false))
	w.must(w.SaveSent(t.Context(), 1, "", false))
	w.must(w.SaveSent(t.Context(), 1, "late", true)) // it was sent
	w.must(w.SaveSent(t.Context(), 2, "no such bucket", true))
	for id, want := range map[int64]digest.Sending{
		1: {ID: 1, Digest: d.ID, Delivery: "cfo", Via: digest.ViaEmail, Done: true},
		2: {ID: 2, Digest: d.ID, Delivery: "cfo", Via: digest.ViaS3, Done: true},
	} {
		got, err := w.Sending(t.Context(), id)
		w.must(err)
		equal(t, "sending", got, want)
	}
	_, err = w.Sending(t.Context(), 3)
	code(t, "no sending", err, engine.NotFound)
	unsent, err := w.Unsent(t.Context())
	w.must(err)
	equal(t, "unsent", unsent, []digest.Unsent{{Delivery: "cfo", Via: digest.ViaS3, Period: weekDue, Problem: "no such bucket", Attempts: 1}})
}

func TestADayIsCountedOnce(t *testing.T) {
	w := newWorld(t)
	for _, n := range []float64{120, 130} {
		w.must(w.SaveCount(t.Context(), digest.UnitDay{Name: "order", Day: october, Count: n}))
	}
	w.must(w.SaveCount(t.Context(), digest.UnitDay{Name: "order", Day: october.AddDate(0, 0, 2), Count: 0}))
	days, err := w.Counted(t.Context(), "order", october)
	w.must(err)
	equal(t, "days", days, []time.Time{october, october.AddDate(0, 0, 2)})
	equal(t, "the first stays", w.sql(`SELECT count FROM unit_count ORDER BY day`), "120\n0")
	for _, n := range []float64{-1, 1e19} {
		code(t, "no count", w.SaveCount(t.Context(), digest.UnitDay{Name: "order", Day: november, Count: n}), engine.Invalid)
	}
}

// TestWhatNobodyMeasuredIsMissed has a change of which no day of the week could be measured: the chain has no row in the week, and is
// no less of it.
func TestWhatNobodyMeasuredIsMissed(t *testing.T) {
	w := newSavers(t)
	w.scan(priced("api", 40))
	f := w.one("api")
	chain := engine.LedgerChain(f.ID, 0)
	w.append(approvedOf(f, 1), engine.LedgerEntry{Chain: chain, Kind: engine.EntryImplemented, Amount: f.Monthly, Ref: "https://github.com/o/r/pull/1"})
	next := engine.PeriodOf(engine.Weekly, w.now())
	later := engine.PeriodOf(engine.Weekly, next.To)
	facts := w.facts(later, everybody)
	equal(t, "missed", facts.Funnel.Missed, 7)
	equal(t, "lines", len(facts.Ledger.Lines), 1)
	sum, err := w.Ledger(t.Context(), engine.LedgerFilter{From: later.From, To: later.To})
	w.must(err)
	equal(t, "the ledger of the week says it too", sum.Missed, 7)
	w.append(engine.LedgerEntry{Chain: chain, Kind: engine.EntryReversed, Ref: "taken back"})
	equal(t, "of what was taken back nothing is missed", len(w.facts(later, everybody).Ledger.Lines), 0)
	years := engine.PeriodOf(engine.Weekly, later.To.AddDate(2, 0, 0))
	equal(t, "after a year nothing is measured", len(w.facts(years, everybody).Ledger.Lines), 0)
}
