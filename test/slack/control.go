package slack

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Control speaks to the control API of a Server, in this process or another.
type Control struct {
	BaseURL string
	Client  *http.Client // http.DefaultClient when nil; must not time out while WaitFor listens
}

// State is the workspace.
type State struct {
	Team       Team           `json:"team"`
	Bot        Bot            `json:"bot"`
	Users      []User         `json:"users"`
	Usergroups []Usergroup    `json:"usergroups"`
	Channels   []Channel      `json:"channels"`
	Commands   []SlashCommand `json:"commands"`
	Sockets    int            `json:"sockets"`
}

// Bot names the app's user.
type Bot struct {
	UserID string `json:"user_id"`
	Name   string `json:"name"`
	AppID  string `json:"app_id"`
	BotID  string `json:"bot_id"`
}

// Action is a click on, or a choice in, one element of a message or a view. Of the value fields only those of the
// element's type matter; an option may be named by its value alone.
type Action struct {
	User                  string   `json:"user"`
	Channel               string   `json:"channel,omitempty"`
	MessageTS             string   `json:"message_ts,omitempty"`
	ViewID                string   `json:"view_id,omitempty"`
	BlockID               string   `json:"block_id"`
	ActionID              string   `json:"action_id"`
	Value                 string   `json:"value,omitempty"`
	SelectedOption        any      `json:"selected_option,omitempty"`
	SelectedOptions       []any    `json:"selected_options,omitempty"`
	SelectedUser          string   `json:"selected_user,omitempty"`
	SelectedUsers         []string `json:"selected_users,omitempty"`
	SelectedChannel       string   `json:"selected_channel,omitempty"`
	SelectedChannels      []string `json:"selected_channels,omitempty"`
	SelectedConversation  string   `json:"selected_conversation,omitempty"`
	SelectedConversations []string `json:"selected_conversations,omitempty"`
	SelectedDate          string   `json:"selected_date,omitempty"`
	SelectedTime          string   `json:"selected_time,omitempty"`
	SelectedDateTime      int64    `json:"selected_date_time,omitempty"` // Unix seconds
}

// Outcome is what became of something a person did. OK is false, with Slack's own error, when the app did not
// take it; Errors are the app's complaints about a submission, by block id.
type Outcome struct {
	OK             bool              `json:"ok"`
	Error          string            `json:"error,omitempty"`
	DeliveredTo    string            `json:"delivered_to,omitempty"`
	AckedMS        int64             `json:"acked_ms,omitempty"`
	TS             string            `json:"ts,omitempty"`
	ResponseAction string            `json:"response_action,omitempty"`
	Errors         map[string]string `json:"errors,omitempty"`
}

// Change is one server-sent event: what to look at again.
type Change struct {
	Type     string `json:"type"` // message, message_changed, message_deleted, ephemeral, view_opened, …
	User     string `json:"user,omitempty"`
	Channel  string `json:"channel,omitempty"`
	TS       string `json:"ts,omitempty"`
	ThreadTS string `json:"thread_ts,omitempty"`
	ViewID   string `json:"view_id,omitempty"`
	Text     string `json:"text,omitempty"` // of a notice
}

// State reads the workspace.
func (c Control) State(ctx context.Context) (State, error) {
	var s State
	err := c.do(ctx, "GET", "/state", nil, &s)
	return s, err
}

// Messages reads what user sees in a channel, oldest first. The channel is an id or a name.
func (c Control) Messages(ctx context.Context, channel, user string) ([]Message, error) {
	var out struct{ Messages []Message }
	err := c.do(ctx, "GET", "/channels/"+url.PathEscape(channel)+"/messages?user="+url.QueryEscape(user), nil, &out)
	return out.Messages, err
}

