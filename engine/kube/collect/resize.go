package collect

import (
	"bytes"
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// scaled is what the Deployment controller says when it makes a ReplicaSet larger or smaller.
var scaled = regexp.MustCompile(`^Scaled (?:up|down) replica set (\S+) (?:to (\d+) from (\d+)|from (\d+) to (\d+))$`)

// resizeWithin is how soon after somebody wrote the number of replicas the controller sees to it.
const resizeWithin = 10 * time.Second

// excursion is how long another number of replicas may last for the way back to be no change: longer, and the load may be another by then.
const excursion = 5 * time.Minute

// resized shows that somebody wrote another number of replicas. A rollout scales too, and an autoscaler does: the first makes a new
// ReplicaSet, and the other writes by way of the scale subresource.
func (s *subject) resized(ctx context.Context) ([]engine.Evidence, error) {
	if s.deployment == nil || len(s.replicaSets) == 0 || s.deployment.Spec.Replicas == nil {
		return nil, nil
	}
	newest := s.replicaSets[0]
	writers := slices.DeleteFunc(slices.Clone(s.deployment.ManagedFields), func(m metav1.ManagedFieldsEntry) bool {
		return m.Subresource != "" || m.Time == nil || !m.Time.After(newest.CreationTimestamp.Add(resizeWithin)) ||
			m.FieldsV1 == nil || !bytes.Contains(m.FieldsV1.GetRawBytes(), []byte(`"f:replicas"`))
	})
	if len(writers) == 0 {
		return nil, nil
	}
	list, err := s.listEvents(ctx, s.ref())
	if err != nil {
		return nil, failed(err, "list events")
	}
	slices.SortFunc(list, func(a, b corev1.Event) int { return Happened(&b).Compare(Happened(&a)) })
	var last *engine.Evidence
	for _, e := range list {
		g := scaled.FindStringSubmatch(e.Message)
		if e.Reason != "ScalingReplicaSet" || g == nil || g[1] != newest.Name {
			continue
		}
		to, from, at := cmp.Or(g[2], g[5]), cmp.Or(g[3], g[4]), Happened(&e)
		if last != nil {
			if between := last.At.Sub(at); from == last.Fields["to"] && to == last.Fields["from"] && between <= excursion {
				last.Fields["back_after"] = between.String()
				last.Text += ", back to what it was " + between.String() + " before"
			}
			break
		}
		by := slices.IndexFunc(writers, func(m metav1.ManagedFieldsEntry) bool {
			return !at.Before(m.Time.Add(-time.Second)) && at.Sub(m.Time.Time) <= resizeWithin
		})
		if by < 0 || to != strconv.Itoa(int(*s.deployment.Spec.Replicas)) {
			return nil, nil // the last thing that scaled it was something else
		}
		e := s.resize(from, to, at, writers[by].Manager)
		last = &e
	}
	if last == nil {
		return nil, nil
	}
	return []engine.Evidence{*last}, nil
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
