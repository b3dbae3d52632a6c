package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

const reportUsage = `autopilot report writes the report of a week or a month: the one that was told, or one of today's rows. The same rows give the same bytes.

It needs AUTOPILOT_DATABASE_URL alone. The configuration says the budgets, the units of work, the cost of incidents and what prints.

`

// reportOrder is what one call of autopilot report asks for.
type reportOrder struct {
	config, period, team, cluster string
	page, tables, pdf             string // where to; "" for not at all, "-" for the standard output
	fresh                         bool
	now                           time.Time
}

// reportCommand is autopilot report: it gives the exit code, 2 for a call that cannot be understood.
func reportCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := reportOrder{now: time.Now()}
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = io.WriteString(stderr, reportUsage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.config, "config", configFile(), "the configuration file; without one there are no budgets and no units")
	flags.StringVar(&o.period, "period", "last week", `a week such as 2026-W47, a month such as 2026-10, "last week", "this month"`)
	flags.StringVar(&o.team, "team", "", "of this team alone")
	flags.StringVar(&o.cluster, "cluster", "", "of this cluster alone")
	flags.BoolVar(&o.fresh, "fresh", false, "of today's rows, also where one was told")
	flags.StringVar(&o.page, "o", "", "the HTML file; the standard output when nothing else is asked for")
	flags.StringVar(&o.tables, "csv", "", "a folder for every table as CSV")
	flags.StringVar(&o.pdf, "pdf", "", "the PDF file; needs reports.pdf.chromium")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		_, _ = fmt.Fprintf(stderr, "autopilot report takes no argument %q; a period is -period %[1]s\n", flags.Arg(0))
		return 2
	}
	if o.page == "" && o.tables == "" && o.pdf == "" {
		o.page = "-"
	}
	if err := writeReport(ctx, o, stdout, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "autopilot report: %v\n", err)
		return 1
	}
	return 0
}

// writeReport writes what was asked for, and says on notes what it was made of. Nothing is written of what cannot be made.
func writeReport(ctx context.Context, o reportOrder, stdout, notes io.Writer) error {
	cfg, err := readConfig(o.config)
	if err != nil && (o.config != defaultConfig || !errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	secrets, err := readSecrets("DATABASE_URL")
	if err != nil {
		return err
	}
	p, err := digest.ParsePeriod(o.period, "", o.now)
	if err != nil {
		return err
	}
	print := cfg.Reports.PDF.print()
	if o.pdf != "" && print == nil {
		return engine.Errorf(engine.Invalid, "-pdf needs a Chromium: set reports.pdf.chromium in the configuration")
	}
	rules := cfg.rules()
	st, err := store.Open(ctx, secrets.DatabaseURL.Reveal(), store.Options{
		Rules: func() incident.Rules { return rules }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.Check(ctx); err != nil {
		return err
	}
	reports := handlers.Reports{Book: st, Rules: cfg.Reports.rules()}
	d, err := reports.Digest(ctx, p, engine.DigestScope{Team: o.team, Cluster: o.cluster}, o.fresh)
	if err != nil {
		return err
	}
	if digest.Empty(d) {
		return reports.Nothing(ctx, d)
	}
	of := "as it was told"
	if d.ID == 0 {
		of = "of the rows up to " + d.AsOf.Format(time.RFC3339)
	}
	if _, err := fmt.Fprintf(notes, "%s, %s\n", p, of); err != nil {
		return err
	}
	return o.write(ctx, d, print, stdout)
}

// write makes all that is asked for, then writes it.
func (o reportOrder) write(ctx context.Context, d engine.Digest, print func(context.Context, []byte) ([]byte, error), stdout io.Writer) error {
	page, err := handlers.Page(d)
	if err != nil {
		return err
	}
	files := map[string]string{}
	if o.pdf != "" {
		pdf, err := print(ctx, []byte(page.Content))
		if err != nil {
			return err
		}
		files[o.pdf] = string(pdf)
	}
	if o.tables != "" {
		if err := os.MkdirAll(o.tables, 0o755); err != nil { //nolint:gosec // as any folder that a person makes
			return engine.Wrap(engine.Invalid, err, "the folder for tables cannot be made")
		}
		for _, t := range handlers.Tables(d) {
			files[filepath.Join(o.tables, t.Name)] = t.Content
		}
	}
	if o.page == "-" {
		if _, err := io.WriteString(stdout, page.Content); err != nil {
			return err
		}
	} else if o.page != "" {
		files[o.page] = page.Content
	}
	for name, content := range files {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil { //nolint:gosec // as any file that a person makes
			return engine.Wrap(engine.Invalid, err, "the report cannot be written")
		}
	}
	return nil
}
