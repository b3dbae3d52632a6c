package cluster

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// A spec says how a part is started and when it is well. Its configuration is written at
// each start.
type spec struct {
	name  string
	conf  map[string]string // files of the conf folder
	args  []string
	check func(context.Context) error // nil for a part that cannot be asked
}

// specs are the parts that the mode has, in the order in which they need each other.
func (c *Cluster) specs() []spec {
	all := []spec{c.etcd(), c.apiServer(), c.controllerManager(), c.scheduler()}
	if c.cfg.Mode == Node {
		all = append(all, c.containerd(), c.kubelet(), c.proxy(), c.dns())
		if c.cfg.Metrics {
			all = append(all, c.metricsServer())
		}
	}
	return append(all, c.kwok())
}

// Parts names the parts of the cluster: etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
// on a real node containerd, kubelet, kube-proxy, coredns and perhaps metrics-server, and kwok, which runs with the
// first simulated node. It is empty in External mode.
func (c *Cluster) Parts() []string {
	var names []string
	if c.ours() == nil {
		for _, s := range c.specs() {
			names = append(names, s.name)
		}
	}
	return names
}

func (c *Cluster) spec(name string) (spec, error) {
	if err := c.ours(); err != nil {
		return spec{}, err
	}
	for _, s := range c.specs() {
		if s.name == name {
			return s, nil
		}
	}
	return spec{}, fmt.Errorf("this cluster has no part %q: want one of %q", name, c.Parts())
}

// StopPart kills a part, as a crash would. Containers outlive containerd and the kubelet. Stopping a
// part that does not run is no error.
func (c *Cluster) StopPart(name string) error {
	s, err := c.spec(name)
	if err == nil {
		c.end(s.name)
	}
	return err
}

// StartPart starts a part that was stopped or has died, and waits until it is well.
func (c *Cluster) StartPart(ctx context.Context, name string) error { return c.startParts(ctx, name) }

// StopAPIServer is StopPart for the API server.
func (c *Cluster) StopAPIServer() error { return c.StopPart("kube-apiserver") }

// StartAPIServer is StartPart for the API server.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	return c.StartPart(ctx, "kube-apiserver")
}

// Health asks each part that was started how it is: nil is well.
func (c *Cluster) Health(ctx context.Context) map[string]error {
	health := map[string]error{}
	for _, name := range c.Parts() {
		c.mu.Lock()
		p := c.parts[name]
		c.mu.Unlock()
		if p == nil {
			continue
		}
		health[name] = p.ended()
		if s, err := c.spec(name); health[name] == nil && err == nil && s.check != nil {
			health[name] = s.check(ctx)
		}
	}
	return health
}

// Processes maps each part that was started, and not stopped since, to its process id.
func (c *Cluster) Processes() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	pids := map[string]int{}
	for name, p := range maps.All(c.parts) {
		pids[name] = p.pid()
	}
	return pids
}

// startParts starts parts that can start side by side, and waits for all of them.
func (c *Cluster) startParts(ctx context.Context, names ...string) error {
	var started []spec
	for _, name := range names {
		s, err := c.spec(name)
		if err != nil {
			return err
		}
		if err := c.run(s); err != nil {
			return err
		}
		started = append(started, s)
	}
	for _, s := range started {
		if s.check == nil {
			continue
		}
		if err := c.await(ctx, s.name, time.Minute, s.check); err != nil {
			return err
		}
	}
	return nil
}

// run starts a part, unless it runs.
func (c *Cluster) run(s spec) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.parts[s.name]; p != nil && p.ended() == nil {
		return nil
	}
	for _, file := range slices.Sorted(maps.Keys(s.conf)) {
		if err := c.writeConf(file, s.conf[file]); err != nil {
			return err
		}
	}
	p, err := c.stand.startPart(s.name, filepath.Join(c.LogDir(), s.name+".log"), exec.Command(c.program(s.name), s.args...))
	if err != nil {
		return err
	}
	c.parts[s.name] = p
	return nil
}

// end kills a part; one that does not run is already as wanted.
func (c *Cluster) end(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.parts[name]; p != nil {
		p.kill()
		delete(c.parts, name)
	}
}

// page is a check that a part answers with a 2xx.
func (c *Cluster) page(url string) func(context.Context) error {
	return func(ctx context.Context) error { return get(ctx, url, c.rest) }
}

func (c *Cluster) url(port int, path string) string {
	return "https://" + net.JoinHostPort(c.net.Node, strconv.Itoa(port)) + path
}

