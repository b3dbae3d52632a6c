package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

const ledgerDays = 30 // that are shown when nobody says which

var (
	ledgerVerbs   = []string{"ledger", "export"} // behind savings
	ledgerBys     = []engine.LedgerBy{engine.LedgerByTeam, engine.LedgerByNamespace, engine.LedgerByCluster, engine.LedgerByType}
	exportFormats = []string{"csv", "focus"}
)

// parseLedger understands what follows savings ledger and savings export: a time, whose savings, and what they are divided by.
func parseLedger(verb string, args []string, now time.Time) (query, error) {
	q := query{verb: verb}
	if verb == "export" {
		q.format = "csv"
	}
	f := &q.ledger
	for _, arg := range args {
		key, value, isPair := strings.Cut(arg, "=")
		var err error
		switch {
		case !isPair:
			err = q.ledgerWord(arg, now)
		case value == "":
			err = engine.Errorf(engine.Invalid, "`%s=` wants a value behind it", plain(key))
		default:
			switch strings.ToLower(key) {
			case "team":
				f.Team = value
			case "cluster":
				f.Cluster = value
			case "namespace", "ns":
				f.Namespace = value
			case "type", "kind":
				var ok bool
				if f.Type, ok = kindOf(value); !ok {
					err = engine.Errorf(engine.Invalid, "`%s` is not a type of waste; cpu, memory, node or volume", plain(value))
				}
			case "by":
				if f.By = engine.LedgerBy(strings.ToLower(value)); !slices.Contains(ledgerBys, f.By) {
					err = engine.Errorf(engine.Invalid, "the ledger is not divided by `%s`; by=team, by=namespace, by=cluster or by=type", plain(value))
				}
			default:
				err = engine.Errorf(engine.Invalid, "I do not know the filter `%s`; known: team, cluster, namespace, type, by", plain(key))
			}
		}
		if err != nil {
			return query{}, err
		}
	}
	if f.From.IsZero() {
		f.To = measuredUntil(now)
		f.From = f.To.AddDate(0, 0, -ledgerDays)
	}
	return q, nil
}

// measuredUntil is midnight UTC after the newest day that can have been measured.
func measuredUntil(now time.Time) time.Time { return now.UTC().Add(-measureLag).Truncate(oneDay) }

// ledgerWord understands a word without a key: a format, a type, a time, or the name of a team or cluster.
func (q *query) ledgerWord(word string, now time.Time) error {
	lower := strings.ToLower(word)
	if q.verb == "export" && slices.Contains(exportFormats, lower) {
		q.format = lower
		return nil
	}
	if k, ok := kindOf(word); ok {
		q.ledger.Type = k
		return nil
	}
	from, to, isTime, err := ledgerTime(lower, now)
	switch {
	case err != nil:
		return err
	case isTime && !q.ledger.From.IsZero():
		return engine.Errorf(engine.Invalid, "`%s` is one word too many; a time was named already", plain(word))
	case isTime:
		q.ledger.From, q.ledger.To = from, to
	case q.bare != "":
		return engine.Errorf(engine.Invalid, "`%s` is one word too many; a team or cluster was named already", plain(word))
	default:
		q.bare = word
	}
	return nil
}

// ledgerTime reads a time: those of costs, and two days (UTC) with two dots between them, the last of which counts.
func ledgerTime(word string, now time.Time) (from, to time.Time, isTime bool, err error) {
	first, last, isSpan := strings.Cut(word, "..")
	if !isSpan {
		if slices.Contains(costWords, word) || startsWithYear(word) {
			from, to, err = costTime(word, now)
			return from, to, true, err
		}
		return from, to, false, nil
	}
	const right = "such as 2026-10-01..2026-10-31"
	if from, err = time.Parse(time.DateOnly, first); err != nil {
		return from, to, true, engine.Errorf(engine.Invalid, "`%s` is no day; %s", plain(first), right)
	}
	if to, err = time.Parse(time.DateOnly, last); err != nil {
		return from, to, true, engine.Errorf(engine.Invalid, "`%s` is no day; %s", plain(last), right)
	}
	if to.Before(from) {
		return from, to, true, engine.Errorf(engine.Invalid, "%s is before %s; the first day comes first", plain(last), plain(first))
	}
	return from, to.AddDate(0, 0, 1), true, nil
}

// startsWithYear tells whether a word is meant to be a month, rather than the name of a team.
func startsWithYear(word string) bool {
	_, err := time.Parse("2006-", word[:min(len(word), 5)])
	return err == nil
}

// showLedger gives what became of findings, as a reply or as a file.
func (h *Handlers) showLedger(ctx context.Context, q query) (engine.Reply, error) {
	if h.Waste == nil || h.Waste.Ledger == nil {
		return engine.Reply{}, wasteOff()
	}
	f := q.ledger
	if q.bare != "" {
		if _, ok := h.cluster(q.bare); ok {
			f.Cluster = q.bare
		} else {
			f.Team = q.bare
		}
	}
	if f.Cluster != "" {
		if _, ok := h.cluster(f.Cluster); !ok {
			return engine.Reply{}, engine.Errorf(engine.Invalid, "there is no cluster `%s`; %s", plain(f.Cluster), h.clusterNames(f.Cluster))
		}
	}
	if until := measuredUntil(h.Now()); q.verb == "ledger" && f.To.After(until) && f.From.Before(until) {
		f.To = until // a day that is not over is not missed
	}
	what := describeLedger(f)
	if q.verb == "export" {
		return h.exportLedger(ctx, q.format, what, f)
	}
	f.Limit = listed
	l, err := h.Waste.Ledger.Ledger(ctx, f)
	if err != nil {
		return engine.Reply{}, err
	}
	l.Filter = what
	return engine.Reply{Ledger: &l}, nil
}

// exportLedger gives the entries as a file.
func (h *Handlers) exportLedger(ctx context.Context, format, what string, f engine.LedgerFilter) (engine.Reply, error) {
	entries, err := h.Waste.Ledger.LedgerEntries(ctx, f)
	if err != nil {
		return engine.Reply{}, err
	}
	write := ledger.CSV
	if format == "focus" {
		write = ledger.FOCUS
	}
	content, rows := write(entries, f)
	if rows == 0 {
		return engine.Reply{Text: "The ledger has nothing to export (" + what + ")."}, nil
	}
	name := fmt.Sprintf("savings-%s-%s-%s.csv", format, f.From.Format(time.DateOnly), f.To.AddDate(0, 0, -1).Format(time.DateOnly))
	return engine.Reply{
		Text: fmt.Sprintf("%d rows of the ledger (%s) come as a direct message.", rows, what),
		File: &engine.File{Name: name, Title: "Savings ledger, " + what, Content: content},
	}, nil
}

// describeLedger says in words what a filter chooses.
func describeLedger(f engine.LedgerFilter) string {
	what := describeCosts(engine.CostFilter{From: f.From, To: f.To, Team: f.Team, Namespace: f.Namespace, Cluster: f.Cluster})
	if f.Type != "" {
		what += ", " + strings.ReplaceAll(string(f.Type), "_", " ")
	}
	return what
}
