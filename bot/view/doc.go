// Package view draws the product's values as Slack's blocks: incident cards, threads, the Home tab, replies and modals.
//
// It is pure and deterministic: what a message shows depends on the value alone, so that an unchanged value draws the same
// blocks. Package bot calls it when it delivers. Whatever the value holds, a drawing keeps Slack's limits, and text from outside
// (names, log lines, annotations, what people typed) stays text.
package view

import (
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// Message is one drawing: the blocks, and the text that notifications and screen readers get.
type Message struct {
	Blocks []slack.Block
	Text   string
	Files  []engine.File // what did not fit, to be uploaded into the thread; a name is stable for the same content
	Charts []Chart       // those that Blocks hold, to be uploaded as pictures where Slack takes no charts
}

// A block's id carries the key of its message, since an interaction does not say on which of our messages it was made.
const keyEnd = "#"

func blockID(key, part string) string { return key + keyEnd + part }

// KeyOf gives the message key in a block id that this package made; "" for any other.
func KeyOf(blockID string) string {
	key, _, found := strings.Cut(blockID, keyEnd)
	if !found {
		return ""
	}
	return key
}

// Two buttons of a block need different action ids even when they mean the same action.
const actionEnd = ":"

// ActionOf gives the action in an action id that this package made.
func ActionOf(actionID string) string {
	action, _, _ := strings.Cut(actionID, actionEnd)
	return action
}

// Plain is the message as text alone, for when Slack refuses its blocks.
func Plain(m Message) Message {
	text := cut(m.Text, maxText)
	block := slack.NewSectionBlock(slack.NewTextBlockObject(slack.PlainTextType, text, false, false), nil, nil)
	return Message{Text: text, Blocks: []slack.Block{block}, Files: m.Files}
}
