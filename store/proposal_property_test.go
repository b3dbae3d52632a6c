package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/store"
)

// brokenProposals gives a line for each rule of a proposal's life that is broken.
const brokenProposals = `
	SELECT 'two live proposals of a key', string_agg(key, ' ') FROM (SELECT key FROM proposal WHERE over_at IS NULL GROUP BY key HAVING count(*) > 1) q HAVING count(*) > 0
	UNION ALL SELECT 'two live lines of a value', string_agg(what, ' ') FROM (SELECT what FROM proposal_item WHERE live GROUP BY what HAVING count(*) > 1) q HAVING count(*) > 0
	UNION ALL SELECT 'a line that lives longer or shorter than its proposal', string_agg(i.id::text, ' ') FROM proposal_item i JOIN proposal p ON p.id = i.proposal_id
		WHERE i.live <> (p.over_at IS NULL AND p.status <> 'verified') HAVING count(*) > 0
	UNION ALL SELECT 'a proposal of nothing', string_agg(id::text, ' ') FROM proposal p WHERE NOT EXISTS (SELECT FROM proposal_item i WHERE i.proposal_id = p.id) HAVING count(*) > 0
	UNION ALL SELECT 'a decision without its one row in the audit log', '' WHERE (SELECT count(*) FROM decisions) <> (SELECT count(*) FROM audit_log)
	UNION ALL SELECT 'an audit row without the plan of its decision', string_agg(d.id, ' ') FROM decisions d
		WHERE d.hash <> '' AND NOT EXISTS (SELECT FROM audit_log a WHERE a.plan = d.hash AND a.by_id = d.by_id AND a.action = d.action AND a.allowed = d.allowed) HAVING count(*) > 0
	UNION ALL SELECT 'approved by too few', string_agg(p.id::text, ' ') FROM proposal p WHERE p.approved_at IS NOT NULL
		AND (SELECT count(*) FROM proposal_approval a WHERE a.proposal_id = p.id) <> (p.need ->> 'people')::int HAVING count(*) > 0
	UNION ALL SELECT 'approved by enough and still pending', string_agg(p.id::text, ' ') FROM proposal p WHERE p.status = 'pending'
		AND (SELECT count(*) FROM proposal_approval a WHERE a.proposal_id = p.id) >= (p.need ->> 'people')::int HAVING count(*) > 0
	UNION ALL SELECT 'an approval of another plan', string_agg(a.proposal_id::text, ' ') FROM proposal_approval a JOIN proposal p ON p.id = a.proposal_id WHERE a.hash <> p.hash HAVING count(*) > 0
	UNION ALL SELECT 'gaps in a timeline', string_agg(x::text, ' ') FROM (SELECT proposal_id FROM proposal_event GROUP BY 1 HAVING count(*) <> max(n)) q(x) HAVING count(*) > 0
	UNION ALL SELECT 'a line that is not told', string_agg(e.proposal_id || '/' || e.n, ' ') FROM proposal_event e
		WHERE NOT EXISTS (SELECT FROM messages m WHERE m.key = 'proposal/' || e.proposal_id || '/event/' || e.n) HAVING count(*) > 0
	UNION ALL SELECT 'an old state is told', string_agg(p.id::text, ' ') FROM proposal p LEFT JOIN messages m ON m.key = 'proposal/' || p.id || '/state'
		WHERE m.wanted IS DISTINCT FROM p.version HAVING count(*) > 0
	UNION ALL SELECT 'an old card', string_agg(g.id::text, ' ') FROM finding_group g JOIN messages m ON m.key = g.card WHERE m.wanted <> g.version HAVING count(*) > 0
	UNION ALL SELECT 'not one task for an approval', string_agg(p.id::text, ' ') FROM proposal p WHERE p.approved_at IS NOT NULL
		AND (SELECT count(*) FROM river_job j WHERE j.kind = 'propose' AND j.args ->> 'detail' = p.id::text) <> 1 HAVING count(*) > 0
	UNION ALL SELECT 'approved and not in the ledger', string_agg(p.id::text, ' ') FROM proposal p JOIN proposal_item i ON i.proposal_id = p.id
		WHERE p.approved_at IS NOT NULL AND NOT EXISTS (SELECT FROM ledger l WHERE l.chain = i.body ->> 'Chain' AND l.proposal = p.id AND l.kind IN ('approved', 'corrected')) HAVING count(*) > 0
	UNION ALL SELECT 'live and not in the ledger', string_agg(p.id::text, ' ') FROM proposal p JOIN proposal_item i ON i.proposal_id = p.id
		WHERE p.deployed_at IS NOT NULL AND NOT EXISTS (SELECT FROM ledger l WHERE l.chain = i.body ->> 'Chain' AND l.kind = 'implemented') HAVING count(*) > 0`

// proposalMoves writes down each status that a proposal ever has, beside what the store writes.
var proposalMoves = []string{
	`CREATE TABLE moves (old text, new text)`,
	`CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO moves VALUES (OLD.status, NEW.status); RETURN NEW; END $$`,
	`CREATE TRIGGER moved AFTER UPDATE OF status ON proposal FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION moved()`,
}

