package bot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

const (
	storeWithin  = 2 * time.Second         // for a payload to be stored; Slack gives up after three
	answerWithin = 2400 * time.Millisecond // for a submission's verdict to be part of the acknowledgement
	triggerLife  = 2500 * time.Millisecond // how long we trust a trigger_id; Slack's own limit is three seconds
	persistFor   = 10 * time.Minute        // how long a click is tried again while the store or a cluster does not answer
	urlLife      = 30 * time.Minute        // of a response_url
	sweepAtOnce  = 20
)

// receive stores a payload, acknowledges it, and handles it. What cannot be stored is not acknowledged: Slack then sends an
// event again, and shows its own error to whoever clicked.
func (b *Bot) receive(ctx context.Context, s *socket, e envelope) {
	arrived := b.now()
	acknowledged := false
	acknowledge := func(payload any) {
		acknowledged = true
		if err := s.acknowledge(e.ID, payload); err != nil {
			b.log.WarnContext(ctx, "slack payload is stored, but could not be acknowledged", "envelope", e.ID, "error", err)
		}
		s.end()
	}
	defer func() {
		if !acknowledged {
			s.end()
		}
	}()
	p, err := payloadOf(e)
	if err != nil {
		b.log.WarnContext(ctx, "slack sent an event that cannot be read", "envelope", e.ID, "error", err)
		return
	}
	p.At = arrived
	storing, cancel := context.WithTimeout(ctx, storeWithin)
	fresh, err := b.inbox.Receive(storing, p, b.timing.Claim)
	cancel()
	if err != nil {
		b.log.ErrorContext(ctx, "slack payload could not be stored and is not acknowledged", "payload", p.ID, "kind", p.Kind, "error", err)
		return
	}
	if !fresh {
		acknowledge(nil)
		return
	}
	in, err := decode(p)
	if err != nil || in.submission == nil {
		acknowledge(nil)
		b.handle(ctx, p, in, err, limits{trigger: arrived.Add(triggerLife), ours: arrived.Add(b.timing.Claim * 3 / 4)})
		return
	}
	b.submit(ctx, p, in, arrived, acknowledge)
}

// submit handles a modal that was sent in. Its wrong fields can only be told in the acknowledgement; an answer that comes too
// late for it is shown like any other.
func (b *Bot) submit(ctx context.Context, p engine.Payload, in inbound, arrived time.Time, acknowledge func(any)) {
	type answer struct {
		reply engine.Reply
		err   error
	}
	ends := limits{trigger: arrived.Add(triggerLife), ours: arrived.Add(b.timing.Claim * 3 / 4)}
	answers := make(chan answer, 1)
	b.inflight.Go(func() {
		reply, err := b.ask(ctx, p, in, ends.ours)
		answers <- answer{reply, err}
	})
	late := time.NewTimer(answerWithin - b.now().Sub(arrived))
	defer late.Stop()
	select {
	case a := <-answers:
		if a.err == nil && len(a.reply.Invalid) > 0 {
			acknowledge(view.FieldErrors(a.reply.Invalid))
			b.finish(ctx, p, "")
			return
		}
		acknowledge(view.CloseModal())
		b.conclude(ctx, p, in, a.reply, a.err, ends)
	case <-late.C:
		acknowledge(view.CloseModal())
		a := <-answers
		ends.trigger = arrived
		b.conclude(ctx, p, in, a.reply, a.err, ends)
	}
}

// limits end what may be done about a payload.
type limits struct {
	trigger time.Time // a modal is opened only before; zero when the asker has been answered already
	ours    time.Time // all tries of one claim end before, so that nobody else handles the payload meanwhile
}

// handle asks what the payload means and answers.
func (b *Bot) handle(ctx context.Context, p engine.Payload, in inbound, problem error, ends limits) {
	ctx = engine.WithID(ctx, "payload/"+p.ID) // until it is known which incident it is about
	if problem != nil {
		b.log.WarnContext(ctx, "slack payload cannot be read", "payload", p.ID, "kind", p.Kind, "error", problem)
		b.finish(ctx, p, problem.Error())
		return
	}
	reply, err := b.ask(ctx, p, in, ends.ours)
	b.conclude(ctx, p, in, reply, err, ends)
}

