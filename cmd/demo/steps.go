package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// Where the tour's chaos hits, and whose rollout goes wrong. Both are of the industry that is always there.
const (
	always   = "retail"
	hit      = "prices"
	rolled   = "loyalty"
	asked    = "/autopilot chaos kill " + always + "/" + hit + " -count 1"
	requests = 4 // a second of the customers of each industry
)

// fitting are the industries that a machine has room for: one for each core and for each half GiB that is free beyond what the rest takes, two
// at least.
func fitting(names []string, cores int, free int64) []string {
	const rest, each = 3 << 30, 512 << 20
	n := min(cores, int(max(0, free-rest)/each), len(names))
	chosen := []string{always, "travel", "energy"}
	for _, name := range names {
		if !slices.Contains(chosen, name) {
			chosen = append(chosen, name)
		}
	}
	return chosen[:max(2, n)]
}

// freeMemory is what Linux says is there to be used, in bytes.
func freeMemory() (int64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		var kilobytes int64
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &kilobytes); err == nil {
			return kilobytes << 10, nil
		}
	}
	return 0, errors.New("/proc/meminfo does not say how much memory is available")
}

// guideTo is the play with what the tour remembers from one step to the next.
type guideTo struct {
	*play
	money      *play    // in the channel of savings
	industries []string // that are open
	since      string   // ts of the newest message before a step
	savings    slack.Message
	days       int
	rollout    scenario.Scenario
	frame      string // address of the workspace page as ana, in #incidents
	moneyFrame string // as ben, in #finops
}

func newGuideTo(ctx context.Context, p *play) (*guideTo, error) {
	names, err := stand.IndustryNames()
	if err != nil {
		return nil, err
	}
	free, err := freeMemory()
	if err != nil {
		return nil, err
	}
	g := &guideTo{play: p, money: p.saving(), industries: fitting(names, runtime.NumCPU(), free), days: stand.IntoLastWeek(time.Now())}
	g.rollout = badRollout()
	for channel, frame := range map[string]struct {
		who string
		to  *string
	}{p.reader.Channel: {responder, &g.frame}, finops: {saver, &g.moneyFrame}} {
		id, err := p.channelID(ctx, channel)
		if err != nil {
			return nil, err
		}
		*frame.to = fmt.Sprintf("/?user=%s#/c/%s", p.people[frame.who], id)
	}
	return g, nil
}

// badRollout has a service's liveness probe ask a port where nothing listens.
func badRollout() scenario.Scenario {
	return scenario.Scenario{Name: "rollout", Namespace: always, Break: []scenario.Step{{Patch: &scenario.Patch{
		Object: "Deployment/" + rolled,
		With: map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{
			"name":          rolled,
			"livenessProbe": map[string]any{"httpGet": map[string]any{"path": "/healthz", "port": 8081}, "periodSeconds": 2, "failureThreshold": 2},
		}}}}}},
	}}}}
}

// steps are those of the tour.
func (g *guideTo) steps() []step {
	days := fmt.Sprintf("%d days", g.days)
	return slices.Concat(g.business(), g.trouble(), []step{
		{
			name: "Waste is found", look: g.moneyFrame, within: 3 * time.Minute, seen: g.wasteFound,
			tell: "The shop's cart asks for ten times of what it needs. The card says so with its price, the usage beside the request, and a backtest. You look as Ben now, of the platform team.",
		},
		{
			name: "One person approves", within: 2 * time.Minute, act: func(ctx context.Context) error { return g.money.approve(ctx, saver, g.savings) },
			tell: "Press `Approve` on the savings card as Ben. What opens is the exact diff of the pull request. A sum like this takes two people.",
			seen: func(ctx context.Context) (string, error) { return g.money.see(ctx, wasteful, "1 of 2 approvals") },
		},
		{
			name: "A second one, and the pull request opens", within: 4 * time.Minute,
			act: func(ctx context.Context) error { return g.money.approve(ctx, "dev", g.savings) }, look: strings.Replace(g.moneyFrame, g.people[saver], g.people["dev"], 1),
			tell: "Now you are Dev, the finance director. Press `Approve` too, and look into the thread.",
			seen: func(ctx context.Context) (string, error) {
				return g.money.seeInThread(ctx, g.savings.TS, "Pull request #1", "is open")
			},
		},
		{
			name: "It is merged", within: 4 * time.Minute, act: func(context.Context) error { return g.money.merge() },
			look: g.moneyFrame, link: g.stand.Forge.URL() + "/" + declares + "/pull/1",
			tell: "Review the pull request on its page and merge it there, as Ben. What plays Argo CD gives it to the cluster within a second, and the thread says that it is live.",
			seen: func(ctx context.Context) (string, error) { return g.money.seeInThread(ctx, g.savings.TS, "Live") },
		},
		{
			name: "The saving is verified (time is compressed: " + days + " pass now)", within: 5 * time.Minute, begin: func(ctx context.Context) error { return g.money.pass(ctx, g.days) },
			tell: "Measuring takes days. Here " + days + " pass in a moment: rows become that much older, and Prometheus is given what it would have seen. Everything else is as always.",
			seen: g.savingVerified,
		},
		{
			name: "The digest is posted", within: 4 * time.Minute, seen: g.digestPosted,
			tell: "The digest of last week: spend, what was promised beside what was verified, and what is open. `/autopilot report weekly` asks for it at any time.",
		},
	})
}

