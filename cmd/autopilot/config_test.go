package main

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const smallest = `
clusters:
  - name: prod
    in_cluster: true
slack:
  channels:
    incidents: "#incidents"
`

func TestConfigDefaults(t *testing.T) {
	c, err := parseConfig("autopilot.yaml", []byte(smallest))
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Incidents.HoldDown, c.Incidents.ReopenWindow, c.Retention.Payloads, c.HTTP.Listen, c.Slack.Channels.Fallback, c.Logs.Lines}
	want := []any{time.Minute, time.Hour, 72 * time.Hour, ":8080", "#incidents", 100}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestStormDefaults holds that each key of the section has its default by itself, and that 0 is what was written.
func TestStormDefaults(t *testing.T) {
	for section, want := range map[string]incident.StormRule{
		"":                                    {More: 10, Within: 5 * time.Minute},
		"incidents: {storm: {within: 10m}}\n": {More: 10, Within: 10 * time.Minute},
		"incidents: {storm: {more: 0}}\n":     {Within: 5 * time.Minute},
	} {
		c, err := parseConfig("autopilot.yaml", []byte(smallest+"\n"+section))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.rules().Storm; got != want {
			t.Errorf("%q: %+v, want %+v", section, got, want)
		}
	}
}

// TestNobodyIsMentionedUnderShadow holds that doctor does not ask for what shadow switches off.
func TestNobodyIsMentionedUnderShadow(t *testing.T) {
	var c Config
	asks := func() bool {
		return slices.ContainsFunc(checkOnCall(c, Secrets{}), func(k engine.Check) bool { return k.ID == "on-call-nobody" })
	}
	before := asks()
	c.Slack.Channels.Shadow = "#shadow"
	if !before || asks() {
		t.Errorf("asked for a mention: %t, and %t under shadow", before, asks())
	}
}

// TestConfigProblems holds the whole report of each file in testdata/config against its golden file: all problems at once, with lines.
func TestConfigProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("testdata/config has %d files, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			_, err = parseConfig(filepath.Base(f), data)
			got := "ok\n"
			if err != nil {
				got = err.Error() + "\n"
				if engine.CodeOf(err) != engine.Invalid {
					t.Errorf("code %s, want invalid", engine.CodeOf(err))
				}
			}
			golden := strings.TrimSuffix(f, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzConfig(f *testing.F) {
	files, _ := filepath.Glob("testdata/config/*.yaml")
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil {
			f.Add(data)
		}
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("clusters: {<<: *x}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := parseConfig("f", data)
		if err != nil && engine.CodeOf(err) != engine.Invalid {
			t.Errorf("code %s of %v, want invalid", engine.CodeOf(err), err)
		}
	})
}

func TestReadSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AUTOPILOT_SLACK_BOT_TOKEN", "from-env")
	t.Setenv("AUTOPILOT_SLACK_APP_TOKEN_FILE", file)
	s, err := readSecrets("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")
	if err != nil {
		t.Fatal(err)
	}
	if s.SlackBotToken.Reveal() != "from-env" || s.SlackAppToken.Reveal() != "from-file" {
		t.Errorf("read %q and %q", s.SlackBotToken.Reveal(), s.SlackAppToken.Reveal())
	}

	t.Setenv("AUTOPILOT_SLACK_BOT_TOKEN_FILE", file)
	t.Setenv("AUTOPILOT_WEBHOOK_TOKEN_FILE", file+".absent")
	_, err = readSecrets("DATABASE_URL", "SLACK_BOT_TOKEN")
	for _, want := range []string{
		"AUTOPILOT_SLACK_BOT_TOKEN and AUTOPILOT_SLACK_BOT_TOKEN_FILE are both set",
		"AUTOPILOT_WEBHOOK_TOKEN_FILE: open",
		"AUTOPILOT_DATABASE_URL (or AUTOPILOT_DATABASE_URL_FILE) is missing",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "from-env") || strings.Contains(err.Error(), "from-file") {
		t.Errorf("a secret shows in %v", err)
	}
}
