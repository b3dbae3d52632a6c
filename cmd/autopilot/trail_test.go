package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/rca"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
	"github.com/eks-autopilot/autopilot/test/slack"
)

// written collects what several goroutines write.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *written) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

// lines gives each line by its message, and for those of Slack by the key of what was posted.
func (p *written) lines(t *testing.T) map[string]map[string]any {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]map[string]any{}
	for line := range strings.Lines(p.text.String()) {
		var m map[string]any
		must(t, json.Unmarshal([]byte(line), &m))
		said := fmt.Sprint(m["msg"])
		if m["key"] != nil {
			said += " " + fmt.Sprint(m["key"])
		}
		all[said] = m
	}
	return all
}

// TestOneIDFromSignalToMessage has Alertmanager call the bot's own server, over a real database and a workspace of Slack's: what is logged of
// the alert, of the task, of its collectors and of the messages carries one id, and all of it is one trace.
func TestOneIDFromSignalToMessage(t *testing.T) {
	collector := newReceiver(t)
	workspace := slack.New(slack.Config{RateScale: 60, Scopes: slackScopes()})
	must(t, workspace.Start("127.0.0.1:0"))
	t.Cleanup(workspace.Stop)
	cfg, err := parseConfig("f", fmt.Appendf(nil, "%straces: {endpoint: %q}\n", smallest, collector.URL))
	must(t, err)

	var out written
	log := newLog(&out, slog.LevelInfo)
	m := newMetrics()
	m.traces, err = newTracing(t.Context(), cfg, log)
	must(t, err)
	log = m.traces.lines(log)
	rules := cfg.rules()
	st := storetest.New(t, store.Options{Rules: func() incident.Rules { return rules }, Cards: cfg.cards, Log: log})
	owner := func(_ context.Context, _, namespace, _ string) (engine.Workload, error) {
		return engine.Workload{Cluster: "prod", Namespace: namespace, Kind: "Deployment", Name: "api"}, nil
	}
	h := &handlers.Handlers{
		Incidents: st, Stories: st, Decisions: st, Progress: st, Diagnoses: st, Signals: observing{st, m.traces},
		Clusters: m.traces.clusters([]handlers.Cluster{{Name: "prod", Owner: owner, Collectors: []rca.Collector{secretive{log}}}}),
		Policy:   cfg.policy(), Rules: rules, Now: time.Now, Log: log,
	}
	b := bot.New(bot.Config{
		BotToken: engine.Secret(workspace.BotToken()), AppToken: engine.Secret(workspace.AppToken()), APIURL: workspace.APIURL(), Replica: "a",
		Channels: cfg.channels(), Fallback: "#incidents", Log: log, Transport: m.transport("slack"), Timing: bot.Timing{Stagger: time.Millisecond, Pace: time.Millisecond, Poll: 20 * time.Millisecond},
	}, st, st, shown{st, h}, h)
	h.Groups, h.Thread = b, b.ThreadURL
	const token = "of the webhook"
	server := httptest.NewServer(m.traces.incoming(m.incoming(routes(h, Secrets{WebhookToken: token}, m, func(context.Context) error { return nil }))))
	t.Cleanup(server.Close)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	running.Go(func() { _ = b.Run(ctx) })
	running.Go(func() { _ = st.Work(ctx, m.measured(m.traces.tasks(h.Tasks()))) })

	alert := fmt.Sprintf(`{"version": "4", "alerts": [{"status": "firing", "fingerprint": "f00d", "startsAt": %q,
		"labels": {"alertname": "HighErrorRate", "severity": "critical", "namespace": "shop", "pod": "api-1"}, "annotations": {"summary": "card 4111-1111"}}]}`, time.Now().UTC().Format(time.RFC3339))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/webhooks/alertmanager", strings.NewReader(alert))
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, response.Body.Close())
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the webhook is answered with %s", response.Status)
	}

	said := []string{"an incident was observed", "collected: card 4111-1111", "evidence missing", "an incident was diagnosed", "slack message is posted incident/1/card", "slack message is posted incident/1/diagnosis"}
	var lines map[string]map[string]any
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		lines = out.lines(t)
		if !slices.ContainsFunc(said, func(s string) bool { return lines[s] == nil }) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not all of %q was logged:\n%s", said, out.text.String())
		}
	}
	trace, _ := lines[said[0]]["trace_id"].(string)
	for _, s := range said {
		if lines[s]["id"] != "incident/1" || lines[s]["trace_id"] != trace || trace == "" {
			t.Errorf("the id is not incident/1, or the trace not %q: %v", trace, lines[s])
		}
	}
	stop()
	running.Wait()
	m.traces.close(patience)
	names, _ := collector.of(trace)
	for _, want := range []string{"webhook", "observe", "task diagnose", "collect pods", "slack chat.postMessage"} {
		if !slices.Contains(names, want) {
			t.Errorf("the trace has %q; %q is missing", names, want)
		}
	}
	for _, secret := range []string{token, workspace.BotToken(), "4111", "hunter2"} {
		if collector.sent(secret) {
			t.Errorf("%q was sent", secret)
		}
	}
}

func slackScopes() (names []string) {
	for _, s := range bot.Scopes() {
		names = append(names, s.Name)
	}
	return names
}
