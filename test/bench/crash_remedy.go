package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// sick is what is wrong with an object, and the remedy that is offered for it.
type sick struct {
	kind   engine.RemedyKind
	target engine.Workload
	class  engine.Class
	path   string                          // of the object that is written
	cured  func(object map[string]any) any // what the remedy changes of it
	want   string                          // what that is when it is done; "" where it follows the clock
}

func deploymentOf(name string) (engine.Workload, string) {
	return engine.Workload{Cluster: crashCluster, Namespace: "payments", Kind: "Deployment", Name: name}, "/apis/apps/v1/namespaces/payments/deployments/" + name
}

// sicknesses are numbered as their incidents are, from 1.
func sicknesses() []sick {
	template := func(o map[string]any) map[string]any { return field(o, "spec", "template").(map[string]any) }
	all := []sick{
		{kind: engine.RemedyUndo, class: engine.ClassProbeFailing, want: "app:1", cured: func(o map[string]any) any {
			return field(template(o), "spec", "containers").([]any)[0].(map[string]any)["image"]
		}},
		{kind: engine.RemedyRestart, class: engine.ClassProbeFailing, cured: func(o map[string]any) any {
			return field(template(o), "metadata", "annotations")
		}},
		{kind: engine.RemedyScale, class: engine.ClassHighCPU, want: "4", cured: func(o map[string]any) any { return field(o, "spec", "replicas") }},
		{
			kind: engine.RemedyCordon, class: engine.ClassNodePressure, want: "true", target: engine.Workload{Cluster: crashCluster, Kind: engine.KindNode, Name: "n1"},
			path: "/api/v1/nodes/n1", cured: func(o map[string]any) any { return field(o, "spec", "unschedulable") },
		},
	}
	for k := range all {
		if all[k].path == "" {
			all[k].target, all[k].path = deploymentOf("to-" + string(all[k].kind))
		}
	}
	return all
}

func field(o map[string]any, names ...string) any {
	for _, name := range names[:len(names)-1] {
		o, _ = o[name].(map[string]any)
	}
	return o[names[len(names)-1]]
}

// newAPIServer has the objects that are sick, each at its second revision.
func newAPIServer() *apiServer {
	a := &apiServer{objects: map[string]map[string]any{}, effects: map[string]int{}}
	three := int32(3)
	for _, s := range sicknesses() {
		meta := metav1.ObjectMeta{Name: s.target.Name, Namespace: s.target.Namespace, UID: "uid", ResourceVersion: "5", Generation: 4}
		if s.target.Kind == engine.KindNode {
			a.objects[s.path] = copied(corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: meta})
			continue
		}
		labels := map[string]string{"app": meta.Name}
		template := func(revision string) corev1.PodTemplateSpec {
			return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:" + revision}}}}
		}
		a.objects[s.path] = copied(appsv1.Deployment{
			TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: meta,
			Spec: appsv1.DeploymentSpec{Replicas: &three, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template("2")},
		})
		controls := true
		for n, revision := range []string{"1", "2"} {
			rs := appsv1.ReplicaSet{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"}, ObjectMeta: metav1.ObjectMeta{
				Name: meta.Name + "-" + revision, Namespace: meta.Namespace, Labels: labels, Annotations: map[string]string{"deployment.kubernetes.io/revision": revision},
				OwnerReferences:   []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: meta.Name, UID: meta.UID, Controller: &controls}},
				CreationTimestamp: metav1.NewTime(crashStart.AddDate(0, 0, n-3)),
			}}
			rs.Spec.Template = template(revision)
			a.objects["/apis/apps/v1/namespaces/payments/replicasets/"+rs.Name] = copied(rs)
		}
	}
	return a
}

// Name implements rca.Collector.
func (l live) Name() string { return "changes" }

// Collect implements rca.Collector: what is to be undone failed its probe since that was changed.
func (l live) Collect(ctx context.Context, i engine.Incident) (all []engine.Evidence, err error) {
	err = l.gate.through(ctx, "evidence", func(context.Context) error {
		if undone := sicknesses()[0]; i.Workload == undone.target {
			all = []engine.Evidence{
				{
					ID: "event/1", Collector: l.Name(), Kind: engine.EvidenceEvent, Container: "app", Text: "Liveness probe failed",
					Fields: map[string]string{"reason": "Unhealthy", "message": "Liveness probe failed: connection refused"},
				},
				{
					ID: "change/1", Collector: l.Name(), Kind: engine.EvidenceChange, Container: "app", Text: "probe :8080 → :8081", At: crashStart,
					Fields: map[string]string{"what": "probe", "from": "liveness=:8080", "to": "liveness=:8081", "container": "app", "revision": "2", "age": "1m"},
				},
			}
		}
		return nil
	})
	return all, unavailable(err)
}

