package github

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Hook is where events are sent to.
type Hook struct {
	URL, Secret string
	Events      []string // "pull_request", "push", …; all when nil
	Repo        string   // owner/name; every one when ""
	App         string   // slug: it is that app's hook, so that events name the installation, and come only from where it is installed
}

// Delivery is an event on its way, or there.
type Delivery struct {
	ID      string // X-GitHub-Delivery
	Event   string
	Action  string
	URL     string
	Payload json.RawMessage
	Status  int    // the answer's; 0 when there was none
	Error   string // why there was none
	Again   bool   // it was sent before

	secret string
	hook   int64
}

// postman delivers events one after another, as long as nobody loses them on purpose.
type postman struct {
	client *http.Client
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex // guards everything below
	wake  chan struct{}
	hooks []Hook
	queue []Delivery
	sent  []Delivery
	lose  int
	busy  bool
}

const (
	hookTimeout = 10 * time.Second // GitHub's
	hookTick    = 5 * time.Millisecond
)

func newPostman(hooks []Hook) *postman {
	ctx, cancel := context.WithCancel(context.Background())
	m := &postman{
		client: &http.Client{Timeout: hookTimeout, Transport: &http.Transport{}}, ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), hooks: hooks,
	}
	m.done.Go(m.work)
	return m
}

func (m *postman) close() {
	m.cancel()
	m.done.Wait()
	m.client.CloseIdleConnections()
}

func (m *postman) add(d Delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lose > 0 && !d.Again {
		m.lose--
		d.Error = "lost on purpose"
		m.sent = append(m.sent, d)
		return
	}
	m.queue = append(m.queue, d)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *postman) work() {
	for {
		m.mu.Lock()
		m.busy = len(m.queue) > 0
		var next Delivery
		if m.busy {
			next, m.queue = m.queue[0], m.queue[1:]
		}
		busy := m.busy
		m.mu.Unlock()
		if busy {
			m.deliver(&next)
			m.mu.Lock()
			m.sent = append(newest(m.sent, maxDeliveries), next)
			m.mu.Unlock()
			continue
		}
		select {
		case <-m.wake:
		case <-m.ctx.Done():
			return
		}
	}
}

func (m *postman) deliver(d *Delivery) {
	r, err := http.NewRequestWithContext(m.ctx, http.MethodPost, d.URL, bytes.NewReader(d.Payload))
	if err != nil {
		d.Error = err.Error()
		return
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "GitHub-Hookshot/5e7a11d")
	r.Header.Set("X-Github-Event", d.Event)
	r.Header.Set("X-Github-Delivery", d.ID)
	r.Header.Set("X-Github-Hook-Id", fmt.Sprint(d.hook))
	if d.secret != "" {
		r.Header.Set("X-Hub-Signature-256", Sign(d.secret, d.Payload))
	}
	answer, err := m.client.Do(r)
	if err != nil {
		d.Error = err.Error()
		return
	}
	answer.Body.Close()
	d.Status = answer.StatusCode
}