// Thread reads a thread as user sees it, the parent first.
func (c Control) Thread(ctx context.Context, channel, ts, user string) ([]Message, error) {
	var out struct{ Messages []Message }
	path := "/channels/" + url.PathEscape(channel) + "/threads/" + url.PathEscape(ts) + "?user=" + url.QueryEscape(user)
	err := c.do(ctx, "GET", path, nil, &out)
	return out.Messages, err
}

// Home reads the Home tab published for user; nil when there is none.
func (c Control) Home(ctx context.Context, user string) (*View, error) {
	var out struct{ View *View }
	err := c.do(ctx, "GET", "/home?user="+url.QueryEscape(user), nil, &out)
	return out.View, err
}

// Views reads the modals open before user, topmost last.
func (c Control) Views(ctx context.Context, user string) ([]View, error) {
	var out struct{ Views []View }
	err := c.do(ctx, "GET", "/views?user="+url.QueryEscape(user), nil, &out)
	return out.Views, err
}

// File reads the bytes of an uploaded file.
func (c Control) File(ctx context.Context, id string) ([]byte, error) {
	res, err := c.send(ctx, "GET", "/files/"+url.PathEscape(id), nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("file %s: %s", id, res.Status)
	}
	return io.ReadAll(res.Body)
}

// Say posts a person's message; threadTS may be empty.
func (c Control) Say(ctx context.Context, user, channel, text, threadTS string) (Outcome, error) {
	return c.act(ctx, "message", map[string]any{"user": user, "channel": channel, "text": text, "thread_ts": threadTS})
}

// Command types a slash command ("/autopilot status") and waits for the app's acknowledgement.
func (c Control) Command(ctx context.Context, user, channel, text string) (Outcome, error) {
	return c.act(ctx, "command", map[string]any{"user": user, "channel": channel, "text": text})
}

// Click presses a button or chooses in a menu, and waits for the app's acknowledgement.
func (c Control) Click(ctx context.Context, a Action) (Outcome, error) { return c.act(ctx, "click", a) }

// Submit presses a modal's submit button with these values: block id, action id, the element's value.
func (c Control) Submit(ctx context.Context, user, viewID string, values map[string]map[string]Block) (Outcome, error) {
	return c.act(ctx, "submit", map[string]any{
		"user": user, "view_id": viewID, "state": map[string]any{"values": values},
	})
}

// CloseView dismisses the topmost modal, or all of them.
func (c Control) CloseView(ctx context.Context, user, viewID string, all bool) (Outcome, error) {
	return c.act(ctx, "close", map[string]any{"user": user, "view_id": viewID, "clear": all})
}

// OpenHome looks at the bot's Home tab.
func (c Control) OpenHome(ctx context.Context, user string) (Outcome, error) {
	return c.act(ctx, "home", map[string]any{"user": user})
}

// Join makes user, or the bot, a member of a channel.
func (c Control) Join(ctx context.Context, user, channel string) (Outcome, error) {
	return c.act(ctx, "join", map[string]any{"user": user, "channel": channel})
}

// React puts user's emoji (without colons) under a message.
func (c Control) React(ctx context.Context, user, channel, ts, name string) (Outcome, error) {
	return c.act(ctx, "react", map[string]any{"user": user, "channel": channel, "ts": ts, "name": name})
}

// Fault arms a fault.
func (c Control) Fault(ctx context.Context, f Fault) error {
	return c.do(ctx, "POST", "/faults", f, nil)
}

// ClearFaults removes every fault.
func (c Control) ClearFaults(ctx context.Context) error {
	return c.do(ctx, "DELETE", "/faults", nil, nil)
}

// Disconnect sends count sockets (all when 0) Slack's disconnect message and closes them.
func (c Control) Disconnect(ctx context.Context, reason string, count int) error {
	return c.do(ctx, "POST", "/sockets/disconnect", map[string]any{"reason": reason, "count": count}, nil)
}

// Drop breaks the connections of count sockets (all when 0).
func (c Control) Drop(ctx context.Context, count int) error {
	return c.do(ctx, "POST", "/sockets/drop", map[string]any{"count": count}, nil)
}

