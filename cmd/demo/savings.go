package main

import (
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/labelled"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// saver decides about savings in the workspace: a person of the platform group.
const saver = "ben"

//go:embed waste.yaml
var wasteFile []byte

func wasteCases() ([]labelled.Case, error) { return labelled.Parse("waste.yaml", wasteFile) }

// repo is the repository that declares the shop.
//
//go:embed repo
var repo embed.FS

// declared gives the files of the repository by path.
func declared() (map[string]string, error) {
	root, err := fs.Sub(repo, "repo")
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	return files, fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		files[path] = string(data)
		return err
	})
}

// reports are those that the bot posts: of a week as soon as it is over, so that nobody waits for Tuesday.
func reports() string {
	section := "reports:\n  deliveries: [{name: finops, period: weekly, schedule: \"0 0 * * MON\", channel: \"#" + finops + "\"}]\n" +
		"  budgets: [{name: the shop, monthly: 500}]\n"
	if path, err := exec.LookPath("chromium"); err == nil {
		section += fmt.Sprintf("  pdf: {chromium: %q}\n", path)
	}
	return section
}

const (
	finops   = "finops"
	declares = "acme/clusters" // the repository of the stand
	wasteful = "shop/cart"
)

// saving is the play in the channel of savings.
func (p *play) saving() *play {
	s := *p
	s.reader = reader.Reader{Control: p.stand.Slack.Control(), Channel: finops, User: p.people[saver]}
	return &s
}

// save waits for the savings card and for something to approve on it: a bot that never looked for waste looks at once. What the days
// before used is known before anybody approves.
func (p *play) save(ctx context.Context) (slack.Message, error) {
	var card slack.Message
	waiting, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := p.reader.WaitFor(waiting, func(ctx context.Context) (bool, error) {
		m, ok, err := p.reader.Card(ctx, wasteful, "a month")
		card = m
		return ok && slices.ContainsFunc(reader.Controls(m), func(c reader.Control) bool { return c.Label == "Approve" }), err
	}); err != nil {
		return card, fmt.Errorf("a savings card of %s with a button was not seen: %w", wasteful, err)
	}
	p.progress("what could be saved is in #" + finops)
	if err := p.stand.Bot.Stop(ctx); err != nil {
		return card, err
	}
	return card, p.stand.Bot.Start(ctx) // which is when it measures; else it is within the hour
}

// agree does what people do: two of them approve what the card says, and one merges the pull request.
func (p *play) agree(ctx context.Context, card slack.Message) error {
	if err := p.approve(ctx, saver, card); err != nil {
		return err
	}
	if _, err := p.card(ctx, 30*time.Second, "the first approval", wasteful, "1 of 2 approvals"); err != nil {
		return err
	}
	if err := p.approve(ctx, "dev", card); err != nil {
		return err
	}
	if err := p.inThread(ctx, 2*time.Minute, card.TS, "Pull request #1", "is open"); err != nil {
		return err
	}
	return p.merge()
}

// approve presses Approve as somebody does, and sends in what opens.
func (p *play) approve(ctx context.Context, who string, card slack.Message) error {
	if err := p.sendIn(ctx, who, card, "Approve"); err != nil {
		return err
	}
	p.progress(who + " approved it")
	return nil
}

// sendIn presses a button as somebody does, and sends in the window that opens, with what is chosen in it beforehand.
func (p *play) sendIn(ctx context.Context, who string, card slack.Message, label string) error {
	o, err := p.reader.Press(ctx, p.people[who], card.TS, label)
	if err == nil && o.OK {
		opening, cancel := context.WithTimeout(ctx, 20*time.Second)
		o, err = p.reader.SendIn(opening, p.people[who])
		cancel()
	}
	if err != nil || !o.OK || len(o.Errors) > 0 {
		return fmt.Errorf("%s presses %s: %+v, %w", who, label, o, err)
	}
	return nil
}

func (p *play) merge() error {
	if err := p.stand.Forge.Merge(declares, stand.ForgeBen, 1, "merge"); err != nil {
		return fmt.Errorf("merging: %w", err)
	}
	p.progress("the pull request is merged")
	return nil
}

// week lets time pass once the change is live, until the digest of the week in which it was measured is in the channel.
func (p *play) week(ctx context.Context, card slack.Message) (digest slack.Message, err error) {
	if err := p.inThread(ctx, 0, card.TS, "Live"); err != nil {
		return digest, err
	}
	days := stand.IntoLastWeek(time.Now())
	if err := p.pass(ctx, days); err != nil {
		return digest, err
	}
	if err := p.inThread(ctx, 2*time.Minute, card.TS, "Verified"); err != nil {
		return digest, err
	}
	if err := p.verified(ctx); err != nil {
		return digest, err
	}
	return p.digest(ctx, days)
}

// pass has days pass in a moment.
func (p *play) pass(ctx context.Context, days int) error {
	p.progress(fmt.Sprintf("the change is live. Time is compressed: %d days pass now. Rows become that much older, and Prometheus is given what it would have seen; the bot is away for a moment", days))
	return p.stand.Pass(ctx, days)
}

// verified has the bot look again, and waits until it says what was saved.
func (p *play) verified(ctx context.Context) error {
	if o, err := p.reader.Command(ctx, p.people[saver], finops, "/autopilot detect waste"); err != nil || !o.OK {
		return fmt.Errorf("asking for a scan: %+v, %w", o, err)
	}
	if _, err := p.card(ctx, 2*time.Minute, "what was saved", wasteful, "saved and verified"); err != nil {
		return err
	}
	p.progress("what was saved is measured, and a scan finds it no more; the digest of last week is due within a minute")
	return nil
}

// digest waits for that of last week, once its time has come.
func (p *play) digest(ctx context.Context, days int) (slack.Message, error) {
	if err := stand.AgeDeliveries(ctx, p.stand.Postgres.URL(), days); err != nil {
		return slack.Message{}, err
	}
	digest, err := p.card(ctx, 3*time.Minute, "the digest", ":bar_chart:", "Verified savings")
	if err == nil {
		p.progress("the digest of last week is in #" + finops)
	}
	return digest, err
}

// inThread waits for texts in a thread; within 0 is as long as it takes.
func (p *play) inThread(ctx context.Context, within time.Duration, ts string, texts ...string) error {
	if within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	err := p.reader.WaitFor(ctx, func(ctx context.Context) (bool, error) {
		text, err := p.reader.ThreadText(ctx, ts)
		return !slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(text, t) }), err
	})
	if err != nil {
		return fmt.Errorf("%q was not seen in the thread: %w", texts, err)
	}
	return nil
}

// savings plays from the card to the digest, and does what people would do.
func (p *play) savings(ctx context.Context, out io.Writer) error {
	card, err := p.save(ctx)
	if err != nil {
		return err
	}
	if err := p.agree(ctx, card); err != nil {
		return err
	}
	digest, err := p.week(ctx, card)
	if err != nil {
		return err
	}
	text, err := p.reader.ThreadText(ctx, digest.TS)
	_, _ = fmt.Fprintf(out, "\n%s\n\n", text)
	return err
}

// whole is savings, and leaves the page to the person then, who ends it with Ctrl-C.
func (p *play) whole(ctx context.Context, exit bool, out io.Writer) error {
	if err := p.savings(ctx, out); err != nil || exit {
		return err
	}
	channel, err := p.channelID(ctx, finops)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "  The digest      %s/?user=%s#/c/%s\n\n  Type /autopilot report weekly; Ctrl-C takes everything away again.\n\n", p.stand.Slack.URL(), p.people[saver], channel)
	<-ctx.Done()
	return nil
}
