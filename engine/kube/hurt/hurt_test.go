package hurt

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

var _ chaos.Injector = (*Injector)(nil)

// server is an API server that answers what a test says, and notes what was asked of it.
type server struct {
	mu      sync.Mutex
	answers map[string]func(body []byte) (int, any) // by "METHOD path"
	asked   []string                                // all but GET, with "dry" behind a dry run
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key := r.Method + " " + r.URL.Path
	s.mu.Lock()
	defer s.mu.Unlock()
	dry := slices.Contains(r.URL.Query()["dryRun"], "All") || strings.Contains(string(body), `"dryRun":["All"]`)
	if r.Method != http.MethodGet && !strings.Contains(key, "selfsubject") {
		note := key
		if dry {
			note += " dry"
		}
		s.asked = append(s.asked, note)
	}
	code, answer := http.StatusNotFound, any(metav1.Status{Status: "Failure", Code: 404, Reason: metav1.StatusReasonNotFound, Message: "not found"})
	if f, ok := s.answers[key]; ok {
		code, answer = f(body)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}

func says(code int, v any) func([]byte) (int, any) {
	return func([]byte) (int, any) { return code, v }
}

func refuses(code int, reason metav1.StatusReason, text string) func([]byte) (int, any) {
	return says(code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Code: int32(code), Reason: reason, Message: text}) //nolint:gosec // an HTTP code
}

// hurting is an Injector of a server.
func hurting(t *testing.T, answers map[string]func([]byte) (int, any)) (*Injector, *server) {
	t.Helper()
	s := &server{answers: answers}
	ts := httptest.NewServer(s)
	t.Cleanup(ts.Close)
	rc := &rest.Config{Host: ts.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	client, err := kubernetes.NewForConfig(rc)
	if err != nil {
		t.Fatal(err)
	}
	custom, err := dynamic.NewForConfig(rc)
	if err != nil {
		t.Fatal(err)
	}
	h := New(source(client), Options{OptIn: "chaos=allowed", Agent: "agent:1", Deletes: true})
	h.Dynamic, h.Reach = custom, func(context.Context) (*rest.Config, error) { return rc, nil }
	h.poll, h.far = time.Millisecond, time.Millisecond
	return h, s
}

func source(client kubernetes.Interface) Source {
	return Source{
		Name: "prod", Client: client, Why: func(err error) string { return err.Error() }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Reach: func(context.Context) (*rest.Config, error) { return nil, errors.New("no streams here") },
		Owner: func(m metav1.Object, kind string, next func(kind, namespace, name string) metav1.Object) (engine.Workload, bool) {
			o := metav1.GetControllerOfNoCopy(m)
			if o == nil {
				return engine.Workload{Namespace: m.GetNamespace(), Kind: kind, Name: m.GetName()}, true
			}
			if up := next(o.Kind, m.GetNamespace(), o.Name); up != nil {
				m, kind = up, o.Kind
				if o = metav1.GetControllerOfNoCopy(m); o != nil {
					return engine.Workload{Namespace: m.GetNamespace(), Kind: o.Kind, Name: o.Name}, true
				}
				return engine.Workload{Namespace: m.GetNamespace(), Kind: kind, Name: m.GetName()}, true
			}
			return engine.Workload{}, false
		},
	}
}

func aPod(uid string) *corev1.Pod {
	p := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1", UID: "uid-1", Labels: map[string]string{"app": "api"}},
		Spec: corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("100Mi"),
		}}}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "app", ContainerID: "c1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
		},
	}
	if uid != "" {
		p.UID = "other"
	}
	return p
}

// willing is the namespace of the pod, which opted in.
func willing() *corev1.Namespace {
	return &corev1.Namespace{TypeMeta: metav1.TypeMeta{Kind: "Namespace", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"chaos": "allowed"}}}
}

var target = engine.Victim{Object: engine.ObjectRef{Kind: "Pod", Namespace: "shop", Name: "api-1", UID: "uid-1"}}