// brokenWorld has an incident for each remedy, which was diagnosed and offers it.
const brokenWorld = "crash_broken"

// fail has everything fail that a remedy is for.
func (w *world) fail(ctx context.Context) error {
	for k, s := range sicknesses() {
		err := w.p.st.Observe(ctx, engine.Observation{Source: engine.SourceWatch, Workload: s.target, Complete: true, At: w.now(), Signals: []engine.Signal{{
			Source: engine.SourceWatch, ID: string(s.kind), Workload: s.target, Class: s.class, Severity: engine.Critical, Summary: "it is sick", StartsAt: w.now(),
		}}})
		if err != nil {
			return err
		}
		if err := w.work(ctx); err != nil {
			return err
		}
		i, err := w.p.st.Incident(ctx, int64(k+1))
		if err != nil {
			return err
		}
		if _, ok := i.Offer(s.kind); !ok || i.Workload != s.target {
			return fmt.Errorf("incident %d of %s does not offer to %s: %+v", i.ID, i.Workload, s.kind, i.Diagnosis)
		}
	}
	return nil
}

// remedyTrips go from the click on a remedy to what came of it, one for each kind.
var remedyTrips = func() (all []trip) {
	for k, s := range sicknesses() {
		id := int64(k + 1)
		all = append(all, trip{
			name: "From the click on " + string(s.kind) + " to what came of it", begin: brokenWorld,
			way:  func(w *world, ctx context.Context) error { return w.remedied(ctx, s.kind, id) },
			rows: remedyRows, once: remedyOnce, outside: inCluster,
			wrong: func(w *world) []string { return w.cluster.wrong(s) },
			tasks: func(ctx context.Context, w *world) ([]engine.Task, error) {
				var asked string
				err := w.db.QueryRow(ctx, `SELECT id FROM remedies`).Scan(&asked)
				return []engine.Task{{Kind: engine.TaskRemedy, IncidentID: id, Detail: asked}}, err
			},
		})
	}
	return all
}()

// remedyRows is what is in the database at the end of the way of a remedy; see approvalRows. The plan of a remedy, and so its hash, has the
// time at which it was shown: who was told that a press was lost presses again, later.
var remedyRows = []query{
	{"remedy", `SELECT incident_id, kind, status, body - 'id' - 'hash' - 'expires' - 'to' AS body FROM remedies`},
	{"incident", `SELECT id, status FROM incidents ORDER BY id`},
	{"timeline", `SELECT incident_id, n, kind, by_id, text FROM events ORDER BY incident_id, n`},
	{"message", `SELECT key, kind, thread_key, channel FROM messages ORDER BY key`},
	{"audit", `SELECT DISTINCT action, subject, by_id, allowed, plan <> '' AS planned FROM audit_log ORDER BY 1, 2, 3, 4`},
	{"decision", `SELECT DISTINCT action, incident_id, by_id, allowed, role FROM decisions ORDER BY 1, 2, 3`},
	{"task", `SELECT kind, args ->> 'incident_id' AS incident, count(*) FROM river_job WHERE finalized_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2`},
}

// remedyOnce must each give true at the end of the way of a remedy.
var remedyOnce = []query{
	{"one remedy, which was done", `SELECT count(*) = 1 AND bool_and(status = 'done') FROM remedies`},
	{"one audit row of the deed", `SELECT count(*) = 1 FROM audit_log WHERE allowed AND reason = '' AND action IN ('undo', 'restart', 'scale', 'cordon')`},
	{"no audit row of a refusal", `SELECT count(*) = 0 FROM audit_log WHERE NOT allowed OR reason <> ''`},
	{"an audit row for each decision", `SELECT count(*) = (SELECT count(*) FROM decisions) FROM audit_log`},
	{"one line of the timeline that it was asked for, and one that it was done", `SELECT array_agg(kind ORDER BY n) = '{remedy_asked,remedy_done}' FROM events WHERE kind LIKE 'remedy%'`},
	{"each line of it told in the thread, once", `SELECT count(*) = 2 AND count(DISTINCT m.thread_key) = 1 FROM events e JOIN messages m ON m.key = 'incident/' || e.incident_id || '/event/' || e.n WHERE e.kind LIKE 'remedy%'`},
	{"no task of it left, and none that failed", `SELECT count(*) = 1 AND bool_and(state = 'completed') FROM river_job WHERE kind = 'remedy'`},
}

