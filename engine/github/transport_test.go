package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// answers is a RoundTripper that gives one answer after the other, and keeps what it was asked.
type answers struct {
	give  []reply
	asked []asked
}

type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

type asked struct{ Method, URL, Body, Match string }

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		data, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
	}
	a.asked = append(a.asked, asked{req.Method, req.URL.String(), body, req.Header.Get("If-None-Match")})
	r := a.give[min(len(a.asked), len(a.give))-1]
	if r.err != nil {
		return nil, r.err
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	return &http.Response{StatusCode: r.status, Status: http.StatusText(r.status), Header: r.header, Body: io.NopCloser(strings.NewReader(r.body)), ContentLength: int64(len(r.body)), Request: req}, nil
}

func request(t *testing.T, method, path string) *http.Request {
	t.Helper()
	var body io.Reader
	if method != http.MethodGet {
		body = bytes.NewBufferString("body")
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "https://api.github.example"+path, body)
	must(t, err)
	return req
}

func TestRetry(t *testing.T) {
	const blobs, refs = "/repos/a/b/git/blobs", "/repos/a/b/git/refs"
	bad, good, broken := reply{status: 502}, reply{status: 200}, reply{err: errDead}
	for name, c := range map[string]struct {
		method, path string
		give         []reply
		asked        int
		status       int // 0 for an error
	}{
		"well":                        {"GET", "/x", []reply{good}, 1, 200},
		"well in the end":             {"GET", "/x", []reply{bad, broken, good}, 3, 200},
		"never":                       {"GET", "/x", []reply{bad}, 3, 502},
		"a line that stays broken":    {"GET", "/x", []reply{broken}, 3, 0},
		"a refusal is an answer":      {"GET", "/x", []reply{{status: 404}}, 1, 404},
		"a limit is an answer":        {"GET", "/x", []reply{{status: 429}}, 1, 429},
		"an object is named by bytes": {"POST", blobs, []reply{bad, broken, good}, 3, 200},
		"a ref is not":                {"POST", refs, []reply{bad, good}, 1, 502},
		"nor is a pull request":       {"POST", "/repos/a/b/pulls", []reply{broken, good}, 1, 0},
		"nor a change":                {"PATCH", blobs, []reply{broken, good}, 1, 0},
		"nor what looks like objects": {"POST", "/repos/a/b/git/blobs/x", []reply{bad, good}, 1, 502},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answers{give: c.give}
			var pauses []time.Duration
			r := &retry{next: a, pause: func(_ context.Context, d time.Duration) error {
				pauses = append(pauses, d)
				return nil
			}}
			resp, err := r.RoundTrip(request(t, c.method, c.path))
			if status := 0; err == nil {
				defer resp.Body.Close()
				if status = resp.StatusCode; status != c.status {
					t.Errorf("status %d, want %d", status, c.status)
				}
			} else if c.status != 0 {
				t.Errorf("%v, want status %d", err, c.status)
			}
			if len(a.asked) != c.asked || len(pauses) != c.asked-1 {
				t.Errorf("asked %d times with pauses %v, want %d", len(a.asked), pauses, c.asked)
			}
			for n, ask := range a.asked {
				if c.method == "POST" && ask.Body != "body" {
					t.Errorf("try %d had the body %q", n, ask.Body)
				}
				if n > 1 && pauses[n-1] <= pauses[n-2] {
					t.Errorf("the pauses do not grow: %v", pauses)
				}
			}
		})
	}
}

func TestRetryEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		a := &answers{give: []reply{{status: 502}}}
		begun := time.Now()
		resp, err := (&retry{next: a, pause: sleep}).RoundTrip(request(t, "GET", "/x").WithContext(ctx))
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, context.DeadlineExceeded) || len(a.asked) != 1 || time.Since(begun) != 100*time.Millisecond {
			t.Errorf("%v after %v and %d tries", err, time.Since(begun), len(a.asked))
		}
	})
}

