package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/report"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/test/year"
)

// maker makes something of a digest, and gives its size in bytes. The floor has none: see floor.
type maker struct {
	name string
	of   func(d engine.Digest) (int, error)
}

var makers = []maker{{"floor", nil}, {"message", messageOf}, {"page", pageOf}, {"csv", sheetsOf}}

// messageOf makes what is sent to Slack: the message, and the tables in its thread.
func messageOf(d engine.Digest) (int, error) {
	list := []view.Message{view.Digest(engine.DigestKey(d.Period, "bench"), d, "https://acme.slack.com")}
	for part := range engine.DigestParts {
		m, err := view.DigestDetails(d, int64(part+1))
		if err != nil {
			return 0, err
		}
		list = append(list, m)
	}
	sum := 0
	for _, m := range list {
		b, err := json.Marshal(m.Blocks)
		if err != nil {
			return 0, err
		}
		sum += len(b) + sizeOf(m.Files)
	}
	return sum, nil
}

func pageOf(d engine.Digest) (int, error) {
	var b bytes.Buffer
	err := report.HTML(&b, d)
	return b.Len(), err
}

func sheetsOf(d engine.Digest) (int, error) { return sizeOf(report.Tables(d)), nil }

func sizeOf(files []engine.File) (sum int) {
	for _, f := range files {
		sum += len(f.Content)
	}
	return sum
}

// digestLoad is the part of digest that is measured. It runs as a process of its own, for its memory to be its own. What the
// configuration says of digests it reads from its standard input.
func digestLoad(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench digest-load", flag.ContinueOnError)
	url := f.String("url", "", "of the database")
	what := f.String("what", "message", "to make")
	of := f.String("period", year.Week.String(), "to make it of")
	if err := parse(f, args); err != nil {
		return err
	}
	k := slices.IndexFunc(makers, func(m maker) bool { return m.name == *what })
	if k < 0 {
		return fmt.Errorf("there is no %q to make", *what)
	}
	kind := engine.Monthly
	if strings.Contains(*of, "W") {
		kind = engine.Weekly
	}
	p, err := digest.ParsePeriod(*of, kind, year.AsOf)
	if err != nil {
		return err
	}
	var rules digest.Rules
	if err := json.NewDecoder(os.Stdin).Decode(&rules); err != nil {
		return fmt.Errorf("the rules: %w", err)
	}
	var m made
	if makers[k].of == nil {
		m, err = floor(ctx, *url, p)
	} else {
		m, err = told(ctx, *url, p, rules, makers[k].of)
	}
	if err != nil {
		return err
	}
	if m.CPU, err = processorTime(os.Getpid()); err != nil {
		return err
	}
	me, err := residentOf(os.Getpid())
	if err != nil {
		return err
	}
	m.Resident = me.peak
	return json.NewEncoder(out).Encode(m)
}

// told reads the facts of a period, makes its digest, and something of that.
func told(ctx context.Context, url string, p engine.Period, rules digest.Rules, of func(engine.Digest) (int, error)) (m made, err error) {
	began := time.Now()
	s, err := store.Open(ctx, url, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return m, err
	}
	defer s.Close()
	facts, err := s.DigestFacts(ctx, p, engine.DigestScope{}, rules.Scopes())
	if err != nil {
		return m, err
	}
	m.Read = time.Since(began)
	d := digest.Make(facts, rules)
	m.Bytes, err = of(d)
	m.Wall, m.Spend, m.Verified = time.Since(began), d.Spend.Total, d.Funnel.Verified
	return m, err
}

// The floor adds up what a digest is about, as plainly as can be: what each day of the trend cost by team, cluster and kind, and what was
// verified in the period by team, kind of waste and cluster. Of both it gives the sum of the period.
const (
	floorCostSQL = `SELECT coalesce(sum(amount) FILTER (WHERE day >= $2), 0)::bigint FROM (
		SELECT day, team, cluster, kind, sum(micro_usd) AS amount FROM cost_row WHERE day >= $1 AND day < $3 GROUP BY day, team, cluster, kind) s`
	floorLedgerSQL = `SELECT coalesce(sum(amount), 0)::bigint FROM (
		SELECT team, type, cluster, sum(amount) AS amount FROM ledger WHERE day >= $1 AND day < $2 GROUP BY team, type, cluster) s`
)

// floor reads the sums of a period over a connection of its own.
func floor(ctx context.Context, url string, p engine.Period) (m made, err error) {
	began := time.Now()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return m, err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }() // nothing was written
	if _, err := c.Exec(ctx, `SET jit = off`); err != nil {
		return m, err
	}
	if err := c.QueryRow(ctx, floorCostSQL, digest.HistoryFrom(p), p.From, p.To).Scan(&m.Spend); err != nil {
		return m, err
	}
	if err := c.QueryRow(ctx, floorLedgerSQL, p.From, p.To).Scan(&m.Verified); err != nil {
		return m, err
	}
	m.Wall = time.Since(began)
	m.Read = m.Wall
	return m, nil
}
