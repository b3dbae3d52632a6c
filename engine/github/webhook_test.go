package github

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

const hookSecret = engine.Secret("It's a Secret to Everybody")

func sign(body string, secret engine.Secret) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

const (
	inRepo = `"repository":{"full_name":"shop/deploy"}`
	ours   = "autopilot/payments-0123456789ab"
)

var hooks = map[string]struct {
	event, body string
	want        Event
}{
	"pull request": {"pull_request", `{"action":"closed","number":7,"pull_request":{"number":7,"head":{"ref":"` + ours + `"}},` + inRepo + `}`, Event{"pull_request", "shop/deploy", 7, ours}},
	"review":       {"pull_request_review", `{"action":"submitted","pull_request":{"number":7,"head":{"ref":"` + ours + `"}},` + inRepo + `}`, Event{"pull_request_review", "shop/deploy", 7, ours}},
	"suite":        {"check_suite", `{"check_suite":{"head_branch":"` + ours + `","pull_requests":[{"number":7,"head":{"ref":"` + ours + `"}}]},` + inRepo + `}`, Event{"check_suite", "shop/deploy", 7, ours}},
	"suite alone":  {"check_suite", `{"check_suite":{"head_branch":"` + ours + `","pull_requests":[]},` + inRepo + `}`, Event{"check_suite", "shop/deploy", 0, ours}},
	"run":          {"check_run", `{"check_run":{"check_suite":{"head_branch":"` + ours + `"},"pull_requests":[{"number":9,"head":{"ref":"x"}},{"number":7,"head":{"ref":"` + ours + `"}}]},` + inRepo + `}`, Event{"check_run", "shop/deploy", 7, ours}},
	"status":       {"status", `{"sha":"abc","state":"success","branches":[{"name":"feature"},{"name":"` + ours + `"},{"name":"main"}],` + inRepo + `}`, Event{"status", "shop/deploy", 0, ours}},
	"push":         {"push", `{"ref":"refs/heads/main",` + inRepo + `}`, Event{"push", "shop/deploy", 0, "main"}},
	"tag":          {"push", `{"ref":"refs/tags/v1",` + inRepo + `}`, Event{Kind: "push"}},
	"hostile name": {"push", `{"ref":"refs/heads/../../x",` + inRepo + `}`, Event{Kind: "push"}},
	"ping":         {"ping", `{"zen":"Keep it simple"}`, Event{Kind: "ping"}},
	"of no use":    {"issues", `not even JSON`, Event{Kind: "issues"}},
}

func TestParseWebhook(t *testing.T) {
	for name, c := range hooks {
		got, err := ParseWebhook([]byte(c.body), sign(c.body, hookSecret), c.event, hookSecret)
		must(t, err)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestSignature has the example of GitHub's manual.
func TestSignature(t *testing.T) {
	const want = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	if !isSigned([]byte("Hello, World!"), want, hookSecret) {
		t.Error("GitHub's own example is refused")
	}
}

func TestForgedWebhook(t *testing.T) {
	body := hooks["pull request"].body
	good := sign(body, hookSecret)
	for name, c := range map[string]struct {
		body, signature string
		secret          engine.Secret
		code            engine.Code
	}{
		"another body":     {body + " ", good, hookSecret, engine.Forbidden},
		"another secret":   {body, sign(body, "guess"), hookSecret, engine.Forbidden},
		"none":             {body, "", hookSecret, engine.Forbidden},
		"no kind":          {body, strings.TrimPrefix(good, "sha256="), hookSecret, engine.Forbidden},
		"SHA-1":            {body, strings.Replace(good, "sha256", "sha1", 1), hookSecret, engine.Forbidden},
		"half":             {body, good[:40], hookSecret, engine.Forbidden},
		"more":             {body, good + "00", hookSecret, engine.Forbidden},
		"no digits":        {body, "sha256=zz", hookSecret, engine.Forbidden},
		"no secret at all": {body, sign(body, ""), "", engine.Forbidden},
		"no JSON":          {"{", sign("{", hookSecret), hookSecret, engine.Invalid},
		"no repository":    {"{}", sign("{}", hookSecret), hookSecret, engine.Invalid},
		"too large":        {strings.Repeat(" ", MaxWebhook+1), "", hookSecret, engine.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseWebhook([]byte(c.body), c.signature, "pull_request", c.secret)
			code(t, err, c.code)
			if got != (Event{}) {
				t.Errorf("it is read as %+v", got)
			}
		})
	}
}

func FuzzParseWebhook(f *testing.F) {
	for _, c := range hooks {
		f.Add([]byte(c.body), c.event)
	}
	f.Fuzz(func(t *testing.T, body []byte, event string) {
		if _, err := ParseWebhook(body, "sha256=00", event, hookSecret); engine.CodeOf(err) != engine.Forbidden {
			t.Fatalf("an unsigned webhook: %v", err)
		}
		got, err := ParseWebhook(body, sign(string(body), hookSecret), event, hookSecret)
		if err != nil {
			if engine.CodeOf(err) != engine.Invalid || got != (Event{}) {
				t.Fatalf("%+v, %v", got, err)
			}
			return
		}
		if got.Repo != "" {
			if _, err := parseRepo(got.Repo); err != nil || got.Number == 0 && got.Branch == "" {
				t.Fatalf("%+v", got)
			}
		}
		if got.Number < 0 || got.Branch != "" && checkBranch(got.Branch) != nil || len(got.Kind) > 100 {
			t.Fatalf("%+v", got)
		}
	})
}
