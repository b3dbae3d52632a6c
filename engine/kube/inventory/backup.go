package inventory

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// backups finds which volumes and snapshots are still wanted by VolumeSnapshots and by Velero.
//
// A snapshot is wanted for as long as its VolumeSnapshotContent is there; the volume that it is made of only until it is made.
// Velero names volumes while it reads them, through the pod or the claim. What it has finished is in its object store, where no
// handle of a volume is needed; snapshots that it makes in AWS itself carry its tags, and those the AWS side reads.
func (v *survey) backups(ctx context.Context) {
	v.out.Wanted = map[string]string{}
	contents, all := v.may(ctx, snapshotContents)
	for _, u := range contents {
		by := fmt.Sprintf("VolumeSnapshotContent %s of %s/%s", u.GetName(), text(u, "spec", "volumeSnapshotRef", "namespace"), text(u, "spec", "volumeSnapshotRef", "name"))
		v.want(text(u, "spec", "source", "snapshotHandle"), by)
		v.want(text(u, "status", "snapshotHandle"), by)
		if ready, _, err := unstructured.NestedBool(u.Object, "status", "readyToUse"); !ready || err != nil {
			v.want(text(u, "spec", "source", "volumeHandle"), by)
		}
	}
	pods, ok := v.may(ctx, podBackups)
	all = all && ok
	uploads, ok := v.may(ctx, dataUploads)
	all = all && ok
	if !all {
		v.lacks(waste.PartBackups)
	}
	for _, u := range pods {
		if !finished(u) {
			namespace := text(u, "spec", "pod", "namespace")
			claim := v.claimOf(namespace, text(u, "spec", "pod", "name"), text(u, "spec", "volume"))
			v.want(v.handle(namespace, claim), "Velero PodVolumeBackup "+u.GetName())
		}
	}
	for _, u := range uploads {
		if !finished(u) {
			v.want(v.handle(text(u, "spec", "sourceNamespace"), text(u, "spec", "sourcePVC")), "Velero DataUpload "+u.GetName())
		}
	}
}

func (v *survey) want(handle, by string) {
	if handle != "" && v.out.Wanted[handle] == "" {
		v.out.Wanted[handle] = by
	}
}

func finished(u *unstructured.Unstructured) bool {
	switch text(u, "status", "phase") {
	case "Completed", "Failed", "Canceled":
		return true
	}
	return false
}

// claimOf is the claim behind a volume of a pod.
func (v *survey) claimOf(namespace, pod, volume string) string {
	for _, p := range v.out.Pods {
		if p.Namespace != namespace || p.Name != pod {
			continue
		}
		for _, pv := range p.Spec.Volumes {
			switch {
			case pv.Name != volume:
			case pv.PersistentVolumeClaim != nil:
				return pv.PersistentVolumeClaim.ClaimName
			case pv.Ephemeral != nil:
				return p.Name + "-" + pv.Name
			}
		}
	}
	return ""
}

// handle is the volume behind a claim, as its driver names it.
func (v *survey) handle(namespace, claim string) string {
	if claim == "" {
		return ""
	}
	for _, pv := range v.out.Volumes {
		if ref := pv.Spec.ClaimRef; ref != nil && ref.Namespace == namespace && ref.Name == claim {
			return volumeHandle(pv)
		}
	}
	return ""
}

func volumeHandle(pv *corev1.PersistentVolume) string {
	switch {
	case pv.Spec.CSI != nil:
		return pv.Spec.CSI.VolumeHandle
	case pv.Spec.AWSElasticBlockStore != nil:
		return pv.Spec.AWSElasticBlockStore.VolumeID
	}
	return ""
}
