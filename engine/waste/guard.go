package waste

import (
	"fmt"
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// Why a container is no finding. Constant phrases: skips are counted by them.
const (
	reasonAddOn         = "a managed add-on: EKS keeps its requests"
	reasonSystem        = "a system namespace"
	reasonBare          = "a pod that nothing owns"
	reasonStatic        = "a static pod of its node"
	reasonOnce          = "a job that runs once"
	reasonInjected      = "an injected sidecar: its injector sets the request"
	reasonZero          = "scaled to zero"
	reasonNoRequest     = "no request: nothing is over-requested"
	reasonAbsurdRequest = "a request that cannot be meant"
	reasonPending       = "what runs is not what is written"
	reasonPodLevel      = "the pod as a whole has a request"
	reasonVPA           = "VPA sizes it"
	reasonVPAStart      = "VPA sizes it when its pods start"
	reasonUnwell        = "it does not run well now"
	reasonAutoscaler    = "its autoscaler leaves no safe change"
	reasonNoUsage       = "no history of its use"
	reasonAbsurdUsage   = "a use that cannot be"
	reasonClock         = "a history with a wrong clock"
	reasonStale         = "no use known of late"
	reasonShort         = "too little history"
	reasonRuns          = "too few runs"
	reasonRevision      = "a new revision uses more"
	reasonRestarts      = "it restarts often"
	reasonThrottled     = "throttled at its limit"
	reasonKilled        = "killed for want of memory"
	reasonJVM           = "a JVM whose heap is not known"
	reasonRange         = "a LimitRange allows no lower request"
	reasonFits          = "too little to matter"
	reasonNoUtilisation = "its autoscaler reads no utilisation"
	reasonTarget        = "its autoscaler's target leaves no room"
	reasonGrowing       = "its use keeps growing"
	reasonShaky         = "its past does not tell its future"
)

const (
	leastRuns       = 7                // of what runs to completion, before its peak means something
	restartsPerPod  = 3                // in the days of the history
	staleAfter      = 26 * time.Hour   // without a sample
	overLargest     = 2                // times what the largest node has: nothing uses so much
	clockTolerance  = 10 * time.Minute // by which a sample may be ahead
	settleDays      = 0.25             // after a roll-out, before which its start says nothing of its level
	levelRose       = 1.25             // of the level before
	levelFell       = 0.80
	fellDays        = 7.0 // that a lower level must have held: a weekend is lower by itself
	comparisonLevel = 0.95
)

// guard tells why a container must not be sized; reason is "" where it lets it pass. Detail is what of the container led to it.
type guard func(c *candidate) (reason, detail string)

// common are the guards of both resources, in the order in which they are asked: what is never sized at all, what somebody else sizes, what
// is not as it was written, and what is not known well enough.
var common = []guard{
	systemGuard, ownerGuard, injectedGuard, zeroGuard, requestGuard, vpaGuard, pendingGuard, unwellGuard, autoscalerGuard,
	usageGuard, historyGuard, restartGuard, revisionGuard,
}

const (
	systemNamespace = "kube-system"
	addOnLabel      = "eks.amazonaws.com/component"
)

// addOns are the workloads that EKS installs by itself or as managed add-ons.
var addOns = []string{
	"aws-node", "kube-proxy", "coredns", "ebs-csi-controller", "ebs-csi-node", "ebs-csi-node-windows", "efs-csi-controller", "efs-csi-node",
	"eks-pod-identity-agent", "eks-node-monitoring-agent", "snapshot-controller", "metrics-server",
}

func systemGuard(c *candidate) (reason, detail string) {
	for _, labels := range c.labels {
		if labels[addOnLabel] != "" {
			return reasonAddOn, labels[addOnLabel]
		}
	}
	switch {
	case c.Namespace == systemNamespace && slices.Contains(addOns, c.Name):
		return reasonAddOn, c.Name
	case c.Namespace == systemNamespace:
		return reasonSystem, c.Namespace
	}
	return "", ""
}

func ownerGuard(c *candidate) (reason, detail string) {
	switch {
	case c.Kind == engine.KindNode:
		return reasonStatic, c.Name
	case c.Kind == kindPod:
		return reasonBare, ""
	case c.runs && c.Kind != kindCronJob:
		return reasonOnce, c.Kind
	}
	return "", ""
}

// injectors say how the requests of well-known sidecars are set.
var injectors = map[string]string{
	"istio-proxy":            "annotations sidecar.istio.io/proxyCPU and proxyMemory",
	"istio-init":             "values of the Istio injector",
	"linkerd-proxy":          "annotations config.linkerd.io/proxy-cpu-request and proxy-memory-request",
	"linkerd-init":           "values of the Linkerd injector",
	"daprd":                  "annotations dapr.io/sidecar-cpu-request and sidecar-memory-request",
	"vault-agent":            "annotations vault.hashicorp.com/agent-requests-cpu and agent-requests-mem",
	"vault-agent-init":       "annotations vault.hashicorp.com/agent-requests-cpu and agent-requests-mem",
	"consul-dataplane":       "annotations consul.hashicorp.com/sidecar-proxy-cpu-request and sidecar-proxy-memory-request",
	"envoy":                  "values of the mesh's injector",
	"datadog-agent-injected": "configuration of the Datadog admission controller",
	"aws-xray-daemon":        "configuration of the App Mesh injector",
}

func injectedGuard(c *candidate) (reason, detail string) {
	lever, known := injectors[c.spec.Name]
	if c.template == nil && !known || c.written != nil {
		return "", ""
	}
	if !known {
		lever = "configuration of what injects it"
	}
	return reasonInjected, fmt.Sprintf("container %s is not in the template of the %s: see the %s", c.spec.Name, c.Kind, lever)
}

func zeroGuard(c *candidate) (reason, detail string) {
	if len(c.pods) == 0 && !c.runs {
		return reasonZero, ""
	}
	return "", ""
}

func requestGuard(c *candidate) (reason, detail string) {
	list, ok := c.spec.Resources.Requests[name(c.resource)]
	switch {
	case !ok || list.IsZero():
		return reasonNoRequest, ""
	case absurd(float64(c.old), c.resource) || absurd(float64(c.limit), c.resource):
		return reasonAbsurdRequest, list.String()
	case c.limit > 0 && c.limit < c.old:
		return reasonAbsurdRequest, "the request is above the limit"
	}
	if pod := c.podSpec().Resources; pod != nil {
		if q, ok := pod.Requests[name(c.resource)]; ok {
			return reasonPodLevel, q.String()
		}
	}
	return "", ""
}

func vpaGuard(c *candidate) (reason, detail string) {
	v, sets := c.ix.sizedBy(c.Workload, c.spec.Name, c.resource)
	switch {
	case sets && v.Mode == "Initial":
		return reasonVPAStart, v.Name
	case sets:
		return reasonVPA, fmt.Sprintf("%s, mode %s", v.Name, v.Mode)
	}
	return "", ""
}

// pendingGuard waits while a change of the request is under way, or while something overrules what is written.
func pendingGuard(c *candidate) (reason, detail string) {
	if c.written != nil {
		if want, ok := c.written.Resources.Requests[name(c.resource)]; ok && amount(c.written.Resources.Requests, c.resource) != c.old {
			return reasonPending, fmt.Sprintf("%s is written, %s runs", want.String(), quantity(c.old, c.resource))
		}
	}
	for _, p := range c.pods {
		running := containerOf(&p.Spec, c.spec.Name)
		if running == nil || amount(running.Resources.Requests, c.resource) != c.old {
			return reasonPending, "its pods do not all ask for the same"
		}
		if s := statusOf(p, c.spec.Name); s != nil && s.Resources != nil {
			if _, ok := s.Resources.Requests[name(c.resource)]; ok && amount(s.Resources.Requests, c.resource) != c.old {
				return reasonPending, "a pod of it is being resized in place"
			}
		}
	}
	return "", ""
}

func statusOf(p *corev1.Pod, container string) *corev1.ContainerStatus {
	for _, list := range [][]corev1.ContainerStatus{p.Status.ContainerStatuses, p.Status.InitContainerStatuses} {
		for i := range list {
			if list[i].Name == container {
				return &list[i]
			}
		}
	}
	return nil
}

// unwellGuard leaves alone what hardly uses anything because it does not come up.
func unwellGuard(c *candidate) (reason, detail string) {
	if c.runs {
		return "", ""
	}
	if c.placed() == 0 {
		return reasonUnwell, "none of its pods has a node"
	}
	unwell, known := 0, 0
	for _, p := range c.pods {
		s := statusOf(p, c.spec.Name)
		if s == nil {
			continue
		}
		known++
		if w := s.State.Waiting; w != nil && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
			unwell++
			detail = w.Reason
		}
	}
	if unwell > 0 && 2*unwell >= known {
		return reasonUnwell, fmt.Sprintf("%d of %d pods: %s", unwell, known, detail)
	}
	return "", ""
}

