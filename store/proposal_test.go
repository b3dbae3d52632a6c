package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/store"
)

var lin = engine.Person{ID: "U3", Name: "Lin"}

// draft is what a person is shown of how a finding's request would be changed in a file.
func draft(f engine.Finding) engine.ProposalItem {
	return engine.ProposalItem{
		FindingID: f.ID, Chain: engine.LedgerChain(f.ID, f.Reopened), Kind: f.Kind, Owner: f.Owner, Monthly: f.Monthly, Risk: f.Risk,
		Wish:  engine.Wish{Kind: engine.WishRequest, Target: f.Target, Field: "cpu", Old: "2", New: "500m"},
		Title: "payments/" + f.Target.Name + " CPU 2 → 0.5", Basis: f.Basis, Repo: "shop/deploy", Base: "main", Commit: "c0ffee",
		Edits: []engine.FileEdit{{Path: f.Target.Name + ".yaml", Blob: "b1", Line: 7, Before: "cpu: 2\r\n", After: "cpu: 500m\r\n", Diff: "@@ -7 +7 @@\n-cpu: 2\n+cpu: 500m\n"}},
	}
}

// group is the finding group of a workload.
func (w *savers) group(name string) engine.FindingGroup {
	w.t.Helper()
	var id int64
	if _, err := fmt.Sscan(w.sql(`SELECT group_id FROM finding WHERE workload = $1`, name), &id); err != nil {
		w.t.Fatalf("there is no group of %s: %v", name, err)
	}
	g, err := w.FindingGroup(w.t.Context(), id)
	w.must(err)
	return g
}

// drafted has a scan find these workloads, and drafts made of all, with each its own repository's line.
func (w *savers) drafted(names ...string) []engine.ProposalItem {
	w.t.Helper()
	found := make([]engine.Finding, len(names))
	for k, name := range names {
		found[k] = sizing(name, float64(50-k))
	}
	w.scan(found...)
	var all []engine.ProposalItem
	for _, name := range names {
		g := w.group(name)
		w.must(w.SaveDrafts(w.t.Context(), g.ID, []engine.ProposalItem{draft(w.one(name))}))
		own, _, err := w.Drafts(w.t.Context(), g.ID)
		w.must(err)
		all = append(all, own...)
	}
	if len(all) != len(names) {
		w.t.Fatalf("%d drafts of %v", len(all), names)
	}
	return all
}

func refs(items ...engine.ProposalItem) []string {
	var all []string
	for _, i := range items {
		all = append(all, i.Ref())
	}
	return all
}

func needs(people int) func([]engine.ProposalItem, engine.MicroUSD) (engine.ApprovalNeed, error) {
	return func([]engine.ProposalItem, engine.MicroUSD) (engine.ApprovalNeed, error) {
		return engine.ApprovalNeed{People: people, Roles: []string{"savers"}}, nil
	}
}

func (w *savers) yes(id string, by engine.Person) engine.Decision {
	return engine.Decision{ID: id, Action: engine.ActionApprove, By: by, At: w.now(), Allowed: true, Role: "savers"}
}

// second is a yes to a proposal that is there.
func (w *savers) second(id string, by engine.Person, p engine.Proposal) engine.Decision {
	d := w.yes(id, by)
	d.ProposalID, d.Hash = p.ID, p.Hash
	return d
}

func (w *savers) approve(id string, people int, items ...engine.ProposalItem) engine.Proposal {
	w.t.Helper()
	p, err := w.Approve(w.t.Context(), w.yes(id, ada), store.Approving{Refs: refs(items...), Need: needs(people), Expires: 24 * time.Hour})
	w.must(err)
	return p
}

func (w *savers) changeTasks() string {
	w.t.Helper()
	return strings.ReplaceAll(w.sql(`SELECT kind, args ->> 'detail' FROM river_job
		WHERE finalized_at IS NULL AND kind IN ('propose', 'follow', 'draft') AND queue = 'change' ORDER BY id`), "\n", ", ")
}

// proposalState is all that proposals write, to see that nothing of it changed.
func (w *savers) proposalState() string {
	w.t.Helper()
	return w.sql(`SELECT * FROM proposal ORDER BY id`) + "\n" + w.sql(`SELECT * FROM proposal_item ORDER BY id`) + "\n" +
		w.sql(`SELECT * FROM proposal_approval ORDER BY 1, 2`) + "\n" + w.sql(`SELECT * FROM proposal_event ORDER BY 1, 2`) + "\n" +
		w.sql(`SELECT * FROM decisions ORDER BY id`) + "\n" + w.sql(`SELECT * FROM audit_log ORDER BY seq`) + "\n" +
		w.sql(`SELECT * FROM ledger ORDER BY id`) + "\n" + w.sql(`SELECT * FROM messages ORDER BY key`) + "\n" +
		w.sql(`SELECT kind, args FROM river_job ORDER BY id`) + "\n" + w.sql(`SELECT id, status, reason FROM finding ORDER BY id`)
}

