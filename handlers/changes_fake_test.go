package handlers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// fakeProposals stands in for what the store keeps of proposals, with its own rules as far as the handlers rest on them.
type fakeProposals struct {
	now       func() time.Time
	drafts    map[int64][]engine.ProposalItem // by group
	all       map[int64]engine.Proposal
	decisions []engine.Decision
	offers    []engine.Proposal
	requested int
	followed  []int64
	snoozed   []string
	alone     engine.MicroUSD // what everybody has approved alone
	rival     bool            // another proposal changes what a closed one would
	fail      error
}

func (f *fakeProposals) RequestDrafts(context.Context) error { f.requested++; return f.fail }

func (f *fakeProposals) SaveDrafts(_ context.Context, group int64, items []engine.ProposalItem) error {
	if f.fail != nil {
		return f.fail
	}
	for k := range items {
		items[k].ID, items[k].Hash = group*100+int64(k+1), change.ItemHash(items[k])
	}
	f.drafts[group] = items
	return nil
}

func (f *fakeProposals) Drafts(_ context.Context, group int64) (own, others []engine.ProposalItem, err error) {
	for g, items := range f.drafts {
		if g != group {
			others = append(others, items...)
		}
	}
	return f.drafts[group], others, f.fail
}

func (f *fakeProposals) DraftsByRef(_ context.Context, refs []string) (found []engine.ProposalItem, err error) {
	for _, ref := range refs {
		id, _, err := engine.ParseRef(ref)
		if err != nil {
			return nil, err
		}
		before := len(found)
		for _, i := range f.drafts[id/100] {
			if i.Ref() == ref {
				found = append(found, i)
			}
		}
		if len(found) == before {
			return nil, engine.Errorf(engine.Conflict, "The plan changed since you saw it.")
		}
	}
	return found, nil
}

func (f *fakeProposals) Approve(ctx context.Context, d engine.Decision, a Approving) (engine.Proposal, error) {
	f.decisions = append(f.decisions, d)
	if !d.Allowed || f.fail != nil {
		return engine.Proposal{}, f.fail
	}
	p := f.all[d.ProposalID]
	if d.ProposalID == 0 {
		items, err := f.DraftsByRef(ctx, a.Refs)
		if err != nil {
			return p, err
		}
		p = engine.Proposal{
			ID: int64(len(f.all) + 1), Items: items, Repo: items[0].Repo, Base: items[0].Base, Hash: change.PlanHash(items),
			Title: change.Title(items), Status: engine.ProposalPending, Cluster: items[0].Wish.Target.Cluster,
		}
		p.Key = change.Key(p)
		if p.Need, err = a.Need(items, f.alone); err != nil {
			return engine.Proposal{}, err
		}
	} else if d.Hash != p.Hash {
		return p, engine.Errorf(engine.Conflict, "The plan changed since you saw it.")
	}
	p.Approved = append(p.Approved, engine.Approval{By: d.By, At: d.At, Hash: p.Hash, Role: d.Role})
	if _, missing := policy.Counted(p.Need, p.Approved, p.Proposer); missing == "" {
		p.Status, p.ApprovedAt = engine.ProposalApproved, f.now()
	}
	return f.put(p), nil
}

func (f *fakeProposals) put(p engine.Proposal) engine.Proposal {
	p.Version++
	f.all[p.ID] = p
	return p
}

func (f *fakeProposals) Alone(context.Context, engine.Person, engine.ProposalItem, time.Duration) (engine.MicroUSD, error) {
	return f.alone, f.fail
}

func (f *fakeProposals) Deny(_ context.Context, d engine.Decision) (engine.Proposal, error) {
	f.decisions = append(f.decisions, d)
	p := f.all[d.ProposalID]
	if d.Allowed {
		p.Status, p.Reason = engine.ProposalDenied, d.Reason
		p = f.put(p)
	}
	return p, f.fail
}

