package collect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	maxEvents      = 20
	eventsOfObject = 100 // that are read of one object
)

// events shows what the kubelet, the scheduler and the controllers said of the workload and its objects, warnings first.
func events(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	refs := []engine.ObjectRef{s.ref()}
	if len(s.replicaSets) > 0 {
		refs = append(refs, refOf("ReplicaSet", s.replicaSets[0]))
	}
	for _, job := range s.jobs[:min(len(s.jobs), 2)] {
		refs = append(refs, refOf("Job", job))
	}
	for _, p := range s.focus() {
		refs = append(refs, refOf("Pod", p))
	}
	refs = append(refs, s.named()[1:]...)
	return s.eventsOf(ctx, refs...)
}

func (s *subject) eventsOf(ctx context.Context, refs ...engine.ObjectRef) ([]engine.Evidence, error) {
	var found []corev1.Event
	var problem error
	seen := map[engine.ObjectRef]bool{}
	for _, ref := range refs {
		if seen[ref] {
			continue
		}
		seen[ref] = true
		list, err := s.listEvents(ctx, ref)
		problem = first(problem, failed(err, "list events"))
		found = append(found, list...)
	}
	slices.SortFunc(found, func(a, b corev1.Event) int {
		warns := func(e corev1.Event) int {
			if e.Type == corev1.EventTypeWarning {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(warns(a), warns(b)), Happened(&b).Compare(Happened(&a)), cmp.Compare(a.Name, b.Name))
	})
	var out []engine.Evidence
	for _, e := range found[:min(len(found), maxEvents)] {
		out = append(out, eventEvidence(e))
	}
	return out, problem
}

func (s *subject) listEvents(ctx context.Context, ref engine.ObjectRef) ([]corev1.Event, error) {
	namespace := ref.Namespace
	if namespace == "" {
		namespace = metav1.NamespaceAll // a node's events are wherever its reporter put them
	}
	selector := fields.Set{"involvedObject.kind": ref.Kind, "involvedObject.name": ref.Name}.AsSelector().String()
	list, err := s.Client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: selector, Limit: eventsOfObject})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(e corev1.Event) bool {
		return e.InvolvedObject.Kind != ref.Kind || e.InvolvedObject.Name != ref.Name || Guest(&e)
	}), nil
}

// Guest tells whether an event is about a container that was put into a pod later, which is no part of the workload.
func Guest(e *corev1.Event) bool {
	return strings.HasPrefix(e.InvolvedObject.FieldPath, "spec.ephemeralContainers{")
}

func eventEvidence(e corev1.Event) engine.Evidence {
	count := max(e.Count, 1)
	if e.Series != nil {
		count = max(count, e.Series.Count)
	}
	component := cmp.Or(e.Source.Component, e.ReportingController)
	text := fmt.Sprintf("%s: %s", e.Reason, e.Message)
	if count > 1 {
		text = fmt.Sprintf("%s (%d times)", text, count)
	}
	return engine.Evidence{
		ID: "event/" + e.Namespace + "/" + e.Name, Kind: engine.EvidenceEvent, At: Happened(&e), Text: text, Container: containerOf(e.InvolvedObject.FieldPath),
		Object: engine.ObjectRef{Kind: e.InvolvedObject.Kind, Namespace: e.InvolvedObject.Namespace, Name: e.InvolvedObject.Name, UID: string(e.InvolvedObject.UID)},
		Fields: map[string]string{"type": e.Type, "reason": e.Reason, "message": e.Message, "count": number(count), "component": component},
	}
}

// containerOf reads the container's name from a field path such as spec.containers{api}.
func containerOf(path string) string {
	for i := range path {
		if path[i] == '{' && path[len(path)-1] == '}' {
			return path[i+1 : len(path)-1]
		}
	}
	return ""
}

// Happened is when an event last happened, in whichever of its fields the reporter wrote that.
func Happened(e *corev1.Event) time.Time {
	last := e.LastTimestamp.Time
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	if last.IsZero() {
		last = e.EventTime.Time
	}
	if last.IsZero() {
		last = e.CreationTimestamp.Time
	}
	return last
}
