package incident_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

func service(name string) engine.Workload {
	return engine.Workload{Cluster: "prod", Namespace: "data", Kind: "Deployment", Name: name}
}

// names diagnoses an incident: its likeliest cause is in root; nil for in itself.
func (w *world) names(id int64, root *engine.Workload) incident.Plan {
	w.t.Helper()
	g := diagnosis(w.now, "a")
	if root != nil {
		g = diagnosis(w.now, "b")
	}
	g.IncidentID, g.Causes[0].Confidence, g.Causes[0].Root = id, 0.8, root
	w.apply(incident.Diagnosed(w.full(id), g, w.r, w.now))
	return w.follow(id)
}

// follow puts an incident where its cause says, with all that the store could know of.
func (w *world) follow(id int64) incident.Plan {
	w.t.Helper()
	p := incident.Follow(w.full(id), w.open(), w.r, w.now)
	w.apply(p)
	return p
}

// open gives the open incidents, with their lists.
func (w *world) open() []engine.Incident {
	var near []engine.Incident
	for _, id := range w.ids() {
		if w.incidents[id].IsOpen() {
			near = append(near, w.full(id))
		}
	}
	return near
}

func (w *world) breaks(of engine.Workload, severity engine.Severity) int64 {
	s := w.signal(of, engine.ClassCrashLoop)
	s.Severity = severity
	return w.watch(of, s).Incident.ID
}

func TestDependentFollowsItsDependency(t *testing.T) {
	w := newWorld(t)
	db, cart, front := service("db"), service("cart"), service("front")
	root := w.breaks(db, engine.Critical)
	w.pass(time.Minute)
	hurt := w.breaks(cart, engine.Critical)
	w.pass(20 * time.Second)
	p := w.names(hurt, &db)
	equal(t, "parent", p.Incident.ParentID, root)
	equal(t, "messages", keys(p), "42/card 41/event/2")
	equal(t, "its parent's line", w.incidents[root].Timeline[1].Text, "data/cart is hurt too")
	equal(t, "is not repeated", incident.Escalate(w.full(hurt), w.r, w.now.Add(time.Hour)).Empty(), true)

	// What names a child goes under the child's own parent, and so does what a Service of that name stands for.
	third := w.breaks(front, engine.Warning)
	equal(t, "by way of another", w.names(third, &cart).Incident.ParentID, root)
	fourth := w.breaks(service("report"), engine.Warning)
	equal(t, "a service", w.names(fourth, &engine.Workload{Cluster: "prod", Namespace: "data", Kind: engine.KindService, Name: "db-primary"}).Incident.ParentID, root)

	// Another class of problem is no reason to leave, a higher severity than its parent's is.
	equal(t, "still there", w.watch(front, w.signal(front, engine.ClassCrashLoop), w.signal(front, engine.ClassOOMKilled)).Incident.ParentID, root)

	// It turns out to be its own fault.
	w.pass(time.Minute)
	p = w.names(hurt, nil)
	equal(t, "on its own", p.Incident.ParentID, 0)
	equal(t, "events", kinds(p), "promoted")

	// The others go on when the parent is over.
	w.watch(db)
	w.pass(2 * time.Minute)
	w.apply(incident.Settle(w.full(root), w.r, w.now))
	equal(t, "free", w.incidents[third].ParentID, 0)
	equal(t, "told", w.messages[engine.CardKey(third)].Key, engine.CardKey(third))
}

func TestFollowsAndKeepsItsCard(t *testing.T) {
	for name, c := range map[string]struct {
		root     engine.Workload
		severity engine.Severity // of the root
	}{
		"another channel": {api, engine.Critical},
		"less severe":     {service("db"), engine.Warning},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.breaks(c.root, c.severity)
			w.breaks(service("cart"), engine.Critical)
			p := w.names(42, &c.root)
			equal(t, "parent", p.Incident.ParentID, 0)
			equal(t, "events", kinds(p), "linked")
			equal(t, "line", p.Events[0].Text, "Follows from incident 41: "+w.incidents[41].Title)
			equal(t, "told once", w.follow(42).Empty(), true)
			equal(t, "is repeated", incident.Escalates(w.full(42), w.r), true)
		})
	}
}

func TestDoesNotFollow(t *testing.T) {
	db := service("db")
	for name, c := range map[string]func(w *world) *engine.Workload{
		"the other began much later": func(w *world) *engine.Workload {
			w.breaks(service("cart"), engine.Critical)
			w.pass(6 * time.Minute)
			w.breaks(db, engine.Critical)
			return &db
		},
		"the other is resolved": func(w *world) *engine.Workload {
			w.breaks(service("cart"), engine.Critical)
			w.breaks(db, engine.Critical)
			w.must(w.decide(42, ana, engine.ActionResolve))
			return &db
		},
		"of another cluster": func(w *world) *engine.Workload {
			w.breaks(service("cart"), engine.Critical)
			w.breaks(db, engine.Critical)
			other := db
			other.Cluster = "dev"
			return &other
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			root := c(w)
			equal(t, "empty", w.names(41, root).Empty(), true)
		})
	}
}

