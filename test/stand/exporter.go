package stand

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/eks-autopilot/autopilot/test/stand/exporter"
)

// Exporter serves the cluster's objects as metrics, and lists of what else to
// scrape in the cluster, inside this process.
type Exporter struct {
	Client kubernetes.Interface
	Port   int
	// API is the API server's URL, by way of which nodes are scraped.
	API string

	metrics *exporter.Exporter
	server  *http.Server
	served  chan error
}

// Start returns when everything in the cluster is shown.
func (e *Exporter) Start(ctx context.Context) error {
	api, err := url.Parse(e.API)
	if err != nil {
		return fmt.Errorf("exporter: %w", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(e.Port))
	if err != nil {
		return fmt.Errorf("exporter: %w", err)
	}
	e.metrics = exporter.New(e.Client)
	if err := e.metrics.Start(ctx); err != nil {
		return errors.Join(err, ln.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", e.metrics.Handler())
	mux.HandleFunc("GET /targets/pods", e.metrics.PodTargets)
	mux.HandleFunc("GET /targets/cadvisor", e.metrics.CadvisorTargets(api))
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	e.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	e.served = make(chan error, 1)
	go func() { e.served <- e.server.Serve(ln) }()
	return nil
}

// Healthy fails unless it answers.
func (e *Exporter) Healthy(ctx context.Context) error { return ready(ctx, e.url()+"/-/ready") }

// Stop ends it; scrapes under way are cut off.
func (e *Exporter) Stop(context.Context) error {
	if e.server == nil {
		return nil
	}
	err := e.server.Close()
	if ended := <-e.served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	e.metrics.Stop()
	e.server = nil
	return err
}

// Targets are the exporter's own metrics, and the pods that ask for it by
// annotation. With a token for the API server, each node's cadvisor page too;
// simulated nodes have none.
func (e *Exporter) Targets(token string) []Target {
	targets := []Target{
		{Job: "kube-state-metrics", URL: e.url() + "/metrics", OwnLabels: true},
		{Job: "pods", URL: e.url() + "/targets/pods", Listed: true},
	}
	if token != "" {
		targets = append(targets, Target{Job: "cadvisor", URL: e.url() + "/targets/cadvisor", Listed: true, Token: token, OwnLabels: true})
	}
	return targets
}

func (e *Exporter) url() string { return "http://127.0.0.1:" + strconv.Itoa(e.Port) }
