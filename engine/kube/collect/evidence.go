package collect

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

func refOf(kind string, m metav1.Object) engine.ObjectRef {
	return engine.ObjectRef{Kind: kind, Namespace: m.GetNamespace(), Name: m.GetName(), UID: string(m.GetUID())}
}

func (s *subject) ref() engine.ObjectRef {
	w := s.incident.Workload
	if s.object != nil {
		return refOf(w.Kind, s.object)
	}
	return engine.ObjectRef{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
}

// clean redacts a text from outside, and cuts it.
func clean(s string, n int) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = rca.Printable(lines[i])
	}
	lines, _ = rca.RedactLines(lines)
	return cut(strings.Join(lines, "\n"), n)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len("…")], "") + "…"
}

func gone(err error) bool { return apierrors.IsNotFound(err) }

// failed gives an error of the API server its code and a plain sentence. An object that is gone is no failure: nil.
func failed(err error, doing string) error {
	switch {
	case err == nil, gone(err):
		return nil
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return engine.Wrap(engine.Forbidden, err, "we may not "+doing)
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err):
		return engine.Wrap(engine.Unavailable, err, "it took too long to "+doing)
	}
	return engine.Wrap(engine.Unavailable, err, "the API server did not let us "+doing)
}

// first gives the first error that is not nil.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// named is a container's status and where it stands in its pod.
type named struct {
	status corev1.ContainerStatus
	init   bool
}

func statuses(p *corev1.Pod) []named {
	var out []named
	for _, c := range p.Status.InitContainerStatuses {
		out = append(out, named{c, true})
	}
	for _, c := range p.Status.ContainerStatuses {
		out = append(out, named{c, false})
	}
	return out
}

func containers(spec *corev1.PodSpec) []corev1.Container {
	out := make([]corev1.Container, 0, len(spec.InitContainers)+len(spec.Containers))
	return append(append(out, spec.InitContainers...), spec.Containers...)
}

func container(spec *corev1.PodSpec, name string) corev1.Container {
	for _, c := range containers(spec) {
		if c.Name == name {
			return c
		}
	}
	return corev1.Container{}
}

func claimNames(p *corev1.Pod) []string {
	var names []string
	for _, v := range p.Spec.Volumes {
		switch {
		case v.PersistentVolumeClaim != nil:
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			names = append(names, p.Name+"-"+v.Name)
		}
	}
	return names
}

func number[T int | int32 | int64](n T) string { return strconv.FormatInt(int64(n), 10) }

func yes(b bool) string { return strconv.FormatBool(b) }

// stamp formats a time, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// joined puts what is not empty behind one another.
func joined(sep string, parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, sep)
}

// plural gives "1 restart", "2 restarts".
func plural[T int | int32](n T, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return number(n) + " " + word + "s"
}