func TestUnlikelyCauseIsNotFollowed(t *testing.T) {
	w := newWorld(t)
	db := service("db")
	w.breaks(db, engine.Critical)
	w.breaks(service("cart"), engine.Critical)
	g := diagnosis(w.now, "b")
	g.IncidentID, g.Causes[0].Confidence, g.Causes[0].Root = 42, 0.3, &db
	w.apply(incident.Diagnosed(w.full(42), g, w.r, w.now))
	equal(t, "empty", w.follow(42).Empty(), true)
}

func TestTheEarliestOfWhatShareAQuotaLeads(t *testing.T) {
	w := newWorld(t)
	quota := engine.Workload{Cluster: "prod", Namespace: "data", Kind: "ResourceQuota", Name: "compute"}
	for _, name := range []string{"a", "b", "c"} {
		w.breaks(service(name), engine.Warning)
		w.pass(time.Second)
	}
	for _, id := range []int64{43, 41, 42} {
		w.names(id, &quota)
	}
	for id, want := range map[int64]int64{41: 0, 42: 41, 43: 41} {
		w.follow(id)
		equal(t, fmt.Sprint("parent of ", id), w.incidents[id].ParentID, want)
	}
	equal(t, "one line", w.incidents[41].Timeline[len(w.incidents[41].Timeline)-1].Text, "2 workloads are hurt too: data/b, data/c")
}

func TestWhatFollowedFromItFollowsFromTheNode(t *testing.T) {
	w := newWorld(t)
	db := service("db")
	s := w.signal(db, engine.ClassReplicasMissing)
	s.Node = node.Name
	w.watch(db, s)
	w.breaks(service("cart"), engine.Critical)
	w.names(42, &db)
	w.watch(node, w.signal(node, engine.ClassNodeNotReady))
	equal(t, "the dependency", w.incidents[41].ParentID, 43)
	equal(t, "what depends on it", w.incidents[42].ParentID, 43)
	equal(t, "which its cause does not change", w.names(42, nil).Empty(), true)
}

// TestRootsWhateverTheOrder names causes in any order: when all is known, each incident is under the same root, roots are under nobody, and
// none is under what it explains.
func TestRootsWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 7).Draw(t, "workloads")
		causes := make([]*engine.Workload, n) // of a workload, one of a lower number, or a quota
		for k := range causes {
			switch to := rapid.IntRange(-2, k-1).Draw(t, "cause"); {
			case to >= 0:
				root := service(fmt.Sprint("w", to))
				causes[k] = &root
			case to == -2:
				causes[k] = &engine.Workload{Cluster: "prod", Namespace: "data", Kind: "ResourceQuota", Name: "compute"}
			}
		}
		roots := func(opened, named []int) string {
			w := newWorld(t)
			ids := map[int]int64{}
			for _, k := range opened {
				ids[k] = w.breaks(service(fmt.Sprint("w", k)), engine.Critical)
			}
			for _, k := range named {
				w.names(ids[k], causes[k])
			}
			for range 2 { // as the later looks do
				for _, k := range named {
					w.follow(ids[k])
				}
			}
			out := ""
			for k := range n {
				i := w.incidents[ids[k]]
				root := "none"
				if p := w.incidents[i.ParentID]; p != nil {
					if root = p.Workload.Name; p.ParentID != 0 {
						t.Fatalf("the parent of %s is under another", i.Workload)
					}
				}
				if got := w.follow(i.ID); !got.Empty() {
					t.Fatalf("it never comes to rest: %+v", got)
				}
				out += fmt.Sprintf("%s under %s; ", i.Workload.Name, root)
			}
			return out
		}
		order := make([]int, n)
		for k := range order {
			order[k] = k
		}
		first := roots(order, order)
		if again := roots(order, rapid.Permutation(order).Draw(t, "named")); again != first {
			t.Fatalf("named in another order:\n%s\n%s", first, again)
		}
		if slices.ContainsFunc(causes, func(c *engine.Workload) bool { return c != nil && c.Kind == "ResourceQuota" }) {
			return // which of them leads is the one that opened first
		}
		if again := roots(rapid.Permutation(order).Draw(t, "opened"), rapid.Permutation(order).Draw(t, "named too")); again != first {
			t.Fatalf("opened in another order:\n%s\n%s", first, again)
		}
	})
}