// ask hands the payload to the Handler, until a time. A panic there is an error of this one payload.
func (b *Bot) ask(ctx context.Context, p engine.Payload, in inbound, until time.Time) (reply engine.Reply, err error) {
	ctx, cancel := context.WithTimeout(ctx, until.Sub(b.now()))
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			b.log.ErrorContext(ctx, "handling a slack payload panicked", "payload", p.ID, "panic", v, "stack", string(debug.Stack()))
			reply, err = engine.Reply{}, fmt.Errorf("handling payload %s panicked", p.ID)
		}
	}()
	switch {
	case in.command != nil:
		return b.handler.Command(ctx, *in.command)
	case in.click != nil:
		return b.handler.Click(ctx, *in.click)
	case in.submission != nil:
		return b.handler.Submit(ctx, *in.submission)
	case in.home != nil:
		return engine.Reply{}, b.handler.HomeOpened(ctx, *in.home)
	}
	return engine.Reply{}, nil
}

// conclude tells the asker what came of it and marks the payload as dealt with. What is worth another try gets one after the
// other while the payload is ours, and is then left to the sweep of whoever runs.
func (b *Bot) conclude(ctx context.Context, p engine.Payload, in inbound, reply engine.Reply, err error, ends limits) {
	for wait := b.timing.Retry; b.kept(ctx, p, in, reply, err, ends.trigger); wait *= 2 {
		ends.trigger = time.Time{}
		if !b.now().Add(wait).Before(ends.ours) {
			return
		}
		select {
		case <-b.stopping: // another replica, or the next process, goes on
			return
		case <-time.After(wait):
		}
		reply, err = b.ask(ctx, p, in, ends.ours)
	}
}

// kept tells the asker what came of one try. It says true when the payload is to be tried again.
func (b *Bot) kept(ctx context.Context, p engine.Payload, in inbound, reply engine.Reply, err error, triggerEnds time.Time) bool {
	if err == nil {
		b.respond(ctx, in, reply, triggerEnds)
		b.finish(ctx, p, "")
		return false
	}
	ref := rand.Text()[:8]
	log := b.log.With("payload", p.ID, "kind", p.Kind, "ref", ref)
	message := engine.UserMessage(err, ref)
	// A click is a decision and must not get lost; a question is asked again by whoever wants to know.
	again := in.command == nil && transient(err) && b.now().Sub(p.At) < persistFor
	if again {
		log.WarnContext(ctx, "slack payload could not be handled and will be tried again", "error", err)
		if !triggerEnds.IsZero() { // the first try; the next ones are not heard of
			b.respond(ctx, in, engine.Reply{Text: message + "\nYour click is kept and will be tried again."}, triggerEnds)
		}
		return true
	}
	if wrongHere(err) {
		log.ErrorContext(ctx, "slack payload could not be handled", "error", err)
	} else {
		log.InfoContext(ctx, "slack payload was refused", "error", err)
	}
	b.respond(ctx, in, engine.Reply{Text: message}, triggerEnds)
	b.finish(ctx, p, fmt.Sprintf("%v (ref %s)", err, ref))
	return false
}

// wrongHere tells what somebody must look into from what a person may not do, or asked for in vain: that person was told why.
func wrongHere(err error) bool {
	switch engine.CodeOf(err) {
	case engine.Forbidden, engine.Conflict, engine.Invalid, engine.NotFound:
		return false
	case engine.Unavailable, engine.Internal:
	}
	return true
}

func transient(err error) bool {
	return engine.CodeOf(err) == engine.Unavailable || errors.Is(err, context.DeadlineExceeded)
}

func (b *Bot) finish(ctx context.Context, p engine.Payload, problem string) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := b.inbox.Finish(ctx, p.ID, problem); err != nil {
		b.log.WarnContext(ctx, "slack payload is handled, but that could not be stored; it will be handled again", "payload", p.ID, "error", err)
	}
}

// sweep handles what some process acknowledged and never finished: it was killed, or the store did not answer.
func (b *Bot) sweep(ctx context.Context) {
	for pause(ctx, b.timing.Sweep) {
		claimed := b.now()
		left, err := b.inbox.Abandoned(ctx, sweepAtOnce, b.timing.Claim)
		if err != nil {
			if ctx.Err() == nil {
				b.log.WarnContext(ctx, "abandoned slack payloads could not be read", "error", err)
			}
			continue
		}
		for _, p := range left {
			b.inflight.Go(func() {
				in, err := decode(p)
				if b.now().Sub(p.At) > urlLife {
					in.answer.URL = ""
				}
				// A trigger that ended before the payload came opens nothing.
				b.handle(context.WithoutCancel(ctx), p, in, err, limits{ours: claimed.Add(b.timing.Claim * 3 / 4)})
			})
		}
	}
}
