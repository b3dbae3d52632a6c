package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// startNode runs containerd, kubelet, kube-proxy and CoreDNS, and waits until the node is Ready.
func (c *Cluster) startNode(ctx context.Context) error {
	c.cfg.Progress("starting the node")
	var err error
	if c.registry, err = startRegistry(c.net.Host); err != nil {
		return err
	}
	if err := c.startContainerd(ctx); err != nil {
		return err
	}
	for ref, build := range map[string]func() (Image, error){pauseImage: c.pauseImage, BusyboxImage: busyboxImage} {
		img, err := build()
		if err != nil {
			return err
		}
		if err := c.ImportImage(ctx, ref, img); err != nil {
			return err
		}
	}
	if err := c.writeKubeletConf(); err != nil {
		return err
	}
	if err := c.startKubelet(); err != nil {
		return err
	}
	if err := c.startProxy(); err != nil {
		return err
	}
	if err := c.startDNS(ctx); err != nil {
		return err
	}
	c.cfg.Progress("waiting for the node")
	return c.await(ctx, "node "+c.NodeName(), 2*time.Minute, func(ctx context.Context) error {
		return c.nodeIs(ctx, c.NodeName(), corev1.ConditionTrue)
	})
}

func (c *Cluster) startContainerd(ctx context.Context) error {
	hosts := filepath.Join(c.dir, "conf", "certs.d", registryName)
	if err := os.MkdirAll(hosts, 0o755); err != nil {
		return err
	}
	mirror := fmt.Sprintf("server = %q\n[host.%q]\n", c.registry.url, c.registry.url)
	if err := os.WriteFile(filepath.Join(hosts, "hosts.toml"), []byte(mirror), 0o644); err != nil {
		return err
	}
	cni := filepath.Join(c.dir, "conf", "cni")
	if err := os.MkdirAll(cni, 0o755); err != nil {
		return err
	}
	if err := errors.Join(c.writeConf("cni/10-pods.conflist", cniConf), c.writeConf("containerd.toml", containerdConf)); err != nil {
		return err
	}
	if err := c.run("containerd", "--config="+c.path("conf", "containerd.toml"), "--log-level=warn"); err != nil {
		return err
	}
	return c.await(ctx, "containerd", time.Minute, func(ctx context.Context) error {
		_, err := c.ctr(ctx, "version")
		return err
	})
}

// ctr runs containerd's own client in the namespace of the kubelet's containers.
func (c *Cluster) ctr(ctx context.Context, args ...string) ([]byte, error) {
	return c.stand.output(ctx, c.program("ctr"), append([]string{"--namespace=k8s.io"}, args...)...)
}

func (c *Cluster) writeKubeletConf() error {
	path := filepath.Join(c.dir, "conf", "kubelet.kubeconfig")
	if err := c.pki.userKubeconfig(path, c.apiURL(), "system:node:"+c.NodeName(), "system:nodes"); err != nil {
		return err
	}
	conf := kubeletConf
	if c.cfg.CrashLoopMax > 0 {
		conf += fmt.Sprintf("crashLoopBackOff: {maxContainerRestartPeriod: %s}\n", c.cfg.CrashLoopMax)
	}
	return c.writeConf("kubelet.yaml", conf)
}

func (c *Cluster) startKubelet() error {
	return c.run("kubelet", "--config="+c.path("conf", "kubelet.yaml"), "--kubeconfig="+c.path("conf", "kubelet.kubeconfig"),
		"--root-dir="+c.path("kubelet"), "--cert-dir="+c.path("pki"), "--hostname-override="+c.NodeName(), "--node-ip="+c.net.Node)
}

func (c *Cluster) startProxy() error {
	if err := c.writeConf("proxy.yaml", proxyConf); err != nil {
		return err
	}
	return c.run("kube-proxy", "--config="+c.path("conf", "proxy.yaml"), "--hostname-override="+c.NodeName())
}

