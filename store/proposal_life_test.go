package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/store"
)

var openPull = engine.Pull{Number: 12, URL: "https://github.example/shop/deploy/pull/12", Branch: "autopilot/shop-1", Head: "abc", State: engine.PullOpen}

// opened is an approved proposal whose pull request is there.
func (w *savers) opened(items ...engine.ProposalItem) engine.Proposal {
	w.t.Helper()
	p := w.approve("open-"+items[0].Title, 1, items...)
	p, err := w.SavePull(w.t.Context(), p.ID, p.Version, openPull, engine.ProposalOpened, "", []engine.Event{{Text: "Opened pull request #12"}})
	w.must(err)
	return p
}

func TestAProposalsWay(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	p := w.opened(items...)
	equal(t, "opened", []any{p.Status, p.Pull, w.changeTasks()}, []any{engine.ProposalOpened, openPull, fmt.Sprintf("propose %[1]d, follow %[1]d", p.ID)})

	seen := openPull
	seen.Checks = "passing"
	p, err := w.SavePull(t.Context(), p.ID, p.Version, seen, "", "", []engine.Event{{Text: "Checks pass"}})
	w.must(err)
	merged := seen
	merged.State, merged.MergedSHA = engine.PullMerged, "def"
	w.pass(time.Hour)
	p, err = w.SavePull(t.Context(), p.ID, p.Version, merged, engine.ProposalMerged, "", []engine.Event{{Text: "Merged"}})
	w.must(err)
	equal(t, "merged", []any{p.Status, p.MergedAt, p.Pull.MergedSHA}, []any{engine.ProposalMerged, w.now().Truncate(time.Microsecond), "def"})

	p, err = w.Deployed(t.Context(), p.ID, "Live since now")
	w.must(err)
	w.pass(72 * time.Hour)
	day := w.now().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	measured := engine.LedgerEntry{
		Chain: items[0].Chain, Kind: engine.EntryVerified, Day: day, Proposal: p.ID, Amount: engine.USD, Low: engine.USD / 2, High: 2 * engine.USD, Work: 24,
	}
	p, err = w.Verified(t.Context(), p.ID, []engine.LedgerEntry{measured}, "Verified: saved $1.00 on the first day")
	w.must(err)
	equal(t, "verified", []any{p.Status, p.VerifiedAt.IsZero(), p.DeployedAt.Before(p.VerifiedAt)}, []any{engine.ProposalVerified, false, true})
	equal(t, "lines", w.lines(p), "approve Ada, opened, pull, merged, deployed, verified")
	equal(t, "chain", w.sql(`SELECT string_agg(kind, ' ' ORDER BY id) FROM ledger`), "detected approved implemented verified")

	version := p.Version
	p, err = w.Verified(t.Context(), p.ID, []engine.LedgerEntry{measured}, "Verified")
	w.must(err)
	equal(t, "the same day again", p.Version, version)
	measured.Day = day.Add(24 * time.Hour)
	p, err = w.Verified(t.Context(), p.ID, []engine.LedgerEntry{measured}, "Verified")
	w.must(err)
	equal(t, "another day is drawn, not told", []any{p.Version, len(p.Timeline)}, []any{version + 1, 6})
	equal(t, "saved", p.Saved, engine.Saved{Days: 2, Verified: 2 * engine.USD, Low: engine.USD, High: 4 * engine.USD, Estimated: p.Saved.Estimated})
	if promised := engine.Dollars(50 * 2 / 30.4); p.Saved.Estimated < promised*9/10 || p.Saved.Estimated > promised*11/10 {
		t.Errorf("%s was promised for two days of $50 a month", p.Saved.Estimated)
	}

	p, err = w.Reversed(t.Context(), p.ID, grace, "it ran out of memory")
	w.must(err)
	before := w.proposalState()
	p, err = w.Reversed(t.Context(), p.ID, grace, "it ran out of memory")
	w.must(err)
	equal(t, "reversed twice", w.proposalState(), before)
	equal(t, "reversed", []any{p.Status, p.Reason}, []any{engine.ProposalReversed, "it ran out of memory"})
	equal(t, "ledger", w.sql(`SELECT kind, by_id, ref FROM ledger WHERE kind = 'reversed'`), "reversed U2 it ran out of memory")
	equal(t, "a finding that is still open begins anew", w.sql(`SELECT reopened, status FROM finding`), "1 open")
	equal(t, "chains", w.sql(`SELECT chain, kind FROM ledger ORDER BY id DESC LIMIT 1`), engine.LedgerChain(items[0].FindingID, 1)+" detected")
	g := w.group("api")
	equal(t, "card", w.sql(`SELECT wanted FROM messages WHERE key = $1`, engine.SavingsKey(g.ID, 0)), fmt.Sprint(g.Version))
	equal(t, "state", w.sql(`SELECT wanted FROM messages WHERE key = $1`, engine.ProposalKey(p.ID)), fmt.Sprint(p.Version))
}

