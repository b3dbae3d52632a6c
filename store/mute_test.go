package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

func (w *savers) mute(d engine.Decision) (engine.FindingGroup, error) {
	d.By, d.At, d.Allowed, d.GroupID = ada, w.now(), true, max(d.GroupID, 1)
	return w.Mute(w.t.Context(), d)
}

func TestSnoozedUntilADay(t *testing.T) {
	w := newSavers(t)
	w.scan(sizing("api", 30))
	g, err := w.mute(engine.Decision{ID: "k1", Action: engine.ActionSnooze, Until: w.now().Add(48 * time.Hour), Reason: "launch week"})
	w.must(err)
	if f := g.Findings[0]; f.Status != engine.FindingSnoozed || f.Reason != "launch week" || f.By != ada || g.Monthly != 0 || g.Version != 2 {
		t.Errorf("snoozed: %+v", g)
	}
	equal(t, "the card is redrawn", w.sql(`SELECT wanted FROM messages WHERE key = 'savings/1/card'`), "2")
	again, err := w.mute(engine.Decision{ID: "k1", Action: engine.ActionSnooze, Until: w.now().Add(48 * time.Hour), Reason: "launch week"})
	w.must(err)
	equal(t, "the same click again", again, g)
	w.pass(24 * time.Hour)
	w.scan(sizing("api", 30))
	equal(t, "the next day", w.one("api").Status, engine.FindingSnoozed)
	sum, err := w.Savings(t.Context(), engine.FindingFilter{})
	w.must(err)
	equal(t, "sum while it is snoozed", []int64{int64(sum.Monthly), int64(sum.Snoozed)}, []int64{0, 1})
	w.pass(25 * time.Hour)
	w.scan(sizing("api", 30))
	if f := w.one("api"); f.Status != engine.FindingOpen || f.Reason != "" || !f.Until.IsZero() || f.Reopened != 0 {
		t.Errorf("after the snooze: %+v", f)
	}
	equal(t, "history", w.history(), "api opened  ; api snoozed U1 launch week; api awoke  ")
	equal(t, "audited", w.sql(`SELECT action, subject, by_id, allowed, reason FROM audit_log WHERE action = 'snooze'`), "snooze savings/1 U1 true launch week")
	equal(t, "the decision", w.sql(`SELECT group_id, finding_id, undo FROM decisions WHERE id = 'k1'`), "1 <nil> false")
	w.must(w.VerifyAudit(t.Context()))
}

// TestASnoozeEndsOnItsDay wants what wakes to be shown without a scan, once.
func TestASnoozeEndsOnItsDay(t *testing.T) {
	w := newSavers(t)
	w.scan(sizing("api", 30), sizing("web", 40))
	_, err := w.mute(engine.Decision{ID: "k1", Action: engine.ActionSnooze, Until: w.now().Add(24 * time.Hour), Reason: "launch"})
	w.must(err)
	before := w.everyRow()
	w.must(w.Awaken(t.Context()))
	equal(t, "before its day", w.everyRow(), before)
	w.pass(24 * time.Hour)
	w.must(w.Awaken(t.Context()))
	if f := w.one("api"); f.Status != engine.FindingOpen || f.Reason != "" || !f.Until.IsZero() || f.Monthly != 30*engine.USD {
		t.Errorf("on its day: %+v", f)
	}
	equal(t, "the card is redrawn", w.sql(`SELECT wanted FROM messages WHERE key = 'savings/1/card'`), "3")
	equal(t, "it is looked at", w.sql(`SELECT trigger, cluster FROM scan WHERE finished_at IS NULL`), "awake prod")
	after := w.everyRow()
	w.must(w.Awaken(t.Context()))
	equal(t, "a second time", w.everyRow(), after)
	equal(t, "history", w.sql(`SELECT e.kind, e.by_id, e.reason FROM finding_event e JOIN finding f ON f.id = e.finding_id WHERE f.workload = 'api' ORDER BY e.n`),
		"opened  \nsnoozed U1 launch\nawoke  ")
}

func TestNotWasteIsRemembered(t *testing.T) {
	w := newSavers(t)
	w.scan(sizing("api", 30))
	_, err := w.mute(engine.Decision{ID: "k1", Action: engine.ActionNotWaste, FindingID: w.one("api").ID, Reason: "warm standby"})
	w.must(err)
	w.pass(time.Hour)
	w.scan(sizing("api", 90))
	w.pass(time.Hour)
	w.scan()
	w.pass(time.Hour)
	w.scan(sizing("api", 90))
	f := w.one("api")
	muted, err := w.Muted(t.Context())
	w.must(err)
	equal(t, "muted", muted, map[string]bool{f.Key: true})
	if f.Status != engine.FindingNotWaste || f.Reason != "warm standby" || f.Monthly != 90*engine.USD {
		t.Errorf("after three scans: %+v", f)
	}
	g, err := w.mute(engine.Decision{ID: "k2", Action: engine.ActionNotWaste, Undo: true})
	w.must(err)
	if f := g.Findings[0]; f.Status != engine.FindingOpen || g.Monthly != 90*engine.USD {
		t.Errorf("taken back: %+v", f)
	}
	equal(t, "history", w.history(), "api opened  ; api not_waste U1 warm standby; api updated  ; api undone U1 warm standby")
	equal(t, "a scan says who owns its dollars now", w.sql(`SELECT trigger, by_id, cluster FROM scan WHERE finished_at IS NULL`), "undo U1 prod")
}