func autoscalerGuard(c *candidate) (reason, detail string) {
	s, problem := scalingOf(c.ix.scalers[identity{c.Namespace, c.Kind, c.Name}], c.spec.Name, name(c.resource))
	if problem != "" {
		return reasonAutoscaler, problem
	}
	if s != nil && s.target > 0 && c.role == initial {
		s = &scaling{name: s.name, most: s.most} // what starts a pod is not in its utilisation
	}
	c.scaling = s
	return "", ""
}

// usageGuard refuses a history that cannot be one.
func usageGuard(c *candidate) (reason, detail string) {
	raw := c.series(c.usage)
	if raw.Step <= 0 || len(raw.Max) == 0 {
		return reasonNoUsage, ""
	}
	last := -1
	for i, v := range raw.Max {
		if math.IsNaN(float64(v)) {
			continue
		}
		if used := float64(v) * scale(c.resource); absurd(used, c.resource) || !c.brief() && used > overLargest*float64(c.ix.largest[c.resource]) {
			return reasonAbsurdUsage, fmt.Sprintf("%g at %s", v, raw.Start.Add(time.Duration(i)*raw.Step).UTC().Format(time.DateTime))
		}
		last = i
	}
	if last < 0 {
		return reasonNoUsage, ""
	}
	newest := raw.Start.Add(time.Duration(last) * raw.Step)
	switch {
	case newest.After(c.at.Add(clockTolerance)):
		return reasonClock, "its newest sample is of " + newest.UTC().Format(time.DateTime)
	case !c.brief() && c.at.Sub(newest) > staleAfter+raw.Step:
		return reasonStale, "since " + newest.UTC().Format(time.DateTime)
	case c.all.Count() == 0:
		return reasonNoUsage, ""
	case c.peak <= 0 && (c.resource == engine.Memory || c.usage.Memory.Peak() <= 0):
		return reasonAbsurdUsage, "it is zero throughout"
	}
	return "", ""
}

