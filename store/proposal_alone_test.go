package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/policy"
	"github.com/eks-autopilot/autopilot/store"
)

// inParts asks for two people above sixty dollars in a day. What the tests draft is worth 50, 49, 48, ... dollars.
func (w *savers) inParts(items ...engine.ProposalItem) store.Approving {
	p := policy.Policy{Approvals: policy.Approvals{TwoAbove: 60 * engine.USD, Within: 24 * time.Hour}}
	return store.Approving{Refs: refs(items...), Within: p.Approvals.Within, Need: func(items []engine.ProposalItem, alone engine.MicroUSD) (engine.ApprovalNeed, error) {
		return p.Need(items, alone, w.now())
	}}
}

func (w *savers) part(id string, by engine.Person, items ...engine.ProposalItem) engine.Proposal {
	w.t.Helper()
	p, err := w.Approve(w.t.Context(), w.yes(id, by), w.inParts(items...))
	w.must(err)
	return p
}

func TestWhatOnePersonApprovesInParts(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("a", "b", "c", "d", "e")
	alone := func(by engine.Person, with engine.ProposalItem) engine.MicroUSD {
		sum, err := w.Alone(t.Context(), by, with, 24*time.Hour)
		w.must(err)
		return sum
	}
	first := w.part("a", ada, items[0])
	equal(t, "the first", first.Status, engine.ProposalApproved)
	elsewhere, others := items[1], items[1]
	elsewhere.Repo, others.Owner.Team = "shop/infra", "core"
	equal(t, "alone", []engine.MicroUSD{alone(ada, items[1]), alone(grace, items[1]), alone(ada, elsewhere), alone(ada, others)}, []engine.MicroUSD{50 * engine.USD, 0, 0, 0})
	second := w.part("b", ada, items[1])
	equal(t, "the second", []any{second.Status, second.Need.People, second.Need.Why}, []any{
		engine.ProposalPending, 2,
		[]string{"two people, for $49.00/month and the $50.00/month that the same person approved alone within 24 h are above $60.00"},
	})
	equal(t, "what two approve counts for nobody", alone(ada, items[2]), 50*engine.USD)
	again, err := w.Approve(t.Context(), w.second("b2", grace, second), w.inParts())
	w.must(err)
	equal(t, "by another", again.Status, engine.ProposalApproved)
	equal(t, "who has approved nothing alone", w.part("c", grace, items[2]).Status, engine.ProposalApproved)

	closed := openPull
	closed.State = engine.PullClosed
	_, err = w.Closed(t.Context(), first.ID, closed, ada, "no", w.now().Add(change.ClosedFor))
	w.must(err)
	equal(t, "one that may be opened again counts", alone(ada, items[3]), 50*engine.USD)
	w.pass(24 * time.Hour)
	equal(t, "a day later", w.part("d", ada, items[3]).Status, engine.ProposalApproved)
	_, err = w.Stale(t.Context(), 4, "changed")
	w.must(err)
	equal(t, "what came to nothing", alone(ada, items[4]), engine.MicroUSD(0))
}

// TestPartsAtTheSameTime sends in two parts at once, again and again: one of them needs a second person.
func TestPartsAtTheSameTime(t *testing.T) {
	w := newSavers(t)
	for round := range 2 {
		items := w.drafted(fmt.Sprint("a", round), fmt.Sprint("b", round))
		var all sync.WaitGroup
		for k, i := range items {
			all.Go(func() {
				if _, err := w.Approve(t.Context(), w.yes(fmt.Sprint(round, "/", k), ada), w.inParts(i)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		w.pass(25 * time.Hour)
	}
	equal(t, "approved alone", w.sql(`SELECT status, count(*) FROM proposal GROUP BY status ORDER BY status`), "approved 2\npending 2")
}

// TestAnOfferInParts approves what the bot offered before it knew who would: it needs a second person then.
func TestAnOfferInParts(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api", "web")
	w.part("a", ada, items[0])
	i := w.open(api)
	mend := items[1]
	mend.ID, mend.Wish.Kind, mend.Wish.New, mend.FindingID, mend.GroupID, mend.Chain, mend.Monthly = 0, engine.WishLimit, "3", 0, 0, "", -20*engine.USD
	offer, err := w.Offer(t.Context(), engine.Proposal{Items: []engine.ProposalItem{mend}, Incident: i.ID, Need: engine.ApprovalNeed{People: 1}}, 0)
	w.must(err)
	offer, err = w.Approve(t.Context(), w.second("b", ada, offer), w.inParts())
	w.must(err)
	equal(t, "by the same", []any{offer.Status, offer.Need.People, len(offer.Need.Why)}, []any{engine.ProposalPending, 2, 1})
	offer, err = w.Approve(t.Context(), w.second("c", grace, offer), w.inParts())
	w.must(err)
	equal(t, "by another", offer.Status, engine.ProposalApproved)
}