const (
	podPath   = "/api/v1/namespaces/shop/pods/api-1"
	evictPath = "POST " + podPath + "/eviction"
)

func by(how engine.Mechanism) engine.Victim {
	t := target
	t.Mechanism = how
	return t
}

// What the API server refuses is told in its own words, does not begin, and is not tried in another way.
func TestKillIsRefused(t *testing.T) {
	budget := says(429, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Code: 429, Reason: metav1.StatusReasonTooManyRequests,
		Message: "Cannot evict pod as it would violate the pod's disruption budget.",
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: policyv1.DisruptionBudgetCause, Message: "The disruption budget api needs 2 healthy pods and has 2 currently"}}},
	})
	for _, c := range []struct {
		name   string
		pod    func([]byte) (int, any)
		evict  func([]byte) (int, any)
		want   string
		writes int
	}{
		{"by a budget", says(200, aPod("")), budget, "disruption budget: The disruption budget api needs 2 healthy pods", 1},
		{"for rights", says(200, aPod("")), refuses(403, metav1.StatusReasonForbidden, "pods \"api-1\" is forbidden: cannot create resource"), "cannot create resource", 1},
		{"as another pod has the name", says(200, aPod("")), refuses(409, metav1.StatusReasonConflict, "the UID in the precondition"), "is another one by now", 1},
		{"as it is invalid", says(200, aPod("")), refuses(422, metav1.StatusReasonInvalid, "spec: Invalid value"), "spec: Invalid value", 1},
		{"as it just went", says(200, aPod("")), refuses(404, metav1.StatusReasonNotFound, "pods not found"), "pod shop/api-1 is gone", 1},
		{"as it is gone", refuses(404, metav1.StatusReasonNotFound, "pods not found"), nil, "pod shop/api-1 is gone", 0},
		{"as it is another", says(200, aPod("other")), nil, "another one of that name", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers := map[string]func([]byte) (int, any){"GET " + podPath: c.pod}
			if c.evict != nil {
				answers[evictPath] = c.evict
			}
			h, s := hurting(t, answers)
			got := h.Inject(t.Context(), engine.Strike{Fault: engine.FaultKill}, by(engine.ByEviction), Prefix+"1-1", time.Now().Add(time.Minute), func() { t.Error("begun") })
			if !got.Clean || !got.Began.IsZero() || !strings.Contains(got.Outcome, c.want) {
				t.Errorf("%+v, want %q", got, c.want)
			}
			if len(s.asked) != c.writes || slices.ContainsFunc(s.asked, func(a string) bool { return strings.HasPrefix(a, "DELETE") }) {
				t.Errorf("asked %v", s.asked)
			}
		})
	}
}

// An eviction names the pod by its UID, and is over when the pod is gone.
func TestKill(t *testing.T) {
	var body string
	h, s := hurting(t, map[string]func([]byte) (int, any){"GET " + podPath: says(200, aPod(""))})
	s.answers[evictPath] = func(b []byte) (int, any) {
		body = string(b)
		delete(s.answers, "GET "+podPath)
		return 201, metav1.Status{Status: "Success"}
	}
	begun := 0
	got := h.Inject(t.Context(), engine.Strike{Fault: engine.FaultKill}, by(engine.ByEviction), Prefix+"1-1", time.Now().Add(time.Minute), func() { begun++ })
	if got.Outcome != "evicted" || !got.Clean || got.Began.IsZero() || begun != 1 {
		t.Errorf("%+v, begun %d times", got, begun)
	}
	if !strings.Contains(body, `"preconditions":{"uid":"uid-1"}`) {
		t.Errorf("the eviction is not of this pod alone: %s", body)
	}
}

