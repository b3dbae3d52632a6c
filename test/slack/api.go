package slack

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// method is one Web API method: who may call it, how often, and what it does with s.mu held.
type method struct {
	scope    string
	tier     tier
	appLevel bool // wants the xapp- token
	do       func(*Server, args) (reply, error)
}

func methodTable() map[string]method {
	return map[string]method{
		"auth.test":             {tier: tierSpecial, do: (*Server).authTest},
		"apps.connections.open": {tier: tier1, appLevel: true, do: (*Server).connectionsOpen},
		"team.info":             {scope: "team:read", tier: tier3, do: (*Server).teamInfo},
		"bots.info":             {scope: "users:read", tier: tier3, do: (*Server).botsInfo},

		"chat.postMessage":   {scope: "chat:write", tier: tierPost, do: (*Server).chatPostMessage},
		"chat.postEphemeral": {scope: "chat:write", tier: tier4, do: (*Server).chatPostEphemeral},
		"chat.update":        {scope: "chat:write", tier: tier3, do: (*Server).chatUpdate},
		"chat.delete":        {scope: "chat:write", tier: tier3, do: (*Server).chatDelete},
		"chat.getPermalink":  {tier: tierSpecial, do: (*Server).chatGetPermalink},

		"conversations.list":    {scope: "channels:read", tier: tier2, do: (*Server).conversationsList},
		"conversations.info":    {scope: "channels:read", tier: tier3, do: (*Server).conversationsInfo},
		"conversations.members": {scope: "channels:read", tier: tier4, do: (*Server).conversationsMembers},
		"conversations.history": {scope: "channels:history", tier: tier3, do: (*Server).conversationsHistory},
		"conversations.replies": {scope: "channels:history", tier: tier3, do: (*Server).conversationsReplies},
		"conversations.join":    {scope: "channels:join", tier: tier3, do: (*Server).conversationsJoin},
		"conversations.open":    {scope: "im:write", tier: tier3, do: (*Server).conversationsOpen},

		"users.info":            {scope: "users:read", tier: tier4, do: (*Server).usersInfo},
		"users.list":            {scope: "users:read", tier: tier2, do: (*Server).usersList},
		"users.lookupByEmail":   {scope: "users:read.email", tier: tier3, do: (*Server).usersLookupByEmail},
		"users.profile.get":     {scope: "users.profile:read", tier: tier4, do: (*Server).usersProfileGet},
		"usergroups.list":       {scope: "usergroups:read", tier: tier2, do: (*Server).usergroupsList},
		"usergroups.users.list": {scope: "usergroups:read", tier: tier2, do: (*Server).usergroupsUsersList},

		"views.open":    {tier: tier4, do: (*Server).viewsOpen},
		"views.push":    {tier: tier4, do: (*Server).viewsPush},
		"views.update":  {tier: tier4, do: (*Server).viewsUpdate},
		"views.publish": {tier: tier4, do: (*Server).viewsPublish},

		"reactions.add":    {scope: "reactions:write", tier: tier3, do: (*Server).reactionsAdd},
		"reactions.remove": {scope: "reactions:write", tier: tier2, do: (*Server).reactionsRemove},
		"reactions.get":    {scope: "reactions:read", tier: tier3, do: (*Server).reactionsGet},

		"files.getUploadURLExternal":   {scope: "files:write", tier: tier4, do: (*Server).filesGetUploadURL},
		"files.completeUploadExternal": {scope: "files:write", tier: tier4, do: (*Server).filesComplete},
		"files.info":                   {scope: "files:read", tier: tier4, do: (*Server).filesInfo},
		"files.list":                   {scope: "files:read", tier: tier3, do: (*Server).filesList},
		"files.delete":                 {scope: "files:write", tier: tier3, do: (*Server).filesDelete},
	}
}

var methods = methodTable()

// served is what one call came to.
type served struct {
	call  Call
	body  []byte
	fault *Fault
	kind  string // Content-Type; JSON when empty
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	name := r.PathValue("method")
	a, err := readArgs(r)
	token := tokenOf(r, a)
	s.mu.Lock()
	out := s.perform(name, token, a, err)
	out.call.MS = time.Since(start).Milliseconds()
	s.log.add(out.call)
	scopes := s.auth.granted(token)
	s.mu.Unlock()

	h := w.Header()
	h.Set("X-OAuth-Scopes", scopes)
	h.Set("X-Accepted-OAuth-Scopes", methods[name].scope)
	h.Set("X-Slack-Req-Id", strconv.FormatInt(out.call.Time.UnixNano(), 36))
	s.send(w, r, out)
}

// malformed are the refusals that a correct app never meets.
var malformed = []string{
	"invalid_blocks", "invalid_blocks_format", "invalid_attachments", "invalid_arguments", "invalid_metadata_format",
	"invalid_metadata_schema", "msg_blocks_too_long", "msg_too_long", "no_text",
}