func (f *fakeProposals) Offer(_ context.Context, p engine.Proposal, _ time.Duration) (engine.Proposal, error) {
	p.Key = change.Key(p)
	for _, before := range f.all {
		if p.IsMend() && before.Key == p.Key && before.Status != engine.ProposalStale {
			return before, f.fail
		}
	}
	p.ID = 100 + int64(len(f.offers))
	f.offers = append(f.offers, p)
	if p.IsMend() && f.fail == nil {
		p.Hash, p.Status, p.CreatedAt, p.Repo, p.Base = change.PlanHash(p.Items), engine.ProposalPending, f.now(), p.Items[0].Repo, p.Items[0].Base
		return f.put(p), nil
	}
	return p, f.fail
}

func (f *fakeProposals) Proposal(_ context.Context, id int64) (engine.Proposal, error) {
	p, ok := f.all[id]
	if !ok {
		return p, engine.Errorf(engine.NotFound, "there is no proposal %d", id)
	}
	return p, nil
}

func (f *fakeProposals) ProposalByPull(_ context.Context, repo string, number int) (engine.Proposal, error) {
	for _, p := range f.all {
		if p.Repo == repo && p.Pull.Number == number && number > 0 {
			return p, f.fail
		}
	}
	return engine.Proposal{}, cmp.Or(f.fail, error(engine.Errorf(engine.NotFound, "none of ours")))
}

func (f *fakeProposals) Proposals(_ context.Context, filter ProposalFilter) (found []engine.Proposal, err error) {
	for _, p := range f.all {
		if (filter.Repo == "" || p.Repo == filter.Repo) && (filter.Incident == 0 || p.Incident == filter.Incident) && slices.Contains(filter.Statuses, p.Status) {
			found = append(found, p)
		}
	}
	return found[:min(len(found), cmp.Or(filter.Limit, 100))], f.fail
}

func (f *fakeProposals) Follow(_ context.Context, id int64) error {
	f.followed = append(f.followed, id)
	return f.fail
}

func (f *fakeProposals) SavePull(_ context.Context, id, version int64, pull engine.Pull, status engine.ProposalStatus, reason string, told []engine.Event) (engine.Proposal, error) {
	p := f.all[id]
	if p.Version != version {
		return p, engine.Errorf(engine.Conflict, "proposal %d has moved on", id)
	}
	for _, e := range told {
		e.At = f.now()
		p.Timeline = append(p.Timeline, e)
	}
	if p.Pull, p.Reason = pull, reason; status != "" && status != p.Status {
		if !change.Leads(p.Status, status) {
			return p, engine.Errorf(engine.Conflict, "%s does not lead to %s", p.Status, status)
		}
		if p.Status = status; status == engine.ProposalMerged {
			p.MergedAt = f.now()
		}
	}
	return f.put(p), f.fail
}

func (f *fakeProposals) Hold(_ context.Context, id int64, reason string) (engine.Proposal, error) {
	p := f.all[id]
	p.Reason = reason
	return f.put(p), nil
}

func (f *fakeProposals) Stale(_ context.Context, id int64, reason string) (engine.Proposal, error) {
	p := f.all[id]
	p.Status, p.Reason = engine.ProposalStale, reason
	return f.put(p), nil
}

func (f *fakeProposals) Closed(_ context.Context, id int64, pull engine.Pull, by engine.Person, reason string, until time.Time) (engine.Proposal, error) {
	p := f.all[id]
	p.Status, p.Reason, p.Pull = engine.ProposalClosed, reason, pull
	f.snoozed = append(f.snoozed, fmt.Sprintf("%s %s until %s", by.ID+by.Name, reason, until.Format(time.DateOnly)))
	return f.put(p), nil
}

func (f *fakeProposals) Reopened(_ context.Context, id int64, pull engine.Pull, status engine.ProposalStatus, reason string, told []engine.Event) (engine.Proposal, error) {
	p := f.all[id]
	if p.Status != engine.ProposalClosed || f.rival {
		return p, f.fail
	}
	f.snoozed = nil
	return f.SavePull(context.Background(), id, p.Version, pull, status, reason, told)
}

func (f *fakeProposals) Deployed(_ context.Context, id int64, line string) (engine.Proposal, error) {
	p := f.all[id]
	p.Status, p.DeployedAt = engine.ProposalDeployed, f.now()
	p.Timeline = append(p.Timeline, engine.Event{Kind: "deployed", Text: line})
	return f.put(p), nil
}