// TestNotWasteOfANodeIsOfItsGroup wants the word of a person to count for the node group, whichever instances it has by now.
func TestNotWasteOfANodeIsOfItsGroup(t *testing.T) {
	w := newSavers(t)
	node := func(name, group string) engine.Finding {
		f := engine.Finding{
			Kind: engine.IdleNode, Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: name}, Provider: "i-" + name},
			Monthly: 90 * engine.USD, Whole: 90 * engine.USD, Node: &engine.NodeRemoval{Group: group, Controller: "managed node group"},
		}
		f.Key = waste.Key(f.Kind, f.Target)
		f.Group, _ = waste.GroupOf(f)
		return f
	}
	of := func(name string) (group int64) {
		_, err := fmt.Sscan(w.sql(`SELECT group_id FROM finding WHERE workload = $1`, name), &group)
		w.must(err)
		return group
	}
	kept := func() map[string]int {
		all, err := w.Kept(t.Context())
		w.must(err)
		return all
	}
	const workers, builds = "nodes/prod/managed%20node%20group/workers", "nodes/prod/managed%20node%20group/builds"
	w.scan(node("n1", "workers"), node("n2", "workers"), node("n3", "builds"), sizing("api", 30))
	equal(t, "nobody said anything", kept(), map[string]int{})
	_, err := w.mute(engine.Decision{ID: "k1", Action: engine.ActionNotWaste, GroupID: of("n1"), FindingID: w.one("n1").ID, Reason: "spare"})
	w.must(err)
	_, err = w.mute(engine.Decision{ID: "k2", Action: engine.ActionSnooze, GroupID: of("n3"), Until: w.now().Add(24 * time.Hour), Reason: "launch"})
	w.must(err)
	_, err = w.mute(engine.Decision{ID: "k3", Action: engine.ActionNotWaste, GroupID: of("api"), Reason: "x"})
	w.must(err)
	equal(t, "kept", kept(), map[string]int{workers: 1, builds: 1})
	w.pass(time.Hour)
	w.scan() // the instances are gone
	equal(t, "kept without its instance", kept(), map[string]int{workers: 1, builds: 1})
	w.pass(48 * time.Hour)
	equal(t, "the snooze is over", kept(), map[string]int{workers: 1})
	_, err = w.mute(engine.Decision{ID: "k4", Action: engine.ActionNotWaste, GroupID: of("n1"), FindingID: w.one("n1").ID, Undo: true})
	w.must(err)
	equal(t, "taken back", kept(), map[string]int{})
}

func TestMutesThatDoNotApply(t *testing.T) {
	w := newSavers(t)
	w.scan(sizing("api", 30))
	before := w.sql(`SELECT * FROM finding`)
	for id, c := range map[string]struct {
		d    engine.Decision
		want engine.Code
	}{
		"no reason": {engine.Decision{Action: engine.ActionNotWaste}, engine.Invalid},
		"past":      {engine.Decision{Action: engine.ActionSnooze, Until: w.now().Add(-time.Hour), Reason: "x"}, engine.Invalid},
		"far":       {engine.Decision{Action: engine.ActionSnooze, Until: w.now().Add(9000 * time.Hour), Reason: "x"}, engine.Invalid},
		"action":    {engine.Decision{Action: engine.ActionResolve, Reason: "x"}, engine.Invalid},
		"group":     {engine.Decision{Action: engine.ActionNotWaste, GroupID: 77, Reason: "x"}, engine.NotFound},
		"finding":   {engine.Decision{Action: engine.ActionNotWaste, FindingID: 77, Reason: "x"}, engine.NotFound},
		"undo":      {engine.Decision{Action: engine.ActionSnooze, Undo: true}, engine.Conflict},
	} {
		c.d.ID = id
		_, first := w.mute(c.d)
		code(t, id, first, c.want)
		_, second := w.mute(c.d)
		if diff := cmp.Diff(engine.UserMessage(first, id), engine.UserMessage(second, id)); diff != "" {
			t.Errorf("%s, sent again: %s", id, diff)
		}
	}
	refused, err := w.Mute(t.Context(), engine.Decision{ID: "r", Action: engine.ActionNotWaste, GroupID: 1, By: grace, At: w.now(), Reason: "no role allows it"})
	if err != nil || refused.Findings[0].Status != engine.FindingOpen {
		t.Errorf("refused: %+v, %v", refused, err)
	}
	_, err = w.Mute(t.Context(), engine.Decision{Action: engine.ActionNotWaste, GroupID: 1})
	code(t, "no id", err, engine.Invalid)
	equal(t, "findings", w.sql(`SELECT * FROM finding`), before)
	equal(t, "decisions that are not audited", w.sql(`SELECT (SELECT count(*) FROM decisions) - (SELECT count(*) FROM audit_log)`), "0")
	w.must(w.VerifyAudit(t.Context()))
}
