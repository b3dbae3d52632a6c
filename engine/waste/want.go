package waste

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// wants are what the clusters know of block volumes: who still has a use for which.
type wants struct {
	volumes  map[string]string      // by the id of the volume: what wants it
	released map[string][]retained  // by the id of the volume: who has let go of it
	claims   map[claimKey]claimed   // that there are
	named    map[claimKey]string    // claims that something would use if they were there, with what it is
	series   map[claimKey][]numbers // by cluster, namespace and no name: claims that StatefulSets number
}

// retained is a PersistentVolume whose claim is gone and that was kept on purpose.
type retained struct {
	cluster *Cluster
	pv      *corev1.PersistentVolume
}

type claimKey struct{ cluster, namespace, name string }

func (k claimKey) String() string { return k.namespace + "/" + k.name }

// claimed is a claim, with the id of the volume behind it; "" when it has none.
type claimed struct {
	claim  *corev1.PersistentVolumeClaim
	volume string
}

// numbers are the claims of one template of a StatefulSet: prefix and an ordinal.
type numbers struct{ prefix, set string }

// newWants reads all clusters.
func newWants(clusters []Cluster) *wants {
	w := &wants{
		volumes: map[string]string{}, released: map[string][]retained{}, claims: map[claimKey]claimed{},
		named: map[claimKey]string{}, series: map[claimKey][]numbers{},
	}
	for i := range clusters {
		w.read(&clusters[i])
	}
	return w
}

func (w *wants) read(c *Cluster) {
	ids := make(map[string]string, len(c.Volumes))
	for _, pv := range c.Volumes {
		id := volumeID(pv)
		ids[pv.Name] = id
		switch use := useOf(pv); {
		case id == "":
		case use == "":
			w.released[id] = append(w.released[id], retained{c, pv})
		default:
			w.volumes[id] = fmt.Sprintf("PersistentVolume %s of cluster %s %s", pv.Name, c.Name, use)
		}
	}
	for _, claim := range c.Claims {
		w.claims[claimKey{c.Name, claim.Namespace, claim.Name}] = claimed{claim, ids[claim.Spec.VolumeName]}
	}
	for handle, what := range c.Wanted {
		w.volumes[ebsID(handle)] = fmt.Sprintf("%s of cluster %s", what, c.Name)
	}
	w.readTemplates(c)
}

// useOf says what a PersistentVolume is there for; "" when it is Released and was to be retained, which is what an orphan looks like.
// One that is Bound is in use, whether or not a pod mounts it now.
func useOf(pv *corev1.PersistentVolume) string {
	switch {
	case pv.DeletionTimestamp != nil:
		return "is being deleted"
	case pv.Status.Phase == corev1.VolumeReleased && pv.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRetain:
		return ""
	case pv.Status.Phase == corev1.VolumeReleased, pv.Status.Phase == corev1.VolumeFailed:
		return "is to be deleted by its cluster"
	case pv.Status.Phase == corev1.VolumeBound && pv.Spec.ClaimRef != nil:
		return "is bound to " + pv.Spec.ClaimRef.Namespace + "/" + pv.Spec.ClaimRef.Name
	}
	return "offers it to claims"
}

// volumeID is the id in AWS of what stands behind a PersistentVolume; "" when that is no block volume of AWS.
func volumeID(pv *corev1.PersistentVolume) string {
	switch {
	case pv.Spec.CSI != nil:
		return ebsID(pv.Spec.CSI.VolumeHandle)
	case pv.Spec.AWSElasticBlockStore != nil:
		return ebsID(pv.Spec.AWSElasticBlockStore.VolumeID)
	}
	return ""
}

// readTemplates notes what the workloads would mount if they ran, those at no replicas too.
func (w *wants) readTemplates(c *Cluster) {
	note := func(kind string, m metav1.Object, spec *corev1.PodSpec) {
		for _, v := range spec.Volumes {
			who := fmt.Sprintf("%s %s/%s of cluster %s", kind, m.GetNamespace(), m.GetName(), c.Name)
			switch {
			case v.PersistentVolumeClaim != nil:
				w.named[claimKey{c.Name, m.GetNamespace(), v.PersistentVolumeClaim.ClaimName}] = who
			case v.AWSElasticBlockStore != nil:
				w.volumes[ebsID(v.AWSElasticBlockStore.VolumeID)] = who
			}
		}
	}
	for _, o := range c.Pods {
		note(kindPod, o, &o.Spec)
	}
	for _, o := range c.ReplicaSets {
		note(kindReplicaSet, o, &o.Spec.Template.Spec)
	}
	for _, o := range c.Deployments {
		note(kindDeployment, o, &o.Spec.Template.Spec)
	}
	for _, o := range c.DaemonSets {
		note(kindDaemonSet, o, &o.Spec.Template.Spec)
	}
	for _, o := range c.Jobs {
		note(kindJob, o, &o.Spec.Template.Spec)
	}
	for _, o := range c.CronJobs {
		note(kindCronJob, o, &o.Spec.JobTemplate.Spec.Template.Spec)
	}
	for _, o := range c.StatefulSets {
		note(kindStatefulSet, o, &o.Spec.Template.Spec)
		in := claimKey{c.Name, o.Namespace, ""}
		for _, t := range o.Spec.VolumeClaimTemplates {
			w.series[in] = append(w.series[in], numbers{t.Name + "-" + o.Name + "-", o.Name})
		}
	}
}

// of says who wants a claim's volume; "" when nobody does. pv is the name of the PersistentVolume that the volume was behind.
//
// A claim that is bound to another volume has what it wants: the volume is what was there before. superseded says so.
func (w *wants) of(k claimKey, volume, pv string) (who string, superseded bool) {
	if c, ok := w.claims[k]; ok {
		switch {
		case c.claim.Spec.VolumeName == "":
			return fmt.Sprintf("claim %s of cluster %s waits for a volume", k, k.cluster), false
		case c.claim.Spec.VolumeName == pv, c.volume == volume, c.volume == "":
			return fmt.Sprintf("claim %s of cluster %s still names it", k, k.cluster), false
		}
		return "", true
	}
	if who := w.named[k]; who != "" {
		return who + " mounts its claim " + k.String(), false
	}
	for _, n := range w.series[claimKey{k.cluster, k.namespace, ""}] {
		if ordinal, ok := strings.CutPrefix(k.name, n.prefix); ok && ordinal != "" && strings.Trim(ordinal, "0123456789") == "" {
			return fmt.Sprintf("StatefulSet %s/%s of cluster %s numbers its claim %s", k.namespace, n.set, k.cluster, k), false
		}
	}
	return "", false
}
