package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// patience bounds what a test waits for; nothing takes this long unless it is broken.
const patience = 2 * time.Minute

// receiver takes traces by OTLP over HTTP and keeps their spans.
type receiver struct {
	*httptest.Server

	mu    sync.Mutex
	spans []*otlp.Span
	raw   bytes.Buffer
}

func newReceiver(t *testing.T) *receiver {
	c := &receiver{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, &request) != nil {
			http.Error(w, "not OTLP", http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.Write(body)
		for _, of := range request.ResourceSpans {
			for _, scope := range of.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *receiver) all() []*otlp.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// sent tells whether a text was sent anywhere in a span.
func (c *receiver) sent(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Contains(c.raw.Bytes(), []byte(text))
}

// of gives the spans of a trace by their names, and these sorted.
func (c *receiver) of(id string) (names []string, byName map[string]*otlp.Span) {
	byName = map[string]*otlp.Span{}
	for _, s := range c.all() {
		if hex.EncodeToString(s.TraceId) == id {
			names, byName[s.Name] = append(names, s.Name), s
		}
	}
	slices.Sort(names)
	return names, byName
}

// tracingTo gives what traces a share of the incidents of prod.
func tracingTo(t *testing.T, url string, share float64) *tracing {
	t.Helper()
	cfg, err := parseConfig("f", fmt.Appendf(nil, "%straces: {endpoint: %q, sample: %g}\n", smallest, url, share))
	must(t, err)
	traces, err := newTracing(t.Context(), cfg, slog.New(slog.DiscardHandler))
	must(t, err)
	return traces
}

// secretive is a collector whose problem nobody else should read.
type secretive struct{ log *slog.Logger }

func (secretive) Name() string { return "pods" }

func (s secretive) Collect(ctx context.Context, _ engine.Incident) ([]engine.Evidence, error) {
	s.log.InfoContext(ctx, "collected: card 4111-1111")
	return []engine.Evidence{{Text: "card 4111-1111"}}, engine.Errorf(engine.Unavailable, "password=hunter2")
}

// TestATraceFollowsAnIncident has a webhook tell of an incident, and what is done about it ask others: all of it is one trace, which the lines
// of the log name, and which holds nothing of what was told and asked.
func TestATraceFollowsAnIncident(t *testing.T) {
	c := newReceiver(t)
	traces := tracingTo(t, c.URL, 1)
	var out bytes.Buffer
	log := traces.lines(newLog(&out, slog.LevelInfo))
	asked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Traceparent") != "" {
			t.Errorf("%s is told of the trace", r.URL.Path)
		}
		if strings.Contains(r.URL.Path, "gone") {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer asked.Close()
	ask := func(ctx context.Context, edge, path string) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, asked.URL+path+"?token=hunter2", strings.NewReader("hunter2"))
		must(t, err)
		r.Header.Set("Authorization", "Bearer hunter2")
		response, err := traces.transport(edge, http.DefaultTransport).RoundTrip(r)
		must(t, err)
		must(t, response.Body.Close())
	}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /webhooks/{cluster}", func(w http.ResponseWriter, r *http.Request) {
		ask(r.Context(), "kubernetes", "/api/v1/namespaces/hunter2")
		ctx := engine.WithID(r.Context(), "f00d")
		err := traces.observe(ctx, engine.Observation{Source: engine.SourceAlert, Signals: []engine.Signal{{Summary: "hunter2"}}}, func(ctx context.Context, _ engine.Observation) error {
			engine.Follow(ctx, engine.IncidentTrail(42))
			log.InfoContext(ctx, "observed")
			return nil
		})
		must(t, err)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	traces.incoming(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/hunter2", nil))
	traces.incoming(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))

	ctx := engine.WithID(t.Context(), engine.IncidentTrail(42))
	tasks := traces.tasks(map[engine.TaskKind]func(context.Context, engine.Task) error{
		engine.TaskDiagnose: func(ctx context.Context, _ engine.Task) error {
			_, err := traces.collectors([]rca.Collector{secretive{log}})[0].Collect(ctx, engine.Incident{})
			ask(ctx, "github", "/repos/gone")
			traces.asked(ctx, "aws/ec2", "503", time.Second)
			return err
		},
		engine.TaskPage: func(context.Context, engine.Task) error { return &engine.Waiting{For: time.Minute} },
	})
	if err := tasks[engine.TaskDiagnose](ctx, engine.Task{}); err == nil {
		t.Error("the error of a task is lost")
	}
	_ = tasks[engine.TaskPage](ctx, engine.Task{})
	ask(ctx, "slack", "/api/chat.postMessage")
	ask(ctx, "slack", "/actions/T0/1/hunter2") // the secret address of an answer
	ask(t.Context(), "kubernetes", "/watch")   // is about nothing
	traces.asked(t.Context(), "aws/sts", "200", time.Second)
	log.InfoContext(t.Context(), "of nothing")
	traces.close(patience)

	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		must(t, json.Unmarshal([]byte(line), &m))
		lines = append(lines, m)
	}
	if len(lines) != 3 || lines[2]["trace_id"] != nil {
		t.Fatalf("lines: %v", lines)
	}
	id, _ := lines[0]["trace_id"].(string)
	names, of := c.of(id)
	if diff := cmp.Diff([]string{"aws/ec2", "collect pods", "github", "observe", "slack", "slack chat.postMessage", "task diagnose", "task page", "webhook"}, names); diff != "" {
		t.Fatalf("the incident's trace (-want +got):\n%s", diff)
	}
	if n := len(c.all()) - len(names); n != 2 {
		t.Errorf("%d spans of other traces; want the webhook with what it asked before it was known what it is about", n)
	}
	for child, parent := range map[string]string{
		"observe": "webhook", "collect pods": "task diagnose", "github": "task diagnose", "aws/ec2": "task diagnose", "task diagnose": "", "slack chat.postMessage": "", "webhook": "",
	} {
		if got, want := of[child].ParentSpanId, of[parent].GetSpanId(); !bytes.Equal(got, want) {
			t.Errorf("%s is below %x, want %q", child, got, parent)
		}
	}
	if links := of["webhook"].Links; len(links) != 1 || hex.EncodeToString(links[0].TraceId) == id {
		t.Errorf("the webhook's links: %v", links)
	}
	if lines[1]["id"] != "incident/42" || lines[1]["trace_id"] != id || lines[1]["span_id"] != hex.EncodeToString(of["collect pods"].SpanId) {
		t.Errorf("the collector's line: %v", lines[1])
	}
	for name, want := range map[string]string{"task diagnose": string(engine.Unavailable), "collect pods": string(engine.Unavailable), "aws/ec2": "503", "github": "", "slack": "none", "task page": "none"} {
		said, failed := of[name].Status.GetMessage(), of[name].Status.GetCode() == otlp.Status_STATUS_CODE_ERROR
		if failed != (want != "none") || failed && said != want {
			t.Errorf("%s: failed %t, says %q; want %q", name, failed, said, want)
		}
	}
	for _, secret := range []string{"hunter2", "4111", "collected", "observed"} {
		if c.sent(secret) {
			t.Errorf("%q was sent", secret)
		}
	}
}

