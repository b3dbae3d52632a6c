package kube

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

const (
	mostDepartures  = 100 // of a workload that are remembered, the newest
	excuseDeadline  = 3 * time.Second
	mostExcuses     = 5 // departures of a workload that are asked about at a time
	mostExcuseEvent = 20
)

// departures remembers the pods that were deleted: minutes later they are not in the API any more, and it matters whether somebody meant it.
type departures struct {
	now func() time.Time

	mu      sync.Mutex
	gone    map[engine.Workload][]*departure
	lowered map[engine.Workload]time.Time               // when fewer replicas were last asked for
	ready   map[engine.Workload]map[types.UID]time.Time // when pods of workloads that lost some first were ready
}

type departure struct {
	detect.Departure
	asked bool // whether somebody who evicts by plan did it
}

func newDepartures(now func() time.Time) *departures {
	return &departures{now: now, gone: map[engine.Workload][]*departure{}, lowered: map[engine.Workload]time.Time{}, ready: map[engine.Workload]map[types.UID]time.Time{}}
}

// note takes in a change of an object: is is nil when was was deleted.
func (d *departures) note(o *objects, was, is any) {
	switch t := was.(type) {
	case *corev1.Pod:
		after, _ := is.(*corev1.Pod)
		if after != nil && after.DeletionTimestamp == nil {
			if at, ready := detect.ReadySince(after); ready && !at.IsZero() {
				if _, before := detect.ReadySince(t); !before {
					for _, w := range o.top(t, kindPod) {
						d.serves(w, after.UID, at)
					}
				}
			}
			return
		}
		for _, w := range o.top(t, kindPod) {
			d.leaves(w, t, after, get[corev1.Node](o.nodes, "", t.Spec.NodeName))
		}
	case *corev1.Node:
		if after, _ := is.(*corev1.Node); after != nil && detect.Leaving(after) {
			d.emptied(after)
		}
	case *appsv1.ReplicaSet:
		if after, _ := is.(*appsv1.ReplicaSet); after != nil && fewer(t.Spec.Replicas, after.Spec.Replicas) {
			for _, w := range o.top(t, kindReplicaSet) {
				d.lower(w)
			}
		}
	case *appsv1.Deployment:
		if after, _ := is.(*appsv1.Deployment); after != nil && fewer(t.Spec.Replicas, after.Spec.Replicas) {
			d.lower(itself(kindDeployment, t)[0])
		}
	case *appsv1.StatefulSet:
		if after, _ := is.(*appsv1.StatefulSet); after != nil && fewer(t.Spec.Replicas, after.Spec.Replicas) {
			d.lower(itself(kindStatefulSet, t)[0])
		}
	}
}

func fewer(was, is *int32) bool { return was != nil && is != nil && *is < *was }

// serves remembers when a pod of a workload that lost some was ready for the first time: its condition tells of the last time alone.
func (d *departures) serves(w engine.Workload, uid types.UID, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.gone[w]) == 0 {
		return
	}
	if d.ready[w] == nil {
		d.ready[w] = map[types.UID]time.Time{}
	}
	now := d.now()
	maps.DeleteFunc(d.ready[w], func(_ types.UID, at time.Time) bool { return now.Sub(at) > 2*detect.LossMemory }) // their losses are forgotten
	if _, known := d.ready[w][uid]; !known {
		d.ready[w][uid] = at
	}
}

// leaves remembers that a pod is being deleted, or is gone.
func (d *departures) leaves(w engine.Workload, was, is *corev1.Pod, node *corev1.Node) {
	if was.Status.Phase == corev1.PodSucceeded || was.Status.Phase == corev1.PodFailed {
		return
	}
	last := is
	if last == nil {
		last = was
	}
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := slices.DeleteFunc(d.gone[w], func(g *departure) bool { return now.Sub(g.At) > detect.LossMemory })
	if k := slices.IndexFunc(kept, func(g *departure) bool { return g.Pod.UID == last.UID }); k >= 0 {
		// The kubelet says of a deleted pod that it failed, or succeeded, when its programs have ended: that is its end, not how it was.
		if is != nil && is.Status.Phase != corev1.PodSucceeded && is.Status.Phase != corev1.PodFailed {
			kept[k].Pod = last
		}
		d.gone[w] = kept
		return
	}
	at := detect.Asked(last)
	if at.IsZero() || at.After(now) {
		at = now
	}
	if now.Sub(at) <= detect.LossMemory {
		kept = append(kept, &departure{Departure: detect.Departure{Pod: last, At: at, Node: node}})
	}
	d.gone[w] = kept[max(0, len(kept)-mostDepartures):]
}