// Whatever people and tasks do, in whatever order and twice at once: every proposal goes its way.
func TestAnyProposal(t *testing.T) {
	w := newSavers(t)
	for _, sql := range proposalMoves {
		w.sql(sql)
	}
	round, n := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		names := []string{fmt.Sprint("a", round), fmt.Sprint("b", round), fmt.Sprint("c", round)}
		items := w.drafted(names...)
		shown := items
		for range rapid.IntRange(3, 14).Draw(rt, "steps") {
			n++
			act := w.anyAct(rt, fmt.Sprint("d", n), names, &shown)
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() {
					err := act()
					if code := engine.CodeOf(err); code == engine.Internal || code == engine.Unavailable {
						t.Errorf("a step failed: %v", err)
					}
				})
			}
			all.Wait()
			if broken := w.sql(brokenProposals); broken != "" {
				rt.Fatalf("after step %d: %s", n, broken)
			}
		}
		for line := range strings.Lines(w.sql(`SELECT DISTINCT old, new FROM moves`)) {
			from, to, _ := strings.Cut(strings.TrimSpace(line), " ")
			if !change.Leads(engine.ProposalStatus(from), engine.ProposalStatus(to)) {
				rt.Fatalf("a proposal went from %s to %s", from, to)
			}
		}
		w.pass(30 * 24 * time.Hour) // what is left over does not disturb the next round
	})
	w.must(w.VerifyAudit(t.Context()))
}

// anyAct draws what somebody does next.
func (w *savers) anyAct(rt *rapid.T, id string, names []string, shown *[]engine.ProposalItem) func() error {
	ctx := w.t.Context()
	by := rapid.SampledFrom([]engine.Person{ada, grace, lin}).Draw(rt, "by")
	need := needs(rapid.IntRange(1, 2).Draw(rt, "people"))
	d := w.yes(id, by)
	d.Allowed = rapid.IntRange(0, 5).Draw(rt, "allowed") > 0
	var p engine.Proposal
	if list, err := w.Proposals(ctx, store.ProposalFilter{Limit: 3}); err == nil && len(list) > 0 {
		p = list[rapid.IntRange(0, len(list)-1).Draw(rt, "proposal")]
	}
	only := func(_ engine.Proposal, err error) error { return err }
	seen := p.Pull
	seen.Number, seen.URL = int(p.ID)+100, "https://github.example/pull"
	switch rapid.IntRange(0, 12).Draw(rt, "act") {
	case 0, 1, 2:
		chosen := (*shown)[:rapid.IntRange(1, len(*shown)).Draw(rt, "chosen")]
		return func() error {
			return only(w.Approve(ctx, d, store.Approving{Refs: refs(chosen...), Need: need, Expires: time.Hour}))
		}
	case 3:
		d.ProposalID, d.Hash = p.ID, p.Hash
		return func() error { return only(w.Approve(ctx, d, store.Approving{Need: need})) }
	case 4:
		d.ProposalID, d.Hash, d.Action, d.Reason = p.ID, p.Hash, engine.ActionDeny, "no"
		return func() error { return only(w.Deny(ctx, d)) }
	case 5:
		w.pass(time.Duration(rapid.IntRange(1, 80).Draw(rt, "minutes")) * time.Minute)
		return func() error { return w.ExpireProposals(ctx) }
	case 6:
		name := rapid.SampledFrom(names).Draw(rt, "name")
		fresh := draft(w.one(name))
		fresh.Monthly = engine.Dollars(float64(rapid.IntRange(20, 22).Draw(rt, "dollars")))
		group := w.group(name).ID
		err := w.SaveDrafts(ctx, group, []engine.ProposalItem{fresh})
		*shown = nil
		for _, name := range names {
			*shown = append(*shown, w.group(name).Drafts...)
		}
		if len(*shown) == 0 {
			*shown = []engine.ProposalItem{{ID: 1 << 40, Hash: "none"}}
		}
		return func() error { return err }
	case 7:
		status := rapid.SampledFrom([]engine.ProposalStatus{engine.ProposalOpened, engine.ProposalMerged, ""}).Draw(rt, "status")
		return func() error {
			return only(w.SavePull(ctx, p.ID, p.Version, seen, status, "", []engine.Event{{Text: "seen"}}))
		}
	case 8:
		return func() error { return only(w.Deployed(ctx, p.ID, "live")) }
	case 9:
		return func() error { return only(w.Verified(ctx, p.ID, nil, "verified")) }
	case 10:
		return func() error { return only(w.Reversed(ctx, p.ID, by, "harm")) }
	case 11:
		return func() error { return only(w.Closed(ctx, p.ID, seen, by, "no room", w.now().Add(time.Hour))) }
	}
	return func() error { return only(w.Stale(ctx, p.ID, "another edit")) }
}
