package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// responder is who acts in the workspace: a person of the on-call group.
const responder = "ana"

// play is one fault, played on a stand.
type play struct {
	stand    *stand.Stand
	scenario scenario.Scenario
	player   *scenario.Player
	reader   reader.Reader
	person   string            // Slack id
	people   map[string]string // Slack ids by name
	subject  string            // "payments/api"
	progress func(string)
}

func newPlay(ctx context.Context, st *stand.Stand, s scenario.Scenario, progress func(string)) (*play, error) {
	player, err := scenario.NewPlayer(st.Cluster.RESTConfig(), st.Cluster)
	if err != nil {
		return nil, err
	}
	p := &play{stand: st, scenario: s, player: player, progress: progress, people: map[string]string{}}
	state, err := st.Slack.Control().State(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range state.Users {
		p.people[u.Name] = u.ID
	}
	p.person = p.people[responder]
	p.reader = reader.Reader{Control: st.Slack.Control(), Channel: "incidents", User: p.person}
	_, name, _ := strings.Cut(s.Expect.Workload, "/")
	p.subject = s.Namespace + "/" + name
	return p, nil
}

// breakIt plays the fault and waits for the card with its first cause.
func (p *play) breakIt(ctx context.Context) (slack.Message, error) {
	if err := p.player.Begin(ctx, p.scenario); err != nil {
		return slack.Message{}, err
	}
	p.progress("breaking " + p.subject + ": " + p.scenario.Title)
	if err := p.player.Break(ctx, p.scenario); err != nil {
		return slack.Message{}, err
	}
	if _, err := p.card(ctx, p.scenario.Expect.Deadline(), "an incident card", p.subject); err != nil {
		return slack.Message{}, err
	}
	p.progress("the incident is in #" + p.reader.Channel)
	card, err := p.card(ctx, p.scenario.Expect.Deadline(), "the likeliest cause", append([]string{p.subject}, p.scenario.Expect.Card...)...)
	if err != nil {
		return slack.Message{}, err
	}
	p.progress("its likeliest cause is on the card")
	return card, nil
}

// card waits for a card that shows the texts.
func (p *play) card(ctx context.Context, within time.Duration, what string, texts ...string) (slack.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var card slack.Message
	err := p.reader.WaitFor(ctx, func(ctx context.Context) (bool, error) {
		m, ok, err := p.reader.Card(ctx, texts...)
		card = m
		return ok, err
	})
	if err != nil {
		return card, fmt.Errorf("%s was not seen in Slack within %s (looking for %q): %w", what, within, texts, err)
	}
	return card, nil
}

// headless plays the fault through and prints the thread. It fails unless the incident, its first cause, the acknowledgement and the
// resolution after the fix were all seen in Slack.
func (p *play) headless(ctx context.Context, out io.Writer) error {
	card, err := p.breakIt(ctx)
	if err == nil {
		err = p.acknowledgeAndFix(ctx, card)
	}
	if card.TS != "" {
		text, textErr := p.reader.ThreadText(context.WithoutCancel(ctx), card.TS)
		_, _ = fmt.Fprintf(out, "\n%s\n\n", text)
		err = errors.Join(err, textErr)
	}
	return err
}

func (p *play) acknowledgeAndFix(ctx context.Context, card slack.Message) error {
	o, err := p.reader.Press(ctx, p.person, card.TS, "Acknowledge")
	if err != nil {
		return err
	}
	if !o.OK {
		return fmt.Errorf("acknowledge: Slack says %s", o.Error)
	}
	if _, err := p.card(ctx, 30*time.Second, "the acknowledgement", p.subject, "Acknowledged by <@"+p.person+">"); err != nil {
		return err
	}
	p.progress(responder + " acknowledged it")
	return p.fix(ctx)
}

func (p *play) fix(ctx context.Context) error {
	if err := p.player.Fix(ctx, p.scenario); err != nil {
		return err
	}
	p.progress("mended " + p.subject)
	if _, err := p.card(ctx, 2*time.Minute, "the resolution", p.subject, "(resolved)"); err != nil {
		return err
	}
	return p.resolvedInThread(ctx)
}

// resolvedInThread waits for the line of the thread that says so.
func (p *play) resolvedInThread(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err := p.reader.WaitFor(ctx, func(ctx context.Context) (bool, error) {
		card, ok, err := p.reader.Card(ctx, p.subject, "(resolved)")
		if !ok || err != nil {
			return false, err
		}
		thread, err := p.reader.ThreadText(ctx, card.TS)
		return strings.Contains(thread, "\n----\nResolved"), err
	})
	if err != nil {
		return fmt.Errorf("the resolution was not seen in the thread: %w", err)
	}
	p.progress("the incident is resolved in its thread")
	return nil
}

// guided plays the fault and leaves the page to the person, who ends it with Ctrl-C.
func (p *play) guided(ctx context.Context, in io.Reader, out io.Writer) error {
	card, err := p.breakIt(ctx)
	if err != nil {
		return err
	}
	channel, err := p.channelID(ctx, p.reader.Channel)
	if err != nil {
		return err
	}
	savings := "none, for it is a cluster of yours"
	told := make(chan error, 1)
	if p.stand.AWS != nil {
		s := p.saving()
		card, err := s.save(ctx)
		if err != nil {
			return err
		}
		money, err := p.channelID(ctx, finops)
		if err != nil {
			return err
		}
		savings = fmt.Sprintf("%s/?user=%s#/c/%s", p.stand.Slack.URL(), p.people[saver], money)
		go func() {
			_, err := s.week(ctx, card)
			told <- err
		}()
	}
	_, _ = fmt.Fprintf(out, `
  The workspace   %s/
  The thread      %s/?user=%s#/c/%s/t/%s
  Savings         %s

  Click on the card as Ana (on call), or as Eve, who may not. Type /autopilot help.
  Approve the savings as Ben, then as Dev; merge the pull request on its page, and watch the card. Once the change is live, a week
  passes in a moment, and its digest comes to #finops. /autopilot report weekly asks for it at any time.
  Prometheus      %s
  Alertmanager    %s
  Kubernetes      KUBECONFIG=%s

  Enter mends %s; Ctrl-C takes everything away again. A tour of everything: go run ./cmd/demo -scenario full

`, p.stand.Slack.URL(), p.stand.Slack.URL(), p.person, channel, card.TS, savings,
		p.stand.Prometheus.URL(), p.stand.Alertmanager.URL(), p.stand.Cluster.Kubeconfig(), p.subject)
	pressed := enter(in)
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case err = <-told:
		case <-pressed:
			pressed, err = nil, p.fix(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// enter receives when a line is read. Input that ends without one never sends, so a demo without a terminal waits for its signal.
func enter(in io.Reader) <-chan struct{} {
	pressed := make(chan struct{})
	go func() {
		if _, err := bufio.NewReader(in).ReadString('\n'); err == nil {
			close(pressed)
		}
	}()
	return pressed
}

func (p *play) channelID(ctx context.Context, name string) (string, error) {
	state, err := p.stand.Slack.Control().State(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range state.Channels {
		if c.Name == name {
			return c.ID, nil
		}
	}
	return "", fmt.Errorf("there is no channel %s", name)
}
