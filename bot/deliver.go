package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

const (
	retryFirst = time.Second // before the second attempt; doubled up to retryMost
	retryMost  = 2 * time.Minute
	giveUp     = 8           // attempts at something that Slack refuses for what it is
	recheck    = time.Minute // before a channel without a fallback is tried again
)

// deliverAll takes one due message after the other until ctx ends.
func (b *Bot) deliverAll(ctx context.Context, n int) {
	holder := fmt.Sprintf("%s/%d", b.cfg.Replica, n)
	wake := b.outbox.Wake(ctx)
	for ctx.Err() == nil {
		if b.refused.Load() == nil {
			d, ok, err := b.outbox.Lease(ctx, holder, b.timing.Lease)
			if err == nil && ok {
				// A post that was begun is brought to its end: stopping between Slack's accept and our save costs a look.
				b.deliver(context.WithoutCancel(ctx), d)
				continue
			}
			if err != nil && ctx.Err() == nil {
				b.log.WarnContext(ctx, "due slack messages could not be read", "error", err)
			}
		}
		poll := time.NewTimer(b.timing.Poll)
		select {
		case <-ctx.Done():
		case <-poll.C:
		case _, open := <-wake:
			if !open {
				wake = nil
			}
		}
		poll.Stop()
	}
}

// deliver makes Slack show the newest state of one message, and tells the outbox what came of it.
func (b *Bot) deliver(ctx context.Context, d engine.Delivery) {
	ctx = engine.WithID(ctx, engine.MessageTrail(d.Key))
	// Beyond its lease the message may be somebody else's.
	ctx, cancel := context.WithTimeout(ctx, b.timing.Lease*4/5)
	defer cancel()
	m, says, err := b.render(ctx, d)
	switch {
	case engine.CodeOf(err) == engine.NotFound:
		b.drop(ctx, d, "what it should show does not exist any more")
		return
	case err != nil:
		b.failed(ctx, d, fmt.Sprintf("its content could not be read: %v", err), backoff(d.Attempt))
		return
	case d.Kind == engine.MessageHome:
		b.publishHome(ctx, d, m)
		return
	case d.ThreadKey != "" && d.ThreadTS == "":
		b.failed(ctx, d, "its thread is not posted yet", backoff(d.Attempt))
		return
	}
	channel := d.ChannelID
	if channel == "" || d.TS == "" {
		if channel, err = b.ResolveChannel(ctx, cmp.Or(d.Channel, b.cfg.Fallback)); err != nil {
			if engine.CodeOf(err) == engine.NotFound {
				b.channelLost(ctx, d, err.Error())
				return
			}
			b.trouble(ctx, d, "conversations.list", err)
			return
		}
	}
	b.show(ctx, d, channel, m, says)
}

// show edits the message where it is known, finds it where a post may have been accepted, and posts it otherwise.
func (b *Bot) show(ctx context.Context, d engine.Delivery, channel string, m view.Message, says headline) {
	ts := d.TS
	_, refused := b.unposted.Load(d.Key)
	if ts == "" && d.Posting && !refused {
		found, err := b.find(ctx, d, channel)
		if kind := classify(err).kind; err != nil && (kind == notPermitted || kind == refusedCall) {
			// An incident told twice is better than one that nobody hears of.
			b.log.ErrorContext(ctx, "slack does not let us look for a posted message; posting it", "key", d.Key, "error", explain(err))
		} else if err != nil {
			b.trouble(ctx, d, "looking for it", err)
			return
		}
		ts = found.ts
		if ts != "" {
			b.log.InfoContext(ctx, "slack message was posted already", "key", d.Key, "ts", ts)
		}
		if ts != "" && found.version >= d.Version {
			b.shown(ctx, d, channel, ts, m, 0)
			return
		}
	}
	if ts != "" {
		if rest := b.calm.rest(d.Key, says, b.now()); rest > 0 {
			b.settle(ctx, d, "rest", b.outbox.Later(ctx, d.Key, b.now().Add(rest)))
			return
		}
		if b.wait(ctx, d, "chat.update") {
			return
		}
		if err := b.update(ctx, d, channel, ts, m); err != nil {
			b.trouble(ctx, d, "chat.update", err)
			return
		}
		b.calm.shown(d.Key, says, b.now())
		b.shown(ctx, d, channel, ts, m, 0)
		return
	}
	if b.wait(ctx, d, "chat.postMessage") {
		return
	}
	if err := b.outbox.BeginPost(ctx, d.Key); err != nil {
		// Nothing was sent; the lease ends by itself.
		b.log.WarnContext(ctx, "slack message is not posted, as that could not be recorded", "key", d.Key, "error", err)
		return
	}
	b.unposted.Delete(d.Key)
	ts, err := b.post(ctx, d, channel, m)
	if err != nil {
		if classify(err).certain() {
			b.unposted.Store(d.Key, true)
			b.trouble(ctx, d, "chat.postMessage", err)
			return
		}
		// It may have been accepted. The next attempt looks first, a little later: Slack's history can lag behind its accept.
		b.failed(ctx, d, "chat.postMessage: "+explain(err), max(backoff(d.Attempt), 2*time.Second))
		return
	}
	b.log.InfoContext(ctx, "slack message is posted", "key", d.Key, "channel", channel, "ts", ts)
	b.calm.shown(d.Key, says, b.now())
	b.shown(ctx, d, channel, ts, m, b.timing.Pace)
}

