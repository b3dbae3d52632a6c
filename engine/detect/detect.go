package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// Signals finds every problem that a scene shows, and when to look again although nothing has changed.
//
// A signal is one class of problem of one container (or of the whole workload) over all of its pods, not one pod's: two
// hundred crashing pods are one signal, which names the first of them and says how many there are. Its ID is
// "<workload's fingerprint>/<class>/<container>", so it stays the same when pods are replaced after each crash.
func Signals(s Scene) Result {
	v := &view{Scene: s, health: health(s), groups: map[group]*problem{}}
	for _, p := range s.Pods {
		if v.Workload.Kind == "PersistentVolumeClaim" {
			break // its pods are a problem of their own workload's
		}
		if p.DeletionTimestamp != nil {
			terminating(v, p)
			continue
		}
		if p.Status.Phase == corev1.PodSucceeded || v.history(p) {
			continue
		}
		for _, find := range podRules {
			find(v, p)
		}
	}
	for _, find := range workloadRules {
		find(v)
	}
	return Result{Signals: v.signals(), Health: v.health, Recheck: v.next}
}

// podRules look at one pod that should be running; workloadRules at the whole, after them, and may use what they found.
var (
	podRules      = []func(*view, *corev1.Pod){crashing, outOfMemory, imagePull, containerConfig, stuckCreating, unschedulable, turnedAway, probeFailing, evicted}
	workloadRules = []func(*view){claimPending, claimFailing, jobFailed, nodeNotReady, nodePressure, rolloutStuck, lostPods, replicasMissing, facts}
)

// view is a scene, and what was found in it so far.
type view struct {
	Scene
	health *engine.Health
	groups map[group]*problem
	failed []*corev1.Pod // pods that a rule found a problem with
	next   time.Duration
}

// group is what makes findings one signal.
type group struct {
	class     engine.Class
	container string
}

// problem is a group's findings.
type problem struct {
	severity engine.Severity // "" lets the workload's health decide
	since    time.Time
	object   engine.ObjectRef
	text     string // of the object that showed it first
	nodes    map[string]bool
	parents  map[engine.Workload]int
	objects  int
	labels   map[string]string
	ended    time.Time
}

// found is one finding: which object shows a problem, and since when.
type found struct {
	class     engine.Class
	container string
	severity  engine.Severity
	since     time.Time
	object    engine.ObjectRef
	node      string
	parent    engine.Workload
	text      string // what is wrong, without a subject: "is crash-looping (exit code 3)"
	labels    map[string]string
	ended     time.Time // of what is over already; zero for what lasts
}

func (v *view) add(f found) {
	key := group{f.class, f.container}
	p := v.groups[key]
	if p == nil || !p.ended.IsZero() && f.ended.IsZero() { // what lasts says more than what is over
		p = &problem{nodes: map[string]bool{}, parents: map[engine.Workload]int{}}
		v.groups[key] = p
	}
	p.objects++
	p.nodes[f.node] = true
	p.parents[f.parent]++
	if f.severity.Rank() > p.severity.Rank() {
		p.severity = f.severity
	}
	if f.since.IsZero() || f.since.After(v.Now) {
		f.since = v.Now
	}
	first := p.objects == 1 || f.since.Before(p.since) || (f.since.Equal(p.since) && f.object.Name < p.object.Name)
	if first {
		p.since, p.object, p.text, p.labels, p.ended = f.since, f.object, f.text, f.labels, f.ended
	}
}

// pod adds a finding about a pod. A pod on a node that is not ready suffers from that.
func (v *view) pod(p *corev1.Pod, f found) {
	f.object = engine.ObjectRef{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: string(p.UID)}
	f.node = p.Spec.NodeName
	if n := v.Nodes[f.node]; n != nil && f.parent.IsZero() && notReady(n) {
		f.parent = v.nodeWorkload(f.node)
	}
	if !slices.Contains(v.failed, p) {
		v.failed = append(v.failed, p)
	}
	v.add(f)
}

