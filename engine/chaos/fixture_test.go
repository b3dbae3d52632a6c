package chaos_test

import (
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func workload(namespace, kind, name string) engine.Workload {
	return engine.Workload{Cluster: "prod", Namespace: namespace, Kind: kind, Name: name}
}

func onNode(name string) engine.Workload { return workload("", engine.KindNode, name) }

var (
	api   = workload("shop", "Deployment", "api")
	db    = workload("shop", "StatefulSet", "db")
	web   = workload("shop", "Deployment", "web")
	front = workload("edge", "Deployment", "front")
)

// pods makes ready pods of a workload, on nodes n1 and n2 in turn, each with one container that has limits.
func pods(w engine.Workload, n int) []chaos.Pod {
	var all []chaos.Pod
	for k := range n {
		name := fmt.Sprintf("%s-%d", w.Name, k)
		all = append(all, chaos.Pod{
			Workload: w, Ref: engine.ObjectRef{Kind: "Pod", Namespace: w.Namespace, Name: name, UID: "uid-" + w.Namespace + "-" + name},
			Node: fmt.Sprintf("n%d", k%2+1), Labels: map[string]string{"app": w.Name}, Ready: true,
			Containers: []chaos.Container{{Name: "main", CPU: 1, Memory: 512 << 20, Running: true}},
		})
	}
	return all
}

// field is a cluster in which all is well: edge/front calls shop/web, which calls shop/api, which calls shop/db.
func field() chaos.Field {
	f := chaos.Field{
		Cluster: "prod", At: noon,
		Namespaces: []chaos.Namespace{{Name: "shop", OptedIn: true}, {Name: "edge", OptedIn: true}, {Name: "closed"}, {Name: "kube-system", OptedIn: true}},
		Nodes:      []chaos.Node{{Name: "n1", Ready: true}, {Name: "n2", Ready: true}},
		Calls:      map[engine.Workload][]engine.Workload{front: {web}, web: {api}, api: {db}},
	}
	for _, u := range []struct {
		w engine.Workload
		n int
	}{{api, 4}, {db, 2}, {web, 3}, {front, 2}} {
		f.Units = append(f.Units, chaos.Unit{Workload: u.w, Desired: u.n, Ready: u.n})
		f.Pods = append(f.Pods, pods(u.w, u.n)...)
	}
	return f
}

func rules() chaos.Rules {
	r := chaos.Defaults()
	r.AgentImage = "agent:1"
	return r
}

// mustDraft drafts what a command says, as experiment 42 of U1.
func mustDraft(t interface {
	Helper()
	Fatal(...any)
}, q chaos.Request, f chaos.Field, r chaos.Rules,
) engine.Experiment {
	t.Helper()
	e, err := chaos.Draft(q, f, r, 42)
	if err != nil {
		t.Fatal(err)
	}
	e.By = engine.Person{ID: "U1"}
	return e
}

func pod(f *chaos.Field, name string) *chaos.Pod {
	for k := range f.Pods {
		if f.Pods[k].Ref.Name == name {
			return &f.Pods[k]
		}
	}
	panic("no pod " + name)
}

func unit(f *chaos.Field, w engine.Workload) *chaos.Unit {
	for k := range f.Units {
		if f.Units[k].Workload == w {
			return &f.Units[k]
		}
	}
	panic("no unit " + w.String())
}
