package engine

import (
	"fmt"
	"time"
)

// MessageKind says how a message is rendered.
type MessageKind string

// The kinds of message.
const (
	MessageCard       MessageKind = "card"       // an incident's card, in the channel
	MessageDiagnosis  MessageKind = "diagnosis"  // causes and evidence, in the thread
	MessageEvent      MessageKind = "event"      // one line of the timeline, in the thread
	MessageEscalation MessageKind = "escalation" // mentions the on-call, in the thread and the channel
	MessageHome       MessageKind = "home"       // a person's Home tab
	MessageSavings    MessageKind = "savings"    // a finding group's card, in the channel
	MessageProposal   MessageKind = "proposal"   // where a proposal stands, in the thread of its card
	MessageDigest     MessageKind = "digest"     // a week's or month's digest, in the channel; its files in the thread
	MessageDetails    MessageKind = "details"    // the tables of a digest, in its thread
	MessageStorm      MessageKind = "storm"      // many incidents in one message, in the channel
	MessageSpend      MessageKind = "spend"      // what cost more on a day than it ever did, in the channel
	MessageSummary    MessageKind = "summary"    // what came of an incident that is over, in its thread
	MessageExperiment MessageKind = "experiment" // an experiment's card, in the channel
	MessageGrade      MessageKind = "grade"      // how the bot did in it, in its thread
)

// Message is a wanted message: code declares it, a deliverer makes Slack equal to it.
// What is stored is key, kind and version; the content is rendered when it is sent.
type Message struct {
	Key       string // stable: "incident/42/card"
	Kind      MessageKind
	Subject   int64  // the incident's id, the finding group's, or the digest's
	Detail    int64  // the event's id, or the number of the escalation
	Person    string // the Slack user of a Home tab
	Channel   string // a channel id or "#name" as the configuration routes it; "" for a Home tab
	ThreadKey string // the key of the message whose thread it belongs in
	Broadcast bool   // a thread message shown in the channel too
	Version   int64  // of the state that it should show
}

// CardKey is the key of an incident's card.
func CardKey(incident int64) string { return fmt.Sprintf("incident/%d/card", incident) }

// DigestKey is the key of a digest's message for one delivery: "digest/2026-W47/finops".
func DigestKey(p Period, delivery string) string { return "digest/" + p.String() + "/" + delivery }

// DigestParts is how many messages the tables of a digest take in its thread. Message.Detail counts them from 1.
const DigestParts = 2

// DetailsKey is the key of one of them: "digest/2026-W47/finops/details/1".
func DetailsKey(p Period, delivery string, part int) string {
	return fmt.Sprintf("%s/details/%d", DigestKey(p, delivery), part)
}

// Delivery is a message that is due, and what is known of its life in Slack.
type Delivery struct {
	Message
	ChannelID string // where it was posted; "" before
	TS        string // Slack's id of it; "" when it was not posted, or we do not know
	ThreadTS  string // the parent's ts; "" outside threads
	Posting   bool   // a post was begun and its outcome was never saved: look for it before posting
	Attempt   int    // failed attempts so far
	Declared  time.Time
}

// Mention is who a message must wake: a Slack user group or user id.
type Mention struct {
	Group string
	User  string
}
