package github

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	stand "github.com/eks-autopilot/autopilot/test/github"
)

const appID = 77

// asApp gives a world an App.
func asApp(c *stand.Config, _ *Options) {
	c.Apps = []stand.App{{ID: appID, Slug: "pilot", Permissions: map[string]string{"contents": "write", "pull_requests": "write", "checks": "read", "statuses": "read"}}}
}

func waitOf(t *testing.T, err error) time.Duration {
	t.Helper()
	var w *engine.Waiting
	if !errors.As(err, &w) {
		t.Fatalf("it does not say how long to wait: %v", err)
	}
	return w.For
}

// TestTold lets GitHub refuse, at whatever request, and reads what a person is told to do.
func TestTold(t *testing.T) {
	status := func(code int, message string) stand.Fault {
		return stand.Fault{Kind: stand.Status, Status: code, Message: message}
	}
	for name, c := range map[string]struct {
		do    func(t *testing.T, w *world) // before
		fault stand.Fault
		at    string // of the fault
		code  engine.Code
		words string
		wait  time.Duration
	}{
		"the hour is used up":       {fault: stand.Fault{Kind: stand.Primary}, code: engine.Unavailable, words: "hourly limit", wait: time.Hour},
		"too fast":                  {fault: stand.Fault{Kind: stand.Secondary, Delay: 90 * time.Second}, code: engine.Unavailable, words: "slow down", wait: 90 * time.Second},
		"too fast, on opening":      {fault: stand.Fault{Kind: stand.Secondary, Delay: 90 * time.Second, Method: "POST"}, at: "/repos/*/pulls", code: engine.Unavailable, words: "slow down", wait: 90 * time.Second},
		"too many, of the new kind": {fault: status(429, "slow"), code: engine.Unavailable, words: "slow down", wait: time.Minute},
		"a fault of GitHub's":       {fault: stand.Fault{Kind: stand.Unicorn}, code: engine.Unavailable, words: "fault of its own (502)"},
		"a broken line":             {fault: stand.Fault{Kind: stand.Drop}, code: engine.Unavailable, words: "does not answer"},
		"revoked":                   {do: func(_ *testing.T, w *world) { w.ExpireTokens("autopilot") }, code: engine.Forbidden, words: "does not accept the bot's credentials"},
		"archived":                  {do: func(t *testing.T, w *world) { must(t, w.Archive(repo, true)) }, code: engine.Forbidden, words: "archived"},
		"may only read":             {do: func(t *testing.T, w *world) { must(t, w.SetAccess(repo, "autopilot", "pull")) }, code: engine.Forbidden, words: "contents: write"},
		"may not see it":            {do: func(t *testing.T, w *world) { must(t, w.SetAccess(repo, "autopilot", "")) }, code: engine.NotFound, words: "may not see it"},
		"single sign-on":            {fault: status(403, "Resource protected by organization SAML enforcement."), code: engine.Forbidden, words: "single sign-on"},
		"a rule for branches":       {fault: stand.Fault{Kind: stand.Status, Status: 422, Message: "Repository rule violations found", Method: "POST"}, at: "/repos/*/git/refs", code: engine.Forbidden, words: "autopilot/*"},
		"a protected branch":        {fault: stand.Fault{Kind: stand.Status, Status: 403, Message: "Protected branch update failed", Method: "POST"}, at: "/repos/*/git/refs", code: engine.Forbidden, words: "autopilot/*"},
		"something of its own":      {fault: stand.Fault{Kind: stand.Status, Status: 422, Message: "Title is rude", Method: "POST"}, at: "/repos/*/pulls", code: engine.Invalid, words: "Title is rude"},
		"an empty repository":       {fault: status(409, "Git Repository is empty."), at: "/repos/*/git/ref/*", code: engine.NotFound, words: "is empty"},
		"no review permission":      {fault: stand.Fault{Kind: stand.Status, Status: 403, Message: "Resource not accessible by integration", Method: "POST"}, at: "/repos/*/pulls", code: engine.Forbidden, words: "pull requests: write"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			if c.do != nil {
				c.do(t, w)
			}
			if c.fault.Kind != "" {
				c.fault.Path = c.at
				must(t, w.Fault(c.fault))
			}
			err := propose(t, w.forge)
			code(t, err, c.code, c.words)
			if c.wait > 0 {
				if got := waitOf(t, err); got > c.wait || got < c.wait-10*time.Second {
					t.Errorf("it waits %v, want %v", got, c.wait)
				}
			}
			if n := len(w.Pulls(repo)); n != 0 {
				t.Errorf("%d pull requests", n)
			}
		})
	}
}

// TestStumble goes well although GitHub stumbles twice at every request that can be asked again.
func TestStumble(t *testing.T) {
	w := newWorld(t, nil)
	for _, path := range []string{"/repos/*/git/ref/*", "/repos/*/git/trees*", "/repos/*/git/blobs*", "/repos/*/git/commits*", "/repos/*/pulls?*", "/user"} {
		for _, method := range []string{"GET", "POST"} {
			must(t, w.Fault(stand.Fault{Method: method, Path: path, Kind: stand.Unicorn, Count: 1}))
			must(t, w.Fault(stand.Fault{Method: method, Path: path, Kind: stand.DropAfter, Count: 1}))
		}
	}
	must(t, propose(t, w.forge))
	w.ClearFaults()
	w.isOne(t, w.draft(t, w.forge))
}

