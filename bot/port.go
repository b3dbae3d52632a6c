package bot

import (
	"context"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Inbox keeps what Slack sent until it is dealt with. The store fills it.
type Inbox interface {
	// Receive keeps a payload before it is acknowledged and claims it for this process until claim has passed.
	// fresh is false when a payload of that ID was already kept: acknowledge it and do nothing.
	Receive(ctx context.Context, p engine.Payload, claim time.Duration) (fresh bool, err error)
	// Abandoned claims payloads that some process kept and never finished, oldest first, at most n.
	Abandoned(ctx context.Context, n int, claim time.Duration) ([]engine.Payload, error)
	// Finish marks a payload as dealt with; problem is "" or why it could not be.
	Finish(ctx context.Context, id, problem string) error
}

// Outbox holds the wanted messages. The store fills it.
//
// A channel's messages are delivered in order by whoever holds its lease, so two replicas never post to one channel at once.
type Outbox interface {
	// Lease takes a channel that has due messages and is neither leased nor paused, and gives its first due message.
	// A thread message is due only when its thread's first message was posted.
	// A holder delivers one message at a time: a lane of its own that it asks for again, it has lost, and gets back within seconds.
	// ok is false when nothing is due. The lease ends with Delivered, Failed, Lost, Later, Drop or Pause, or after ttl.
	Lease(ctx context.Context, holder string, ttl time.Duration) (d engine.Delivery, ok bool, err error)
	// BeginPost records that a new post of the message is about to be sent, so that a crash is followed by a look, not by a second post.
	// Delivery.Posting is true from then on until Delivered or Lost.
	BeginPost(ctx context.Context, key string) error
	// Delivered records that Slack shows version of the message at channelID and ts, and frees the lease.
	// pace is how long the channel rests before its next message.
	Delivered(ctx context.Context, key string, version int64, channelID, ts string, pace time.Duration) error
	// Failed records a failed attempt and frees the lease; the message is due again at retryAt.
	Failed(ctx context.Context, key, problem string, retryAt time.Time) error
	// Lost is Failed when what is in Slack is gone (deleted, or its channel): what d shows or, for a reply that was never posted,
	// what its thread hangs on. That is posted anew, to fallback when it is not "", where then goes what of its thread was not
	// posted yet. What was posted elsewhere since d was leased is not lost.
	Lost(ctx context.Context, d engine.Delivery, problem string, retryAt time.Time, fallback string) error
	// Later puts a message off until a time, which is no failure, and frees the lease. Its channel goes on.
	Later(ctx context.Context, key string, until time.Time) error
	// Drop gives a message up for good, with the reason, and frees the lease.
	Drop(ctx context.Context, key, problem string) error
	// Pause stops a channel, named as Message.Channel names it ("" means all channels of the workspace), until a time, as a 429
	// asks, and frees the lease.
	Pause(ctx context.Context, channel string, until time.Time) error
	// SameChannel says that the channel which messages are routed to by name is the one with this id: both are one lane from then
	// on, in the order of declaration. It fails with Conflict while a message to that name is being delivered.
	SameChannel(ctx context.Context, name, id string) error
	// Wake gives a channel that receives whenever something may have become due. It closes with ctx.
	Wake(ctx context.Context) <-chan struct{}
}

// Content gives the values that messages show, in their newest state.
type Content interface {
	// Incident is the whole incident.
	Incident(ctx context.Context, id int64) (engine.Incident, error)
	// Story is the whole incident as it is told when it is over.
	Story(ctx context.Context, id int64) (engine.Story, error)
	// Storm is a storm with its incidents.
	Storm(ctx context.Context, id int64) (engine.Storm, error)
	// Overview is the dashboard as this person may see it.
	Overview(ctx context.Context) (engine.Overview, error)
	// Mentions says who must be woken by an escalation of the incident.
	Mentions(i engine.Incident) []engine.Mention
	// FindingGroup is all that one savings card shows.
	FindingGroup(ctx context.Context, id int64) (engine.FindingGroup, error)
	// Proposal is a proposal with its timeline.
	Proposal(ctx context.Context, id int64) (engine.Proposal, error)
	// SpendAlarm is what cost more than ever on a day.
	SpendAlarm(ctx context.Context, id int64) (engine.SpendAlarm, error)
	// Experiment is an experiment as it is now.
	Experiment(ctx context.Context, id int64) (engine.Experiment, error)
	// Digest is a kept digest.
	Digest(ctx context.Context, id int64) (engine.Digest, error)
}

// Handler decides what an inbound message means. Package handlers fills it.
type Handler interface {
	Command(ctx context.Context, c engine.Command) (engine.Reply, error)
	Click(ctx context.Context, c engine.Click) (engine.Reply, error)
	Submit(ctx context.Context, s engine.Submission) (engine.Reply, error)
	// HomeOpened is told that a person looks at their Home tab.
	HomeOpened(ctx context.Context, p engine.Person) error
}
