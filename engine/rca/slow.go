package rca

import (
	"regexp"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// What the autoscaler, the storage, the CronJob controller and cert-manager write.
var (
	noRequest   = regexp.MustCompile(`missing request for (\S+?)(?: in container (\S+) of Pod \S+)?(?:$|[\s;,])`)
	noMetrics   = regexp.MustCompile(`(?i)(unable to fetch metrics from (?:resource|custom|external) metrics API[^"]{0,120}|no metrics returned from (?:resource|custom|external) metrics API|unable to get external metric \S+)`)
	noTarget    = regexp.MustCompile(`unable to get the target's current scale: (.*)`)
	tooSoon     = regexp.MustCompile(`(?i)(maximum modification rate per volume limit[^"]{0,80}|VolumeModificationRateExceeded|Wait at least 6 hours)`)
	badSchedule = regexp.MustCompile(`(?i)(unparseable schedule: .*|invalid schedule: .*|invalid timeZone: .*)`)
	stillRuns   = regexp.MustCompile(`(?i)prior execution is running and concurrency policy is Forbid|of an earlier one still runs`)
	finalizing  = regexp.MustCompile(`(?i)(?:finalizers remaining: (.*)|waits for (.*) to take off its finalizer)`)
	noKill      = regexp.MustCompile(`(?i)(error killing pod.*|failed to kill pod.*|error unmounting.*|target is busy.*|UnmountVolume\.\w+ failed.*)`)
)

// slowRules say why what changes slowly does not do its work.
var slowRules = []rule{
	{name: "scale/no-request", classes: []engine.Class{engine.ClassScalingStuck}, prior: 0.94, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noRequest)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "a container has no " + quote(g[1], 40) + " request", text: "The autoscaler counts in shares of the request, and there is none.",
			step: engine.Step{Text: "Set the request in every container, or let the autoscaler look at one.", Field: f.path(g[2], "resources.requests."+g[1])},
		}, true
	}},
	{name: "scale/no-metrics", classes: []engine.Class{engine.ClassScalingStuck}, prior: 0.88, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noMetrics)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "the autoscaler gets no metrics: " + quote(g[1], 100), text: "The metrics server, or the adapter that the autoscaler asks, is not there, does not answer or does not know the metric.",
			step: engine.Step{Text: "See whether the metrics API is available.", Command: "kubectl get apiservices v1beta1.metrics.k8s.io"},
		}, true
	}},
	{name: "scale/no-target", classes: []engine.Class{engine.ClassScalingStuck}, prior: 0.94, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noTarget)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "what the autoscaler is to scale cannot be read: " + quote(g[1], 80), text: "It was renamed or removed, or is of a kind that cannot be scaled.",
			step: engine.Step{Text: "Correct the target, or remove the autoscaler.", Command: f.kubectl("get horizontalpodautoscalers"), Field: "spec.scaleTargetRef"},
		}, true
	}},
	generally(told("scale/unknown", engine.ClassScalingStuck, engine.EvidenceCondition, 0.5, "the autoscaler cannot work", "Mend what it names.", "describe horizontalpodautoscalers")),
	{name: "drain/budget", classes: []engine.Class{engine.ClassDrainBlocked}, prior: 0.93, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceCondition, func(e engine.Evidence) bool { return e.Object.Kind == "PodDisruptionBudget" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "disruption budget " + e.Object.Name + " allows no eviction", text: quote(e.Fields["message"], 200) + ".",
			step: engine.Step{Text: "Add a replica, or let the budget allow one pod to be away; a pod that is ill must be mended first.", Command: f.kubectl("get poddisruptionbudget %s", e.Object.Name), Field: "spec.maxUnavailable"},
		}, true
	}},
	{name: "cron/schedule", classes: []engine.Class{engine.ClassScheduleMissed}, prior: 0.95, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(badSchedule)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "its schedule cannot be used", text: quote(g[1], 160) + ".",
			step: engine.Step{Text: "Correct the schedule or the time zone.", Command: f.describe("cronjob", f.i.Workload.Name), Field: "spec.schedule"},
		}, true
	}},
	{name: "cron/still-running", classes: []engine.Class{engine.ClassScheduleMissed}, prior: 0.9, match: func(f *facts) (finding, bool) {
		_, ids := f.heard(stillRuns)
		e, ok := f.first(engine.EvidenceJob, func(e engine.Evidence) bool { return strings.Contains(e.Text, "is running") })
		if len(ids) == 0 && !ok {
			return finding{}, false
		}
		m := finding{
			strength: 0.9, pro: append(ids, e.ID), title: "an earlier run has not ended", text: "The policy forbids two at once, so the next waits for it.",
			step: engine.Step{Text: "See what the run waits for; a deadline (activeDeadlineSeconds) ends one that hangs.", Command: f.kubectl("get jobs"), Field: "spec.jobTemplate.spec.activeDeadlineSeconds"},
		}
		if len(ids) > 0 {
			m.strength = 1
		}
		return m, true
	}},
	{name: "terminate/finalizer", classes: []engine.Class{engine.ClassStuckTerminating}, prior: 0.92, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(finalizing)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "it waits for a finalizer: " + quote(or(g[1], g[2]), 100), text: "The controller that put it there is to tidy up first; it is gone, or fails.",
			step: engine.Step{Text: "Bring back that controller. Taking the finalizer off by hand leaves behind what it would have tidied up.", Command: f.describe(f.resource(), f.i.Workload.Name), Field: "metadata.finalizers"},
		}, true
	}},
	{name: "terminate/discovery", classes: []engine.Class{engine.ClassStuckTerminating}, prior: 0.93, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceCondition, func(e engine.Evidence) bool {
			return e.Fields["type"] == "NamespaceDeletionDiscoveryFailure" && e.Fields["status"] == "True"
		})
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "a part of the cluster's API does not answer", text: "Nobody can tell what is left in the namespace until it does.",
			step: engine.Step{Text: "Mend or remove the API service that is not available.", Command: "kubectl get apiservices"},
		}, true
	}},
	{name: "terminate/kubelet", classes: []engine.Class{engine.ClassStuckTerminating}, prior: 0.88, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noKill)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "the node cannot stop the pod: " + quote(core(g[1]), 100), text: "The kubelet tries again and again.",
			step: engine.Step{Text: "Look at the node; drain it and have it replaced if it does not recover.", Command: f.kubectl("get pods -o wide")},
		}, true
	}},
	generally(rule{name: "terminate/unknown", classes: []engine.Class{engine.ClassStuckTerminating}, prior: 0.4, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidencePod, func(e engine.Evidence) bool { return e.Fields["deleted"] != "" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "node " + or(e.Fields["node"], "(none)") + " has not ended the pod", text: "Its grace is over, and the kubelet has not said that its containers stopped.",
			step: engine.Step{Text: "See whether the node answers and what holds the pod.", Command: f.describe("pod", e.Object.Name)},
		}, true
	}}),
	{name: "volume/lost", classes: []engine.Class{engine.ClassVolumeFailing}, prior: 0.95, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceClaim, func(e engine.Evidence) bool { return e.Fields["phase"] == "Lost" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: append([]string{e.ID}, f.ids(engine.EvidenceEvent, func(e engine.Evidence) bool { return strings.HasPrefix(e.Fields["reason"], "Claim") })...),
			title: "the volume of claim " + e.Object.Name + " is gone", text: "The claim was bound, and its PersistentVolume was deleted or given to another.",
			step: engine.Step{Text: "See whether the EBS volume or a snapshot is still there, and make a PersistentVolume of it.", Command: f.describe("pvc", e.Object.Name)},
		}, true
	}},
	{name: "volume/too-soon", classes: []engine.Class{engine.ClassVolumeFailing}, prior: 0.95, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(tooSoon)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "EBS lets a volume be changed once in six hours", text: quote(g[1], 120) + ".",
			step: engine.Step{Text: "Wait; the driver tries again by itself."},
		}, true
	}},
	generally(told("volume/resize", engine.ClassVolumeFailing, engine.EvidenceEvent, 0.7, "the volume cannot be changed", "Mend what the driver names; for EBS volumes, look at the CSI driver's role and log.", "get pvc")),
	{name: "volume/reclaim", classes: []engine.Class{engine.ClassVolumeFailing}, prior: 0.85, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceCondition, func(e engine.Evidence) bool { return e.Object.Kind == "PersistentVolume" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "the volume could not be deleted: " + quote(or(core(e.Fields["message"]), "no reason is given"), 100), text: "Its claim is gone; it goes on costing money.",
			step: engine.Step{Text: "Mend what it names; the driver then tries again.", Command: f.describe("persistentvolume", e.Object.Name)},
		}, true
	}},
	generally(told("certificate/renewal", engine.ClassCertificate, engine.EvidenceCondition, 0.85, "the certificate is not renewed", "Mend what cert-manager names: the issuer, its DNS or HTTP challenge, or its limits.", "describe certificates")),
	{name: "certificate/authority", classes: []engine.Class{engine.ClassCertificate}, prior: 0.9, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceReference, func(e engine.Evidence) bool { return e.Fields["kind"] == "CABundle" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "the webhooks' certificate authority ends", text: quote(e.Text, 160) + ". Whoever made it was to renew it.",
			step: engine.Step{Text: "See what issues it (cert-manager, or the operator itself), and have it renewed.", Command: f.describe(f.resource(), f.i.Workload.Name), Field: "webhooks[*].clientConfig.caBundle"},
		}, true
	}},
	{name: "delivery/failed", classes: []engine.Class{engine.ClassRolloutStuck}, prior: 0.85, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceCondition, func(e engine.Evidence) bool {
			return e.Fields["status"] != "True" && e.Object.Kind == f.i.Workload.Kind
		})
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "it could not be delivered: " + quote(or(e.Fields["message"], e.Fields["reason"]), 120), text: "What runs stays as it was before.",
			step: engine.Step{Text: "Mend what its controller names, in Git.", Command: f.describe(f.resource(), f.i.Workload.Name)},
		}, true
	}},
	generally(rule{name: "schedule/refused", classes: []engine.Class{engine.ClassUnschedulable}, prior: 0.7, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidencePod, func(e engine.Evidence) bool {
			return e.Fields["phase"] == "Failed" && e.Fields["reason"] != "" && e.Fields["reason"] != "Evicted"
		})
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "node " + or(e.Fields["node"], "of the pod") + " refused the pod: " + quote(or(e.Fields["message"], e.Fields["reason"]), 100), text: "The scheduler placed it, and the kubelet knew better: something took the place meanwhile, or the node was changed.",
			step: engine.Step{Text: "See what the node lacks; delete the failed pod once another runs.", Command: f.onNode(e.Fields["node"])},
		}, true
	}}),
}

// told makes a rule of what an object's controller says last; look is a command in the workload's namespace.
func told(name string, class engine.Class, kind engine.EvidenceKind, prior float64, title, step, look string) rule {
	return rule{name: name, classes: []engine.Class{class}, prior: prior, match: func(f *facts) (finding, bool) {
		e, ok := f.first(kind, func(e engine.Evidence) bool {
			return e.Fields["message"] != "" && e.Fields["status"] != "True" && e.Fields["type"] != "Normal"
		})
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: title + ": " + quote(core(e.Fields["message"]), 100), text: "Its controller says no more.",
			step: engine.Step{Text: step, Command: f.kubectl(look)},
		}, true
	}}
}