func TestApp(t *testing.T) {
	w := newApp(t)
	must(t, propose(t, w.forge))
	if pull := w.Pulls(repo)[0]; pull.Author != "pilot[bot]" || pull.Commits != 1 {
		t.Errorf("%+v", pull)
	}
	p, err := w.forge.Status(t.Context(), repo, engine.Pull{Number: 1})
	must(t, err)
	if p.Touched {
		t.Error("the App does not know its own commit")
	}
	w.ExpireTokens()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	must(t, w.Suspend("pilot", "shop", true))
	_, err = newForge(t, w.forge.o).Tree(t.Context(), repo, "main")
	code(t, err, engine.Forbidden, "suspended")
	must(t, w.Suspend("pilot", "shop", false))
	for words, change := range map[string]func(*Options){
		"no installation": func(o *Options) { o.InstallationID += 1000 },
		"private key": func(o *Options) {
			o.Key = engine.Secret(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(other)}))
		},
	} {
		o := w.forge.o
		change(&o)
		_, err := newForge(t, o).Tree(t.Context(), repo, "main")
		code(t, err, engine.Forbidden, words)
		_, err = newForge(t, o).login(t.Context())
		if words == "private key" {
			code(t, err, engine.Forbidden, "credentials")
		}
	}
	must(t, w.SetPermission("pilot", "shop", "contents", "read"))
	_, err = w.Push(repo, "ada", stand.Push{Files: map[string]string{"x": "y"}})
	must(t, err)
	code(t, propose(t, w.again(t)), engine.Forbidden, "contents: write")
}

// newApp is a world whose Forge is an App's.
func newApp(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, asApp)
	o := w.forge.o
	o.Token, o.AppID, o.Key = "", appID, engine.Secret(w.AppKey("pilot"))
	o.InstallationID = w.Install("pilot", "shop")
	w.forge = newForge(t, o)
	return w
}

func TestNew(t *testing.T) {
	for name, o := range map[string]Options{
		"nothing":        {},
		"both":           {Token: "x", AppID: 1, InstallationID: 1, Key: "k"},
		"half an App":    {AppID: 1, Key: "k"},
		"no key":         {AppID: 1, InstallationID: 1, Key: "-----BEGIN SECRET"},
		"a split token":  {Token: "SECRET\n"},
		"no URL":         {Token: "x", URL: "github.example.com"},
		"a URL with key": {Token: "x", URL: "https://SECRET@github.example.com"},
		"another scheme": {Token: "x", URL: "ftp://github.example.com"},
	} {
		_, err := New(o)
		if err == nil {
			t.Errorf("%s: it works", name)
			continue
		}
		code(t, err, engine.Invalid)
	}
	f, err := New(Options{Token: "SECRET", URL: "https://github.example.com/api/v3"})
	must(t, err)
	if got := f.gh.BaseURL.String(); got != "https://github.example.com/api/v3/" {
		t.Errorf("the base is %s", got)
	}
	if text := fmt.Sprintf("%v %+v", f.o, f.o); strings.Contains(text, "SECRET") {
		t.Errorf("printed as %s", text)
	}
}

func TestCheck(t *testing.T) {
	failed := func(rows []engine.Check) map[string]string {
		out := map[string]string{}
		for _, c := range rows {
			if !c.OK {
				out[c.Name] = c.Fix
				if c.Fix == "" || c.Found == "" || c.Want == "" {
					t.Errorf("a row that helps nobody: %+v", c)
				}
			}
		}
		return out
	}
	t.Run("token", func(t *testing.T) {
		w := newWorld(t, nil)
		if rows := w.forge.Check(t.Context(), repo); len(failed(rows)) != 0 || len(rows) != 5 {
			t.Errorf("%+v", rows)
		}
		must(t, w.SetAccess(repo, "autopilot", "pull"))
		if got := failed(w.again(t).Check(t.Context(), repo)); len(got) != 1 || got["push"] == "" {
			t.Errorf("%v", got)
		}
		must(t, w.Archive(repo, true))
		if got := failed(w.again(t).Check(t.Context(), repo)); len(got) != 1 || got["push"] == "" {
			t.Errorf("%v", got)
		}
		if got := failed(w.forge.Check(t.Context(), "shop/nothing")); len(got) != 1 || got["read"] == "" {
			t.Errorf("%v", got)
		}
		if got := failed(w.forge.Check(t.Context(), "nonsense")); len(got) != 1 || got["read"] == "" {
			t.Errorf("%v", got)
		}
		w.ExpireTokens("autopilot")
		if got := failed(w.again(t).Check(t.Context(), "")); len(got) != 1 || got["account"] == "" {
			t.Errorf("%v", got)
		}
		if n := w.Count("POST", "*") + w.Count("PATCH", "*") + w.Count("PUT", "*") + w.Count("DELETE", "*"); n != 0 {
			t.Errorf("the doctor wrote %d times", n)
		}
	})
	t.Run("app", func(t *testing.T) {
		w := newApp(t)
		if rows := w.forge.Check(t.Context(), repo); len(failed(rows)) != 0 || len(rows) != 6 {
			t.Errorf("%+v", rows)
		}
		must(t, w.SetPermission("pilot", "shop", "contents", "read"))
		must(t, w.SetPermission("pilot", "shop", "checks", ""))
		if got := failed(w.again(t).Check(t.Context(), repo)); len(got) != 2 || got["push"] == "" || got["checks"] == "" {
			t.Errorf("%v", got)
		}
	})
}