// perform decides one call; s.mu is held. The answer is marshalled here, so nothing shared leaves the lock.
func (s *Server) perform(name, token string, a args, readErr error) served {
	out := served{call: Call{Method: name, Time: s.cfg.Now(), Channel: a.str("channel"), Status: http.StatusOK}}
	if out.call.Channel == "" {
		out.call.Channel = a.str("channel_id")
	}
	finish := func(body reply, err error) served {
		var code string
		body, code = answer(body, err)
		out.call.OK, out.call.Error = code == "", code
		out.body = encode(body)
		return out
	}
	m, known := methods[name]
	if !known {
		return finish(nil, &refusal{code: "unknown_method", extra: map[string]any{"req_method": name}})
	}
	if readErr != nil {
		s.violate("bad_request", name+": "+readErr.Error())
		return finish(nil, readErr)
	}
	if err := s.auth.check(token, m); err != nil {
		return finish(nil, err)
	}
	channel := out.call.Channel
	if c := s.ws.channel(channel); c != nil {
		channel, out.call.Channel = c.ID, c.ID
	}
	if f := s.strike(name, channel); f != nil {
		out.fault, out.call.Fault = f, f.Kind
		if s.suffer(f, name, channel, m.tier, &out) {
			return out
		}
	}
	if wait := s.throttle(name, channel, m.tier); wait > 0 {
		out.call.Status, out.call.RetryAfter = http.StatusTooManyRequests, wait
		return finish(nil, refuse("ratelimited"))
	}
	body, err := m.do(s, a)
	if r, ok := errors.AsType[*refusal](err); ok && slices.Contains(malformed, r.code) {
		s.violate("bad_request", name+": "+r.code+" "+joinMessages(r))
	}
	return finish(body, err)
}

// suffer lets a fault decide a call; false when the call goes on all the same.
func (s *Server) suffer(f *Fault, name, channel string, t tier, out *served) bool {
	refused := func(code string) bool {
		body, logged := answer(nil, refuse(code))
		out.call.Error, out.body = logged, encode(body)
		return true
	}
	switch f.Kind {
	case "ratelimit":
		key, _ := limitKey(name, channel, t)
		if f.Channel == "" {
			key = name
		}
		wait := max(1, f.RetryAfter)
		if s.limits.close(key, wait, s.cfg.Now()) {
			s.violateEarly(key)
		}
		out.call.Status, out.call.RetryAfter = http.StatusTooManyRequests, wait
		return refused("ratelimited")
	case "http500":
		out.call.Status, out.call.Error = http.StatusInternalServerError, "http500"
		out.body = []byte("Internal Server Error")
		return true
	case "error":
		return refused(f.Error)
	case "timeout":
		out.call.Status, out.call.Error = 0, "timeout"
		return true
	}
	return false
}

// limitKey names the bucket of a call, and says whether the workspace's own bucket counts too.
func limitKey(name, channel string, t tier) (key string, workspace bool) {
	if t.perChannel {
		return name + " " + channel, true
	}
	return name, false
}

// throttle is how long the caller must stay away, 0 when the call may go on.
func (s *Server) throttle(name, channel string, t tier) int {
	now := s.cfg.Now()
	key, workspace := limitKey(name, channel, t)
	wait, early := s.limits.take(key, t, now)
	if wait == 0 && workspace {
		wait, early = s.limits.take(name, tierWorkspace, now)
	}
	if early {
		s.violateEarly(key)
	}
	return wait
}

func (s *Server) violateEarly(key string) {
	s.violate("early_retry", key+": called before Retry-After had passed")
}

// send writes the answer, or fails to in the way the fault asks.
func (s *Server) send(w http.ResponseWriter, r *http.Request, out served) {
	if f := out.fault; f != nil {
		switch f.Kind {
		case "timeout":
			s.linger(r, f.DelayMS, 30_000)
			panic(http.ErrAbortHandler)
		case "drop_after_accept":
			panic(http.ErrAbortHandler)
		case "delay":
			s.linger(r, f.DelayMS, 1_000)
		case "http500":
			http.Error(w, string(out.body), http.StatusInternalServerError)
			return
		}
	}
	if out.call.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(out.call.RetryAfter))
	}
	w.Header().Set("Content-Type", cmp.Or(out.kind, "application/json; charset=utf-8"))
	w.WriteHeader(out.call.Status)
	_, _ = w.Write(out.body) // the client may have left
}

// linger waits, at most until the caller leaves or the server stops.
func (s *Server) linger(r *http.Request, ms, def int) {
	_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the caller left
	if ms == 0 {
		ms = def
	}
	t := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
}

func encode(body reply) []byte {
	raw, err := json.Marshal(body)
	if err != nil {
		return []byte(`{"ok":false,"error":"internal_error"}`)
	}
	return raw
}

func joinMessages(r *refusal) string {
	raw, err := json.Marshal(r.extra["errors"])
	if err != nil {
		return ""
	}
	return string(raw)
}
