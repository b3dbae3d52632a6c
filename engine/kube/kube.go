// Package kube is the way to the Kubernetes API, and the only importer of client-go in the product.
//
// It watches clusters and hands what it sees to a Sink, finds the workload that owns an object, gathers evidence for
// diagnoses (package collect), reads logs, and says which permissions are missing. It writes to a cluster only the remedies that
// people ask for (act.go), and never reads a Secret. cmd/autopilot makes the clusters; the handlers use them.
package kube

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

// Config says how a cluster is reached: by EKS, from inside, or by a kubeconfig, the first of them that is set.
type Config struct {
	Name       string // as people call it; the Cluster of its workloads
	EKS        *EKS
	InCluster  bool   // by the service account of the pod that we run in
	Kubeconfig string // path of a file; "" means $KUBECONFIG, then ~/.kube/config
	Context    string // of the kubeconfig; "" means its current one

	QPS   float32 // requests a second, 0 means 50; watches count once
	Burst int     // 0 means 100

	LogLines int           // of LogsOf; 0 means 50, and there are never more than 1000
	Survey   time.Duration // from one look at what is listed and not watched to the next; 0 means a minute

	// Wrap goes round what carries the requests; nil for nothing.
	Wrap func(http.RoundTripper) http.RoundTripper

	Log *slog.Logger     // nil means slog.Default()
	Now func() time.Time // nil means time.Now
}

// EKS is what is needed to speak to an EKS cluster without an exec plug-in. Package aws has all three.
type EKS struct {
	// Find gives the https URL of the API server and the certificate authority (PEM) that it is known by. It is called when the
	// cluster is first spoken to, again until it answers, and when the server that it named does not.
	Find func(ctx context.Context) (endpoint string, ca []byte, err error)
	// Token gives a bearer token and when it must no longer be used. It is called again after that, not before.
	Token func(ctx context.Context) (token string, expiry time.Time, err error)
}

// Cluster is one Kubernetes cluster. Its methods may be called at the same time.
type Cluster struct {
	name    string
	host    func() string // the address of the API server, for people
	find    func(ctx context.Context) (*rest.Config, error)
	client  kubernetes.Interface
	dynamic dynamic.Interface // for kinds that other projects add
	derive  func(detect.Scene) detect.Result
	lines   int           // of LogsOf
	every   time.Duration // between two surveys
	log     *slog.Logger
	now     func() time.Time

	classes *classes
	apps    apps

	mu    sync.Mutex
	watch *watcher // nil while the cluster is not watched here
}

// Connect prepares a cluster. It fails with Invalid when the configuration cannot work. It does not speak to the cluster, nor
// read how it is reached: a cluster that cannot be found fails its own requests, with Unavailable, until it can.
func Connect(cfg Config) (*Cluster, error) {
	if cfg.Name == "" {
		return nil, engine.Errorf(engine.Invalid, "a cluster needs a name")
	}
	if cfg.EKS != nil && (cfg.EKS.Find == nil || cfg.EKS.Token == nil) {
		return nil, engine.Errorf(engine.Invalid, "cluster %s: EKS needs a way to find the API server and a source of tokens", cfg.Name)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	find := finder(cfg)
	r := newReach(cfg.Name, cfg.Now, find)
	rc := &rest.Config{
		// The name stands for the address, in what client-go logs.
		Host: "https://" + cfg.Name + ".invalid", Transport: r, UserAgent: "autopilot", QPS: cmp.Or(cfg.QPS, 50), Burst: cmp.Or(cfg.Burst, 100),
		ContentConfig: rest.ContentConfig{
			// Protobuf halves the work of decoding ten thousand pods.
			ContentType:        "application/vnd.kubernetes.protobuf",
			AcceptContentTypes: "application/vnd.kubernetes.protobuf,application/json",
		},
	}
	rc.WrapTransport = cfg.Wrap
	client, err := kubernetes.NewForConfig(rc)
	if err != nil {
		return nil, engine.Wrap(engine.Invalid, err, "cluster "+cfg.Name+" cannot be configured")
	}
	custom, err := dynamic.NewForConfig(rc)
	if err != nil {
		return nil, engine.Wrap(engine.Invalid, err, "cluster "+cfg.Name+" cannot be configured")
	}
	c := newCluster(cfg.Name, client, cfg.Log, cfg.Now)
	c.host, c.find, c.lines, c.dynamic, c.every = r.host, find, cfg.LogLines, custom, cmp.Or(cfg.Survey, surveyEvery)
	return c, nil
}

func newCluster(name string, client kubernetes.Interface, log *slog.Logger, now func() time.Time) *Cluster {
	if log == nil {
		log = slog.Default()
	}
	if now == nil {
		now = time.Now
	}
	return &Cluster{
		name: name, client: client, derive: detect.Signals, every: surveyEvery, log: log.With("cluster", name), now: now,
		classes: &classes{client: client, now: now, seen: map[string]class{}},
	}
}

// LogTo sends what client-go itself has to say to a logger, for the whole process. Without it, that goes to standard error as
// plain text.
func LogTo(log *slog.Logger) { klog.SetSlogLogger(log.With("component", "client-go")) }

// Name is the cluster's name in the configuration.
func (c *Cluster) Name() string { return c.name }

// finder gives what finds the cluster: each call reads the files, or asks AWS, anew.
func finder(cfg Config) func(ctx context.Context) (*rest.Config, error) {
	switch {
	case cfg.EKS != nil:
		source := &tokenSource{fetch: cfg.EKS.Token, now: cfg.Now}
		return func(ctx context.Context) (*rest.Config, error) {
			endpoint, ca, err := cfg.EKS.Find(ctx)
			if err != nil {
				return nil, err
			}
			if len(ca) == 0 {
				return nil, engine.Errorf(engine.Unavailable, "no certificate authority is known for %s", endpoint)
			}
			rc := &rest.Config{Host: endpoint, TLSClientConfig: rest.TLSClientConfig{CAData: ca}}
			rc.Wrap(source.wrap)
			return rc, nil
		}
	case cfg.InCluster:
		return func(context.Context) (*rest.Config, error) { return rest.InClusterConfig() }
	default:
		return func(context.Context) (*rest.Config, error) {
			rules := clientcmd.NewDefaultClientConfigLoadingRules()
			rules.ExplicitPath = cfg.Kubeconfig
			overrides := &clientcmd.ConfigOverrides{CurrentContext: cfg.Context}
			return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
		}
	}
}
