// Package cluster runs a real Kubernetes on this machine, without Docker; called by the stand,
// the end-to-end tests and the benchmarks.
//
// # What runs
//
// Build compiles Kubernetes, etcd, containerd, runc, CoreDNS and KWOK from the Go module proxy
// into a cache: the nested modules beside this file pin them, and being modules of their own
// they leave the product's go.mod alone. Programs of other versions are removed a week after their
// last use, but for the newest. Start runs them in one of three ways:
//
//   - Node (root on Linux): control plane, containerd, kubelet, kube-proxy and CoreDNS. Containers
//     are real: they are OOM-killed, crash, log and resolve Services as in production. The metrics-server is
//     built and run where Config asks for it.
//   - KWOK (no root, any system): the same control plane, and nodes and pods simulated by KWOK,
//     whose stages play the common failures when a pod asks for one by annotation (see Failure).
//   - External: somebody's cluster, by kubeconfig. Nothing is started or stopped.
//
// # How a node is kept apart
//
// A Node cluster lives in its own PID, mount and network namespace, like a kind node without the
// image. The first process in it is a pause program that reaps orphans; when it goes, the kernel
// takes every process, mount, bridge and iptables rule of the cluster with it. It is started
// with a parent-death signal, so that even kill -9 of the program ends the cluster. Inside,
// /run, /var/lib and /var/log are empty file systems of its own, so the parts use their
// usual paths, and two clusters never meet.
//
// The host and the node are joined by a veth pair. Each cluster takes a free slot, which fixes its
// addresses: 10.s.0.1 is the host, 10.s.0.2 the node, 10.s.64.0/18 the pods, 10.s.128.0/18
// the Services. The host routes to pods and Services, and pods reach what the host serves
// on HostIP.
//
// A slot is a locked file. The lock goes with the process that held it, so the next Start sees what
// is left of a killed run (control groups, folders) and clears it, and never touches
// a cluster that lives. Off Linux there is no parent-death signal: there, kill -9 of the program
// leaves the control plane running.
//
// Each part can be asked (Health), killed (StopPart) and had again (StartPart), for tests of faults.
// KillNode makes a node NotReady within 20 s, as leases are short; the kubelet's
// back-off and the eviction of a lost node's pods are those of production.
//
// # Images
//
// Nothing is pulled from outside. ImportImage puts an image both into containerd and into a small
// registry in this process, which the node knows as autopilot.local: a missing tag there
// is answered "not found" and anything under autopilot.local/private "unauthorized", by a
// registry and not by a lack of network. It is on port 5000 of HostIP too, over plain HTTP, to
// push to and to pull from by that name.
package cluster