// Each step, done again by a task that was killed after it, changes nothing; and one that rests on an old sight is refused.
func TestAStepDoneAgainChangesNothing(t *testing.T) {
	w := newSavers(t)
	p := w.approve("click-1", 1, w.drafted("api")...)
	version := p.Version
	merged := openPull
	merged.State = engine.PullMerged
	steps := []func() (engine.Proposal, error){
		func() (engine.Proposal, error) {
			return w.SavePull(t.Context(), p.ID, version, openPull, engine.ProposalOpened, "", []engine.Event{{Text: "Opened"}})
		},
		func() (engine.Proposal, error) {
			return w.SavePull(t.Context(), p.ID, version+1, merged, engine.ProposalMerged, "", []engine.Event{{Text: "Merged"}, {Text: "by Lin"}})
		},
		func() (engine.Proposal, error) { return w.Hold(t.Context(), p.ID, "Argo CD is out of sync") },
		func() (engine.Proposal, error) { return w.Deployed(t.Context(), p.ID, "Live") },
	}
	for k, step := range steps {
		first, err := step()
		w.must(err)
		before := w.proposalState()
		second, err := step()
		w.must(err)
		equal(t, fmt.Sprint("step ", k), second, first)
		equal(t, fmt.Sprint("state after step ", k), w.proposalState(), before)
	}
	_, err := w.SavePull(t.Context(), p.ID, version, openPull, engine.ProposalOpened, "", []engine.Event{{Text: "Opened"}})
	code(t, "an old sight", err, engine.Conflict)
	_, err = w.Stale(t.Context(), p.ID, "too late")
	code(t, "stale after the merge", err, engine.Conflict)
	equal(t, "lines", w.lines(p), "approve Ada, opened, merged, merged, held, deployed")

	live, err := w.Proposal(t.Context(), p.ID)
	w.must(err)
	later := live.Pull
	later.SeenAt = w.now().Truncate(time.Microsecond)
	again, err := w.SavePull(t.Context(), p.ID, live.Version, later, "", "", nil)
	w.must(err)
	equal(t, "seen again", []any{again.Version, again.Pull.SeenAt}, []any{live.Version, later.SeenAt})
}