func (f *fakeProposals) Verified(_ context.Context, id int64, _ []engine.LedgerEntry, line string) (engine.Proposal, error) {
	p := f.all[id]
	p.Status = engine.ProposalVerified
	p.Timeline = append(p.Timeline, engine.Event{Kind: "verified", Text: line})
	return f.put(p), nil
}

func (f *fakeProposals) Reversed(_ context.Context, id int64, by engine.Person, reason string) (engine.Proposal, error) {
	p := f.all[id]
	p.Status, p.Reason = engine.ProposalReversed, by.ID+" "+reason
	return f.put(p), nil
}

// memoryTree is a repository at a commit.
type memoryTree struct {
	repo, commit string
	files        map[string]string
	past         []pastCommit // the newest first; what each made of the files
}

// pastCommit is a commit before the newest one, and the files as it left them.
type pastCommit struct {
	change.Commit
	files map[string]string
}

func (m memoryTree) Repo() string   { return m.repo }
func (m memoryTree) Base() string   { return "main" }
func (m memoryTree) Commit() string { return m.commit }

func (m memoryTree) Files() (all []change.File) {
	for path, text := range m.files {
		all = append(all, change.File{Path: path, Blob: fmt.Sprintf("%x", sha256.Sum256([]byte(text))), Size: int64(len(text)), Mode: "100644"})
	}
	return all
}

func (m memoryTree) Read(_ context.Context, path string) ([]byte, error) {
	return []byte(m.files[path]), nil
}

func (m memoryTree) Commits(_ context.Context, path string, most int) (all []change.Commit, err error) {
	for k, c := range m.past {
		if k+1 == len(m.past) || c.files[path] != m.past[k+1].files[path] {
			all = append(all, c.Commit)
		}
	}
	return all[:min(len(all), most)], nil
}

func (m memoryTree) At(_ context.Context, commit string) (change.Tree, error) {
	for _, c := range m.past {
		if c.SHA == commit {
			return memoryTree{m.repo, commit, c.files, m.past}, nil
		}
	}
	return nil, engine.Errorf(engine.Conflict, "commit %s is no longer in %s", commit, m.repo)
}

func (m memoryTree) Pull(context.Context, string) (engine.Pull, error) {
	return engine.Pull{Number: 12, URL: "https://github.example.com/acme/deploy/pull/12"}, nil
}

// fakeForge is a GitHub with one repository, whose pull requests are merged by the test.
type fakeForge struct {
	files  map[string]string
	past   []pastCommit
	commit int
	drafts []change.Draft
	pulls  map[int]engine.Pull
	closed []string
	fail   error // of everything
}

func (g *fakeForge) Tree(_ context.Context, repo, _ string) (change.Tree, error) {
	if repo != "acme/deploy" {
		return nil, engine.Errorf(engine.NotFound, "there is no repository %s", repo)
	}
	return memoryTree{repo, "c" + strconv.Itoa(g.commit), g.files, g.past}, g.fail
}

func (g *fakeForge) Propose(_ context.Context, d change.Draft) (engine.Pull, error) {
	if g.fail != nil {
		return engine.Pull{}, g.fail
	}
	g.drafts = append(g.drafts, d)
	for n, p := range g.pulls {
		if p.Branch == d.Branch {
			p.Parent, p.Conflict = d.Commit, false
			g.pulls[n] = p
			return p, nil
		}
	}
	n := len(g.pulls) + 1
	p := engine.Pull{Number: n, URL: fmt.Sprintf("https://github.com/acme/deploy/pull/%d", n), Branch: d.Branch, Head: "h", State: engine.PullOpen, Parent: d.Commit}
	g.pulls[n] = p
	return p, nil
}

func (g *fakeForge) Status(_ context.Context, _ string, p engine.Pull) (engine.Pull, error) {
	if p.Number == 0 {
		for _, made := range g.pulls {
			if made.Branch == p.Branch {
				return made, g.fail
			}
		}
	}
	return g.pulls[p.Number], g.fail
}

