package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
	"github.com/eks-autopilot/autopilot/test/year"
)

// What is wanted of a digest of 100,000 ledger rows and 500 teams.
const (
	wantDigest       = 2 * time.Second
	wantDigestMemory = 200 << 20
)

// made is what a process that makes something of a year says of itself, on one line. The sums are those of the whole period.
type made struct {
	Spend, Verified engine.MicroUSD
	Bytes           int           // of what was made
	Read, Wall, CPU time.Duration // reading the facts; all of it; its own processor time
	Resident        int64         // bytes at the most
	Server          time.Duration // PostgreSQL's processor time, which the parent measures
}

// digests measures what a week and a month cost to tell, of a year of rows in a real PostgreSQL.
func digests(ctx context.Context, args []string, out io.Writer) (err error) {
	f := flag.NewFlagSet("bench digest", flag.ContinueOnError)
	teams := f.Int("teams", 500, "teams that share the costs")
	chains := f.Int("chains", 730, "changes in the ledger, of about 140 rows each")
	seed := f.Uint64("seed", 1, "of the year")
	runs := f.Int("runs", 7, "of each, in a process of its own")
	if err := parse(f, args); err != nil {
		return err
	}
	if *runs < 1 {
		return fmt.Errorf("runs is %d, want at least 1", *runs)
	}
	dir, err := os.MkdirTemp("", "autopilot-digest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := storetest.StartServer(ctx, dir, storetest.Durable())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
	progress("writing a year of %d teams", *teams)
	y := year.New(year.Options{Seed: *seed, Teams: *teams, Chains: *chains})
	url := server.URL("year")
	if err := errors.Join(server.CreateDatabase(ctx, "year"), store.Migrate(ctx, url), y.Keep(ctx, url)); err != nil {
		return err
	}
	master, err := postmaster(dir)
	if err != nil {
		return err
	}
	rules, err := json.Marshal(y.Rules)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("A year: %d rows of the ledger, %d rows of costs, %d teams, %d incidents; on %s", len(y.Entries), len(y.Rows), len(y.Teams), len(y.Incidents), machine())
	t := table{{"what", "of", "read", "in all", "at most", "its processor", "PostgreSQL's", "memory", "size"}}
	for _, p := range []engine.Period{year.Week, year.Month} {
		want := y.Digest(p, engine.DigestScope{})
		for _, what := range makers {
			progress("%s of %s", what.name, p)
			all, err := repeat(ctx, *runs, master, rules, "digest-load", "-url", url, "-what", what.name, "-period", p.String())
			if err != nil {
				return err
			}
			t.add(what.row(p, all)...)
			for _, m := range all {
				if m.Spend != want.Spend.Total || m.Verified != want.Funnel.Verified {
					return fmt.Errorf("%w: %s of %s says that %s was spent and %s saved; the rows come to %s and %s",
						errMissed, what.name, p, m.Spend.Exact(), m.Verified.Exact(), want.Spend.Total.Exact(), want.Funnel.Verified.Exact())
				}
			}
		}
	}
	if err := t.print(out, title); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "  medians of %d; wanted of each: under %s in all, and under %s\n", *runs, seconds(wantDigest), mebibytes(wantDigestMemory))
	return err
}

// row is a line of the table: medians, and the longest and largest of all.
func (m maker) row(p engine.Period, all []made) []string {
	middle := func(of func(made) time.Duration) string {
		var list []time.Duration
		for _, one := range all {
			list = append(list, of(one))
		}
		return milliseconds(quantile(list, 0.5))
	}
	most := func(of func(made) int64) int64 {
		var list []int64
		for _, one := range all {
			list = append(list, of(one))
		}
		return slices.Max(list)
	}
	return []string{
		m.name, p.String(), middle(func(m made) time.Duration { return m.Read }), middle(func(m made) time.Duration { return m.Wall }),
		milliseconds(time.Duration(most(func(m made) int64 { return int64(m.Wall) }))),
		middle(func(m made) time.Duration { return m.CPU }), middle(func(m made) time.Duration { return m.Server }),
		mebibytes(most(func(m made) int64 { return m.Resident })), fmt.Sprintf("%.1f KiB", float64(all[0].Bytes)/1024),
	}
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// repeat runs a figure of this program so many times, one after the other, with something to read. master is the PostgreSQL that it
// has work.
func repeat(ctx context.Context, runs, master int, stdin []byte, args ...string) (all []made, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for range runs {
		before, err := familyTime(master)
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, self, args...) //nolint:gosec // ourselves
		cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), os.Stderr
		line, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", args[0], err)
		}
		var m made
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("%s said %q: %w", args[0], line, err)
		}
		after, err := familyTime(master)
		if err != nil {
			return nil, err
		}
		m.Server = after - before
		all = append(all, m)
	}
	return all, nil
}

// postmaster is the process of the server that has its data below a folder.
func postmaster(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// familyTime is what a process and its children have used, those too that have ended. Each is counted once, whenever it ends, but for
// one that ends between the two readings.
func familyTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	sum, err := statTime(pid, 4)
	if err != nil {
		return 0, err
	}
	for child := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(child)
		if err != nil {
			return 0, err
		}
		own, err := processorTime(n)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		sum += own
	}
	return sum, nil
}
