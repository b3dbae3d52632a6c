package waste

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// Snapshot is everything that a scan knows, taken at one time. What could not be had is in Missing, and in the Missing of the
// cluster or account that did not give it: a detector that needs it says so and finds nothing.
type Snapshot struct {
	At       time.Time
	Clusters []Cluster
	Accounts []Account
	Missing  []engine.Gap
	// Since says since when a condition has held without a break, by the clock of our own that the store keeps from scan to
	// scan, such as DetachedKey of a volume. A key that is not there holds since At at the earliest.
	Since map[string]time.Time
	// Muted are the keys of findings that a person called not waste, or put to sleep. They are found like any other, and own no
	// dollar that another finding could.
	Muted map[string]bool
	// Kept counts the nodes of a group, by the key of the group's card, that a person called not waste or put to sleep: the word is
	// about the group's spare room and not about instances, which come and go.
	Kept map[string]int
}

// Cluster is one Kubernetes cluster. Objects are trimmed of what no detector reads.
type Cluster struct {
	Name    string // as configured
	EKSName string // as AWS and tags name it; "" when unknown
	Account string
	Region  string
	Team    map[string]string // team by namespace, from the configuration
	// Complete says that the lists below are whole. An incomplete cluster has no findings, and proves no volume an orphan.
	Complete bool
	Missing  []Part // parts that could not be had, such as PartUsage

	Nodes        []Node
	Namespaces   []*corev1.Namespace
	Pods         []*corev1.Pod
	Deployments  []*appsv1.Deployment
	ReplicaSets  []*appsv1.ReplicaSet // only those with a pod, or the newest of its Deployment
	StatefulSets []*appsv1.StatefulSet
	DaemonSets   []*appsv1.DaemonSet
	Jobs         []*batchv1.Job
	CronJobs     []*batchv1.CronJob
	Autoscalers  []*autoscalingv2.HorizontalPodAutoscaler
	Vertical     []VerticalAutoscaler
	Limits       []*corev1.LimitRange
	Budgets      []*policyv1.PodDisruptionBudget
	Volumes      []*corev1.PersistentVolume
	Claims       []*corev1.PersistentVolumeClaim
	Classes      []*storagev1.StorageClass
	NodePools    []NodePool
	// Wanted are the handles of volumes and snapshots that backup tools or VolumeSnapshots of the cluster still refer to, with
	// what refers to them.
	Wanted map[string]string

	Usage map[ContainerKey]Usage
}

// Part names a part of a cluster or an account that may be missing.
type Part string

// The parts.
const (
	PartUsage     Part = "usage"      // Prometheus
	PartVertical  Part = "vpa"        // VerticalPodAutoscalers; missing is not the same as not installed
	PartNodePools Part = "node_pools" // Karpenter
	PartBackups   Part = "backups"    // Velero, VolumeSnapshots
	PartInstances Part = "instances"
	PartVolumes   Part = "volumes"
	PartSnapshots Part = "snapshots"
	PartGroups    Part = "groups"
	PartSupport   Part = "support" // versions of EKS clusters, and how long they have standard support
)

// Node is a node of a cluster, and the instance under it.
type Node struct {
	*corev1.Node
	InstanceID string           // "" when the provider ID names none
	Price      engine.NodePrice // Basis.Source is PriceUnknown when nobody knows
	// Attachable is how many volumes each CSI driver can attach, from the CSINode; a driver that is not there has told nobody.
	Attachable map[string]int32
}

// VerticalAutoscaler is a VerticalPodAutoscaler: what it may change, and what it would.
type VerticalAutoscaler struct {
	Namespace, Name string
	TargetKind      string
	TargetName      string
	Mode            string   // Off, Initial, Recreate, InPlaceOrRecreate, Auto
	Containers      []string // that it controls; empty means all
	Resources       []engine.Resource
}

// NodePool is a Karpenter NodePool.
type NodePool struct {
	Name                string
	ConsolidationPolicy string // WhenEmpty, WhenEmptyOrUnderutilized, Balanced
	ConsolidateAfter    string // "30s", "Never"
	Budgets             []string
}

// ContainerKey names a container of a workload, over all its pods.
type ContainerKey struct {
	Namespace, Kind, Name string // of the top owner
	Container             string
}

// Usage is what a container used.
type Usage struct {
	CPU    Series // cores, the mean over each step
	Memory Series // bytes of working set, the highest within each step
	// Peaks are the highest use a day, oldest first, as far back as is known: Prometheus' own history and what earlier scans saw.
	Peaks []Peak
	// Throttled is the share of periods in which the container was throttled, in each of the last days, newest last; nil when not known.
	Throttled []float64
	OOMKills  []time.Time // that are known, oldest first
	JVMHeap   int64       // bytes: the configured or seen maximum of the heap; 0 when it is no JVM or not known
	Restarts  int         // in the days of CPU and Memory
}

// Series is a history in equal steps, of all pods of the container together. A value is NaN where nothing is known.
type Series struct {
	Start time.Time
	Step  time.Duration
	Max   []float32 // of the pod that used the most
	Pods  []uint16  // that had a sample
}

// Peak is the highest use of a day by one pod.
type Peak struct {
	Day    time.Time // midnight UTC
	CPU    float32   // cores; NaN when not known
	Memory float32   // bytes; NaN when not known
}

// Account is an AWS account in one region.
type Account struct {
	ID, Region string
	Name       string
	Missing    []Part
	Instances  []Instance
	Volumes    []Volume
	Snapshots  []VolumeSnapshot
	Groups     []NodeGroup
	Clusters   []EKSCluster
}

// EKSCluster is what EKS says of a cluster.
type EKSCluster struct {
	Name, Version string    // the version as "1.31"
	StandardUntil time.Time // when standard support of the version ends, and the hour costs more; zero when EKS does not say
}

// Instance is an EC2 instance.
type Instance struct {
	ID, Type, Zone string
	Spot           bool
	State          string // running, stopped, …
	PrivateDNS     string
	LaunchedAt     time.Time
	Group          string // name of its autoscaling group; "" for none
	Tags           map[string]string
}

// Volume is an EBS volume.
type Volume struct {
	ID, Type, Zone   string
	State            string // available, in-use, creating, deleting, error
	GiB              int64
	IOPS, Throughput int64
	CreatedAt        time.Time
	Attachments      []Attachment
	Encrypted        bool
	MultiAttach      bool
	Tags             map[string]string
	Price            engine.VolumePrice
}

// DetachedKey is the key of Snapshot.Since for a volume that nothing is attached to.
func (v Volume) DetachedKey(account string) string { return "detached/" + account + "/" + v.ID }

// Attachment is a volume at an instance.
type Attachment struct {
	Instance      string
	InstanceState string // "" when not known
	State         string // attaching, attached, detaching, busy
}

// VolumeSnapshot is an EBS snapshot.
type VolumeSnapshot struct {
	ID, VolumeID string
	State        string // pending, completed, error
	At           time.Time
	GiB          int64
	Tags         map[string]string
}

// NodeGroup is a group of nodes that AWS keeps at a size.
type NodeGroup struct {
	Name          string // of the managed node group, or of the autoscaling group
	Managed       bool   // an EKS managed node group
	Autoscaling   string // the autoscaling group under it
	Cluster       string // EKS name; "" when unknown
	Min, Max      int
	Desired       int
	Zones         []string
	Instances     []string
	ProtectedIDs  []string // instances that are protected from scale-in
	Suspended     []string // suspended processes
	Autodiscovery bool     // tagged for cluster-autoscaler
	Tags          map[string]string
}
