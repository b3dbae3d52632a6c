package store_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
)

// removing has two people approve a proposal, which a removal is then kept of.
func (w *savers) removing() engine.Proposal {
	w.t.Helper()
	p := w.approve("one", 2, w.drafted("api")...)
	p, err := w.Approve(w.t.Context(), w.second("two", grace, p), approving(2))
	w.must(err)
	return p
}

func TestRemovalGoesOnStepByStep(t *testing.T) {
	w := newSavers(t)
	p := w.removing()
	at, err := w.Removal(t.Context(), p.ID)
	w.must(err)
	if at.Step != engine.RemovalNone || at.Proposal != p.ID {
		t.Fatalf("before anything was done: %+v", at)
	}
	for _, next := range []engine.RemovalState{
		{Step: engine.RemovalSnapshot},
		{Step: engine.RemovalSnapshot},
		{Step: engine.RemovalWait, Snapshot: "snap-1"},
		{Step: engine.RemovalDelete, Snapshot: "snap-1"},
		{Step: engine.RemovalDone, Snapshot: "snap-1"},
	} {
		w.pass(time.Minute)
		before := at
		at, err = w.SaveRemoval(t.Context(), at, next, "waits for "+string(next.Step), "now "+string(next.Step))
		w.must(err)
		read, err := w.Removal(t.Context(), p.ID)
		w.must(err)
		equal(t, "what is read back", read, at)
		if at.Step != next.Step || at.Snapshot != next.Snapshot || !at.At.After(before.At) {
			t.Errorf("%+v after %+v", at, next)
		}
		state := w.proposalState()
		_, err = w.SaveRemoval(t.Context(), before, next, "", "again")
		code(t, "the same step from where it is no more", err, engine.Conflict)
		equal(t, "what a late one leaves", w.proposalState(), state)
	}
	p, err = w.Proposal(t.Context(), p.ID)
	w.must(err)
	if n := len(p.Timeline); p.Reason != "waits for done" || n != 7 || p.Timeline[n-2].Text != "now delete" {
		t.Errorf("reason %q, timeline %+v", p.Reason, p.Timeline)
	}
	if got, want := w.sql(`SELECT reason FROM audit_log WHERE action = 'remove' ORDER BY seq`), "now snapshot\nnow snapshot\nnow delete"; got != want {
		t.Errorf("audited %q, want what changes something: %q", got, want)
	}
	w.must(w.VerifyAudit(t.Context()))
}

// Of many who would go on at once, one does.
func TestRemovalIsTakenOnByOne(t *testing.T) {
	w := newSavers(t)
	at, err := w.Removal(t.Context(), w.removing().ID)
	w.must(err)
	var wg sync.WaitGroup
	won := make(chan bool, 8)
	for range cap(won) {
		wg.Go(func() {
			_, err := w.SaveRemoval(t.Context(), at, engine.RemovalState{Step: engine.RemovalSnapshot}, "", "mine")
			if err != nil {
				code(t, "another one", err, engine.Conflict)
			}
			won <- err == nil
		})
	}
	wg.Wait()
	close(won)
	n := 0
	for one := range won {
		if one {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d went on", n)
	}
}

// A no counts until the volume is being deleted, and stops whoever would go on.
func TestRemovalAndDenial(t *testing.T) {
	no := func(w *savers, p engine.Proposal) error {
		_, err := w.Deny(t.Context(), engine.Decision{ID: "no", Action: engine.ActionDeny, By: ada, At: w.now(), Allowed: true, ProposalID: p.ID, Reason: "I need it"})
		return err
	}
	w := newSavers(t)
	p := w.removing()
	at, err := w.SaveRemoval(t.Context(), engine.RemovalState{Proposal: p.ID}, engine.RemovalState{Step: engine.RemovalSnapshot}, "", "")
	w.must(err)
	w.must(no(w, p))
	_, err = w.SaveRemoval(t.Context(), at, engine.RemovalState{Step: engine.RemovalWait, Snapshot: "snap-1"}, "", "")
	code(t, "after a no", err, engine.Conflict)

	w = newSavers(t)
	p = w.removing()
	at = engine.RemovalState{Proposal: p.ID}
	for _, next := range []engine.RemovalState{{Step: engine.RemovalSnapshot}, {Step: engine.RemovalWait, Snapshot: "snap-1"}, {Step: engine.RemovalDelete, Snapshot: "snap-1"}} {
		at, err = w.SaveRemoval(t.Context(), at, next, "", "")
		w.must(err)
	}
	err = no(w, p)
	code(t, "a no while it is being deleted", err, engine.Conflict)
	if !strings.Contains(err.Error(), "snap-1") {
		t.Errorf("it does not say where the data is: %v", err)
	}
	at, err = w.SaveRemoval(t.Context(), at, engine.RemovalState{Step: engine.RemovalDone, Snapshot: "snap-1"}, "", "")
	w.must(err)
	p, err = w.Deployed(t.Context(), p.ID, "gone")
	w.must(err)
	if p.Status != engine.ProposalDeployed {
		t.Errorf("it is %s", p.Status)
	}
	_, err = w.SaveRemoval(t.Context(), at, engine.RemovalState{Step: engine.RemovalSnapshot}, "", "")
	code(t, "of what is over", err, engine.Conflict)
}

// What the bot does at once is approved on its own.
func TestRemovalIsApprovedOnItsOwn(t *testing.T) {
	w := newSavers(t)
	w.drafted("api", "web")
	var items []engine.ProposalItem
	for _, name := range []string{"api", "web"} {
		i := draft(w.one(name))
		i.Edits, i.Steps, i.Repo, i.Base = nil, []string{"aws ec2 delete-volume"}, "", ""
		i.Removal = &engine.Removal{GiB: 10, Tags: map[string]string{"a": "b"}, CreatedAt: start}
		w.must(w.SaveDrafts(t.Context(), w.group(name).ID, []engine.ProposalItem{i}))
		own, _, err := w.Drafts(t.Context(), w.group(name).ID)
		w.must(err)
		items = append(items, own...)
	}
	if len(items) != 2 || items[0].Removal == nil || items[0].Removal.Tags["a"] != "b" {
		t.Fatalf("drafts %+v", items)
	}
	_, err := w.Approve(t.Context(), w.yes("both", ada), approvingOf(2, items...))
	code(t, "two at once", err, engine.Invalid)
	p, err := w.Approve(t.Context(), w.yes("one", ada), approvingOf(2, items[0]))
	w.must(err)
	if p.Status != engine.ProposalPending || len(p.Items) != 1 || p.Items[0].Removal.GiB != 10 {
		t.Errorf("%+v", p)
	}
}

func approving(people int) store.Approving { return store.Approving{Need: needs(people)} }

func approvingOf(people int, items ...engine.ProposalItem) store.Approving {
	return store.Approving{Refs: refs(items...), Need: needs(people), Expires: time.Hour}
}
