package waste

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// budget is a PodDisruptionBudget, read once.
type budget struct {
	*policyv1.PodDisruptionBudget
	pods labels.Selector // nil when it cannot be read: then it speaks of every pod of its namespace
}

// budgets are those of a cluster, by namespace.
type budgets map[string][]budget

func newBudgets(all []*policyv1.PodDisruptionBudget) budgets {
	b := budgets{}
	for _, one := range all {
		pods, err := metav1.LabelSelectorAsSelector(one.Spec.Selector)
		if err != nil {
			pods = nil
		}
		b[one.Namespace] = append(b[one.Namespace], budget{one, pods})
	}
	return b
}

// of gives the budgets that speak of a pod.
func (b budgets) of(p *corev1.Pod) []budget {
	var all []budget
	for _, one := range b[p.Namespace] {
		if one.pods == nil || one.pods.Matches(labels.Set(p.Labels)) {
			all = append(all, one)
		}
	}
	return all
}

// refuse says which budget would not let these pods be evicted, one node's pods together; "" when all would.
func (b budgets) refuse(pods []*tenant) string {
	spent := map[*policyv1.PodDisruptionBudget]int32{}
	var order []*policyv1.PodDisruptionBudget
	for _, t := range pods {
		mine := b.of(t.pod)
		if len(mine) > 1 {
			return fmt.Sprintf("%s has %d PodDisruptionBudgets, and the API evicts no such pod", t.name(), len(mine))
		}
		for _, one := range mine {
			if !slices.Contains(order, one.PodDisruptionBudget) {
				order = append(order, one.PodDisruptionBudget)
			}
			spent[one.PodDisruptionBudget]++
		}
	}
	for _, one := range order {
		switch {
		case one.Status.ObservedGeneration < one.Generation:
			return fmt.Sprintf("the state of PodDisruptionBudget %s/%s is not up to date", one.Namespace, one.Name)
		case one.Status.DisruptionsAllowed < spent[one]:
			return fmt.Sprintf("PodDisruptionBudget %s/%s allows %d disruptions now, and %d are needed",
				one.Namespace, one.Name, one.Status.DisruptionsAllowed, spent[one])
		}
	}
	return ""
}
