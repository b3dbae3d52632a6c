package prom

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// alerting is a Prometheus that holds when alerts fired, in minutes since start. It refuses queries over more than most minutes.
type alerting struct {
	start time.Time
	fired map[string][][2]int // by alert: from which minute up to which
	most  int

	mu    sync.Mutex
	spans []int // minutes of each query that it answered
	query string
}

func (p *alerting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	minute := func(key string) int {
		f, err := strconv.ParseFloat(r.Form.Get(key), 64)
		if err != nil {
			http.Error(w, "bad time", http.StatusBadRequest)
		}
		return int(time.Unix(int64(f), 0).Sub(p.start) / time.Minute)
	}
	from, to := minute("start"), minute("end")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.query = r.Form.Get("query")
	w.Header().Set("Content-Type", "application/json")
	if to-from >= p.most {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"status":"error","errorType":"execution","error":"query processing would load too many samples"}`))
		return
	}
	p.spans = append(p.spans, to-from+1)
	result := []any{}
	for name, times := range p.fired {
		var values [][2]any
		for m := from; m <= to; m++ {
			if slices.ContainsFunc(times, func(t [2]int) bool { return m >= t[0] && m < t[1] }) {
				values = append(values, [2]any{p.start.Add(time.Duration(m) * time.Minute).Unix(), "1"})
			}
		}
		if len(values) > 0 {
			result = append(result, map[string]any{"metric": map[string]string{"__name__": "ALERTS", "alertstate": "firing", "alertname": name}, "values": values})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": result}})
}

func TestAlertHistory(t *testing.T) {
	start := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	day := 24 * 60
	p := &alerting{start: start, most: 100, fired: map[string][][2]int{
		"Flaps":  {{10, 12}, {30, 31}, {33, 35}}, // two times: a gap of two minutes is none
		"Long":   {{50, 500}},                    // over several queries
		"Lasts":  {{day - 5, day + 10}},
		"Before": {{-10, 3}},
	}}
	server := httptest.NewServer(p)
	defer server.Close()
	prometheus, err := Connect(Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	alerts, err := prometheus.AlertHistory(t.Context(), map[string]string{"cluster": `pr"od`}, start, start.AddDate(0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range alerts {
		end := "-"
		if !a.EndsAt.IsZero() {
			end = fmt.Sprint(int(a.EndsAt.Sub(start).Minutes()))
		}
		got = append(got, fmt.Sprintf("%s %d %s", a.Labels["alertname"], int(a.StartsAt.Sub(start).Minutes()), end))
		if len(a.Labels) != 1 || a.Fingerprint == "" {
			t.Errorf("labels %v, fingerprint %q", a.Labels, a.Fingerprint)
		}
	}
	want := []string{"Before 0 3", "Flaps 10 12", "Flaps 30 35", "Long 50 500", fmt.Sprintf("Lasts %d -", day-5)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
	if p.query != `ALERTS{alertstate="firing",cluster="pr\"od"}` {
		t.Errorf("query %s", p.query)
	}
	sum := 0
	for _, n := range p.spans {
		sum += n
	}
	if sum != day+1 || slices.Max(p.spans) > 100 {
		t.Errorf("queries over %v minutes", p.spans)
	}
}

func TestAlertHistoryFails(t *testing.T) {
	start := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	server := httptest.NewServer(&alerting{start: start, most: 1})
	defer server.Close()
	prometheus, err := Connect(Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = prometheus.AlertHistory(t.Context(), nil, start, start.AddDate(0, 0, 1)); engine.CodeOf(err) != engine.Unavailable || !strings.Contains(err.Error(), "too many samples") {
		t.Errorf("error %v", err)
	}
	server.Close()
	if _, err = prometheus.AlertHistory(t.Context(), nil, start, start.AddDate(0, 0, 1)); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("error %v", err)
	}
}
