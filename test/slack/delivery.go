package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// maxAck is the size from which Slack drops an acknowledgement without a word.
const maxAck = 20_480

// envelope is a payload on its way, waiting for its acknowledgement.
type envelope struct {
	ack chan json.RawMessage
}

// receipt is what became of a delivery. err is empty, "no_sockets" or "no_ack".
type receipt struct {
	to      string
	payload json.RawMessage
	ms      int64
	err     string
}

// parcel is one payload for the app.
type parcel struct {
	kind    string // slash_commands, interactive, events_api
	payload any
	accepts bool // a payload in the acknowledgement
	channel string
	attempt int
	reason  string
}

// deliver sends p to one open socket, chosen at random, and waits for the acknowledgement. It is called without s.mu.
func (s *Server) deliver(p parcel) receipt {
	start := time.Now()
	s.mu.Lock()
	open := slices.DeleteFunc(slices.Clone(s.sockets), func(k *socket) bool { return k.draining.Load() })
	if len(open) == 0 {
		s.logDelivery(p, receipt{err: "no_sockets"})
		s.mu.Unlock()
		return receipt{err: "no_sockets"}
	}
	k := open[s.rng.IntN(len(open))]
	id := fmt.Sprintf("%s-%s-%s-%s-%s", s.hex(8), s.hex(4), s.hex(4), s.hex(4), s.hex(12))
	env := &envelope{ack: make(chan json.RawMessage, 1)}
	s.waiting[id] = env
	k.underway.Add(1)
	defer k.underway.Done()
	s.mu.Unlock()

	frame := map[string]any{
		"type": p.kind, "envelope_id": id, "payload": p.payload, "accepts_response_payload": p.accepts,
	}
	if p.kind == "events_api" {
		frame["retry_attempt"], frame["retry_reason"] = p.attempt, p.reason
	}
	k.write(frame)

	out := receipt{to: k.id}
	timeout := time.NewTimer(s.cfg.AckTimeout)
	defer timeout.Stop()
	select {
	case out.payload = <-env.ack:
	case <-timeout.C:
		out.err = "no_ack"
	case <-s.ctx.Done():
		out.err = "no_ack"
	}
	out.ms = time.Since(start).Milliseconds()

	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, id)
	if out.err != "" {
		if len(s.lapsed) > 1000 {
			clear(s.lapsed)
		}
		s.lapsed[id] = s.cfg.Now()
		s.violate("no_ack", fmt.Sprintf("%s %s was not acknowledged within %s", p.kind, id, s.cfg.AckTimeout))
	}
	s.logDelivery(p, out)
	return out
}

func (s *Server) logDelivery(p parcel, r receipt) {
	s.log.add(Call{
		Method: "socket:" + p.kind, Time: s.cfg.Now(), Channel: p.channel, OK: r.err == "", Error: r.err, MS: r.ms,
	})
}

// acknowledge matches one frame from the app with its envelope.
func (s *Server) acknowledge(raw []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(raw) >= maxAck {
		s.violate("oversize_ack", fmt.Sprintf("an acknowledgement of %d bytes was dropped", len(raw)))
		return
	}
	var frame ackFrame
	if err := json.Unmarshal(raw, &frame); err != nil || frame.EnvelopeID == "" {
		s.violate("bad_ack", "a frame without an envelope_id")
		return
	}
	env := s.waiting[frame.EnvelopeID]
	if env == nil {
		if at, ok := s.lapsed[frame.EnvelopeID]; ok {
			s.violate("late_ack", fmt.Sprintf("%s, %s after it was given up", frame.EnvelopeID, s.cfg.Now().Sub(at)))
			return
		}
		s.violate("unknown_ack", frame.EnvelopeID)
		return
	}
	select {
	case env.ack <- frame.Payload:
	default:
		s.violate("double_ack", frame.EnvelopeID)
	}
}

// trigger is the right, for a few seconds, to open one modal before a person.
type trigger struct {
	user string
	view string // the view it came from, if any
	at   time.Time
	used bool
}

// newTrigger is a trigger_id for something that user just did. s.mu is held.
func (s *Server) newTrigger(user, view string) string {
	id := fmt.Sprintf("%d.%d.%s", s.cfg.Now().UnixMilli(), 1_000_000+s.serial, s.hex(32))
	for old, t := range s.ws.triggers {
		if s.cfg.Now().Sub(t.at) > 100*s.cfg.TriggerTTL {
			delete(s.ws.triggers, old)
		}
	}
	s.ws.triggers[id] = &trigger{user: user, view: view, at: s.cfg.Now()}
	return id
}

// useTrigger spends a trigger_id, which works once and only for a while.
func (s *Server) useTrigger(a args) (*trigger, error) {
	id := a.str("trigger_id")
	if id == "" {
		id = a.str("interactivity_pointer")
	}
	t := s.ws.triggers[id]
	switch {
	case t == nil:
		return nil, refuse("invalid_trigger_id")
	case t.used:
		return nil, refuse("exchanged_trigger_id")
	case s.cfg.Now().Sub(t.at) > s.cfg.TriggerTTL:
		return nil, refuse("expired_trigger_id")
	}
	t.used = true
	return t, nil
}
