// Command industry is the demo's workload: an HTTP service that calls other
// copies of itself, shows its request durations as metrics, and can be told to
// be slow or to fail. The stand runs it in pods.
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
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "industry:", err)
		os.Exit(2)
	}
}

// run serves until ctx ends, and then until the requests under way are answered.
// It fails on a bad flag and on an address that is taken.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("industry", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it
	var (
		listen  = flags.String("listen", ":8080", "`address` to serve on")
		name    = flags.String("name", os.Getenv("INDUSTRY_NAME"), "name of the service in logs and answers (INDUSTRY_NAME)")
		callees = flags.String("callees", os.Getenv("INDUSTRY_CALLEES"), "comma-separated `host:port` list to call for each request (INDUSTRY_CALLEES)")
		timeout = flags.Duration("timeout", 5*time.Second, "how long to wait for a callee")
		drain   = flags.Duration("drain", time.Second, "how long to serve, not ready, after being asked to stop")
		seed    = flags.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the choice which requests fail")
		fault   Fault
	)
	flags.Float64Var(&fault.ErrorRate, "error-rate", 0, "share of requests that fail, 0 to 1")
	flags.Func("delay", "time that each request takes longer, such as 300ms", fault.setDelay)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: there are flags only", flags.Arg(0))
	}
	if err := fault.check(); err != nil {
		return err
	}
	hosts, err := parseCallees(*callees)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(stdout, nil)).With("service", *name)
	service := NewService(Config{Name: *name, Callees: hosts, Timeout: *timeout, Fault: fault, Seed: *seed, Log: log})
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	return serve(ctx, ln, service, *drain, log)
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

// parseCallees reads a list of host:port.
func parseCallees(list string) ([]string, error) {
	var hosts []string
	for host := range strings.SplitSeq(list, ",") {
		host = strings.TrimSpace(host)
		if host == "" {
			continue
		}
		if name, port, err := net.SplitHostPort(host); err != nil || name == "" || port == "" {
			return nil, fmt.Errorf("callee %q: want host:port, such as cart:8080", host)
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}
