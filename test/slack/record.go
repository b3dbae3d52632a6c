package slack

import "time"

// Call is one request of the app, or one delivery to it (Method "socket:slash_commands" and so on).
type Call struct {
	N          int64     `json:"n"`
	Method     string    `json:"method"`
	Time       time.Time `json:"time"`
	Channel    string    `json:"channel,omitempty"`
	OK         bool      `json:"ok"`
	Error      string    `json:"error,omitempty"`
	Status     int       `json:"status"` // HTTP's; 0 for a delivery or an answer that was withheld
	RetryAfter int       `json:"retry_after,omitempty"`
	Fault      string    `json:"fault,omitempty"`
	MS         int64     `json:"ms"`
}

// Violation is something that Slack would refuse, drop or punish.
type Violation struct {
	Kind   string    `json:"kind"` // early_retry, late_ack, no_ack, oversize_ack, unknown_ack, bad_request, …
	Detail string    `json:"detail"`
	Time   time.Time `json:"time"`
}

const recordLimit = 10_000

// record keeps the last calls and violations.
type record struct {
	calls      []Call
	violations []Violation
	n          int64
}

func (r *record) add(c Call) {
	r.n++
	c.N = r.n
	r.calls = append(r.calls, c)
	if len(r.calls) > 2*recordLimit {
		r.calls = append([]Call(nil), r.calls[len(r.calls)-recordLimit:]...)
	}
}

func (r *record) since(n int64) []Call {
	out := []Call{}
	for _, c := range r.calls[max(0, len(r.calls)-recordLimit):] {
		if c.N >= n {
			out = append(out, c)
		}
	}
	return out
}

// violate notes a violation; s.mu is held.
func (s *Server) violate(kind, detail string) {
	s.log.violations = append(s.log.violations, Violation{Kind: kind, Detail: detail, Time: s.cfg.Now()})
	if n := len(s.log.violations); n > recordLimit {
		s.log.violations = s.log.violations[n-recordLimit:]
	}
}
