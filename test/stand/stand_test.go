package stand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// playBot is a bot as the stand sees one: it is configured by a file and its
// environment, migrates, serves /readyz, and fails as its configuration says.
func playBot() int {
	config, err := os.ReadFile(os.Getenv("AUTOPILOT_CONFIG"))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	verb := os.Args[len(os.Args)-1]
	fmt.Println("bot:", verb, os.Getenv("COLOUR"))
	if strings.Contains(string(config), "fail: "+verb) {
		fmt.Println("FATAL: told to fail at", verb)
		return 1
	}
	if verb == "migrate" {
		return 0
	}
	addr := strings.TrimSpace(strings.TrimPrefix(string(config), "listen: "))
	err = http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	fmt.Println(err)
	return 1
}

func newBot(t *testing.T, config string) *Bot {
	t.Helper()
	listen := fmt.Sprint("127.0.0.1:", takePort(t))
	if config == "" {
		config = "listen: " + listen
	}
	b := &Bot{Dir: t.TempDir(), Binary: os.Args[0], Config: []byte(config), Env: []string{"STAND_TEST_BOT=1", "COLOUR=blue"}, Listen: listen}
	t.Cleanup(func() {
		if err := b.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestBotLivesDiesAndComesBack(t *testing.T) {
	b := newBot(t, "")
	if err := b.Healthy(t.Context()); err == nil {
		t.Error("healthy before Start")
	}
	if err := b.Kill(); err == nil {
		t.Error("killed before Start")
	}
	mustStart(t, b)
	restarted(t, b)
	first := b.Process().Pid()
	if err := b.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := b.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("after Kill: %v", err)
	}
	mustStart(t, b)
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := b.Process().Pid(); now == first || b.Healthy(t.Context()) != nil {
		t.Errorf("pid %d after %d, %v", now, first, b.Healthy(t.Context()))
	}
	if err := logged(b.Process(), "bot: serve blue")(); err != nil {
		t.Error(err)
	}
}

func TestBotThatCannotStartSaysWhy(t *testing.T) {
	for _, verb := range []string{"migrate", "serve"} {
		err := newBot(t, "fail: "+verb).Start(t.Context())
		if err == nil || !strings.Contains(err.Error(), "FATAL: told to fail at "+verb) {
			t.Errorf("%s: %v, want what the bot said", verb, err)
		}
	}
}

// small is a stand without a cluster, which has tests of its own.
func small(t *testing.T, name string) Config {
	return Config{
		Name: name, Dir: filepath.Join(t.TempDir(), name), Interval: time.Second,
		Parts: []Part{SlackPart, PostgresPart, AlertmanagerPart, PrometheusPart},
	}
}

func startStand(t *testing.T, cfg Config) *Stand {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestAStandStartsIsHealthyAndStops(t *testing.T) {
	cfg := small(t, "one")
	var said []string
	cfg.Progress = func(line string) { said = append(said, line) }
	s := startStand(t, cfg)
	other := startStand(t, small(t, "two"))
	for _, s := range []*Stand{s, other} {
		if err := s.Healthy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s.WebhookToken == "" || s.WebhookToken == other.WebhookToken {
		t.Error("two stands have the same token")
	}
	if resp, err := fresh.Get(s.Slack.URL()); err != nil {
		t.Error(err)
	} else {
		page, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(page), "<script") {
			t.Errorf("no workspace page: %.200s", page)
		}
	}
	if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "another stand") {
		t.Errorf("a second stand in the folder: %v", err)
	}

	if err := s.Prometheus.Process().Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Healthy(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "prometheus: ") || strings.Contains(err.Error(), "postgres") {
		t.Errorf("with Prometheus killed: %v, want that and nothing else", err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{s.Slack.URL(), s.Alertmanager.URL(), s.Prometheus.URL()} {
		if err := ready(t.Context(), url); err == nil || !errors.Is(err, os.ErrDeadlineExceeded) && !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s after Stop: %v", url, err)
		}
	}
	if err := s.Postgres.Healthy(t.Context()); err == nil {
		t.Error("PostgreSQL answers after Stop")
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("a second Stop: %v", err)
	}
	if err := other.Healthy(t.Context()); err != nil {
		t.Errorf("the other stand suffered: %v", err)
	}
	want := []string{
		"starting slack", "starting postgres", "starting alertmanager", "starting prometheus",
		"stopping prometheus", "stopping alertmanager", "stopping postgres", "stopping slack", "stopping ports", "stopping folder",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestAFailedStartLeavesNothing(t *testing.T) {
	cfg := small(t, "one")
	cfg.Interval = -time.Second // which Prometheus does not take: all parts before it have started
	var stopped []string
	cfg.Progress = func(line string) {
		if part, ok := strings.CutPrefix(line, "stopping "); ok {
			stopped = append(stopped, part)
		}
	}
	if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "start prometheus") {
		t.Fatalf("err = %v", err)
	}
	want := []string{"prometheus", "alertmanager", "postgres", "slack", "ports", "folder"}
	if diff := cmp.Diff(want, stopped); diff != "" {
		t.Errorf("stopped (-want +got):\n%s", diff)
	}
	left, err := filepath.Glob(filepath.Join(cfg.Dir, "*", "*.pid"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	lock, err := lockFolder(cfg.Dir)
	if err != nil {
		t.Fatalf("the folder is not free: %v", err)
	}
	lock.Close()
}

func TestStartClearsAKilledStand(t *testing.T) {
	cfg := small(t, "one")
	cfg.Parts = []Part{AlertmanagerPart}
	left := leftBehind(t, filepath.Join(cfg.Dir, "prometheus"), "") // a part that this time is not started
	startStand(t, cfg)
	if _, alive := startTime(left.Process.Pid); alive {
		t.Error("the process left behind lives")
	}
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := map[string]struct {
		edit func(*Config)
		want string
	}{
		"bot alone":              {func(c *Config) { c.Parts = []Part{BotPart} }, "the part bot needs the part slack"},
		"exporter alone":         {func(c *Config) { c.Parts = []Part{ExporterPart} }, "the part exporter needs the part cluster"},
		"an unknown part":        {func(c *Config) { c.Parts = []Part{"grafana"} }, `no part "grafana"`},
		"an address that is had": {func(c *Config) { c.SlackAddress = taken.Addr().String() }, "address already in use"},
	}
	for name, tt := range tests {
		cfg := small(t, "bad")
		tt.edit(&cfg)
		s, err := Start(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if s != nil {
			_ = s.Stop(t.Context())
		}
	}
	var all Config
	if err := all.check(); err != nil || len(all.Parts) != len(AllParts) || !slices.Contains(all.Parts, BotPart) {
		t.Errorf("the zero value: %v, %v", all.Parts, err)
	}
}
