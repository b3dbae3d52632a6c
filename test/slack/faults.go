package slack

import (
	"slices"
	"time"
)

// Fault makes calls fail. It applies to the calls of Method (any when empty; "hooks" and "upload" name those
// addresses) in Channel (any when empty), Count times or for ForMS milliseconds, or until removed when both are 0.
type Fault struct {
	Method     string `json:"method,omitempty"`
	Channel    string `json:"channel,omitempty"`
	Kind       string `json:"kind"`            // ratelimit, http500, error, timeout, drop_after_accept, delay
	Error      string `json:"error,omitempty"` // for kind error
	RetryAfter int    `json:"retry_after,omitempty"`
	DelayMS    int    `json:"delay_ms,omitempty"` // for delay (1,000 when 0) and timeout (30,000 when 0)
	Count      int    `json:"count,omitempty"`
	ForMS      int    `json:"for_ms,omitempty"`
	until      time.Time
	left       int
}

var faultKinds = []string{"ratelimit", "http500", "error", "timeout", "drop_after_accept", "delay"}

// arm adds a fault; it refuses an unknown kind. s.mu is held.
func (s *Server) arm(f Fault) error {
	if !slices.Contains(faultKinds, f.Kind) {
		return refuse("unknown_fault_kind")
	}
	if f.Kind == "error" && f.Error == "" {
		return refuse("fault_needs_error")
	}
	f.left = f.Count
	if f.ForMS > 0 {
		f.until = s.cfg.Now().Add(time.Duration(f.ForMS) * time.Millisecond)
	}
	s.faults = append(s.faults, &f)
	return nil
}

// strike is the armed fault that this call runs into, if any, and uses it up. s.mu is held.
func (s *Server) strike(method, channel string) *Fault {
	now := s.cfg.Now()
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool {
		return f.ForMS > 0 && now.After(f.until) || f.Count > 0 && f.left == 0
	})
	for _, f := range s.faults {
		if f.Method != "" && f.Method != method || f.Channel != "" && f.Channel != channel {
			continue
		}
		if f.Count > 0 {
			f.left--
		}
		return f
	}
	return nil
}
