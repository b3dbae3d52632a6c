package price

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Day is what is known of one day (UTC): the bill of a payer, and who used what of it. A cluster has one name in all lists; where there
// are Splits, it is its EKS name.
type Day struct {
	Bill     Bill
	Nodes    []NodeUse
	Pods     []PodUse
	Volumes  []VolumeUse
	Clusters []ClusterUse
	Splits   []SplitRow // where split cost allocation is configured: they divide the nodes of their clusters instead of Pods
}

// NodeUse is a node of a cluster during the day.
type NodeUse struct {
	Cluster, Name         string
	Account, Region, Type string
	Spot                  bool
	Hours                 float64
	CPU, GiB, GPU         float64 // that it has
}

// PodUse is what the pods of a namespace and team took of a node during the day: of each pod, hour by hour, the larger of what it
// requested and what it used.
type PodUse struct {
	Cluster, Node   string
	Namespace, Team string
	CPUHours        float64 // cores times hours
	GiBHours        float64
	GPUHours        float64
}

// VolumeUse is an EBS volume of a claim, or of a node when Namespace is "".
type VolumeUse struct {
	Cluster, Namespace, Team string
	Account, Region, Type    string
	GiB, IOPS, Throughput    int64
	Hours                    float64
}

// ClusterUse is an EKS control plane.
type ClusterUse struct {
	Cluster, Account, Region string
	Hours                    float64
	Extended                 float64 // of them, in extended support
}

// SplitRow is what split cost allocation of EKS gave the pods of a namespace: what they used or had reserved, and their part of what
// nobody did.
type SplitRow struct {
	Day                time.Time       `json:"day"`
	Cluster, Namespace string          // the cluster's EKS name
	Used               engine.MicroUSD `json:"used"`
	Unused             engine.MicroUSD `json:"unused"`
}

// Share is how what all use is divided among the namespaces of a cluster.
type Share string

// The ways to share. The default is ShareProportional.
const (
	ShareProportional Share = "proportional" // to what each costs by itself
	ShareEven         Share = "even"         // the same to each
	ShareFixed        Share = "fixed"        // to teams, by shares that are configured
	ShareNone         Share = "none"         // shown by itself
)

// Rules say how a day is allocated.
type Rules struct {
	SharedNamespaces []string           // whose pods serve all others
	Share            Share              // of those, of the control plane and of the disks of nodes
	Fixed            map[string]float64 // team → share in [0,1], for ShareFixed; what they leave stays shared
}

// DefaultRules are the rules where the configuration is silent.
func DefaultRules() Rules {
	return Rules{SharedNamespaces: []string{"kube-system", "kube-node-lease", "kube-public"}, Share: ShareProportional}
}

// Check says what is wrong with the rules. It fails with Invalid.
func (r Rules) Check() error {
	switch r.Share {
	case ShareProportional, ShareEven, ShareNone:
	case ShareFixed:
		sum := 0.0
		for team, share := range r.Fixed {
			if !(share >= 0 && share <= 1) {
				return engine.Errorf(engine.Invalid, "the share of team %s is %v; a number from 0 to 1 is right", team, share)
			}
			sum += share
		}
		if sum > 1+1e-9 {
			return engine.Errorf(engine.Invalid, "the fixed shares come to %.3f; they may come to 1 at most", sum)
		}
	default:
		return engine.Errorf(engine.Invalid, "%q is no way to share; proportional, even, fixed and none are", r.Share)
	}
	return nil
}

// RowKind says whose cost a row is.
type RowKind string

// The kinds of rows.
const (
	RowWorkload      RowKind = "workload"      // of a namespace, by itself
	RowShared        RowKind = "shared"        // of what all use; with Namespace or Team, their part of it
	RowIdle          RowKind = "idle"          // of nodes: what nobody requested or used
	RowOutside       RowKind = "outside"       // not of any cluster
	RowUnallocatable RowKind = "unallocatable" // taxes, support, credits, unused commitments: of nobody in particular
	RowAdjustment    RowKind = "adjustment"    // of a closed month: what its invoice differs from its days by
)

// Row is a part of a bill.
type Row struct {
	Payer       string          `json:"payer"`
	Day         time.Time       `json:"day"` // the first of the month, of an adjustment
	Account     string          `json:"account"`
	Cluster     string          `json:"cluster,omitempty"`
	Namespace   string          `json:"namespace,omitempty"`
	Team        string          `json:"team,omitempty"`
	Kind        RowKind         `json:"kind"`
	What        string          `json:"what"` // "nodes", "volumes", "control plane", or the service
	Amount      engine.MicroUSD `json:"amount"`
	Provisional bool            `json:"provisional"` // AWS may still change the bill
}
