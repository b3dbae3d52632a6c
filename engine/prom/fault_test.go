package prom

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// faulty is a Prometheus in memory: every container uses half a core and 100 MB. It answers after a time and with a status that
// the test chooses for each query.
type faulty struct {
	series  int                                                                   // containers in each namespace
	answers func(n int, query string, steps int) (took time.Duration, status int) // nil means at once, 200
	body    string                                                                // of an answer that is not 200
	chunks  func(n int, answer []byte) (time.Duration, *http.Response, error)     // to the n-th request for them; nil refuses
	ahead   time.Duration                                                         // of its clock

	mu      sync.Mutex
	reads   int
	queries []string
	ends    []time.Time // that were asked for
	busy    int
	most    int // queries at once
}

func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/read") {
		return f.read(r)
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	query := form.Get("query")
	number := func(key string) float64 {
		v, err := strconv.ParseFloat(form.Get(key), 64)
		if err != nil {
			panic(err)
		}
		return v
	}
	start, step := number("start"), number("step")
	steps := int((number("end")-start)/step) + 1
	f.mu.Lock()
	n := len(f.queries)
	f.queries = append(f.queries, query)
	f.ends = append(f.ends, time.Unix(int64(number("end")), 0))
	f.busy++
	f.most = max(f.most, f.busy)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.busy--
		f.mu.Unlock()
	}()
	took, status := time.Millisecond, http.StatusOK
	if f.answers != nil {
		took, status = f.answers(n, query, steps)
	}
	select {
	case <-time.After(took):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	body := f.body
	if status == http.StatusOK {
		body = f.matrix(query, start, step, steps)
	}
	header := http.Header{"Date": {time.Now().Add(f.ahead).UTC().Format(http.TimeFormat)}}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// namespaces are those that a query is about.
func namespaces(query string) []string {
	var all []string
	for _, ns := range []string{"shop", "back"} {
		if !strings.Contains(query, "namespace=") || strings.Contains(query, ns) {
			all = append(all, ns)
		}
	}
	return all
}

func (f *faulty) matrix(query string, start, step float64, steps int) string {
	var result []string
	for _, ns := range namespaces(query) {
		pod := map[string]string{"shop": "web-66666ccccc-aaaaa", "back": "queue-66666ccccc-aaaaa"}[ns]
		value := func(at float64) float64 { return at / 2 }
		switch {
		case strings.Contains(query, "count by"):
			value = func(float64) float64 { return float64(f.series) }
		case strings.HasPrefix(query, "avg("):
			value = func(float64) float64 { return 10 }
		case strings.Contains(query, memoryMetric):
			value = func(float64) float64 { return 100e6 }
		case !strings.Contains(query, cpuMetric):
			continue
		}
		var values []string
		for i := range steps {
			at := start + float64(i)*step
			values = append(values, fmt.Sprintf(`[%d,"%v"]`, int64(at), value(at)))
		}
		result = append(result, fmt.Sprintf(`{"metric":{"namespace":%q,"pod":%q,"container":"app"},"values":[%s]}`, ns, pod, strings.Join(values, ",")))
	}
	return matrix(strings.Join(result, ","))
}

func (f *faulty) connect(t *testing.T) *Prometheus {
	t.Helper()
	p, err := Connect(Config{URL: "http://prometheus:9090", Transport: f})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func history(query string) bool {
	return strings.Contains(query, cpuMetric) && !strings.Contains(query, "count by")
}

func known8(r UsageReport, namespace, name string) int {
	return r.Usage[waste.ContainerKey{Namespace: namespace, Kind: kindDeployment, Name: name, Container: "app"}].CPU.Count()
}

func TestUsageIsReadInPartsOfBoundedSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{series: 3000}
		r := f.connect(t).Usage(t.Context(), UsageWanted{Cluster: shop(), PeakDays: 8})
		if len(r.Unread) > 0 || known8(r, "shop", "web") != fineSteps || known8(r, "back", "queue") != fineSteps {
			t.Fatalf("unread %v, gaps %v", r.Unread, r.Gaps)
		}
		// Of 3,000 series in each of two namespaces: 13.8 M samples of CPU, which weigh more, and 33 M of memory, for three workloads
		// are not worth the 76 M that five of a step would be.
		if n := r.Cost.Queries; n < 36 || n > mostQueries {
			t.Errorf("%d queries", n)
		}
		if len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Reason, "every 2m30s only, for want of time for its 6000 series") {
			t.Errorf("gaps %v", r.Gaps)
		}
		if f.most > 2 {
			t.Errorf("%d queries at once", f.most)
		}
	})
}

