package main

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/test/stand/block"
)

const (
	fleetVersion     = 3 // of what is generated: a change makes the kept blocks unfit
	fleetNamespaces  = 45
	fleetPodsPerNode = 25
	day              = 24 * time.Hour
)

// fleetEnd is where the histories end. Prometheus tells the age of a block from its newest one, so that they keep.
var fleetEnd = time.Date(2026, 6, 13, 0, 0, 0, 0, time.UTC)

// fleet is a cluster that is made up: Deployments, their pods of one container each, and days of history as cAdvisor and
// kube-state-metrics would have given it. The same parameters make the same fleet.
type fleet struct {
	days   int
	scrape time.Duration
	seed   uint64

	workloads []fleetWorkload
}

type fleetWorkload struct {
	namespace, name, hash string
	pods                  int
	request               float64 // cores
	memory                float64 // bytes
	limited               bool    // has a CPU limit, and so counts throttling
}

// newFleet makes workloads of so many pods each.
func newFleet(workloads, pods, days int, scrape time.Duration, seed uint64) *fleet {
	f := &fleet{days: days, scrape: scrape, seed: seed}
	for n := range workloads {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		f.workloads = append(f.workloads, fleetWorkload{
			namespace: fmt.Sprintf("team-%03d", n%fleetNamespaces), name: fmt.Sprintf("service-%05d", n), hash: fmt.Sprintf("6d4cf%05d", n), pods: pods,
			request: []float64{0.1, 0.25, 0.5, 1, 2}[rng.IntN(5)], memory: []float64{128, 256, 512, 1024, 2048}[rng.IntN(5)] * (1 << 20), limited: rng.IntN(2) == 0,
		})
	}
	return f
}

func (f *fleet) containers() (n int) {
	for _, w := range f.workloads {
		n += w.pods
	}
	return n
}

func (w fleetWorkload) pod(n int) string { return fmt.Sprintf("%s-%s-%05d", w.name, w.hash, n) }

// cluster is the fleet as the API server would list it.
func (f *fleet) cluster() waste.Cluster {
	c := waste.Cluster{Name: "bench", Complete: true}
	yes, made := true, metav1.NewTime(fleetEnd.Add(-90*day))
	owned := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: types.UID(kind + "/" + name), Controller: &yes}}
	}
	for n := range fleetNamespaces {
		c.Namespaces = append(c.Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("team-%03d", n)}})
	}
	for n := range f.nodes() {
		size := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("16"), corev1.ResourceMemory: resource.MustParse("64Gi"), corev1.ResourcePods: resource.MustParse("110")}
		c.Nodes = append(c.Nodes, waste.Node{Node: &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fleetNode(n), CreationTimestamp: made},
			Status: corev1.NodeStatus{
				Capacity: size, Allocatable: size,
				Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
			},
		}})
	}
	place := 0
	for _, w := range f.workloads {
		labels := map[string]string{"app": w.name}
		requests := corev1.ResourceList{
			corev1.ResourceCPU:    *resource.NewMilliQuantity(int64(w.request*1000), resource.DecimalSI),
			corev1.ResourceMemory: *resource.NewQuantity(int64(w.memory), resource.BinarySI),
		}
		spec := corev1.PodSpec{RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{Name: "app", Image: "app:1", Resources: corev1.ResourceRequirements{Requests: requests}}}}
		replicas, set := int32(w.pods), w.name+"-"+w.hash //nolint:gosec // tens
		meta := func(kind, name string, owners []metav1.OwnerReference) metav1.ObjectMeta {
			return metav1.ObjectMeta{Namespace: w.namespace, Name: name, UID: types.UID(kind + "/" + name), Labels: labels, OwnerReferences: owners, CreationTimestamp: made}
		}
		c.Deployments = append(c.Deployments, &appsv1.Deployment{
			ObjectMeta: meta("Deployment", w.name, nil),
			Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}},
			Status:     appsv1.DeploymentStatus{Replicas: replicas, ReadyReplicas: replicas, UpdatedReplicas: replicas, AvailableReplicas: replicas},
		})
		c.ReplicaSets = append(c.ReplicaSets, &appsv1.ReplicaSet{ObjectMeta: meta("ReplicaSet", set, owned("Deployment", w.name)), Spec: appsv1.ReplicaSetSpec{Replicas: &replicas}})
		for n := range w.pods {
			p := &corev1.Pod{ObjectMeta: meta("Pod", w.pod(n), owned("ReplicaSet", set)), Spec: spec}
			p.Spec.NodeName = fleetNode(place / fleetPodsPerNode)
			p.Status = corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &made, ContainerStatuses: []corev1.ContainerStatus{{Name: "app", Ready: true}}}
			c.Pods = append(c.Pods, p)
			place++
		}
	}
	return c
}

func (f *fleet) nodes() int { return (f.containers() + fleetPodsPerNode - 1) / fleetPodsPerNode }

func fleetNode(n int) string {
	return fmt.Sprintf("ip-10-0-%d-%d.eu-west-1.compute.internal", n/250, n%250)
}

// fleetSeries is a series and what comes next in it.
type fleetSeries struct {
	labels []block.Label
	next   func(at time.Time) float64
	offset time.Duration // of its target's scrapes
}

