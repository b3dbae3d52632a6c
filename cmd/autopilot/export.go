package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/label"
	"github.com/eks-autopilot/autopilot/engine/rca"
	"github.com/eks-autopilot/autopilot/store"
)

const exportUsage = `autopilot export incidents writes incidents with their signals, evidence, causes, answers and remedies as JSON lines, in the order of
their numbers. The same rows give the same bytes. What looks like a secret is masked. docs/export.md describes the form.

It needs AUTOPILOT_DATABASE_URL alone.

`

// exportCommand is autopilot export incidents: it gives the exit code, 2 for a call that cannot be understood.
func exportCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "audit" {
		return exportAudit(ctx, args[1:], stdout, stderr)
	}
	if len(args) == 0 || args[0] != "incidents" {
		if len(args) > 0 && isHelp(args[0]) {
			_, _ = io.WriteString(stderr, exportUsage+exportAuditUsage)
			return 0
		}
		_, _ = fmt.Fprintln(stderr, "autopilot export: incidents or audit is wanted: autopilot export incidents, autopilot export audit; the ledger is /autopilot savings export")
		return 2
	}
	var since, until, out string
	var want store.ExportWanted
	flags := flag.NewFlagSet("export incidents", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = io.WriteString(stderr, exportUsage)
		flags.PrintDefaults()
	}
	flags.StringVar(&since, "since", "", `detected at or after: 2026-11-01, 2026-11-01T08:00:00Z, or so long ago: 30d, 12h`)
	flags.StringVar(&until, "until", "", "detected before; as -since")
	flags.StringVar(&want.Cluster, "cluster", "", "of this cluster alone")
	flags.StringVar(&out, "o", "", "the file; the standard output when there is none")
	if code, ok := parsed(flags, args[1:], stderr); !ok {
		return code
	}
	now := time.Now()
	var err error
	if want.Since, err = moment("-since", since, now); err == nil {
		want.Until, err = moment("-until", until, now)
	}
	if err == nil && !want.Since.IsZero() && !want.Until.IsZero() && !want.Since.Before(want.Until) {
		err = engine.Errorf(engine.Invalid, "-since %s is not before -until %s", since, until)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "autopilot export incidents: %v\n", err)
		return 2
	}
	n := 0
	err = into(out, stdout, func(w io.Writer) error {
		return withStore(ctx, func(st *store.Store) error {
			return st.Export(ctx, want, func(k label.Kept) error {
				n++
				return label.Write(w, label.RecordOf(k, redacted))
			})
		})
	})
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "autopilot export incidents: %v\n", err)
		return 1
	}
	_, _ = fmt.Fprintf(stderr, "%d incidents\n", n)
	return 0
}

// redacted masks what looks like a secret.
func redacted(s string) string {
	clean, _ := rca.Redact(s)
	return clean
}

func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "--help" || arg == "-help"
}

// parsed parses the flags of a command that takes nothing else; ok is false when the program ends with code.
func parsed(flags *flag.FlagSet, args []string, stderr io.Writer) (code int, ok bool) {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0, false
		}
		return 2, false
	}
	if flags.NArg() > 0 {
		_, _ = fmt.Fprintf(stderr, "autopilot %s takes no argument %q\n", flags.Name(), flags.Arg(0))
		return 2, false
	}
	return 0, true
}

// moment reads a time of a flag: a day, an instant, or how long ago. "" is the zero time. It fails with Invalid.
func moment(name, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n < 36500 {
			return now.AddDate(0, 0, -n).UTC(), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d).UTC(), nil
	}
	return time.Time{}, engine.Errorf(engine.Invalid, "%s %q is no time; right would be 2026-11-01, 2026-11-01T08:00:00Z, 30d or 12h", name, text)
}

// into has write fill a file, which is there only when all of it could be written; "" is the standard output.
func into(file string, stdout io.Writer, write func(io.Writer) error) error {
	if file == "" || file == "-" {
		w := bufio.NewWriter(stdout)
		if err := write(w); err != nil {
			return err
		}
		return w.Flush()
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return engine.Wrap(engine.Invalid, err, "the file cannot be written")
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has another name when all went well
	w := bufio.NewWriterSize(f, 1<<16)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// withStore opens the database for one command that reads.
func withStore(ctx context.Context, do func(*store.Store) error) error {
	secrets, err := readSecrets("DATABASE_URL")
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, secrets.DatabaseURL.Reveal(), store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.Check(ctx); err != nil {
		return err
	}
	return do(st)
}
