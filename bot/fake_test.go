package bot_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// inbox is an Inbox in memory. It outlives the bots of a test, as a database does.
type inbox struct {
	mu       sync.Mutex
	down     bool   // as a database that does not answer
	took     func() // called while a payload is stored; nil for nothing
	payloads map[string]*kept
	order    []string
}

type kept struct {
	engine.Payload
	claimed  time.Time
	finished bool
	problem  string
}

var errDown = errors.New("connection refused")

func (x *inbox) Receive(_ context.Context, p engine.Payload, claim time.Duration) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.down {
		return false, errDown
	}
	if x.took != nil {
		x.took()
	}
	if x.payloads == nil {
		x.payloads = map[string]*kept{}
	}
	if x.payloads[p.ID] != nil {
		return false, nil
	}
	x.payloads[p.ID] = &kept{Payload: p, claimed: time.Now().Add(claim)}
	x.order = append(x.order, p.ID)
	return true, nil
}

func (x *inbox) Abandoned(_ context.Context, n int, claim time.Duration) ([]engine.Payload, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []engine.Payload
	for _, id := range x.order {
		k := x.payloads[id]
		if k.finished || time.Now().Before(k.claimed) || len(out) == n {
			continue
		}
		k.claimed = time.Now().Add(claim)
		out = append(out, k.Payload)
	}
	return out, nil
}

func (x *inbox) Finish(_ context.Context, id, problem string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.down {
		return errDown
	}
	x.payloads[id].finished, x.payloads[id].problem = true, problem
	return nil
}

func (x *inbox) setDown(down bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.down = down
}

func (x *inbox) setTook(took func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.took = took
}

// expire ends all claims, as time does.
func (x *inbox) expire() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, k := range x.payloads {
		k.claimed = time.Time{}
	}
}

// open counts the payloads that nobody has finished.
func (x *inbox) open() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for _, k := range x.payloads {
		if !k.finished {
			n++
		}
	}
	return n
}

// outbox is an Outbox in memory, with a lane for each channel and home.
type outbox struct {
	mu     sync.Mutex
	rows   []*row
	leased map[string]time.Time // by lane
	paused map[string]time.Time // by channel
	wake   []chan struct{}
	same   map[string]string // ids of channels by name
	forget bool              // drops what Delivered says: the process dies before it can save
}

type row struct {
	engine.Message
	channelID, ts string
	posting       bool
	shown         int64
	attempts      int
	retry         time.Time
	rest          time.Time
	dropped       bool
	problem       string
	declared      time.Time
}

func (r *row) lane() string { return cmp.Or(r.Channel, r.Person) }

// want declares messages, or bumps the version of old ones.
func (x *outbox) want(messages ...engine.Message) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, m := range messages {
		m.Version, m.Channel = max(m.Version, 1), cmp.Or(x.same[m.Channel], m.Channel)
		if r := x.row(m.Key); r != nil {
			r.Version = m.Version
			continue
		}
		x.rows = append(x.rows, &row{Message: m, declared: time.Now()})
	}
	for _, w := range x.wake {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (x *outbox) row(key string) *row {
	if i := slices.IndexFunc(x.rows, func(r *row) bool { return r.Key == key }); i >= 0 {
		return x.rows[i]
	}
	return nil
}

// set changes a row as an earlier process left it.
func (x *outbox) set(key string, change func(*row)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change(x.row(key))
}

// expire ends all leases, as time does those of a process that died.
func (x *outbox) expire() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.leased = nil
}

func (x *outbox) get(key string) row {
	x.mu.Lock()
	defer x.mu.Unlock()
	return *x.row(key)
}

func (x *outbox) all() []row {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []row
	for _, r := range x.rows {
		out = append(out, *r)
	}
	return out
}