// What cannot be done is not begun.
func TestInjectRefuses(t *testing.T) {
	h, s := hurting(t, nil)
	late, soon := time.Now().Add(-time.Second), time.Now().Add(time.Minute)
	for _, c := range []struct {
		fault    engine.Fault
		how      engine.Mechanism
		handle   string
		deadline time.Time
		want     string
	}{
		{engine.FaultKill, engine.ByAgent, Prefix + "1-1", soon, "cannot be done by"},
		{engine.FaultLag, engine.ByExec, Prefix + "1-1", soon, "cannot be done by"},
		{engine.FaultLag, engine.ByFIS, Prefix + "1-1", soon, "AWS FIS is not configured"},
		{engine.FaultContainerKill, engine.ByChaosMesh, Prefix + "1-1", soon, "cannot be done by"},
		{engine.FaultKill, engine.ByFIS, Prefix + "1-1", soon, "cannot be done by"},
		{engine.FaultKill, engine.ByEviction, "web", soon, "no handle"},
		{engine.FaultKill, engine.ByEviction, Prefix + "1-1", late, "the time for it was over"},
	} {
		got := h.Inject(t.Context(), engine.Strike{Fault: c.fault}, by(c.how), c.handle, c.deadline, func() { t.Error("begun") })
		if !strings.Contains(got.Outcome, c.want) || !got.Clean {
			t.Errorf("%+v, want %q", got, c.want)
		}
	}
	if len(s.asked) != 0 {
		t.Errorf("asked %v", s.asked)
	}
}

// A drain evicts the pods that were shown, and no other: who came later was in nobody's yes.
func TestADrainEvictsWhomItShowed(t *testing.T) {
	later := aPod("")
	later.Name, later.UID = "late-1", "uid-2"
	node := corev1.Node{TypeMeta: metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "node-1"}}
	for name, c := range map[string]struct {
		labels map[string]string // of the namespace
		asked  []string
		says   string
		begun  int
	}{
		"opted in":        {map[string]string{"chaos": "allowed"}, []string{"PATCH /api/v1/nodes/n1", evictPath}, "1 of 1 pods evicted; kept: pod shop/late-1 came after the plan", 1},
		"opted out since": {nil, nil, "has not opted in", 0},
	} {
		t.Run(name, func(t *testing.T) {
			space := willing()
			space.Labels = c.labels
			h, s := hurting(t, map[string]func([]byte) (int, any){
				"GET /api/v1/namespaces/shop": says(200, space), "GET " + podPath: says(200, aPod("")),
				"GET /api/v1/pods":       says(200, corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, Items: []corev1.Pod{*aPod(""), *later}}),
				"GET /api/v1/nodes/n1":   says(200, node),
				"PATCH /api/v1/nodes/n1": says(200, node),
			})
			s.answers[evictPath] = func([]byte) (int, any) {
				delete(s.answers, "GET "+podPath)
				return 201, metav1.Status{Status: "Success"}
			}
			at := engine.Victim{Workload: engine.Workload{Kind: engine.KindNode, Name: "n1"}, Object: engine.ObjectRef{Kind: engine.KindNode, Name: "n1", UID: "node-1"}, Mechanism: engine.ByEviction}
			strike := engine.Strike{Fault: engine.FaultDrain, Node: "n1", Duration: 20 * time.Millisecond, Targets: []engine.Victim{at, by(engine.ByEviction)}}
			begun := 0
			got := h.Inject(t.Context(), strike, at, Prefix+"1-1", time.Now().Add(time.Minute), func() { begun++ })
			if !strings.Contains(got.Outcome, c.says) || begun != c.begun || !got.Clean {
				t.Errorf("%+v, begun %d times", got, begun)
			}
			if !slices.Equal(s.asked, c.asked) {
				t.Errorf("asked %v, want %v", s.asked, c.asked)
			}
		})
	}
}

// In a namespace that has not opted in nothing is tried: a rehearsal too would run processes there.
func TestRehearseAsksWhoAgreed(t *testing.T) {
	space := willing()
	space.Labels = nil
	h, s := hurting(t, map[string]func([]byte) (int, any){
		"GET " + podPath: func([]byte) (int, any) { t.Error("the pod was looked at"); return 200, aPod("") }, "GET /api/v1/namespaces/shop": says(200, space),
		"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews": func([]byte) (int, any) { t.Error("rights were asked for"); return 500, nil },
	})
	e, err := h.Rehearse(t.Context(), engine.Experiment{Strikes: []engine.Strike{{Fault: engine.FaultCPU, Duration: time.Minute, Targets: []engine.Victim{by(engine.ByExec)}}}})
	if v := e.Strikes[0].Targets[0]; err != nil || v.Mechanism != "" || v.Refused != "nothing is tried in shop, which has not opted in" || len(s.asked) != 0 {
		t.Errorf("%+v, %v; asked %v", v, err, s.asked)
	}
}

