package collect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// How far a neighbourhood goes: an incident is not the time to read the whole cluster.
const (
	maxRing     = 6   // namespaces: its own, and those whose services it names
	maxNearKind = 500 // objects of a kind and namespace
	maxMachines = 3
	maxBeside   = 250 // pods of a machine
	maxChanged  = 5   // callees whose last change is looked for
)

// keepNear is how long a neighbourhood serves the collectors that run side by side.
const keepNear = 10 * time.Second

// Neighbors reads what stands near the workloads of a cluster. It is a collector of what was changed there.
type Neighbors struct {
	Source
	mu   sync.Mutex
	last map[string]*nearby // by the workload's fingerprint
}

type nearby struct {
	began time.Time
	once  func() (rca.Neighborhood, error)
}

// NewNeighbors prepares reading.
func NewNeighbors(src Source) *Neighbors { return &Neighbors{Source: src, last: map[string]*nearby{}} }

// Name is the collector's name, as evidence and gaps carry it.
func (*Neighbors) Name() string { return "neighbors" }

// Collect gives what was changed, shortly before the onset, of those whom the workload calls.
func (n *Neighbors) Collect(ctx context.Context, i engine.Incident) ([]engine.Evidence, error) {
	if !rca.Felt(i) {
		return nil, nil
	}
	near, err := n.Near(ctx, i)
	return slices.Clone(near.Changes), err
}

// Near reads what stands near the workload of an incident: the workloads of its namespace and of those whose services it names, who of
// them names whose service in its environment or arguments, the machines that its pods are on, what else runs there, and the claims of volumes that pods have. Callers in
// other namespaces are not known by this. It fails with Unavailable or Forbidden when its own namespace cannot be read; what cannot be
// read beyond it is left out, and Unread says why. Those who ask within seconds share one answer, and must not change it.
func (n *Neighbors) Near(ctx context.Context, i engine.Incident) (rca.Neighborhood, error) {
	n.mu.Lock()
	now, key := n.Now(), i.Workload.Fingerprint()
	maps.DeleteFunc(n.last, func(_ string, r *nearby) bool { return now.Sub(r.began) > keepNear })
	r := n.last[key]
	if r == nil {
		// The others must not fail because the first of them gave up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		r = &nearby{now, sync.OnceValues(func() (rca.Neighborhood, error) {
			defer cancel()
			return readNear(ctx, n.Source, i)
		})}
		n.last[key] = r
	}
	n.mu.Unlock()
	return r.once()
}

func readNear(ctx context.Context, src Source, i engine.Incident) (rca.Neighborhood, error) {
	r := &ring{Source: src, incident: i, named: map[string][]host{}, n: rca.Neighborhood{
		Of: i.Workload, Graph: rca.Graph{}, Workloads: map[string]engine.Workload{}, Pods: map[rca.PodKey]rca.Placed{}, Services: map[string][]string{},
	}}
	if i.Workload.Kind == engine.KindNode {
		r.add(i.Workload)
		return r.n, r.beside(ctx, i.Workload.Name)
	}
	if err := r.namespace(ctx, i.Workload.Namespace); err != nil {
		return r.n, err
	}
	self := r.add(i.Workload)
	for _, h := range r.named[self] {
		if len(r.seen) < maxRing && !slices.Contains(r.seen, h.namespace) {
			r.n.Unread = cmp.Or(r.n.Unread, r.namespace(ctx, h.namespace))
		}
	}
	r.connect()
	machines := r.machines(self)
	for _, machine := range machines[:min(len(machines), maxMachines)] {
		if err := r.beside(ctx, machine); err != nil {
			break
		}
	}
	err := r.changes(ctx)
	bounded((*Neighbors)(nil).Name(), r.n.Changes)
	return r.n, err
}

// ring is what has been read of a neighbourhood.
type ring struct {
	Source
	incident engine.Incident
	n        rca.Neighborhood
	seen     []string          // namespaces
	services []*corev1.Service // of them
	made     []maker           // workloads of them
	named    map[string][]host // services that a workload names, by its name in the graph
}

// maker is a workload and what it makes its pods of.
type maker struct {
	name     string // in the graph
	at       engine.Workload
	meta     metav1.Object
	pod      *corev1.PodTemplateSpec
	selector labels.Selector
}

