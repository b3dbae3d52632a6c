// Package kube is the way to the Kubernetes API, and the only importer of client-go in the product.
//
// It watches clusters and hands what it sees to a Sink, finds the workload that owns an object, gathers evidence for
// diagnoses (package collect), reads logs, and says which permissions are missing. It never writes to a cluster and
// never reads a Secret. cmd/autopilot makes the clusters; the handlers use them.
package kube

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

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

	LogLines int // of LogsOf; 0 means 50, and there are never more than 1000

	Log *slog.Logger     // nil means slog.Default()
	Now func() time.Time // nil means time.Now
}

// EKS is what is needed to speak to an EKS cluster without an exec plug-in. Package aws has all three.
type EKS struct {
	Endpoint string // https URL of the API server
	CA       []byte // PEM
	// Token gives a bearer token and when it must no longer be used. It is called again after that, not before.
	Token func(ctx context.Context) (token string, expiry time.Time, err error)
}

// Cluster is one Kubernetes cluster. Its methods may be called at the same time.
type Cluster struct {
	name   string
	host   string
	client kubernetes.Interface
	derive func(detect.Scene) detect.Result
	lines  int // of LogsOf
	log    *slog.Logger
	now    func() time.Time

	mu    sync.Mutex
	watch *watcher // nil while the cluster is not watched here
}

// Connect prepares a cluster. It fails with Invalid when the configuration cannot work; it does not speak to the cluster.
func Connect(cfg Config) (*Cluster, error) {
	if cfg.Name == "" {
		return nil, engine.Errorf(engine.Invalid, "a cluster needs a name")
	}
	rc, err := restConfig(cfg)
	if err != nil {
		return nil, engine.Wrap(engine.Invalid, err, "cluster "+cfg.Name+" cannot be configured")
	}
	client, err := kubernetes.NewForConfig(rc)
	if err != nil {
		return nil, engine.Wrap(engine.Invalid, err, "cluster "+cfg.Name+" cannot be configured")
	}
	c := newCluster(cfg.Name, client, cfg.Log, cfg.Now)
	c.host, c.lines = rc.Host, cfg.LogLines
	return c, nil
}

func newCluster(name string, client kubernetes.Interface, log *slog.Logger, now func() time.Time) *Cluster {
	if log == nil {
		log = slog.Default()
	}
	if now == nil {
		now = time.Now
	}
	return &Cluster{name: name, client: client, derive: detect.Signals, log: log.With("cluster", name), now: now}
}

// LogTo sends what client-go itself has to say to a logger, for the whole process. Without it, that goes to standard error as
// plain text.
func LogTo(log *slog.Logger) { klog.SetSlogLogger(log.With("component", "client-go")) }

// Name is the cluster's name in the configuration.
func (c *Cluster) Name() string { return c.name }

func restConfig(cfg Config) (*rest.Config, error) {
	rc, err := baseConfig(cfg)
	if err != nil {
		return nil, err
	}
	rc.QPS = cmp.Or(cfg.QPS, 50)
	rc.Burst = cmp.Or(cfg.Burst, 100)
	rc.UserAgent = "autopilot"
	// Protobuf halves the work of decoding ten thousand pods.
	rc.ContentType = "application/vnd.kubernetes.protobuf"
	rc.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return rc, nil
}

func baseConfig(cfg Config) (*rest.Config, error) {
	switch {
	case cfg.EKS != nil:
		if cfg.EKS.Endpoint == "" || len(cfg.EKS.CA) == 0 || cfg.EKS.Token == nil {
			return nil, errors.New("EKS needs an endpoint, a certificate authority and a source of tokens")
		}
		source := &tokenSource{fetch: cfg.EKS.Token, now: cfg.Now}
		if source.now == nil {
			source.now = time.Now
		}
		rc := &rest.Config{Host: cfg.EKS.Endpoint, TLSClientConfig: rest.TLSClientConfig{CAData: cfg.EKS.CA}}
		rc.Wrap(source.wrap)
		return rc, nil
	case cfg.InCluster:
		return rest.InClusterConfig()
	default:
		rules := clientcmd.NewDefaultClientConfigLoadingRules()
		rules.ExplicitPath = cfg.Kubeconfig
		overrides := &clientcmd.ConfigOverrides{CurrentContext: cfg.Context}
		return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	}
}
