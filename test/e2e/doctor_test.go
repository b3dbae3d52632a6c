package e2e_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/stand"
)

// say runs a command of the program and gives what it prints and whether it succeeded. env comes after the world's own.
func (w *world) say(env []string, args ...string) (string, bool) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), shared.bot, args...)
	cmd.Env = append(append(os.Environ(), w.env...), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// doctorIsContent asks in a world where everything is there but a pager, as soon as Prometheus has looked at it.
func doctorIsContent(w *world) {
	var out string
	w.eventually(2*time.Minute, "doctor warns of nothing but of what is not configured", func(context.Context) (bool, error) {
		var ok bool
		out, ok = w.say(nil, "doctor")
		if !ok || strings.Contains(out, "FAIL") {
			w.t.Fatalf("doctor finds fault with what is shipped:\n%s", out)
		}
		return !slices.ContainsFunc(lines(out, "WARN"), func(l string) bool {
			return !strings.Contains(l, "on-call: ") && !strings.Contains(l, "alertmanager: receivers")
		}), errors.New(out)
	})
	if !strings.Contains(out, "none failed") {
		w.t.Errorf("doctor does not sum up:\n%s", out)
	}
}

// lines are those that begin with a word.
func lines(text, word string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, word) {
			found = append(found, strings.Join(strings.Fields(line), " "))
		}
	}
	return found
}

// TestDoctor takes away one thing at a time: doctor names it, says how to get it, and names nothing else.
func TestDoctor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, only("doctor"))

	t.Run("the rest of the commands", func(t *testing.T) {
		w := *w
		w.t = t
		if out, ok := w.say(nil, "config", "check"); !ok || !strings.Contains(out, "is right: 1 cluster(s) ("+clusterName+")") {
			t.Errorf("config check: %s", out)
		}
		file := filepath.Join(t.TempDir(), "wrong.yaml")
		w.must(os.WriteFile(file, append(w.config.YAML(), "incident: {hold_donw: 5s}\n"...), 0o644))
		if out, ok := w.say(nil, "config", "check", "-config", file); ok || !strings.Contains(out, "incident") {
			t.Errorf("config check of a wrong file: %s", out)
		}
		if out, ok := w.say(nil, "version"); !ok || !strings.HasPrefix(out, "autopilot ") {
			t.Errorf("version: %q", out)
		}
	})

	rules, err := readerRules()
	w.must(err)
	// Without watching pods nothing is found, and without their logs there are fewer causes.
	for n := range rules {
		if slices.Contains(rules[n].Resources, "pods") {
			rules[n].Verbs = slices.DeleteFunc(slices.Clone(rules[n].Verbs), func(v string) bool { return v == "watch" })
		}
		rules[n].Resources = slices.DeleteFunc(slices.Clone(rules[n].Resources), func(r string) bool { return r == "pods/log" })
	}
	poor, err := shared.cluster.UserKubeconfig(t.Context(), "doctor-poor", rules)
	w.must(err)
	empty, err := url.Parse(w.postgres.URL())
	w.must(err)
	empty.Path = "/postgres" // a database that no bot has used

	type missing struct {
		name   string
		config func(*stand.BotConfig)
		env    []string
		before func(w *world)
		after  func(w *world)
		level  string
		want   []string // each on a line of that level
		fix    []string
	}
	scopes := func(remove, add []string) func(*world) {
		return func(w *world) { w.must(w.slack.Control().Scopes(w.t.Context(), remove, add)) }
	}
	schema := func(statement string) func(*world) {
		return func(w *world) {
			if out, err := exec.CommandContext(w.t.Context(), "psql", w.postgres.URL(), "-v", "ON_ERROR_STOP=1", "-c", statement).CombinedOutput(); err != nil {
				w.t.Fatalf("%s: %v\n%s", statement, err, out)
			}
		}
	}
	for _, m := range []missing{
		{
			name: "a scope", level: "FAIL",
			before: scopes([]string{"files:write"}, nil), after: scopes(nil, []string{"files:write"}),
			want: []string{"slack: scope files:write not granted"}, fix: []string{"paste deploy/slack/manifest.yaml into App Manifest and reinstall the app"},
		},
		{
			name: "a verb", level: "FAIL", config: func(c *stand.BotConfig) { c.Kubeconfig = poor },
			want: []string{"get, list, watch pods may not watch"}, fix: []string{"get, list, watch pods: bind the ClusterRole of deploy/rbac/reader.yaml", "get pods/log: bind"},
		},
		{
			name: "the schema", level: "FAIL", env: []string{"AUTOPILOT_DATABASE_URL=" + empty.String()},
			want: []string{"postgresql: schema"}, fix: []string{"postgresql: schema: run autopilot migrate"},
		},
		{
			name: "a part of the schema", level: "FAIL",
			before: schema("UPDATE goose_db_version SET is_applied = false WHERE version_id = (SELECT max(version_id) FROM goose_db_version)"),
			after:  schema("UPDATE goose_db_version SET is_applied = true"),
			want:   []string{"postgresql: schema"}, fix: []string{"postgresql: schema: run autopilot migrate"},
		},
		{
			name: "Alertmanager", level: "FAIL", config: func(c *stand.BotConfig) { c.Alertmanager = "http://127.0.0.1:9" },
			want: []string{"lertmanager"}, fix: []string{"127.0.0.1:9"},
		},
	} {
		t.Run(m.name, func(t *testing.T) {
			w := *w
			w.t = t
			cfg := w.config
			if m.config != nil {
				m.config(&cfg)
			}
			file := filepath.Join(t.TempDir(), "autopilot.yaml")
			w.must(os.WriteFile(file, cfg.YAML(), 0o644))
			if m.before != nil {
				m.before(&w)
			}
			out, ok := w.say(m.env, "doctor", "-config", file)
			if m.after != nil {
				m.after(&w)
			}
			if ok {
				t.Error("doctor succeeds")
			}
			failed := lines(out, m.level)
			if len(failed) != len(m.want) {
				t.Errorf("%d lines say %s, want %d", len(failed), m.level, len(m.want))
			}
			for n := range min(len(failed), len(m.want)) {
				if !strings.Contains(failed[n], m.want[n]) {
					t.Errorf("%s is said of %q, want %q", m.level, failed[n], m.want[n])
				}
			}
			_, todo, _ := strings.Cut(out, "To do:")
			for _, fix := range m.fix {
				if !strings.Contains(todo, fix) {
					t.Errorf("nothing to do says %q", fix)
				}
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}