// series are all of the fleet, sorted as a block wants them.
func (f *fleet) series() []fleetSeries {
	var all []fleetSeries
	place := 0
	for i, w := range f.workloads {
		for n := range w.pods {
			node := fleetNode(place / fleetPodsPerNode)
			rng := rand.New(rand.NewPCG(f.seed^0xbe9c4, uint64(place)))
			offset := time.Duration(place/fleetPodsPerNode) * 137 * time.Millisecond % f.scrape
			add := func(offset time.Duration, name string, next func(time.Time) float64, labels ...string) {
				labels = append(labels, "__name__", name, "namespace", w.namespace, "pod", w.pod(n))
				var l []block.Label
				for i := 0; i < len(labels); i += 2 {
					l = append(l, block.Label{Name: labels[i], Value: labels[i+1]})
				}
				slices.SortFunc(l, func(a, b block.Label) int { return block.Compare([]block.Label{a}, []block.Label{b}) })
				all = append(all, fleetSeries{l, next, offset})
			}
			id := fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64())
			cadvisor := []string{
				"container", "app", "endpoint", "https-metrics", "id", "/kubepods.slice/pod" + id[:16] + "/cri-containerd-" + id + ".scope",
				"image", "registry.example/app:1", "instance", node + ":10250", "job", "kubelet", "metrics_path", "/metrics/cadvisor", "name", id, "node", node,
			}
			state := []string{"instance", "10.0.0.9:8080", "job", "kube-state-metrics"}
			busy := w.request * (0.1 + 0.5*rng.Float64())
			add(offset, "container_cpu_usage_seconds_total", fleetCPU(rng, busy, f.scrape), cadvisor...)
			add(offset, "container_memory_working_set_bytes", fleetMemory(rng, w.memory*(0.3+0.4*rng.Float64())), cadvisor...)
			if w.limited {
				add(offset, "container_cpu_cfs_periods_total", fleetCount(rng, 250, 1), cadvisor...)
				add(offset, "container_cpu_cfs_throttled_periods_total", fleetCount(rng, 3, 0.3), cadvisor...)
			}
			add(0, "kube_pod_container_status_restarts_total", fleetCount(rng, 1, 0), append(state, "container", "app")...)
			add(0, "kube_pod_owner", func(time.Time) float64 { return 1 }, append(state, "owner_kind", "ReplicaSet", "owner_name", f.workloads[i].name+"-"+w.hash, "owner_is_controller", "true")...)
			place++
		}
	}
	slices.SortFunc(all, func(a, b fleetSeries) int { return block.Compare(a.labels, b.labels) })
	return all
}

// fleetCPU is a counter of seconds with a daily wave, noise and bursts, in nanoseconds as the kernel counts.
func fleetCPU(rng *rand.Rand, cores float64, step time.Duration) func(time.Time) float64 {
	total := rng.Float64() * 1e6
	phase := rng.Float64() * 2 * math.Pi
	return func(at time.Time) float64 {
		use := cores * (1 + 0.4*math.Sin(phase+2*math.Pi*float64(at.Unix()%86400)/86400)) * (0.7 + 0.6*rng.Float64())
		if rng.IntN(500) == 0 {
			use *= 3
		}
		total += use * step.Seconds()
		return math.Round(total*1e9) / 1e9
	}
}

// fleetMemory walks around a level in pages, and stays where it is every other time.
func fleetMemory(rng *rand.Rand, level float64) func(time.Time) float64 {
	now := level
	return func(time.Time) float64 {
		if rng.IntN(2) == 0 {
			now += (level-now)*0.02 + level*0.01*(rng.Float64()-0.5)
		}
		return math.Floor(now/4096) * 4096
	}
}

func fleetCount(rng *rand.Rand, step int, chance float64) func(time.Time) float64 {
	total := 0
	return func(time.Time) float64 {
		if rng.Float64() < chance {
			total += step
		}
		return float64(total)
	}
}

// blocks gives the directory of the fleet's history, a block a day. It is made once for each set of parameters, and kept.
func (f *fleet) blocks() (dir string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(cache, "autopilot", "bench", fmt.Sprintf("fleet-v%d-%dw-%dc-%dd-%s-%d", fleetVersion, len(f.workloads), f.containers(), f.days, f.scrape, f.seed))
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, os.ErrNotExist) {
		return dir, err
	}
	making := dir + ".making"
	if err := errors.Join(os.RemoveAll(making), os.MkdirAll(making, 0o755)); err != nil {
		return "", err
	}
	began := time.Now()
	series := f.series()
	for n := range f.days {
		progress("writing day %d of %d of %d series", n+1, f.days, len(series))
		start := fleetEnd.Add(-time.Duration(f.days-n) * day)
		if err := block.Write(making, n, start, start.Add(day), f.day(series, start)); err != nil {
			return "", err
		}
	}
	progress("the history took %s", seconds(time.Since(began)))
	return dir, os.Rename(making, dir)
}

func (f *fleet) day(series []fleetSeries, start time.Time) iter.Seq2[[]block.Label, iter.Seq2[int64, float64]] {
	return func(yield func([]block.Label, iter.Seq2[int64, float64]) bool) {
		for _, s := range series {
			samples := func(yield func(int64, float64) bool) {
				for at := start.Add(s.offset); at.Before(start.Add(day)); at = at.Add(f.scrape) {
					if !yield(at.UnixMilli(), s.next(at)) {
						return
					}
				}
			}
			if !yield(s.labels, samples) {
				return
			}
		}
	}
}
