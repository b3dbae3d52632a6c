package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Workload is what an incident is about: the owner at the top (the Deployment, not its ReplicaSet or pod).
// A node is the workload {Cluster, "", "Node", name}; a claim is one of kind PersistentVolumeClaim.
type Workload struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
}

// KindNode is the Workload kind of a node.
const KindNode = "Node"

// KindService is the kind of a Workload that stands for whoever answers behind a Service, where nobody knows who that is.
const KindService = "Service"

// KindCluster is the Workload kind of a whole cluster; its name is the cluster's.
const KindCluster = "Cluster"

// IsZero tells whether no workload is named.
func (w Workload) IsZero() bool { return w == Workload{} }

// String gives "namespace/name", or the name alone for a cluster-scoped object.
func (w Workload) String() string {
	if w.Namespace == "" {
		return w.Name
	}
	return w.Namespace + "/" + w.Name
}

// Fingerprint identifies the workload across restarts and replicas: 16 hex digits of a SHA-256.
func (w Workload) Fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{w.Cluster, w.Namespace, w.Kind, w.Name}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// ObjectRef names the one object that showed a problem, such as a pod of the workload.
type ObjectRef struct {
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	UID       string `json:"uid,omitempty"`
}

// Health is how much of a workload works. Desired is what its spec asks for.
type Health struct {
	Desired int `json:"desired"`
	Ready   int `json:"ready"`
}
