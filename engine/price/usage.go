package price

import "strings"

// usage is what a usage type of a bill names.
type usage struct {
	region string
	kind   usageKind
	of     string // instance type or type of volume
	tier   int    // of IOPS: 2 or 3; 0 for the first
}

type usageKind string

const (
	otherUsage      usageKind = ""
	nodeUsage       usageKind = "node"       // hours of an instance
	spotUsage       usageKind = "spot"       // hours of a Spot instance
	storageUsage    usageKind = "storage"    // GB-months of a volume
	iopsUsage       usageKind = "iops"       // IOPS-months of a volume
	throughputUsage usageKind = "throughput" // GiB/s-months of a volume
	snapshotUsage   usageKind = "snapshot"   // GB-months
	clusterUsage    usageKind = "cluster"    // hours of an EKS control plane
	extendedUsage   usageKind = "extended"   // hours of it in extended support
)

// snapshotFamily is the family of snapshots among ratios.
const snapshotFamily = "EBS:snapshot"

// regions are the prefixes of usage types. us-east-1 has none, or USE1.
var regions = map[string]string{
	"USE1": "us-east-1", "USE2": "us-east-2", "USW1": "us-west-1", "USW2": "us-west-2", "CAN1": "ca-central-1", "CAN2": "ca-west-1",
	"EU": "eu-west-1", "EUW1": "eu-west-1", "EUW2": "eu-west-2", "EUW3": "eu-west-3", "EUC1": "eu-central-1", "EUC2": "eu-central-2",
	"EUN1": "eu-north-1", "EUS1": "eu-south-1", "EUS2": "eu-south-2",
	"APN1": "ap-northeast-1", "APN2": "ap-northeast-2", "APN3": "ap-northeast-3", "APE1": "ap-east-1",
	"APS1": "ap-southeast-1", "APS2": "ap-southeast-2", "APS3": "ap-south-1", "APS4": "ap-southeast-3", "APS5": "ap-south-2", "APS6": "ap-southeast-4",
	"SAE1": "sa-east-1", "MES1": "me-south-1", "MEC1": "me-central-1", "AFS1": "af-south-1", "ILC1": "il-central-1",
	"UGW1": "us-gov-west-1", "UGE1": "us-gov-east-1",
}

// volumeTypes are types of volume that bills call otherwise.
var volumeTypes = map[string]string{"": "standard", "piops": "io1"}

// parseUsage reads a usage type such as "EUC1-BoxUsage:m7i.xlarge". What it does not know is otherUsage.
func parseUsage(s string) usage {
	u := usage{region: "us-east-1"}
	if prefix, rest, found := strings.Cut(s, "-"); found && regions[prefix] != "" {
		u.region, s = regions[prefix], rest
	}
	name, of, _ := strings.Cut(s, ":")
	switch name {
	case "BoxUsage":
		u.kind, u.of = nodeUsage, of
	case "SpotUsage":
		u.kind, u.of = spotUsage, of
	case "AmazonEKS-Hours":
		switch of {
		case "perCluster":
			u.kind = clusterUsage
		case "extendedSupport":
			u.kind = extendedUsage
		}
	case "EBS":
		dimension, kind, _ := strings.Cut(of, ".")
		kind, tier, _ := strings.Cut(kind, ".") // "io2.tier2"
		switch tier {
		case "tier2":
			u.tier = 2
		case "tier3":
			u.tier = 3
		}
		if billed, odd := volumeTypes[kind]; odd {
			kind = billed
		}
		switch dimension {
		case "VolumeUsage":
			u.kind, u.of = storageUsage, kind
		case "VolumeP-IOPS":
			u.kind, u.of = iopsUsage, kind
		case "VolumeP-Throughput":
			u.kind, u.of = throughputUsage, kind
		case "SnapshotUsage":
			u.kind = snapshotUsage
		}
	}
	return u
}
