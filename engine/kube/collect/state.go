package collect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// rollout shows how far the newest revision of the workload has come.
func rollout(_ context.Context, s *subject) ([]engine.Evidence, error) {
	if s.object == nil {
		return nil, s.objectErr
	}
	var desired, updated, ready, available int32
	reason, message, paused := "", "", false
	e := engine.Evidence{ID: "rollout", Kind: engine.EvidenceRollout, Object: s.ref()}
	switch {
	case s.deployment != nil:
		d := s.deployment
		desired, updated, ready, available = orOne(d.Spec.Replicas), d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas
		paused = d.Spec.Paused
		for _, c := range d.Status.Conditions {
			failing := c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue
			if failing || (c.Type == appsv1.DeploymentProgressing && reason == "") {
				reason, message, e.At = c.Reason, c.Message, c.LastUpdateTime.Time
			}
		}
	case s.statefulSet != nil:
		st := s.statefulSet.Status
		desired, updated, ready, available = orOne(s.statefulSet.Spec.Replicas), st.UpdatedReplicas, st.ReadyReplicas, st.AvailableReplicas
	case s.daemonSet != nil:
		st := s.daemonSet.Status
		desired, updated, ready, available = st.DesiredNumberScheduled, st.UpdatedNumberScheduled, st.NumberReady, st.NumberAvailable
	default:
		return nil, nil
	}
	e.Fields = map[string]string{
		"desired": number(desired), "updated": number(updated), "ready": number(ready), "available": number(available),
		"reason": reason, "message": message, "paused": yes(paused),
	}
	e.Text = joined(": ", fmt.Sprintf("%d of %d replicas are ready, %d of the newest revision", ready, desired, updated), reason, message)
	return []engine.Evidence{e}, nil
}

func orOne(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

// jobs shows how the Jobs whose outcome counts went.
func jobs(_ context.Context, s *subject) ([]engine.Evidence, error) {
	var out []engine.Evidence
	for _, job := range s.jobs[:min(len(s.jobs), 3)] {
		out = append(out, jobState(job))
	}
	return out, nil
}

func jobState(job *batchv1.Job) engine.Evidence {
	e := engine.Evidence{ID: "job/" + job.Name, Kind: engine.EvidenceJob, Object: refOf("Job", job)}
	e.Fields = map[string]string{"failed": number(job.Status.Failed)}
	if job.Spec.BackoffLimit != nil {
		e.Fields["backoff_limit"] = number(*job.Spec.BackoffLimit)
	}
	if job.Spec.ActiveDeadlineSeconds != nil {
		e.Fields["deadline"] = number(*job.Spec.ActiveDeadlineSeconds) + "s"
	}
	state := "is running"
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobFailed:
			state, e.At = "failed", c.LastTransitionTime.Time
			e.Fields["reason"], e.Fields["message"] = c.Reason, c.Message
		case batchv1.JobComplete:
			state, e.At = "is complete", c.LastTransitionTime.Time
		}
	}
	e.Text = joined(": ", fmt.Sprintf("job %s %s, %s", job.Name, state, plural(job.Status.Failed, "failed pod")), e.Fields["reason"], e.Fields["message"])
	return e
}

const maxClaims = 5

// claims shows the claims that the workload mounts, or the one that the incident is about, and what was said of those that wait.
func claims(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	w := s.incident.Workload
	var names []string
	if w.Kind == "PersistentVolumeClaim" {
		names = []string{w.Name}
	}
	for _, p := range s.focus() {
		names = append(names, claimNames(p)...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	var out []engine.Evidence
	var problem error
	for _, name := range names[:min(len(names), maxClaims)] {
		claim, err := s.Client.CoreV1().PersistentVolumeClaims(w.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			problem = first(problem, failed(err, "read claim "+name))
			continue // one that does not exist is told by the collector of references
		}
		e, err := s.claimState(ctx, claim)
		problem = first(problem, err)
		out = append(out, e)
		for _, k := range claim.Status.Conditions {
			if strings.HasSuffix(string(k.Type), "Error") && k.Status == corev1.ConditionTrue {
				out = append(out, state(refOf("PersistentVolumeClaim", claim), string(k.Type), "Failed", k.Reason, k.Message, k.LastTransitionTime.Time))
			}
		}
		if claim.Status.Phase != corev1.ClaimBound || s.tells(engine.ClassVolumeFailing) {
			said, err := s.eventsOf(ctx, refOf("PersistentVolumeClaim", claim))
			problem = first(problem, err)
			out = append(out, said...)
		}
	}
	return out, problem
}

// tells tells whether a firing signal is of a class.
func (s *subject) tells(c engine.Class) bool {
	return slices.ContainsFunc(s.incident.Signals, func(sig engine.Signal) bool { return sig.Firing() && sig.Class == c })
}

func (s *subject) claimState(ctx context.Context, claim *corev1.PersistentVolumeClaim) (engine.Evidence, error) {
	class, exists := "", ""
	var err error
	if claim.Spec.StorageClassName != nil && *claim.Spec.StorageClassName != "" {
		class = *claim.Spec.StorageClassName
		if _, err = s.Client.StorageV1().StorageClasses().Get(ctx, class, metav1.GetOptions{}); err == nil || gone(err) {
			exists = yes(err == nil)
		}
	}
	var modes []string
	for _, m := range claim.Spec.AccessModes {
		modes = append(modes, string(m))
	}
	requested := quantity(claim.Spec.Resources.Requests, corev1.ResourceStorage)
	text := fmt.Sprintf("claim %s is %s, asks for %s of storage class %s", claim.Name, claim.Status.Phase, cmp.Or(requested, "nothing"), cmp.Or(class, "(default)"))
	if exists == "false" {
		text += ", which does not exist"
	}
	return engine.Evidence{
		ID: "claim/" + claim.Name, Kind: engine.EvidenceClaim, Object: refOf("PersistentVolumeClaim", claim), At: claim.CreationTimestamp.Time, Text: text,
		Fields: map[string]string{
			"phase": string(claim.Status.Phase), "storage_class": class, "class_exists": exists, "requested": requested,
			"access_modes": strings.Join(modes, ","), "volume": claim.Spec.VolumeName,
		},
	}, failed(err, "read storage class "+class)
}

// alerts shows the alerts that the incident was told by, but for those that were over before it came back.
func alerts(_ context.Context, s *subject) ([]engine.Evidence, error) {
	var out []engine.Evidence
	for _, sig := range s.incident.Signals {
		if sig.Source != engine.SourceAlert || !sig.EndsAt.IsZero() && sig.EndsAt.Before(s.incident.StartedAt) {
			continue
		}
		out = append(out, engine.Evidence{
			ID: "alert/" + sig.ID, Kind: engine.EvidenceAlert, Object: sig.Object, Container: sig.Container, At: sig.StartsAt,
			Text: joined(": ", "alert "+sig.Labels["alertname"], sig.Summary),
			Fields: map[string]string{
				"alertname": sig.Labels["alertname"], "value": sig.Labels["value"], "description": sig.Summary,
				"callee": sig.Labels["callee"], "code": sig.Labels["code"],
			},
		})
	}
	return out, nil
}
