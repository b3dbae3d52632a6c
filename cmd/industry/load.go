package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Load is traffic: requests that come when they come, whether or not those before are answered. What a request takes is counted from when it
// was due, not from when it could be sent, so that a service that stands still does not look quick for it.
type Load struct {
	Targets  []string // host:port or host:port/path, in turn
	Schedule Schedule
	Duration time.Duration // 0 for no end
	Timeout  time.Duration
	Reuse    time.Duration
	Pending  int // requests that may be unanswered at a time; those beyond wait to be sent
	Seed     uint64
	Log      *slog.Logger
}

// loadCommand sends traffic until its duration is over or ctx ends, and then says how it went. It fails on a bad flag and on an address that is taken.
func loadCommand(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("industry load", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it
	var (
		l       = Load{}
		targets = flags.String("targets", os.Getenv("INDUSTRY_TARGETS"), "comma-separated `host:port[/path]` list, asked in turn (INDUSTRY_TARGETS)")
		where   = flags.String("namespace", "", "the `name` of a namespace of deploy/industries, or all: its services are asked, in the place of targets")
		pattern = flags.String("pattern", string(Steady), "steady, day or burst")
		listen  = flags.String("listen", "", "`address` for /metrics and /healthz; none by default")
		format  = flags.String("log", "json", "json or text")
	)
	flags.Float64Var(&l.Schedule.Rate, "rate", 10, "requests a second, in the mean")
	flags.DurationVar(&l.Schedule.Period, "period", 0, "of the pattern; default the duration, and 24h without one")
	flags.DurationVar(&l.Duration, "duration", 0, "how long; 0 until it is asked to stop")
	flags.DurationVar(&l.Timeout, "timeout", 10*time.Second, "how long to wait for an answer")
	flags.DurationVar(&l.Reuse, "reuse", 5*time.Second, "how long connections are kept; 0 for one a request")
	flags.IntVar(&l.Pending, "pending", 1000, "requests that may be unanswered at a time")
	flags.Uint64Var(&l.Seed, "seed", uint64(time.Now().UnixNano()), "seed of the moments at which requests come")
	if err := parse(flags, args); err != nil {
		return err
	}
	l.Schedule.Pattern = Pattern(*pattern)
	if l.Schedule.Period == 0 {
		l.Schedule.Period = 24 * time.Hour
		if l.Duration > 0 {
			l.Schedule.Period = l.Duration
		}
	}
	var err error
	switch {
	case *where != "" && *targets != "":
		return errors.New("-targets or -namespace, not both")
	case *where != "":
		l.Targets, err = entries(*where)
	default:
		l.Targets, err = parseCallees(*targets)
	}
	if err != nil {
		return err
	}
	if err := l.check(); err != nil {
		return err
	}
	if l.Log, err = newLog(*format, stdout); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	if *listen != "" {
		stop, err := serveMetrics(*listen, registry)
		if err != nil {
			return err
		}
		defer stop()
	}
	began := time.Now()
	tallies := l.run(ctx, newCaller(l.Timeout, l.Reuse, registry))
	return report(stdout, time.Since(began), tallies)
}

func (l Load) check() error {
	switch {
	case len(l.Targets) == 0:
		return errors.New("no targets: name one or more, such as -targets gateway:80 or -namespace all")
	case l.Duration < 0 || l.Timeout <= 0 || l.Reuse < 0:
		return fmt.Errorf("duration %s, timeout %s, reuse %s: want a timeout above 0s, and none of the others below", l.Duration, l.Timeout, l.Reuse)
	case l.Pending < 1:
		return fmt.Errorf("pending %d: want 1 or more", l.Pending)
	}
	return l.Schedule.check()
}

func serveMetrics(listen string, registry *prometheus.Registry) (stop func(), err error) {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(ln) // it ends with stop
	}()
	return func() { _ = server.Close(); <-served }, nil
}

// run sends the traffic and waits for the last answers.
func (l Load) run(ctx context.Context, c *caller) map[string]*Tally {
	tallies := map[string]*Tally{}
	for _, target := range l.Targets {
		tallies[target] = &Tally{}
	}
	rng := rand.New(rand.NewPCG(l.Seed, 0)) //nolint:gosec // A seed that gives the same traffic again is what is wanted.
	pending := make(chan struct{}, l.Pending)
	began, due := time.Now(), time.Duration(0)
	var asked sync.WaitGroup
	defer asked.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; ; n++ {
		due = l.Schedule.next(due, rng)
		if l.Duration > 0 && due > l.Duration {
			return tallies
		}
		timer.Reset(time.Until(began.Add(due)))
		select {
		case <-ctx.Done():
			return tallies
		case <-timer.C:
		}
		select {
		case <-ctx.Done():
			return tallies
		case pending <- struct{}{}:
		}
		target, at := l.Targets[n%len(l.Targets)], began.Add(due)
		asked.Go(func() {
			defer func() { <-pending }()
			l.ask(ctx, c, target, at, tallies[target])
		})
	}
}

func (l Load) ask(ctx context.Context, c *caller, target string, due time.Time, t *Tally) {
	answer := c.call(context.WithoutCancel(ctx), target, due)
	t.Add(answer.code, time.Since(due))
	if why := answer.failed(); why != "" {
		l.Log.WarnContext(ctx, "request failed", "target", target, "error", why, "took", time.Since(due).String())
	}
}
