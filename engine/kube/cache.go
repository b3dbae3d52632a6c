package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

// The indexes of the caches.
const (
	byController = "controller" // of pods, ReplicaSets and Jobs: objectKey of what controls them
	byNode       = "node"       // of pods
	byClaim      = "claim"      // of pods: namespace/claim
	byObject     = "object"     // of events: objectKey of what they are about
)

// objects is what a watch holds of a cluster, a trimmed copy by kind.
type objects struct {
	pods, nodes, events, replicaSets, deployments, statefulSets, daemonSets, jobs, claims cache.SharedIndexInformer

	informers map[string]cache.SharedIndexInformer // the same, by resource
	health    *health
}

func newObjects(client kubernetes.Interface, now func() time.Time) *objects {
	o := &objects{informers: map[string]cache.SharedIndexInformer{}, health: &health{now: now, problems: map[string]problem{}}}
	core, apps := client.CoreV1(), client.AppsV1()
	o.pods = informer(o, client, "pods", &corev1.Pod{}, core.Pods(""), "", cache.Indexers{byController: indexController, byNode: indexNode, byClaim: indexClaims})
	o.nodes = informer(o, client, "nodes", &corev1.Node{}, core.Nodes(), "", nil)
	o.events = informer(o, client, "events", &corev1.Event{}, core.Events(""), "type="+corev1.EventTypeWarning, cache.Indexers{byObject: indexObject})
	o.replicaSets = informer(o, client, "replicasets", &appsv1.ReplicaSet{}, apps.ReplicaSets(""), "", cache.Indexers{byController: indexController})
	o.deployments = informer(o, client, "deployments", &appsv1.Deployment{}, apps.Deployments(""), "", nil)
	o.statefulSets = informer(o, client, "statefulsets", &appsv1.StatefulSet{}, apps.StatefulSets(""), "", nil)
	o.daemonSets = informer(o, client, "daemonsets", &appsv1.DaemonSet{}, apps.DaemonSets(""), "", nil)
	o.jobs = informer(o, client, "jobs", &batchv1.Job{}, client.BatchV1().Jobs(""), "", cache.Indexers{byController: indexController})
	o.claims = informer(o, client, "persistentvolumeclaims", &corev1.PersistentVolumeClaim{}, core.PersistentVolumeClaims(""), "", nil)
	o.health.kinds = len(o.informers)
	return o
}

// resource is the part of a typed client that an informer needs.
type resource[L runtime.Object] interface {
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error)
}

// informer makes the informer of one resource, which reports to o.health whether it is listening.
func informer[L runtime.Object](o *objects, client kubernetes.Interface, name string, example runtime.Object, api resource[L], fields string, index cache.Indexers) cache.SharedIndexInformer {
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
			opts.FieldSelector = fields
			list, err := api.List(ctx, opts)
			if err != nil {
				o.health.failed(name, err)
				return nil, err
			}
			return list, nil
		},
		WatchFuncWithContext: func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
			opts.FieldSelector = fields
			w, err := api.Watch(ctx, opts)
			if err != nil {
				o.health.failed(name, err)
				return nil, err
			}
			o.health.listening(name)
			return w, nil
		},
	}
	i := cache.NewSharedIndexInformerWithOptions(cache.ToListWatcherWithWatchListSemantics(lw, client), example,
		cache.SharedIndexInformerOptions{Indexers: index, ObjectDescription: name})
	// Both fail only for an informer that runs already.
	_ = i.SetTransform(trim)
	_ = i.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) { o.health.ended(name, err) })
	o.informers[name] = i
	return i
}

// run keeps the caches up to date until ctx ends.
func (o *objects) run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, i := range o.informers {
		wg.Go(func() { i.RunWithContext(ctx) })
	}
	wg.Wait()
}

