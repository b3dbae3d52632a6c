package waste

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

const (
	ebsDriver = "ebs.csi.aws.com"
	// leastAttachable is how many EBS volumes a node is trusted to hold when nobody says: instances of today share 28 slots among
	// volumes, network interfaces and local disks.
	leastAttachable = 20
)

// disk is a claim of a pod, with what it asks of a node.
type disk struct {
	claim  string // namespace/name
	driver string
	handle string
	single bool // one node at a time
	nodes  *nodeaffinity.NodeSelector
	labels map[string][]string // of the zone and region that the volume was made in, from before volumes had an affinity
}

// diskBook finds what stands behind the claims of a cluster.
type diskBook struct {
	claims  map[string]*corev1.PersistentVolumeClaim
	volumes map[string]*corev1.PersistentVolume
	classes map[string]*storagev1.StorageClass
}

func newDiskBook(c *Cluster) *diskBook {
	b := &diskBook{
		claims:  make(map[string]*corev1.PersistentVolumeClaim, len(c.Claims)),
		volumes: make(map[string]*corev1.PersistentVolume, len(c.Volumes)),
		classes: make(map[string]*storagev1.StorageClass, len(c.Classes)),
	}
	for _, claim := range c.Claims {
		b.claims[claim.Namespace+"/"+claim.Name] = claim
	}
	for _, v := range c.Volumes {
		b.volumes[v.Name] = v
	}
	for _, class := range c.Classes {
		b.classes[class.Name] = class
	}
	return b
}

// of gives the disks of a pod, or the problem that keeps anything from being said of them.
func (b *diskBook) of(p *corev1.Pod) (disks []disk, problem string) {
	for _, v := range p.Spec.Volumes {
		switch {
		case v.PersistentVolumeClaim != nil:
			d, problem := b.claim(p.Namespace + "/" + v.PersistentVolumeClaim.ClaimName)
			if problem != "" {
				return nil, problem
			}
			disks = append(disks, d)
		case v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil:
			// It is made anew with the pod, wherever its class allows.
			d, problem := b.unbound(p.Namespace+"/"+p.Name+"-"+v.Name, v.Ephemeral.VolumeClaimTemplate.Spec.StorageClassName)
			if problem != "" {
				return nil, problem
			}
			disks = append(disks, d)
		case v.AWSElasticBlockStore != nil:
			return nil, "it mounts the volume " + v.AWSElasticBlockStore.VolumeID + " without a claim"
		}
	}
	return disks, ""
}

func (b *diskBook) claim(key string) (disk, string) {
	claim := b.claims[key]
	if claim == nil {
		return disk{}, "its claim " + key + " is not there"
	}
	if claim.Spec.VolumeName == "" {
		return b.unbound(key, claim.Spec.StorageClassName)
	}
	v := b.volumes[claim.Spec.VolumeName]
	if v == nil {
		return disk{}, "the volume of its claim " + key + " is not there"
	}
	d := disk{claim: key, handle: v.Name, labels: madeIn(v), single: !slices.ContainsFunc(claim.Spec.AccessModes, shareable)}
	switch {
	case v.Spec.CSI != nil:
		d.driver, d.handle = v.Spec.CSI.Driver, v.Spec.CSI.VolumeHandle
	case v.Spec.AWSElasticBlockStore != nil:
		d.driver, d.handle = ebsDriver, ebsID(v.Spec.AWSElasticBlockStore.VolumeID)
	case v.Spec.HostPath != nil:
		return disk{}, "the volume of its claim " + key + " is a directory of the node"
	}
	if v.Spec.NodeAffinity != nil && v.Spec.NodeAffinity.Required != nil {
		var err error
		if d.nodes, err = nodeaffinity.NewNodeSelector(v.Spec.NodeAffinity.Required); err != nil {
			return disk{}, "the node affinity of its volume " + v.Name + " cannot be read"
		}
	}
	return d, ""
}

