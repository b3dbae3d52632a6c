package bot_test

import (
	"context"
	"flag"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eks-autopilot/autopilot/bot"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

func TestMain(m *testing.M) {
	// The tests wait more than they compute, so the number of cores is no bound for them.
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience bounds what a test waits for; nothing takes this long unless it is broken.
const patience = 2 * time.Minute

// quick is Slack's and our pace, hurried where a test waits for it. What ends by itself when nothing is heard lasts, however busy the
// machine is: a test that wants such an end shortens it, or brings it about.
var quick = bot.Timing{
	Deaf: 30 * time.Second, Stagger: 10 * time.Millisecond, Retry: 20 * time.Millisecond, Sweep: 50 * time.Millisecond,
	Claim: time.Minute, Lease: time.Minute, Pace: 20 * time.Millisecond, Poll: 20 * time.Millisecond, Reauth: 50 * time.Millisecond,
}

// scopes are what the manifest asks for.
func scopes() []string {
	var names []string
	for _, s := range bot.Scopes() {
		names = append(names, s.Name)
	}
	return names
}

// rig is a workspace, what a database would hold, and the bots that run on them.
type rig struct {
	t       *testing.T
	slack   *slack.Server
	control slack.Control
	inbox   *inbox
	outbox  *outbox
	content *content
	handler *handler
	config  bot.Config
	ids     map[string]string // by name, of people and channels
	groups  map[string]string // by handle
}

func newRig(t *testing.T, cfg slack.Config) *rig {
	t.Helper()
	cfg.PingInterval = 100 * time.Millisecond
	cfg.RateScale = max(cfg.RateScale, 60)
	cfg.ShareDelay = 50 * time.Millisecond
	if cfg.Scopes == nil {
		cfg.Scopes = scopes()
	}
	server := slack.New(cfg)
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The bots have stopped; the workspace sees that a moment later.
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if state, err := server.Control().State(context.Background()); err != nil || state.Sockets == 0 {
				break
			}
		}
		server.Stop()
		http.DefaultClient.CloseIdleConnections()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	r := &rig{
		t: t, slack: server, control: server.Control(),
		inbox: &inbox{}, outbox: &outbox{}, content: &content{}, handler: &handler{},
		config: bot.Config{
			BotToken: engine.Secret(server.BotToken()), AppToken: engine.Secret(server.AppToken()), APIURL: server.APIURL(),
			Fallback: "#oncall", Log: slog.New(slog.NewTextHandler(testLog{t}, nil)), Timing: quick,
		},
		ids: map[string]string{}, groups: map[string]string{},
	}
	state, err := r.control.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range state.Users {
		r.ids[u.Name] = u.ID
	}
	for _, c := range state.Channels {
		r.ids["#"+c.Name] = c.ID
	}
	for _, g := range state.Usergroups {
		r.groups[g.Handle] = g.ID
	}
	return r
}

type testLog struct{ t *testing.T }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(line)))
	return len(line), nil
}