// TestAShareOfIncidentsIsTraced: of an incident everything is sent, whichever process made it, or nothing; and the log names no trace that is not.
func TestAShareOfIncidentsIsTraced(t *testing.T) {
	c := newReceiver(t)
	sent, named := map[string]int{}, map[string]bool{}
	for range 2 { // processes
		traces := tracingTo(t, c.URL, 0.3)
		var out bytes.Buffer
		log := traces.lines(newLog(&out, slog.LevelInfo))
		for n := range int64(200) {
			ctx := engine.WithID(t.Context(), engine.IncidentTrail(n))
			for range 2 {
				_, span := traces.start(ctx, "task")
				ended(span, nil)
			}
			out.Reset()
			log.InfoContext(ctx, "done")
			var line struct {
				Trace string `json:"trace_id"`
			}
			must(t, json.Unmarshal(out.Bytes(), &line))
			if line.Trace != "" {
				named[line.Trace] = true
			}
		}
		traces.close(patience)
	}
	for _, s := range c.all() {
		sent[hex.EncodeToString(s.TraceId)]++
	}
	if len(sent) < 30 || len(sent) > 90 {
		t.Errorf("%d of 200 incidents are traced, at a share of 0.3", len(sent))
	}
	for id, n := range sent {
		if n != 4 || !named[id] {
			t.Errorf("of trace %s %d of 4 spans were sent; named by the log: %t", id, n, named[id])
		}
	}
	if len(named) != len(sent) {
		t.Errorf("the log names %d traces, and %d are sent", len(named), len(sent))
	}
}

