package collect

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const maxQuotas = 10

// quotas shows what the namespace may have and has, what is fullest first, and the limits that a LimitRange sets.
func quotas(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	namespace := s.incident.Workload.Namespace
	if namespace == "" {
		return nil, nil
	}
	var out []engine.Evidence
	list, err := s.Client.CoreV1().ResourceQuotas(namespace).List(ctx, metav1.ListOptions{})
	problem := failed(err, "list resource quotas")
	if err == nil {
		out = quotaLines(list.Items)
	}
	ranges, err := s.Client.CoreV1().LimitRanges(namespace).List(ctx, metav1.ListOptions{})
	problem = first(problem, failed(err, "list limit ranges"))
	if err == nil {
		out = append(out, limitLines(ranges.Items)...)
	}
	return out, problem
}

func quotaLines(list []corev1.ResourceQuota) []engine.Evidence {
	type row struct {
		quota      *corev1.ResourceQuota
		name       corev1.ResourceName
		used, hard resource.Quantity
	}
	share := func(r row) float64 {
		hard := r.hard.AsApproximateFloat64()
		if hard == 0 {
			return 1 // nothing is allowed, so it is full
		}
		return r.used.AsApproximateFloat64() / hard
	}
	var rows []row
	for n := range list {
		for name, hard := range list[n].Status.Hard {
			rows = append(rows, row{&list[n], name, list[n].Status.Used[name], hard})
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(share(b), share(a)), cmp.Compare(a.quota.Name, b.quota.Name), cmp.Compare(a.name, b.name))
	})
	var out []engine.Evidence
	for _, r := range rows[:min(len(rows), maxQuotas)] {
		out = append(out, engine.Evidence{
			ID: fmt.Sprintf("quota/%s/%s", r.quota.Name, r.name), Kind: engine.EvidenceQuota, Object: refOf("ResourceQuota", r.quota),
			Text:   fmt.Sprintf("quota %s: %s of %s %s used", r.quota.Name, r.used.String(), r.hard.String(), r.name),
			Fields: map[string]string{"resource": string(r.name), "used": r.used.String(), "hard": r.hard.String(), "name": r.quota.Name},
		})
	}
	return out
}

// limitLines shows the maxima of LimitRanges. They have no "used": they bound each container or pod by itself.
func limitLines(list []corev1.LimitRange) []engine.Evidence {
	var out []engine.Evidence
	for n := range list {
		for _, item := range list[n].Spec.Limits {
			for _, name := range union(stringKeys(item.Max), nil) {
				most := item.Max[corev1.ResourceName(name)]
				out = append(out, engine.Evidence{
					ID: fmt.Sprintf("limitrange/%s/%s/%s", list[n].Name, item.Type, name), Kind: engine.EvidenceQuota, Object: refOf("LimitRange", &list[n]),
					Text:   fmt.Sprintf("limit range %s: a %s may have at most %s of %s", list[n].Name, item.Type, most.String(), name),
					Fields: map[string]string{"resource": name, "hard": most.String(), "name": list[n].Name},
				})
			}
		}
	}
	return out[:min(len(out), maxQuotas)]
}

func stringKeys(list corev1.ResourceList) map[string]resource.Quantity {
	out := make(map[string]resource.Quantity, len(list))
	for k, v := range list {
		out[string(k)] = v
	}
	return out
}