// serving are the flags of a server for its address and certificate.
func (c *Cluster) serving(port int) []string {
	return []string{
		"--bind-address=" + c.net.Node, "--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + c.path("pki", "server.crt"), "--tls-private-key-file=" + c.path("pki", "server.key"),
	}
}

func (c *Cluster) etcd() spec {
	client, peer := "http://127.0.0.1:"+strconv.Itoa(c.ports.etcd), "http://127.0.0.1:"+strconv.Itoa(c.ports.peer)
	return spec{
		name: "etcd",
		args: []string{
			"--name=default", "--data-dir=" + c.path("etcd"), "--listen-client-urls=" + client, "--advertise-client-urls=" + client,
			"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
			// Nobody mourns this data, and a slow disk would be felt in every test.
			"--unsafe-no-fsync", "--log-level=warn", "--auto-compaction-mode=periodic", "--auto-compaction-retention=10m",
			"--quota-backend-bytes=4294967296",
		},
		// It listens on the node's loopback, where only the API server sees it.
		check: c.page(c.url(c.ports.api, "/readyz/etcd")),
	}
}

func (c *Cluster) apiServer() spec {
	account := c.path("pki", "service-account.key")
	args := append(c.serving(c.ports.api),
		"--etcd-servers=http://127.0.0.1:"+strconv.Itoa(c.ports.etcd),
		"--advertise-address="+c.net.Node, "--service-cluster-ip-range="+c.net.Services,
		"--client-ca-file="+c.path("pki", "ca.crt"), "--token-auth-file="+c.path("pki", "tokens.csv"),
		"--kubelet-client-certificate="+c.path("pki", "kubelet-client.crt"), "--kubelet-client-key="+c.path("pki", "kubelet-client.key"),
		"--kubelet-certificate-authority="+c.path("pki", "ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+account, "--service-account-signing-key-file="+account,
		"--requestheader-client-ca-file="+c.path("pki", "ca.crt"), "--requestheader-allowed-names="+frontProxy,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+c.path("pki", frontProxy+".crt"), "--proxy-client-key-file="+c.path("pki", frontProxy+".key"), "--enable-aggregator-routing",
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged",
		"--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000", "--profiling=false",
	)
	if c.cfg.Mode == KWOK {
		// A loopback address cannot be an endpoint, and simulated pods call nobody.
		args = append(args, "--endpoint-reconciler-type=none")
	}
	if c.cfg.AuditLog {
		args = append(args, "--audit-log-path="+c.path("log", "audit.log"), "--audit-policy-file="+c.path("conf", "audit.yaml"))
	}
	return spec{
		name: "kube-apiserver", conf: map[string]string{"audit.yaml": auditConf}, args: args,
		check: c.page(c.url(c.ports.api, "/readyz")),
	}
}

func (c *Cluster) controllerManager() spec {
	kubeconfig := c.path("conf", "kube-controller-manager.kubeconfig")
	return spec{
		name: "kube-controller-manager",
		args: append(c.serving(c.ports.controllers),
			"--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
			"--service-account-private-key-file="+c.path("pki", "service-account.key"), "--root-ca-file="+c.path("pki", "ca.crt"),
			"--use-service-account-credentials", "--leader-elect=false", "--allocate-node-cidrs=false",
			"--flex-volume-plugin-dir="+c.path("volumeplugins"),
			// By default a node is NotReady 12 s after its last lease, in place of 50 s.
			"--node-monitor-period=2s", "--node-monitor-grace-period="+c.cfg.NodeGrace.String(),
			"--kube-api-qps=500", "--kube-api-burst=1000",
		),
		check: c.page(c.url(c.ports.controllers, "/healthz")),
	}
}

func (c *Cluster) scheduler() spec {
	kubeconfig := c.path("conf", "kube-scheduler.kubeconfig")
	return spec{
		name: "kube-scheduler", conf: map[string]string{"scheduler.yaml": schedulerConf},
		args: append(c.serving(c.ports.scheduler), "--config="+c.path("conf", "scheduler.yaml"),
			"--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig),
		check: c.page(c.url(c.ports.scheduler, "/healthz")),
	}
}

const schedulerConf = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection: {kubeconfig: $home/conf/kube-scheduler.kubeconfig, qps: 500, burst: 1000}
`

// The bot's end-to-end tests read from it which verbs on which resources were used.
const auditConf = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`
