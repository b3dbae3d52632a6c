package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// serveCommand serves until ctx ends, and then until the requests under way are answered.
// It fails on a bad flag and on an address that is taken.
func serveCommand(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("industry", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it
	var (
		listen  = flags.String("listen", ":8080", "`address` to serve on")
		name    = flags.String("name", os.Getenv("INDUSTRY_NAME"), "name of the service in logs and answers (INDUSTRY_NAME)")
		routes  = flags.String("routes", os.Getenv("INDUSTRY_ROUTES"), "comma-separated `paths` to serve beside / (INDUSTRY_ROUTES)")
		callees = flags.String("callees", os.Getenv("INDUSTRY_CALLEES"), "comma-separated `host:port[/path]` list to call for each request (INDUSTRY_CALLEES)")
		timeout = flags.Duration("timeout", 5*time.Second, "how long to wait for a callee")
		reuse   = flags.Duration("reuse", 5*time.Second, "how long connections to callees are kept; 0 for one a request")
		drain   = flags.Duration("drain", time.Second, "how long to serve, not ready, after being asked to stop")
		seed    = flags.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the choice which requests fail")
		format  = flags.String("log", "json", "json or text")
		work    Work
		fault   Fault
	)
	flags.DurationVar(&work.CPU, "cpu", 0, "time on a processor that each request takes, such as 800us")
	flags.Int64Var(&work.Alloc, "alloc", 0, "`bytes` of memory that each request takes")
	flags.Float64Var(&fault.ErrorRate, "error-rate", 0, "share of requests that fail, 0 to 1")
	flags.Func("delay", "time that each request takes longer, such as 300ms", fault.setDelay)
	if err := parse(flags, args); err != nil {
		return err
	}
	hosts, err := parseCallees(*callees)
	if err != nil {
		return err
	}
	paths, err := parseRoutes(*routes)
	if err != nil {
		return err
	}
	if *timeout <= 0 || *reuse < 0 || *drain < 0 {
		return fmt.Errorf("timeout %s, reuse %s, drain %s: want a timeout above 0s, and none of the others below", *timeout, *reuse, *drain)
	}
	if err := errors.Join(work.check(), fault.check()); err != nil {
		return err
	}
	log, err := newLog(*format, stdout)
	if err != nil {
		return err
	}
	log = log.With("service", *name)
	service := NewService(Config{
		Name: *name, Routes: paths, Callees: hosts, Timeout: *timeout, Reuse: *reuse, Work: work, Fault: fault, Seed: *seed, Log: log,
	})
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	return serve(ctx, ln, service, *drain, log)
}

func newLog(format string, w io.Writer) (*slog.Logger, error) {
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	}
	return nil, fmt.Errorf("log %q: want json or text", format)
}

// serve answers until ctx ends. Then it says that it is not ready and goes on
// for the time of drain, in which callers learn to go elsewhere.
func serve(ctx context.Context, ln net.Listener, service *Service, drain time.Duration, log *slog.Logger) error {
	server := &http.Server{Handler: service.Handler(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	log.InfoContext(ctx, "serving", "address", ln.Addr().String(), "callees", service.cfg.Callees)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	log.InfoContext(ctx, "stopping", "drain", drain.String())
	service.stopping.Store(true)
	select {
	case err := <-served:
		return err
	case <-time.After(drain):
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	err := server.Shutdown(last)
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	log.InfoContext(ctx, "stopped")
	return err
}

// reserved are the paths that a service has anyway.
var reserved = map[string]bool{"/": true, "/healthz": true, "/readyz": true, "/metrics": true, "/_fault": true}

// parseRoutes reads a list of paths.
func parseRoutes(list string) ([]string, error) {
	var routes []string
	seen := map[string]bool{}
	for route := range strings.SplitSeq(list, ",") {
		route = strings.TrimSpace(route)
		if route == "" || seen[route] {
			continue
		}
		if !strings.HasPrefix(route, "/") || strings.HasSuffix(route, "/") || strings.ContainsAny(route, "{} ?#") || strings.Contains(route, "//") || strings.Contains(route, "/.") || reserved[route] {
			return nil, fmt.Errorf("route %q: want a path such as /orders, and none that is there anyway", route)
		}
		seen[route] = true
		routes = append(routes, route)
	}
	return routes, nil
}