func (r *ring) add(w engine.Workload) string {
	name := rca.NodeName(w)
	r.n.Workloads[name] = w
	return name
}

// namespace reads the services, workloads and pods of a namespace.
func (r *ring) namespace(ctx context.Context, namespace string) error {
	r.seen = append(r.seen, namespace)
	opts := metav1.ListOptions{Limit: maxNearKind}
	services, err := r.Client.CoreV1().Services(namespace).List(ctx, opts)
	if err != nil {
		return failed(err, "list services of "+namespace)
	}
	for k := range services.Items {
		r.services = append(r.services, &services.Items[k])
	}
	deployments, err := r.Client.AppsV1().Deployments(namespace).List(ctx, opts)
	if err != nil {
		return failed(err, "list deployments of "+namespace)
	}
	for k := range deployments.Items {
		d := &deployments.Items[k]
		r.maker("Deployment", d, d.Spec.Selector, &d.Spec.Template)
	}
	sets, err := r.Client.AppsV1().StatefulSets(namespace).List(ctx, opts)
	if err != nil {
		return failed(err, "list statefulsets of "+namespace)
	}
	for k := range sets.Items {
		s := &sets.Items[k]
		r.maker("StatefulSet", s, s.Spec.Selector, &s.Spec.Template)
	}
	daemons, err := r.Client.AppsV1().DaemonSets(namespace).List(ctx, opts)
	if err != nil {
		return failed(err, "list daemonsets of "+namespace)
	}
	for k := range daemons.Items {
		d := &daemons.Items[k]
		r.maker("DaemonSet", d, d.Spec.Selector, &d.Spec.Template)
	}
	pods, err := r.Client.CoreV1().Pods(namespace).List(ctx, opts)
	if err != nil {
		return failed(err, "list pods of "+namespace)
	}
	for k := range pods.Items {
		r.pod(&pods.Items[k])
	}
	return nil
}

func (r *ring) maker(kind string, m metav1.Object, selector *metav1.LabelSelector, t *corev1.PodTemplateSpec) {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return // of an object that the API server took, so it is none that selects
	}
	w := engine.Workload{Cluster: r.Cluster, Namespace: m.GetNamespace(), Kind: kind, Name: m.GetName()}
	made := maker{r.add(w), w, m, t, s}
	r.made = append(r.made, made)
	r.named[made.name] = hostsOf(&t.Spec, w.Namespace)
}

// hostsOf are the services that a pod's environment and arguments name.
func hostsOf(spec *corev1.PodSpec, namespace string) []host {
	s := subject{incident: engine.Incident{Workload: engine.Workload{Namespace: namespace}}}
	out := s.environmentHosts(spec)
	for _, c := range containers(spec) {
		for _, text := range slices.Concat(c.Command, c.Args) {
			for _, name := range hostsIn(text) {
				out = s.addHost(out, name, "arguments of container "+c.Name)
			}
		}
	}
	return out
}

// pod notes whose a pod is, and which machine it is on.
func (r *ring) pod(p *corev1.Pod) {
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return
	}
	at := rca.PodKey{Namespace: p.Namespace, Name: p.Name}
	if _, known := r.n.Pods[at]; known {
		return
	}
	placed := rca.Placed{Workload: r.workloadOf(p)}
	if p.Spec.NodeName != "" {
		placed.Machine = r.add(engine.Workload{Cluster: r.Cluster, Kind: engine.KindNode, Name: p.Spec.NodeName})
		r.depend(placed.Workload, placed.Machine)
	}
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			r.depend(placed.Workload, r.add(engine.Workload{Cluster: r.Cluster, Namespace: p.Namespace, Kind: rca.KindClaim, Name: v.PersistentVolumeClaim.ClaimName}))
		}
	}
	r.n.Pods[at] = placed
}