// TestUsageBacksOff wants a Prometheus that is in trouble to be asked for less and less often, and all to be read when it recovers.
func TestUsageBacksOff(t *testing.T) {
	for name, tt := range map[string]struct {
		trouble func(n int, query string, steps int) (time.Duration, int)
		body    string
		series  int // 0 means 1
		whole   bool
		least   time.Duration
		says    string
	}{
		"restarts": {whole: true, least: 2 * time.Second, trouble: func(n int, _ string, _ int) (time.Duration, int) {
			return time.Millisecond, map[bool]int{true: 503, false: 200}[n == 2 || n == 7]
		}},
		"takes small parts only": {
			whole: true, body: `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}`,
			trouble: func(_ int, query string, steps int) (time.Duration, int) {
				return time.Millisecond, map[bool]int{true: 422, false: 200}[history(query) && steps > 700]
			},
		},
		"is slow once": {whole: true, least: 25 * time.Second, trouble: func(n int, _ string, _ int) (time.Duration, int) {
			return map[bool]time.Duration{true: 25 * time.Second, false: time.Millisecond}[n == 6], 200
		}},
		"stays slow": {says: "stays slow", series: 3000, trouble: func(_ int, query string, _ int) (time.Duration, int) {
			return map[bool]time.Duration{true: 25 * time.Second, false: time.Millisecond}[history(query)], 200
		}},
		"is away":            {says: "502", trouble: func(int, string, int) (time.Duration, int) { return time.Millisecond, 502 }},
		"refuses":            {says: "403", trouble: func(int, string, int) (time.Duration, int) { return time.Millisecond, 403 }},
		"hangs":              {says: "does not answer", trouble: func(int, string, int) (time.Duration, int) { return time.Hour, 200 }},
		"is slow throughout": {says: "stays slow", trouble: func(int, string, int) (time.Duration, int) { return 30 * time.Second, 200 }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &faulty{series: max(tt.series, 1), answers: tt.trouble, body: tt.body}
				began := time.Now()
				r := f.connect(t).Usage(t.Context(), UsageWanted{Cluster: shop(), PeakDays: 8})
				took := time.Since(began)
				if tt.whole {
					if len(r.Unread) > 0 || known8(r, "shop", "web") != fineSteps || took < tt.least || len(r.Gaps) > 0 {
						t.Fatalf("unread %v, gaps %v after %s", r.Unread, r.Gaps, took)
					}
					return
				}
				if len(r.Unread) != 2 || len(r.Usage) != 0 || len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Reason, tt.says) {
					t.Fatalf("unread %v, usage of %d, gaps %v; want one that says %q", r.Unread, len(r.Usage), r.Gaps, tt.says)
				}
				if took > patience || len(f.queries) > 20 {
					t.Errorf("%d queries in %s for a Prometheus that does not answer", len(f.queries), took)
				}
			})
		})
	}
}

// TestUsageKeepsWhatIsWhole wants the namespaces that were read in full to be kept when Prometheus goes away, and no half of another.
func TestUsageKeepsWhatIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{series: 9000} // so many that each namespace is a group of its own
		f.answers = func(_ int, query string, _ int) (time.Duration, int) {
			gone := strings.Contains(query, memoryMetric) && slices.Equal(namespaces(query), []string{"shop"})
			return time.Millisecond, map[bool]int{true: 500, false: 200}[gone]
		}
		r := f.connect(t).Usage(t.Context(), UsageWanted{Cluster: shop(), PeakDays: 8})
		if !slices.Equal(r.Unread, []string{"shop"}) || len(r.Usage) != 1 || known8(r, "back", "queue") != fineSteps {
			t.Errorf("unread %v, usage of %d, gaps %v", r.Unread, len(r.Usage), r.Gaps)
		}
	})
}

