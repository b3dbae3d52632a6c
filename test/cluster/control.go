package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/eks-autopilot/autopilot/test/cluster/ports"
)

// stateDirs are the folders of a cluster's state in its folder; log is kept apart.
var stateDirs = []string{"conf", "pki", "etcd", "containerd", "kubelet", "pods", "volumeplugins", "admin.kubeconfig", "users"}

// listening are the ports of the parts: the usual ones on a node, which has a network of its own, and
// free ones on the loopback otherwise.
type listening struct{ etcd, peer, api, controllers, scheduler int }

// start runs everything, in the order in which the parts need each other.
func (c *Cluster) start(ctx context.Context) error {
	say := c.cfg.Progress
	if missing := Missing(c.cfg.Mode); len(missing) > 0 {
		return fmt.Errorf("this machine lacks what a real node needs: apt-get install %s", strings.Join(missing, " "))
	}
	var err error
	if c.bin, c.release, err = Build(ctx, c.cfg.Mode, say); err != nil {
		return err
	}
	if c.slot, err = takeSlot(c.cfg.Name); err != nil {
		return err
	}
	if err := c.makeDirs(); err != nil {
		return err
	}
	c.stand = newLauncher()
	c.net, c.home = addresses{Host: "127.0.0.1", Node: "127.0.0.1", Services: "10.96.0.0/16", ServiceIP: "10.96.0.1"}, c.dir
	c.ports = listening{2379, 2380, 6443, 10257, 10259}
	if c.cfg.Mode == Node {
		say("setting up the node's namespaces")
		c.net, c.home = c.slot.addresses(), "/run/autopilot"
		if err := c.startMachine(ctx); err != nil {
			return err
		}
	} else if c.ports, err = freeListening(&c.held); err != nil {
		return err
	}
	if err := c.makePKI(); err != nil {
		return err
	}
	say("starting the control plane")
	if err := c.startParts(ctx, "etcd", "kube-apiserver"); err != nil {
		return err
	}
	if err := c.startParts(ctx, "kube-controller-manager", "kube-scheduler"); err != nil {
		return err
	}
	// Without it a pod is refused.
	if err := c.await(ctx, "the default service account", time.Minute, func(ctx context.Context) error {
		_, err := c.client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	}); err != nil {
		return err
	}
	if c.cfg.Mode == Node {
		if err := c.startNode(ctx); err != nil {
			return err
		}
		if c.cfg.Metrics {
			if err := c.startMetrics(ctx); err != nil {
				return err
			}
		}
	}
	if c.cfg.KWOKNodes > 0 {
		say(fmt.Sprintf("adding %d simulated nodes", c.cfg.KWOKNodes))
		return c.AddKWOKNodes(ctx, c.cfg.KWOKNodes)
	}
	return nil
}

// makeDirs writes into the slot what there is to clear before it makes it.
func (c *Cluster) makeDirs() (err error) {
	c.dir = c.cfg.Dir
	if c.dir == "" {
		if c.dir, err = cacheDir("clusters"); err != nil {
			return err
		}
		c.dir = filepath.Join(c.dir, fmt.Sprintf("%d-%s", c.slot.number, c.cfg.Name))
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return err
	}
	c.slot.record.Dir, c.slot.record.Owned = c.dir, c.cfg.Dir == ""
	if err := c.slot.save(); err != nil {
		return err
	}
	for _, sub := range []string{"log", "conf", "users", "etcd"} {
		if err := os.MkdirAll(filepath.Join(c.dir, sub), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// freeListening takes ports that no outgoing connection is given while a part is started.
func freeListening(held *ports.Held) (listening, error) {
	var l listening
	for _, port := range []*int{&l.etcd, &l.peer, &l.api, &l.controllers, &l.scheduler} {
		var err error
		if *port, err = held.Take(); err != nil {
			return l, err
		}
	}
	return l, nil
}

// apiURL is the API server's address, for host and pods alike.
func (c *Cluster) apiURL() string {
	return "https://" + net.JoinHostPort(c.net.Node, strconv.Itoa(c.ports.api))
}

func (c *Cluster) makePKI() (err error) {
	if c.pki, err = newPKI(filepath.Join(c.dir, "pki")); err != nil {
		return err
	}
	// All servers show the same certificate, and the API server shows another to the kubelet.
	if err := errors.Join(
		c.pki.issue("server", "server", "", "127.0.0.1", c.net.Host, c.net.Node, c.net.ServiceIP, "localhost",
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", metricsHost),
		c.pki.issue("kubelet-client", "kube-apiserver", "system:masters"),
		c.pki.issue(frontProxy, frontProxy, ""),
	); err != nil {
		return err
	}
	for user, group := range map[string]string{
		"kube-controller-manager": "", "kube-scheduler": "", "kube-proxy": "", "coredns": "system:masters", "kwok": "system:masters", "metrics-server": "system:masters",
	} {
		path := filepath.Join(c.dir, "conf", user+".kubeconfig")
		if err := c.pki.userKubeconfig(path, c.apiURL(), "system:"+user, group); err != nil {
			return err
		}
	}
	admin := &clientcmdapi.AuthInfo{Token: c.pki.token}
	if err := writeKubeconfig(c.Kubeconfig(), c.apiURL(), c.pki.ca, admin); err != nil {
		return err
	}
	conf, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return err
	}
	return c.connect(conf)
}

// program is the path of a built program, as it is where the parts run.
func (c *Cluster) program(name string) string {
	if c.cfg.Mode == Node {
		return filepath.Join("/run/programs", name)
	}
	// The convention of envtest: ready-made etcd and kube-apiserver.
	if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
		path := filepath.Join(assets, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return filepath.Join(c.bin, name)
}

// path is a file of the cluster's folder, as it is where the parts run.
func (c *Cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.home}, elem...)...)
}

// ours refuses to act on the parts of a cluster that Start did not start.
func (c *Cluster) ours() error {
	if c.cfg.Mode == External {
		return errors.New("this cluster is not ours to stop or start: want mode node or kwok")
	}
	return nil
}

// Stop ends the cluster, without asking its pods, and removes its state. It may be called again, but
// not while another method runs.
func (c *Cluster) Stop(context.Context) error {
	if c.release != nil {
		defer c.release()
		c.release = nil
	}
	if c.slot == nil {
		return nil
	}
	var errs []error
	if c.registry != nil {
		errs = append(errs, c.registry.close())
	}
	if c.logs != nil {
		errs = append(errs, c.logs.Close())
	}
	if c.stand != nil {
		for _, s := range slices.Backward(c.specs()) {
			c.end(s.name)
		}
		errs = append(errs, c.stopMachine())
		c.stand = nil
	}
	errs = append(errs, c.slot.sweep())
	c.held.Close()
	c.slot.close()
	c.slot = nil
	return errors.Join(errs...)
}

// writeConf writes a part's configuration, with this cluster's values for $home, $node and the like.
func (c *Cluster) writeConf(name, template string) error {
	values := map[string]string{
		"home": c.home, "programs": "/run/programs", "node": c.net.Node, "pods": c.net.Pods, "pause": pauseImage, "cgroup": c.slot.cgroup(),
	}
	body := os.Expand(template, func(name string) string { return values[name] })
	path := filepath.Join(c.dir, "conf", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(body), 0o644)
}

// get asks a part for a page, as the administrator, and wants a 2xx.
func get(ctx context.Context, url string, conf *rest.Config) error {
	client, err := rest.HTTPClientFor(conf)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(io.LimitReader(resp.Body, 2000)); resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %s", url, resp.Status, body)
	}
	return nil
}