// history tells whether a pod failed in a Job that succeeded after all.
func (v *view) history(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodFailed && jobHas(v.Job, batchv1.JobComplete) && metav1.IsControlledBy(p, v.Job)
}

func (v *view) nodeWorkload(name string) engine.Workload {
	return engine.Workload{Cluster: v.Workload.Cluster, Kind: engine.KindNode, Name: name}
}

// due tells whether something has lasted for at least d; if not, the scene is looked at again when it has.
func (v *view) due(since time.Time, d time.Duration) bool {
	left := d - v.Now.Sub(since)
	if left <= 0 {
		return true
	}
	v.recheck(left)
	return false
}

// within tells whether something happened less than d ago; if so, the scene is looked at again at the moment when it no longer has.
func (v *view) within(at time.Time, d time.Duration) bool {
	left := d - v.Now.Sub(at)
	if left <= 0 {
		return false
	}
	v.recheck(left)
	return true
}

func (v *view) recheck(d time.Duration) {
	if d > 0 && (v.next == 0 || d < v.next) {
		v.next = d
	}
}

// signals turns the findings into signals, by class and container.
func (v *view) signals() []engine.Signal {
	keys := slices.SortedFunc(maps.Keys(v.groups), func(a, b group) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.container, b.container))
	})
	out := make([]engine.Signal, 0, len(keys))
	for _, k := range keys {
		p := v.groups[k]
		s := engine.Signal{
			Source: engine.SourceWatch, ID: fmt.Sprintf("%s/%s/%s", v.Workload.Fingerprint(), k.class, k.container),
			Workload: v.Workload, Class: k.class, Severity: p.severity, Object: p.object, Container: k.container,
			Summary: p.summary(k.container), Labels: v.labels(p.objects), StartsAt: p.since, EndsAt: p.ended,
		}
		maps.Copy(s.Labels, p.labels)
		if s.Severity == "" {
			s.Severity = v.severity()
		}
		if len(p.nodes) == 1 {
			s.Node = slices.Collect(maps.Keys(p.nodes))[0]
		}
		if len(p.parents) == 1 {
			s.Parent = slices.Collect(maps.Keys(p.parents))[0]
		}
		out = append(out, s)
	}
	return out
}

// summary is one sentence: "container api of pod api-1 and 11 others is crash-looping (exit code 3)".
func (p *problem) summary(container string) string {
	var b strings.Builder
	if container != "" {
		fmt.Fprintf(&b, "container %s of ", container)
	}
	fmt.Fprintf(&b, "%s %s", strings.ToLower(p.object.Kind), p.object.Name)
	if p.objects == 2 {
		b.WriteString(" and 1 other")
	} else if p.objects > 2 {
		fmt.Fprintf(&b, " and %d others", p.objects-1)
	}
	return b.String() + " " + p.text
}

// severity is critical when nothing of the workload serves, else warning.
func (v *view) severity() engine.Severity {
	if v.health != nil && v.health.Desired > 0 && v.health.Ready == 0 {
		return engine.Critical
	}
	return engine.Warning
}

// labels are those of the workload, by which incidents are routed to teams, and how many objects show the problem.
func (v *view) labels(objects int) map[string]string {
	out := map[string]string{}
	maps.Copy(out, v.ownLabels())
	for _, generated := range []string{"pod-template-hash", "controller-revision-hash", "pod-template-generation", "controller-uid", "batch.kubernetes.io/controller-uid"} {
		delete(out, generated)
	}
	if objects > 1 {
		out["objects"] = strconv.Itoa(objects)
	}
	return out
}

func (v *view) ownLabels() map[string]string {
	switch {
	case v.Deployment != nil:
		return v.Deployment.Labels
	case v.StatefulSet != nil:
		return v.StatefulSet.Labels
	case v.DaemonSet != nil:
		return v.DaemonSet.Labels
	case v.Job != nil:
		return v.Job.Labels
	case v.Node != nil: // a node has dozens of labels, none of which names a team by habit
		return nil
	case len(v.Pods) > 0:
		return v.Pods[0].Labels
	case len(v.Claims) > 0:
		return v.Claims[0].Labels
	}
	return v.factLabels()
}
