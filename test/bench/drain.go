package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine"
)

// drained is what came of removing nodes.
type drained struct {
	nodes, evicted int
	refused        []string
}

// placeWithin is how long the scheduler may take for what an eviction leaves to be done.
const placeWithin = time.Minute

// drain takes the nodes of findings out of their clusters, one after the other and each after those before it: cordons it, evicts its
// pods through the Eviction API, and waits until all workloads have all their pods again. Then the node goes.
func (l *labelledStand) drain(ctx context.Context, findings []engine.Finding) (drained, error) {
	var d drained
	for _, f := range findings {
		if f.Kind != engine.IdleNode {
			continue
		}
		d.nodes++
		if err := l.rooms[f.Target.Cluster].drain(ctx, f.Target.Name, &d); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (r *labelledRoom) drain(ctx context.Context, node string, d *drained) error {
	nodes, pods := r.real.Client().CoreV1().Nodes(), r.real.Client().CoreV1()
	if _, err := nodes.Patch(ctx, node, types.MergePatchType, []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{}); err != nil {
		return err
	}
	list, err := pods.Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return err
	}
	for _, p := range list.Items {
		if owner := metav1.GetControllerOf(&p); owner != nil && owner.Kind == "DaemonSet" {
			continue
		}
		if refusal := r.evict(ctx, p); refusal != "" {
			d.refused = append(d.refused, fmt.Sprintf("node %s: pod %s/%s is not evicted: %s", node, p.Namespace, p.Name, refusal))
			continue
		}
		d.evicted++
	}
	if left := r.placed(ctx); left != "" {
		d.refused = append(d.refused, fmt.Sprintf("node %s: %s", node, left))
	}
	return nodes.Delete(ctx, node, metav1.DeleteOptions{})
}

// evict tries for a while: a budget lets the next pod go when the one before it has a successor.
func (r *labelledRoom) evict(ctx context.Context, p corev1.Pod) (refusal string) {
	ctx, cancel := context.WithTimeout(ctx, placeWithin)
	defer cancel()
	for {
		err := r.real.Client().PolicyV1().Evictions(p.Namespace).Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}})
		if err == nil {
			return ""
		}
		if !apierrors.IsTooManyRequests(err) {
			return err.Error()
		}
		select {
		case <-ctx.Done():
			return err.Error()
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// placed waits until every pod has a node and every workload its pods; it gives what is left.
func (r *labelledRoom) placed(ctx context.Context) (left string) {
	ctx, cancel := context.WithTimeout(ctx, placeWithin)
	defer cancel()
	for {
		now, err := r.Unplaced(ctx, r.cases)
		if err == nil && now == "" {
			return ""
		}
		if now != "" {
			left = now
		}
		select {
		case <-ctx.Done():
			return left
		case <-time.After(300 * time.Millisecond):
		}
	}
}
