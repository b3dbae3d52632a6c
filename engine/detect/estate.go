package detect

import (
	"maps"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// Estate is what a cluster has of the kinds that change slowly and stand between workloads: what sends traffic, scales, guards and
// schedules them. It is listed from time to time. The objects are read only.
type Estate struct {
	Services    []*corev1.Service
	Ingresses   []*networkingv1.Ingress
	Classes     []string // names of the ingress classes; nil when they are not known
	Autoscalers []*autoscalingv2.HorizontalPodAutoscaler
	Budgets     []*policyv1.PodDisruptionBudget
	CronJobs    []CronJob
	Namespaces  []*corev1.Namespace
	Volumes     []*corev1.PersistentVolume
	Hooks       []Hook
	Objects     []Object

	Pods      []*corev1.Pod
	Nodes     []*corev1.Node
	Templates []Template
	Warnings  []*corev1.Event // of the last hour, about any of these

	// Owner is the workload at the top of a pod.
	Owner func(*corev1.Pod) (engine.Workload, bool)
	Now   time.Time
}

// CronJob is one with its schedule: Next gives the first run that it wants after a time, the zero time for none; nil when it cannot be read.
type CronJob struct {
	*batchv1.CronJob
	Next func(time.Time) time.Time
}

// Template is a workload and the labels of the pods that it makes, however many that are.
type Template struct {
	Workload engine.Workload // without a cluster
	Labels   map[string]string
}

// Hook is an admission webhook that a Service of the cluster answers.
type Hook struct {
	Config  metav1.ObjectMeta
	Kind    string // ValidatingWebhookConfiguration or MutatingWebhookConfiguration
	Name    string
	Fails   bool     // a call is refused when the webhook does not answer
	Writes  bool     // it is asked about pods or workloads, or about everything
	Service Endpoint // that answers
	CA      []byte   // that its certificate is checked with, PEM
}

// Endpoint is a port of a Service. A port of "" and 0 is any.
type Endpoint struct {
	Namespace, Name string
	Port            string
	Number          int32
}

// Object is one of a kind that says of itself how it is, such as an APIService, a Gateway or a Certificate.
type Object struct {
	Kind       string
	Meta       metav1.ObjectMeta
	Conditions []metav1.Condition
	Backends   []Endpoint // that it sends to
	RenewAt    time.Time  // when a Certificate is to be renewed, and ends; zero for what is none
	NotAfter   time.Time
}

// Fact is something that an estate shows of a workload. It is a signal once it has lasted, and as long as it is not too old.
type Fact struct {
	Class    engine.Class
	Severity engine.Severity // "" lets the workload's health decide
	Object   engine.ObjectRef
	Text     string // what is wrong, without a subject
	Labels   map[string]string
	Since    time.Time
	After    time.Duration // how long it may last before it is a signal
	Until    time.Time     // when it is no longer one by itself; zero for never
}

// factRules each look at the estate for one kind of fault. Their order does not matter.
var factRules = []func(*estate){
	services, ingresses, objects, hooks, autoscalers, drains, cronJobs, namespaces, volumes,
}

// Facts finds what an estate shows, by the workload (without a cluster) that it is of.
func Facts(e Estate) map[engine.Workload][]Fact {
	s := &estate{Estate: e, facts: map[engine.Workload][]Fact{}}
	s.index()
	for _, find := range factRules {
		find(s)
	}
	return s.facts
}

// estate is an Estate, what is found by which key in it, and what it has shown so far.
type estate struct {
	Estate
	facts     map[engine.Workload][]Fact
	pods      map[string][]*corev1.Pod    // by namespace
	templates map[string][]Template       // by namespace
	services  map[string]*corev1.Service  // by namespace/name
	warnings  map[string][]*corev1.Event  // by kind/namespace/name
	routes    map[string]engine.ObjectRef // who sends to a service, by its namespace/name: the first that was found
}

func (e *estate) index() {
	e.pods, e.templates, e.services = map[string][]*corev1.Pod{}, map[string][]Template{}, map[string]*corev1.Service{}
	e.warnings, e.routes = map[string][]*corev1.Event{}, map[string]engine.ObjectRef{}
	for _, p := range e.Pods {
		e.pods[p.Namespace] = append(e.pods[p.Namespace], p)
	}
	for _, t := range e.Templates {
		e.templates[t.Workload.Namespace] = append(e.templates[t.Workload.Namespace], t)
	}
	for _, s := range e.Services {
		e.services[s.Namespace+"/"+s.Name] = s
	}
	for _, w := range e.Warnings {
		key := w.InvolvedObject.Kind + "/" + w.InvolvedObject.Namespace + "/" + w.InvolvedObject.Name
		e.warnings[key] = append(e.warnings[key], w)
	}
	for _, i := range e.Ingresses {
		for _, b := range backends(i) {
			e.route(b, ref("Ingress", i.ObjectMeta))
		}
	}
	for _, h := range e.Hooks {
		e.route(h.Service, ref(h.Kind, h.Config))
	}
	for _, o := range e.Objects {
		for _, b := range o.Backends {
			e.route(b, ref(o.Kind, o.Meta))
		}
	}
}

func (e *estate) route(to Endpoint, from engine.ObjectRef) {
	key := to.Namespace + "/" + to.Name
	if _, ok := e.routes[key]; !ok {
		e.routes[key] = from
	}
}

func ref(kind string, m metav1.ObjectMeta) engine.ObjectRef {
	return engine.ObjectRef{Kind: kind, Namespace: m.Namespace, Name: m.Name, UID: string(m.UID)}
}

// about adds a fact of an object that is a workload of its own.
func (e *estate) about(kind string, m metav1.ObjectMeta, f Fact) {
	f.Object, f.Labels = ref(kind, m), m.Labels
	e.add(engine.Workload{Namespace: m.Namespace, Kind: kind, Name: m.Name}, f)
}

func (e *estate) add(w engine.Workload, f Fact) { e.facts[w] = append(e.facts[w], f) }

// warned gives the newest warning about an object with one of the reasons; nil for none.
func (e *estate) warned(kind string, m metav1.ObjectMeta, reasons ...string) *corev1.Event {
	var newest *corev1.Event
	for _, w := range e.warnings[kind+"/"+m.Namespace+"/"+m.Name] {
		same := w.InvolvedObject.UID == "" || m.UID == "" || w.InvolvedObject.UID == m.UID
		if same && slices.Contains(reasons, w.Reason) && (newest == nil || lastSeen(w).After(lastSeen(newest))) {
			newest = w
		}
	}
	return newest
}

// edited is when an object's spec was last written, as far as its managed fields tell: what controllers write of a status does not count.
func edited(m metav1.ObjectMeta) time.Time {
	at := m.CreationTimestamp.Time
	for _, f := range m.ManagedFields {
		if f.Subresource == "" && f.Time != nil && f.Time.After(at) {
			at = f.Time.Time
		}
	}
	return at
}

// facts turns what an estate shows of the workload into problems.
func facts(v *view) {
	for _, f := range v.Facts {
		if f.Until.IsZero() || v.within(f.Until, 0) {
			if v.due(f.Since, f.After) {
				v.add(found{class: f.Class, severity: f.Severity, since: f.Since, object: f.Object, text: f.Text})
			}
		}
	}
}

// factLabels are those of the first object that a fact is about.
func (v *view) factLabels() map[string]string {
	for _, f := range v.Facts {
		if len(f.Labels) > 0 {
			return maps.Clone(f.Labels)
		}
	}
	return nil
}