func TestConditional(t *testing.T) {
	tagged := func(tag, remaining, body string) reply {
		return reply{status: 200, body: body, header: http.Header{"Etag": {tag}, "X-Ratelimit-Remaining": {remaining}, "Content-Type": {"application/json"}, "Link": {"<next>"}}}
	}
	same := reply{status: 304, header: http.Header{"X-Ratelimit-Remaining": {"7"}}}
	a := &answers{give: []reply{tagged(`"1"`, "9", "one"), same, tagged(`"2"`, "6", "two"), same, {status: 502}, {status: 200, body: "untagged"}}}
	c := &conditional{next: a, kept: newCache[*answer](1 << 20)}
	type got struct{ Body, Remaining, Link string }
	var all []got
	for range 4 {
		resp, err := c.RoundTrip(request(t, "GET", "/x"))
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != 200 || resp.ContentLength != int64(len(body)) {
			t.Errorf("status %d, length %d", resp.StatusCode, resp.ContentLength)
		}
		all = append(all, got{string(body), resp.Header.Get("X-Ratelimit-Remaining"), resp.Header.Get("Link")})
	}
	if diff := cmp.Diff([]got{{"one", "9", "<next>"}, {"one", "7", "<next>"}, {"two", "6", "<next>"}, {"two", "7", "<next>"}}, all); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	for _, req := range []*http.Request{request(t, "GET", "/x"), request(t, "GET", "/y"), request(t, "POST", "/x")} {
		resp, err := c.RoundTrip(req)
		must(t, err)
		resp.Body.Close()
	}
	raw := request(t, "GET", "/x")
	raw.Header.Set("Accept", "application/vnd.github.raw")
	resp, err := c.RoundTrip(raw)
	must(t, err)
	resp.Body.Close()
	var matches []string
	for _, ask := range a.asked {
		matches = append(matches, ask.Match)
	}
	if diff := cmp.Diff([]string{"", `"1"`, `"1"`, `"2"`, `"2"`, "", "", ""}, matches); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

func TestWhole(t *testing.T) {
	stopped := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/short" {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "half")
			return
		}
		fmt.Fprint(w, "all of it")
	}))
	defer func() {
		s.Close()
		close(stopped)
	}()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	w := &whole{transport}
	get := func(path string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		must(t, err)
		return w.RoundTrip(req)
	}
	resp, err := get("/")
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "all of it" || resp.ContentLength != 9 {
		t.Errorf("%q, %v, length %d", body, err, resp.ContentLength)
	}
	resp, err = get("/short")
	if err == nil {
		resp.Body.Close()
		t.Error("half an answer is one")
	}
}

func TestWholeTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		resp, err := (&whole{stuck{}}).RoundTrip(request(t, "GET", "/x"))
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != requestTimeout {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// stuck never answers.
type stuck struct{}

func (stuck) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// TestTokenStaysHome is sent to GitHub's API and to nobody whom it redirects to.
func TestTokenStaysHome(t *testing.T) {
	var elsewhere []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere = append(elsewhere, r.Header.Get("Authorization"))
		fmt.Fprint(w, "{}")
	}))
	defer other.Close()
	var home []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		home = append(home, r.Header.Get("Authorization"))
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, other.URL, http.StatusFound)
			return
		}
		fmt.Fprint(w, `{"login":"autopilot"}`)
	}))
	defer api.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	f := newForge(t, Options{Token: token, URL: api.URL, Transport: transport})
	if me, err := f.login(t.Context()); err != nil || me != "autopilot" {
		t.Errorf("%q, %v", me, err)
	}
	req, err := f.gh.NewRequest(http.MethodGet, "moved", nil)
	must(t, err)
	if _, err := f.gh.Do(t.Context(), req, nil); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"Bearer " + token, "Bearer " + token}, home); diff != "" {
		t.Errorf("at home (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{""}, elsewhere); diff != "" {
		t.Errorf("elsewhere (-want +got):\n%s", diff)
	}
}
