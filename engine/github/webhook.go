package github

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// MaxWebhook is the size of the largest payload that GitHub sends, in bytes.
const MaxWebhook = 25 << 20

// Event is a webhook, reduced to what it is about: one of the bot's pull requests may stand otherwise than before. It is a hint to look,
// never what is believed.
type Event struct {
	Kind   string // as GitHub names it: "pull_request", "push", "ping", …
	Repo   string // "owner/name"; "" for an event that is about no repository or of no interest
	Number int    // of the pull request; 0 where only the branch is known
	Branch string // without refs/heads/; the bot's own where it is about several
}

type payload struct {
	Repository struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	PullRequest *struct {
		Number int  `json:"number"`
		Head   head `json:"head"`
	} `json:"pull_request"`
	CheckSuite *suite `json:"check_suite"`
	CheckRun   *struct {
		CheckSuite   suite     `json:"check_suite"`
		PullRequests []pullRef `json:"pull_requests"`
	} `json:"check_run"`
	Branches []struct {
		Name string `json:"name"`
	} `json:"branches"`
	Ref string `json:"ref"`
}

type head struct {
	Ref string `json:"ref"`
}

type suite struct {
	HeadBranch   string    `json:"head_branch"`
	PullRequests []pullRef `json:"pull_requests"`
}

type pullRef struct {
	Number int  `json:"number"`
	Head   head `json:"head"`
}

// ParseWebhook reads what GitHub sent, once its signature (the header X-Hub-Signature-256) shows that it did. event is the header
// X-GitHub-Event. It fails with Forbidden for a wrong signature, and Invalid for a body that is too large or none of GitHub's. Events
// that are of no interest come with their Kind alone.
func ParseWebhook(body []byte, signature, event string, secret engine.Secret) (Event, error) {
	switch {
	case secret.IsZero():
		return Event{}, engine.Errorf(engine.Forbidden, "no secret is configured for GitHub's webhooks, so that none can be believed")
	case len(body) > MaxWebhook:
		return Event{}, engine.Errorf(engine.Invalid, "the webhook is larger than any of GitHub's: %d MiB at most", MaxWebhook>>20)
	case !isSigned(body, signature, secret):
		return Event{}, engine.Errorf(engine.Forbidden, "the webhook's signature is wrong: GitHub's secret for it must be the configured one")
	}
	e := Event{Kind: event}
	if !slices.Contains([]string{"pull_request", "pull_request_review", "check_suite", "check_run", "status", "push"}, event) {
		if len(event) > 100 {
			e.Kind = ""
		}
		return e, nil
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return Event{}, engine.Errorf(engine.Invalid, "the webhook is not JSON; its content type must be application/json: %w", err)
	}
	r, err := parseRepo(p.Repository.FullName)
	if err != nil {
		return Event{}, err
	}
	e.Repo = r.String()
	switch {
	case strings.HasPrefix(event, "pull_request") && p.PullRequest != nil:
		e.Number, e.Branch = p.PullRequest.Number, p.PullRequest.Head.Ref
	case event == "check_suite" && p.CheckSuite != nil:
		e.Number, e.Branch = p.CheckSuite.about(p.CheckSuite.PullRequests)
	case event == "check_run" && p.CheckRun != nil:
		e.Number, e.Branch = p.CheckRun.CheckSuite.about(p.CheckRun.PullRequests)
	case event == "status":
		for _, b := range p.Branches {
			if e.Branch == "" || strings.HasPrefix(b.Name, change.BranchPrefix) {
				e.Branch = b.Name
			}
		}
	case event == "push":
		e.Branch, _ = strings.CutPrefix(p.Ref, "refs/heads/")
		if strings.HasPrefix(p.Ref, "refs/tags/") {
			e.Branch = ""
		}
	}
	e.Number = max(e.Number, 0)
	if checkBranch(e.Branch) != nil {
		e.Branch = ""
	}
	if e.Number == 0 && e.Branch == "" {
		e.Repo = ""
	}
	return e, nil
}

// about gives the pull request that checks ran for: the bot's where there are several.
func (s suite) about(pulls []pullRef) (number int, branch string) {
	branch = s.HeadBranch
	for _, p := range slices.Backward(pulls) {
		if number == 0 || p.Head.Ref == s.HeadBranch || strings.HasPrefix(p.Head.Ref, change.BranchPrefix) {
			number = p.Number
		}
	}
	return number, branch
}

// isSigned compares in constant time.
func isSigned(body []byte, signature string, secret engine.Secret) bool {
	digits, ok := strings.CutPrefix(signature, "sha256=")
	given, err := hex.DecodeString(digits)
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	return ok && err == nil && hmac.Equal(given, mac.Sum(nil))
}