func (g *guideTo) business() []step {
	all := strings.Join(g.industries, ", ")
	return []step{
		{
			name: "The services are up", look: g.frame, within: 2 * time.Minute, begin: g.mark, act: func(ctx context.Context) error { return g.ask(ctx, watched) },
			tell: "On the right is a Slack. It is a stand-in; Kubernetes, Prometheus, Alertmanager, PostgreSQL and the bot behind it are real. You are Ana, who is on call: type `/autopilot status`.",
			seen: func(ctx context.Context) (string, error) { return g.answered(ctx, watched) },
		},
		{
			name: "Industries come up: " + all, within: 2 * time.Minute, begin: g.open, act: func(ctx context.Context) error { return g.ask(ctx, calm) },
			tell: "As many of the nineteen demo industries as this machine has room for run now: " + all + ". Ask again: `/autopilot status`. Nothing may be open.",
			seen: func(ctx context.Context) (string, error) { return g.answered(ctx, calm) },
		},
		{
			name: "Traffic flows", within: 4 * time.Minute, seen: g.traffic,
			tell: "Customers ask each industry " + fmt.Sprint(requests) + " times a second, and services call one another. The bot has nothing to say about it: in #incidents nothing is open.",
		},
	}
}

func (g *guideTo) trouble() []step {
	subject := always + "/" + hit
	return []step{
		{
			name: "Chaos hits", within: 5 * time.Minute, act: g.chaos,
			tell: "Type `" + asked + "`. The card shows which pod would be hit, by what, and what the API server says to a dry run. Press `Confirm`.",
			seen: g.struck,
		},
		{
			name: "The bot notices it, and says why", within: 5 * time.Minute,
			tell: "Who notices knows nothing of experiments. The incident has its likeliest cause and the evidence for it; its thread has the rest.",
			seen: func(ctx context.Context) (string, error) { return g.see(ctx, subject, "*Cause (") },
		},
		{
			name: "A rollout goes wrong", within: 5 * time.Minute, begin: func(ctx context.Context) error { return g.player.Break(ctx, g.rollout) },
			tell: "Somebody gives " + always + "/" + rolled + " a liveness probe that asks a port where nothing listens. The card says what changed, and offers to undo it.",
			seen: g.offered,
		},
		{
			name: "A fix is approved", within: 5 * time.Minute, act: g.undo,
			tell: "Press `Undo rollout` on the card of " + always + "/" + rolled + ". What opens is the plan and what the API server said to a dry run; send it in. The incident resolves by itself.",
			seen: func(ctx context.Context) (string, error) { return g.see(ctx, always+"/"+rolled, "(resolved)") },
		},
		{
			name: "The experiment is graded", within: 10 * time.Minute,
			tell: "The experiment's card says now whether it was noticed, how soon, and whether the right cause was first. `/autopilot trust` is the sum of such grades.",
			seen: g.graded,
		},
	}
}

