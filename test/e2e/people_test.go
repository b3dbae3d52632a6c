package e2e_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// fault gives a built-in scenario in a namespace of its own, so that tests can play it side by side.
func fault(t *testing.T, name, namespace string) scenario.Scenario {
	t.Helper()
	s, err := scenario.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	s.Namespace = namespace
	return s
}

// breakIt plays a fault up to its card.
func (w *world) breakIt(s scenario.Scenario) slack.Message {
	w.t.Helper()
	ctx := w.t.Context()
	w.t.Cleanup(func() { w.must(w.player.End(context.Background(), s)) })
	w.must(w.player.Begin(ctx, s))
	w.must(w.player.Break(ctx, s))
	_, name, _ := strings.Cut(s.Expect.Workload, "/")
	return w.card(90*time.Second, s.Namespace+"/"+name)
}

// ephemeral waits for an answer in the channel that one person alone sees.
func (w *world) ephemeral(who string, texts ...string) slack.Message {
	w.t.Helper()
	return w.answered(who, "", texts...)
}

// answered waits for an answer that one person alone sees and has not seen yet: in a thread, or in the channel where thread is "".
func (w *world) answered(who, thread string, texts ...string) slack.Message {
	w.t.Helper()
	var found slack.Message
	w.eventually(20*time.Second, who+" is answered", func(ctx context.Context) (bool, error) {
		m, ok, err := w.unheard(ctx, who, thread, texts...)
		found = m
		return ok, err
	})
	return found
}

func (w *world) openStore() *store.Store {
	w.t.Helper()
	st, err := store.Open(w.t.Context(), w.postgres.URL(), store.Options{})
	w.must(err)
	w.t.Cleanup(st.Close)
	return st
}

// TestPeople is one incident's life in people's hands: refused, acknowledged, assigned, looked into, judged, resolved; and every
// decision is a row of an unbroken audit log.
func TestPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, only("people"))
	s := fault(t, "crash", "people")
	card := w.breakIt(s)
	w.card(60*time.Second, "people/api", "db:5432")

	// Somebody without a role is refused and told why.
	w.press("eve", card.TS, "Acknowledge")
	w.ephemeral("eve", "You may not do that", "responder")
	if m, _, _ := w.reader.Card(t.Context(), "people/api"); reader.Has(m, "Acknowledged by") {
		t.Error("the card says acknowledged although it was refused")
	}

	w.press("ana", card.TS, "Acknowledge")
	w.card(20*time.Second, "people/api", "Acknowledged by <@"+w.people["ana"]+">")
	w.press("ana", card.TS, "Assign to me")
	w.card(20*time.Second, "people/api", "Assigned to <@"+w.people["ana"]+">")

	w.press("ana", card.TS, "Show logs")
	logs := w.ephemeral("ana", "FATAL: cannot connect to db:5432")
	others, err := w.slack.Control().Messages(t.Context(), w.reader.Channel, w.people["eve"])
	w.must(err)
	for _, m := range others {
		if m.TS == logs.TS {
			t.Error("the log excerpt is seen by somebody who did not ask")
		}
	}

	// "Was this cause right?" no: a form asks, refuses an empty answer and takes a real one.
	w.press("ana", card.TS, "No")
	view := w.modal("ana")
	block, action := inputOf(t, view)
	answer := func(text string) slack.Outcome {
		o, err := w.slack.Control().Submit(t.Context(), w.people["ana"], view.ID, map[string]map[string]slack.Block{
			block: {action: {"type": "plain_text_input", "value": text}},
		})
		w.must(err)
		return o
	}
	if o := answer("x"); len(o.Errors) != 1 {
		t.Errorf("an answer of one letter: %+v, want the field's error", o)
	}
	if o := answer("the password of the database was rotated"); !o.OK || len(o.Errors) != 0 {
		t.Errorf("a good answer: %+v", o)
	}
	w.thread(20*time.Second, card.TS, "the password of the database was rotated")

	w.press("ana", card.TS, "Resolve")
	w.card(20*time.Second, "people/api", "(resolved)", "by <@"+w.people["ana"]+">")

	st := w.openStore()
	w.must(st.VerifyAudit(t.Context()))
	rows, err := st.Audit(t.Context(), "", 50)
	w.must(err)
	seen := map[engine.Action][]bool{}
	for _, r := range rows {
		seen[r.Action] = append(seen[r.Action], r.Allowed)
	}
	if n := len(seen[engine.ActionAcknowledge]); n != 2 {
		t.Errorf("%d audit rows of acknowledge, want the refusal and the deed: %+v", n, rows)
	}
	for _, a := range []engine.Action{engine.ActionAssign, engine.ActionLogs, engine.ActionVerdict, engine.ActionResolve} {
		if len(seen[a]) != 1 || !seen[a][0] {
			t.Errorf("audit rows of %s: %v, want one that was allowed", a, seen[a])
		}
	}
}

// inputOf gives the block and action of a form's only input.
func inputOf(t *testing.T, v slack.View) (block, action string) {
	t.Helper()
	for _, b := range v.Blocks {
		if b["type"] == "input" {
			element, _ := b["element"].(map[string]any)
			block, _ = b["block_id"].(string)
			action, _ = element["action_id"].(string)
			return block, action
		}
	}
	t.Fatalf("the form has no input: %+v", v.Blocks)
	return "", ""
}

func TestCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t, only("commands"))
	w.breakIt(fault(t, "config", "commands"))
	say := func(who, text string) {
		t.Helper()
		o, err := w.slack.Control().Command(t.Context(), w.people[who], w.reader.Channel, text)
		if err != nil || !o.OK {
			t.Fatalf("%s says %s: %+v, %v", who, text, o, err)
		}
	}
	say("eve", "/autopilot help")
	w.ephemeral("eve", "/autopilot incidents", "/autopilot show")
	say("eve", "/autopilot statsu")
	w.ephemeral("eve", "did you mean `/autopilot status`?")
	say("eve", "/autopilot status")
	w.ephemeral("eve", clusterName)
	say("eve", "/autopilot incidents commands")
	w.ephemeral("eve", "commands/book")
	say("eve", "/autopilot show 1")
	w.ephemeral("eve", "Incident 1", "commands/book")
	say("eve", "/autopilot pause")
	w.ephemeral("eve", "needs the role admin")
	say("ben", "/autopilot pause the migration runs")
	w.ephemeral("ben", "Paused")
	say("ben", "/autopilot resume")
	w.ephemeral("ben", "Resumed")

	if _, err := w.slack.Control().OpenHome(t.Context(), w.people["chi"]); err != nil {
		t.Fatal(err)
	}
	w.eventually(20*time.Second, "the Home tab shows the incident", func(ctx context.Context) (bool, error) {
		v, err := w.slack.Control().Home(ctx, w.people["chi"])
		return v != nil && reader.Has(slack.Message{Blocks: v.Blocks}, "commands/book", clusterName), err
	})
}
