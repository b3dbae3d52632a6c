package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// fakeStore stands in for the store. It keeps what it is told.
type fakeStore struct {
	incidents  map[int64]engine.Incident
	decisions  []engine.Decision
	trails     []string // of the decisions that were asked for
	pauses     []engine.Decision
	paused     engine.Pause
	observed   []engine.Observation
	firing     []engine.Signal
	watchdogs  []string
	diagnoses  []engine.Diagnosis
	silenced   map[int64]string
	byHand     []string
	calmed     []int64
	paged      []string
	homes      []string
	filter     engine.IncidentFilter
	fail       error // of every write
	failOf     func(engine.Observation) error
	decideFail error
	audit      []engine.AuditRow
	subject    string // that the audit log was asked about
}

func (f *fakeStore) Audit(_ context.Context, subject string, limit int) ([]engine.AuditRow, error) {
	f.subject = subject
	return f.audit[:min(len(f.audit), limit)], f.fail
}

func (f *fakeStore) Incident(_ context.Context, id int64) (engine.Incident, error) {
	i, ok := f.incidents[id]
	if !ok {
		return i, engine.Errorf(engine.NotFound, "there is no incident %d", id)
	}
	return i, nil
}

func (f *fakeStore) Incidents(_ context.Context, filter engine.IncidentFilter) ([]engine.Incident, error) {
	f.filter = filter
	var found []engine.Incident
	for _, i := range f.incidents {
		found = append(found, i)
	}
	slices.SortFunc(found, func(a, b engine.Incident) int { return int(b.ID - a.ID) })
	return found[:min(len(found), filter.Limit)], nil
}

func (f *fakeStore) Story(ctx context.Context, id int64) (engine.Story, error) {
	i, err := f.Incident(ctx, id)
	return engine.Story{Incident: i, Lasted: 90 * time.Minute}, err
}

func (f *fakeStore) Storm(_ context.Context, id int64) (engine.Storm, error) {
	s := engine.Storm{ID: id}
	for _, k := range []int64{7, 8} {
		s.Incidents = append(s.Incidents, f.incidents[k])
	}
	return s, nil
}

func (f *fakeStore) Calm(_ context.Context, storm int64) error {
	f.calmed = append(f.calmed, storm)
	return f.fail
}

func (f *fakeStore) Overview(context.Context) (engine.Overview, error) {
	return engine.Overview{At: noon}, nil
}

func (f *fakeStore) Decide(ctx context.Context, d engine.Decision) (engine.Incident, error) {
	f.trails = append(f.trails, engine.ID(ctx))
	if f.decideFail != nil {
		return engine.Incident{}, f.decideFail
	}
	f.decisions = append(f.decisions, d)
	return f.incidents[d.IncidentID], nil
}

func (f *fakeStore) SetPause(_ context.Context, d engine.Decision) error {
	f.pauses = append(f.pauses, d)
	return f.fail
}

func (f *fakeStore) Paused(context.Context) (engine.Pause, error) { return f.paused, nil }

func (f *fakeStore) HomeOpened(_ context.Context, p engine.Person) error {
	f.homes = append(f.homes, p.ID)
	return f.fail
}

func (f *fakeStore) Settle(context.Context, int64) error { return f.fail }

func (f *fakeStore) Escalate(_ context.Context, id int64) (engine.Incident, error) {
	return f.incidents[id], f.fail
}

func (f *fakeStore) Silenced(_ context.Context, id int64, silence string) error {
	f.silenced[id] = silence
	return f.fail
}

func (f *fakeStore) Paged(_ context.Context, id int64, what string) error {
	f.paged = append(f.paged, fmt.Sprintf("%d %s", id, what))
	return f.fail
}

func (f *fakeStore) ByHand(_ context.Context, id int64, text string) error {
	f.byHand = append(f.byHand, fmt.Sprintf("%d %s", id, text))
	return f.fail
}

func (f *fakeStore) SaveDiagnosis(_ context.Context, d engine.Diagnosis) error {
	f.diagnoses = append(f.diagnoses, d)
	return f.fail
}

func (f *fakeStore) Tallies(context.Context) (map[string]rca.Tally, error) { return nil, nil }

func (f *fakeStore) Observe(_ context.Context, o engine.Observation) error {
	err := f.fail
	if f.failOf != nil && err == nil {
		err = f.failOf(o)
	}
	if err == nil {
		f.observed = append(f.observed, o)
	}
	return err
}

