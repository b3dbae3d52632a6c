// Package reader reads the bot's messages and presses its buttons as people do, through the stand-in's control API.
//
// It knows what a person sees (texts, labels of buttons) and nothing of how the bot makes it; called by the demo, the
// end-to-end tests and the benchmarks.
package reader

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/test/slack"
)

// Text is what a person reads of a message: its blocks from top to bottom, a line each, without buttons; or its text when it has no blocks.
func Text(m slack.Message) string {
	var lines []string
	for _, b := range blocks(m) {
		collect(b, &lines)
	}
	if len(lines) == 0 {
		return m.Text
	}
	return strings.Join(lines, "\n")
}

// dates are Slack's: what they show depends on who looks, so the text that stands in for them is read.
var dates = regexp.MustCompile(`<!date\^[^|>]*\|([^>]*)>`)

func blocks(m slack.Message) []slack.Block {
	all := slices.Clone(m.Blocks)
	for _, a := range m.Attachments {
		inner, _ := a["blocks"].([]any)
		for _, b := range inner {
			if block, ok := b.(map[string]any); ok {
				all = append(all, block)
			}
		}
	}
	return all
}

// collect appends the texts of a block in reading order; what can be pressed is left out.
func collect(v any, lines *[]string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			collect(e, lines)
		}
	case map[string]any:
		switch v["type"] {
		case "button", "static_select", "overflow", "users_select":
			return
		case "mrkdwn", "plain_text", "text":
			if s, ok := v["text"].(string); ok {
				*lines = append(*lines, dates.ReplaceAllString(s, "$1"))
			}
			return
		}
		for _, key := range []string{"text", "fields", "elements", "accessory", "rows"} {
			collect(v[key], lines)
		}
	}
}

// Control is an element of a message that can be pressed.
type Control struct {
	BlockID, ActionID, Type, Label, Value string
	Options                               []Option
}

// Option is a choice of a menu.
type Option struct{ Label, Value string }

// Controls lists what can be pressed on a message.
func Controls(m slack.Message) []Control {
	var all []Control
	for _, b := range blocks(m) {
		id, _ := b["block_id"].(string)
		elements, _ := b["elements"].([]any)
		if a, ok := b["accessory"]; ok {
			elements = append(elements, a)
		}
		for _, e := range elements {
			if m, ok := e.(map[string]any); ok && m["action_id"] != nil {
				all = append(all, control(id, m))
			}
		}
	}
	return all
}

func control(block string, m map[string]any) Control {
	text := func(v any) string {
		t, _ := v.(map[string]any)
		s, _ := t["text"].(string)
		return s
	}
	str := func(key string) string { s, _ := m[key].(string); return s }
	c := Control{BlockID: block, ActionID: str("action_id"), Type: str("type"), Label: text(m["text"]), Value: str("value")}
	if c.Label == "" {
		c.Label = text(m["placeholder"])
	}
	options, _ := m["options"].([]any)
	for _, o := range options {
		if o, ok := o.(map[string]any); ok {
			value, _ := o["value"].(string)
			c.Options = append(c.Options, Option{text(o["text"]), value})
		}
	}
	return c
}

// Reader reads one channel.
type Reader struct {
	slack.Control
	Channel string // name or id
	User    string // whose eyes it reads with; ephemeral messages of others are not seen
}

// Card finds the newest card in the channel that has all the texts; ok is false when there is none.
func (r Reader) Card(ctx context.Context, texts ...string) (m slack.Message, ok bool, err error) {
	cards, err := r.Cards(ctx, texts...)
	if err != nil || len(cards) == 0 {
		return slack.Message{}, false, err
	}
	return cards[len(cards)-1], true, nil
}

// Cards lists the messages of the bot in the channel, outside threads, that have all the texts, oldest first.
func (r Reader) Cards(ctx context.Context, texts ...string) ([]slack.Message, error) {
	all, err := r.Messages(ctx, r.Channel, r.User)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(m slack.Message) bool {
		inThread := m.ThreadTS != "" && m.ThreadTS != m.TS
		return m.BotID == "" || m.IsEphemeral || inThread || !Has(m, texts...)
	}), nil
}

// Has tells whether a message shows all the texts.
func Has(m slack.Message, texts ...string) bool {
	shown := Text(m)
	for _, t := range texts {
		if !strings.Contains(shown, t) {
			return false
		}
	}
	return true
}

// ThreadText is the whole thread as people read it, with a rule between messages.
func (r Reader) ThreadText(ctx context.Context, ts string) (string, error) {
	all, err := r.Thread(ctx, r.Channel, ts, r.User)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, m := range all {
		parts = append(parts, Text(m))
	}
	return strings.Join(parts, "\n----\n"), nil
}

// Press presses the button with this label on the message as it is now, or chooses the option with this label in one of its menus.
func (r Reader) Press(ctx context.Context, user, ts, label string) (slack.Outcome, error) {
	m, err := r.message(ctx, ts)
	if err != nil {
		return slack.Outcome{}, err
	}
	var labels []string
	for _, c := range Controls(m) {
		a := slack.Action{User: user, Channel: r.Channel, MessageTS: ts, BlockID: c.BlockID, ActionID: c.ActionID, Value: c.Value}
		if c.Type == "button" && c.Label == label {
			return r.Click(ctx, a)
		}
		for _, o := range c.Options {
			if o.Label == label {
				a.Value = ""
				a.SelectedOption = o.Value
				return r.Click(ctx, a)
			}
			labels = append(labels, o.Label)
		}
		labels = append(labels, c.Label)
	}
	return slack.Outcome{}, fmt.Errorf("the message has no %q; it has %q", label, labels)
}

// SendIn sends in the window that is open for a user, or will be within ctx, with what is chosen in it beforehand.
func (r Reader) SendIn(ctx context.Context, user string) (slack.Outcome, error) {
	var view slack.View
	if err := r.WaitFor(ctx, func(ctx context.Context) (bool, error) {
		views, err := r.Views(ctx, user)
		if len(views) == 1 {
			view = views[0]
		}
		return len(views) == 1, err
	}); err != nil {
		return slack.Outcome{}, fmt.Errorf("no window opens: %w", err)
	}
	values := map[string]map[string]slack.Block{}
	for _, b := range view.Blocks {
		element, _ := b["element"].(map[string]any)
		block, _ := b["block_id"].(string)
		action, _ := element["action_id"].(string)
		if b["type"] == "input" {
			values[block] = map[string]slack.Block{action: {"type": element["type"], "selected_options": element["initial_options"]}}
		}
	}
	return r.Submit(ctx, user, view.ID, values)
}

// message finds a message of the channel or of one of its threads.
func (r Reader) message(ctx context.Context, ts string) (slack.Message, error) {
	all, err := r.Messages(ctx, r.Channel, r.User)
	if err != nil {
		return slack.Message{}, err
	}
	is := func(m slack.Message) bool { return m.TS == ts }
	if !slices.ContainsFunc(all, is) { // the thread of a reply is the one that it stands in
		if all, err = r.Thread(ctx, r.Channel, ts, r.User); err != nil {
			return slack.Message{}, err
		}
	}
	if k := slices.IndexFunc(all, is); k >= 0 {
		return all[k], nil
	}
	return slack.Message{}, fmt.Errorf("no message %s in %s", ts, r.Channel)
}
