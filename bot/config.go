package bot

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"
	"golang.org/x/time/rate"

	"github.com/eks-autopilot/autopilot/engine"
)

// Config is what a Bot must be told.
type Config struct {
	BotToken engine.Secret // xoxb-…: the Web API
	AppToken engine.Secret // xapp-…: opens sockets
	APIURL   string        // base of the Web API with its trailing slash; Slack's own when empty
	Channels []string      // every channel that messages are routed to, as "#name" or id; Check tries them
	Fallback string        // told when another channel cannot be; "" for none
	Replica  string        // names this process in leases; the host's name when empty
	Log      *slog.Logger
	Now      func() time.Time
	Timing   Timing
	// Transport carries the calls of the Web API; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Settled is told what came of each try to show a message: delivery, failure, loss (its place is gone), drop, pause (its channel
	// rests) or rest (it says what it said a moment ago). Rests is told for how long a method rests, by our own pace or because Slack
	// asked for it. nil for nobody.
	Settled func(outcome string)
	Rests   func(method string, rest time.Duration)
	// Attachments makes the files that go with a digest, such as its page; what could not be made is said in sentences for people, and
	// is no error. nil for none. A file is uploaded once for each version of the message, whatever bytes it has when made again: its
	// name must be the same then.
	Attachments func(context.Context, engine.Digest) (files []engine.File, without []string, err error)
}

// Timing is how long things take. A zero field is the default, which is right for Slack.
type Timing struct {
	Deaf    time.Duration // without any frame before a socket counts as dead; 30 s, Slack pings every few seconds
	Stagger time.Duration // between the opening of the first socket and of the second; 5 s
	Retry   time.Duration // first wait before a socket is opened again, doubled up to a minute; 1 s
	Sweep   time.Duration // between two looks for abandoned payloads; 5 s
	Claim   time.Duration // how long a payload is this process's own; 1 min
	Lease   time.Duration // how long a channel is; 1 min
	Pace    time.Duration // between two posts in a channel; 1 s
	Poll    time.Duration // between two looks for due messages when nothing woke us; 1 s
	Reauth  time.Duration // between two tries of a token that Slack refuses; 30 s
	Join    time.Duration // between two tries to learn which channels are one and the same; 5 s
}

func (t Timing) withDefaults() Timing {
	t.Deaf = cmp.Or(t.Deaf, 30*time.Second)
	t.Stagger = cmp.Or(t.Stagger, 5*time.Second)
	t.Retry = cmp.Or(t.Retry, time.Second)
	t.Sweep = cmp.Or(t.Sweep, 5*time.Second)
	t.Claim = cmp.Or(t.Claim, time.Minute)
	t.Lease = cmp.Or(t.Lease, time.Minute)
	t.Pace = cmp.Or(t.Pace, time.Second)
	t.Poll = cmp.Or(t.Poll, time.Second)
	t.Reauth = cmp.Or(t.Reauth, 30*time.Second)
	t.Join = cmp.Or(t.Join, 5*time.Second)
	return t
}

// Bot speaks with one Slack workspace. Make it with New; one Run at a time.
type Bot struct {
	cfg     Config
	timing  Timing
	inbox   Inbox
	outbox  Outbox
	content Content
	handler Handler
	api     *slack.Client
	log     *slog.Logger
	now     func() time.Time

	self        atomic.Pointer[identity]
	refused     atomic.Pointer[string] // why Slack refuses the bot token now; nil while it does not
	open        atomic.Int32           // sockets that have said hello and are read
	directory   directory
	edits       *rate.Limiter // chat.update, which Slack limits for the whole workspace
	gate        gate
	calm        calm
	asking      sync.Mutex      // for where to open a socket
	joined      sync.Map        // ids by name, of channels that are routed to by both
	plainCharts atomic.Bool     // Slack refused a chart: this workspace does not have them yet
	unposted    sync.Map        // keys whose last post Slack surely refused: no need to look for them
	inflight    sync.WaitGroup  // payloads being received or handled
	stopping    <-chan struct{} // closed when Run is to end
}

// identity is who the bot is, as auth.test tells.
type identity struct {
	url    string // of the workspace, with a trailing slash
	team   string // its id
	userID string
	botID  string
}

// New makes a Bot. It does not speak with Slack before Run, Check or Groups.
func New(cfg Config, inbox Inbox, outbox Outbox, content Content, handler Handler) *Bot {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Replica == "" {
		// The name only has to differ between replicas, whose hosts differ; an unnamed host is a lone one.
		cfg.Replica, _ = os.Hostname()
	}
	cfg.APIURL = strings.TrimSuffix(cmp.Or(cfg.APIURL, slack.APIURL), "/") + "/"
	b := &Bot{
		cfg: cfg, timing: cfg.Timing.withDefaults(),
		inbox: inbox, outbox: outbox, content: content, handler: handler,
		log: cfg.Log, now: cfg.Now,
		// Tier 3 is "50 and more a minute"; a short burst lets an acknowledged card change at once.
		edits: rate.NewLimiter(rate.Every(time.Minute/50), 10),
	}
	b.api = slack.New(cfg.BotToken.Reveal(),
		slack.OptionAPIURL(cfg.APIURL),
		slack.OptionAppLevelToken(cfg.AppToken.Reveal()),
		slack.OptionHTTPClient(&http.Client{Timeout: callTimeout, Transport: cfg.Transport}))
	b.directory.api, b.directory.now = b.api, b.now
	return b
}

// callTimeout bounds one call of the Web API.
const callTimeout = 10 * time.Second