// emptied notes of the pods that left a node that it is on its way out: it may be back soon.
func (d *departures) emptied(n *corev1.Node) {
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, list := range d.gone {
		for _, g := range list {
			if g.Pod.Spec.NodeName == n.Name && now.Sub(g.At) < detect.Brief {
				g.Node = n
			}
		}
	}
}

func (d *departures) lower(w engine.Workload) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lowered[w] = d.now()
}

// add puts what is remembered of a workload into its scene.
func (d *departures) add(o *objects, s *detect.Scene) {
	w := s.Workload
	w.Cluster = ""
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if at, ok := d.lowered[w]; ok {
		if now.Sub(at) > detect.LossMemory {
			delete(d.lowered, w)
		} else {
			s.Lowered = at
		}
	}
	kept := slices.DeleteFunc(d.gone[w], func(g *departure) bool { return now.Sub(g.At) > detect.LossMemory })
	if len(kept) == 0 {
		delete(d.gone, w)
		delete(d.ready, w)
		return
	}
	d.gone[w], s.Served = kept, maps.Clone(d.ready[w])
	for _, g := range kept {
		s.Departures = append(s.Departures, g.Departure)
		name := g.Pod.Spec.NodeName
		if n := get[corev1.Node](o.nodes, "", name); n != nil {
			s.Nodes[name] = n
		}
		for _, e := range o.eventsAbout([]string{objectKey(engine.KindNode, "", name)}, now) {
			if !slices.Contains(s.Events, e) {
				s.Events = append(s.Events, e)
			}
		}
	}
}

// excuse asks the API server about departures that nothing in a scene explains: whether somebody who evicts by plan says that it was them,
// and whether the whole namespace goes. Each is asked about until there is an answer, and is excused meanwhile.
func (d *departures) excuse(ctx context.Context, c *Cluster, s *detect.Scene) (again time.Duration) {
	var ask []types.UID
	open := detect.Unexplained(*s)
	w := s.Workload
	w.Cluster = ""
	d.mu.Lock()
	for _, g := range d.gone[w] {
		if !g.asked && len(ask) < mostExcuses && slices.ContainsFunc(open, func(u detect.Departure) bool { return u.Pod.UID == g.Pod.UID }) {
			g.asked = true
			ask = append(ask, g.Pod.UID)
		}
	}
	d.mu.Unlock()
	if len(ask) == 0 {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, excuseDeadline)
	defer cancel()
	said := map[types.UID]string{}
	n, err := c.client.CoreV1().Namespaces().Get(ctx, w.Namespace, metav1.GetOptions{})
	ends := apierrors.IsNotFound(err) || err == nil && n.DeletionTimestamp != nil
	unknown := map[types.UID]bool{}
	for _, u := range open {
		switch {
		case ends:
			said[u.Pod.UID] = "its namespace is being deleted"
		case !slices.Contains(ask, u.Pod.UID):
		case unanswered(err):
			unknown[u.Pod.UID] = true
		default:
			who, err := c.planner(ctx, u.Pod)
			said[u.Pod.UID], unknown[u.Pod.UID] = who, err != nil
		}
	}
	d.mu.Lock()
	for _, g := range d.gone[w] {
		if why := said[g.Pod.UID]; why != "" {
			g.Excuse = why
		}
		if unknown[g.Pod.UID] {
			g.asked = false
		}
	}
	d.mu.Unlock()
	for k := range s.Departures {
		uid := s.Departures[k].Pod.UID
		if why := said[uid]; why != "" {
			s.Departures[k].Excuse = why
		}
		if unknown[uid] {
			s.Departures[k].Excuse, again = "the API server does not say", holdFor
		}
	}
	return again
}

// planner is who says in an event about a pod that they evicted it by plan; "" when nobody does, or events may not be read. It fails when the
// API server does not answer.
func (c *Cluster) planner(ctx context.Context, p *corev1.Pod) (string, error) {
	list, err := c.client.CoreV1().Events(p.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=" + p.Name, Limit: mostExcuseEvent})
	if unanswered(err) {
		return "", err
	}
	if err != nil {
		return "", nil
	}
	for k := range list.Items {
		e := &list.Items[k]
		if e.InvolvedObject.UID != "" && e.InvolvedObject.UID != p.UID {
			continue
		}
		for _, who := range []string{e.Reason, e.Source.Component, e.ReportingController} {
			if slices.ContainsFunc(detect.Planners, func(known string) bool { return strings.Contains(who, known) }) {
				return who, nil
			}
		}
	}
	return "", nil
}
