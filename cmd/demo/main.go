// Command demo starts everything that Autopilot talks to on this machine, and the bot; then it breaks a workload.
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
	"strings"
	"syscall"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/deploy"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/stand"
)

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
	f.StringVar(&o.scenario, "scenario", "crash", "the fault to play: "+names())
	f.BoolVar(&o.exit, "exit", false, "play the fault through without a page, print the thread, and exit 0 only if all was seen")
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
	case f.NArg() > 0:
		_, _ = fmt.Fprintf(errs, "demo takes no argument %q\n", f.Arg(0))
	case !known:
		_, _ = fmt.Fprintf(errs, "-mode %q is not one of auto, node, kwok\n", o.mode)
	case o.context != "" && o.kubeconfig == "":
		_, _ = fmt.Fprintln(errs, "-context needs -kubeconfig")
	case o.savings && o.kubeconfig != "":
		_, _ = fmt.Fprintln(errs, "-savings makes waste, which it does in a cluster of its own alone; leave out -kubeconfig")
	default:
		if _, err := scenario.Find(o.scenario); err != nil {
			_, _ = fmt.Fprintln(errs, err)
			return o, err
		}
		return o, nil
	}
	return o, errors.New("usage")
}

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
	s, err := scenario.Find(o.scenario)
	if err != nil {
		return err
	}
	rules, err := botRules()
	if err != nil {
		return err
	}
	began := time.Now()
	progress := func(line string) { _, _ = fmt.Fprintf(out, "%6.1fs  %s\n", time.Since(began).Seconds(), line) }
	cfg := stand.Config{
		Name: o.name, Dir: filepath.Join(os.TempDir(), "autopilot-"+o.name), Rules: rules, Progress: progress,
		Cluster: cluster.Config{Mode: modes[o.mode], CrashLoopMax: 20 * time.Second},
	}
	if o.kubeconfig != "" {
		s = s.WithImage(o.image)
		cfg.Cluster = cluster.Config{Mode: cluster.External, Kubeconfig: o.kubeconfig, Context: o.context}
	}
	if !o.exit {
		cfg.SlackAddress = o.listen
	}
	if (o.savings || !o.exit) && o.kubeconfig == "" {
		cfg.EditBot = func(c *stand.BotConfig) { c.Extra += reports() }
		if cfg.Waste, err = wasteCases(); err != nil {
			return err
		}
		if cfg.Declared, err = declared(); err != nil {
			return err
		}
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
		_ = os.RemoveAll(cfg.Dir)
		progress("everything is taken away again")
	}()
	p, err := newPlay(ctx, st, s, progress)
	if err != nil {
		return err
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

// botRules are those of the role that is shipped: the demo's bot may do what a real one may, and no more.
func botRules() ([]rbacv1.PolicyRule, error) {
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(deploy.ReaderRole(), &role); err != nil {
		return nil, fmt.Errorf("deploy/rbac/reader.yaml: %w", err)
	}
	return role.Rules, nil
}
