// Command demo starts everything that Autopilot talks to on this machine, and the bot; then it breaks a workload, or shows all there is, step by
// step.
//
// The Kubernetes, PostgreSQL, Prometheus and Alertmanager are real; Slack is a stand-in with a workspace page to look at and to click in.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack/page"
	"github.com/eks-autopilot/autopilot/test/stand"
)

// full is the scenario that shows everything.
const full = "full"

// options are what the command line asks for.
type options struct {
	scenario   string
	exit       bool
	savings    bool
	listen     string
	mode       string
	kubeconfig string
	context    string
	image      string
	name       string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if err != nil {
		return 2
	}
	if err := demo(ctx, o, in, out); err != nil {
		_, _ = fmt.Fprintln(errs, "demo:", err)
		return 1
	}
	return 0
}

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(errs)
	f.StringVar(&o.scenario, "scenario", "crash", "the fault to play: "+names()+"; or "+full+", a tour of everything")
	f.BoolVar(&o.exit, "exit", false, "play it through without a page, print what was seen, and exit 0 only if all was")
	f.BoolVar(&o.savings, "savings", false, "play savings in place of a fault, and do what people would: approve, merge; a week passes in a moment, and ends with its digest")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8504", "where the workspace page listens")
	f.StringVar(&o.mode, "mode", "auto", "the cluster: auto, node (real containers; root on Linux), kwok (simulated)")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "use this cluster instead of starting one")
	f.StringVar(&o.context, "context", "", "the context of -kubeconfig")
	f.StringVar(&o.image, "image", "docker.io/library/busybox", "where the cluster of -kubeconfig pulls busybox from, without a tag")
	f.StringVar(&o.name, "name", "demo", "tells demos apart that run side by side")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	_, known := modes[o.mode]
	switch {
	case !label.MatchString(o.name):
		_, _ = fmt.Fprintf(errs, "-name %q is not 1 to 20 small letters, digits and dashes\n", o.name)
	case f.NArg() > 0:
		_, _ = fmt.Fprintf(errs, "demo takes no argument %q\n", f.Arg(0))
	case !known:
		_, _ = fmt.Fprintf(errs, "-mode %q is not one of auto, node, kwok\n", o.mode)
	case o.context != "" && o.kubeconfig == "":
		_, _ = fmt.Fprintln(errs, "-context needs -kubeconfig")
	case o.savings && o.kubeconfig != "":
		_, _ = fmt.Fprintln(errs, "-savings makes waste, which it does in a cluster of its own alone; leave out -kubeconfig")
	case o.scenario == full && (o.kubeconfig != "" || o.savings):
		_, _ = fmt.Fprintln(errs, "-scenario "+full+" has a cluster and savings of its own; leave out -kubeconfig and -savings")
	case o.scenario == full && modes[o.mode].Resolve() != cluster.Node:
		_, _ = fmt.Fprintln(errs, errNoReal)
	case o.scenario == full:
		return o, nil
	default:
		if _, err := scenario.Find(o.scenario); err != nil {
			_, _ = fmt.Fprintln(errs, err)
			return o, err
		}
		return o, nil
	}
	return o, errors.New("usage")
}

// label is what a stand may be named, which its folder is named after.
var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$`)

var modes = map[string]cluster.Mode{"auto": cluster.Auto, "node": cluster.Node, "kwok": cluster.KWOK}

func names() string {
	all, err := scenario.Builtin()
	if err != nil {
		return err.Error()
	}
	list := make([]string, 0, len(all))
	for _, s := range all {
		list = append(list, s.Name)
	}
	return strings.Join(list, ", ")
}

// demo starts the stand, plays the fault, and takes everything away again.
func demo(ctx context.Context, o options, in io.Reader, out io.Writer) (err error) {
	began := time.Now()
	t := newTour(out)
	progress := func(line string) {
		t.say(line)
		_, _ = fmt.Fprintf(out, "%6.1fs  %s\n", time.Since(began).Seconds(), line)
	}
	cfg, s, err := o.stand(progress)
	if err != nil {
		return err
	}
	if o.scenario == full && !o.exit {
		cfg.Slack.Page = t.handler(page.Handler())
		_, _ = fmt.Fprintf(out, "\n  The tour        http://%s/tour/\n\n  It says how far the start is. Ctrl-C takes everything away again.\n\n", o.listen)
	}
	st, err := stand.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
		defer cancel()
		err = errors.Join(err, st.Stop(stopping))
		if err != nil {
			progress("everything is stopped; the logs are in " + cfg.Dir)
			return
		}
		_ = os.RemoveAll(cfg.Dir) //nolint:gosec // One folder in the temporary one: its name was checked.
		progress("everything is taken away again")
	}()
	p, err := newPlay(ctx, st, s, progress)
	if err != nil {
		return err
	}
	if o.scenario == full {
		return p.tour(ctx, t, o.exit)
	}
	if o.savings {
		return p.saving().whole(ctx, o.exit, out)
	}
	// Also in somebody's own cluster nothing may be left behind.
	defer func() { err = errors.Join(err, p.player.End(context.WithoutCancel(ctx), s)) }()
	if o.exit {
		return p.headless(ctx, out)
	}
	return p.guided(ctx, in, out)
}

// stand is what is started, and the fault that is played on it; full has none.
func (o options) stand(progress func(string)) (cfg stand.Config, s scenario.Scenario, err error) {
	// The demo's bot may do what a real one may, and no more.
	roles := []string{"reader"}
	if o.scenario == full {
		roles = append(roles, "remedies")
		if cfg.Breaking, err = stand.BreakerRules(); err != nil {
			return cfg, s, err
		}
	} else if s, err = scenario.Find(o.scenario); err != nil {
		return cfg, s, err
	}
	cfg.Name, cfg.Dir, cfg.Progress = o.name, filepath.Join(os.TempDir(), "autopilot-"+o.name), progress
	cfg.Cluster = cluster.Config{Mode: modes[o.mode], CrashLoopMax: 20 * time.Second, Metrics: o.scenario == full} // the industries scale themselves
	if cfg.Rules, err = stand.Rules(roles...); err != nil {
		return cfg, s, err
	}
	if o.kubeconfig != "" {
		s = s.WithImage(o.image)
		cfg.Cluster = cluster.Config{Mode: cluster.External, Kubeconfig: o.kubeconfig, Context: o.context}
	}
	if !o.exit {
		cfg.SlackAddress = o.listen
	}
	if (o.savings || !o.exit || o.scenario == full) && o.kubeconfig == "" {
		cfg.EditBot = func(c *stand.BotConfig) {
			c.Remedies = o.scenario == full
			c.Extra += reports()
		}
		if cfg.Waste, err = wasteCases(); err != nil {
			return cfg, s, err
		}
		cfg.Declared, err = declared()
	}
	return cfg, s, err
}