// Sign is the X-Hub-Signature-256 of a payload.
func Sign(secret string, payload []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(payload)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// view is nobody's call, to word payloads with.
func (s *Server) view(r *repo) *call { return &call{s: s, repo: r, base: s.url + "/api/v3"} }

// tell sends an event to the hooks that want it. s.mu is held.
func (s *Server) tell(r *repo, event string, by actor, payload obj) {
	c := s.view(r)
	s.hook.mu.Lock()
	hooks := slices.Clone(s.hook.hooks)
	s.hook.mu.Unlock()
	for n, h := range hooks {
		if h.Repo != "" && !strings.EqualFold(h.Repo, r.full()) || h.Events != nil && !slices.Contains(h.Events, event) {
			continue
		}
		body := maps.Clone(payload)
		body["repository"], body["sender"] = c.repoJSON(r), c.userJSON(by.user)
		if owner := s.account(r.owner); owner.Type == "Organization" {
			body["organization"] = c.userJSON(owner)
		}
		if h.App != "" {
			at := slices.IndexFunc(s.apps, func(a *App) bool { return a.Slug == h.App && a.at(r) != nil })
			if at < 0 {
				continue
			}
			body["installation"] = obj{"id": s.apps[at].at(r).id}
		}
		data, err := json.Marshal(body)
		if err != nil {
			panic("github stand-in: " + err.Error()) // what is encoded is ours
		}
		action, _ := body["action"].(string)
		s.hook.add(Delivery{ID: s.guid(), Event: event, Action: action, URL: h.URL, Payload: data, secret: h.Secret, hook: int64(n + 1)})
	}
}

func (s *Server) guid() string {
	const first = "72d3162e-cc78-11e3-81ab-"
	return fmt.Sprintf("%s%012x", first, s.next())
}

func (s *Server) tellPull(r *repo, p *pull, action string, by actor, more obj) {
	payload := obj{"action": action, "number": p.number, "pull_request": s.view(r).fullPullJSON(p)}
	maps.Copy(payload, more)
	s.tell(r, "pull_request", by, payload)
}

func (s *Server) tellPush(r *repo, ref, was, now string, by actor) {
	c := s.view(r)
	payload := obj{
		"ref": ref, "before": was, "after": now, "created": was == "", "deleted": now == "", "forced": was != "" && now != "" && !r.git.isAncestor(was, now),
		"base_ref": nil, "compare": "", "commits": []obj{}, "head_commit": nil,
		"pusher": obj{"name": by.user.Login, "email": by.user.Email},
	}
	if was == "" {
		payload["before"] = zeroSHA
	}
	if now == "" {
		payload["after"] = zeroSHA
		s.tell(r, "push", by, payload)
		return
	}
	revs := []string{"--reverse", now, "--"}
	if was != "" {
		revs = []string{"--reverse", was + ".." + now, "--"}
	}
	const most = 20
	list, err := r.git.commits(most, revs...)
	if err == nil {
		payload["commits"] = each(list, func(done commit) obj { return c.pushed(done) })
	}
	if head, err := r.git.commit(now); err == nil {
		payload["head_commit"] = c.pushed(head)
	}
	s.tell(r, "push", by, payload)
}

// pushed is a commit as push events have it, with the paths that it touched.
func (c *call) pushed(done commit) obj {
	out := obj{
		"id": done.SHA, "tree_id": done.Tree, "message": done.Message, "timestamp": stamp(done.Committer.At), "distinct": true,
		"author": obj{"name": done.Author.Name, "email": done.Author.Email}, "committer": obj{"name": done.Committer.Name, "email": done.Committer.Email},
		"url": c.s.url + "/" + c.repo.full() + "/commit/" + done.SHA,
	}
	before := ""
	if len(done.Parents) > 0 {
		before = done.Parents[0]
	}
	paths := map[string][]string{"added": {}, "removed": {}, "modified": {}}
	if changes, err := c.repo.git.diff(before, done.SHA); err == nil {
		for _, f := range changes {
			switch f.Status {
			case "renamed":
				paths["added"], paths["removed"] = append(paths["added"], f.Path), append(paths["removed"], f.Was)
			default:
				paths[f.Status] = append(paths[f.Status], f.Path)
			}
		}
	}
	for k, v := range paths {
		out[k] = v
	}
	return out
}

// AddHook sends events to one more address from now on.
func (s *Server) AddHook(h Hook) {
	s.hook.mu.Lock()
	defer s.hook.mu.Unlock()
	s.hook.hooks = append(s.hook.hooks, h)
}

// LoseHooks loses the next n deliveries on their way.
func (s *Server) LoseHooks(n int) {
	s.hook.mu.Lock()
	defer s.hook.mu.Unlock()
	s.hook.lose = n
}

// Deliveries are the events that were sent, lost ones among them, oldest first; the newest 1,000 at least.
func (s *Server) Deliveries() []Delivery {
	s.hook.mu.Lock()
	defer s.hook.mu.Unlock()
	return slices.Clone(s.hook.sent)
}

// Delivered waits until nothing is on its way. It fails when ctx ends before.
func (s *Server) Delivered(ctx context.Context) error {
	tick := time.NewTicker(hookTick)
	defer tick.Stop()
	for {
		s.hook.mu.Lock()
		idle := len(s.hook.queue) == 0 && !s.hook.busy
		s.hook.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("github stand-in: hooks are still on their way: %w", ctx.Err())
		}
	}
}

// Redeliver sends a delivery again, under its own id. It fails where there was none.
func (s *Server) Redeliver(id string) error {
	for _, d := range s.Deliveries() {
		if d.ID == id {
			d.Again, d.Status, d.Error = true, 0, ""
			s.hook.add(d)
			return nil
		}
	}
	return fmt.Errorf("github stand-in: there was no delivery %s", id)
}
