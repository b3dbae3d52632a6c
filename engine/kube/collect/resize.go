package collect

import (
	"bytes"
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// scaled is what the Deployment controller says when it makes a ReplicaSet larger or smaller.
var scaled = regexp.MustCompile(`^Scaled (?:up|down) replica set (\S+) (?:to (\d+) from (\d+)|from (\d+) to (\d+))$`)

// resizeWithin is how soon after somebody wrote the number of replicas the controller sees to it.
const resizeWithin = 10 * time.Second

// excursion is for how long there may have been more replicas for the way back to be no change: longer, and the load may be another by then.
const excursion = 5 * time.Minute

// autoscaled tells whether an autoscaler wrote a number of replicas: the HorizontalPodAutoscaler, which is part of the controller manager,
// or another one, by its name. They write by way of the scale subresource, as kubectl scale does for a person; what comes
// by it has no time.
func autoscaled(m metav1.ManagedFieldsEntry) bool {
	manager := strings.ToLower(m.Manager)
	return m.Subresource == "scale" && (manager == "kube-controller-manager" || strings.HasPrefix(manager, "keda") || strings.Contains(manager, "autoscaler"))
}

// resized shows that somebody wrote another number of replicas. A rollout scales too, and an autoscaler does: the first makes a new
// ReplicaSet, and the other is known by its name.
func (s *subject) resized(ctx context.Context) ([]engine.Evidence, error) {
	if s.deployment == nil || len(s.replicaSets) == 0 || s.deployment.Spec.Replicas == nil {
		return nil, nil
	}
	newest := s.replicaSets[0]
	writers := slices.DeleteFunc(slices.Clone(s.deployment.ManagedFields), func(m metav1.ManagedFieldsEntry) bool {
		return m.Subresource == "status" || autoscaled(m) || m.Time == nil && m.Subresource != "scale" ||
			m.Time != nil && !m.Time.After(newest.CreationTimestamp.Add(resizeWithin)) || m.FieldsV1 == nil || !bytes.Contains(m.FieldsV1.GetRawBytes(), []byte(`"f:replicas"`))
	})
	if len(writers) == 0 {
		return nil, nil
	}
	list, err := s.listEvents(ctx, s.ref())
	if err != nil {
		return nil, failed(err, "list events")
	}
	now := strconv.Itoa(int(*s.deployment.Spec.Replicas))
	var steps []step
	for _, e := range list {
		if g := scaled.FindStringSubmatch(e.Message); g != nil && e.Reason == "ScalingReplicaSet" {
			steps = append(steps, step{set: g[1], from: cmp.Or(g[3], g[4]), to: cmp.Or(g[2], g[5]), at: Happened(&e)})
		}
	}
	// Events count in whole seconds: of two in one, the later is what led to the number of now.
	slices.SortStableFunc(steps, func(a, b step) int {
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(btoi(b.to == now), btoi(a.to == now)))
	})
	last := slices.IndexFunc(steps, func(t step) bool { return t.set == newest.Name })
	if last < 0 {
		return nil, nil
	}
	t := steps[last]
	by := slices.IndexFunc(writers, func(m metav1.ManagedFieldsEntry) bool {
		if m.Time == nil { // the API server does not date what came by the scale subresource; who owns the field changed it last
			return t.at.After(newest.CreationTimestamp.Add(resizeWithin)) && !rolled(steps, t.set, t.at)
		}
		return !t.at.Before(m.Time.Add(-time.Second)) && t.at.Sub(m.Time.Time) <= resizeWithin
	})
	if by < 0 || t.to != now {
		return nil, nil // the last thing that scaled it was something else
	}
	e := s.resize(t.from, t.to, t.at, writers[by].Manager)
	after, back, err := s.putBack(ctx, steps, last)
	if back && e.Fields["git"] == "" { // who deploys from Git takes back what somebody needed
		e.Fields["back_after"] = after.String()
		e.Text += ", back to what it was " + after.String() + " before"
	}
	return []engine.Evidence{e}, err // that nobody can say whether it was put back hides no change
}

// step is one time that the Deployment controller made a ReplicaSet larger or smaller.
type step struct {
	set, from, to string
	at            time.Time
}

// putBack tells whether a step took away what the one before it had added minutes before. Where that one was of a rollout, which scales two
// ReplicaSets by turns, or of an autoscaler, the workload never was well with fewer; nor is it with none.
func (s *subject) putBack(ctx context.Context, steps []step, last int) (after time.Duration, ok bool, err error) {
	t := steps[last]
	k := slices.IndexFunc(steps[last+1:], func(b step) bool { return b.set == t.set })
	if k < 0 || t.to == "0" {
		return 0, false, nil
	}
	b := steps[last+1+k]
	after = t.at.Sub(b.at)
	from, noFrom := strconv.Atoi(b.from)
	to, noTo := strconv.Atoi(b.to)
	if noFrom != nil || noTo != nil || to <= from || b.from != t.to || b.to != t.from || after > excursion || rolled(steps, t.set, b.at) {
		return 0, false, nil
	}
	// What an autoscaler wrote is forgotten as soon as somebody else writes the field.
	all, err := s.Client.AutoscalingV2().HorizontalPodAutoscalers(s.deployment.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, false, failed(err, "list horizontalpodautoscalers")
	}
	auto := slices.ContainsFunc(all.Items, func(h autoscalingv2.HorizontalPodAutoscaler) bool {
		return h.Spec.ScaleTargetRef.Kind == "Deployment" && h.Spec.ScaleTargetRef.Name == s.deployment.Name
	})
	return after, !auto, nil
}

// rolled tells whether another ReplicaSet was made larger or smaller from a minute before some time on: a rollout scales two by turns.
func rolled(steps []step, set string, at time.Time) bool {
	return slices.ContainsFunc(steps, func(o step) bool { return o.set != set && o.at.After(at.Add(-time.Minute)) })
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *subject) resize(from, to string, at time.Time, manager string) engine.Evidence {
	by := author(manager, s.object)
	e := engine.Evidence{
		ID: "change/replicas", Kind: engine.EvidenceChange, Object: s.ref(), At: at,
		Text:   joined(", ", edit{what: "replicas", from: from, to: to}.String(), s.when(at), by),
		Fields: map[string]string{"what": "replicas", "from": from, "to": to, "by": by, "age": s.age(at)},
	}
	if owner := s.inGit(); owner != "" {
		e.Fields["git"] = owner
	}
	return e
}