// TestUsageFollowsTheClockOfPrometheus wants a history to be read up to what Prometheus takes for now, to end now by our clock, and
// the difference to be said.
func TestUsageFollowsTheClockOfPrometheus(t *testing.T) {
	for ahead, says := range map[time.Duration]string{
		-3 * time.Hour: "3h0m0s behind ours", 48 * time.Hour: "48h0m0s ahead of ours", 2 * time.Minute: "2m0s ahead of ours", 30 * time.Second: "",
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &faulty{series: 1, ahead: ahead}
			r := f.connect(t).Usage(t.Context(), UsageWanted{Cluster: shop(), PeakDays: 8})
			end := r.Usage[waste.ContainerKey{Namespace: "shop", Kind: kindDeployment, Name: "web", Container: "app"}].CPU.End()
			if ago := time.Since(end); ago < -time.Second || ago > 6*time.Minute {
				t.Errorf("%s ahead: the history ends %s ago by our clock", ahead, ago)
			}
			now := time.Now().Add(ahead)
			if last := slices.MaxFunc(f.ends[1:], time.Time.Compare); last.After(now.Add(time.Minute)) || now.Sub(last) > 6*time.Minute {
				t.Errorf("%s ahead: it was asked for %s, by its own clock it is %s", ahead, last, now)
			}
			if says == "" && len(r.Gaps) > 0 || says != "" && (len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Reason, says)) {
				t.Errorf("%s ahead: gaps %v, want %q", ahead, r.Gaps, says)
			}
		})
	}
}

func TestUsageEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		f := &faulty{series: 1, answers: func(int, string, int) (time.Duration, int) { return 4 * time.Second, 200 }}
		began := time.Now()
		r := f.connect(t).Usage(ctx, UsageWanted{Cluster: shop(), PeakDays: 8})
		if took := time.Since(began); took != 10*time.Second || len(r.Unread) != 2 || len(r.Gaps) != 1 {
			t.Errorf("after %s: unread %v, gaps %v", took, r.Unread, r.Gaps)
		}
	})
}

func TestUsageOfAnEmptyCluster(t *testing.T) {
	f := &faulty{}
	r := f.connect(t).Usage(t.Context(), UsageWanted{Cluster: &waste.Cluster{Name: "new"}})
	if len(r.Unread)+len(r.Gaps)+len(r.Usage)+len(f.queries) != 0 {
		t.Errorf("%+v, %v", r, f.queries)
	}
}

func TestMatchersQuoteTheirValues(t *testing.T) {
	m := matchers{}.is("a", `x"} or {b=~".+\`).oneOf("namespace", []string{"a.b", `c|d"`})
	if got, want := m.of("up"), `up{a="x\"} or {b=~\".+\\",namespace=~"a\\.b|c\\|d\""}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := (matchers{}).oneOf("n", nil).oneOf("n", []string{"a.b"}).of("up"); got != `up{n="a.b"}` {
		t.Errorf("%s", got)
	}
}

// TestWhatIsAskedForGrowsAgain wants Prometheus to be asked for less while it is slow only, but for no more again of what it refused.
func TestWhatIsAskedForGrowsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := []struct {
			took    time.Duration
			status  int
			portion float64 // afterwards
		}{{25 * time.Second, 200, 0.5}, {10 * time.Second, 200, 0.5}, {time.Second, 200, 1}, {time.Second, 503, 0.5}, {time.Second, 200, 0.5}, {time.Second, 502, 0.25}, {time.Second, 200, 0.5}}
		f := &faulty{series: 1, answers: func(n int, _ string, _ int) (time.Duration, int) { return steps[n].took, steps[n].status }}
		p := f.connect(t)
		a := &asker{url: p.url, client: p.long, now: time.Now, slow: slow, share: 1}
		for i, s := range steps {
			if err := a.get(t.Context(), cpuMetric, grid{time.Unix(0, 0), fineStep, 1}, func(labelSet) []float64 { return nil }); (err == nil) != (s.status == 200) || a.portion() != s.portion {
				t.Errorf("request %d: %v of what was planned, want %v (%v)", i, a.portion(), s.portion, err)
			}
		}
	})
}