func (w *savers) lines(p engine.Proposal) string {
	w.t.Helper()
	p, err := w.Proposal(w.t.Context(), p.ID)
	w.must(err)
	var all []string
	for _, e := range p.Timeline {
		all = append(all, strings.TrimSpace(e.Kind+" "+e.By.Name))
	}
	return strings.Join(all, ", ")
}

func TestOneApprovalIsEnough(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	p := w.approve("click-1", 1, items...)

	equal(t, "status", p.Status, engine.ProposalApproved)
	equal(t, "title", p.Title, "payments/api CPU 2 → 0.5, −$50.00/month, low risk")
	equal(t, "hash", p.Hash, change.PlanHash(p.Items))
	equal(t, "item", p.Items[0].Ref(), items[0].Ref())
	equal(t, "edits", p.Items[0].Edits, items[0].Edits)
	equal(t, "approvals", p.Approved, []engine.Approval{{By: ada, At: w.now().Truncate(time.Microsecond), Hash: p.Hash, Role: "savers"}})
	equal(t, "tasks", w.changeTasks(), fmt.Sprintf("propose %d", p.ID))
	equal(t, "ledger", w.sql(`SELECT kind, chain, proposal, amount, by_id, ref FROM ledger WHERE kind = 'approved'`),
		fmt.Sprintf("approved finding/%d/0 %d 50000000 U1 %s", p.Items[0].FindingID, p.ID, p.Hash))
	equal(t, "decision", w.sql(`SELECT proposal_id, items, hash, role, allowed FROM decisions WHERE action = 'approve'`),
		fmt.Sprintf("%d [%d] %s savers true", p.ID, items[0].ID, p.Hash))
	rows, err := w.Audit(t.Context(), fmt.Sprintf("proposal/%d", p.ID), 0)
	w.must(err)
	equal(t, "audit", []any{len(rows), rows[0].Plan, rows[0].Allowed, rows[0].By}, []any{1, p.Hash, true, ada})

	card := engine.SavingsKey(items[0].GroupID, 0)
	equal(t, "messages", w.sql(`SELECT key, kind, subject, detail, thread_key, wanted FROM messages WHERE kind = 'proposal' ORDER BY key`),
		fmt.Sprintf("proposal/%[1]d/event/1 proposal %[1]d 1 %[2]s 1\nproposal/%[1]d/state proposal %[1]d 0 %[2]s 1", p.ID, card))
	g := w.group("api")
	equal(t, "group", []any{len(g.Drafts), len(g.Proposals), g.Proposals[0].ID}, []any{0, 1, p.ID})
	equal(t, "card", w.sql(`SELECT wanted FROM messages WHERE key = $1`, card), fmt.Sprint(g.Version))
}

func TestTwoPeopleApprove(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api", "web")
	p := w.approve("click-1", 2, items...)
	equal(t, "after one", []any{p.Status, p.Reason, p.Title}, []any{engine.ProposalPending, "one more person must approve", "2 changes in shop/deploy, −$99.00/month, low risk"})
	equal(t, "tasks", w.changeTasks(), "")
	equal(t, "ledger", w.sql(`SELECT count(*) FROM ledger WHERE kind = 'approved'`), "0")

	again := w.second("click-2", ada, p)
	p, err := w.Approve(t.Context(), again, store.Approving{Need: needs(2)})
	w.must(err)
	equal(t, "the same person", []any{p.Status, len(p.Approved)}, []any{engine.ProposalPending, 1})

	p, err = w.Approve(t.Context(), w.second("click-3", grace, p), store.Approving{Need: needs(2)})
	w.must(err)
	equal(t, "after two", []any{p.Status, p.Reason, len(p.Approved)}, []any{engine.ProposalApproved, "", 2})
	equal(t, "lines", w.lines(p), "approve Ada, approve Grace")
	equal(t, "tasks", w.changeTasks(), fmt.Sprintf("propose %d", p.ID))
	equal(t, "ledger", w.sql(`SELECT count(*) FROM ledger WHERE kind = 'approved'`), "2")

	_, err = w.Approve(t.Context(), w.second("click-4", lin, p), store.Approving{Need: needs(2)})
	code(t, "a third", err, engine.Conflict)
	w.must(w.VerifyAudit(t.Context()))
}

