package hurt

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// What Chaos Mesh is asked for names one pod, and for a stress one container, stays within its limits, and ends by itself.
func TestMeshObjects(t *testing.T) {
	app := aPod("").Spec.Containers[0] // 500m, 100Mi
	app.Resources.Requests = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("20Mi")}
	for _, c := range []struct {
		strike engine.Strike
		kind   string
		want   map[string]any // beside what all have
	}{
		{engine.Strike{Fault: engine.FaultCPU}, "StressChaos", map[string]any{"containerNames": []any{"app"}, "stressors": map[string]any{"cpu": map[string]any{"workers": 1.0, "load": 50.0}}}},
		{engine.Strike{Fault: engine.FaultCPU, Dose: engine.Dose{CPU: 2.5}}, "StressChaos", map[string]any{"containerNames": []any{"app"}, "stressors": map[string]any{"cpu": map[string]any{"workers": 3.0, "load": 83.0}}}},
		{engine.Strike{Fault: engine.FaultMemory}, "StressChaos", map[string]any{"containerNames": []any{"app"}, "stressors": map[string]any{"memory": map[string]any{"workers": 1.0, "size": "73400320B"}}}},
		{engine.Strike{Fault: engine.FaultMemory, Dose: engine.Dose{Memory: 1 << 20}}, "StressChaos", map[string]any{"containerNames": []any{"app"}, "stressors": map[string]any{"memory": map[string]any{"workers": 1.0, "size": "1048576B"}}}},
		{engine.Strike{Fault: engine.FaultLag, Dose: engine.Dose{Delay: 200 * time.Millisecond}}, "NetworkChaos", map[string]any{"action": "delay", "direction": "to", "delay": map[string]any{"latency": "200ms", "jitter": "0s", "correlation": "0"}}},
		{engine.Strike{Fault: engine.FaultLoss, Dose: engine.Dose{Loss: 12.5}}, "NetworkChaos", map[string]any{"action": "loss", "direction": "to", "loss": map[string]any{"loss": "12.5", "correlation": "0"}}},
		{engine.Strike{Fault: engine.FaultThrottle, Dose: engine.Dose{Rate: 1_000_000}}, "NetworkChaos", map[string]any{"action": "bandwidth", "direction": "to", "bandwidth": map[string]any{"rate": "125000bps", "limit": 125000.0, "buffer": 12500.0}}},
		{engine.Strike{Fault: engine.FaultDNS, Dose: engine.Dose{Names: []string{"db.shop"}}}, "DNSChaos", map[string]any{"action": "error", "patterns": []any{"db.shop", "*.db.shop"}}},
	} {
		o := meshObject(c.strike, target, app, Prefix+"1-1", 90*time.Second)
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		c.want["mode"], c.want["duration"] = "all", "90s"
		c.want["selector"] = map[string]any{"namespaces": []any{"shop"}, "pods": map[string]any{"shop": []any{"api-1"}}}
		if diff := cmp.Diff(c.want, got["spec"]); diff != "" || o.GetKind() != c.kind || o.GetName() != Prefix+"1-1" || o.GetNamespace() != "shop" {
			t.Errorf("%s: %s %s (-want +got):\n%s", c.strike.Fault, o.GetKind(), o.GetName(), diff)
		}
	}
}

const stressPath = "/apis/chaos-mesh.org/v1alpha1/namespaces/shop/stresschaos"

