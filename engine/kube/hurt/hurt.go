// Package hurt breaks things on purpose in one cluster, and sees to it that they are whole again: it is the chaos.Injector of Kubernetes.
//
// Package kube hands it the clients of a cluster; the process that does experiments calls it, under an account of its own. Whatever it
// begins ends without it: a fault is held by a program inside of the pod, which stops at its deadline, on a word, and when the beats of the
// one who wants it stay away. What ends by itself nowhere, the cordon of a node, is noted on the node with its time, for any process to find.
package hurt

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// Source is the cluster that is hurt.
type Source struct {
	Name    string // as configured
	Client  kubernetes.Interface
	Dynamic dynamic.Interface                               // for the objects of Chaos Mesh
	Reach   func(ctx context.Context) (*rest.Config, error) // where it is now, for streams
	Owner   func(m metav1.Object, kind string, next func(kind, namespace, name string) metav1.Object) (engine.Workload, bool)
	Why     func(err error) string // tells people in a few words why a request failed
	Now     func() time.Time
	Log     *slog.Logger
}

// Options is what the configuration says about how it is done.
type Options struct {
	OptIn   string // the label, as "key=value", by which a namespace opts in
	Agent   string // the image of the agent; "" for none, and then what needs it is refused
	Deletes bool   // a plain delete may be done

	Cloud chaos.Cloud // AWS FIS; nil where it is not configured
}

// Injector hurts one cluster. Its methods may be called at the same time.
type Injector struct {
	Source
	Options

	beat    time.Duration // from one beat to the next
	silence time.Duration // without a beat, after which what holds a fault ends it
	poll    time.Duration // between two looks at what changes by itself
	far     time.Duration // between two looks at what a service beside the cluster does, which counts them
}

// New makes an Injector.
func New(s Source, o Options) *Injector {
	return &Injector{Source: s, Options: o, beat: 3 * time.Second, silence: 15 * time.Second, poll: 500 * time.Millisecond, far: 3 * time.Second}
}

// Prefix begins the name of everything that is put into a cluster; a handle has it.
const Prefix = "autopilot-chaos-"

// manager is who the API server notes as the writer.
const manager = "autopilot-chaos"

const callDeadline = 15 * time.Second

// pod reads a target. It fails with NotFound when the pod is gone, also when there is another one of its name.
func (h *Injector) pod(ctx context.Context, t engine.Victim) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	p, err := h.Client.CoreV1().Pods(t.Object.Namespace).Get(ctx, t.Object.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, engine.Errorf(engine.NotFound, "pod %s/%s is gone", t.Object.Namespace, t.Object.Name)
	case err != nil:
		return nil, h.problem(err, "pod "+t.Object.Namespace+"/"+t.Object.Name+" cannot be read")
	case string(p.UID) != t.Object.UID:
		return nil, engine.Errorf(engine.NotFound, "pod %s/%s is gone: it is another one of that name", t.Object.Namespace, t.Object.Name)
	}
	return p, nil
}

// problem gives an error of the API server a code and words for people.
func (h *Injector) problem(err error, what string) error {
	text := fmt.Sprintf("%s: %s", what, h.told(err))
	switch {
	case apierrors.IsNotFound(err):
		return engine.Wrap(engine.NotFound, err, text)
	case apierrors.IsConflict(err):
		return engine.Wrap(engine.Conflict, err, text)
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return engine.Wrap(engine.Forbidden, err, text)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return engine.Wrap(engine.Invalid, err, text)
	}
	return engine.Wrap(engine.Unavailable, err, text)
}

// told is the API server's own reason, cut to what a card can hold: which verb is missing, what an admission check or a budget says.
func (h *Injector) told(err error) string {
	const longest = 300
	text := h.Why(err)
	if status, ok := err.(apierrors.APIStatus); ok && status.Status().Message != "" { //nolint:errorlint // client-go gives it as it is
		text = status.Status().Message
		if d := status.Status().Details; d != nil && apierrors.IsTooManyRequests(err) {
			for _, c := range d.Causes {
				text = strings.TrimSuffix(text, ".") + ": " + c.Message
			}
		}
	}
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// message is the part of an error that people may read.
func message(err error) string {
	return engine.UserMessage(err, "in the log")
}