// historyGuard wants a history of each pod, not of all pods together: a step counts once, however many pods have a sample in it.
func historyGuard(c *candidate) (reason, detail string) {
	if c.brief() {
		if n := c.completed(); n < leastRuns {
			return reasonRuns, fmt.Sprintf("%d seen, %d wanted", n, leastRuns)
		}
		return "", ""
	}
	if c.history.Days() < c.rules.MinDays {
		return reasonShort, c.span()
	}
	return "", ""
}

// completed is how many runs the history shows at least: stretches with samples, or days with a peak.
func (c *candidate) completed() int {
	stretches, days, running := 0, 0, false
	for _, v := range c.all.Max {
		if usable(v) && !running {
			stretches++
		}
		running = usable(v)
	}
	for _, p := range c.usage.Peaks {
		if c.resource == engine.CPU && usable(p.CPU) || c.resource == engine.Memory && usable(p.Memory) {
			days++
		}
	}
	return max(stretches, days)
}

func restartGuard(c *candidate) (reason, detail string) {
	if most := restartsPerPod * max(1, len(c.pods)); c.usage.Restarts > most {
		return reasonRestarts, fmt.Sprintf("%d times", c.usage.Restarts)
	}
	return "", ""
}

// revisionGuard lets only what came after the newest revision count where that changed the level of use. A lower level must have
// held for a week, and never takes the peaks of memory away.
func revisionGuard(c *candidate) (reason, detail string) {
	if c.changed.IsZero() || c.brief() {
		return "", ""
	}
	before, after := c.all.Until(c.changed), c.all.Since(c.changed)
	if before.Days() < settleDays || c.changed.After(c.at) {
		return "", ""
	}
	if after.Days() < settleDays {
		c.caveats = append(c.caveats, "the newest revision is hours old: the history is that of the one before")
		return "", ""
	}
	was, is := before.Quantile(comparisonLevel), after.Quantile(comparisonLevel)
	switch {
	case is > levelRose*was && after.Days() < c.rules.MinDays:
		return reasonRevision, fmt.Sprintf("for %.1f days, %.1f wanted", after.Days(), c.rules.MinDays)
	case is > levelRose*was:
		c.history = after
		c.caveats = append(c.caveats, fmt.Sprintf("only the %.1f days since the newest revision count: it uses more than the one before", after.Days()))
	case is < levelFell*was && c.resource == engine.CPU && after.Days() >= fellDays:
		c.history = after
		c.caveats = append(c.caveats, fmt.Sprintf("only the %.1f days since the newest revision count: it uses less than the one before", after.Days()))
	case is < levelFell*was:
		c.caveats = append(c.caveats, "the newest revision uses less; what the one before used still counts")
	}
	return "", ""
}
