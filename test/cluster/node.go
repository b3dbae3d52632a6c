package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// startNode runs containerd, kubelet, kube-proxy and CoreDNS, and waits until the node is Ready.
func (c *Cluster) startNode(ctx context.Context) error {
	c.cfg.Progress("starting the node")
	var err error
	if c.registry, err = startRegistry(c.registryURL()); err != nil {
		return err
	}
	if err := c.startParts(ctx, "containerd"); err != nil {
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
	kubeconfig := filepath.Join(c.dir, "conf", "kubelet.kubeconfig")
	if err := c.pki.userKubeconfig(kubeconfig, c.apiURL(), "system:node:"+c.NodeName(), "system:nodes"); err != nil {
		return err
	}
	if err := c.startParts(ctx, "kubelet", "kube-proxy", "coredns"); err != nil {
		return err
	}
	c.cfg.Progress("waiting for the node")
	return c.await(ctx, "node "+c.NodeName(), 2*time.Minute, func(ctx context.Context) error {
		return c.nodeIs(ctx, c.NodeName(), corev1.ConditionTrue)
	})
}

func (c *Cluster) containerd() spec {
	mirror := fmt.Sprintf("server = %q\n[host.%q]\n", c.registryURL(), c.registryURL())
	return spec{
		name: "containerd",
		conf: map[string]string{
			"containerd.toml": containerdConf, "cni/10-pods.conflist": cniConf, "certs.d/" + registryName + "/hosts.toml": mirror,
			"certs.d/" + strings.TrimPrefix(c.registryURL(), "http://") + "/hosts.toml": mirror,
		},
		args: []string{"--config=" + c.path("conf", "containerd.toml"), "--log-level=warn"},
		check: func(ctx context.Context) error {
			_, err := c.ctr(ctx, "version")
			return err
		},
	}
}

// ctr runs containerd's own client in the namespace of the kubelet's containers.
func (c *Cluster) ctr(ctx context.Context, args ...string) ([]byte, error) {
	return c.stand.output(ctx, c.program("ctr"), append([]string{"--namespace=k8s.io"}, args...)...)
}

func (c *Cluster) kubelet() spec {
	conf := kubeletConf
	if c.cfg.CrashLoopMax > 0 {
		conf += fmt.Sprintf("crashLoopBackOff: {maxContainerRestartPeriod: %s}\n", c.cfg.CrashLoopMax)
	}
	return spec{
		name: "kubelet", conf: map[string]string{"kubelet.yaml": conf},
		args: []string{
			"--config=" + c.path("conf", "kubelet.yaml"), "--kubeconfig=" + c.path("conf", "kubelet.kubeconfig"),
			"--root-dir=" + c.path("kubelet"), "--cert-dir=" + c.path("pki"),
			"--hostname-override=" + c.NodeName(), "--node-ip=" + c.net.Node,
		},
		check: c.page(c.KubeletURL() + "/healthz"),
	}
}

func (c *Cluster) proxy() spec {
	return spec{
		name: "kube-proxy", conf: map[string]string{"proxy.yaml": proxyConf},
		args:  []string{"--config=" + c.path("conf", "proxy.yaml"), "--hostname-override=" + c.NodeName()},
		check: c.page("http://" + c.net.Node + ":10256/livez"),
	}
}

// dns runs CoreDNS on the node's own address, where pods and containerd reach it. It
// knows the cluster and nothing else: another name does not exist, rather than time out.
func (c *Cluster) dns() spec {
	return spec{
		name: "coredns", conf: map[string]string{"Corefile": corefile},
		args:  []string{"-conf", c.path("conf", "Corefile")},
		check: c.page("http://" + c.net.Node + ":8181/ready"),
	}
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
	c.end("kubelet")
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
	} else if err := c.StartPart(ctx, "kubelet"); err != nil {
		return err
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
	return readyIs(node, want)
}

func readyIs(node *corev1.Node, want corev1.ConditionStatus) error {
	for _, cond := range node.Status.Conditions {
		if cond.Type != corev1.NodeReady {
			continue
		}
		if cond.Status != want {
			return fmt.Errorf("node %s: Ready is %s: %s", node.Name, cond.Status, cond.Message)
		}
		return nil
	}
	return errors.New("node " + node.Name + " has no Ready condition yet")
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
