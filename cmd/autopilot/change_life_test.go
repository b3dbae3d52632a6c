package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
	"github.com/eks-autopilot/autopilot/test/github"
)

const lifeConfig = smallest + `roles:
  - {name: owner, members: [S0OWN, U0ANA], may: [view, approve, deny]}
waste: {}
github: {url: %q, labels: [savings]}
changes: [{namespaces: [payments], repo: acme/deploy, paths: [apps]}]
approvals: {two_people_above: 10}
people: {U0ANA: ana-github}
`

const lifeManifest = `# the shop's API
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  namespace: payments
spec:
  template:
    spec:
      containers:
        - name: app
          resources:
            requests: {cpu: "1", memory: 2Gi} # measured in May
`

// life is the bot without Slack and without a cluster: its store, its tasks and GitHub are there.
type life struct {
	t      *testing.T
	st     *store.Store
	h      *handlers.Handlers
	github *github.Server

	mu     sync.Mutex
	memory string // what the live object asks for
}

func (l *life) Member(context.Context, string) (bool, error) { return true, nil }

func (l *life) Groups(_ context.Context, user string) ([]string, error) {
	if user == "U0BEN" {
		return []string{"S0OWN"}, nil
	}
	return nil, nil
}

func (l *life) live(to string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.memory = to
}

func (l *life) value(context.Context, engine.Wish) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.memory, nil
}

func newLife(t *testing.T) *life {
	t.Helper()
	l := &life{t: t, memory: "2Gi"}
	var err error
	if l.github, err = github.New(github.Config{Tokens: []github.Token{{Value: "ghp_bot", Login: "autopilot-bot", Scopes: []string{"repo"}}}}); err != nil {
		t.Fatal(err)
	}
	must(t, l.github.Start("127.0.0.1:0"))
	t.Cleanup(func() { _ = l.github.Close(context.Background()) })
	must(t, l.github.CreateRepo(github.Repo{
		Name: "acme/deploy", Files: map[string]string{"apps/api.yaml": lifeManifest, "README.md": "# deploy\n"},
		Access: map[string]string{"autopilot-bot": "push", "ana-github": "push"},
	}))
	cfg, err := parseConfig("f", fmt.Appendf(nil, lifeConfig, l.github.APIURL()))
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	l.st = storetest.New(t, store.Options{Rules: func() incident.Rules { return cfg.rules() }, Cards: cfg.cards, Log: log})
	secrets := Secrets{GitHubToken: "ghp_bot", GitHubWebhook: "hook"}
	changes, err := connectChanges(t.Context(), cfg, secrets, l.st, nil, log)
	must(t, err)
	hints := func(context.Context, engine.Workload) (change.Hints, error) { return change.Hints{}, nil }
	l.h = &handlers.Handlers{
		Incidents: l.st, Decisions: l.st, Progress: l.st, Diagnoses: l.st, Signals: l.st, Groups: l,
		Clusters: []handlers.Cluster{{Name: cfg.Clusters[0].Name, Source: handlers.Source{Hints: hints, Value: l.value}}},
		Waste:    &handlers.Waste{Scans: l.st, Memory: l.st, Savings: l.st, Rules: cfg.wasteRules()},
		Changes:  changes, Policy: cfg.policy(), Rules: cfg.rules(), Now: time.Now, Log: log,
	}
	edge := httptest.NewServer(routes(l.h, secrets, newMetrics(), func(context.Context) error { return nil }))
	t.Cleanup(edge.Close)
	l.github.AddHook(github.Hook{URL: edge.URL + "/webhooks/github", Secret: "hook"})
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// found has a scan find that payments/api asks for too much memory, and gives its card.
func (l *life) found() engine.FindingGroup {
	l.t.Helper()
	ctx := l.t.Context()
	asked, err := l.st.RequestScan(ctx, engine.Decision{ID: "scan", Action: engine.ActionScan, By: engine.Person{ID: "U0ANA"}, At: time.Now(), Allowed: true}, "", "")
	must(l.t, err)
	scan, err := l.st.BeginScan(ctx, asked.ID)
	must(l.t, err)
	f := engine.Finding{
		Kind:    engine.OverRequestedMemory,
		Target:  engine.Target{Workload: engine.Workload{Cluster: l.h.Clusters[0].Name, Namespace: "payments", Kind: "Deployment", Name: "api"}, Container: "app"},
		Monthly: 41 * engine.USD, Whole: 41 * engine.USD, Confidence: 0.9, Risk: engine.RiskLow, Basis: engine.PriceBasis{Source: engine.PriceList},
		Sizing: &engine.Sizing{Resource: engine.Memory, Old: 2 << 30, New: 1280 << 20, Replicas: 3, Unit: engine.Dollars(0.005)},
	}
	f.Key = waste.Key(f.Kind, f.Target)
	f.Group, _ = waste.GroupOf(f)
	_, err = l.st.SaveScan(ctx, waste.Report{Scan: scan, Outcome: waste.Outcome{Findings: []engine.Finding{f}}, Judged: func(engine.Finding) bool { return true }})
	must(l.t, err)
	must(l.t, l.st.RequestDrafts(ctx))
	s, err := l.st.Savings(ctx, engine.FindingFilter{})
	must(l.t, err)
	if len(s.Groups) != 1 {
		l.t.Fatalf("%d groups, want one", len(s.Groups))
	}
	return s.Groups[0]
}

// work runs the tasks until the test ends.
func (l *life) work() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := l.st.Work(ctx, l.h.Tasks()); err != nil {
			l.t.Error(err)
		}
	})
	l.t.Cleanup(func() { cancel(); running.Wait() })
}

