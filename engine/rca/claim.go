package rca

import (
	"regexp"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// What the kubelet, the scheduler, the storage and the API server write.
var (
	noClass = regexp.MustCompile(`storageclass(?:\.storage\.k8s\.io)? "([^"]+)" not found`)
	noZone  = regexp.MustCompile(`(?i)(no topology key found|topology requirement|availability zone[^.]{0,80}(?:not|invalid)|does not match the zone)`)
)

// claimRules say why a claim has no volume.
var claimRules = []rule{
	{name: "claim/no-class", classes: []engine.Class{engine.ClassClaimPending, engine.ClassUnschedulable}, prior: 0.88, match: func(f *facts) (finding, bool) {
		e, ok := f.claim(func(e engine.Evidence) bool { return e.Fields["storage_class"] == "" && e.Fields["volume"] == "" })
		if !ok {
			return finding{}, false
		}
		return f.aboutClaim(e, "claim "+e.Object.Name+" names no storage class and there is no default", "Nothing makes a volume for it, and no existing one fits.",
			engine.Step{Text: "Make a storage class the default, or create the claim anew with one named.", Command: "kubectl get storageclass", Field: "spec.storageClassName"}), true
	}},
	{name: "claim/class-missing", classes: []engine.Class{engine.ClassClaimPending, engine.ClassUnschedulable}, prior: 0.95, match: func(f *facts) (finding, bool) {
		e, ok := f.claim(func(e engine.Evidence) bool { return e.Fields["class_exists"] == "false" })
		g, ids := f.heard(noClass)
		if !ok && g == nil {
			return finding{}, false
		}
		class := e.Fields["storage_class"]
		if g != nil {
			class = g[1]
		}
		m := f.aboutClaim(e, "storage class "+quote(class, 80)+" does not exist", "The claim names it, and the cluster has none of that name.",
			engine.Step{Text: "Create the class, or create the claim anew with one that exists.", Command: "kubectl get storageclass", Field: "spec.storageClassName"})
		m.pro = append(m.pro, ids...)
		return m, true
	}},
	{name: "claim/zone", classes: []engine.Class{engine.ClassClaimPending, engine.ClassUnschedulable}, prior: 0.8, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noZone)
		if g == nil {
			return finding{}, false
		}
		e, _ := f.claim(func(engine.Evidence) bool { return true })
		m := f.aboutClaim(e, "no volume can be made in the zone that the pod needs", "The storage class chose a zone before the scheduler chose a node.",
			engine.Step{Text: "Use a class that waits for the pod (volumeBindingMode: WaitForFirstConsumer).", Command: "kubectl get storageclass"})
		m.pro = append(m.pro, ids...)
		return m, true
	}},
	{name: "claim/provisioner", classes: []engine.Class{engine.ClassClaimPending, engine.ClassUnschedulable}, prior: 0.82, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceEvent, func(e engine.Evidence) bool {
			return e.Fields["reason"] == "ProvisioningFailed" && !strings.Contains(e.Fields["message"], "storageclass")
		})
		waits, slow := f.first(engine.EvidenceEvent, func(e engine.Evidence) bool {
			return e.Fields["reason"] == "ExternalProvisioning"
		})
		switch {
		case ok:
			m := f.aboutClaim(e, "the volume cannot be made: "+quote(core(e.Fields["message"]), 100), "The storage driver tried, and failed.",
				engine.Step{Text: "Mend what it names; for EBS volumes, look at the CSI driver's role and log.", Command: "kubectl -n kube-system logs deployment/ebs-csi-controller -c csi-provisioner --tail=50"})
			return m, true
		case slow:
			m := f.aboutClaim(waits, "nothing makes the volume: its provisioner does not answer", "The claim waits for a driver that is not there, or does not run.",
				engine.Step{Text: "See whether the driver that the class names is installed.", Command: "kubectl get csidrivers"})
			m.strength = 0.7
			return m, true
		}
		return finding{}, false
	}},
}

func (f *facts) claim(test func(engine.Evidence) bool) (engine.Evidence, bool) {
	return f.first(engine.EvidenceClaim, func(e engine.Evidence) bool { return e.Fields["phase"] == "Pending" && test(e) })
}

func (f *facts) aboutClaim(e engine.Evidence, title, text string, step engine.Step) finding {
	m := finding{strength: 1, title: title, text: text, step: step}
	if e.ID != "" {
		m.pro = []string{e.ID}
	}
	return m
}