// Two people who saw the same plan and sent it in at once are two approvals of one proposal.
func TestThePlanThatAnotherJustApprovedIsJoined(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api", "web")
	first := w.approve("click-1", 2, items...)
	second, err := w.Approve(t.Context(), w.yes("click-2", grace), store.Approving{Refs: refs(items[1], items[0]), Need: needs(2)})
	w.must(err)
	equal(t, "second", []any{second.ID, second.Status, len(second.Approved)}, []any{first.ID, engine.ProposalApproved, 2})

	_, err = w.Approve(t.Context(), w.yes("click-3", lin), store.Approving{Refs: refs(items[0]), Need: needs(1)})
	code(t, "a part of it", err, engine.Conflict)
	if want := fmt.Sprintf("proposal %d", first.ID); !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
}

func TestADecisionActsOnce(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	p := w.approve("click-1", 1, items...)
	before := w.proposalState()
	for range 3 {
		again, err := w.Approve(t.Context(), w.yes("click-1", ada), store.Approving{Refs: refs(items...), Need: needs(1), Expires: 24 * time.Hour})
		w.must(err)
		equal(t, "again", again, p)
	}
	equal(t, "state", w.proposalState(), before)
}

func TestFiftyClicksAtOnceAreOneProposal(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api", "web")
	people := []engine.Person{ada, grace}
	var all sync.WaitGroup
	var mu sync.Mutex
	ids := map[int64]int{}
	for k := range 50 {
		all.Go(func() {
			id := fmt.Sprint("click-", k/2) // each sent twice
			p, err := w.Approve(t.Context(), w.yes(id, people[k/2%2]), store.Approving{Refs: refs(items...), Need: needs(2)})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("click %d: %v", k, err)
			}
			ids[p.ID]++
		})
	}
	all.Wait()
	equal(t, "proposals", w.sql(`SELECT count(*), max(status) FROM proposal`), "1 approved")
	equal(t, "answers", len(ids), 1)
	equal(t, "approvals", w.sql(`SELECT count(*) FROM proposal_approval`), "2")
	equal(t, "tasks", w.changeTasks(), "propose 1")
	equal(t, "ledger", w.sql(`SELECT count(*) FROM ledger WHERE kind = 'approved'`), "2")
	equal(t, "audited", w.sql(`SELECT count(*) FROM audit_log WHERE action = 'approve'`), "25")
	w.must(w.VerifyAudit(t.Context()))
}

func TestAStalePlanIsRefused(t *testing.T) {
	for name, alter := range map[string]func(w *savers, i engine.ProposalItem){
		"another value": func(w *savers, i engine.ProposalItem) {
			i.Wish.New = "700m"
			w.must(w.SaveDrafts(w.t.Context(), i.GroupID, []engine.ProposalItem{i}))
		},
		"no draft":        func(w *savers, i engine.ProposalItem) { w.must(w.SaveDrafts(w.t.Context(), i.GroupID, nil)) },
		"no finding":      func(w *savers, _ engine.ProposalItem) { w.pass(time.Hour); w.scan() },
		"a snoozed one":   func(w *savers, i engine.ProposalItem) { w.snooze(i.GroupID) },
		"a forged digest": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newSavers(t)
			items := w.drafted("api")
			shown := refs(items...)
			if alter == nil {
				shown = []string{fmt.Sprintf("%d:%s", items[0].ID, strings.Repeat("0", 16))}
			} else {
				alter(w, items[0])
			}
			late := w.yes("late", ada)
			late.GroupID = items[0].GroupID
			_, err := w.Approve(t.Context(), late, store.Approving{Refs: shown, Need: needs(1)})
			code(t, "approve", err, engine.Conflict)
			equal(t, "proposals", w.sql(`SELECT count(*) FROM proposal`), "0")
			equal(t, "audited", w.sql(`SELECT subject, allowed, reason <> '' FROM audit_log WHERE action = 'approve'`), fmt.Sprintf("savings/%d true true", items[0].GroupID))
			_, again := w.Approve(t.Context(), w.yes("late", ada), store.Approving{Refs: shown, Need: needs(1)})
			equal(t, "the same again", engine.UserMessage(again, ""), engine.UserMessage(err, ""))
		})
	}
}

func (w *savers) snooze(group int64) {
	w.t.Helper()
	_, err := w.Mute(w.t.Context(), engine.Decision{
		ID: "snooze", Action: engine.ActionSnooze, By: ada, At: w.now(), Allowed: true, GroupID: group, Reason: "later", Until: w.now().Add(48 * time.Hour),
	})
	w.must(err)
}

