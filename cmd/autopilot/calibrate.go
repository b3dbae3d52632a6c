package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"text/tabwriter"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/label"
	"github.com/eks-autopilot/autopilot/engine/rca"
	"github.com/eks-autopilot/autopilot/store"
)

const calibrateUsage = `autopilot calibrate compares the confidences that were shown with what people answered, and says what the answers make of each rule.
It changes nothing: the bot itself counts the answers in its database, and shows a rule's measured share from %d answers on.

Without -in it reads the database (AUTOPILOT_DATABASE_URL); with it, a file of autopilot export incidents, and needs no database.

`

// calibrateCommand is autopilot calibrate: it gives the exit code, 2 for a call that cannot be understood.
func calibrateCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("calibrate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = fmt.Fprintf(stderr, calibrateUsage, rca.EnoughVerdicts)
		flags.PrintDefaults()
	}
	file := flags.String("in", "", "a file of autopilot export incidents, - for the standard input; the database when there is none")
	if code, ok := parsed(flags, args, stderr); !ok {
		return code
	}
	answers, err := answersOf(ctx, *file)
	if err == nil {
		err = writeCalibration(stdout, rca.Calibrate(answers))
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "autopilot calibrate: %v\n", err)
		return 1
	}
	return 0
}

// answersOf reads the answers out of a file, or out of the database.
func answersOf(ctx context.Context, file string) ([]rca.Answer, error) {
	var answers []rca.Answer
	take := func(r label.Record) {
		for _, a := range r.Answers {
			confidence := math.NaN()
			if a.Confidence != nil {
				confidence = *a.Confidence
			}
			answers = append(answers, rca.Answer{Rule: a.Rule, Confidence: confidence, Right: a.Right})
		}
	}
	if file == "" {
		err := withStore(ctx, func(st *store.Store) error {
			return st.Export(ctx, store.ExportWanted{}, func(k label.Kept) error {
				take(label.RecordOf(k, redacted))
				return nil
			})
		})
		return answers, err
	}
	in := os.Stdin
	if file != "-" {
		f, err := os.Open(file) //nolint:gosec // The operator names the file.
		if err != nil {
			return nil, engine.Wrap(engine.NotFound, err, "the file cannot be read")
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	for r, err := range label.Read(in) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		take(r)
	}
	return answers, nil
}

func writeCalibration(out io.Writer, c rca.Calibration) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	line("%d answers, %d of them right; the confidence that was shown is known of %d", c.Answers, c.Right, c.Known)
	if c.Known > 0 {
		line("Brier score %.4f as shown; %.4f with each rule's share of right answers, but for the one judged; %.4f with one share for all", c.Brier, c.Refit, c.Base)
		line("Expected calibration error %.4f", c.Error)
		line("\nsaid\tanswers\tmean said\tright")
		for _, b := range c.Bins {
			said, found := "-", "-"
			if b.Count > 0 {
				said, found = fmt.Sprintf("%.2f", b.Said), fmt.Sprintf("%.2f", b.Found)
			}
			line("%.1f to %.1f\t%d\t%s\t%s", b.From, b.To, b.Count, said, found)
		}
	}
	if len(c.Rules) > 0 {
		line("\nrule\tright\twrong\tstated\tby answers\t90 %% between\tshown")
	}
	for _, r := range c.Rules {
		stated, shown := "unknown", "what is stated"
		if !math.IsNaN(r.Prior) {
			stated = fmt.Sprintf("%.2f", r.Prior)
		}
		if r.Used {
			shown = "by answers"
		}
		line("%s\t%d\t%d\t%s\t%.2f\t%.2f and %.2f\t%s", cmp.Or(r.Rule, "-"), r.Tally.Right, r.Tally.Wrong, stated, r.Mean, r.Low, r.High, shown)
	}
	return w.Flush()
}