func TestTasksThatRunTwiceAtOnceTellOnce(t *testing.T) {
	w := newSavers(t)
	p := w.approve("click-1", 1, w.drafted("api")...)
	var all, held sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := w.SavePull(t.Context(), p.ID, p.Version, openPull, engine.ProposalOpened, "", []engine.Event{{Text: "Opened"}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for range 20 {
		held.Go(func() {
			if _, err := w.Hold(t.Context(), p.ID, "it waits"); err != nil {
				t.Error(err)
			}
		})
	}
	held.Wait()
	equal(t, "lines", w.lines(p), "approve Ada, opened, held")
	equal(t, "messages", w.sql(`SELECT count(*) FROM messages WHERE kind = 'proposal'`), "4")
	equal(t, "tasks", w.changeTasks(), fmt.Sprintf("propose %[1]d, follow %[1]d", p.ID))
}

func TestAClosedPullRequestPutsItsFindingsOff(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api", "web")
	p := w.opened(items...)
	w.pass(time.Hour)
	w.scan(sizing("api", 50)) // web is no waste any more
	closed := openPull
	closed.State, closed.ClosedBy = engine.PullClosed, "octolin"
	by, until := engine.Person{Name: "octolin"}, w.now().Add(30*24*time.Hour)
	for range 2 {
		after, err := w.Closed(t.Context(), p.ID, closed, by, "we need the headroom", until)
		w.must(err)
		equal(t, "closed", []any{after.Status, after.Reason, after.Pull.ClosedBy}, []any{engine.ProposalClosed, "we need the headroom", "octolin"})
	}
	api := w.one("api")
	equal(t, "api", []any{api.Status, api.Reason, api.Until, api.By}, []any{engine.FindingSnoozed, "we need the headroom", until.Truncate(time.Microsecond), by})
	equal(t, "web", w.one("web").Status, engine.FindingClosed)
	equal(t, "lines", w.lines(p), "approve Ada, opened, closed octolin")
	_, err := w.Closed(t.Context(), w.opened(w.drafted("db")...).ID, closed, by, "", until)
	code(t, "without a reason", err, engine.Invalid)
}

// TestAPullRequestThatIsOpenedAgain closes one and opens it again: its findings are found open, it goes on to the ledger, and whatever
// is done twice is done once.
func TestAPullRequestThatIsOpenedAgain(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api", "web")
	p := w.opened(items...)
	closed := openPull
	closed.State = engine.PullClosed
	_, err := w.Closed(t.Context(), p.ID, closed, engine.Person{Name: "octolin"}, "octolin closed it", w.now().Add(change.ClosedFor))
	w.must(err)
	_, err = w.Mute(t.Context(), engine.Decision{
		ID: "m", Action: engine.ActionNotWaste, By: ada, At: w.now(), Allowed: true, Reason: "kept", GroupID: items[1].GroupID, FindingID: items[1].FindingID,
	})
	w.must(err)
	w.sql(`DELETE FROM river_job`)
	w.must(w.Sweep(t.Context()))
	equal(t, "it is looked at", w.changeTasks(), fmt.Sprintf("follow %d", p.ID))

	again := func() engine.Proposal {
		after, err := w.Reopened(t.Context(), p.ID, openPull, engine.ProposalOpened, "waits for a review", []engine.Event{{Kind: change.EventReopened, Text: "Opened again"}})
		w.must(err)
		return after
	}
	after := again()
	equal(t, "on its way", []any{after.Status, after.Reason, after.Pull, w.lines(after)},
		[]any{engine.ProposalOpened, "waits for a review", openPull, "approve Ada, opened, closed octolin, pull_reopened"})
	equal(t, "what closing put off is not any more", w.one("api").Status, engine.FindingOpen)
	equal(t, "what a person said since stands", []any{w.one("web").Status, w.one("web").Reason}, []any{engine.FindingNotWaste, "kept"})
	equal(t, "audited", w.sql(`SELECT subject, by_id, plan = $1, reason FROM audit_log WHERE action = 'reopen'`, p.Hash),
		fmt.Sprintf("proposal/%d  true its pull request was opened again, after it had been closed: octolin closed it", p.ID))
	equal(t, "nobody else may change it", w.sql(`SELECT count(*) FROM proposal_item WHERE live`), "2")
	before := w.proposalState()
	again()
	equal(t, "once more", w.proposalState(), before)

	p, err = w.SavePull(t.Context(), p.ID, after.Version, openPull, engine.ProposalMerged, "", nil)
	w.must(err)
	_, err = w.Deployed(t.Context(), p.ID, "Live")
	w.must(err)
	equal(t, "the chain goes on", w.sql(`SELECT kind FROM ledger WHERE chain = $1 ORDER BY id`, items[0].Chain), "detected\napproved\nimplemented")
	w.must(w.VerifyAudit(t.Context()))
}

// TestAPullRequestThatIsOpenedTooLate is opened again after another proposal took up the same.
func TestAPullRequestThatIsOpenedTooLate(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	p := w.opened(items...)
	closed := openPull
	closed.State = engine.PullClosed
	_, err := w.Closed(t.Context(), p.ID, closed, grace, "not now", w.now().Add(change.ClosedFor))
	w.must(err)
	w.pass(change.ClosedFor)
	w.must(w.Awaken(t.Context()))
	w.sql(`DELETE FROM river_job`)
	w.must(w.Sweep(t.Context()))
	equal(t, "it is looked at no more", w.changeTasks(), "")
	w.must(w.SaveDrafts(t.Context(), items[0].GroupID, []engine.ProposalItem{draft(w.one("api"))}))
	other := w.approve("two", 1, w.group("api").Drafts...)
	for range 2 {
		after, err := w.Reopened(t.Context(), p.ID, openPull, engine.ProposalOpened, "", nil)
		w.must(err)
		equal(t, "it stays closed, told once", []any{after.Status, after.Reason, w.lines(after)}, []any{engine.ProposalClosed, "not now", "approve Ada, opened, closed Grace, pull_reopened"})
	}
	equal(t, "the other", w.sql(`SELECT proposal_id FROM proposal_item WHERE live`), fmt.Sprint(other.ID))
}

func TestAFindingIsApprovedAgainAfterItsPlanWentStale(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	p := w.opened(items...)
	w.must(w.SaveDrafts(t.Context(), items[0].GroupID, []engine.ProposalItem{draft(w.one("api"))}))
	equal(t, "no draft is offered meanwhile", len(w.group("api").Drafts), 0)
	held := w.sql(`SELECT id || ':' || left(hash, 16) FROM proposal_item WHERE proposal_id IS NULL`)
	_, err := w.Approve(t.Context(), w.yes("two", grace), store.Approving{Refs: []string{held}, Need: needs(1)})
	code(t, "what is on its way", err, engine.Conflict)
	if !strings.Contains(err.Error(), openPull.URL) {
		t.Errorf("%v does not say where", err)
	}
	stale, err := w.Stale(t.Context(), p.ID, "somebody else changed it")
	w.must(err)
	equal(t, "stale", []any{stale.Status, stale.Reason}, []any{engine.ProposalStale, "somebody else changed it"})
	again := w.approve("three", 1, w.group("api").Drafts...)
	equal(t, "again", []any{again.Key == p.Key, again.Status}, []any{true, engine.ProposalApproved})
	g := w.group("api")
	equal(t, "group", []any{len(g.Proposals), g.Proposals[0].ID, g.Proposals[1].ID}, []any{2, again.ID, p.ID})
}

// TestWhatIsLeftAfterAChange verifies a change, and has scans see nothing of the finding, see it not at all, or see more of it.
func TestWhatIsLeftAfterAChange(t *testing.T) {
	verified := func(t *testing.T) (*savers, engine.Proposal, engine.ProposalItem) {
		w := newSavers(t)
		items := w.drafted("api")
		p := w.opened(items...)
		p, err := w.SavePull(t.Context(), p.ID, p.Version, openPull, engine.ProposalMerged, "", nil)
		w.must(err)
		_, err = w.Deployed(t.Context(), p.ID, "Live")
		w.must(err)
		w.pass(48 * time.Hour)
		_, err = w.Verified(t.Context(), p.ID, nil, "Verified")
		w.must(err)
		return w, p, items[0]
	}
	offered := func(w *savers) (chains []string) {
		f := w.one("api")
		if f.Status == engine.FindingOpen {
			w.must(w.SaveDrafts(t.Context(), w.group("api").ID, []engine.ProposalItem{draft(f)}))
		}
		for _, i := range w.group("api").Drafts {
			chains = append(chains, i.Chain)
		}
		return chains
	}
	t.Run("a scan that could not judge it", func(t *testing.T) {
		w, _, _ := verified(t)
		w.report(waste.Report{Judged: func(engine.Finding) bool { return false }})
		equal(t, "offered", offered(w), []string(nil))
	})
	t.Run("it is gone", func(t *testing.T) {
		w, _, _ := verified(t)
		w.scan()
		equal(t, "offered", offered(w), []string(nil))
		w.pass(time.Hour)
		w.scan(sizing("api", 50))
		equal(t, "when it comes back", offered(w), []string{"finding/1/1"})
	})
	t.Run("there is more", func(t *testing.T) {
		w, p, item := verified(t)
		w.scan(sizing("api", 20))
		equal(t, "offered", offered(w), []string{"finding/1/1"})
		equal(t, "history", w.history(), "api opened  ; api updated  ; api reopened  this is left after the change")
		w.pass(6 * time.Hour)
		w.scan(sizing("api", 20))
		equal(t, "once", []any{w.one("api").Reopened, offered(w)}, []any{1, []string{"finding/1/1"}})
		more := w.approve("more", 1, w.group("api").Drafts...)
		equal(t, "approved", []any{more.Status, more.ID == p.ID}, []any{engine.ProposalApproved, false})
		equal(t, "the first chain", w.sql(`SELECT kind FROM ledger WHERE chain = $1 ORDER BY id`, item.Chain), "detected\napproved\nimplemented")
		equal(t, "the second", w.sql(`SELECT kind FROM ledger WHERE chain = 'finding/1/1' ORDER BY id`), "detected\napproved")
	})
}

// What the ledger refuses is refused to the person, and audited; nothing of it is left behind.
func TestWhatTheLedgerRefusesIsNotApproved(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	items[0].Chain = engine.LedgerChain(items[0].FindingID, 3) // that nobody detected
	w.must(w.SaveDrafts(t.Context(), items[0].GroupID, items))
	items = w.group("api").Drafts
	p, err := w.Approve(t.Context(), w.yes("click-1", ada), store.Approving{Refs: refs(items...), Need: needs(1)})
	code(t, "approve", err, engine.Conflict)
	equal(t, "what is left", []any{p.ID, w.sql(`SELECT count(*) FROM proposal`), w.changeTasks()}, []any{int64(0), "0", ""})
	equal(t, "audit", w.sql(`SELECT subject, reason LIKE '%does not follow%' FROM audit_log WHERE action = 'approve'`), fmt.Sprintf("savings/%d true", items[0].GroupID))
	w.must(w.VerifyAudit(t.Context()))
}

func TestProposalsAreFound(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api", "web")
	p := w.opened(items[0])
	q := w.approve("q", 2, items[1])
	for name, c := range map[string]struct {
		filter store.ProposalFilter
		want   string
	}{
		"all that are not over": {store.ProposalFilter{}, fmt.Sprint(q.ID, " ", p.ID)},
		"by status":             {store.ProposalFilter{Statuses: []engine.ProposalStatus{engine.ProposalPending}}, fmt.Sprint(q.ID)},
		"by group":              {store.ProposalFilter{Group: items[0].GroupID}, fmt.Sprint(p.ID)},
		"by repository":         {store.ProposalFilter{Repo: "no/where"}, ""},
		"one":                   {store.ProposalFilter{Limit: 1}, fmt.Sprint(q.ID)},
		"by incident":           {store.ProposalFilter{Incident: 7}, ""},
	} {
		list, err := w.Proposals(t.Context(), c.filter)
		w.must(err)
		var ids []string
		for _, p := range list {
			ids = append(ids, fmt.Sprint(p.ID))
		}
		equal(t, name, strings.Join(ids, " "), c.want)
	}
	found, err := w.ProposalByPull(t.Context(), "Shop/Deploy", 12)
	w.must(err)
	equal(t, "by pull request", found, p)
	_, err = w.ProposalByPull(t.Context(), "shop/deploy", 13)
	code(t, "another", err, engine.NotFound)
	_, err = w.ProposalByPull(t.Context(), "shop/deploy", 0)
	code(t, "none", err, engine.NotFound)
	_, err = w.Proposal(t.Context(), 99)
	code(t, "unknown", err, engine.NotFound)
	_, err = w.Stale(t.Context(), 99, "")
	code(t, "unknown to a task", err, engine.NotFound)
	wrong := w.second("y", ada, p)
	_, err = w.Deny(t.Context(), wrong)
	code(t, "another action", err, engine.Invalid)
	_, err = w.Approve(t.Context(), w.second("x", ada, engine.Proposal{ID: 99, Hash: "h"}), store.Approving{Need: needs(1)})
	code(t, "unknown to a person", err, engine.NotFound)
}

func TestTheBotOffersToTakeBack(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	p := w.opened(items...)
	back := items[0]
	back.Wish.Old, back.Wish.New, back.Monthly, back.Chain = back.Wish.New, back.Wish.Old, -back.Monthly, ""
	back.Title = "payments/api CPU 0.5 → 2"
	offer := engine.Proposal{Items: []engine.ProposalItem{back}, Reverts: p.ID, Need: engine.ApprovalNeed{People: 1}}
	o, err := w.Offer(t.Context(), offer, time.Hour)
	w.must(err)
	equal(t, "offer", []any{o.Status, o.Title, len(o.Approved), o.Proposer.IsZero()}, []any{engine.ProposalPending, "payments/api CPU 0.5 → 2, +$50.00/month, low risk", 0, true})
	equal(t, "hash", o.Hash, change.PlanHash(o.Items))
	before := w.proposalState()
	again, err := w.Offer(t.Context(), offer, time.Hour)
	w.must(err)
	equal(t, "the same offer", again, o)
	equal(t, "state", w.proposalState(), before)

	second := offer
	i := w.open(api)
	second.Incident = i.ID
	again, err = w.Offer(t.Context(), second, time.Hour)
	w.must(err)
	equal(t, "for another incident that followed", again.ID, o.ID)

	o, err = w.Approve(t.Context(), w.second("yes", grace, o), store.Approving{Need: needs(1)})
	w.must(err)
	equal(t, "approved", []any{o.Status, w.lines(o)}, []any{engine.ProposalApproved, "offered, approve Grace"})
	equal(t, "the ledger is of what it takes back", w.sql(`SELECT count(*) FROM ledger WHERE proposal = $1`, o.ID), "0")

	_, err = w.SavePull(t.Context(), o.ID, o.Version, openPull, engine.ProposalMerged, "", nil)
	w.must(err)
	_, err = w.Deployed(t.Context(), o.ID, "Live")
	w.must(err)
	equal(t, "nothing of it is on its way any more", w.sql(`SELECT count(*) FROM proposal_item WHERE live AND proposal_id = $1`, o.ID), "0")

	mend := back
	mend.Wish.Kind, mend.Wish.New, mend.FindingID, mend.GroupID = engine.WishLimit, "3", 0, 0
	m, err := w.Offer(t.Context(), engine.Proposal{Items: []engine.ProposalItem{mend}, Incident: i.ID, Need: engine.ApprovalNeed{People: 1}}, 0)
	w.must(err)
	equal(t, "under the incident", w.sql(`SELECT thread_key FROM messages WHERE key = $1`, engine.ProposalKey(m.ID)), engine.CardKey(i.ID))
	rows, err := w.Audit(t.Context(), fmt.Sprintf("proposal/%d", p.ID), 0)
	w.must(err)
	equal(t, "audited with what it takes back", len(rows), 2)
	_, err = w.Offer(t.Context(), engine.Proposal{Items: []engine.ProposalItem{mend}}, 0)
	code(t, "for nothing", err, engine.Invalid)
	_, err = w.Offer(t.Context(), engine.Proposal{Items: []engine.ProposalItem{mend}, Incident: 99}, 0)
	code(t, "for an unknown incident", err, engine.NotFound)
}

func TestProposalsWhoseTaskIsGoneGetAnother(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api", "web")
	p, q := w.approve("p", 1, items[0]), w.opened(items[1])
	w.sql(`DELETE FROM river_job`)
	w.must(w.Sweep(t.Context()))
	want := fmt.Sprintf("propose %d, follow %d", p.ID, q.ID)
	equal(t, "swept", w.changeTasks(), want)
	w.must(w.Sweep(t.Context()))
	equal(t, "once", w.changeTasks(), want)
	q, err := w.SavePull(t.Context(), q.ID, q.Version, openPull, engine.ProposalMerged, "", nil)
	w.must(err)
	_, err = w.Deployed(t.Context(), q.ID, "Live")
	w.must(err)
	w.sql(`DELETE FROM river_job WHERE kind = 'follow'`)
	w.must(w.Sweep(t.Context()))
	equal(t, "looked after", w.changeTasks(), want)
	w.sql(`DELETE FROM river_job WHERE kind = 'follow'`)
	w.pass(7 * 24 * time.Hour)
	w.must(w.Sweep(t.Context()))
	equal(t, "for a week", w.changeTasks(), fmt.Sprintf("propose %d", p.ID))
	w.must(w.Follow(t.Context(), q.ID))

	w.sql(`UPDATE river_job SET state = 'scheduled', scheduled_at = now() + interval '1 hour' WHERE kind = 'follow'`)
	w.must(w.Follow(t.Context(), q.ID))
	equal(t, "hastened", w.sql(`SELECT count(*), bool_and(scheduled_at <= $1) FROM river_job WHERE kind = 'follow'`, w.now()), "1 true")
	w.must(w.Follow(t.Context(), p.ID))
	equal(t, "one more", w.changeTasks(), want+fmt.Sprintf(", follow %d", p.ID))
}

// What a transaction writes is written whole: the connection is cut at each of its statements in turn, and nothing is left of it
// until it is done to the end.
func TestAnApprovalIsWholeOrNothing(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	before := w.proposalState()
	for _, table := range []string{"decisions", "proposal", "proposal_approval", "proposal_event", "ledger", "messages", "audit_log", "river_job"} {
		w.sql(`CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$`)
		w.sql(`CREATE TRIGGER cut AFTER INSERT OR UPDATE ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION cut()`)
		_, err := w.Approve(t.Context(), w.yes("click-1", ada), store.Approving{Refs: refs(items...), Need: needs(1)})
		code(t, "cut at "+table, err, engine.Unavailable)
		w.sql(`DROP FUNCTION cut CASCADE`)
		equal(t, "after a cut at "+table, w.proposalState(), before)
	}
	p := w.approve("click-1", 1, items...)
	equal(t, "in the end", p.Status, engine.ProposalApproved)
	w.must(w.VerifyAudit(t.Context()))
}

// A change that is live and cannot be measured, for want of a price or of Prometheus, does not keep its value for itself for ever.
func TestWhatCannotBeMeasuredHoldsUpNoOther(t *testing.T) {
	w := newSavers(t)
	p := w.opened(w.drafted("api")...)
	p, err := w.SavePull(t.Context(), p.ID, p.Version, openPull, engine.ProposalMerged, "", nil)
	w.must(err)
	_, err = w.Deployed(t.Context(), p.ID, "Live")
	w.must(err)
	live := func() string { return w.sql(`SELECT count(*) FROM proposal_item WHERE live`) }
	w.pass(13 * 24 * time.Hour)
	w.must(w.Sweep(t.Context()))
	equal(t, "while it may be measured", live(), "1")
	w.pass(2 * 24 * time.Hour)
	w.must(w.Sweep(t.Context()))
	equal(t, "after two weeks", live(), "0")
}
