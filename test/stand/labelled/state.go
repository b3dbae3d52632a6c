package labelled

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/test/stand/block"
)

// Era is a time in which a cluster was the same all the while.
type Era struct {
	From, To time.Time
	nodes    []corev1.Node
	pods     []corev1.Pod
}

// Now is an era in which the cluster was what it is now.
func (f *Furnisher) Now(ctx context.Context, from, to time.Time) (Era, error) {
	nodes, err := f.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return Era{}, err
	}
	pods, err := f.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return Era{}, err
	}
	return Era{From: from.Truncate(scrape), To: to.Truncate(scrape), nodes: nodes.Items, pods: pods.Items}, nil
}

// States writes what kube-state-metrics says of a cluster in eras that follow each other, as the block of a number.
func States(dir string, number int, cluster string, eras ...Era) error {
	return block.Write(dir, number, eras[0].From, eras[len(eras)-1].To, statesOf(cluster, eras).all(eras))
}

func statesOf(cluster string, eras []Era) states {
	h := states{}
	for k, e := range eras {
		for _, n := range e.nodes {
			for name, unit := range units {
				h.add(k, n.Status.Capacity[name], "kube_node_status_capacity", "cluster", cluster, "node", n.Name, "resource", string(name), "unit", unit)
			}
		}
		for _, p := range e.pods {
			if p.Spec.NodeName == "" || p.Status.Phase != corev1.PodRunning {
				continue
			}
			of := []string{"cluster", cluster, "namespace", p.Namespace, "pod", p.Name}
			h.add(k, one, "kube_pod_info", slices.Concat(of, []string{"node", p.Spec.NodeName})...)
			h.add(k, one, "kube_pod_status_phase", slices.Concat(of, []string{"phase", string(p.Status.Phase)})...)
			for _, c := range p.Spec.Containers {
				for name, unit := range units {
					if asked, ok := c.Resources.Requests[name]; ok {
						h.add(k, asked, "kube_pod_container_resource_requests",
							slices.Concat(of, []string{"node", p.Spec.NodeName, "container", c.Name, "resource", string(name), "unit", unit})...)
					}
				}
			}
		}
	}
	return h
}

var (
	one   = resource.MustParse("1")
	units = map[corev1.ResourceName]string{corev1.ResourceCPU: "core", corev1.ResourceMemory: "byte"}
)

// states are series by their labels, each with its value in an era.
type states map[string]*state

type state struct {
	labels []block.Label
	values map[int]float64
}

func (h states) add(era int, value resource.Quantity, name string, pairs ...string) {
	labels := []block.Label{{Name: "__name__", Value: name}, {Name: "job", Value: "kube-state-metrics"}}
	for pair := range slices.Chunk(pairs, 2) {
		labels = append(labels, block.Label{Name: pair[0], Value: pair[1]})
	}
	slices.SortFunc(labels, func(a, b block.Label) int { return strings.Compare(a.Name, b.Name) })
	key := name + "|" + strings.Join(pairs, "|")
	if h[key] == nil {
		h[key] = &state{labels, map[int]float64{}}
	}
	h[key].values[era] = value.AsApproximateFloat64()
}

// all gives the series in the order that a block wants, each sampled while it was there.
func (h states) all(eras []Era) iter.Seq2[[]block.Label, iter.Seq2[int64, float64]] {
	list := slices.SortedFunc(maps.Values(h), func(a, b *state) int { return block.Compare(a.labels, b.labels) })
	return func(yield func([]block.Label, iter.Seq2[int64, float64]) bool) {
		for _, s := range list {
			if !yield(s.labels, func(yield func(int64, float64) bool) {
				for k, e := range eras {
					v, there := s.values[k]
					for at := e.From; there && at.Before(e.To); at = at.Add(scrape) {
						if !yield(at.UnixMilli(), v) {
							return
						}
					}
				}
			}) {
				return
			}
		}
	}
}