func (x *outbox) Lease(_ context.Context, _ string, ttl time.Duration) (engine.Delivery, bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	for _, r := range x.rows {
		parent := x.row(r.ThreadKey)
		if r.dropped || r.shown >= r.Version || now.Before(r.retry) || now.Before(x.leased[r.lane()]) || now.Before(x.paused[r.Channel]) ||
			now.Before(x.paused[""]) || parent != nil && parent.ts == "" || x.resting(r.lane(), now) {
			continue
		}
		if x.leased == nil {
			x.leased = map[string]time.Time{}
		}
		x.leased[r.lane()] = now.Add(ttl)
		d := engine.Delivery{Message: r.Message, ChannelID: r.channelID, TS: r.ts, Posting: r.posting, Attempt: r.attempts, Declared: r.declared}
		if parent != nil {
			d.ThreadTS = parent.ts
		}
		return d, true, nil
	}
	return engine.Delivery{}, false, nil
}

func (x *outbox) resting(lane string, now time.Time) bool {
	return slices.ContainsFunc(x.rows, func(r *row) bool { return r.lane() == lane && now.Before(r.rest) })
}

func (x *outbox) BeginPost(_ context.Context, key string) error {
	x.set(key, func(r *row) { r.posting = true })
	return nil
}

func (x *outbox) Delivered(_ context.Context, key string, version int64, channelID, ts string, pace time.Duration) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.forget {
		return errDown
	}
	r := x.row(key)
	r.shown, r.channelID, r.ts, r.posting, r.attempts, r.problem = version, channelID, ts, false, 0, ""
	r.rest = time.Now().Add(pace)
	delete(x.leased, r.lane())
	return nil
}

func (x *outbox) Failed(_ context.Context, key, problem string, retryAt time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := x.row(key)
	delete(x.leased, r.lane())
	r.attempts, r.problem, r.retry = r.attempts+1, problem, retryAt
	return nil
}

func (x *outbox) Lost(ctx context.Context, d engine.Delivery, problem string, retryAt time.Time, fallback string) error {
	if err := x.Failed(ctx, d.Key, problem, retryAt); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	r, ts := x.row(d.Key), d.TS
	if d.ThreadKey != "" && d.TS == "" {
		r, ts = x.row(d.ThreadKey), d.ThreadTS
	}
	if r.ts == ts {
		r.shown, r.channelID, r.ts, r.posting, r.problem = 0, "", "", false, problem
	}
	if fallback == "" || r.ts != "" {
		return nil
	}
	for _, other := range x.rows {
		if other == r || other.ThreadKey == r.Key && other.ts == "" {
			other.Channel = fallback
		}
	}
	return nil
}

func (x *outbox) Later(_ context.Context, key string, until time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := x.row(key)
	r.retry = until
	delete(x.leased, r.lane())
	return nil
}

func (x *outbox) Drop(_ context.Context, key, problem string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := x.row(key)
	r.dropped, r.problem = true, problem
	delete(x.leased, r.lane())
	return nil
}

func (x *outbox) Pause(_ context.Context, channel string, until time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.paused == nil {
		x.paused = map[string]time.Time{}
	}
	x.paused[channel] = until
	delete(x.leased, channel)
	return nil
}

func (x *outbox) SameChannel(_ context.Context, name, id string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if time.Now().Before(x.leased[name]) {
		return engine.Errorf(engine.Conflict, "a message to %s is being delivered", name)
	}
	for _, r := range x.rows {
		if r.Channel == name {
			r.Channel = id
		}
	}
	if x.same == nil {
		x.same = map[string]string{}
	}
	x.same[name] = id
	return nil
}

func (x *outbox) Wake(ctx context.Context) <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	w := make(chan struct{}, 1)
	x.wake = append(x.wake, w)
	context.AfterFunc(ctx, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.wake = slices.DeleteFunc(x.wake, func(o chan struct{}) bool { return o == w })
		close(w)
	})
	return w
}

// content is what messages show.
type content struct {
	storms      map[int64]engine.Storm
	experiments map[int64]engine.Experiment
	mu          sync.Mutex
	incidents   map[int64]engine.Incident
	groups      map[int64]engine.FindingGroup
	proposals   map[int64]engine.Proposal
	digests     map[int64]engine.Digest
	overview    engine.Overview
	who         []engine.Mention
}