// shown uploads what did not fit and what goes with it, and records the delivery.
func (b *Bot) shown(ctx context.Context, d engine.Delivery, channel, ts string, m view.Message, pace time.Duration) {
	for _, f := range m.Files {
		if err := b.attach(ctx, d, channel, ts, f, ""); err != nil {
			// The message itself is there; the file is tried with its next version.
			b.log.WarnContext(ctx, "the full text could not be uploaded", "key", d.Key, "error", explain(err))
		}
	}
	if b.plainCharts.Load() {
		b.pictures(ctx, d, channel, ts, m)
	}
	if d.Kind == engine.MessageDigest {
		if err := b.attachReport(ctx, d, channel, ts); err != nil && d.Attempt+1 < giveUp {
			// The message is found again, and not posted twice.
			b.failed(ctx, d, "its files: "+explain(err), backoff(d.Attempt))
			return
		} else if err != nil {
			b.log.ErrorContext(ctx, "the files of a digest could not be uploaded", "key", d.Key, "error", explain(err))
		}
	}
	b.settle(ctx, d, "delivery", b.outbox.Delivered(ctx, d.Key, d.Version, channel, ts, pace))
}

// trouble decides what becomes of a message after a call of Slack's failed.
func (b *Bot) trouble(ctx context.Context, d engine.Delivery, what string, err error) {
	p := classify(err)
	text := what + ": " + explain(err)
	switch p.kind {
	case slowDown:
		b.gate.shut(what, b.now().Add(p.wait))
		b.log.WarnContext(ctx, "slack asks to slow down", "key", d.Key, "method", what, "wait", p.wait)
		b.putOff(ctx, d, what, p.wait)
	case refusedToken:
		b.tokenRefused(ctx, p.code)
		b.failed(ctx, d, text, b.timing.Reauth)
	case messageGone:
		b.log.WarnContext(ctx, "slack message is gone and will be posted anew", "key", d.Key, "error", text)
		b.settle(ctx, d, "loss", b.outbox.Lost(ctx, d, text, b.now(), ""))
	case threadGone:
		b.log.WarnContext(ctx, "slack thread is gone and will be begun anew", "key", d.Key, "thread", d.ThreadKey, "error", text)
		b.settle(ctx, d, "loss", b.outbox.Lost(ctx, d, text, b.now().Add(retryFirst), ""))
	case channelGone:
		b.channelLost(ctx, d, text)
	case contentRefused, refusedCall:
		if d.Attempt+1 >= giveUp {
			b.drop(ctx, d, text)
			return
		}
		b.failed(ctx, d, text, backoff(d.Attempt))
	case notPermitted:
		b.failed(ctx, d, text, recheck)
	case unknownOutcome, neverSent:
		b.failed(ctx, d, text, backoff(d.Attempt))
	}
}

