package waste

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestOrphanJudgesAnew(t *testing.T) {
	target := engine.Target{Provider: orphanID, Account: "111", Region: "eu-west-1"}
	for name, tc := range map[string]struct {
		change func(diskWorld)
		why    string
		known  bool
	}{
		"as it was":      {func(diskWorld) {}, "", true},
		"without prices": {func(w diskWorld) { w.volume().Price = engine.VolumePrice{} }, "", true},
		"with a snapshot of its own": {func(w diskWorld) {
			w.account().Snapshots = []VolumeSnapshot{{ID: "snap-1", VolumeID: orphanID, State: "completed", At: w.At, GiB: 100}}
		}, "", true},
		"attached again": {func(w diskWorld) {
			w.volume().State, w.volume().Attachments = "in-use", []Attachment{{Instance: "i-1", InstanceState: "running"}}
		}, skipAttached + ": i-1 running", true},
		"somebody asks to keep it": {func(w diskWorld) { w.volume().Tags["keep"] = "yes" }, skipKeepTag, true},
		"a claim is there again": {func(w diskWorld) {
			w.prod().Claims = []*corev1.PersistentVolumeClaim{claimFor("")}
		}, skipClaim, true},
		"its volume is bound again": {func(w diskWorld) {
			w.stage().Volumes = []*corev1.PersistentVolume{persistent("pv", corev1.VolumeBound, corev1.PersistentVolumeReclaimDelete)}
		}, skipWanted, true},
		"a scan saw it attached":     {func(w diskWorld) { w.Since = nil }, skipFirst, true},
		"it is gone":                 {func(w diskWorld) { w.account().Volumes = nil }, "not there any more", true},
		"a cluster does not answer":  {func(w diskWorld) { w.stage().Complete = false }, "cluster stage", false},
		"backup tools do not answer": {func(w diskWorld) { w.prod().Missing = []Part{PartBackups} }, "backup tools of cluster prod", false},
		"AWS does not list volumes":  {func(w diskWorld) { w.account().Missing = []Part{PartVolumes} }, "account 111", false},
		"the account is not asked":   {func(w diskWorld) { w.Accounts = nil }, "account 111", false},
		"no cluster is asked":        {func(w diskWorld) { w.Clusters = nil }, "any cluster", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newDiskWorld()
			tc.change(w)
			why, known := Orphan(w.Snapshot, DefaultRules(), target)
			if known != tc.known || !strings.Contains(why, tc.why) || (tc.why == "") != (why == "") {
				t.Errorf("%q, %v; want %q, %v", why, known, tc.why, tc.known)
			}
		})
	}
	r := DefaultRules()
	r.Ignore = []Ignore{{Kind: engine.OrphanVolume, Reason: "not now"}}
	if why, known := Orphan(newDiskWorld().Snapshot, r, target); !known || !strings.Contains(why, "not now") {
		t.Errorf("what the configuration leaves out: %q, %v", why, known)
	}
}