func (c *content) FindingGroup(_ context.Context, id int64) (engine.FindingGroup, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.groups[id]
	if !ok {
		return g, engine.Errorf(engine.NotFound, "there are no savings %d", id)
	}
	return g, nil
}

func (c *content) Proposal(_ context.Context, id int64) (engine.Proposal, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.proposals[id]
	if !ok {
		return p, engine.Errorf(engine.NotFound, "there is no proposal %d", id)
	}
	return p, nil
}

func (c *content) Digest(_ context.Context, id int64) (engine.Digest, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.digests[id]
	if !ok {
		return d, engine.Errorf(engine.NotFound, "there is no digest %d", id)
	}
	return d, nil
}

func (c *content) put(i engine.Incident) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.incidents == nil {
		c.incidents = map[int64]engine.Incident{}
	}
	c.incidents[i.ID] = i
}

func (c *content) Incident(_ context.Context, id int64) (engine.Incident, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.incidents[id]
	if !ok {
		return i, engine.Errorf(engine.NotFound, "there is no incident %d", id)
	}
	return i, nil
}

func (c *content) Story(ctx context.Context, id int64) (engine.Story, error) {
	i, err := c.Incident(ctx, id)
	return engine.Story{Incident: i}, err
}

func (c *content) Storm(_ context.Context, id int64) (engine.Storm, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.storms[id]
	if !ok {
		return s, engine.Errorf(engine.NotFound, "there is no storm %d", id)
	}
	return s, nil
}

func (c *content) Experiment(_ context.Context, id int64) (engine.Experiment, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.experiments[id]
	if !ok {
		return e, engine.Errorf(engine.NotFound, "there is no experiment %d", id)
	}
	return e, nil
}

func (c *content) perform(e engine.Experiment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.experiments = map[int64]engine.Experiment{e.ID: e}
}

func (c *content) SpendAlarm(_ context.Context, id int64) (engine.SpendAlarm, error) {
	return engine.SpendAlarm{ID: id, Day: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), Rises: []engine.SpendRise{{
		Of: engine.Workload{Kind: "Team", Name: "shop"}, Amount: 20 * engine.USD, Usual: 8 * engine.USD,
	}}}, nil
}

func (c *content) Overview(context.Context) (engine.Overview, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.overview, nil
}

func (c *content) Mentions(engine.Incident) []engine.Mention { return c.who }

// handler answers as it is told and remembers what it was asked.
type handler struct {
	mu          sync.Mutex
	commands    []engine.Command
	clicks      []engine.Click
	submissions []engine.Submission
	homes       []engine.Person

	command func(engine.Command) (engine.Reply, error)
	click   func(engine.Click) (engine.Reply, error)
	submit  func(engine.Submission) (engine.Reply, error)
}

func (h *handler) Command(_ context.Context, c engine.Command) (engine.Reply, error) {
	h.mu.Lock()
	h.commands = append(h.commands, c)
	answer := h.command
	h.mu.Unlock()
	if answer == nil {
		return engine.Reply{Text: "You said " + c.Text}, nil
	}
	return answer(c)
}

func (h *handler) Click(_ context.Context, c engine.Click) (engine.Reply, error) {
	h.mu.Lock()
	h.clicks = append(h.clicks, c)
	answer := h.click
	h.mu.Unlock()
	if answer == nil {
		return engine.Reply{}, nil
	}
	return answer(c)
}

func (h *handler) Submit(_ context.Context, s engine.Submission) (engine.Reply, error) {
	h.mu.Lock()
	h.submissions = append(h.submissions, s)
	answer := h.submit
	h.mu.Unlock()
	if answer == nil {
		return engine.Reply{}, nil
	}
	return answer(s)
}

func (h *handler) HomeOpened(_ context.Context, p engine.Person) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.homes = append(h.homes, p)
	return nil
}

// asked gives how many commands, clicks, submissions and Home tabs there were.
func (h *handler) asked() (commands, clicks, submissions, homes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.commands), len(h.clicks), len(h.submissions), len(h.homes)
}