// wait returns when every kind is known that we may read. Pods must be: without them, nothing would look well.
func (o *objects) wait(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting := false
		for name, i := range o.informers {
			if !i.HasSynced() && (name == "pods" || !o.health.forbidden(name)) {
				waiting = true
			}
		}
		if !waiting {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// unsynced names the kinds that were never read in full.
func (o *objects) unsynced() []string {
	var names []string
	for name, i := range o.informers {
		if !i.HasSynced() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func get[T any](i cache.SharedIndexInformer, namespace, name string) *T {
	key := name
	if namespace != "" {
		key = namespace + "/" + name
	}
	obj, ok, err := i.GetStore().GetByKey(key)
	if err != nil || !ok {
		return nil
	}
	t, _ := obj.(*T)
	return t
}

func find[T any](i cache.SharedIndexInformer, index, key string) []*T {
	objs, err := i.GetIndexer().ByIndex(index, key)
	if err != nil {
		return nil // the index does not exist, which newObjects rules out
	}
	out := make([]*T, 0, len(objs))
	for _, obj := range objs {
		if t, ok := obj.(*T); ok {
			out = append(out, t)
		}
	}
	return out
}

// objectKey identifies an object within a cluster by its kind and name. A Node has no namespace, whatever its events say.
func objectKey(kind, namespace, name string) string {
	if kind == engine.KindNode {
		namespace = ""
	}
	return kind + "/" + namespace + "/" + name
}

func indexController(obj any) ([]string, error) {
	m, ok := obj.(metav1.Object)
	if !ok {
		return nil, nil
	}
	if owner := metav1.GetControllerOfNoCopy(m); owner != nil {
		return []string{objectKey(owner.Kind, m.GetNamespace(), owner.Name)}, nil
	}
	return nil, nil
}

func indexNode(obj any) ([]string, error) {
	if p, ok := obj.(*corev1.Pod); ok && p.Spec.NodeName != "" {
		return []string{p.Spec.NodeName}, nil
	}
	return nil, nil
}

func indexClaims(obj any) ([]string, error) {
	p, ok := obj.(*corev1.Pod)
	if !ok {
		return nil, nil
	}
	var keys []string
	for _, v := range p.Spec.Volumes {
		if claim := claimName(p, v); claim != "" {
			keys = append(keys, p.Namespace+"/"+claim)
		}
	}
	return keys, nil
}

func indexObject(obj any) ([]string, error) {
	if e, ok := obj.(*corev1.Event); ok {
		return []string{objectKey(e.InvolvedObject.Kind, e.InvolvedObject.Namespace, e.InvolvedObject.Name)}, nil
	}
	return nil, nil
}

// health remembers which kinds are listened to, and since when those that are not were not.
type health struct {
	now   func() time.Time
	kinds int // how many there are

	mu        sync.Mutex
	problems  map[string]problem
	recovered time.Time // when a kind was last listened to again
	outage    detect.Outage
}

type problem struct {
	err   error
	since time.Time
}

func (h *health) failed(kind string, err error) {
	if errors.Is(err, context.Canceled) || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return // we are stopping, or the reflector lists anew at once
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.problems[kind]
	if !ok {
		p.since = h.now()
	}
	p.err = err
	h.problems[kind] = p
	if !h.outage.Until.IsZero() || h.outage.From.IsZero() {
		if n, since := h.silence(); 2*n > h.kinds {
			h.outage = detect.Outage{From: since}
		}
	}
}

// silence is how many kinds are not listened to that we may read, and since when the first of them is not.
func (h *health) silence() (n int, since time.Time) {
	for _, p := range h.problems {
		if apierrors.IsForbidden(p.err) {
			continue
		}
		if n++; since.IsZero() || p.since.Before(since) {
			since = p.since
		}
	}
	return n, since
}

// deaf tells whether a kind is not listened to that we may read, and when one was last listened to again.
func (h *health) deaf() (deaf bool, recovered time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, _ := h.silence()
	return n > 0, h.recovered
}

// away is when most kinds were last not listened to; zero when that was not seen.
func (h *health) away() detect.Outage {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.outage
}

// ended is told of a watch that broke off. The reflector begins another at once; only if that fails is it a problem.
func (h *health) ended(kind string, err error) {
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		h.failed(kind, err)
	}
}

func (h *health) listening(kind string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.problems[kind]
	if !ok {
		return
	}
	delete(h.problems, kind)
	if !apierrors.IsForbidden(p.err) {
		h.recovered = h.now()
	}
	if n, _ := h.silence(); n == 0 && h.outage.Until.IsZero() && !h.outage.From.IsZero() {
		h.outage.Until = h.now()
	}
}

func (h *health) forbidden(kind string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return apierrors.IsForbidden(h.problems[kind].err)
}

// report says since when something is not listened to, and what; the zero time and "" when all is well.
func (h *health) report() (since time.Time, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	causes := map[string][]string{}
	for kind, p := range h.problems {
		if since.IsZero() || p.since.Before(since) {
			since = p.since
		}
		causes[why(p.err)] = append(causes[why(p.err)], kind)
	}
	var parts []string
	for _, cause := range slices.Sorted(maps.Keys(causes)) {
		slices.Sort(causes[cause])
		what := strings.Join(causes[cause], ", ")
		if len(causes[cause]) == h.kinds {
			what = "anything"
		}
		parts = append(parts, fmt.Sprintf("cannot watch %s: %s", what, cause))
	}
	return since, strings.Join(parts, "; ")
}

// why is the short reason of a failed request.
func why(err error) string {
	if sending, ok := errors.AsType[*url.Error](err); ok {
		err = sending.Err // the address asked for differs by kind and says nothing to people
	}
	var status apierrors.APIStatus
	switch {
	case apierrors.IsForbidden(err):
		return "forbidden"
	case apierrors.IsUnauthorized(err):
		return "the API server does not accept our credentials"
	case errors.As(err, &status) && status.Status().Message != "":
		return cut(status.Status().Message, 200)
	}
	return cut(err.Error(), 200)
}
