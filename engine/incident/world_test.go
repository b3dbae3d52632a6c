package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

var (
	start = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	api   = engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "api"}
	web   = engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: "web"}
	node  = engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "node-1"}
	ana   = engine.Person{ID: "U1", Name: "Ana"}
	ben   = engine.Person{ID: "U2", Name: "Ben"}
)

func rules() incident.Rules {
	return incident.Rules{
		HoldDown: 2 * time.Minute, ReopenWindow: 30 * time.Minute, ParentWindow: 5 * time.Minute,
		Escalation: map[engine.Severity]incident.Escalation{
			engine.Critical: {After: 5 * time.Minute, Times: 2, Page: true},
		},
		Route: incident.Route{Default: "#ops", Namespaces: map[string]string{"payments": "#pay"}, Teams: map[string]string{"shop": "#shop"}},
	}
}

// world keeps incidents as the store would: it applies plans and refuses those that a database would.
type world struct {
	t         failer
	r         incident.Rules
	now       time.Time
	incidents map[int64]*engine.Incident
	nextID    int64
	tasks     []incident.TaskAt
	messages  map[string]engine.Message
	last      incident.Plan
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newWorld(t failer) *world {
	return &world{t: t, r: rules(), now: start, incidents: map[int64]*engine.Incident{}, nextID: 41, messages: map[string]engine.Message{}}
}

// full is an incident as the store hands it over: with its children, and sharing no memory with the world.
func (w *world) full(id int64) engine.Incident {
	i := copied(*w.incidents[id])
	for _, c := range w.ids() {
		if w.incidents[c].ParentID == id {
			i.Children = append(i.Children, copied(*w.incidents[c]))
		}
	}
	return i
}

func copied(i engine.Incident) engine.Incident {
	i.Signals, i.Timeline = slices.Clone(i.Signals), slices.Clone(i.Timeline)
	i.Considered, i.Verdicts, i.Classes = slices.Clone(i.Considered), slices.Clone(i.Verdicts), slices.Clone(i.Classes)
	return i
}

func (w *world) ids() []int64 {
	ids := make([]int64, 0, len(w.incidents))
	for id := range w.incidents {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (w *world) state(o engine.Observation) incident.State {
	s := incident.State{NextID: w.nextID}
	var under int64
	for _, i := range w.incidents {
		if i.Workload == o.Workload && i.IsOpen() {
			under = i.ParentID
		}
	}
	for _, id := range w.ids() {
		i := w.full(id)
		switch {
		case i.Fingerprint == o.Workload.Fingerprint() && i.IsOpen():
			s.Current = &i
		case i.Fingerprint == o.Workload.Fingerprint():
			s.Last = &i
		case i.IsOpen() && i.ID == under, i.IsOpen() && slices.ContainsFunc(o.Signals, func(x engine.Signal) bool { return x.Parent == i.Workload }):
			s.Parents = append(s.Parents, i)
		case i.IsOpen() && o.Workload.Kind == engine.KindNode &&
			slices.ContainsFunc(i.Signals, func(x engine.Signal) bool { return x.Node == o.Workload.Name }):
			s.Candidates = append(s.Candidates, i)
		}
	}
	return s
}

func (w *world) observe(o engine.Observation) incident.Plan {
	w.t.Helper()
	o.At = w.now
	p := incident.Correlate(w.state(o), o, w.r, w.now)
	if p.Incident != nil && p.Incident.ID == w.nextID {
		w.nextID++
	}
	w.apply(p)
	return p
}

// watch observes all that the watch sees of a workload.
func (w *world) watch(of engine.Workload, signals ...engine.Signal) incident.Plan {
	w.t.Helper()
	return w.observe(engine.Observation{Source: engine.SourceWatch, Workload: of, Signals: signals, Complete: true})
}

func (w *world) alert(of engine.Workload, signals ...engine.Signal) incident.Plan {
	w.t.Helper()
	for k := range signals {
		signals[k].Source = engine.SourceAlert
	}
	return w.observe(engine.Observation{Source: engine.SourceAlert, Workload: of, Signals: signals})
}

func (w *world) decide(id int64, by engine.Person, a engine.Action, edit ...func(*engine.Decision)) (incident.Plan, error) {
	w.t.Helper()
	d := engine.Decision{ID: "click", Action: a, IncidentID: id, By: by, At: w.now, Allowed: true, For: time.Hour}
	for _, e := range edit {
		e(&d)
	}
	p, err := incident.Decide(w.full(id), d, w.r, w.now)
	if err == nil {
		w.apply(p)
	}
	return p, err
}

func (w *world) must(p incident.Plan, err error) incident.Plan {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("unexpected error: %v", err)
	}
	return p
}

// apply writes a plan, and fails on what the store would refuse.
func (w *world) apply(p incident.Plan) {
	w.t.Helper()
	w.last = p
	if p.Incident == nil {
		if len(p.Events)+len(p.Amended)+len(p.Signals)+len(p.Considered)+len(p.Messages)+len(p.Others)+len(p.Touched) > 0 || p.Verdict != nil {
			w.t.Fatalf("a plan without an incident writes more than tasks: %+v", p)
		}
	} else {
		w.put(p)
	}
	for _, o := range p.Others {
		old := w.incidents[o.ID]
		if o.Version != old.Version+1 {
			w.t.Fatalf("incident %d: version %d → %d", o.ID, old.Version, o.Version)
		}
		old.ParentID, old.Version = o.ParentID, o.Version
	}
	for _, l := range p.Lines {
		i := w.incidents[l.IncidentID]
		next := int64(len(i.Timeline)) + 1
		switch n := l.Event.ID; {
		case n == 0:
			l.Event.ID = next
			i.Timeline = append(i.Timeline, l.Event)
		case n == next:
			i.Timeline = append(i.Timeline, l.Event)
		case n > next || i.Timeline[n-1].Kind != l.Event.Kind || !i.Timeline[n-1].At.Equal(l.Event.At):
			w.t.Fatalf("line %d of incident %d would become another: %+v", n, l.IncidentID, l.Event)
		default:
			i.Timeline[n-1] = l.Event
		}
	}
	for _, id := range p.Touched {
		w.incidents[id].Version++
		if m, ok := w.messages[engine.CardKey(id)]; ok {
			m.Version = w.incidents[id].Version
			w.messages[m.Key] = m
		}
	}
	for _, m := range p.Messages {
		if i := w.incidents[m.Subject]; m.Version != i.Version {
			w.t.Fatalf("message %s is declared at version %d of %d", m.Key, m.Version, i.Version)
		}
		if m.ThreadKey != "" && w.messages[m.ThreadKey].Key == "" {
			w.t.Fatalf("message %s is in the thread of %s, which was never declared", m.Key, m.ThreadKey)
		}
		w.messages[m.Key] = m
	}
	w.tasks = append(w.tasks, p.Tasks...)
}

func (w *world) put(p incident.Plan) {
	w.t.Helper()
	next := *p.Incident
	old := w.incidents[next.ID]
	if old == nil {
		old = &engine.Incident{}
	}
	if next.Version != old.Version+1 {
		w.t.Fatalf("incident %d: version %d → %d", next.ID, old.Version, next.Version)
	}
	if want := len(old.Timeline) + len(p.Events); want != len(next.Timeline) {
		w.t.Fatalf("timeline has %d lines, want %d", len(next.Timeline), want)
	}
	for k, e := range p.Events {
		if want := int64(len(old.Timeline) + k + 1); e.ID != want {
			w.t.Fatalf("event %d has number %d", want, e.ID)
		}
	}
	timeline := append(slices.Clone(old.Timeline), p.Events...)
	for _, e := range p.Amended {
		k := slices.IndexFunc(timeline, func(o engine.Event) bool { return o.ID == e.ID && o.Kind == e.Kind && o.At.Equal(e.At) })
		if k < 0 {
			w.t.Fatalf("line %d is amended, which is not there: %+v", e.ID, e)
		}
		timeline[k].Text, timeline[k].Times = e.Text, e.Times
	}
	if !slices.Equal(timeline, next.Timeline) {
		w.t.Fatalf("the plan's lines give %+v, its incident has %+v", timeline, next.Timeline)
	}
	// The lists are rebuilt from the plan's parts, as a database does it, and must come out as the incident says.
	signals := slices.Clone(old.Signals)
	for _, s := range p.Signals {
		k := slices.IndexFunc(signals, func(o engine.Signal) bool { return o.Source == s.Source && o.ID == s.ID })
		if k < 0 {
			signals = append(signals, s)
		} else {
			signals[k] = s
		}
	}
	if a, b := idsOf(signals), idsOf(next.Signals); a != b {
		w.t.Fatalf("the plan's signals give %s, its incident has %s", a, b)
	}
	if len(old.Considered)+len(p.Considered) != len(next.Considered) {
		w.t.Fatalf("considered: %d + %d rows give %d", len(old.Considered), len(p.Considered), len(next.Considered))
	}
	next.Children = nil
	w.incidents[next.ID] = &next
}

func idsOf(signals []engine.Signal) string {
	ids := make([]string, len(signals))
	for k, s := range signals {
		ids[k] = fmt.Sprintf("%s/%s firing=%t", s.Source, s.ID, s.Firing())
	}
	slices.Sort(ids)
	return strings.Join(ids, ", ")
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// signal is one of the watch's, of id's class, that began now.
func (w *world) signal(of engine.Workload, class engine.Class) engine.Signal {
	return engine.Signal{
		Source: engine.SourceWatch, ID: of.Name + "/" + string(class), Workload: of, Class: class, Severity: engine.Critical,
		Summary: "container api: " + string(class), StartsAt: w.now,
	}
}

func kinds(p incident.Plan) string {
	out := make([]string, len(p.Events))
	for k, e := range p.Events {
		out[k] = e.Kind
	}
	return strings.Join(out, " ")
}

func keys(p incident.Plan) string {
	out := make([]string, len(p.Messages))
	for k, m := range p.Messages {
		out[k] = strings.TrimPrefix(m.Key, "incident/")
	}
	return strings.Join(out, " ")
}

func taskList(p incident.Plan, now time.Time) string {
	out := make([]string, len(p.Tasks))
	for k, t := range p.Tasks {
		out[k] = string(t.Task.Kind)
		if t.Task.Detail != "" && !strings.HasPrefix(t.Task.Detail, "20") {
			out[k] += ":" + t.Task.Detail
		}
		if !t.At.IsZero() {
			out[k] += "+" + t.At.Sub(now).String()
		}
	}
	return strings.Join(out, " ")
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}