// workloadOf names the workload of a pod: of those that were read, the one that selects it; of others, by who controls it. A Deployment's
// ReplicaSet is called after it and the hash of its template, which the pod has as a label.
func (r *ring) workloadOf(p *corev1.Pod) string {
	for _, t := range r.made {
		if t.at.Namespace == p.Namespace && t.selector.Matches(labels.Set(p.Labels)) {
			return t.name
		}
	}
	w := engine.Workload{Cluster: r.Cluster, Namespace: p.Namespace, Kind: "Pod", Name: p.Name}
	if owner := metav1.GetControllerOfNoCopy(p); owner != nil {
		w.Kind, w.Name = owner.Kind, owner.Name
		if base, ok := strings.CutSuffix(owner.Name, "-"+p.Labels[appsv1.DefaultDeploymentUniqueLabelKey]); ok && owner.Kind == "ReplicaSet" {
			w.Kind, w.Name = "Deployment", base
		}
	}
	return r.add(w)
}

func (r *ring) depend(on, what string) {
	if on != what && !slices.Contains(r.n.Graph[on], what) {
		r.n.Graph[on] = append(r.n.Graph[on], what)
	}
}

// connect draws an edge from who names a service to whom the service selects.
func (r *ring) connect() {
	for _, s := range r.services {
		for _, t := range r.behind(host{name: s.Name, namespace: s.Namespace}) {
			key := s.Namespace + "/" + s.Name
			r.n.Services[key] = append(r.n.Services[key], t.name)
		}
	}
	for _, caller := range r.made {
		for _, h := range r.named[caller.name] {
			for _, callee := range r.behind(h) {
				r.depend(caller.name, callee.name)
			}
		}
	}
}

// behind gives the workloads whose pods a service selects.
func (r *ring) behind(h host) []maker {
	at := slices.IndexFunc(r.services, func(s *corev1.Service) bool { return s.Name == h.name && s.Namespace == h.namespace })
	if at < 0 || len(r.services[at].Spec.Selector) == 0 {
		return nil
	}
	selects := labels.SelectorFromSet(r.services[at].Spec.Selector)
	var out []maker
	for _, t := range r.made {
		if t.at.Namespace == h.namespace && selects.Matches(labels.Set(t.pod.Labels)) {
			out = append(out, t)
		}
	}
	return out
}

// machines are the names of those that the pods of a workload are on, the fullest of them first.
func (r *ring) machines(name string) []string {
	count := map[string]int{}
	for _, p := range r.n.Pods {
		if p.Workload == name && p.Machine != "" {
			count[r.n.Workloads[p.Machine].Name]++
		}
	}
	out := make([]string, 0, len(count))
	for m := range count {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	return out
}

// beside reads what else is on a machine.
func (r *ring) beside(ctx context.Context, machine string) error {
	pods, err := r.Client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + machine, Limit: maxBeside})
	if err != nil {
		return failed(err, "list pods of node "+machine)
	}
	for k := range pods.Items {
		r.pod(&pods.Items[k])
	}
	return nil
}

// changes finds what was changed shortly before the onset of those that the workload calls itself.
func (r *ring) changes(ctx context.Context) error {
	self, looked := rca.NodeName(r.incident.Workload), 0
	for _, name := range r.n.Graph[self] {
		at := slices.IndexFunc(r.made, func(t maker) bool { return t.name == name })
		if at < 0 || looked == maxChanged {
			continue
		}
		looked++
		callee := r.made[at]
		s := read(ctx, r.Source, engine.Incident{Workload: callee.at, StartedAt: r.incident.StartedAt})
		found, err := changes(ctx, s)
		if err != nil {
			return err
		}
		for _, e := range found {
			if e.Fields["what"] == "created" || e.Fields["back_after"] != "" {
				continue
			}
			r.n.Changes = append(r.n.Changes, engine.Evidence{
				ID: "neighbor/" + name + "/" + e.ID, Kind: engine.EvidenceNeighbor, Object: e.Object, Container: e.Container, At: e.At,
				Text: fmt.Sprintf("%s, which it calls: %s", callee.at, e.Text),
				Fields: map[string]string{
					"relation": string(rca.RelationCalls), "kind": callee.at.Kind, "namespace": callee.at.Namespace, "name": callee.at.Name,
					"what": e.Fields["what"], "from": e.Fields["from"], "to": e.Fields["to"], "age": e.Fields["age"], "by": e.Fields["by"],
				},
			})
		}
	}
	return nil
}