// mark remembers what is in the channel already.
func (g *guideTo) mark(ctx context.Context) error {
	all, err := g.reader.Messages(ctx, g.reader.Channel, g.reader.User)
	for _, m := range all {
		g.since = max(g.since, m.TS)
	}
	return err
}

func (g *guideTo) command(ctx context.Context, text string) error {
	o, err := g.reader.Command(ctx, g.person, g.reader.Channel, text)
	if err != nil || !o.OK {
		return fmt.Errorf("%s: %+v, %w", text, o, err)
	}
	return nil
}

// What the status says when the cluster is looked at, and when nothing is wrong with it.
const (
	watched = " watched, current as of"
	calm    = "Nothing is open"
)

// ask asks for the status until it has a text: the bot may just have begun to look.
func (g *guideTo) ask(ctx context.Context, text string) error {
	for {
		if err := g.command(ctx, "/autopilot status"); err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := g.answered(waiting, text)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// answered waits for an answer that came after the mark and has a text.
func (g *guideTo) answered(ctx context.Context, text string) (string, error) {
	return g.until(ctx, "an answer with "+text, func(ctx context.Context) (string, bool, error) {
		all, err := g.reader.Messages(ctx, g.reader.Channel, g.reader.User)
		saw := "no answer"
		for _, m := range all {
			if m.IsEphemeral && m.TS > g.since {
				saw = reader.Text(m)
			}
		}
		return saw, strings.Contains(saw, text), err
	})
}

func (g *guideTo) open(ctx context.Context) error {
	if err := g.stand.OpenIndustries(ctx, g.industries, requests); err != nil {
		return err
	}
	if err := g.stand.ScaleIndustry(ctx, always, hit, 2); err != nil { // the last pod of a service may not be hit
		return err
	}
	return g.mark(ctx)
}

// traffic waits until every industry answers, and nothing is raised of it.
func (g *guideTo) traffic(ctx context.Context) (string, error) {
	return g.until(ctx, "traffic in every industry and a quiet channel", func(ctx context.Context) (string, bool, error) {
		rates, err := g.stand.Prometheus.ByNamespace(ctx, `sum by (namespace) (rate(http_requests_total{code="200"}[30s]))`)
		if err != nil {
			return "", false, err
		}
		var lines []string
		flows := true
		for _, name := range slices.Sorted(slices.Values(g.industries)) {
			lines = append(lines, fmt.Sprintf("%s: %.1f good answers a second", name, rates[name]))
			flows = flows && rates[name] >= requests/2
		}
		cards, err := g.reader.Cards(ctx)
		quiet := true
		for _, c := range cards {
			if !reader.Has(c, "(resolved)") {
				quiet = false
				lines = append(lines, "in #"+g.reader.Channel+": "+firstLine(c))
			}
		}
		if quiet {
			lines = append(lines, "nothing is open in #"+g.reader.Channel)
		}
		return strings.Join(lines, "\n"), flows && quiet, err
	})
}

// chaos asks for the experiment unless that is done already, and says yes to its plan.
func (g *guideTo) chaos(ctx context.Context) error {
	if card, ok, err := g.experiment(ctx); err != nil {
		return err
	} else if !ok || !has(card, "Confirm") {
		if err := g.command(ctx, asked); err != nil {
			return err
		}
	}
	var card slack.Message
	if _, err := g.until(ctx, "a plan with Confirm", func(ctx context.Context) (saw string, ok bool, err error) {
		card, ok, err = g.experiment(ctx)
		return firstLine(card), ok && has(card, "Confirm"), err
	}); err != nil {
		return err
	}
	g.progress("the plan is in #" + g.reader.Channel + ": " + firstLine(card))
	o, err := g.reader.Press(ctx, g.person, card.TS, "Confirm")
	if err != nil || !o.OK {
		return fmt.Errorf("confirming: %+v, %w", o, err)
	}
	return nil
}

// experiment is the newest card of one.
func (g *guideTo) experiment(ctx context.Context) (slack.Message, bool, error) {
	return g.reader.Card(ctx, "\nExperiment ", always+"/"+hit)
}

// struck waits until the experiment was done.
func (g *guideTo) struck(ctx context.Context) (string, error) {
	return g.until(ctx, "an experiment that was done", func(ctx context.Context) (string, bool, error) {
		card, ok, err := g.experiment(ctx)
		head := firstLine(card)
		done := strings.HasPrefix(head, ":checkered_flag:") || strings.Contains(head, "oticed")
		if strings.HasPrefix(head, ":no_entry") {
			head = reader.Text(card) // which says why not
		}
		return head, ok && done, err
	})
}

// graded waits for the grade, which must be that it was noticed.
func (g *guideTo) graded(ctx context.Context) (string, error) {
	var card slack.Message
	_, err := g.until(ctx, "the grade of the experiment", func(ctx context.Context) (saw string, ok bool, err error) {
		card, ok, err = g.experiment(ctx)
		return firstLine(card), ok && strings.Contains(firstLine(card), "oticed"), err
	})
	text := reader.Text(card)
	if err == nil && !strings.Contains(firstLine(card), " Noticed") {
		err = errors.New("the experiment was not noticed; its card says:\n" + text)
	}
	return text, err
}

// offered waits for the card of the bad rollout with a way to undo it.
func (g *guideTo) offered(ctx context.Context) (string, error) {
	return g.until(ctx, "a card with Undo rollout", func(ctx context.Context) (string, bool, error) {
		card, ok, err := g.reader.Card(ctx, always+"/"+rolled, "8081")
		saw := "no card that names port 8081"
		if ok {
			saw = reader.Text(card)
		}
		return saw, ok && has(card, "Undo rollout"), err
	})
}

func (g *guideTo) undo(ctx context.Context) error {
	card, ok, err := g.reader.Card(ctx, always+"/"+rolled)
	if err != nil || !ok {
		return fmt.Errorf("there is no card of %s/%s: %w", always, rolled, err)
	}
	return g.sendIn(ctx, responder, card, "Undo rollout")
}

func (g *guideTo) wasteFound(ctx context.Context) (string, error) {
	card, err := g.money.save(ctx)
	g.savings = card
	return reader.Text(card), err
}

func (g *guideTo) savingVerified(ctx context.Context) (string, error) {
	if _, err := g.money.seeInThread(ctx, g.savings.TS, "Verified"); err != nil {
		return "", err
	}
	if err := g.money.verified(ctx); err != nil {
		return "", err
	}
	return g.money.see(ctx, wasteful, "saved and verified")
}

func (g *guideTo) digestPosted(ctx context.Context) (string, error) {
	digest, err := g.money.digest(ctx, g.days)
	return reader.Text(digest), err
}

// see waits for a card with texts, and gives what it says.
func (p *play) see(ctx context.Context, texts ...string) (string, error) {
	return p.until(ctx, fmt.Sprintf("a card with %q", texts), func(ctx context.Context) (string, bool, error) {
		card, ok, err := p.reader.Card(ctx, texts...)
		if !ok && err == nil {
			card, _, err = p.reader.Card(ctx, texts[0]) // what it says instead
		}
		return reader.Text(card), ok, err
	})
}

func (p *play) seeInThread(ctx context.Context, ts string, texts ...string) (string, error) {
	return p.until(ctx, fmt.Sprintf("a thread with %q", texts), func(ctx context.Context) (string, bool, error) {
		text, err := p.reader.ThreadText(ctx, ts)
		return lastMessage(text), !slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(text, t) }), err
	})
}

// until asks twice a second; when the time is over it says what was seen in the place of what it waited for.
func (p *play) until(ctx context.Context, what string, look func(context.Context) (saw string, ok bool, err error)) (string, error) {
	last := ""
	for {
		saw, ok, err := look(ctx)
		switch {
		case ok && err == nil:
			return saw, nil
		case err == nil:
			last = saw
		case ctx.Err() == nil:
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%s was not seen (%w); seen instead:\n%s", what, ctx.Err(), last)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// lastMessage is the end of a thread.
func lastMessage(thread string) string {
	all := strings.Split(thread, "\n----\n")
	return all[len(all)-1]
}

func firstLine(m slack.Message) string {
	line, _, _ := strings.Cut(reader.Text(m), "\n")
	return line
}

func has(m slack.Message, label string) bool {
	return slices.ContainsFunc(reader.Controls(m), func(c reader.Control) bool { return c.Label == label })
}