// until waits for something to be so. The first proposal is the only one.
func (l *life) until(what string, so func() bool) {
	l.t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			p, err := l.st.Proposal(l.t.Context(), 1)
			l.t.Fatalf("%s: never; proposal %+v, %v", what, p, err)
		}
	}
}

func (l *life) is(status engine.ProposalStatus) {
	l.t.Helper()
	l.until(string(status), func() bool {
		p, err := l.st.Proposal(l.t.Context(), 1)
		return err == nil && p.Status == status
	})
}

// approve sends in a plan as a person; the same id is the same click.
func (l *life) approve(id, who, subject string, refs ...string) (engine.Reply, error) {
	return l.h.Submit(context.Background(), engine.Submission{
		ID: id, By: engine.Person{ID: who, Name: who}, Form: engine.FormApprove, Subject: subject, At: time.Now(),
		Values: map[string]string{engine.FieldItems: strings.Join(refs, ",")},
	})
}

// TestLifeOfAChange goes from a finding to the deployed change, with PostgreSQL, River and a GitHub: two people approve, each clicking
// again and again at once, and one pull request changes one value.
func TestLifeOfAChange(t *testing.T) {
	l := newLife(t)
	g := l.found()
	l.work()
	l.until("drafted", func() bool { own, _, err := l.st.Drafts(t.Context(), g.ID); return err == nil && len(own) == 1 })
	card := engine.GroupButton{Group: g.ID}.Value()
	r, err := l.h.Click(t.Context(), engine.Click{ID: "open", By: engine.Person{ID: "U0ANA"}, Action: "approve", Value: card})
	if err != nil || r.Plan == nil || len(r.Plan.Items) != 1 || r.Plan.Need.People != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	ref := r.Plan.Items[0].Ref()
	if _, err := l.approve("eve", "U0EVE", card, ref); engine.CodeOf(err) != engine.Forbidden {
		t.Fatalf("without a role: %v", err)
	}
	l.all(25, func(n int) error { _, err := l.approve(fmt.Sprint("ana", n%5), "U0ANA", card, ref); return err })
	p, err := l.st.Proposal(t.Context(), 1)
	if err != nil || p.Status != engine.ProposalPending || len(p.Approved) != 1 {
		t.Fatalf("one person clicked: %+v, %v", p, err)
	}
	mine := engine.ProposalButton{Proposal: p.ID, Hash: p.Hash}.Value()
	if r, err := l.approve("ben-stale", "U0BEN", engine.ProposalButton{Proposal: p.ID, Hash: "0000"}.Value()); err != nil || r.Plan == nil {
		t.Fatalf("a stale plan is shown anew: %+v, %v", r, err)
	}
	l.all(25, func(n int) error { // those that come when it is done are told so
		if _, err := l.approve(fmt.Sprint("ben", n%5), "U0BEN", mine); engine.CodeOf(err) != engine.Conflict {
			return err
		}
		return nil
	})
	l.is(engine.ProposalOpened)
	pulls := l.github.Pulls("acme/deploy")
	if len(pulls) != 1 {
		t.Fatalf("%d pull requests", len(pulls))
	}
	text, err := l.github.File("acme/deploy", pulls[0].Head, "apps/api.yaml")
	if want := strings.Replace(lifeManifest, "2Gi", "1280Mi", 1); err != nil || text != want {
		t.Errorf("%v:\n%s\nwant\n%s", err, text, want)
	}
	if !strings.Contains(pulls[0].Body, "@ana-github") || len(pulls[0].Labels) != 1 {
		t.Errorf("the pull request: %+v", pulls[0])
	}
	must(t, l.github.Merge("acme/deploy", "ana-github", pulls[0].Number, "squash")) // the webhook tells of it
	l.is(engine.ProposalMerged)
	l.live("1280Mi")
	must(t, l.st.Follow(t.Context(), 1))
	l.is(engine.ProposalDeployed)
	entries, err := l.st.LedgerEntries(t.Context(), engine.LedgerFilter{})
	must(t, err)
	var kinds []engine.EntryKind
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
	}
	if fmt.Sprint(kinds) != "[detected approved implemented]" {
		t.Errorf("the ledger has %v", kinds)
	}
	rows, err := l.st.Audit(t.Context(), "proposal/1", 100)
	if err != nil || len(rows) < 3 {
		t.Errorf("%d rows in the audit log, %v", len(rows), err)
	}
	must(t, l.st.VerifyAudit(t.Context()))
}

// all does something many times at once.
func (l *life) all(times int, do func(n int) error) {
	l.t.Helper()
	var wg sync.WaitGroup
	for n := range times {
		wg.Go(func() {
			if err := do(n); err != nil {
				l.t.Errorf("%d: %v", n, err)
			}
		})
	}
	wg.Wait()
}