// A stress by Chaos Mesh has begun when Chaos Mesh says so, and is over when its object has gone; so it is for who looks after a death.
func TestMeshHoldsAStress(t *testing.T) {
	h, s := hurting(t, map[string]func([]byte) (int, any){"GET " + podPath: says(200, aPod(""))})
	object := map[string]any{"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "StressChaos", "metadata": map[string]any{"name": Prefix + "1-1", "namespace": "shop"}}
	gets, deletes := 0, 0
	s.answers["POST "+stressPath] = says(201, object)
	s.answers["GET "+stressPath+"/"+Prefix+"1-1"] = func([]byte) (int, any) {
		if gets++; gets > 2 {
			object["status"] = map[string]any{"conditions": []any{map[string]any{"type": "AllInjected", "status": "True"}}}
		}
		return 200, object
	}
	gone := refuses(404, metav1.StatusReasonNotFound, "not found")
	s.answers["DELETE "+stressPath+"/"+Prefix+"1-1"] = func(b []byte) (int, any) {
		if deletes++; deletes > 2 { // its finalizer goes when the stress is undone
			return gone(b)
		}
		return 200, object
	}
	begun := 0
	strike := engine.Strike{Fault: engine.FaultCPU, Duration: 20 * time.Millisecond}
	got := h.Inject(t.Context(), strike, by(engine.ByChaosMesh), Prefix+"1-1", time.Now().Add(time.Minute), func() { begun++ })
	if !got.Clean || begun != 1 || got.Outcome != "Chaos Mesh held it, and has undone it" || deletes != 3 {
		t.Errorf("%+v, begun %d times, deleted %d times", got, begun, deletes)
	}
	deletes = 0
	e := engine.Experiment{Strikes: []engine.Strike{strike}, Blows: []engine.Blow{{Target: by(engine.ByChaosMesh), Handle: Prefix + "1-1"}}}
	if left, err := h.Left(t.Context(), e); len(left) != 0 || deletes != 3 {
		t.Errorf("left %v (%v), deleted %d times", left, err, deletes)
	}
}

// Who stops while the object is asked for does not keep the answer away, and what nobody knows is not called clean.
func TestMeshIsStoppedWhileItIsAsked(t *testing.T) {
	h, s := hurting(t, map[string]func([]byte) (int, any){"GET " + podPath: says(200, aPod(""))})
	ctx, cancel := context.WithCancel(t.Context())
	s.answers["POST "+stressPath] = func(b []byte) (int, any) {
		cancel()
		return refuses(504, metav1.StatusReasonTimeout, "it took too long")(b)
	}
	got := h.Inject(ctx, engine.Strike{Fault: engine.FaultCPU, Duration: time.Hour}, by(engine.ByChaosMesh), Prefix+"1-1", time.Now().Add(2*time.Hour), func() { t.Error("begun") })
	if got.Clean || !strings.Contains(got.Outcome, "nobody knows: it is looked for again") {
		t.Errorf("%+v", got)
	}
}

// Where neither a shell nor the agent is there, Chaos Mesh does it, as it says itself in the dry run; the ladder says why.
func TestRehearseClimbsToTheMesh(t *testing.T) {
	for name, c := range map[string]struct {
		object  func([]byte) (int, any)
		why, no string
	}{
		"it takes it": {says(201, map[string]any{"kind": "StressChaos", "apiVersion": "chaos-mesh.org/v1alpha1"}), "Chaos Mesh is installed: a process that it puts into the container's cgroup, within its CPU limit (not by exec: ", ""},
		"it refuses":  {refuses(403, metav1.StatusReasonForbidden, "admission webhook \"vauth.kb.io\" denied the request"), "", "vauth.kb.io"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked map[string]any
			h, s := hurting(t, map[string]func([]byte) (int, any){
				"GET " + podPath:              says(200, aPod("")),
				"GET /api/v1/namespaces/shop": says(200, willing()),
				"GET /apis/" + meshGroup:      says(200, metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: meshGroup, APIResources: []metav1.APIResource{{Name: "stresschaos", Kind: "StressChaos", Namespaced: true}}}),
				"POST " + stressPath:          func(b []byte) (int, any) { _ = json.Unmarshal(b, &asked); return c.object(b) },
				"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews": says(201, map[string]any{"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": map[string]any{"allowed": false}}),
			})
			e, err := h.Rehearse(t.Context(), engine.Experiment{Strikes: []engine.Strike{{Fault: engine.FaultCPU, Duration: time.Minute, Targets: []engine.Victim{target}}}})
			if err != nil {
				t.Fatal(err)
			}
			v := e.Strikes[0].Targets[0]
			if c.no == "" && (v.Mechanism != engine.ByChaosMesh || v.Container != "app" || !strings.HasPrefix(v.Why, c.why) || v.Refused != "") || c.no != "" && !strings.Contains(v.Refused, c.no) {
				t.Errorf("%+v", v)
			}
			if len(s.asked) != 1 || s.asked[0] != http.MethodPost+" "+stressPath+" dry" || asked == nil {
				t.Errorf("asked %v", s.asked)
			}
		})
	}
}