// inCluster is what the API server has, and how often it was changed.
func inCluster(w *world) (lines []string) {
	a := w.cluster
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range sicknesses() {
		cured := a.cured(s)
		if s.want == "" && cured != "<nil>" {
			cured = "at some time"
		}
		lines = append(lines, fmt.Sprintf("object %s: %s, written %d times", s.path, cured, a.effects[s.path]))
	}
	return lines
}

func (a *apiServer) cured(s sick) string { return fmt.Sprint(s.cured(a.objects[s.path])) }

// wrong says what of the cluster is not as it must be when one of its objects was cured.
func (a *apiServer) wrong(s sick) (wrong []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.effects[s.path] != 1 || len(a.effects) != 1 {
		wrong = append(wrong, fmt.Sprintf("not so: one write of %s: %v", s.path, slices.Sorted(maps.Keys(a.effects))))
	}
	if is := a.cured(s); s.want != "" && is != s.want || is == "<nil>" {
		wrong = append(wrong, fmt.Sprintf("not so: %s is %s: it is %s", s.path, s.want, is))
	}
	return wrong
}

// remedied goes the way of a remedy, as approved does that of an approval.
func (w *world) remedied(ctx context.Context, kind engine.RemedyKind, incident int64) error {
	if err := w.start(ctx); err != nil {
		return err
	}
	if err := w.ask(ctx, "U0BEN", kind, incident); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if err := w.allTaken(ctx); err != nil {
		return err
	}
	return w.until(ctx, `SELECT count(*) > 0 AND bool_and(status <> 'asked') FROM remedies`)
}

// ask has a person open the window of a remedy and say yes, again until Slack says that it was taken.
func (w *world) ask(ctx context.Context, who string, kind engine.RemedyKind, incident int64) error {
	by := engine.Person{ID: who, Name: who}
	for range 10 {
		reply, _, err := w.press(ctx, pressed{Click: &engine.Click{By: by, Action: string(kind), Value: fmt.Sprint(incident)}})
		switch {
		case errors.Is(err, errCut):
			continue // no window came
		case engine.CodeOf(err) == engine.Conflict && w.restarts > 0:
			return nil // it is on its way: what was sent in before was taken after all
		case err != nil:
			return err
		case reply.Form == nil || reply.Form.Remedy == nil:
			return fmt.Errorf("no plan is shown: %+v", reply)
		}
		_, taken, err := w.press(ctx, pressed{Submission: &engine.Submission{By: by, Form: reply.Form.Name, Subject: reply.Form.Subject}})
		switch {
		case taken && (err == nil || errors.Is(err, errCut)):
			return nil
		case !errors.Is(err, errCut):
			return err
		}
	}
	return errors.New("ten times over no window came")
}

// doubleRemedies has two people say yes to each remedy at the same moment, each many times and each time twice over, and the task done
// many times at once.
func (ws *worlds) doubleRemedies(ctx context.Context, clicks int, c *crashed) error {
	for k, s := range sicknesses() {
		where := "double clicks on " + string(s.kind)
		err := ws.in(ctx, brokenWorld, 0, false, func(w *world) error {
			form := func(who string) (engine.Reply, error) {
				return w.p.Click(ctx, engine.Click{ID: "look-" + who, By: engine.Person{ID: who, Name: who}, Action: string(s.kind), Value: fmt.Sprint(k + 1), At: w.now()})
			}
			var all sync.WaitGroup
			for _, who := range []string{"U0ANA", "U0BEN"} {
				reply, err := form(who)
				if err != nil {
					return fmt.Errorf("%s: %w", where, err)
				}
				for n := range 2 * clicks {
					all.Go(func() {
						_, err := w.p.Submit(ctx, engine.Submission{
							ID: fmt.Sprintf("%s-%d", who, n/2), By: engine.Person{ID: who, Name: who}, Form: reply.Form.Name, Subject: reply.Form.Subject,
						})
						if err != nil && !isRefusal(err) && engine.CodeOf(err) != engine.Unavailable {
							c.add(where, err.Error())
						}
					})
				}
			}
			all.Wait()
			tasks, err := remedyTrips[k].tasks(ctx, w)
			if err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			for range 8 { // as many replicas, each of which believes that the task is its own
				all.Go(func() { _ = w.p.tasks[engine.TaskRemedy](ctx, tasks[0]) })
			}
			all.Wait()
			if err := w.work(ctx); err != nil {
				return err
			}
			wrong, err := w.judge(ctx, &remedyTrips[k])
			c.add(where, slices.DeleteFunc(wrong, func(line string) bool { return strings.Contains(line, "of a refusal") })...) // the others were told so
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