// unbound is a claim that gets its volume only when its pod has a node.
func (b *diskBook) unbound(key string, class *string) (disk, string) {
	var c *storagev1.StorageClass
	if class != nil {
		c = b.classes[*class]
	} else {
		c = b.standard()
	}
	if c == nil || c.VolumeBindingMode == nil || *c.VolumeBindingMode != storagev1.VolumeBindingWaitForFirstConsumer {
		return disk{}, "its claim " + key + " has no volume"
	}
	d := disk{claim: key, driver: c.Provisioner, handle: key, single: true}
	if len(c.AllowedTopologies) > 0 {
		var err error
		if d.nodes, err = nodeaffinity.NewNodeSelector(topologies(c.AllowedTopologies)); err != nil {
			return disk{}, "the topologies of StorageClass " + c.Name + " cannot be read"
		}
	}
	return d, ""
}

// standard is the class of a claim that names none: the default one, the newest where there are several.
func (b *diskBook) standard() *storagev1.StorageClass {
	var best *storagev1.StorageClass
	for _, c := range b.classes {
		if c.Annotations["storageclass.kubernetes.io/is-default-class"] != "true" {
			continue
		}
		if best == nil || best.CreationTimestamp.Before(&c.CreationTimestamp) || best.CreationTimestamp.Equal(&c.CreationTimestamp) && c.Name < best.Name {
			best = c
		}
	}
	return best
}

func topologies(terms []corev1.TopologySelectorTerm) *corev1.NodeSelector {
	s := &corev1.NodeSelector{}
	for _, t := range terms {
		var one corev1.NodeSelectorTerm
		for _, e := range t.MatchLabelExpressions {
			one.MatchExpressions = append(one.MatchExpressions, corev1.NodeSelectorRequirement{Key: e.Key, Operator: corev1.NodeSelectorOpIn, Values: e.Values})
		}
		s.NodeSelectorTerms = append(s.NodeSelectorTerms, one)
	}
	return s
}

func shareable(m corev1.PersistentVolumeAccessMode) bool {
	return m == corev1.ReadWriteMany || m == corev1.ReadOnlyMany
}

// madeIn gives the zones and regions that a volume's labels name; several are joined by "__".
func madeIn(v *corev1.PersistentVolume) map[string][]string {
	var in map[string][]string
	for _, key := range []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion, corev1.LabelFailureDomainBetaZone, corev1.LabelFailureDomainBetaRegion} {
		if value := v.Labels[key]; value != "" {
			if in == nil {
				in = map[string][]string{}
			}
			in[key] = strings.Split(value, "__")
		}
	}
	return in
}

// modern gives the name that a label of old has today.
func modern(key string) string {
	switch key {
	case corev1.LabelFailureDomainBetaZone:
		return corev1.LabelTopologyZone
	case corev1.LabelFailureDomainBetaRegion:
		return corev1.LabelTopologyRegion
	}
	return key
}

// admits tells whether the disk can be had on a node.
func (d disk) admits(n *corev1.Node) bool {
	for key, values := range d.labels {
		value, ok := n.Labels[key]
		if !ok {
			value = n.Labels[modern(key)]
		}
		if !slices.Contains(values, value) {
			return false
		}
	}
	return d.nodes == nil || d.nodes.Match(n)
}

// diskRefusal says why a pod's disks cannot be had on a place; "" when they can.
func (r *room) diskRefusal(t *tenant, p *place) string {
	more := map[string]map[string]bool{}
	for _, d := range t.disks {
		if !d.admits(p.node.Node) {
			return "a volume in another place"
		}
		for _, other := range r.byClaim[d.claim] {
			if d.single && other != t && other.at != nil && other.at != p {
				return "a volume that another node holds"
			}
		}
		if d.driver != "" {
			if more[d.driver] == nil {
				more[d.driver] = map[string]bool{}
			}
			more[d.driver][d.handle] = true
		}
	}
	for driver, handles := range more {
		limit, ok := p.node.Attachable[driver]
		if !ok && strings.HasPrefix(driver, "ebs.csi.") { // that of EKS Auto Mode has a name of its own
			limit, ok = leastAttachable, true
		}
		if !ok {
			continue
		}
		for _, other := range p.tenants {
			for _, d := range other.disks {
				if d.driver == driver {
					handles[d.handle] = true
				}
			}
		}
		if len(handles) > int(limit) {
			return "no slot for a volume"
		}
	}
	return ""
}

// ebsID takes the id out of "aws://us-east-1a/vol-0abc".
func ebsID(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// controllerOf gives the owner that controls an object, nil when there is none.
func controllerOf(o metav1.Object) *metav1.OwnerReference { return metav1.GetControllerOfNoCopy(o) }
