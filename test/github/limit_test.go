package github_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/test/github"
)

func propose(t *testing.T, c *gh.Client, head string) *gh.PullRequest {
	t.Helper()
	p, _, err := c.PullRequests.Create(t.Context(), "acme", "shop", &gh.NewPullRequest{Title: new("Change " + head), Head: new(head), Base: new("main")})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPrimaryLimit spends an hour's worth, and gets it anew when the hour is over.
func TestPrimaryLimit(t *testing.T) {
	at := &clock{t0}
	s := start(t, func(c *github.Config) { c.Now, c.Limits.Hourly = at.now, 3 })
	for n := range 3 {
		_, r, err := client(t, s, pat).Repositories.Get(t.Context(), "acme", "shop")
		if err != nil || r.Rate.Remaining != 2-n || r.Rate.Limit != 3 || !r.Rate.Reset.Equal(gh.Timestamp{Time: t0.Add(time.Hour)}) {
			t.Fatalf("call %d: %+v, %v", n, r.Rate, err)
		}
	}
	_, _, err := client(t, s, pat).Repositories.Get(t.Context(), "acme", "shop")
	var limit *gh.RateLimitError
	if !errors.As(err, &limit) || limit.Rate.Remaining != 0 || limit.Response.StatusCode != http.StatusForbidden {
		t.Errorf("the fourth call: %v", err)
	}
	at.at = t0.Add(time.Hour)
	if _, r, err := client(t, s, pat).Repositories.Get(t.Context(), "acme", "shop"); err != nil || r.Rate.Remaining != 2 {
		t.Errorf("an hour later: %v", err)
	}
	s.Exhaust("ana")
	if _, _, err := client(t, s, pat).Repositories.Get(t.Context(), "acme", "shop"); !errors.As(err, &limit) {
		t.Errorf("exhausted: %v", err)
	}
}

// TestTooMany refuses with 429, as GitHub may too.
func TestTooMany(t *testing.T) {
	s := start(t, func(c *github.Config) { c.Limits.Hourly, c.Limits.Status = 1, http.StatusTooManyRequests })
	c := client(t, s, pat)
	ok[*gh.Repository](t)(c.Repositories.Get(t.Context(), "acme", "shop"))
	_, r, err := client(t, s, pat).Repositories.Get(t.Context(), "acme", "shop")
	if r.StatusCode != http.StatusTooManyRequests || r.Rate.Remaining != 0 {
		t.Errorf("%d %v, want 429 and nothing left", r.StatusCode, err)
	}
}

// TestSecondaryLimits makes too much content, and writes too fast.
func TestSecondaryLimits(t *testing.T) {
	at := &clock{t0}
	s := start(t, func(c *github.Config) {
		c.Now, c.Limits.ContentMinute, c.Limits.ContentHour, c.Limits.Points = at.now, 2, 3, 30
	})
	must[string](t)(s.Push(shop, "ana", github.Push{Branch: "a", Files: map[string]string{"a": "a"}}))
	propose(t, client(t, s, pat), "a")
	comment := func() error {
		_, _, err := client(t, s, pat).Issues.CreateComment(t.Context(), "acme", "shop", 1, &gh.IssueComment{Body: new("x")})
		return err
	}
	wait := func(err error) time.Duration {
		t.Helper()
		var abuse *gh.AbuseRateLimitError
		if !errors.As(err, &abuse) || abuse.RetryAfter == nil {
			t.Fatalf("got %v, want the secondary limit", err)
		}
		return *abuse.RetryAfter
	}
	if err := comment(); err != nil {
		t.Fatal(err)
	}
	at.at = at.at.Add(20 * time.Second)
	if got := wait(comment()); got != 40*time.Second {
		t.Errorf("the third in a minute is to wait %s, want what is left of it", got)
	}
	at.at = at.at.Add(40 * time.Second)
	if err := comment(); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	at.at = at.at.Add(time.Minute)
	if got := wait(comment()); got != 58*time.Minute {
		t.Errorf("the fourth in an hour is to wait %s, want what is left of it", got)
	}
	at.at = at.at.Add(time.Hour)
	for range 6 {
		ok[*gh.Blob](t)(client(t, s, pat).Git.CreateBlob(t.Context(), "acme", "shop", &gh.Blob{Content: new("x"), Encoding: new("utf-8")}))
	}
	_, _, err := client(t, s, pat).Repositories.Get(t.Context(), "acme", "shop")
	if got := wait(err); got != time.Minute {
		t.Errorf("31 points in a minute are to wait %s", got)
	}
}

// TestFaults fails calls on demand: after some, for some, with the answer lost or late.
func TestFaults(t *testing.T) {
	s := start(t)
	get := func() (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.APIURL()+"repos/acme/shop", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "token "+pat)
		r.Close = true // so that nobody tries again unseen
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return 0, err.Error()
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	for _, q := range []struct {
		name  string
		fault github.Fault
		want  []int
		words string
	}{
		{"status", github.Fault{Kind: github.Status, Status: 503, Count: 2, Path: "/repos/*"}, []int{503, 503, 200}, `"message":"Service Unavailable"`},
		{"conflict", github.Fault{Kind: github.Status, Status: 409, Message: "Merge conflict", Count: 1}, []int{409, 200}, `"message":"Merge conflict"`},
		{"second call", github.Fault{Kind: github.Status, Status: 500, Skip: 1, Count: 1}, []int{200, 500, 200}, ""},
		{"another path", github.Fault{Kind: github.Status, Status: 500, Path: "/repos/*/pulls"}, []int{200}, ""},
		{"another method", github.Fault{Kind: github.Status, Status: 500, Method: "POST"}, []int{200}, ""},
		{"page", github.Fault{Kind: github.Unicorn, Count: 1}, []int{502, 200}, "<!DOCTYPE html>"},
		{"secondary", github.Fault{Kind: github.Secondary, Count: 1}, []int{403, 200}, "You have exceeded a secondary rate limit"},
		{"drop", github.Fault{Kind: github.Drop, Count: 1}, []int{0, 200}, "EOF"},
		{"drop after", github.Fault{Kind: github.DropAfter, Count: 1}, []int{0, 200}, "EOF"},
		{"slow", github.Fault{Kind: github.Slow, Delay: time.Millisecond}, []int{200}, `"full_name":"acme/shop"`},
		{"for good", github.Fault{Kind: github.Status, Status: 500}, []int{500, 500, 500, 500}, ""},
	} {
		t.Run(q.name, func(t *testing.T) {
			if err := s.Fault(q.fault); err != nil {
				t.Fatal(err)
			}
			defer s.ClearFaults()
			for n, want := range q.want {
				got, body := get()
				if got != want || n == 0 && !strings.Contains(body, q.words) {
					t.Errorf("call %d: %d %s, want %d %s", n, got, body, want, q.words)
				}
			}
		})
	}
	if err := s.Fault(github.Fault{Kind: "storm"}); err == nil {
		t.Error("an unknown fault was armed")
	}
	if n, dropped := s.Count("GET", "/repos/acme/shop"), 0; n == 0 {
		t.Error("the journal is empty")
	} else {
		for _, c := range s.Calls() {
			if c.Status == 0 {
				dropped++
			}
		}
		if dropped != 2 {
			t.Errorf("the journal has %d broken connections, want 2", dropped)
		}
	}
}
