package labelled

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/test/stand/block"
)

const (
	scrape      = time.Minute
	historyDays = 35
	runTime     = 40 * time.Minute
)

// series is one series of samples, from one time up to another.
type series struct {
	labels   []block.Label
	from, to time.Time
	next     func(at time.Time) float64
}

// Histories writes into dir, the storage of a Prometheus that does not run, what it would have seen of the cases of a cluster until a
// time. The names of the pods are those that the cluster gave them.
func (f *Furnisher) Histories(ctx context.Context, dir string, number int, all []Case, end time.Time) error {
	pods, err := f.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	end = end.Truncate(scrape)
	var list []series
	for _, c := range all {
		for _, w := range c.Workloads {
			for _, s := range w.spans(c, pods.Items, end) {
				for _, box := range w.Containers {
					if box.Use != nil {
						list = append(list, box.series(c, w, s, end)...)
					}
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b series) int { return block.Compare(a.labels, b.labels) })
	return block.Write(dir, number, end.Add(-historyDays*day), end, samples(list))
}

func samples(list []series) iter.Seq2[[]block.Label, iter.Seq2[int64, float64]] {
	return func(yield func([]block.Label, iter.Seq2[int64, float64]) bool) {
		for _, s := range list {
			if !yield(s.labels, func(yield func(int64, float64) bool) {
				for at := s.from; at.Before(s.to); at = at.Add(scrape) {
					if !yield(at.UnixMilli(), s.next(at)) {
						return
					}
				}
			}) {
				return
			}
		}
	}
}

// span is a pod and when it ran.
type span struct {
	pod      string
	from, to time.Time
}

// spans are the pods of a workload: those that are there, those of the revision before, and the runs of a CronJob.
func (w Workload) spans(c Case, pods []corev1.Pod, end time.Time) []span {
	days, runs := 0.0, 0
	for _, box := range w.Containers {
		if box.Use != nil {
			days, runs = max(days, box.Use.days()), max(runs, box.Use.Runs)
		}
	}
	first := end.Add(-time.Duration(days * float64(day))).Truncate(scrape)
	var out []span
	for n := range runs {
		from := end.Add(-time.Duration(n+1)*day + 4*time.Hour)
		out = append(out, span{fmt.Sprintf("%s-%d-%s", w.Name, from.Unix()/60, letters(n)), from, from.Add(runTime)})
	}
	revised := end.Add(-w.Revised.or(old)).Truncate(scrape)
	n := 0
	for _, p := range pods {
		if p.Namespace != c.Namespace || p.Labels["app"] != w.Name {
			continue
		}
		from := first
		if w.Kind == "Deployment" && revised.After(first) {
			out = append(out, span{fmt.Sprintf("%s-6b7f9c8d5f-%s", w.Name, letters(n)), first, revised})
			from = revised
		}
		out, n = append(out, span{p.Name, from, end}), n+1
	}
	return out
}

// letters is the end of a pod's name, of the alphabet that Kubernetes uses.
func letters(n int) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789"
	return "x7k" + string(alphabet[n/len(alphabet)]) + string(alphabet[n%len(alphabet)])
}

func (u Use) days() float64 {
	if u.Days > 0 {
		return u.Days
	}
	return historyDays
}

// series are those that cAdvisor and kube-state-metrics have of one container of a pod.
func (b Container) series(c Case, w Workload, s span, end time.Time) []series {
	var list []series
	add := func(name string, next func(time.Time) float64, more ...string) {
		labels := []block.Label{
			{Name: "__name__", Value: name},
			{Name: "cluster", Value: c.Cluster},
			{Name: "container", Value: b.Name},
			{Name: "namespace", Value: c.Namespace},
			{Name: "pod", Value: s.pod},
		}
		for i := 0; i < len(more); i += 2 {
			labels = append(labels, block.Label{Name: more[i], Value: more[i+1]})
		}
		slices.SortFunc(labels, func(a, b block.Label) int { return strings.Compare(a.Name, b.Name) })
		list = append(list, series{labels, s.from, s.to, next})
	}
	u, revised := b.Use, w.Revised.or(old)
	rng := rand.New(rand.NewPCG(uint64(len(s.pod)), uint64(s.from.Unix()))) //nolint:gosec // the same every time
	used, waits := 0.0, 0.0
	add("container_cpu_usage_seconds_total", func(at time.Time) float64 {
		used += u.CPU.at(end.Sub(at), revised, rng) * scrape.Seconds()
		return math.Round(used*1e9) / 1e9
	}, "image", b.Image, "job", "kubelet")
	add("container_memory_working_set_bytes", func(at time.Time) float64 {
		return math.Floor(u.Memory.at(end.Sub(at), revised, rng)/4096) * 4096
	}, "image", b.Image, "job", "kubelet")
	if _, limited := b.Limits["cpu"]; limited {
		periods := 0.0
		add("container_cpu_cfs_periods_total", func(time.Time) float64 { periods += 600; return periods }, "job", "kubelet")
		add("container_cpu_cfs_throttled_periods_total", func(time.Time) float64 {
			waits += 600 * u.Throttled
			return math.Floor(waits)
		}, "job", "kubelet")
	}
	killed := end.Add(-time.Duration(u.Killed))
	add("kube_pod_container_status_restarts_total", func(at time.Time) float64 {
		n := math.Floor(float64(u.Restarts) * max(0, 1-end.Sub(at).Hours()/(7*24)))
		if u.Killed > 0 && !at.Before(killed) {
			n++
		}
		return n
	}, "job", "kube-state-metrics")
	if u.Killed > 0 && killed.Before(s.to) {
		add("kube_pod_container_status_last_terminated_reason", func(at time.Time) float64 {
			if at.Before(killed) {
				return 0
			}
			return 1
		}, "job", "kube-state-metrics", "reason", "OOMKilled")
	}
	return list
}