// TestACollectorThatIsAwayHurtsNothing: nothing waits for it, more spans than can be kept are lost, and the process ends in time.
func TestACollectorThatIsAwayHurtsNothing(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	hung := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung }))
	defer slow.Close()
	defer close(hung)
	for name, url := range map[string]string{"away": away.URL, "slow": slow.URL} {
		t.Run(name, func(t *testing.T) {
			traces := tracingTo(t, url, 1)
			do := traces.tasks(map[engine.TaskKind]func(context.Context, engine.Task) error{engine.TaskSweep: func(context.Context, engine.Task) error { return nil }})[engine.TaskSweep]
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range 10_000 {
					if err := do(t.Context(), engine.Task{}); err != nil {
						t.Error(err)
					}
				}
				traces.close(50 * time.Millisecond)
			}()
			select {
			case <-done:
			case <-time.After(patience):
				t.Fatal("the bot waits for a collector")
			}
		})
	}
}

// TestWithoutTracesNothingIsWrapped holds that what is off costs nothing.
func TestWithoutTracesNothingIsWrapped(t *testing.T) {
	cfg, err := parseConfig("f", []byte(smallest))
	must(t, err)
	traces, err := newTracing(t.Context(), cfg, nil)
	if err != nil || traces != nil {
		t.Fatalf("%v, %v", traces, err)
	}
	if got := traces.transport("slack", http.DefaultTransport); got != http.DefaultTransport {
		t.Error("a transport is wrapped")
	}
	all := []rca.Collector{secretive{}}
	if got := traces.collectors(all); got[0] != all[0] {
		t.Error("a collector is wrapped")
	}
	log := slog.New(slog.DiscardHandler)
	if traces.lines(log) != log {
		t.Error("the log is wrapped")
	}
	if err := traces.observe(t.Context(), engine.Observation{}, func(context.Context, engine.Observation) error { return io.EOF }); !errors.Is(err, io.EOF) {
		t.Errorf("an observation: %v", err)
	}
	traces.asked(t.Context(), "aws/ec2", "200", time.Second)
	traces.close(0)
	if rows := checkTraces(t.Context(), cfg.Traces); rows != nil {
		t.Errorf("doctor: %+v", rows)
	}
}

func TestDoctorSendsASpan(t *testing.T) {
	c := newReceiver(t)
	away := httptest.NewServer(http.NotFoundHandler())
	defer away.Close()
	for url, want := range map[string]string{c.URL: "", c.URL + "/elsewhere": "traces-unreachable", away.URL: "traces-unreachable", "http://127.0.0.1:1": "traces-unreachable"} {
		rows := checkTraces(t.Context(), TracesConfig{Endpoint: url}.withDefaults())
		if len(rows) != 1 || rows[0].OK != (want == "") || rows[0].ID != want {
			t.Errorf("%s: %+v, want %q", url, rows, want)
		}
	}
	if sent := c.all(); len(sent) != 1 || sent[0].Name != "doctor" {
		t.Errorf("sent: %v", sent)
	}
}

func TestTracesConfig(t *testing.T) {
	for given, want := range map[string]string{
		`{endpoint: "http://otel:4318"}`:                        "http://otel:4318/v1/traces 1",
		`{endpoint: "https://otel.example.com/", sample: 0.1}`:  "https://otel.example.com/v1/traces 0.1",
		`{endpoint: "https://otel.example.com/otlp/v1/traces"}`: "https://otel.example.com/otlp/v1/traces 1",
		`{}`:                                  " 1",
		`{endpoint: "otel:4318"}`:             `traces.endpoint: "otel:4318" is not a URL; such as http://otel-collector.monitoring:4318`,
		`{endpoint: "http://u:p@otel:4318"}`:  "traces.endpoint: holds a password",
		`{endpoint: "http://otel:4317"}`:      "traces.endpoint: 4317 is a collector's port for gRPC",
		`{endpoint: "http://otel:4318/?a=b"}`: "has more than a host and a path",
		`{sample: 0}`:                         "traces.sample: 0 is out of range",
		`{sample: 1.01}`:                      "traces.sample: 1.01 is out of range",
		`{sample: .nan}`:                      "traces.sample: NaN is out of range",
		`{url: "http://otel:4318"}`:           `unknown key "url"`,
	} {
		cfg, err := parseConfig("f", []byte(smallest+"traces: "+given+"\n"))
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprintf("%s %g", cfg.Traces.Endpoint, *cfg.Traces.Sample)
		}
		if err == nil && got != want || err != nil && !strings.Contains(got, want) || want == "" {
			t.Errorf("%s: %s\nwant %s", given, got, want)
		}
	}
}