func (f *fakeStore) FiringAlerts(context.Context, string) ([]engine.Signal, error) {
	return f.firing, nil
}

func (f *fakeStore) SawWatchdog(_ context.Context, cluster string, _ time.Time) error {
	f.watchdogs = append(f.watchdogs, cluster)
	return f.fail
}

// fakeGroups is the directory of user groups.
type fakeGroups map[string][]string

func (g fakeGroups) Groups(_ context.Context, user string) ([]string, error) {
	switch user {
	case "UDOWN":
		return nil, engine.Errorf(engine.Unavailable, "Slack does not answer")
	case "UHIDDEN":
		return nil, engine.Errorf(engine.Forbidden, "Slack does not let the bot read user groups")
	}
	return g[user], nil
}

func (g fakeGroups) Member(_ context.Context, user string) (bool, error) {
	switch user {
	case "UDOWN":
		return false, engine.Errorf(engine.Unavailable, "Slack does not answer")
	case "UHIDDEN":
		return false, engine.Errorf(engine.Forbidden, "Slack does not let the bot see who is a guest")
	}
	return user != "UGUEST", nil
}

// fakeAlertmanager keeps silences by their comment, as the real client does.
type fakeAlertmanager struct {
	alerts   []engine.Alert
	started  time.Time
	silences []Matchers
	expired  []string
}

func (a *fakeAlertmanager) Alerts(context.Context) ([]engine.Alert, error) { return a.alerts, nil }

func (a *fakeAlertmanager) Started(context.Context) (time.Time, error) { return a.started, nil }

func (a *fakeAlertmanager) Silence(_ context.Context, _ int64, m Matchers, _ time.Time, _ string) (string, error) {
	a.silences = append(a.silences, m)
	return "silence-1", nil
}

func (a *fakeAlertmanager) Expire(_ context.Context, incident int64, keep string) error {
	a.expired = append(a.expired, fmt.Sprintf("of %d but %q", incident, keep))
	return nil
}

var api = engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "api"}

func fixture(t *testing.T) (*Handlers, *fakeStore, *fakeAlertmanager) {
	t.Helper()
	s := &fakeStore{
		incidents: map[int64]engine.Incident{
			7: {ID: 7, Workload: api, Status: engine.Open, Severity: engine.Critical, Diagnosis: engine.Diagnosis{Causes: []engine.Cause{{Rule: "crash/dependency-refused", Title: "cannot reach db:5432"}}}},
			8: {ID: 8, Workload: engine.Workload{Cluster: "prod", Namespace: "vault", Kind: "StatefulSet", Name: "vault"}, Status: engine.Open},
		},
		silenced: map[int64]string{},
	}
	am := &fakeAlertmanager{}
	owner := func(_ context.Context, kind, namespace, name string) (engine.Workload, error) {
		if kind == "Pod" && namespace == "payments" && name == "api-5f7-x" {
			return api, nil
		}
		return engine.Workload{}, engine.Errorf(engine.NotFound, "there is no %s %s", kind, name)
	}
	logs := func(_ context.Context, i engine.Incident) (engine.LogExcerpt, error) {
		return engine.LogExcerpt{Pod: i.Workload.Name + "-x", Lines: []string{"FATAL"}}, nil
	}
	all := []engine.Action{engine.ActionView, engine.ActionAcknowledge, engine.ActionAssign, engine.ActionSilence, engine.ActionResolve, engine.ActionLogs, engine.ActionDiagnose, engine.ActionVerdict}
	return &Handlers{
		Incidents: s, Stories: s, Decisions: s, Progress: s, Diagnoses: s, Signals: s,
		Groups: fakeGroups{"UANA": {"SONCALL"}},
		Clusters: []Cluster{
			{Name: "prod", Owner: owner, Logs: logs, Alertmanager: am},
			{Name: "dev", Owner: owner, Logs: logs},
		},
		Policy: policy.Policy{
			Roles: []policy.Role{
				{Name: "responder", Members: []string{"SONCALL"}, May: all},
				{Name: "viewer", Members: []string{policy.Everyone}, May: []engine.Action{engine.ActionView}},
				{Name: "admin", Members: []string{"UBEN"}, May: []engine.Action{engine.ActionPause, engine.ActionResume}},
			},
			LogsOff: []string{"vault"},
		},
		Now: func() time.Time { return noon },
		Log: slog.New(slog.DiscardHandler),
	}, s, am
}