func TestWhoMayNotApproveIsRefusedAndAudited(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	no := func([]engine.ProposalItem, engine.MicroUSD) (engine.ApprovalNeed, error) {
		return engine.ApprovalNeed{}, engine.Errorf(engine.Forbidden, "frozen until Monday")
	}
	_, err := w.Approve(t.Context(), w.yes("frozen", ada), store.Approving{Refs: refs(items...), Need: no})
	code(t, "frozen", err, engine.Forbidden)

	refused := w.yes("refused", grace)
	refused.Allowed, refused.Reason, refused.GroupID = false, "no role", items[0].GroupID
	p, err := w.Approve(t.Context(), refused, store.Approving{Refs: refs(items...), Need: needs(1)})
	w.must(err)
	equal(t, "nothing is made", p.ID, int64(0))
	own := func([]engine.ProposalItem, engine.MicroUSD) (engine.ApprovalNeed, error) {
		return engine.ApprovalNeed{People: 1, NotProposer: true}, nil
	}
	_, err = w.Approve(t.Context(), w.yes("own", lin), store.Approving{Refs: refs(items...), Need: own, Proposer: lin})
	code(t, "the proposer", err, engine.Forbidden)

	equal(t, "proposals", w.sql(`SELECT count(*) FROM proposal`), "0")
	equal(t, "audit", w.sql(`SELECT by_id, subject, allowed, reason FROM audit_log WHERE action = 'approve' ORDER BY seq`),
		fmt.Sprintf("U1 savings/%[1]d false frozen until Monday\nU2 savings/%[1]d false no role\nU3 savings/%[1]d false you proposed this yourself: somebody else must approve it", items[0].GroupID))
	equal(t, "decisions", w.sql(`SELECT count(*) FROM decisions WHERE action = 'approve' AND NOT allowed`), "3")
}

func TestAProposalIsDenied(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	p := w.approve("click-1", 2, items...)
	d := w.second("no-0", grace, p)
	d.Action = engine.ActionDeny
	_, err := w.Deny(t.Context(), d)
	code(t, "without a reason", err, engine.Invalid)
	d.ID, d.Reason = "no-1", "not before the sale"
	p, err = w.Deny(t.Context(), d)
	w.must(err)
	equal(t, "denied", []any{p.Status, p.Reason}, []any{engine.ProposalDenied, "not before the sale"})
	equal(t, "it is drafted anew", w.changeTasks(), fmt.Sprintf("draft %d", items[0].GroupID))
	equal(t, "audit", w.sql(`SELECT subject, action, reason, plan = $1 FROM audit_log ORDER BY seq DESC LIMIT 1`, p.Hash), fmt.Sprintf("proposal/%d deny not before the sale true", p.ID))
	_, err = w.Approve(t.Context(), w.second("click-2", lin, p), store.Approving{Need: needs(2)})
	code(t, "an approval after it", err, engine.Conflict)
	again := w.second("no-2", lin, p)
	again.Action, again.Reason = engine.ActionDeny, "nor me"
	_, err = w.Deny(t.Context(), again)
	code(t, "denied twice", err, engine.Conflict)

	w.must(w.SaveDrafts(t.Context(), items[0].GroupID, []engine.ProposalItem{draft(w.one("api"))}))
	own, _, err := w.Drafts(t.Context(), items[0].GroupID)
	w.must(err)
	second := w.approve("click-3", 1, own...)
	equal(t, "approved after all", []any{second.ID > p.ID, second.Key == p.Key, second.Status}, []any{true, true, engine.ProposalApproved})
}

func TestAProposalExpires(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api", "web")
	first, second := w.approve("click-1", 2, items[0]), w.approve("click-2", 2, items[1])
	w.pass(24*time.Hour - time.Second)
	w.must(w.Sweep(t.Context()))
	equal(t, "just before", w.sql(`SELECT string_agg(status, ' ') FROM proposal`), "pending pending")
	w.pass(time.Second)
	_, err := w.Approve(t.Context(), w.second("late", grace, first), store.Approving{Need: needs(2)})
	code(t, "a late approval", err, engine.Conflict)
	w.must(w.Sweep(t.Context()))
	w.must(w.Sweep(t.Context()))
	equal(t, "after", w.sql(`SELECT string_agg(status, ' ') FROM proposal`), "expired expired")
	equal(t, "lines", w.lines(second), "approve Ada, expired")
}

