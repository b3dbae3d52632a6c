package github

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Fault makes calls of REST fail: those of Method (any when "") whose path (without /api/v3) matches Path, in which * is anything (any
// when ""). Skip of them go well first; then Count fail, or all until the faults are cleared when that is 0.
type Fault struct {
	Method  string        `json:"method,omitempty"`
	Path    string        `json:"path,omitempty"` // "/repos/*/git/refs*"
	Kind    FaultKind     `json:"kind"`
	Status  int           `json:"status,omitempty"`  // of Status
	Message string        `json:"message,omitempty"` // of Status; GitHub's own words when ""
	Delay   time.Duration `json:"delay,omitempty"`   // of Slow; and what Retry-After says of Secondary, a minute when 0
	Skip    int           `json:"skip,omitempty"`
	Count   int           `json:"count,omitempty"`

	path *regexp.Regexp
	left int
}

// FaultKind is how a call fails.
type FaultKind string

// The kinds of fault.
const (
	Status    FaultKind = "status"     // the answer has Status, and nothing is done
	Secondary FaultKind = "secondary"  // the secondary limit: 403, Retry-After
	Primary   FaultKind = "primary"    // nothing is left of the hour
	Unicorn   FaultKind = "unicorn"    // 502 with a page that is no JSON
	Drop      FaultKind = "drop"       // the connection breaks before anything is done
	DropAfter FaultKind = "drop_after" // it is done, and the connection breaks before the answer
	Slow      FaultKind = "slow"       // it takes Delay
)

// Call is one request to REST or git that came.
type Call struct {
	Method string `json:"method"`
	Path   string `json:"path"` // without /api/v3, with the query
	Login  string `json:"login"`
	Status int    `json:"status"` // 0 where the connection broke
	At     time.Time
}

var faultKinds = []FaultKind{Status, Secondary, Primary, Unicorn, Drop, DropAfter, Slow}

// Fault arms a fault. It fails when there is no such kind, or Status has no status.
func (s *Server) Fault(f Fault) error {
	if !slices.Contains(faultKinds, f.Kind) || f.Kind == Status && http.StatusText(f.Status) == "" {
		return fmt.Errorf("github stand-in: there is no fault %q with status %d", f.Kind, f.Status)
	}
	f.path = regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(f.Path), `\*`, ".*") + "$")
	f.left = f.Count
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
	return nil
}

// ClearFaults disarms all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// strike is the armed fault that a call runs into, if any, and uses it up.
func (s *Server) strike(c *call) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, f := range s.faults {
		if f.Method != "" && f.Method != c.r.Method || f.Path != "" && !f.path.MatchString(c.path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Count > 0 {
			if f.left--; f.left == 0 {
				s.faults = slices.Delete(s.faults, at, at+1)
			}
		}
		return f
	}
	return nil
}

// before is what a fault does in the place of a call. It tells whether the call is to be answered all the same.
func (f *Fault) before(c *call) bool {
	c.s.mu.Lock()
	c.id = "FA17:000001"
	if err := c.identify(); err != nil {
		c.who = actor{key: anonymous}
	}
	c.s.mu.Unlock()
	switch f.Kind {
	case DropAfter:
		return true
	case Slow:
		return sleep(c.r.Context(), f.Delay)
	case Drop:
		c.note(0)
		panic(http.ErrAbortHandler)
	case Unicorn:
		c.answer(reply{status: http.StatusBadGateway, raw: []byte("<!DOCTYPE html><title>Unicorn! &middot; GitHub</title>\n"), kind: "text/html; charset=utf-8"})
	case Secondary:
		wait := f.Delay
		if wait == 0 {
			wait = time.Minute
		}
		c.answer(c.word(reply{}, c.tooFast("", wait)))
	case Primary:
		c.s.Exhaust(c.who.key)
		c.answer(c.word(reply{}, c.exhausted()))
	case Status:
		message := f.Message
		if message == "" {
			message = http.StatusText(f.Status)
		}
		c.answer(c.word(reply{}, refuse(f.Status, "%s", message)))
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// note writes a call into the journal. s.mu is not held.
func (c *call) note(status int) {
	path := c.path
	if c.r.URL.RawQuery != "" {
		path += "?" + c.r.URL.RawQuery
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.calls = newest(c.s.calls, maxCalls)
	c.s.calls = append(c.s.calls, Call{Method: c.r.Method, Path: path, Login: c.who.login, Status: status, At: c.s.cfg.Now()})
}

// What is kept of calls and of deliveries: a demo may run for days.
const maxCalls, maxDeliveries = 50_000, 2_000

// newest forgets the older half of what is more than most.
func newest[T any](list []T, most int) []T {
	if len(list) < most {
		return list
	}
	return slices.Delete(list, 0, most/2)
}

// Calls gives the calls so far, oldest first; the newest 25,000 at least.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Count says how many calls of a method (any when "") had a path, without its query, that matches; * is anything.
func (s *Server) Count(method, path string) int {
	want := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(path), `\*`, ".*") + "$")
	n := 0
	for _, c := range s.Calls() {
		path, _, _ := strings.Cut(c.Path, "?")
		if (method == "" || method == c.Method) && want.MatchString(path) {
			n++
		}
	}
	return n
}