func (g *fakeForge) Close(_ context.Context, _ string, p engine.Pull, comment string) error {
	g.closed = append(g.closed, comment)
	p.State = engine.PullClosed
	g.pulls[p.Number] = p
	return g.fail
}

// merge plays a person who merges a pull request.
func (g *fakeForge) merge(n int) {
	p := g.pulls[n]
	p.State, p.MergedSHA = engine.PullMerged, "c0ffee"
	g.pulls[n] = p
	for path, text := range g.drafts[n-1].Files {
		g.files[path] = string(text)
	}
	g.commit++
}

const apiManifest = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: payments}
spec:
  template:
    spec:
      containers:
        - name: app
          resources:
            requests:
              cpu: "1"       # measured in May
              memory: 2Gi
`

// changing is a product that opens pull requests, against fakes.
type changing struct {
	*Handlers
	store  *fakeProposals
	forge  *fakeForge
	scans  *fakeScans
	plain  *fakeStore
	values map[string]string // what is live, by field
	clock  time.Time
	absent error // of the live object
}

// changesFixture is wasteFixture with a repository, in which payments/api is declared.
func changesFixture(t *testing.T) *changing {
	t.Helper()
	h, scans := wasteFixture(t)
	c := &changing{
		Handlers: h, scans: scans, plain: h.Decisions.(*fakeStore), clock: noon, values: map[string]string{"memory": "2Gi", "cpu": "1"},
		forge: &fakeForge{files: map[string]string{"apps/api.yaml": apiManifest}, pulls: map[int]engine.Pull{}},
	}
	h.Now = func() time.Time { return c.clock }
	c.store = &fakeProposals{now: h.Now, drafts: map[int64][]engine.ProposalItem{}, all: map[int64]engine.Proposal{}}
	memory := engine.Finding{
		ID: 12, Kind: engine.OverRequestedMemory, Target: engine.Target{Workload: api, Container: "app"}, Owner: engine.Owner{Team: "shop"},
		Status: engine.FindingOpen, Monthly: 41 * engine.USD, Risk: engine.RiskLow,
		Sizing: &engine.Sizing{Resource: engine.Memory, Old: 2 << 30, New: 1200 << 20, Backtest: engine.Backtest{Samples: 100}},
	}
	scans.groups[3] = engine.FindingGroup{ID: 3, Title: "payments/api", Monthly: 41 * engine.USD, Findings: []engine.Finding{memory}}
	h.Changes = &Changes{
		Proposals: c.store, Forge: c.forge, Logins: map[string]string{"UAPP": "appy"},
		Mappings: []change.Mapping{{Namespaces: []string{"payments"}, Repo: "acme/deploy", Paths: []string{"apps"}}},
	}
	h.Clusters[0].Source = Source{
		Hints: func(context.Context, engine.Workload) (change.Hints, error) { return change.Hints{}, c.absent },
		Value: func(_ context.Context, w engine.Wish) (string, error) { return c.values[w.Field], c.absent },
	}
	h.Policy.Roles = append(h.Policy.Roles,
		policy.Role{Name: "approver", Members: []string{"SAPP", "UAPP"}, May: []engine.Action{engine.ActionApprove, engine.ActionDeny}, Namespaces: []string{"payments"}},
		policy.Role{Name: "auditor", Members: []string{"UAUD"}, May: []engine.Action{engine.ActionAudit}})
	h.Groups = fakeGroups{"UGRP": {"SAPP"}, "UANA": {"SONCALL"}}
	return c
}

func (c *changing) task(kind engine.TaskKind, detail int64) error {
	return c.Tasks()[kind](context.Background(), engine.Task{Kind: kind, Detail: strconv.FormatInt(detail, 10), Attempt: 1})
}

// submit sends in the window of an approval.
func (c *changing) submit(who, subject string, refs ...string) (engine.Reply, error) {
	values := map[string]string{engine.FieldItems: ""}
	for k, r := range refs {
		if k > 0 {
			values[engine.FieldItems] += ","
		}
		values[engine.FieldItems] += r
	}
	return c.Submit(context.Background(), engine.Submission{ID: "s-" + who, By: engine.Person{ID: who}, Form: engine.FormApprove, Subject: subject, Values: values, At: c.clock})
}
