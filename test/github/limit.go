package github

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Limits are GitHub's; a zero is GitHub's own number.
type Limits struct {
	Hourly        int // of a token: 5,000
	Anonymous     int // of who says not who they are: 60 an hour
	Search        int // 30 a minute
	Points        int // a minute; reading costs one, writing five: 900
	ContentMinute int // pull requests, comments, reviews: 80 a minute
	ContentHour   int // and 500 an hour
	Status        int // of a refusal: 403, or 429, as GitHub does both
}

func (l Limits) filled() Limits {
	return Limits{
		Hourly: cmp.Or(l.Hourly, 5000), Anonymous: cmp.Or(l.Anonymous, 60), Search: cmp.Or(l.Search, 30),
		Points: cmp.Or(l.Points, 900), ContentMinute: cmp.Or(l.ContentMinute, 80), ContentHour: cmp.Or(l.ContentHour, 500), Status: cmp.Or(l.Status, http.StatusForbidden),
	}
}

// budget is what one caller spent of one resource, or all.
type budget struct {
	used    int
	reset   time.Time
	points  []cost      // of the last minute
	content []time.Time // of the last hour
}

type cost struct {
	at     time.Time
	points int
}

const writePoints = 5

// resource is what the call is counted as, how much there is of it, and for how long.
func (c *call) resource() (name string, limit int, window time.Duration) {
	switch {
	case c.at.doc == searchDoc:
		return "search", c.s.cfg.Limits.Search, time.Minute
	case c.who.login == "" && c.who.app == nil:
		return "core", c.s.cfg.Limits.Anonymous, time.Hour
	}
	return "core", c.s.cfg.Limits.Hourly, time.Hour
}

// purse is the caller's budget of what the call is counted as. s.mu is held.
func (c *call) purse() (b *budget, limit int) {
	name, limit, window := c.resource()
	key := c.who.key + " " + name
	b = c.s.spent[key]
	if b == nil {
		b = &budget{}
		c.s.spent[key] = b
	}
	if now := c.s.now(); !now.Before(b.reset) {
		b.used, b.reset = 0, now.Add(window)
	}
	return b, limit
}

// spend counts the call, and refuses it where a limit is reached. s.mu is held.
func (c *call) spend() error {
	if c.at.doc == rateDoc {
		return nil
	}
	b, limit := c.purse()
	if b.used >= limit {
		return c.exhausted()
	}
	b.used++
	return c.secondary(b)
}

// exhausted is the refusal of a caller who has nothing left.
func (c *call) exhausted() error {
	whose := fmt.Sprintf("user ID %d", c.who.id)
	switch {
	case c.who.installation != nil:
		whose = fmt.Sprintf("installation ID %d", c.who.installation.id)
	case c.who.login == "":
		whose = "127.0.0.1"
	}
	return &refusal{
		status: c.s.cfg.Limits.Status, doc: "rest/overview/rate-limits-for-the-rest-api",
		message: fmt.Sprintf("API rate limit exceeded for %s. If you reach out to GitHub Support for help, please include the request ID %s and timestamp %s.",
			whose, c.id, c.s.now().Format("2006-01-02 15:04:05 UTC")),
	}
}

// secondary keeps the limits that no header tells.
func (c *call) secondary(b *budget) error {
	now, l := c.s.now(), c.s.cfg.Limits
	b.points = slices.DeleteFunc(b.points, func(p cost) bool { return now.Sub(p.at) >= time.Minute })
	b.content = slices.DeleteFunc(b.content, func(at time.Time) bool { return now.Sub(at) >= time.Hour })
	points := 1
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		points = writePoints
	}
	sum := points
	for _, p := range b.points {
		sum += p.points
	}
	if sum > l.Points && len(b.points) > 0 {
		return c.tooFast("", b.points[0].at.Add(time.Minute).Sub(now))
	}
	b.points = append(b.points, cost{now, points})
	if !c.at.content {
		return nil
	}
	recent := slices.IndexFunc(b.content, func(at time.Time) bool { return now.Sub(at) < time.Minute })
	switch {
	case len(b.content) >= l.ContentHour:
		return c.tooFast(" and have been temporarily blocked from content creation", b.content[0].Add(time.Hour).Sub(now))
	case recent >= 0 && len(b.content)-recent >= l.ContentMinute:
		return c.tooFast(" and have been temporarily blocked from content creation", b.content[recent].Add(time.Minute).Sub(now))
	}
	b.content = append(b.content, now)
	return nil
}

// tooFast is the refusal of the secondary limits.
func (c *call) tooFast(blocked string, wait time.Duration) error {
	return &refusal{
		status: c.s.cfg.Limits.Status, doc: "rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
		message: "You have exceeded a secondary rate limit" + blocked + ". Please retry your request again later. If you reach out to GitHub Support for help, please include the request ID " + c.id + ".",
		header:  http.Header{"Retry-After": {strconv.Itoa(int(max(wait, time.Second).Seconds()))}},
	}
}

// refund gives back what a call cost that was answered "not modified".
func (s *Server) refund(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.who.key == anonymous || c.at.doc == rateDoc {
		return
	}
	if b, _ := c.purse(); b.used > 0 {
		b.used--
	}
}

// limits writes the headers of the caller's budget.
func (c *call) limits() {
	if c.who.key == "" {
		return // nobody was identified
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	b, limit := c.purse()
	name, _, _ := c.resource()
	for k, v := range c.rate(b, limit) {
		c.w.Header().Set("X-Ratelimit-"+k, strconv.FormatInt(v, 10))
	}
	c.w.Header().Set("X-Ratelimit-Resource", name)
}

func (c *call) rate(b *budget, limit int) map[string]int64 {
	return map[string]int64{"Limit": int64(limit), "Remaining": int64(max(0, limit-b.used)), "Used": int64(b.used), "Reset": b.reset.Unix()}
}

const rateDoc = "rest/rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user"

func (c *call) showLimits() (reply, error) {
	b, limit := c.purse()
	core := obj{"limit": limit, "remaining": max(0, limit-b.used), "used": b.used, "reset": b.reset.Unix()}
	return ok(obj{"resources": obj{"core": core}, "rate": core})
}

// Exhaust leaves the caller of that login (an app's is "slug[bot]") with nothing of its hourly limit until it is given anew.
func (s *Server) Exhaust(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := login + " core"
	s.spent[key] = &budget{used: s.cfg.Limits.Hourly, reset: s.now().Add(time.Hour)}
}