// start runs a bot until the test ends, or until stop is called. It waits until the bot is ready.
func (r *rig) start() (b *bot.Bot, stop func()) {
	r.t.Helper()
	b = bot.New(r.config, r.inbox, r.outbox, r.content, r.handler)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.Run(ctx); err != nil {
			r.t.Errorf("Run: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	r.t.Cleanup(stop)
	r.eventually("the bot is ready", func() bool { return b.Ready() == nil })
	r.eventually("both sockets are open", func() bool { return b.Sockets() == 2 })
	return b, stop
}

func (r *rig) sockets() int {
	state, err := r.control.State(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return state.Sockets
}

func (r *rig) eventually(what string, done func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			r.t.Fatalf("in vain waited until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// messages are what user sees in a channel; the texts alone.
func (r *rig) messages(channel, user string) []slack.Message {
	r.t.Helper()
	all, err := r.control.Messages(r.t.Context(), strings.TrimPrefix(channel, "#"), user)
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func (r *rig) thread(channel, ts string) []slack.Message {
	r.t.Helper()
	all, err := r.control.Thread(r.t.Context(), strings.TrimPrefix(channel, "#"), ts, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// ours are the bot's messages with this key.
func ours(all []slack.Message, key string) []slack.Message {
	var out []slack.Message
	for _, m := range all {
		if m.Metadata != nil && m.Metadata.EventPayload["key"] == key {
			out = append(out, m)
		}
	}
	return out
}

// ephemeral are the texts that only user sees.
func (r *rig) ephemeral(channel, user string) []string {
	var out []string
	for _, m := range r.messages(channel, user) {
		if m.IsEphemeral {
			out = append(out, m.Text)
		}
	}
	return out
}

func (r *rig) calls(method string) []slack.Call {
	r.t.Helper()
	all, err := r.control.Calls(r.t.Context(), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []slack.Call
	for _, c := range all {
		if c.Method == method {
			out = append(out, c)
		}
	}
	return out
}

func (r *rig) noViolations(except ...string) {
	r.t.Helper()
	all, err := r.control.Violations(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, v := range all {
		if !strings.Contains(strings.Join(except, " "), v.Kind) {
			r.t.Errorf("Slack would hold against us: %s: %s", v.Kind, v.Detail)
		}
	}
}

// must fails the test on an error of the control API.
func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func incident(id int64) engine.Incident {
	at := time.Date(2026, 11, 22, 3, 12, 5, 0, time.UTC)
	return engine.Incident{
		ID: id, Workload: engine.Workload{Cluster: "prod-eu", Namespace: "payments", Kind: "Deployment", Name: "api"},
		Severity: engine.Critical, Status: engine.Open, Title: "payments/api is crash-looping", StartedAt: at, DetectedAt: at, Version: 1,
		Diagnosis: engine.Diagnosis{At: at, Causes: []engine.Cause{{Rule: "r", Title: "cannot reach db:5432", Confidence: 0.7, Basis: engine.Prior}}},
		Timeline:  []engine.Event{{ID: 1, At: at, Kind: "opened", Text: "It crashes"}, {ID: 2, At: at, Kind: "joined", Text: "The alert came too"}},
	}
}

func card(id int64) engine.Message {
	return engine.Message{Key: engine.CardKey(id), Kind: engine.MessageCard, Subject: id, Channel: "#incidents", Version: 1}
}

func event(id int64, key string, n int64) engine.Message {
	return engine.Message{Key: key, Kind: engine.MessageEvent, Subject: id, Detail: n, Channel: "#incidents", ThreadKey: engine.CardKey(id), Version: 1}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", "config", r.config)
	slog.New(slog.NewTextHandler(&out, nil)).Info("config", "config", r.config)
	for _, secret := range []string{r.slack.BotToken(), r.slack.AppToken()} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("a token is in the log: %s", out.String())
		}
	}
}

func TestRunRefusesATokenThatCanNeverWork(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*bot.Config)
		want   string
	}{
		{"wrong bot token", func(c *bot.Config) { c.BotToken = "xoxb-wrong" }, "invalid_auth"},
		{"no bot token", func(c *bot.Config) { c.BotToken = "" }, "not_authed"},
		{"wrong app token", func(c *bot.Config) { c.AppToken = "xapp-wrong" }, "invalid_auth"},
		{"bot token as app token", func(c *bot.Config) { c.AppToken = c.BotToken }, "not_allowed_token_type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, slack.Config{})
			tt.change(&r.config)
			r.config.Log = slog.New(slog.DiscardHandler)
			b := bot.New(r.config, r.inbox, r.outbox, r.content, r.handler)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := b.Run(ctx)
			if engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run: %v, want an invalid error about %s", err, tt.want)
			}
			if b.Ready() == nil {
				t.Error("the bot says that it is ready")
			}
		})
	}
}