// channelLost moves the message, or the whole thread it belongs in, to the fallback channel.
func (b *Bot) channelLost(ctx context.Context, d engine.Delivery, problem string) {
	log, fallback := b.log.With("key", d.Key, "channel", d.Channel, "problem", problem), b.lane(b.cfg.Fallback)
	if fallback == "" || fallback == b.lane(d.Channel) {
		log.ErrorContext(ctx, "slack channel cannot be written to, and there is no other")
		b.failed(ctx, d, problem, recheck)
		return
	}
	log.ErrorContext(ctx, "slack channel cannot be written to; using the fallback", "fallback", fallback)
	retry := b.now()
	if d.ThreadKey != "" && d.TS == "" {
		// What its thread hangs on is in that channel as well, and comes first. A reply that was posted there moves alone, as
		// the rest may have moved before.
		retry = retry.Add(retryFirst)
	}
	b.settle(ctx, d, "loss", b.outbox.Lost(ctx, d, problem, retry, fallback))
}

func (b *Bot) drop(ctx context.Context, d engine.Delivery, why string) {
	b.log.ErrorContext(ctx, "slack message is given up", "key", d.Key, "problem", why)
	b.unposted.Delete(d.Key)
	b.settle(ctx, d, "drop", b.outbox.Drop(ctx, d.Key, why))
}

func (b *Bot) failed(ctx context.Context, d engine.Delivery, problem string, retry time.Duration) {
	b.log.WarnContext(ctx, "slack message could not be delivered", "key", d.Key, "attempt", d.Attempt+1, "problem", problem, "retry", retry)
	b.settle(ctx, d, "failure", b.outbox.Failed(ctx, d.Key, problem, b.now().Add(retry)))
}

// settle logs that the outbox could not be told. Nothing is lost then: the lease ends by itself and the message is looked for.
func (b *Bot) settle(ctx context.Context, d engine.Delivery, what string, err error) {
	if b.cfg.Settled != nil {
		b.cfg.Settled(what)
	}
	if err != nil {
		b.log.WarnContext(ctx, "the outcome of a slack message could not be stored", "key", d.Key, "outcome", what, "error", err)
	}
}

// wait tells whether a method must rest, and if so puts the channel off until then.
func (b *Bot) wait(ctx context.Context, d engine.Delivery, method string) bool {
	rest := b.gate.rest(method, b.now())
	if method == "chat.update" && rest == 0 {
		r := b.edits.ReserveN(b.now(), 1)
		if rest = r.DelayFrom(b.now()); rest > 0 {
			r.CancelAt(b.now())
		}
	}
	if rest == 0 {
		return false
	}
	b.putOff(ctx, d, method, rest)
	return true
}

// putOff lets the message's channel rest. A message without a channel, such as a Home tab, rests alone.
func (b *Bot) putOff(ctx context.Context, d engine.Delivery, method string, rest time.Duration) {
	if b.cfg.Rests != nil {
		b.cfg.Rests(method, rest)
	}
	if d.Channel == "" {
		b.failed(ctx, d, method+" has to rest", rest)
		return
	}
	b.settle(ctx, d, "pause", b.outbox.Pause(ctx, d.Channel, b.now().Add(rest)))
}

func backoff(attempt int) time.Duration {
	return min(retryFirst<<min(attempt, 10), retryMost)
}

// gate remembers which methods Slack asked to rest, for the whole workspace. A post is limited by channel, which the outbox
// remembers.
type gate struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (g *gate) shut(method string, until time.Time) {
	if method == "chat.postMessage" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.until == nil {
		g.until = map[string]time.Time{}
	}
	g.until[method] = until
}

func (g *gate) rest(method string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(0, g.until[method].Sub(now))
}