// Rehearse says what the dry runs said, and writes nothing.
func TestRehearse(t *testing.T) {
	patch := "PATCH " + podPath + "/ephemeralcontainers"
	allowed := says(201, map[string]any{"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": map[string]any{"allowed": true}})
	denied := says(201, map[string]any{"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": map[string]any{"allowed": false}})
	review := "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
	for _, c := range []struct {
		name    string
		strike  engine.Strike
		answers map[string]func([]byte) (int, any)
		how     engine.Mechanism
		refused string
		code    engine.Code
	}{
		{"kill", engine.Strike{Fault: engine.FaultKill}, map[string]func([]byte) (int, any){evictPath: says(201, metav1.Status{Status: "Success"})}, engine.ByEviction, "", ""},
		{"kill by force", engine.Strike{Fault: engine.FaultKill, Dose: engine.Dose{Force: true}}, map[string]func([]byte) (int, any){"DELETE " + podPath: says(200, aPod(""))}, engine.ByDelete, "", ""},
		{"lag", engine.Strike{Fault: engine.FaultLag, Dose: engine.Dose{Delay: time.Second}}, map[string]func([]byte) (int, any){review: allowed, patch: says(200, aPod(""))}, engine.ByAgent, "", ""},
		{"lag, which admission refuses", engine.Strike{Fault: engine.FaultLag}, map[string]func([]byte) (int, any){review: allowed, patch: refuses(403, metav1.StatusReasonForbidden, "violates PodSecurity")}, engine.ByAgent, "violates PodSecurity. Label the namespace pod-security.kubernetes.io/enforce=privileged", ""},
		{"lag, without the right to attach", engine.Strike{Fault: engine.FaultLag}, map[string]func([]byte) (int, any){review: denied}, engine.ByAgent, "deploy/rbac/chaos.yaml", ""},
		{"an API server that is ill", engine.Strike{Fault: engine.FaultKill}, map[string]func([]byte) (int, any){evictPath: refuses(500, metav1.StatusReasonInternalError, "etcd")}, "", "", engine.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.answers["GET "+podPath] = says(200, aPod(""))
			c.answers["GET /api/v1/namespaces/shop"] = says(200, willing())
			h, s := hurting(t, c.answers)
			c.strike.Targets = []engine.Victim{target}
			before := c.strike.Targets[0]
			got, err := h.Rehearse(t.Context(), engine.Experiment{Strikes: []engine.Strike{c.strike}})
			if engine.CodeOf(err) != c.code {
				t.Fatalf("%v, want code %q", err, c.code)
			}
			for _, a := range s.asked {
				if !strings.HasSuffix(a, " dry") {
					t.Errorf("it was really done: %s", a)
				}
			}
			if err != nil {
				return
			}
			v := got.Strikes[0].Targets[0]
			if v.Mechanism != c.how || !strings.Contains(v.Refused, c.refused) || (c.refused == "") != (v.Refused == "") || (v.Why == "") != (c.refused != "") {
				t.Errorf("%+v", v)
			}
			if diff := cmp.Diff(before, c.strike.Targets[0]); diff != "" {
				t.Errorf("the experiment that was handed in was changed:\n%s", diff)
			}
		})
	}
}

