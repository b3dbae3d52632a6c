package waste

import (
	"maps"
	"slices"
	"strings"
)

// origin is what the tags of a volume say of where it comes from.
type origin struct {
	kubernetes bool     // something in a cluster made it
	clusters   []string // names that the tags give, in order
	namespace  string   // of the claim that it was made for; "" when no tag says
	claim      string
	pv         string
}

// originOf reads tags: those of the EBS CSI driver, of the provisioner before it, of EKS and of tools that make clusters.
func originOf(tags map[string]string) origin {
	o := origin{
		namespace: tags["kubernetes.io/created-for/pvc/namespace"],
		claim:     tags["kubernetes.io/created-for/pvc/name"],
		pv:        tags["kubernetes.io/created-for/pv/name"],
	}
	if o.pv == "" {
		o.pv = tags["CSIVolumeName"]
	}
	names := map[string]bool{}
	for key, value := range tags {
		switch {
		case strings.HasPrefix(key, "kubernetes.io/cluster/"):
			names[strings.TrimPrefix(key, "kubernetes.io/cluster/")] = true
		case key == "KubernetesCluster", key == "ebs.csi.aws.com/cluster-name", key == "eks:cluster-name", key == "eks:eks-cluster-name",
			// The driver writes "true" here; whoever sets a name means it.
			key == "ebs.csi.aws.com/cluster" && value != "true":
			names[value] = true
		case key == "ebs.csi.aws.com/cluster", key == "CSIVolumeName", strings.HasPrefix(key, "kubernetes.io/created-for/"),
			key == "Name" && strings.HasPrefix(value, "kubernetes-dynamic-"):
			o.kubernetes = true
		}
	}
	delete(names, "")
	o.clusters = slices.Sorted(maps.Keys(names))
	o.kubernetes = o.kubernetes || len(o.clusters) > 0
	return o
}

// managedBy names the service or tool that keeps a volume or a snapshot by its tags; "" when none does.
func managedBy(tags map[string]string) string {
	for _, key := range sorted(tags) {
		for _, prefix := range []string{"aws:", "AmazonECSManaged", "AmazonFSx.", "AWSElasticDisasterRecovery", "AWSApplicationMigrationService", "velero.io/", "ark.heptio.com/"} {
			if strings.HasPrefix(key, prefix) {
				return "tag " + key
			}
		}
	}
	return ""
}

// Tags by which people say that something is to stay, without their separators.
var keepTags = []string{"keep", "retain", "retention", "preserve", "protected", "protect", "donotdelete", "nodelete", "dontdelete", "legalhold", "deletionprotection"}

// keptBy names the tag by which a person asks that a volume be kept; "" when there is none.
func keptBy(tags map[string]string) string {
	bare := strings.NewReplacer("-", "", "_", "", " ", "", ".", "", ":", "", "'", "")
	for _, key := range sorted(tags) {
		value := strings.ToLower(strings.TrimSpace(tags[key]))
		if value == "false" || value == "no" || value == "0" {
			continue
		}
		k := bare.Replace(strings.ToLower(key))
		if i := strings.LastIndexByte(key, '/'); i >= 0 {
			k = bare.Replace(strings.ToLower(key[i+1:]))
		}
		if slices.Contains(keepTags, k) || slices.Contains(keepTags, bare.Replace(value)) {
			return "tag " + key + "=" + tags[key]
		}
	}
	return ""
}