// startDNS runs CoreDNS on the node's own address, where pods and containerd reach it. It
// knows the cluster and nothing else: another name does not exist, rather than time out.
func (c *Cluster) startDNS(ctx context.Context) error {
	if err := c.writeConf("Corefile", corefile); err != nil {
		return err
	}
	if err := c.run("coredns", "-conf", c.path("conf", "Corefile")); err != nil {
		return err
	}
	return c.await(ctx, "CoreDNS", time.Minute, func(ctx context.Context) error {
		return get(ctx, "http://"+c.net.Node+":8181/ready", c.rest)
	})
}

// KillNode makes a node NotReady, 12 to 20 seconds later: it kills the real node's kubelet, whose
// containers run on, and tells a simulated node to stop its heartbeat.
func (c *Cluster) KillNode(ctx context.Context, node string) error {
	if err := c.ours(); err != nil {
		return err
	}
	if node != c.NodeName() {
		return c.failNode(ctx, node, true)
	}
	c.end("kubelet", 0)
	return nil
}

// RestoreNode brings a killed node back and waits until it is Ready.
func (c *Cluster) RestoreNode(ctx context.Context, node string) error {
	if err := c.ours(); err != nil {
		return err
	}
	if node != c.NodeName() {
		if err := c.failNode(ctx, node, false); err != nil {
			return err
		}
	} else if _, runs := c.Processes()["kubelet"]; !runs {
		if err := c.startKubelet(); err != nil {
			return err
		}
	}
	return c.await(ctx, "node "+node, 2*time.Minute, func(ctx context.Context) error {
		return c.nodeIs(ctx, node, corev1.ConditionTrue)
	})
}

// nodeIs wants the node's Ready condition to be in a state.
func (c *Cluster) nodeIs(ctx context.Context, name string, want corev1.ConditionStatus) error {
	node, err := c.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, cond := range node.Status.Conditions {
		if cond.Type != corev1.NodeReady {
			continue
		}
		if cond.Status != want {
			return fmt.Errorf("node %s: Ready is %s: %s", name, cond.Status, cond.Message)
		}
		return nil
	}
	return errors.New("node " + name + " has no Ready condition yet")
}

const containerdConf = `version = 3
root = "$home/containerd"
state = "/run/containerd"
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "$pause"
[plugins."io.containerd.cri.v1.images".registry]
config_path = "$home/conf/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
runtime_path = "$programs/containerd-shim-runc-v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "$programs/runc"
SystemdCgroup = false
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["$programs"]
conf_dir = "$home/conf/cni"
use_internal_loopback = true
`

// Each pod is joined to the node by a link of its own, as on EKS: what it sends to another pod is
// routed, and so passes kube-proxy's rules, which a bridge needs a kernel module for.
const cniConf = `{"cniVersion": "1.0.0", "name": "pods", "plugins": [{
  "type": "ptp", "ipMasq": false,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "$pods"}]], "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "/run/cni"}
}]}
`

const kubeletConf = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true, cacheTTL: 10s}
  x509: {clientCAFile: $home/pki/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $home/pki/server.crt
tlsPrivateKeyFile: $home/pki/server.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
podLogsDir: $home/pods
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup
cgroupsPerQOS: true
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
clusterDomain: cluster.local
clusterDNS: [$node]
resolvConf: $home/conf/resolv.conf
volumePluginDir: $home/volumeplugins
maxPods: 250
registryPullQPS: 0
eventRecordQPS: 0
kubeAPIQPS: 100
kubeAPIBurst: 200
# A lease is renewed every quarter of this; see node-monitor-grace-period.
nodeLeaseDurationSeconds: 12
nodeStatusUpdateFrequency: 4s
nodeStatusReportFrequency: 30s
syncFrequency: 10s
volumeStatsAggPeriod: 30s
imageGCHighThresholdPercent: 100
# A full disk of this machine is not a fault of the cluster's.
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
`

const proxyConf = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $home/conf/kube-proxy.kubeconfig}
bindAddress: $node
clusterCIDR: $pods
mode: iptables
detectLocalMode: ClusterCIDR
# These belong to the whole machine.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
iptables: {minSyncPeriod: 100ms}
`

const corefile = `cluster.local:53 in-addr.arpa:53 {
  bind $node
  errors
  ready $node:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $home/conf/coredns.kubeconfig
    pods insecure
    ttl 5
  }
  cache 5
}
.:53 {
  bind $node
  errors
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`