// The agent has no more rights than its fault needs, and its command line is the dose's.
func TestAgentContainer(t *testing.T) {
	h, _ := hurting(t, nil)
	p := aPod("")
	for _, c := range []struct {
		strike engine.Strike
		args   string
		add    []corev1.Capability
		target string
	}{
		{engine.Strike{Fault: engine.FaultCPU}, "cpu -cores 0.5 -for 1m0s -silence 15s", nil, ""},
		{engine.Strike{Fault: engine.FaultMemory}, "memory -force -upto 94371840 -for 1m0s -silence 15s", nil, "app"},
		{engine.Strike{Fault: engine.FaultMemory, Dose: engine.Dose{Memory: 1 << 20}}, "memory -force -bytes 1048576 -for 1m0s -silence 15s", nil, ""},
		{engine.Strike{Fault: engine.FaultLag, Dose: engine.Dose{Delay: 200 * time.Millisecond, Jitter: 20 * time.Millisecond}}, "lag -delay 200ms -jitter 20ms -for 1m0s -silence 15s", []corev1.Capability{"NET_ADMIN", "NET_RAW"}, ""},
		{engine.Strike{Fault: engine.FaultLoss, Dose: engine.Dose{Loss: 12.5}}, "loss -percent 12.5 -for 1m0s -silence 15s", []corev1.Capability{"NET_ADMIN", "NET_RAW"}, ""},
		{engine.Strike{Fault: engine.FaultThrottle, Dose: engine.Dose{Rate: 1_000_000}}, "throttle -rate 1000000 -for 1m0s -silence 15s", []corev1.Capability{"NET_ADMIN", "NET_RAW"}, ""},
		{engine.Strike{Fault: engine.FaultDNS, Dose: engine.Dose{Names: []string{"a.b", "c"}}}, "dns -names a.b,c -for 1m0s -silence 15s", []corev1.Capability{"NET_ADMIN", "NET_RAW"}, ""},
		{engine.Strike{Fault: engine.FaultContainerKill}, "signal -silence 15s", nil, "app"},
	} {
		got := h.agentContainer(p, c.strike, target, Prefix+"1-1", h.agentArgs(c.strike, p, target, time.Minute))
		if args := strings.Join(got.Args, " "); args != c.args {
			t.Errorf("%s: %s, want %s", c.strike.Fault, args, c.args)
		}
		caps := got.SecurityContext.Capabilities
		if diff := cmp.Diff(c.add, caps.Add); diff != "" || !slices.Equal(caps.Drop, []corev1.Capability{"ALL"}) || *got.SecurityContext.AllowPrivilegeEscalation {
			t.Errorf("%s: capabilities %+v", c.strike.Fault, caps)
		}
		if got.TargetContainerName != c.target || !got.Stdin || got.StdinOnce || got.Name != Prefix+"1-1" {
			t.Errorf("%s: %+v", c.strike.Fault, got)
		}
		if root := network(c.strike.Fault); got.SecurityContext.RunAsUser != nil && (*got.SecurityContext.RunAsUser == 0) != root {
			t.Errorf("%s runs as %d", c.strike.Fault, *got.SecurityContext.RunAsUser)
		}
	}
}

// What the agent does not see of a pod is taken to use what it asks for, and half its limit at most.
func TestPodFull(t *testing.T) {
	p := aPod("")
	side := func(name, request string) corev1.Container {
		return corev1.Container{Name: name, Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(request)},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("200Mi")},
		}}
	}
	p.Spec.Containers = append(p.Spec.Containers, side("small", "30Mi"), side("sure", "200Mi"))
	if got, want := podFull(engine.Strike{Fault: engine.FaultMemory}, p, target), 0.9*(100+200+200)-30-100; int(got)>>20 != int(want) {
		t.Errorf("%g MiB, want %g", got/(1<<20), want)
	}
}

