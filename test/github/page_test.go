package github_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/test/github"
)

const body = "## Why\n\nIt uses **0.9 GiB**, see `web` <!-- marker:42 -->\n\n| day | max |\n|---|--:|\n| 1 | `0.9` |\n\n```mermaid\nxychart-beta\n  line [1, 2]\n```\n" +
	"- [x] measured\n- <script>alert(1)</script>\n\n<details><summary>Less</summary>\n\n</details>\n<details open>\n<summary>More</summary>\n\n[page](https://example.com/a?b=1&c=2) [bad](javascript:alert(1))\n</details>\n"

// TestPage looks at a pull request and presses its buttons.
func TestPage(t *testing.T) {
	s := start(t)
	must[string](t)(s.Push(shop, "ana", github.Push{Branch: "less", Files: map[string]string{"deploy/values.yaml": "replicas: 2\nmemory: 1Gi\n"}}))
	ok[*gh.PullRequest](t)(client(t, s, pat).PullRequests.Create(t.Context(), "acme", "shop", &gh.NewPullRequest{
		Title: new("Less <memory>"), Body: new(body), Head: new("less"), Base: new("main"),
	}))
	if err := s.SetCheck(shop, "less", "ci", "success"); err != nil {
		t.Fatal(err)
	}
	if err := s.Protect(shop, "main", &github.Protection{Reviews: 1}); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	browser := &http.Client{Jar: jar, Transport: transport}
	page := s.URL() + "/acme/shop/pull/1"
	ask := func(address string, form url.Values) (int, string) {
		t.Helper()
		method := http.MethodGet
		if form != nil {
			method = http.MethodPost
		}
		r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		data, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(data)
	}
	press := func(who, button, text string) (int, string) {
		t.Helper()
		return ask(page, url.Values{"as": {who}, "do": {button}, "text": {text}})
	}
	_, text := ask(page, nil)
	for _, want := range []string{
		"Less &lt;memory&gt;", "<h2>Why</h2>", "<strong>0.9 GiB</strong>", "<code>web</code>", "<th>day</th>", "<td><code>0.9</code></td>", "xychart-beta", "☑ measured",
		"&lt;script&gt;", "<details>\n<summary>Less</summary>", "<details open>\n\n<summary>More</summary>", `href="https://example.com/a?b=1&amp;c=2"`, `<span class="add">&#43;memory: 1Gi</span>`, `<span class="del">-memory: 2Gi</span>`,
		`<span class="dot success"></span>ci`, "At least 1 approving review is required", "<option>ana</option>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	for _, bad := range []string{"<script>", "marker:42", `href="javascript:`} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	for _, step := range []struct {
		who, button, text string
		status            int
		want              string
	}{
		{"ben", "merge", "", 409, "cannot be merged: At least 1 approving review"},
		{"ana", "approve", "", 409, "ana may not APPROVE"},
		{"ben", "approve", "fine", 200, `ben <span class="soft">approved</span>`},
		{"ben", "comment", "soon", 200, "<p>soon</p>"},
		{"ben", "close", "", 200, `<span class="state closed">Closed</span>`},
		{"ben", "reopen", "", 200, `<option selected>ben</option>`},
		{"ben", "squash", "", 200, `<span class="state merged">Merged</span>`},
		{"ben", "explode", "", 400, "there is no such button"},
	} {
		if code, text := press(step.who, step.button, step.text); code != step.status || !strings.Contains(text, step.want) {
			t.Errorf("%s presses %s: %d, want %d and %s in\n%s", step.who, step.button, code, step.status, step.want, text)
		}
	}
	for path, want := range map[string]string{
		"/": "acme/shop", "/acme/shop": "#1 by ana", "/acme/shop/pulls": "Merged", "/acme/shop/pull/1.diff": "+memory: 1Gi", "/page.css": "prefers-color-scheme: dark",
		"/acme/shop/blob/main/deploy/values.yaml": "memory: 1Gi",
	} {
		if code, text := ask(s.URL()+path, nil); code != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	for _, path := range []string{"/acme/none", "/acme/shop/pull/9", "/acme/shop/pull/x", "/acme/shop/raw/main/none"} {
		if code, _ := ask(s.URL()+path, nil); code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// TestHooks loses some on purpose, and sends one again.
func TestHooks(t *testing.T) {
	var mu sync.Mutex
	var got []string
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		var event struct {
			Action, Ref  string
			Organization struct{ Login string }
		}
		if err != nil || json.Unmarshal(data, &event) != nil || r.Header.Get("X-Hub-Signature-256") != github.Sign("hush", data) || event.Organization.Login != "acme" {
			t.Errorf("%s %s", r.Header.Get("X-GitHub-Event"), data)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Header.Get("X-GitHub-Event")+" "+event.Action+event.Ref)
	}))
	defer listener.Close()
	s := start(t, func(c *github.Config) {
		c.Hooks = []github.Hook{{URL: listener.URL, Secret: "hush", Events: []string{"push", "pull_request"}, Repo: shop}}
	})
	wait := func(want ...string) {
		t.Helper()
		if err := s.Delivered(t.Context()); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	wait("push refs/heads/main")
	s.LoseHooks(1)
	must[string](t)(s.Push(shop, "ana", github.Push{Branch: "a", Files: map[string]string{"a": "a"}}))
	propose(t, client(t, s, pat), "a")
	wait("push refs/heads/main", "pull_request opened")
	lost := s.Deliveries()[1]
	if lost.Event != "push" || lost.Error == "" || lost.Status != 0 {
		t.Errorf("the lost one: %+v", lost)
	}
	if err := s.Redeliver(lost.ID); err != nil {
		t.Fatal(err)
	}
	wait("push refs/heads/main", "pull_request opened", "push refs/heads/a")
}

// TestControl says over HTTP what was wrong with what was asked.
func TestControl(t *testing.T) {
	s := start(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for _, q := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"push", `{"repo":"acme/shop","login":"ben","branch":"x","files":{"a":"b"}}`, 200, `"ok":true`},
		{"push", `{"repo":"acme/none","login":"ben"}`, 409, "there is no repository acme/none"},
		{"faults", `{"kind":"status"}`, 409, "there is no fault"},
		{"faults", `{"kind":`, 400, "unexpected EOF"},
		{"users", `{"login":"acme","teams":["payments"]}`, 200, `"ok":true`},
		{"state", "", 200, `"x":"`},
		{"key?app=autopilot", "", 200, "BEGIN RSA PRIVATE KEY"},
		{"calls", "", 200, `"calls":`},
	} {
		method := http.MethodPost
		if q.body == "" {
			method = http.MethodGet
		}
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/_control/"+q.path, strings.NewReader(q.body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != q.status || !strings.Contains(string(data), q.want) {
			t.Errorf("%s %s: %d %s %v, want %d %s", q.path, q.body, answer.StatusCode, data, err, q.status, q.want)
		}
	}
}