func TestDraftsKeepTheirIdsWhileTheyLookTheSame(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	i := items[0]
	version := w.group("api").Version
	newer := draft(w.one("api"))
	newer.Commit, newer.MadeAt = "beef", w.now().Add(time.Hour)
	w.must(w.SaveDrafts(t.Context(), i.GroupID, []engine.ProposalItem{newer}))
	own, _, err := w.Drafts(t.Context(), i.GroupID)
	w.must(err)
	equal(t, "the same", []any{own[0].ID, w.group("api").Version}, []any{i.ID, version})

	shown := own[0]
	for range 2 { // scan after scan
		newer.Monthly += engine.USD
		w.must(w.SaveDrafts(t.Context(), i.GroupID, []engine.ProposalItem{newer}))
		own, _, err = w.Drafts(t.Context(), i.GroupID)
		w.must(err)
		equal(t, "a little more money", []any{own[0].Ref(), own[0].Monthly, w.group("api").Version}, []any{shown.Ref(), shown.Monthly, version})
	}
	newer.Monthly = shown.Monthly * 11 / 10
	w.must(w.SaveDrafts(t.Context(), i.GroupID, []engine.ProposalItem{newer}))
	own, _, err = w.Drafts(t.Context(), i.GroupID)
	w.must(err)
	equal(t, "much more money", []any{own[0].ID != i.ID, w.group("api").Version}, []any{true, version})

	newer.Edits, newer.Why, newer.ByHand = nil, "a variable", []engine.Place{{Path: "main.tf", Line: 3}}
	w.must(w.SaveDrafts(t.Context(), i.GroupID, []engine.ProposalItem{newer}))
	equal(t, "what the card shows", w.group("api").Version, version+1)
	_, err = w.Approve(t.Context(), w.yes("c", ada), store.Approving{Refs: refs(w.group("api").Drafts...), Need: needs(1)})
	code(t, "by hand only", err, engine.Invalid)

	code(t, "two of one finding", w.SaveDrafts(t.Context(), i.GroupID, []engine.ProposalItem{newer, newer}), engine.Invalid)
	w.pass(time.Hour)
	w.scan()
	own, _, err = w.Drafts(t.Context(), i.GroupID)
	w.must(err)
	equal(t, "of a closed finding", len(own), 0)
	w.must(w.Sweep(t.Context()))
	equal(t, "swept", w.sql(`SELECT count(*) FROM proposal_item`), "0")
}

func TestOthersOfTheSameRepositoryAreOffered(t *testing.T) {
	w := newSavers(t)
	w.drafted("api", "web", "db")
	elsewhere := draft(w.one("db"))
	elsewhere.Repo = "shop/database"
	w.must(w.SaveDrafts(t.Context(), w.group("db").ID, []engine.ProposalItem{elsewhere}))
	own, others, err := w.Drafts(t.Context(), w.group("api").ID)
	w.must(err)
	equal(t, "own", []any{len(own), own[0].Title}, []any{1, "payments/api CPU 2 → 0.5"})
	equal(t, "others", []any{len(others), others[0].Title}, []any{1, "payments/web CPU 2 → 0.5"})

	mixed := append(own, w.group("db").Drafts...)
	_, err = w.Approve(t.Context(), w.yes("c", ada), store.Approving{Refs: refs(mixed...), Need: needs(1)})
	code(t, "two repositories", err, engine.Invalid)

	twin := draft(w.one("web"))
	twin.Wish = own[0].Wish
	w.must(w.SaveDrafts(t.Context(), w.group("web").ID, []engine.ProposalItem{twin}))
	_, err = w.Approve(t.Context(), w.yes("d", ada), store.Approving{Refs: refs(append(own, w.group("web").Drafts...)...), Need: needs(1)})
	code(t, "two lines of one value", err, engine.Invalid)
	p := w.approve("e", 1, own...)
	equal(t, "what another proposal changes is not offered", len(w.group("web").Drafts), 0)
	_, err = w.Approve(t.Context(), w.yes("f", ada), store.Approving{Refs: []string{"0"}, Need: needs(1)})
	code(t, "no ref", err, engine.Invalid)
	equal(t, "one", p.Status, engine.ProposalApproved)
}

// A group that is only listed gets its card when somebody approves: there must be a place to tell what becomes of it.
func TestAnApprovedGroupGetsACard(t *testing.T) {
	w := newSavers(t)
	w.scan(sizing("tiny", 4))
	g := w.group("tiny")
	w.must(w.SaveDrafts(t.Context(), g.ID, []engine.ProposalItem{draft(w.one("tiny"))}))
	equal(t, "no card", w.sql(`SELECT count(*) FROM messages`), "0")
	w.approve("c", 1, w.group("tiny").Drafts...)
	equal(t, "messages", w.sql(`SELECT key, channel FROM messages WHERE thread_key = ''`), engine.SavingsKey(g.ID, 0)+" #savings")
}
