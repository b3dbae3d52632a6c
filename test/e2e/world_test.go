package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/test/aws"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/cluster/ports"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

const clusterName = "stand"

// shared is the cluster that all tests of this package use; it is started once. Each test has namespaces, a database, a
// workspace and a bot of its own.
var shared struct {
	cluster    *cluster.Cluster
	kubeconfig string // of the bot, with the shipped role and no more
	bot        string // the program
}

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

// most is how many worlds there may be at once: each has a server for its database and a bot, and some a cluster.
const most = 4

var (
	worlds = make(chan struct{}, most)
	placed sync.Map // names of the tests that have a place among them
)

// place waits until there may be another world, and keeps its place until the test ends. Called again, it does nothing.
func place(t *testing.T) {
	t.Helper()
	if _, has := placed.LoadOrStore(t.Name(), true); has {
		return
	}
	worlds <- struct{}{}
	t.Cleanup(func() { placed.Delete(t.Name()); <-worlds })
}

// ahead has a test be among the first: what takes longest must not begin last. It comes before t.Parallel, and so many tests may have it
// as there may be worlds.
func ahead(t *testing.T) {
	t.Helper()
	if len(worlds) == most {
		t.Fatalf("more than %d tests are ahead", most)
	}
	place(t)
}

func runAll(m *testing.M) int {
	// The tests wait for a cluster more than they compute, so the number of cores is no bound for them; most is.
	flag.Parse()
	if err := flag.Set("test.parallel", "32"); err != nil {
		return complain(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "autopilot-e2e-")
	if err != nil {
		return complain(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// The server runs as another user, who must be able to enter.
	if err := os.Chmod(dir, 0o755); err != nil {
		return complain(err)
	}
	shared.bot = filepath.Join(dir, "autopilot")
	built := make(chan error, 1)
	go func() { built <- stand.Build(ctx, "cmd/autopilot", shared.bot) }()
	c, err := cluster.Start(ctx, cluster.Config{Name: "e2e", Mode: cluster.Node, AuditLog: true, CrashLoopMax: 20 * time.Second, Progress: func(s string) { fmt.Println("cluster:", s) }})
	if err != nil {
		return complain(err)
	}
	defer func() {
		if err := c.Stop(context.WithoutCancel(ctx)); err != nil {
			_ = complain(err)
		}
	}()
	if err := <-built; err != nil {
		return complain(err)
	}
	shared.cluster = c
	rules, err := readerRules()
	if err != nil {
		return complain(err)
	}
	if shared.kubeconfig, err = c.UserKubeconfig(ctx, "autopilot", rules); err != nil {
		return complain(err)
	}
	return m.Run()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// readerRules are those of the role that every bot has.
func readerRules() ([]rbacv1.PolicyRule, error) { return roleRules("reader") }

// roleRules are those of a role that is shipped.
func roleRules(name string) ([]rbacv1.PolicyRule, error) {
	data, err := os.ReadFile(filepath.Join("..", "..", "deploy", "rbac", name+".yaml"))
	if err != nil {
		return nil, err
	}
	var role rbacv1.ClusterRole
	first, _, _ := strings.Cut(string(data), "\n---")
	if err := yaml.UnmarshalStrict([]byte(first), &role); err != nil {
		return nil, err
	}
	return role.Rules, nil
}

// world is one bot and what it talks to, beside the cluster.
type world struct {
	t        *testing.T
	dir      string
	postgres *stand.Postgres
	slack    *slack.Server
	bot      *stand.Process
	listen   string
	token    string
	config   stand.BotConfig
	file     string   // of the configuration
	env      []string // with the secrets
	reader   reader.Reader
	people   map[string]string // name to id
	player   *scenario.Player
	cluster  *cluster.Cluster // its own; nil for the shared one
	hands    *sync.Mutex      // of ana: tests side by side in one world take turns with the window before her
	noticed  *noticed
}

// noticed is what people saw and did, so that an answer is not taken for that to what they asked later. The maps are by person, and by
// thread where there is one.
type noticed struct {
	mu      sync.Mutex
	answers map[string]string // the timestamp of the last answer
	presses map[string]press
}

type press struct{ ts, label string }

type option func(*stand.BotConfig)

// only has the bot leave out the namespaces that do not begin like ours: all tests break things in one cluster, and a channel
// takes one message a second.
func only(prefix string) option {
	return func(cfg *stand.BotConfig) {
		for n := range prefix {
			cfg.Ignore = append(cfg.Ignore, prefix[:n]+"[^"+prefix[n:n+1]+"]*")
		}
	}
}

func newWorld(t *testing.T, options ...option) *world {
	t.Helper()
	place(t)
	w := &world{
		t: t, dir: t.TempDir(), people: map[string]string{}, token: "webhook-token", hands: &sync.Mutex{},
		noticed: &noticed{answers: map[string]string{}, presses: map[string]press{}},
	}
	if err := os.Chmod(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	w.postgres = &stand.Postgres{Dir: filepath.Join(w.dir, "postgres")}
	w.must(w.postgres.Start(ctx))
	t.Cleanup(func() { w.must(w.postgres.Stop(context.Background())) })

	w.slack = slack.New(slack.Config{RateScale: 1})
	w.must(w.slack.Start("127.0.0.1:0"))
	t.Cleanup(w.slack.Stop)
	state, err := w.slack.Control().State(ctx)
	w.must(err)
	for _, u := range state.Users {
		w.people[u.Name] = u.ID
	}
	w.reader = reader.Reader{Control: w.slack.Control(), Channel: "incidents", User: w.people["ana"]}

	var held ports.Held
	t.Cleanup(held.Close)
	port, err := held.Take()
	w.must(err)
	w.listen = fmt.Sprintf("127.0.0.1:%d", port)
	cfg := stand.BotConfig{
		Cluster: clusterName, Kubeconfig: shared.kubeconfig, SlackAPI: w.slack.APIURL(), Listen: w.listen, Workspace: state,
	}
	for _, o := range options {
		o(&cfg)
	}
	w.config, w.file = cfg, filepath.Join(w.dir, "autopilot.yaml")
	w.must(os.WriteFile(w.file, cfg.YAML(), 0o644))
	w.env = []string{
		"AUTOPILOT_CONFIG=" + w.file,
		"AUTOPILOT_DATABASE_URL=" + w.postgres.URL(),
		"AUTOPILOT_SLACK_BOT_TOKEN=" + w.slack.BotToken(),
		"AUTOPILOT_SLACK_APP_TOKEN=" + w.slack.AppToken(),
		"AUTOPILOT_WEBHOOK_TOKEN=" + w.token,
		"AUTOPILOT_PAGERDUTY_KEY=" + pagerKey,
		"AUTOPILOT_PAGERDUTY_WEBHOOK_SECRET=" + pagerSecret,
		"AWS_ACCESS_KEY_ID=" + aws.DefaultIdentity.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + aws.DefaultIdentity.Secret,
		"AUTOPILOT_LOG_LEVEL=debug",
	}
	w.env = append(w.env, stand.ForgeEnv()...)
	w.run(w.env, "migrate")
	w.bot = &stand.Process{Dir: w.dir, Name: "autopilot", Path: shared.bot, Args: []string{"serve"}, Env: w.env}
	w.must(w.bot.Start(ctx))
	t.Cleanup(func() {
		w.must(w.bot.Stop(context.Background()))
		if t.Failed() {
			w.logs()
		}
	})
	w.ready()
	w.player, err = scenario.NewPlayer(shared.cluster.RESTConfig(), shared.cluster)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) run(env []string, args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), shared.bot, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("autopilot %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// logs shows the tasks that failed and the end of the bot's log, for a failed test.
func (w *world) logs() {
	w.t.Logf("tasks: %s", w.value(context.Background(), `SELECT coalesce(string_agg(kind || ' ' || (args ->> 'detail') || ' ' || state || ' ' || coalesce(errors[array_upper(errors, 1)] ->> 'error', ''), '; '), 'all well') FROM river_job WHERE attempt > 1 OR state <> 'completed'`))
	data, err := os.ReadFile(w.bot.LogFile())
	if err != nil {
		return
	}
	lines := slices.DeleteFunc(strings.Split(string(data), "\n"), func(l string) bool { return strings.Contains(l, `"component":"client-go"`) })
	w.t.Logf("the bot's log ends:\n%s", strings.Join(lines[max(0, len(lines)-60):], "\n"))
}

// ready waits until the bot says that it is.
func (w *world) ready() {
	w.t.Helper()
	w.eventually(30*time.Second, "the bot is ready", func(context.Context) (bool, error) {
		resp, err := http.Get("http://" + w.listen + "/readyz")
		if err != nil {
			return false, nil //nolint:nilerr // It is still starting.
		}
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode == http.StatusOK, nil
	})
}

// A machine that has much else to do gets so much more time than a quiet one needs.
const (
	crowded    = 5
	atLeast    = 2 * time.Minute
	neverAbove = 15 * time.Minute
)

// eventually asks until done says true. within is what a quiet machine may need, and only says when to give up: no test asserts on time.
func (w *world) eventually(within time.Duration, what string, done func(context.Context) (bool, error)) {
	w.t.Helper()
	within = min(max(crowded*within, atLeast), neverAbove)
	ctx, cancel := context.WithTimeout(w.t.Context(), within)
	defer cancel()
	var last error
	for {
		ok, err := done(ctx)
		if ok {
			return
		}
		if err != nil {
			last = err
		}
		select {
		case <-ctx.Done():
			w.t.Fatalf("after %s not: %s (%v)\n%s", within, what, last, w.channelText())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// channelText is all that stands in the channel, for a failed test.
func (w *world) channelText() string {
	cards, err := w.reader.Cards(context.Background())
	if err != nil {
		return err.Error()
	}
	var parts []string
	for _, c := range cards {
		text, err := w.reader.ThreadText(context.Background(), c.TS)
		if err != nil {
			text = err.Error()
		}
		parts = append(parts, text)
	}
	return "the channel shows:\n" + strings.Join(parts, "\n========\n")
}

// card waits for a card that shows all the texts, and gives it.
func (w *world) card(within time.Duration, texts ...string) slack.Message {
	w.t.Helper()
	var card slack.Message
	w.eventually(within, fmt.Sprintf("a card with %q", texts), func(ctx context.Context) (bool, error) {
		m, ok, err := w.reader.Card(ctx, texts...)
		card = m
		return ok, err
	})
	return card
}

// thread waits until the thread of a card shows all the texts, and gives its text.
func (w *world) thread(within time.Duration, ts string, texts ...string) string {
	w.t.Helper()
	var shown string
	w.eventually(within, fmt.Sprintf("a thread with %q", texts), func(ctx context.Context) (bool, error) {
		var err error
		shown, err = w.reader.ThreadText(ctx, ts)
		for _, t := range texts {
			if !strings.Contains(shown, t) {
				return false, err
			}
		}
		return true, err
	})
	return shown
}

// press presses a button as somebody, which must be taken.
func (w *world) press(who, ts, label string) {
	w.t.Helper()
	w.noticed.mu.Lock()
	w.noticed.presses[who] = press{ts, label}
	w.noticed.mu.Unlock()
	o, err := w.reader.Press(w.t.Context(), w.people[who], ts, label)
	if err != nil || !o.OK {
		w.t.Fatalf("%s presses %q: %+v, %v", who, label, o, err)
	}
}

// unheard gives the first answer with all the texts that one person alone sees, in a thread or in the channel where thread is "", of those
// that came after the last one that was given.
func (w *world) unheard(ctx context.Context, who, thread string, texts ...string) (slack.Message, bool, error) {
	all, err := w.slack.Control().Messages(ctx, w.reader.Channel, w.people[who])
	if thread != "" {
		all, err = w.slack.Control().Thread(ctx, w.reader.Channel, thread, w.people[who])
	}
	w.noticed.mu.Lock()
	defer w.noticed.mu.Unlock()
	key := who + " " + w.reader.Channel + " " + thread
	k := slices.IndexFunc(all, func(m slack.Message) bool {
		return m.IsEphemeral && m.TS > w.noticed.answers[key] && reader.Has(m, texts...)
	})
	if k < 0 {
		return slack.Message{}, false, err
	}
	w.noticed.answers[key] = all[k].TS
	return all[k], true, nil
}

// pressesAgain does what a person is asked to when a window could not be opened in the three seconds that Slack gives for it.
func (w *world) pressesAgain(ctx context.Context, who string) error {
	w.noticed.mu.Lock()
	last, pressed := w.noticed.presses[who]
	w.noticed.mu.Unlock()
	if !pressed {
		return nil
	}
	for _, thread := range []string{"", last.ts} {
		if _, asked, err := w.unheard(ctx, who, thread, "Please press the button again."); err != nil {
			return err
		} else if asked {
			w.press(who, last.ts, last.label)
			return nil
		}
	}
	return nil
}
