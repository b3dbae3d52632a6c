package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/slack"
)

// alertsOf serves two alerts of the last hours, one of them with a name that would move a terminal's cursor, and the restarts of a pod that
// began an hour ago.
func alertsOf(t *testing.T) string {
	t.Helper()
	now := time.Now().Truncate(time.Minute)
	alerts := map[string][2]time.Time{
		`{"__name__":"ALERTS","alertstate":"firing","alertname":"KubeDeploymentReplicasMismatch","severity":"critical","namespace":"payments","deployment":"api"}`: {now.Add(-3 * time.Hour), now.Add(-2 * time.Hour)},
		`{"__name__":"ALERTS","alertstate":"firing","alertname":"Bad\u001b[2JName","namespace":"shop","deployment":"cart"}`:                                        {now.Add(-90 * time.Minute), now.Add(-89 * time.Minute)},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.ParseFloat(r.FormValue("start"), 64)
		to, _ := strconv.ParseFloat(r.FormValue("end"), 64)
		result := []json.RawMessage{}
		series := alerts
		if query := r.FormValue("query"); !strings.HasPrefix(query, "ALERTS") {
			if strings.Contains(query, "restarts_total") {
				step, _ := strconv.ParseFloat(r.FormValue("step"), 64)
				values := [][2]any{}
				for at := from; at <= to; at += step {
					restarts := "0"
					if int64(at) >= now.Add(-time.Hour).Unix() {
						restarts = "4"
					}
					values = append(values, [2]any{int64(at), restarts})
				}
				text, _ := json.Marshal(values)
				result = append(result, json.RawMessage(fmt.Sprintf(`{"metric":{"namespace":"shop","pod":"search-7f9c6d5b4-x2x4z"},"values":%s}`, text)))
			}
			series = nil
		}
		for metric, fired := range series {
			values := [][2]any{}
			for at := int64(from); at <= int64(to); at += 60 {
				if at >= fired[0].Unix() && at < fired[1].Unix() {
					values = append(values, [2]any{at, "1"})
				}
			}
			if len(values) > 0 {
				text, _ := json.Marshal(values)
				result = append(result, json.RawMessage(fmt.Sprintf(`{"metric":%s,"values":%s}`, metric, text)))
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": result}})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func rehearsalConfig(t *testing.T, prometheus, rest string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "autopilot.yaml")
	text := "clusters:\n  - {name: prod, kubeconfig: /nowhere, prometheus: \"" + prometheus + "\"}\n  - {name: dev, kubeconfig: /nowhere}\n" +
		"slack:\n  channels: {incidents: \"#incidents\", namespaces: {payments: \"#payments\"}}\n" + rest
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRehearse(t *testing.T) {
	file := rehearsalConfig(t, alertsOf(t), "waste: {}\n")
	out := filepath.Join(t.TempDir(), "rehearsal.txt")
	code, printed, errs := call(t, "rehearse", "-config", file, "-days", "2", "-o", out)
	if code != 0 || printed != "" || errs != "reading 2 days of alerts of prod\nreading 2 days of metrics of prod\n" {
		t.Fatalf("%d %q %q", code, printed, errs)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"alerts fired 2 times. Workloads with metrics: 1; that did what they never had: 1. The bot would have told 3 incidents with 3 messages in channels; 0 more are lines",
		"2 cards in #incidents", "1 card in #payments", "shop/search", "Missing: prometheus prod: there is no CPU", "Missing: dev: no Prometheus is configured",
		"critical  1        0         prod     1: payments/api lacks replicas", "KubeDeploymentReplicasMismatch  prod     1      0", "Bad[2JName",
		"Missing: cluster prod: pods cannot be listed", "What could be saved is not known everywhere.",
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %q in\n%s", want, data)
		}
	}
	if strings.Contains(string(data), "\x1b") {
		t.Error("a control character got through")
	}
	if _, again, _ := call(t, "rehearse", "-config", file, "-days", "2", "-cluster", "prod", "-no-waste", "-no-metrics"); strings.Contains(again, "dev") || !strings.Contains(again, "payments/api") || strings.Contains(again, "search") {
		t.Errorf("one cluster, without waste and metrics:\n%s", again)
	}
}

func TestRehearsePosts(t *testing.T) {
	server := slack.New(slack.Config{})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	state, err := server.Control().State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	channel := state.Channels[0]
	t.Setenv("AUTOPILOT_SLACK_BOT_TOKEN", server.BotToken())
	file := rehearsalConfig(t, alertsOf(t), "  api_url: \""+server.APIURL()+"\"\nrehearsal: {channel: \""+channel.ID+"\"}\n")
	code, printed, errs := call(t, "rehearse", "-config", file, "-post")
	if code != 0 {
		t.Fatalf("%d %s", code, errs)
	}
	posted, err := server.Control().Messages(t.Context(), channel.ID, "")
	if err != nil || len(posted) == 0 {
		t.Fatalf("%d messages, %v", len(posted), err)
	}
	if !strings.HasPrefix(posted[0].Text, "Rehearsal of ") {
		t.Errorf("Slack has %q", posted[0].Text)
	}
	for deadline := time.Now().Add(20 * time.Second); ; { // Slack shares a file a moment after it was uploaded
		thread, err := server.Control().Thread(t.Context(), channel.ID, posted[0].TS, "")
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := json.Marshal(thread); strings.Contains(string(text), "rehearsal.txt") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the file is not in its thread")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.Contains(printed, "payments/api") {
		t.Errorf("it is not printed too:\n%s", printed)
	}
}

func TestRehearseWrongCalls(t *testing.T) {
	file := rehearsalConfig(t, "http://127.0.0.1:1", "")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"-h", 0, "It writes to no database"},
		{"-days 0", 2, "-days 0 is not 1 to 90"},
		{"-days 91", 2, "is not 1 to 90"},
		{"now", 2, `takes no argument "now"`},
		{"-cluster prd", 1, `there is no cluster "prd" in the configuration`},
		{"-post", 1, "set rehearsal.channel"},
		{"-cluster prod", 1, "cluster prod: "}, // whose Prometheus does not answer
	} {
		args := append([]string{"rehearse"}, strings.Fields(c.args)...)
		if !strings.Contains(c.args, "-h") {
			args = append([]string{"rehearse", "-config", file}, strings.Fields(c.args)...)
		}
		if code, _, errs := call(t, args...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%s: %d %s", c.args, code, errs)
		}
	}
}
