package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/eks-autopilot/autopilot/test/cluster/ports"
)

// Mode says what a cluster is made of.
type Mode string

// The modes. Auto is Node for root on Linux and KWOK for others.
const (
	Auto     Mode = ""
	Node     Mode = "node"
	KWOK     Mode = "kwok"
	External Mode = "external"
)

// Resolve turns Auto into the mode that this user on this system can run. Root in a container that
// may not make namespaces is not root enough.
func (m Mode) Resolve() Mode {
	switch {
	case m != Auto:
		return m
	case canRunNode():
		return Node
	default:
		return KWOK
	}
}

// Config says which cluster to start. The zero value is a working one.
type Config struct {
	// Name tells clusters apart, in folders and in the node's name: a DNS label of at most 20
	// characters. Default "autopilot".
	Name string
	// Dir is where state and logs go; Stop removes the state and leaves Dir/log. By default
	// a folder in the cache, which Stop removes as a whole.
	Dir  string
	Mode Mode
	// Kubeconfig and Context name the cluster of External mode.
	Kubeconfig, Context string
	// KWOKNodes is how many simulated nodes to begin with. Default 0, in KWOK mode 3.
	KWOKNodes int
	// CrashLoopMax caps the kubelet's back-off between restarts, 1 s to 5 min.
	// Zero leaves the production default, which doubles from 10 s to 5 min.
	CrashLoopMax time.Duration
	// NodeGrace is how long a node may be silent before it is NotReady; default 12 s. Hundreds of simulated nodes on a
	// small machine want more: their heartbeats come four times as often and cost more than their pods.
	NodeGrace time.Duration
	// AuditLog asks for the API server's audit log, at level Metadata, in audit.log of LogDir.
	AuditLog bool
	// Metrics asks for the metrics-server, of which autoscalers and kubectl top have their numbers; simulated pods use nothing,
	// and have none.
	Metrics bool
	// Progress, if set, hears what Start is doing, a short line at a time.
	Progress func(string)
}

var nameRule = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$`)

// check fills in the defaults and refuses what cannot work.
func (cfg *Config) check() error {
	if cfg.Name == "" {
		cfg.Name = "autopilot"
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	if cfg.NodeGrace == 0 {
		cfg.NodeGrace = 12 * time.Second
	}
	cfg.Mode = cfg.Mode.Resolve()
	if cfg.Mode == KWOK && cfg.KWOKNodes == 0 {
		cfg.KWOKNodes = 3
	}
	switch {
	case !nameRule.MatchString(cfg.Name):
		return fmt.Errorf("cluster name %q: want a DNS label of at most 20 characters, such as %q", cfg.Name, "autopilot")
	case cfg.Mode != Node && cfg.Mode != KWOK && cfg.Mode != External:
		return fmt.Errorf("cluster mode %q: want %q, %q or %q, or none to choose by the user's rights", cfg.Mode, Node, KWOK, External)
	case cfg.Mode == Node && !canRunNode():
		return fmt.Errorf("cluster mode %q needs root on Linux, with the right to mount; mode %q needs neither", Node, KWOK)
	case cfg.KWOKNodes < 0:
		return fmt.Errorf("%d simulated nodes: want 0 or more", cfg.KWOKNodes)
	case cfg.NodeGrace < 4*time.Second || cfg.NodeGrace%time.Second != 0:
		return fmt.Errorf("node grace %s: want whole seconds, at least 4", cfg.NodeGrace)
	case cfg.CrashLoopMax != 0 && (cfg.CrashLoopMax < time.Second || cfg.CrashLoopMax > 5*time.Minute):
		return fmt.Errorf("crash-loop maximum %s: the kubelet takes 1s to 5m0s", cfg.CrashLoopMax)
	}
	return nil
}

// A Cluster is a running Kubernetes. Its methods may be called from several goroutines.
type Cluster struct {
	cfg     Config
	bin     string // the built programs
	release func() // lets go of them
	dir     string // state, as this process sees it
	home    string // the same folder as the parts see it
	slot    *slot
	net     addresses
	pki     *pki
	ports   listening
	held    ports.Held // with simulated nodes
	stand   *launcher

	registry *registry
	logs     *http.Server // of simulated pods
	logPort  int
	rest     *rest.Config
	client   *kubernetes.Clientset

	mu    sync.Mutex
	parts map[string]*part
	nodes int // simulated ones so far
}

// Start builds what is missing and runs a cluster. It returns once the API server is ready, all
// nodes are Ready and, on a real node, DNS answers. On an error nothing is left running.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &Cluster{cfg: cfg, parts: map[string]*part{}}
	var err error
	if cfg.Mode == External {
		err = c.attach()
	} else {
		err = c.start(ctx)
	}
	if err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("start cluster %s: %w", cfg.Name, err), c.Stop(stop))
	}
	return c, nil
}

// attach points at a cluster that is somebody else's.
func (c *Cluster) attach() error {
	if c.cfg.Kubeconfig != "" {
		var err error
		// Others read it from folders of their own.
		if c.cfg.Kubeconfig, err = filepath.Abs(c.cfg.Kubeconfig); err != nil {
			return err
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.cfg.Kubeconfig
	conf, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: c.cfg.Context}).ClientConfig()
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	return c.connect(conf)
}

func (c *Cluster) connect(conf *rest.Config) (err error) {
	conf.QPS, conf.Burst = 200, 400
	c.rest = conf
	c.client, err = kubernetes.NewForConfig(conf)
	return err
}

// Mode is the mode that Auto became.
func (c *Cluster) Mode() Mode { return c.cfg.Mode }

// Kubeconfig is the path of a kubeconfig with every right; of an External cluster the one that was given, to be used with Context.
func (c *Cluster) Kubeconfig() string {
	if c.cfg.Mode == External {
		return c.cfg.Kubeconfig
	}
	return filepath.Join(c.dir, "admin.kubeconfig")
}

// Context is the context of Kubeconfig that was asked for; "" for its current one.
func (c *Cluster) Context() string { return c.cfg.Context }

// RESTConfig is a copy of what Kubeconfig holds, with generous client-side limits.
func (c *Cluster) RESTConfig() *rest.Config { return rest.CopyConfig(c.rest) }

// Client has every right.
func (c *Cluster) Client() *kubernetes.Clientset { return c.client }

// NodeName is the real node; empty in the other modes.
func (c *Cluster) NodeName() string {
	if c.cfg.Mode != Node {
		return ""
	}
	return "node-" + c.cfg.Name
}

// KubeletURL is the real node's kubelet, such as https://10.100.0.2:10250, whose
// /metrics/cadvisor takes Token; empty in the other modes. The same page is under
// /api/v1/nodes/<name>/proxy/metrics/cadvisor of the API server.
func (c *Cluster) KubeletURL() string {
	if c.cfg.Mode != Node {
		return ""
	}
	return "https://" + c.net.Node + ":10250"
}

// Token is a bearer token with every right on the API server and on the kubelet; empty for an
// External cluster that does not use one.
func (c *Cluster) Token() string { return c.rest.BearerToken }

// CAFile is the certificate authority of the API server and of the kubelet; empty in External mode.
func (c *Cluster) CAFile() string {
	if c.cfg.Mode == External {
		return ""
	}
	return filepath.Join(c.dir, "pki", "ca.crt")
}

// HostIP is the address at which pods reach servers of this machine that listen on it or on all
// addresses; 127.0.0.1 without a real node. Empty in External mode.
func (c *Cluster) HostIP() string { return c.net.Host }

// LogDir holds a log for each part, named after it.
func (c *Cluster) LogDir() string { return filepath.Join(c.dir, "log") }