// The cordon of a drain is taken away by whoever has its handle, or after its time; that of another is left.
func TestCordonsAreTakenAway(t *testing.T) {
	now := time.Now()
	node := func(name, note string) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{}}, Spec: corev1.NodeSpec{Unschedulable: true}}
		if note != "" {
			n.Annotations[cordonKey] = note
		}
		return n
	}
	past, future := now.Add(-time.Minute).Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339)
	client := fake.NewSimpleClientset(node("ours", Prefix+"1-1 until "+future), node("over", Prefix+"2-1 until "+past), node("theirs", ""), node("other", Prefix+"1-10 until "+future))
	h := New(source(client), Options{})
	e := engine.Experiment{Strikes: []engine.Strike{{Fault: engine.FaultDrain}}}
	for _, name := range []string{"ours", "theirs", "other", "gone"} {
		e.Blows = append(e.Blows, engine.Blow{Handle: Prefix + "1-1", Target: engine.Victim{Object: engine.ObjectRef{Kind: engine.KindNode, Name: name}}})
	}
	if left, err := h.Left(t.Context(), e); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if n, err := client.CoreV1().Nodes().Get(t.Context(), "over", metav1.GetOptions{}); err != nil || !n.Spec.Unschedulable {
		t.Errorf("who looks for what one experiment left let another's node go: %v, %v", n.Spec, err)
	}
	if err := h.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]bool{"ours": false, "over": false, "theirs": true, "other": true} {
		n, err := client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || n.Spec.Unschedulable != want {
			t.Errorf("%s is cordoned: %t, want %t (%v)", name, n.Spec.Unschedulable, want, err)
		}
		if _, noted := n.Annotations[cordonKey]; noted && !want {
			t.Errorf("%s still has the note", name)
		}
	}
}

// Field tells what a plan reads, of the namespaces that are meant and no others.
func TestField(t *testing.T) {
	yes, two := true, int32(2)
	owner := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{Kind: kind, Name: name, Controller: &yes}}
	}
	p := aPod("")
	p.OwnerReferences = owner("ReplicaSet", "api-abc")
	p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: Prefix + "1-1"}}}
	daemon, done, far := aPod(""), aPod(""), aPod("")
	daemon.Name, daemon.OwnerReferences, daemon.Labels = "log-1", owner("DaemonSet", "log"), nil
	done.Name, done.Status.Phase = "done", corev1.PodSucceeded
	far.Namespace = "other"
	objects := []runtime.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"chaos": "allowed", securityLabel: "baseline"}}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "other", Labels: map[string]string{"chaos": "never"}}},
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api"}, Spec: appsv1.DeploymentSpec{Replicas: &two}, Status: appsv1.DeploymentStatus{ReadyReplicas: 1, UpdatedReplicas: 1, Replicas: 2}},
		&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-abc", OwnerReferences: owner("Deployment", "api")}},
		&policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api"}, Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api"}}}, Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: 1}},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}},
		p, daemon, done, far,
	}
	h := New(source(fake.NewSimpleClientset(objects...)), Options{OptIn: "chaos=allowed"})
	h.Now = func() time.Time { return time.Time{} }
	for _, namespaces := range [][]string{nil, {"shop", "nowhere"}} {
		got, err := h.Field(t.Context(), namespaces, "")
		if err != nil {
			t.Fatal(err)
		}
		api := engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: "api"}
		app := []chaos.Container{{Name: "app", CPU: 0.5, Memory: 100 << 20, Running: true}}
		want := chaos.Field{
			Cluster:    "prod",
			Namespaces: []chaos.Namespace{{Name: "other"}, {Name: "shop", OptedIn: true, Security: "baseline"}},
			Units:      []chaos.Unit{{Workload: api, Desired: 2, Ready: 1, Rolling: true}},
			Pods: []chaos.Pod{
				{Workload: api, Ref: target.Object, Node: "n1", Labels: map[string]string{"app": "api"}, Ready: true, Containers: app, Agents: 1},
				{Workload: engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Pod", Name: "log-1"}, Ref: engine.ObjectRef{Kind: "Pod", Namespace: "shop", Name: "log-1", UID: "uid-1"}, Node: "n1", Ready: true, Daemon: true, Containers: app},
			},
			Nodes:   []chaos.Node{{Name: "n1", Ready: true}},
			Budgets: []chaos.Budget{{Ref: engine.ObjectRef{Kind: "PodDisruptionBudget", Namespace: "shop", Name: "api"}, Allowed: 1, Pods: []engine.ObjectRef{target.Object}}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v:\n%s", namespaces, diff)
		}
	}
}
