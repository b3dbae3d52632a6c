package kube

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/remedy"
)

var actAt = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

// patched is a cluster whose API server knows dry runs, and what was written to it: "deployments api dry", "deployments/scale api".
type patched struct {
	*Cluster
	client *fake.Clientset
	writes []string
	refuse func(dry bool, write int) error // of each write, counted from 1; after it the write is done where lost is set
	lost   bool
}

func patching(t *testing.T, objects ...runtime.Object) *patched {
	t.Helper()
	client := fake.NewSimpleClientset(objects...)
	p := &patched{client: client, Cluster: newCluster("prod", client, slog.New(slog.DiscardHandler), func() time.Time { return actAt })}
	do := clienttesting.ObjectReaction(client.Tracker())
	client.PrependReactor("patch", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		patch, ok := a.(clienttesting.PatchActionImpl)
		if !ok {
			return false, nil, nil
		}
		if patch.PatchOptions.FieldManager != "autopilot" {
			t.Errorf("a write under the name %q", patch.PatchOptions.FieldManager)
		}
		if !strings.Contains(string(patch.Patch), `"resourceVersion":"5"`) && !strings.Contains(string(patch.Patch), `"/metadata/resourceVersion","value":"5"`) {
			t.Errorf("a write that does not need the object as it was read: %s", patch.Patch)
		}
		dry := slices.Equal(patch.PatchOptions.DryRun, []string{metav1.DryRunAll})
		line := strings.Trim(patch.GetResource().Resource+"/"+patch.Subresource, "/") + " " + patch.Name
		if dry {
			line += " dry"
		}
		p.writes = append(p.writes, line)
		var err error
		if p.refuse != nil {
			err = p.refuse(dry, len(p.writes))
		}
		if err != nil && p.lost {
			if _, _, failed := do(a); failed != nil {
				t.Error(failed)
			}
		}
		return dry || err != nil, nil, err
	})
	return p
}

func (p *patched) wrote(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, p.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	p.writes = nil
}

// template is that of an image, with what only the newer one may have.
func templateOf(image string) corev1.PodTemplateSpec {
	t := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "api"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}}}
	if image == "app:2" {
		t.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "NEW", Value: "1"}, {Name: "DB_PASSWORD", Value: "hunter2hunter2"}}
		t.Spec.NodeSelector = map[string]string{"disk": "ssd"}
	}
	return t
}

// rolledOut is a Deployment at its second revision, and the ReplicaSets of both.
func rolledOut() (*appsv1.Deployment, []runtime.Object) {
	d := deployment("api", 3)
	d.ResourceVersion, d.Generation = "5", 4
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api"}}
	d.Spec.Template = templateOf("app:2")
	objects := []runtime.Object{d}
	for n, image := range []string{"app:1", "app:2"} {
		hash := image[4:]
		rs := replicaSet("api-"+hash, "api")
		rs.CreationTimestamp = metav1.NewTime(actAt.Add(time.Duration(n-5) * time.Hour))
		rs.Annotations[revisionKey], rs.Labels = hash, map[string]string{"app": "api"}
		rs.Spec.Template = templateOf(image)
		rs.Spec.Template.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
		objects = append(objects, rs)
	}
	other := replicaSet("api-old", "another") // of the same labels, and another's
	other.Annotations[revisionKey], other.Labels, other.Spec.Template = "9", map[string]string{"app": "api"}, templateOf("app:9")
	return d, append(objects, other)
}

func offer(kind engine.RemedyKind, of, name, from, to string) engine.Remedy {
	w := engine.Workload{Cluster: "prod", Namespace: "pay", Kind: of, Name: name}
	if of == engine.KindNode {
		w.Namespace = ""
	}
	return engine.Remedy{Kind: kind, Target: w, From: from, To: to, Expires: actAt.Add(10 * time.Minute)}
}

