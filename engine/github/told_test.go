package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestAnswerTold reads refusals as GitHub words them.
func TestAnswerTold(t *testing.T) {
	f := newForge(t, Options{Token: token, Now: func() time.Time { return time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC) }})
	at := repository{"shop", "deploy"}
	for name, c := range map[string]struct {
		status int
		header http.Header
		text   string
		detail string
		what   doing
		code   engine.Code
		want   string // the whole message
	}{
		"pushing without a right": {404, nil, "Not Found", "", push, engine.Forbidden, "the bot may not push a branch to shop/deploy, or it is gone: give it the permission contents: write"},
		"GitHub names the right":  {403, http.Header{"X-Accepted-Github-Permissions": {"pull_requests=write; contents=write"}}, "Resource not accessible by integration", "", open, engine.Forbidden, "the bot may not open a pull request in shop/deploy: give it the permission pull requests: write or contents: write"},
		"forbidden otherwise":     {403, nil, "Not today", "", closePull, engine.Forbidden, "the bot may not close a pull request of shop/deploy; it needs pull requests: write and contents: write (GitHub says: Not today)"},
		"a limit with its time":   {429, http.Header{"Retry-After": {"90"}}, "", "", read, engine.Unavailable, "GitHub wants to be left alone for a while: it asks the bot to slow down; it is tried again by itself"},
		"a limit without":         {403, nil, "You have exceeded a secondary rate limit", "", read, engine.Unavailable, "GitHub wants to be left alone for a while: it asks the bot to slow down; it is tried again by itself"},
		"a limit without sense":   {429, http.Header{"Retry-After": {"soon"}}, "", "", read, engine.Unavailable, "GitHub wants to be left alone for a while: it asks the bot to slow down; it is tried again by itself"},
		"a limit for ever":        {429, http.Header{"Retry-After": {"99999999"}}, "", "", read, engine.Unavailable, "GitHub wants to be left alone for a while: it asks the bot to slow down; it is tried again by itself"},
		"at the same moment":      {409, nil, "Base branch was modified", "", open, engine.Conflict, "shop/deploy changed at the same moment: Base branch was modified"},
		"taken away by law":       {451, nil, "Repository access blocked", "", read, engine.NotFound, "shop/deploy is no longer there: Repository access blocked"},
		"a detail":                {422, nil, "Validation Failed", "body is too long", open, engine.Invalid, "GitHub refused to open a pull request in shop/deploy: Validation Failed; body is too long"},
		"a restriction":           {422, nil, "Validation Failed", "Cannot create ref due to creations being restricted.", push, engine.Forbidden, "a rule of shop/deploy keeps the bot from its branch: let it push branches named autopilot/* (GitHub says: Validation Failed; Cannot create ref due to creations being restricted.)"},
		"a fault":                 {503, nil, "", "", read, engine.Unavailable, "GitHub has a fault of its own (503); it is tried again"},
		"a long story":            {422, nil, strings.Repeat("ä", 500), "", read, engine.Invalid, "GitHub refused to read shop/deploy: " + strings.Repeat("ä", saidLimit) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &gh.ErrorResponse{Response: &http.Response{StatusCode: c.status, Header: c.header}, Message: c.text}
			if e.Response.Header == nil {
				e.Response.Header = http.Header{}
			}
			if c.detail != "" {
				e.Errors = []gh.Error{{Message: c.detail}}
			}
			err := f.told(fmt.Errorf("asking: %w", e), at, c.what)
			code(t, err, c.code)
			if got := engine.UserMessage(err, "x"); got != c.want {
				t.Errorf("told\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestToldPassesOn what was told before, and an end that the caller wanted.
func TestToldPassesOn(t *testing.T) {
	f := newForge(t, Options{Token: token})
	own, wait := engine.Errorf(engine.Conflict, "changed"), &engine.Waiting{For: time.Hour, Err: engine.Errorf(engine.Unavailable, "later")}
	for _, err := range []error{own, wait, context.Canceled} {
		if got := f.told(err, repository{}, read); got != err { //nolint:errorlint // it is the very one
			t.Errorf("%v became %v", err, got)
		}
	}
	if err := f.told(nil, repository{}, read); err != nil {
		t.Error(err)
	}
	code(t, f.told(&url.Error{Op: "Get", URL: "https://api.github.com/", Err: context.DeadlineExceeded}, repository{}, read), engine.Unavailable, "does not answer")
	code(t, f.told(&gh.AcceptedError{}, repository{}, read), engine.Unavailable, "still working")
}

// paged is a GitHub that has more of everything than fits on a page.
func paged(t *testing.T, serve func(page string) any) *Forge {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/user" {
			fmt.Fprint(w, `{"login":"autopilot"}`)
			return
		}
		page := r.URL.Query().Get("page")
		if page != "2" {
			w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=2>; rel="next"`, r.Host, r.URL.Path))
		}
		if err := json.NewEncoder(w).Encode(serve(page)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return newForge(t, Options{Token: token, URL: s.URL, Transport: transport})
}

func TestPages(t *testing.T) {
	at := repository{"shop", "deploy"}
	type obj = map[string]any
	t.Run("checks", func(t *testing.T) {
		f := paged(t, func(page string) any {
			run := obj{"name": "unit", "status": "completed", "conclusion": "success"}
			if page == "2" {
				run = obj{"name": "plan", "status": "completed", "conclusion": "timed_out"}
			}
			return obj{"check_runs": []obj{run}, "statuses": []obj{{"context": "ci/" + page, "state": "failure"}}}
		})
		p := engine.Pull{Head: "abc"}
		must(t, f.checks(t.Context(), at, &p))
		if p.Checks != "failing" || strings.Join(p.Failing, " ") != "ci/1 ci/2 plan" {
			t.Errorf("%+v", p)
		}
	})
	t.Run("reviews", func(t *testing.T) {
		f := paged(t, func(page string) any {
			state := "CHANGES_REQUESTED"
			if page == "2" {
				state = "APPROVED"
			}
			return []obj{{"user": obj{"login": "ada"}, "state": state}, {"user": obj{"login": "bob"}, "state": "PENDING"}}
		})
		p := engine.Pull{Number: 1}
		must(t, f.reviews(t.Context(), at, &p))
		if p.Review != "approved" {
			t.Errorf("%+v", p)
		}
	})
	t.Run("dismissed", func(t *testing.T) {
		f := paged(t, func(page string) any {
			state := "APPROVED"
			if page == "2" {
				state = "DISMISSED"
			}
			return []obj{{"user": obj{"login": "ada"}, "state": state}}
		})
		p := engine.Pull{Number: 1, Review: "approved"}
		must(t, f.reviews(t.Context(), at, &p))
		if p.Review != "" {
			t.Errorf("%+v", p)
		}
	})
	t.Run("pull requests", func(t *testing.T) {
		f := paged(t, func(string) any {
			now := time.Now().Format(time.RFC3339)
			return []obj{
				{"created_at": now, "user": obj{"login": "Autopilot"}, "head": obj{"ref": "autopilot/x-1"}},
				{"created_at": now, "user": obj{"login": "autopilot"}, "head": obj{"ref": "feature"}},
				{"created_at": now, "user": obj{"login": "ada"}, "head": obj{"ref": "autopilot/x-2"}},
			}
		})
		c, err := f.Count(t.Context(), "shop/deploy")
		must(t, err)
		if c.Open != 2 || c.Hour != 2 || c.Oldest.IsZero() {
			t.Errorf("%+v", c)
		}
	})
	t.Run("comments", func(t *testing.T) {
		f := paged(t, func(page string) any {
			if page == "2" {
				return []obj{{"body": "closed\n\n" + closeMark}}
			}
			return []obj{{"body": "quoted: " + closeMark}}
		})
		must(t, f.say(t.Context(), at, 1, "closed"))
	})
}

// FuzzNames shows that no name leads out of its place in an address.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"shop/deploy", "a/..", "main", "release/1.2", "a/../b", "%2e%2e/x", ".github/x", "a\\b", "a.lock", "shop/.git", "shop/..git"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		base, err := url.Parse("https://api.github.example/v3/")
		must(t, err)
		if r, err := parseRepo(name); err == nil {
			got, err := base.Parse("repos/" + r.owner + "/" + r.name + "/pulls")
			if err != nil || r.owner == "" || r.name == "" || got.Path != "/v3/repos/"+r.String()+"/pulls" || got.RawQuery != "" || got.Fragment != "" {
				t.Fatalf("%q leads to %v", name, got)
			}
		}
		if checkBranch(name) == nil {
			parts := strings.Split(name, "/")
			for n, p := range parts {
				parts[n] = url.PathEscape(p)
			}
			got, err := base.Parse("git/ref/heads/" + strings.Join(parts, "/"))
			if err != nil || got.Path != "/v3/git/ref/heads/"+name || got.RawQuery != "" || got.Fragment != "" {
				t.Fatalf("%q leads to %v", name, got)
			}
		}
	})
}
