package loki

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

var began = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func incident(kind, name string, signals ...engine.Signal) engine.Incident {
	return engine.Incident{ID: 42, Workload: engine.Workload{Cluster: "prod", Namespace: "pay", Kind: kind, Name: name}, StartedAt: began, Signals: signals}
}

func ofPod(pod, container string) engine.Signal {
	return engine.Signal{Object: engine.ObjectRef{Kind: "Pod", Namespace: "pay", Name: pod}, Container: container, StartsAt: began}
}

func connect(t *testing.T, s *server, cfg Config) *Loki {
	t.Helper()
	cfg.URL, cfg.Now = s.url+"/", func() time.Time { return began.Add(time.Hour) }
	l, err := Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func texts(evidence []engine.Evidence) []string {
	var all []string
	for _, e := range evidence {
		all = append(all, e.Object.Name+"/"+e.Container+": "+e.Text)
	}
	return all
}

func TestCollectReadsWhatThePodsWrote(t *testing.T) {
	s := serve(t)
	s.log("api-6c9b8f7d5-x2k4p", "app", began.Add(-time.Minute), "starting", "token=hunter2", "panic: no database")
	s.log("api-6c9b8f7d5-b7c9d", "app", began.Add(-time.Second), "GET /", "GET /")
	s.log("api-gateway-x7k2p", "app", began, "of another workload")
	s.log("api-6c9b8f7d5-x2k4p", "app", began.Add(time.Hour), "long after")
	s.log("api-6c9b8f7d5-x2k4p", "app", began.Add(-2*time.Hour), "long before")
	s.entries = append(s.entries, entry{map[string]string{"namespace": "shop", "pod": "api-6c9b8f7d5-x2k4p", "container": "app"}, began, "of another namespace"})
	l := connect(t, s, Config{})

	got, err := l.Collect(t.Context(), incident("Deployment", "api"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"api-6c9b8f7d5-x2k4p/app: starting", "api-6c9b8f7d5-x2k4p/app: token=***", "api-6c9b8f7d5-x2k4p/app: panic: no database", // the one that tells why is first
		"api-6c9b8f7d5-b7c9d/app: GET /", "api-6c9b8f7d5-b7c9d/app: GET /",
	}
	if diff := cmp.Diff(want, texts(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	last := engine.Evidence{
		ID: "loki/api-6c9b8f7d5-x2k4p/app/2", Collector: "loki", Kind: engine.EvidenceLog, Object: engine.ObjectRef{Kind: "Pod", Namespace: "pay", Name: "api-6c9b8f7d5-x2k4p"},
		Container: "app", At: began.Add(-time.Minute), Text: "panic: no database", Fields: map[string]string{"line": "panic: no database", "signature": "panic"},
	}
	if diff := cmp.Diff(last, got[2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := l.Collect(t.Context(), incident("Deployment", "quiet")); err != nil || got != nil {
		t.Errorf("of what wrote nothing: %v, %v", got, err)
	}
	if got, err := l.Collect(t.Context(), engine.Incident{Workload: engine.Workload{Kind: engine.KindNode, Name: "n"}}); err != nil || got != nil {
		t.Errorf("of a node: %v, %v", got, err)
	}
}

func TestCollectAsksForNamedPodsFirst(t *testing.T) {
	s := serve(t)
	for n := range 2 * maxLines {
		s.log("api-6c9b8f7d5-b7c9d", "app", began.Add(-time.Duration(n)*time.Millisecond), "GET /")
		s.log("api-6c9b8f7d5-x2k4p", "proxy", began.Add(-time.Duration(n)*time.Millisecond), "200")
	}
	s.log("api-6c9b8f7d5-x2k4p", "app", began.Add(-20*time.Minute), "panic: alone")
	l := connect(t, s, Config{})
	got, err := l.Collect(t.Context(), incident("Deployment", "api", ofPod("api-6c9b8f7d5-x2k4p", "app")))
	if diff := cmp.Diff([]string{"api-6c9b8f7d5-x2k4p/app: panic: alone"}, texts(got)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	lost := engine.Signal{Object: engine.ObjectRef{Kind: "Deployment", Namespace: "pay", Name: "api"}, Labels: map[string]string{engine.LabelLost: "api-6c9b8f7d5-gone1,api-6c9b8f7d5-gone2"}}
	s.log("api-6c9b8f7d5-gone2", "app", began, "SIGTERM")
	got, err = l.Collect(t.Context(), incident("Deployment", "api", lost))
	if diff := cmp.Diff([]string{"api-6c9b8f7d5-gone2/app: SIGTERM"}, texts(got)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	// Of a pod that wrote nothing, its siblings are asked.
	s.asked = nil
	if got, err = l.Collect(t.Context(), incident("Deployment", "api", ofPod("api-6c9b8f7d5-mute1", "app"))); err != nil || len(got) == 0 || len(s.asked) != 3 {
		t.Errorf("%d lines after %q, %v", len(got), s.asked, err)
	}
}

func TestOnsetIsThatOfTheTroubleOfNow(t *testing.T) {
	i := incident("Deployment", "api")
	if got := onset(i); !got.Equal(began) {
		t.Errorf("without signals: %s", got)
	}
	later := began.Add(40 * time.Minute)
	i.Signals = []engine.Signal{{StartsAt: later.Add(time.Minute)}, {StartsAt: later}, {StartsAt: began, EndsAt: began.Add(time.Minute)}}
	if got := onset(i); !got.Equal(later) {
		t.Errorf("one that came back began at %s; want %s", got, later)
	}
}

func TestPodsLike(t *testing.T) {
	long := strings.Repeat("a", 50)
	for _, tt := range []struct {
		kind, name string
		yes, no    []string
	}{
		{"Deployment", "api", []string{"api-6c9b8f7d5-x2k4p", "api-b-bbbbb"}, []string{"api", "api-x2k4p", "api-gateway-x7k2p", "api-gateway-6c9b8f7d5-x2k4p", "xapi-6c9b8f7d5-x2k4p"}},
		{"StatefulSet", "db", []string{"db-0", "db-12"}, []string{"db", "db-x", "db-0-1", "db-replica-0"}},
		{"DaemonSet", "agent", []string{"agent-x7k2p"}, []string{"agent-gateway-x7k2p", "agent-0"}},
		{"ReplicaSet", "rs", []string{"rs-x7k2p"}, []string{"rs-0"}},
		{"Job", "load", []string{"load-x7k2p", "load-3-x7k2p"}, []string{"load-29384756-x7k2p-x", "loader-x7k2p"}},
		{"CronJob", "nightly", []string{"nightly-29384756-x7k2p", "nightly-29384756-0-x7k2p"}, []string{"nightly-x7k2p"}},
		{"Pod", "a.b", []string{"a.b"}, []string{"a-b", "a.b-c"}},
		{"Deployment", long, []string{long + "-6c9b8f7d5-x2k4p", long + "x2k4p"}, []string{"b" + long}},
	} {
		re := regexp.MustCompile("^(?:" + podsLike(engine.Workload{Kind: tt.kind, Namespace: "n", Name: tt.name}) + ")$")
		for _, pod := range tt.yes {
			if !re.MatchString(pod) {
				t.Errorf("%s is no pod of %s %s", pod, tt.kind, tt.name)
			}
		}
		for _, pod := range tt.no {
			if re.MatchString(pod) {
				t.Errorf("%s is a pod of %s %s", pod, tt.kind, tt.name)
			}
		}
	}
	if got := podsLike(engine.Workload{Kind: "Service", Name: "api"}); got != "" {
		t.Errorf("a Service has pods like %s", got)
	}
}

func TestUnwrap(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain",
		`{"time":"2026-11-23T12:00:00Z","stream":"stderr","_p":"F","log":"panic: \"x\"\n"}`: `panic: "x"`,
		`{"level":"error","msg":"x"}`: `{"level":"error","msg":"x"}`,
		`{"log":7}`:                   `{"log":7}`,
		`{"log":`:                     `{"log":`,
		"2026-11-23T12:00:00.123456789Z stderr F panic: x": "panic: x",
		`{"log":"2026-11-23T12:00:00Z stdout F hello"}`:    "hello",
		"2026-11-23T12:00:00Z its own time\r\n":            "2026-11-23T12:00:00Z its own time",
		"":                                                 "",
	} {
		if got := unwrap(in); got != want {
			t.Errorf("unwrap(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestStreamsOfOneContainerAreOneLog(t *testing.T) {
	s := serve(t)
	for n, stream := range []string{"stdout", "stderr", "stdout"} {
		s.entries = append(s.entries, entry{map[string]string{"namespace": "pay", "pod": "db-0", "container": "db", "stream": stream}, began.Add(time.Duration(n) * time.Second), fmt.Sprint("line ", n)})
	}
	got, err := connect(t, s, Config{}).Collect(t.Context(), incident("StatefulSet", "db"))
	if diff := cmp.Diff([]string{"db-0/db: line 0", "db-0/db: line 1", "db-0/db: line 2"}, texts(got)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestTail(t *testing.T) {
	s := serve(t)
	s.log("db-0", "db", began, "one", "password=hunter2", "FATAL: out of disk")
	l := connect(t, s, Config{})
	got, err := l.Tail(t.Context(), incident("StatefulSet", "db"), 2)
	want := engine.LogExcerpt{Pod: "db-0", Container: "db", Store: "Loki", Lines: []string{"password=***", "FATAL: out of disk"}, Redactions: 1, Truncated: true}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := l.Tail(t.Context(), incident("StatefulSet", "db"), 3); err != nil || got.Truncated {
		t.Errorf("all of it: %+v, %v", got, err)
	}
	if _, err := l.Tail(t.Context(), incident("StatefulSet", "other"), 3); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("of nothing: %v", err)
	}
}

func TestNamesTenantAndAuthentication(t *testing.T) {
	s := serve(t)
	s.entries = []entry{
		{map[string]string{"cluster": "prod", "k8s_namespace_name": "pay", "k8s_pod_name": "db-0", "k8s_container_name": "db"}, began, "hello"},
		{map[string]string{"cluster": "dev", "k8s_namespace_name": "pay", "k8s_pod_name": "db-0", "k8s_container_name": "db"}, began, "of another cluster"},
	}
	cfg := Config{Labels: Labels{"k8s_namespace_name", "k8s_pod_name", "k8s_container_name"}, Match: map[string]string{"cluster": "prod"}, Tenant: "team-a", Token: "t0ken"}
	for _, tt := range []struct{ user, auth string }{{"", "Bearer t0ken"}, {"reader", "Basic cmVhZGVyOnQwa2Vu"}} {
		s.tenant, s.auth = "team-a", tt.auth
		cfg.Username = tt.user
		got, err := connect(t, s, cfg).Collect(t.Context(), incident("StatefulSet", "db"))
		if diff := cmp.Diff([]string{"db-0/db: hello"}, texts(got)); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.auth, err, diff)
		}
	}
	s.tenant = "team-b"
	if _, err := connect(t, s, cfg).Collect(t.Context(), incident("StatefulSet", "db")); engine.CodeOf(err) != engine.Forbidden || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("another tenant: %v", err)
	}
}

func TestAsksForFewerWhereLokiAllowsFewer(t *testing.T) {
	s := serve(t)
	s.most = 100
	for n := range 200 {
		s.log("db-0", "db", began.Add(-time.Duration(n)*time.Second), "line")
	}
	l := connect(t, s, Config{})
	if got, err := l.Tail(t.Context(), incident("StatefulSet", "db"), 1000); err != nil || len(got.Lines) != 62 || !got.Truncated {
		t.Errorf("%d lines, %v", len(got.Lines), err)
	}
	s.most = fewLines - 1
	if _, err := l.Collect(t.Context(), incident("StatefulSet", "db")); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("a Loki that allows next to nothing: %v", err)
	}
}

func TestAnswersBecomeErrorsWithACode(t *testing.T) {
	status, body := 0, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(srv.Close)
	l, err := Connect(Config{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		status int
		body   string
		code   engine.Code
	}{
		{400, "parse error at line 1, col 2: syntax error", engine.Invalid},
		{401, "no org id", engine.Forbidden},
		{403, "", engine.Forbidden},
		{404, "404 page not found", engine.NotFound},
		{429, "too many outstanding requests", engine.Unavailable},
		{500, "context canceled", engine.Unavailable},
		{504, "", engine.Unavailable},
		{200, "<html>", engine.Unavailable},
		{200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`, engine.Unavailable},
		{200, `{"status":"success","data":{"resultType":"streams","result":[{"stream":{},"values":[["x","y"]]}]}}`, engine.Unavailable},
		{200, `{"status":"success","data":{"resultType":"streams","result":[{"stream":{},"values":[["1"]]}]}}`, engine.Unavailable},
		{200, `{"status":"success","data":{"resultType":"streams","result":[{"stream":{},"values":[["1","y",{"a":"b"}]]}]}}`, ""},
		{200, strings.Repeat(" ", maxBody+1), engine.Unavailable},
	} {
		status, body = tt.status, tt.body
		if _, err := l.Collect(t.Context(), incident("Deployment", "api")); engine.CodeOf(err) != tt.code {
			t.Errorf("%d %.40q: %v; want %q", tt.status, tt.body, err, tt.code)
		}
	}
	srv.Close()
	if _, err := l.Collect(t.Context(), incident("Deployment", "api")); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("nobody there: %v", err)
	}
}

func TestALateLokiIsNamed(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(release) })
	l, err := Connect(Config{URL: srv.URL, Timeout: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Collect(t.Context(), incident("Deployment", "api"))
	if engine.CodeOf(err) != engine.Unavailable || !strings.Contains(err.Error(), "Loki does not answer in time") {
		t.Errorf("late: %v", err)
	}
	for range askAtOnce {
		l.turns <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = l.Collect(ctx, incident("Deployment", "api")); engine.CodeOf(err) != engine.Unavailable || !strings.Contains(err.Error(), "too many incidents") {
		t.Errorf("no turn: %v", err)
	}
}

func TestConnect(t *testing.T) {
	for _, url := range []string{"", "loki:3100", "ftp://loki", "http://user:pass@loki", "http://loki?x=y", "http://loki#x", "http://%"} {
		if _, err := Connect(Config{URL: url}); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%q: %v; want invalid", url, err)
		}
	}
}

func TestTrusting(t *testing.T) {
	s := &server{t: t, most: 5000}
	srv := httptest.NewTLSServer(s)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	s.log("db-0", "db", began, "hello")
	if _, err := connect(t, s, Config{}).Collect(t.Context(), incident("StatefulSet", "db")); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("an unknown authority: %v", err)
	}
	trust, err := Trusting(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := connect(t, s, Config{Transport: trust}).Collect(t.Context(), incident("StatefulSet", "db")); err != nil || len(got) != 1 {
		t.Errorf("a known authority: %v, %v", got, err)
	}
	if _, err := Trusting([]byte("nonsense")); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("no certificate: %v", err)
	}
}

func TestCheck(t *testing.T) {
	s := serve(t)
	l := connect(t, s, Config{})
	id := func() string { return l.Check(t.Context())[0].ID }
	if got := id(); got != "loki-empty" {
		t.Errorf("an empty Loki: %q", got)
	}
	s.log("db-0", "db", began.Add(30*time.Minute), "hello")
	if c := l.Check(t.Context()); !c[0].OK {
		t.Errorf("a good one: %+v", c)
	}
	s.tenant = "somebody"
	if got := id(); got != "loki-refused" {
		t.Errorf("without its tenant: %q", got)
	}
	l.base += "/nowhere"
	if got := id(); got != "loki-unreachable" {
		t.Errorf("another address: %q", got)
	}
	if !slices.Contains(s.asked, `{container=~".+", namespace=~".+", pod=~".+"}`) {
		t.Errorf("asked %q", s.asked)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(`{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"a"},"values":[["1","y"]]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"streams","result":[{"values":[[null,null],["-1","{\"log\":\"x\"}"]]}]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		l, err := Connect(Config{URL: "http://loki", Transport: fixed(body)})
		if err != nil {
			t.Fatal(err)
		}
		found, err := l.Collect(t.Context(), incident("Deployment", "api"))
		if err != nil && engine.CodeOf(err) == engine.Internal {
			t.Errorf("%v", err)
		}
		for _, e := range found {
			if len(e.Text) > 1000 || strings.ContainsAny(e.Text, "\x1b\x00\n\r") {
				t.Errorf("a line is %q", e.Text)
			}
		}
	})
}

type fixed string

func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	_, err := w.WriteString(string(f))
	resp := w.Result()
	resp.Request = r
	return resp, err
}