// Deafen silences count sockets (all when 0) without closing them.
func (c Control) Deafen(ctx context.Context, count int) error {
	return c.do(ctx, "POST", "/sockets/deaf", map[string]any{"count": count}, nil)
}

// Channel creates, archives, unarchives or renames a channel, or kicks the bot from or invites it to one.
func (c Control) Channel(ctx context.Context, action, channel, name string) (Channel, error) {
	var out struct{ Channel Channel }
	err := c.do(ctx, "POST", "/channels", map[string]any{"action": action, "channel": channel, "name": name}, &out)
	return out.Channel, err
}

// Token revokes or restores ("revoke", "restore") the "bot" or the "app" token, both when which is empty.
func (c Control) Token(ctx context.Context, action, which string) error {
	return c.do(ctx, "POST", "/token", map[string]any{"action": action, "token": which}, nil)
}

// Scopes takes scopes from, and gives them to, the bot token.
func (c Control) Scopes(ctx context.Context, remove, add []string) error {
	return c.do(ctx, "POST", "/scopes", map[string]any{"remove": remove, "add": add}, nil)
}

// Usergroup has a user join or leave a user group.
func (c Control) Usergroup(ctx context.Context, usergroup, user string, leave bool) error {
	return c.do(ctx, "POST", "/usergroups", map[string]any{"usergroup": usergroup, "user": user, "leave": leave}, nil)
}

// Redeliver sends the last n event payloads once more.
func (c Control) Redeliver(ctx context.Context, n int) error {
	return c.do(ctx, "POST", "/redeliver", map[string]any{"n": n}, nil)
}

// Calls reads what the app asked and what was delivered to it, oldest first, from number since on.
func (c Control) Calls(ctx context.Context, since int64) ([]Call, error) {
	var out struct{ Calls []Call }
	err := c.do(ctx, "GET", fmt.Sprintf("/calls?since=%d", since), nil, &out)
	return out.Calls, err
}

// Violations reads what Slack would hold against the app.
func (c Control) Violations(ctx context.Context) ([]Violation, error) {
	var out struct{ Violations []Violation }
	err := c.do(ctx, "GET", "/violations", nil, &out)
	return out.Violations, err
}

// Reset brings the seed workspace back and forgets faults and logs.
func (c Control) Reset(ctx context.Context) error { return c.do(ctx, "POST", "/reset", nil, nil) }

// WaitFor calls done at once and after every change until it answers true or fails. It ends with ctx.
func (c Control) WaitFor(ctx context.Context, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	res, err := c.send(ctx, "GET", "/events", nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	// The stream is open before the first look, so no change can fall between the two.
	lines := bufio.NewScanner(res.Body)
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		if err := nextChange(lines); err != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

func nextChange(lines *bufio.Scanner) error {
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data:") {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("control events: %w", err)
	}
	return errors.New("control events: the stream ended")
}

func (c Control) act(ctx context.Context, what string, body any) (Outcome, error) {
	var out Outcome
	res, err := c.send(ctx, "POST", "/act/"+what, body)
	if err != nil {
		return out, err
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("control act/%s: %s: %w", what, res.Status, err)
	}
	return out, nil
}

func (c Control) do(ctx context.Context, method, path string, body, into any) error {
	res, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		var refused Outcome
		_ = json.NewDecoder(res.Body).Decode(&refused) // the status says enough when there is no body
		return fmt.Errorf("control %s %s: %s %s", method, path, res.Status, refused.Error)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return fmt.Errorf("control %s %s: %w", method, path, err)
	}
	return nil
}

func (c Control) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("control %s: %w", path, err)
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.BaseURL, "/")+"/_control"+path, in)
	if err != nil {
		return nil, fmt.Errorf("control %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := c.Client
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("control %s: %w", path, err)
	}
	return res, nil
}
