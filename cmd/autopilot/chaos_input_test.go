package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// breakersOfAll may break things wherever namespaces opted in.
const breakersOfAll = chaosConfig + "  max_pods: 2\n"

func everywhere(t *testing.T) *game {
	t.Helper()
	g := newGame(t, "", strings.Replace(breakersOfAll, "roles:\n", "roles:\n  - {name: breakers of all, members: [U0CAT], may: [view, chaos, chaos_drain, chaos_stop]}\n", 1))
	g.shop.set(func() { g.shop.wide = true })
	return g
}

// TestBadInputOnItsWay types what people type, and reads what they read: an answer at once, or the card that the plan became. It says what
// would be right, and nothing is hit.
func TestBadInputOnItsWay(t *testing.T) {
	g := everywhere(t)
	g.process("one")
	cards := int64(0)
	for _, c := range []struct{ text, answer, card string }{
		{text: "chaos kil shop/api", answer: "`kil` is no fault; did you mean `kill`?"},
		{text: "chaos smash shop/api", answer: "known: kill, container-kill"},
		{text: "chaos kill shop/api -count -3", answer: "-count -3 is not possible; a whole number from 1 to 1000"},
		{text: "chaos kill shop/api -count 0", answer: "a whole number from 1 to 1000"},
		{text: "chaos kill shop/api -percent 0", answer: "from 1 to 100"},
		{text: "chaos kill shop/api -percent 101", answer: "from 1 to 100"},
		{text: "chaos network-lag shop/api -duration 0s", answer: "5s to 1h"},
		{text: "chaos network-lag shop/api -duration -60s", answer: "5s to 1h"},
		{text: "chaos network-lag shop/api -duration 1000h", answer: "5s to 1h"},
		{text: "chaos network-lag shop/api -duration forever", answer: "such as 60s"},
		{text: "chaos network-lag shop/api -duration 99999999999999999999h", answer: "5s to 1h"},
		{text: "chaos kill shop/api -selector ,", answer: "labels by commas"},
		{text: "chaos kill " + strings.Repeat("x", 3000), answer: "no name of a namespace"},
		{text: "chaos kill ../../etc", answer: "no name"},
		{text: "chaos stop 0", answer: "is not an experiment's number"},
		{text: "chaos stop 99", answer: "there is no experiment 99"},
		{text: "chaos kill shpo/api", card: "did you mean ˋshopˋ?"},
		{text: "chaos kill nowhere/api", card: "has no namespace ˋnowhereˋ; opted in are: edge, shop"},
		{text: "chaos kill shop/apy", card: "did you mean ˋshop/apiˋ?"},
		{text: "chaos kill vault/web", card: "opt"},
		{text: "chaos kill kube-system/dns", card: "kube-system"},
		{text: "chaos kill shop -selector app=nobody", card: "of shop has the labels ˋapp=nobodyˋ"},
		{text: "chaos kill shop -selector app!=nobody -percent 100", card: "more than the 50 %"},
		{text: "chaos kill shop/api -count 1000", card: "1000"},
		{text: "chaos network-lag shop/api -duration 45m", card: "10m"},
		{text: "chaos node-drain n2", card: "did you mean ˋn1ˋ?"},
	} {
		reply, err := g.say("U0CAT", c.text)
		if c.answer != "" {
			if engine.CodeOf(err) != engine.Invalid && engine.CodeOf(err) != engine.NotFound || !strings.Contains(engine.UserMessage(err, "-"), c.answer) {
				t.Errorf("%.60s: %q, %v; want %q", c.text, reply.Text, err, c.answer)
			}
			continue
		}
		must(t, err)
		cards++
		e := g.wait(cards, "refused", is(engine.ExperimentRefused))
		card, err := json.Marshal(view.Experiment(e, nil, "https://slack.example"))
		must(t, err)
		if !strings.Contains(string(card), c.card) {
			t.Errorf("%s: the card says %s, want %q", c.text, card, c.card)
		}
	}
	if hits := g.shop.hits(); len(hits) > 0 {
		t.Errorf("hit %v", hits)
	}
	g.shop.set(func() {
		if len(g.shop.tried) == 0 || slices.Contains(g.shop.tried, "vault") {
			t.Errorf("rehearsed in %v, want never in who has not opted in", g.shop.tried)
		}
	})
}

// TestConfirmIsTakenOnce has two people, and one of them twice, say yes to the same plan at the same time: it is done once.
func TestConfirmIsTakenOnce(t *testing.T) {
	g := newGame(t, "", chaosConfig)
	g.process("one")
	e := g.plan(1, "chaos kill shop/api -count 1")
	var all sync.WaitGroup
	var mu sync.Mutex
	heard := map[string]bool{} // who was not told that it was too late: a second yes of the same person is the first
	for k, by := range []string{"U0ANA", "U0BEN", "U0ANA", "U0BEN"} {
		all.Go(func() {
			_, err := g.h.Click(t.Context(), engine.Click{
				ID: fmt.Sprint("at once ", k), By: engine.Person{ID: by}, Action: string(engine.ActionChaos), Value: engine.ExperimentButton{Experiment: e.ID, Hash: e.Hash}.Value(),
			})
			mu.Lock()
			defer mu.Unlock()
			switch engine.CodeOf(err) {
			case "":
				heard[by] = true
			case engine.Conflict:
			default:
				t.Errorf("%s: %v", by, err)
			}
		})
	}
	all.Wait()
	e = g.wait(1, "over", is(engine.ExperimentOver))
	if len(heard) != 1 || len(e.Approvals) != 1 || !heard[e.Approvals[0].By.ID] || len(g.shop.hits()) != 1 {
		t.Errorf("%v were taken; hit %v, approvals %+v", heard, g.shop.hits(), e.Approvals)
	}
}

// TestConfirmedADayLater is a yes to a plan of yesterday: nothing is done, and it says what to do.
func TestConfirmedADayLater(t *testing.T) {
	g := newGame(t, "", chaosConfig)
	stop := g.process("one")
	e := g.plan(1, "chaos kill shop/api")
	stop()
	g.skew.Add(int64(24 * time.Hour))
	err := g.press("U0BEN", engine.ActionChaos, e)
	if engine.CodeOf(err) != engine.Conflict || !strings.Contains(engine.UserMessage(err, "-"), "again") {
		t.Errorf("%v", err)
	}
	g.process("two")
	g.wait(1, "refused", is(engine.ExperimentRefused))
	if hits := g.shop.hits(); len(hits) > 0 {
		t.Errorf("hit %v", hits)
	}
}

// TestRandomAll hits one pod in each namespace that opted in, and none in the others.
func TestRandomAll(t *testing.T) {
	g := everywhere(t)
	g.process("one")
	if _, err := g.say("U0ANA", "chaos random-all kill"); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("by who may only in shop: %v", err)
	}
	_, err := g.say("U0CAT", "chaos random-all kill")
	must(t, err)
	e := g.wait(1, "planned", is(engine.ExperimentPlanned))
	if err := g.press("U0ANA", engine.ActionChaos, e); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("confirmed by who may only in shop: %v", err)
	}
	must(t, g.press("U0CAT", engine.ActionChaos, e))
	g.wait(1, "over", is(engine.ExperimentOver))
	hits := strings.Join(g.shop.hits(), " ")
	if strings.Count(hits, "kill ") != 2 || !strings.Contains(hits, "kill api-") || !strings.Contains(hits, "kill edge-web-") {
		t.Errorf("hit %s", hits)
	}
}