// render draws the newest state, and gives what it says. It fails with NotFound when there is none.
func (b *Bot) render(ctx context.Context, d engine.Delivery) (m view.Message, says headline, err error) {
	news := headline{version: d.Version}
	if d.Kind == engine.MessageHome {
		o, err := b.content.Overview(ctx)
		if err != nil {
			return m, news, err
		}
		return view.Home(o, d.Person, b.workspaceURL()), news, nil
	}
	if d.Kind == engine.MessageSavings {
		g, err := b.content.FindingGroup(ctx, d.Subject)
		if err != nil {
			return m, news, err
		}
		if d.Detail < int64(g.Round) {
			return view.FormerCard(g, engine.Thread{Channel: d.ChannelID, TS: d.TS}, b.workspaceURL()), news, nil
		}
		return view.SavingsCard(g), news, nil
	}
	if d.Kind == engine.MessageProposal {
		p, err := b.content.Proposal(ctx, d.Subject)
		if err != nil {
			return m, news, err
		}
		if d.Detail != 0 {
			m, err = view.ProposalEvent(p, d.Detail)
			return m, news, err
		}
		return view.Proposal(p), news, nil
	}
	if d.Kind == engine.MessageDigest || d.Kind == engine.MessageDetails {
		m, err = b.renderDigest(ctx, d)
		return m, news, err
	}
	if d.Kind == engine.MessageSpend {
		a, err := b.content.SpendAlarm(ctx, d.Subject)
		if err != nil {
			return m, news, err
		}
		return view.SpendAlarm(a), news, nil
	}
	if d.Kind == engine.MessageStorm {
		return b.renderStorm(ctx, d)
	}
	if d.Kind == engine.MessageExperiment || d.Kind == engine.MessageGrade {
		return b.renderExperiment(ctx, d)
	}
	if d.Kind == engine.MessageSummary {
		s, err := b.content.Story(ctx, d.Subject)
		if err != nil {
			return m, news, err
		}
		return view.Summary(s, b.workspaceURL()), news, nil
	}
	i, err := b.content.Incident(ctx, d.Subject)
	if err != nil {
		return m, news, err
	}
	who := func() []engine.Mention {
		if d.TS == "" && i.Status != engine.Open {
			return nil // it comes late, and somebody took it meanwhile: nobody is to be woken
		}
		return b.mentions(ctx, b.content.Mentions(i))
	}
	switch d.Kind {
	case engine.MessageCard:
		return view.Card(i, who(), b.workspaceURL()), headlineOf(i), nil
	case engine.MessageDiagnosis:
		return view.Diagnosis(i), headlineOf(i), nil
	case engine.MessageEvent:
		m, err = view.Event(i, d.Detail, who())
		return m, headlineOf(i), err
	case engine.MessageEscalation:
		return view.Escalation(i, d.Detail, who()), headlineOf(i), nil
	case engine.MessageHome, engine.MessageSavings, engine.MessageProposal, engine.MessageDigest, engine.MessageDetails, engine.MessageSummary, engine.MessageStorm, engine.MessageSpend, engine.MessageExperiment, engine.MessageGrade:
	}
	return m, news, engine.Errorf(engine.NotFound, "there is no message of the kind %q", d.Kind)
}

// renderStorm draws a storm. Whom its worst incident would wake, it wakes; what its edits say is how many there are and how they are.
func (b *Bot) renderStorm(ctx context.Context, d engine.Delivery) (m view.Message, says headline, err error) {
	s, err := b.content.Storm(ctx, d.Subject)
	if err != nil {
		return m, says, err
	}
	var worst engine.Incident
	for _, i := range s.Incidents {
		if i.Status == engine.Open && i.Severity.Rank() > worst.Severity.Rank() {
			worst = i
		}
		if !i.IsOpen() {
			says.offers++
		}
	}
	says.classes, says.severity = len(s.Incidents), worst.Severity
	if !s.EndedAt.IsZero() {
		says.status = engine.Resolved
	}
	var who []engine.Mention
	if worst.ID != 0 {
		who = b.mentions(ctx, b.content.Mentions(worst))
	}
	return view.Storm(s, who, b.workspaceURL()), says, nil
}

func (b *Bot) workspaceURL() string {
	if who := b.self.Load(); who != nil {
		return who.url
	}
	return ""
}

// ThreadURL is the address of an incident's thread; "" before it was posted, or while Slack has not told the workspace's.
func (b *Bot) ThreadURL(t engine.Thread) string { return view.Permalink(b.workspaceURL(), t) }

func (b *Bot) publishHome(ctx context.Context, d engine.Delivery, m view.Message) {
	if b.wait(ctx, d, "views.publish") {
		return
	}
	publish := func(m view.Message) error {
		_, err := b.api.PublishViewContext(ctx, slack.PublishViewContextRequest{
			UserID: d.Person,
			View:   slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: m.Blocks}},
		})
		return err
	}
	err := publish(m)
	if err != nil && classify(err).kind == contentRefused {
		err = publish(view.Plain(m))
	}
	if err != nil {
		b.trouble(ctx, d, "views.publish", err)
		return
	}
	b.settle(ctx, d, "delivery", b.outbox.Delivered(ctx, d.Key, d.Version, "", "", 0))
}

var errNoTS = errors.New("slack accepted the message without a ts")
