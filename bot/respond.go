package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// respond shows a reply to the asker alone: a modal while the trigger lasts, else an ephemeral message. It is tried once;
// a reply is not a message that anybody else waits for.
func (b *Bot) respond(ctx context.Context, in inbound, reply engine.Reply, triggerEnds time.Time) {
	if reply.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if reply.Form != nil {
		if b.openForm(ctx, in, *reply.Form, triggerEnds) {
			return
		}
		reply = engine.Reply{Text: "Slack closed the time in which a form can be opened. Please press the button again."}
	}
	if reply.Group != nil {
		if b.openModal(ctx, in, fmt.Sprintf("savings %d", reply.Group.ID), view.SavingsDetails(*reply.Group), triggerEnds) {
			return
		}
		reply = engine.Reply{Text: "Slack closed the time in which a window can be opened. Please press the button again."}
	}
	if reply.Plan != nil {
		if b.openPlan(ctx, in, *reply.Plan, triggerEnds) {
			return
		}
		reply = engine.Reply{Text: "Slack closed the time in which a window can be opened. Please press the button again."}
	}
	if reply.File != nil {
		if err := b.sendFile(ctx, in.answer.User, *reply.File); err != nil {
			b.log.WarnContext(ctx, "a file could not be sent", "user", in.answer.User, "file", reply.File.Name, "error", explain(err))
			reply = engine.Reply{Text: "The file could not be sent to you; Slack said: " + explain(err)}
		}
	}
	if len(reply.Invalid) > 0 {
		reply.Text = view.InvalidText(reply.Invalid)
	}
	m := view.Reply(reply, b.workspaceURL())
	err := b.orPlain(ctx, "an answer", m, func(m view.Message) error { return b.ephemeral(ctx, in.answer, m) })
	if err != nil {
		b.log.WarnContext(ctx, "slack reply could not be shown", "user", in.answer.User, "error", explain(err))
	}
}

func (b *Bot) openForm(ctx context.Context, in inbound, f engine.Form, triggerEnds time.Time) bool {
	private, err := json.Marshal(subject{Subject: f.Subject, Answer: in.answer})
	if err != nil {
		b.log.ErrorContext(ctx, "slack modal could not be drawn", "form", f.Name, "error", err)
		return false
	}
	return b.openModal(ctx, in, f.Name, view.Modal(f, string(private)), triggerEnds)
}

// openPlan opens the modal that asks for an approval. What it is about goes by what was shown: the group's drafts, or the proposal.
func (b *Bot) openPlan(ctx context.Context, in inbound, p engine.Plan, triggerEnds time.Time) bool {
	about := engine.GroupButton{Group: p.Group.ID}.Value()
	if p.Proposal != nil {
		about = engine.ProposalButton{Proposal: p.Proposal.ID, Hash: p.Proposal.Hash}.Value()
	}
	private, err := json.Marshal(subject{Subject: about, Answer: in.answer})
	if err != nil {
		b.log.ErrorContext(ctx, "slack modal could not be drawn", "plan", about, "error", err)
		return false
	}
	return b.openModal(ctx, in, engine.FormApprove, view.PlanModal(p, string(private)), triggerEnds)
}

func (b *Bot) openModal(ctx context.Context, in inbound, name string, modal slack.ModalViewRequest, triggerEnds time.Time) bool {
	if in.trigger == "" || !b.now().Before(triggerEnds) {
		return false
	}
	if _, err := b.api.OpenViewContext(ctx, in.trigger, modal); err != nil {
		b.log.WarnContext(ctx, "slack modal could not be opened", "modal", name, "error", explain(err))
		return false
	}
	return true
}

// ephemeral answers through the response_url, and where that is used up or unknown through the channel.
func (b *Bot) ephemeral(ctx context.Context, to address, m view.Message) error {
	content := []slack.MsgOption{
		slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
	if to.Thread != "" {
		content = append(content, slack.MsgOptionTS(to.Thread))
	}
	var first error
	if to.URL != "" && b.answers(to.URL) {
		options := append(content, slack.MsgOptionResponseURL(to.URL, slack.ResponseTypeEphemeral))
		_, _, first = b.api.PostMessageContext(ctx, to.Channel, options...)
		if first == nil || !classify(first).certain() || classify(first).kind == contentRefused {
			return first
		}
	}
	if to.Channel == "" || to.User == "" {
		return first
	}
	_, err := b.api.PostEphemeralContext(ctx, to.Channel, to.User, content...)
	return err
}

// answers tells whether an address is where Slack takes answers: it came in a payload, and we must not be made to post elsewhere.
func (b *Bot) answers(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if api, err := url.Parse(b.cfg.APIURL); err == nil && u.Scheme == api.Scheme && u.Host == api.Host {
		return true
	}
	return u.Scheme == "https" && (u.Host == "hooks.slack.com" || u.Host == "hooks.slack-gov.com")
}