func (p *patched) plan(t *testing.T, r engine.Remedy) engine.Remedy {
	t.Helper()
	plan, err := p.Rehearse(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestUndoOfADeployment(t *testing.T) {
	_, objects := rolledOut()
	p := patching(t, objects...)
	plan := p.plan(t, offer(engine.RemedyUndo, "Deployment", "api", "2", "1"))
	p.wrote(t, "deployments api dry")
	want := engine.Remedy{
		Kind: engine.RemedyUndo, Target: plan.Target, From: "2", To: "1", Source: "api-1", UID: "uid-api", Generation: 4, Expires: plan.Expires,
		Text:    "revision 2 → 1: image app:2 → app:1 (container app), env removed: DB_PASSWORD=*** (container app), env removed: NEW=1 (container app), placement removed: disk=ssd",
		Command: "kubectl -n pay rollout undo deployment/api --to-revision=1",
	}
	want.Hash = remedy.Hash(want)
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}

	if _, err := p.Act(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	p.wrote(t, "deployments api dry", "deployments api")
	d, err := p.client.AppsV1().Deployments("pay").Get(t.Context(), "api", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(templateOf("app:1"), d.Spec.Template); diff != "" {
		t.Errorf("the template of revision 1, all of it (-want +got):\n%s", diff)
	}

	// The controller gives the old ReplicaSet a new number. Done again, it is seen to be done.
	rs, err := p.client.AppsV1().ReplicaSets("pay").Get(t.Context(), "api-1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rs.Annotations[revisionKey] = "3"
	if _, err := p.client.AppsV1().ReplicaSets("pay").Update(t.Context(), rs, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if text, err := p.Act(t.Context(), plan); err != nil || text != plan.Text {
		t.Errorf("done again: %q, %v", text, err)
	}
	p.wrote(t)
	s, err := p.Situation(t.Context(), plan.Target)
	if want := (remedy.Situation{Current: 3, Before: 2, BroughtBack: true, Replicas: 3}); err != nil || s != want {
		t.Errorf("situation after it: %+v, %v; want %+v", s, err, want)
	}
}

func TestUndoOfAStatefulSetAndADaemonSet(t *testing.T) {
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api"}}
	own := func(kind string) metav1.ObjectMeta {
		m := meta("api")
		m.ResourceVersion, m.Generation = "5", 2
		return m
	}
	set := &appsv1.StatefulSet{ObjectMeta: own("StatefulSet"), Spec: appsv1.StatefulSetSpec{Selector: selector, Template: templateOf("app:2")}}
	daemon := &appsv1.DaemonSet{ObjectMeta: own("DaemonSet"), Spec: appsv1.DaemonSetSpec{Selector: selector, Template: templateOf("app:2")}}
	for kind, object := range map[string]runtime.Object{"StatefulSet": set, "DaemonSet": daemon} {
		objects := []runtime.Object{object}
		for n, image := range []string{"app:1", "app:2"} {
			r := &appsv1.ControllerRevision{ObjectMeta: meta("api-"+image[4:], by(kind, "api")), Revision: int64(n + 1)}
			r.CreationTimestamp, r.Labels = metav1.NewTime(actAt.Add(time.Duration(n)*time.Minute)), map[string]string{"app": "api"}
			extra := ""
			if n == 1 {
				extra = `,"env":[{"name":"NEW","value":"1"},{"name":"DB_PASSWORD","value":"hunter2hunter2"}]`
			}
			r.Data.Raw = []byte(`{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"api"}},"spec":{"containers":[{"name":"app","image":"` + image + `"` + extra + `}]` + map[bool]string{true: `,"nodeSelector":{"disk":"ssd"}`}[n == 1] + `}}}}`)
			objects = append(objects, r)
		}
		p := patching(t, objects...)
		s, err := p.Situation(t.Context(), engine.Workload{Namespace: "pay", Kind: kind, Name: "api"})
		if err != nil || s.Current != 2 || s.Before != 1 || s.BroughtBack {
			t.Errorf("%s: %+v, %v", kind, s, err)
		}
		plan := p.plan(t, offer(engine.RemedyUndo, kind, "api", "2", "1"))
		if _, err := p.Act(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		m, err := p.fetch(t.Context(), kind, "pay", "api")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(templateOf("app:1"), *podTemplate(m)); diff != "" {
			t.Errorf("%s: the template of revision 1 (-want +got):\n%s", kind, diff)
		}
		if text, err := p.Act(t.Context(), plan); err != nil {
			t.Errorf("%s: done again: %q, %v", kind, text, err)
		}
	}
}

func TestRestartScaleAndCordon(t *testing.T) {
	d, objects := rolledOut()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "uid-n1", ResourceVersion: "5"}}
	p := patching(t, append(objects, node)...)
	for _, tc := range []struct {
		offer   engine.Remedy
		text    string
		command string
		write   string
		reached func(*appsv1.Deployment, *corev1.Node) bool
	}{
		{
			offer(engine.RemedyRestart, "Deployment", "api", "", "2026-11-20T03:00:00Z"), "all pods of pay/api are made anew", "kubectl -n pay rollout restart deployment/api", "deployments api",
			func(d *appsv1.Deployment, _ *corev1.Node) bool {
				return d.Spec.Template.Annotations["kubectl.kubernetes.io/restartedAt"] == "2026-11-20T03:00:00Z" && d.Spec.Template.Spec.Containers[0].Image == "app:2"
			},
		},
		{
			offer(engine.RemedyScale, "Deployment", "api", "3", "4"), "3 → 4 replicas", "kubectl -n pay scale deployment/api --current-replicas=3 --replicas=4", "deployments/scale api",
			func(d *appsv1.Deployment, _ *corev1.Node) bool { return *d.Spec.Replicas == 4 },
		},
		{
			offer(engine.RemedyCordon, "Node", "n1", "", ""), "node n1 gets no new pods", "kubectl cordon n1", "nodes n1",
			func(_ *appsv1.Deployment, n *corev1.Node) bool { return n.Spec.Unschedulable },
		},
	} {
		p.writes = nil
		plan := p.plan(t, tc.offer)
		if !strings.HasPrefix(plan.Text, tc.text) || plan.Command != tc.command {
			t.Errorf("%s: %q, %q", tc.offer.Kind, plan.Text, plan.Command)
		}
		if _, err := p.Act(t.Context(), plan); err != nil {
			t.Fatalf("%s: %v", tc.offer.Kind, err)
		}
		p.wrote(t, tc.write+" dry", tc.write+" dry", tc.write)
		if _, err := p.Act(t.Context(), plan); err != nil {
			t.Errorf("%s done again: %v", tc.offer.Kind, err)
		}
		p.wrote(t)
		live, err := p.client.AppsV1().Deployments("pay").Get(t.Context(), d.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		n, err := p.client.CoreV1().Nodes().Get(t.Context(), "n1", metav1.GetOptions{})
		if err != nil || !tc.reached(live, n) {
			t.Errorf("%s was not done: %v", tc.offer.Kind, err)
		}
		if _, err := p.Rehearse(t.Context(), tc.offer); engine.CodeOf(err) != engine.Conflict {
			t.Errorf("%s planned again: %v, want a conflict: it is so", tc.offer.Kind, err)
		}
		p.writes = nil
	}
}

// What is not as it was shown, nobody meant.
func TestActRefuses(t *testing.T) {
	undo := offer(engine.RemedyUndo, "Deployment", "api", "2", "1")
	for _, tc := range []struct {
		name   string
		change func(d *appsv1.Deployment)
		plan   func(r *engine.Remedy)
		want   engine.Code
		text   string
	}{
		{name: "another object of that name", plan: func(r *engine.Remedy) { r.UID = "before" }, want: engine.Conflict, text: "changed since"},
		{name: "somebody changed it", plan: func(r *engine.Remedy) { r.Generation = 3 }, want: engine.Conflict, text: "changed since"},
		{name: "expired", plan: func(r *engine.Remedy) { r.Expires = actAt }, want: engine.Conflict, text: "03:00 UTC"},
		{name: "at another revision by now", plan: func(r *engine.Remedy) { r.From = "7" }, want: engine.Conflict, text: "no longer at revision 7"},
		{name: "the old revision was forgotten", plan: func(r *engine.Remedy) { r.Source = "api-0" }, want: engine.Conflict, text: "no revision 1 any more"},
		{name: "gone", plan: func(r *engine.Remedy) { r.Target.Name = "gone" }, want: engine.NotFound},
		{name: "paused", change: func(d *appsv1.Deployment) { d.Spec.Paused = true }, want: engine.Conflict, text: "paused"},
		{name: "Git owns it by now", change: func(d *appsv1.Deployment) {
			d.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "pay:apps/Deployment:pay/api"}
		}, want: engine.Conflict, text: "Argo CD (application pay)"},
		{name: "Git writes it by now", change: func(d *appsv1.Deployment) {
			d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kustomize-controller"}}
		}, want: engine.Conflict, text: "Flux"},
		{name: "its template is of no revision yet", change: func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "app:3" }, want: engine.Conflict, text: "no longer at revision 2"},
		{name: "no such remedy", plan: func(r *engine.Remedy) { r.Kind = "delete" }, want: engine.Invalid},
		{name: "a Pod has no revisions", plan: func(r *engine.Remedy) { r.Target.Kind = "ReplicaSet"; r.Target.Name = "api-1" }, want: engine.Invalid},
		{name: "replicas that changed", plan: func(r *engine.Remedy) { r.Kind, r.From, r.To = engine.RemedyScale, "2", "4" }, want: engine.Conflict, text: "3 replicas by now"},
		{name: "no number", plan: func(r *engine.Remedy) { r.Kind, r.To = engine.RemedyScale, "-1" }, want: engine.Invalid},
		{name: "no time", plan: func(r *engine.Remedy) { r.Kind, r.To = engine.RemedyRestart, "now" }, want: engine.Invalid},
		{name: "no node", plan: func(r *engine.Remedy) { r.Kind = engine.RemedyCordon }, want: engine.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, objects := rolledOut()
			plan := patching(t, objects...).plan(t, undo)
			if tc.change != nil {
				tc.change(d)
			}
			if tc.plan != nil {
				tc.plan(&plan)
			}
			p := patching(t, objects...)
			text, err := p.Act(t.Context(), plan)
			if engine.CodeOf(err) != tc.want || !strings.Contains(engine.UserMessage(err, ""), tc.text) {
				t.Errorf("%q, %v; want %s that says %q", text, err, tc.want, tc.text)
			}
			p.wrote(t)
		})
	}
}

func TestActWhenTheAPIServerRefuses(t *testing.T) {
	resource := schema.GroupResource{Group: "apps", Resource: "deployments"}
	undo := offer(engine.RemedyUndo, "Deployment", "api", "2", "1")
	conflict := apierrors.NewConflict(resource, "api", errors.New("the object has been modified"))
	for _, tc := range []struct {
		name   string
		refuse func(dry bool, write int) error
		lost   bool
		want   engine.Code
		text   string
		writes int
		again  int // writes of a second try
	}{
		{name: "its status changed meanwhile", refuse: func(_ bool, n int) error { return only(n == 1, conflict) }, writes: 3},
		{name: "it changed between the dry run and the write", refuse: func(_ bool, n int) error { return only(n == 2, conflict) }, writes: 4},
		{name: "it never holds still", refuse: func(bool, int) error { return conflict }, want: engine.Conflict, text: "all the time", writes: conflictTries},
		{name: "the permission is missing", refuse: func(bool, int) error {
			return apierrors.NewForbidden(resource, "api", errors.New(`User "autopilot" cannot patch`))
		}, want: engine.Forbidden, text: "remedies.yaml", writes: 1},
		{name: "an admission check says no", refuse: func(bool, int) error {
			return apierrors.NewForbidden(resource, "api", errors.New("image app:1 is not signed"))
		}, want: engine.Forbidden, text: "image app:1 is not signed", writes: 1},
		{name: "the template is refused", refuse: func(bool, int) error { return apierrors.NewBadRequest("unknown field") }, want: engine.Invalid, text: "unknown field", writes: 1},
		{name: "no answer, and nothing was done", refuse: func(dry bool, n int) error { return only(n == 2, errors.New("connection reset")) }, want: engine.Unavailable, writes: 2, again: 2},
		{name: "no answer, and it was done", refuse: func(dry bool, n int) error { return only(n == 2, errors.New("connection reset")) }, lost: true, want: engine.Unavailable, writes: 2, again: 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, objects := rolledOut()
			plan := patching(t, objects...).plan(t, undo)
			p := patching(t, objects...)
			p.refuse, p.lost = tc.refuse, tc.lost
			_, err := p.Act(t.Context(), plan)
			if engine.CodeOf(err) != tc.want || !strings.Contains(engine.UserMessage(err, ""), tc.text) || len(p.writes) != tc.writes {
				t.Errorf("%v after %q; want %s that says %q after %d writes", err, p.writes, tc.want, tc.text, tc.writes)
			}
			if tc.want != engine.Unavailable {
				return
			}
			p.writes, p.refuse = nil, nil
			if _, err := p.Act(t.Context(), plan); err != nil || len(p.writes) != tc.again {
				t.Errorf("the next try: %v after %q, want %d writes", err, p.writes, tc.again)
			}
		})
	}
}

func only(yes bool, err error) error {
	if yes {
		return err
	}
	return nil
}

func TestSituation(t *testing.T) {
	d, objects := rolledOut()
	hpa := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: meta("grow")}
	hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "api"}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "nodes"}}, Spec: corev1.NodeSpec{Unschedulable: true}}
	d.Spec.Paused = true
	d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "argocd-controller", Subresource: "status"}}
	p := patching(t, append(objects, hpa, node)...)
	api := engine.Workload{Namespace: "pay", Kind: "Deployment", Name: "api"}
	got, err := p.Situation(t.Context(), api)
	if want := (remedy.Situation{Paused: true, Current: 2, Before: 1, Replicas: 3, Autoscaler: "grow"}); err != nil || got != want {
		t.Errorf("Situation = %+v, %v; want %+v", got, err, want)
	}
	got, err = p.Situation(t.Context(), engine.Workload{Kind: engine.KindNode, Name: "n1"})
	if err != nil || !got.Cordoned {
		t.Errorf("of a node: %+v, %v", got, err)
	}
	if _, err := p.Rehearse(t.Context(), offer(engine.RemedyScale, "Deployment", "api", "3", "4")); engine.CodeOf(err) != engine.Conflict || !strings.Contains(err.Error(), "grow") {
		t.Errorf("scaling what an autoscaler scales: %v", err)
	}
	api.Name = "gone"
	if _, err := p.Situation(t.Context(), api); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("of what is gone: %v", err)
	}
	p.client.PrependReactor("list", "replicasets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("etcd is away")
	})
	api.Name = "api"
	if _, err := p.Situation(t.Context(), api); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("of what cannot be read: %v", err)
	}
}
