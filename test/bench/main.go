// Command bench measures the bot on the real parts: one program, one subcommand for each figure.
//
// It prints what it measured as plain tables. Time is measured and never judged: the exit code is 1 only when something
// that must be right was not, such as a message lost, doubled, or a second card.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"
)

// figure is one subcommand.
type figure struct {
	name, about string
	run         func(ctx context.Context, args []string, out io.Writer) error
}

var figures = []figure{
	{"cards", "from a real container's failure to its card in Slack, and to the right cause on the card", cards},
	{"alerts", "from the POST of an alert to its card", alerts},
	{"memory", "the bot's memory while it watches many pods, beside a bare informer's", memory},
	{"edits", "every value of every YAML and HCL file of a folder edited: what else changed, what is refused, edits a second", edits},
	{"informer", "a bare informer of pods, and its memory: what memory compares the bot with", informer},
	{"crash", "the bot cut off at every step from the click to the verified saving: what was lost, what was doubled", crash},
	{"crash-bot", "the part of crash that is killed, as a process of its own", crashBot},
	{"soak", "kill -9, PostgreSQL and Slack outages over and over: what was lost, what was doubled", soak},
	{"waste", "the histories of thousands of containers from a real Prometheus, and the detection of waste on them", wasteScan},
	{"waste-load", "the part of waste that is measured, as a process of its own", wasteLoad},
	{"labels", "precision and recall of the detectors of waste in a labelled cluster, and nodes drained by the real scheduler", labels},
	{"digest", "a week's and a month's message, page and tables of a year of rows: time and memory", digests},
	{"digest-load", "the part of digest that is measured, as a process of its own", digestLoad},
	{"storm", "many pods of one workload crash together: cards, incidents, posts", storm},
	{"metrics", "what watching the metrics of thousands of workloads takes: a real Prometheus asked, judged, kept in a real PostgreSQL", metrics},
	{"nab", "anomalies in the labelled series of the Numenta Anomaly Benchmark: scores, values a second, bytes a series", detection},
	{"petshop", "the service behind each alarm of PetShop, where faults were injected: how often first, how often among three", petshop},
	{"nezha", "the service behind each fault that was injected into two systems on Kubernetes, from their metrics alone", nezha},
	{"rank", "a neighbourhood of thousands of workloads ranked: time and memory", rank},
	{"trust", "experiments in Slack on services under load, and as much that is innocent: how the bot grades itself, what was left behind, what was raised for nothing", trusted},
	{"endings", "faults on a real node, ended by their deadline, by a stop and by kill -9 of who holds them: what was left, which must be nothing", endings},
	{"endings-hold", "the part of endings that is killed, as a process of its own", endingsHold},
	{"industries", "the demo industries with their traffic on a real node: what the bot found in them, which must be nothing, and how they did", industries},
	{"faults", "faults of every class on a real node and on simulated ones: how often the first cause is right, how soon, what was told for nothing", faults},
	{"rightsize", "requests for CPU and memory beside other tools', on usage that was measured elsewhere", rightsize},
}

// errMissed means that the figures are there, and that one which must be right was not.
var errMissed = errors.New("missed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run gives the exit code: 1 for a want that was missed or a failure, 2 for a command line that says nothing.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) == 0 {
		help(errs)
		return 2
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		help(out)
		return 0
	}
	for _, f := range figures {
		if f.name != args[0] {
			continue
		}
		switch err := f.run(ctx, args[1:], out); {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			return 2 // flag has said why
		default:
			_, _ = fmt.Fprintf(errs, "bench %s: %v\n", f.name, err)
			return 1
		}
	}
	_, _ = fmt.Fprintf(errs, "bench: there is no figure %q\n", args[0])
	help(errs)
	return 2
}

func help(w io.Writer) {
	_, _ = fmt.Fprintln(w, "usage: go run ./test/bench <figure> [flags]; <figure> -h lists its flags")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range figures {
		_, _ = fmt.Fprintf(t, "  %s\t%s\n", f.name, f.about)
	}
	_ = t.Flush() // it fails only if w does
}

var errUsage = errors.New("usage")

// parse reads a subcommand's flags. Its errors are told by the flag set itself.
func parse(f *flag.FlagSet, args []string) error {
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", errUsage, err)
	case f.NArg() > 0:
		_, _ = fmt.Fprintf(f.Output(), "%s takes no argument %q\n", f.Name(), f.Arg(0))
		return errUsage
	}
	return nil
}

// progress tells the terminal how far a run is, beside the figures.
func progress(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}
