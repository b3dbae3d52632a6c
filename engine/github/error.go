package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/engine"
)

// doing is what was tried, for telling what is missing.
type doing string

const (
	read      doing = "read"
	push      doing = "push a branch to"
	open      doing = "open a pull request in"
	readPulls doing = "read the pull requests of"
	closePull doing = "close a pull request of"
)

// needs are the permissions of an App, or of a fine-grained token, for what is done.
var needs = map[doing]string{
	read: "contents: read", push: "contents: write", open: "pull requests: write", readPulls: "pull requests: read", closePull: "pull requests: write and contents: write",
}

const (
	unknownWait = time.Minute // for a limit that does not say how long
	leastWait   = time.Second
	saidLimit   = 200 // letters of GitHub's own words
)

// told says what a failed request means, and what to do about it. What waits comes as engine.Waiting with the code Unavailable.
func (f *Forge) told(err error, r repository, what doing) error {
	if err == nil {
		return nil
	}
	var (
		known   *engine.Error
		waiting *engine.Waiting
		primary *gh.RateLimitError
		second  *gh.AbuseRateLimitError
		later   *gh.AcceptedError
		app     *ghinstallation.HTTPError
		answer  *gh.ErrorResponse
	)
	switch {
	case errors.As(err, &waiting), errors.As(err, &known), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &primary):
		return waits(primary.Rate.Reset.Sub(f.o.Now()), "its hourly limit for the bot is used up", err)
	case errors.As(err, &second):
		wait := unknownWait
		if second.RetryAfter != nil {
			wait = *second.RetryAfter
		}
		return waits(wait, "it asks the bot to slow down", err)
	case errors.As(err, &later):
		return engine.Errorf(engine.Unavailable, "GitHub is still working on the answer: %w", err)
	case errors.As(err, &app):
		return f.appTold(app, r)
	case errors.As(err, &answer) && answer.Response != nil:
		return f.answerTold(answer, r, what)
	}
	return &engine.Error{Code: engine.Unavailable, Message: "GitHub does not answer; it is tried again", Err: err}
}

// waits says for how long GitHub wants to be left alone. The text has no time in it: it is told once, however often it is tried.
func waits(wait time.Duration, why string, err error) error {
	wait = max(wait, leastWait)
	return &engine.Waiting{For: wait, Err: &engine.Error{
		Code: engine.Unavailable, Err: err,
		Message: "GitHub wants to be left alone for a while: " + why + "; it is tried again by itself",
	}}
}

func (f *Forge) answerTold(e *gh.ErrorResponse, r repository, what doing) error {
	status, text := e.Response.StatusCode, strings.ToLower(said(e))
	no := func(code engine.Code, format string, args ...any) error {
		return &engine.Error{Code: code, Message: fmt.Sprintf(format, args...), Err: e}
	}
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case status >= 500:
		return no(engine.Unavailable, "GitHub has a fault of its own (%d); it is tried again", status)
	case status == http.StatusTooManyRequests, status == http.StatusForbidden && (e.Response.Header.Get("Retry-After") != "" || has("secondary rate limit")):
		return waits(retryAfter(e.Response.Header), "it asks the bot to slow down", e)
	case status == http.StatusUnauthorized:
		return no(engine.Forbidden, "GitHub does not accept the bot's credentials: they expired, were revoked or are of another GitHub; give it new ones")
	case has("archived"):
		return no(engine.Forbidden, "%s is archived, so nothing can be changed in it: unarchive it, or map what it declared to the repository that declares it now", r)
	case has("suspended"):
		return no(engine.Forbidden, "the installation of the bot's GitHub App is suspended: an owner of %s must end that", cmp.Or(r.owner, "the organisation"))
	case has("saml", "sso"):
		return no(engine.Forbidden, "%s asks for single sign-on: authorize the bot's token for the organisation", cmp.Or(r.owner, "the organisation"))
	case has("rule violation", "protected branch", "protected ref", "reference update failed", "cannot create ref due to creations being restricted"):
		return no(engine.Forbidden, "a rule of %s keeps the bot from its branch: let it push branches named autopilot/* (GitHub says: %s)", r, said(e))
	case status == http.StatusForbidden && has("not accessible by"):
		return no(engine.Forbidden, "the bot may not %s %s: give it the permission %s", what, r, accepted(e.Response.Header, what))
	case status == http.StatusForbidden:
		return no(engine.Forbidden, "the bot may not %s %s; it needs %s (GitHub says: %s)", what, r, accepted(e.Response.Header, what), said(e))
	case status == http.StatusNotFound && what == read:
		return no(engine.NotFound, "GitHub knows no %s, or the bot may not see it: check the name, and that the bot has access to the repository", r)
	case status == http.StatusNotFound:
		// GitHub says "not found" for what it does not want to say that it is forbidden.
		return no(engine.Forbidden, "the bot may not %s %s, or it is gone: give it the permission %s", what, r, accepted(e.Response.Header, what))
	case status == http.StatusConflict && has("empty"):
		return no(engine.NotFound, "%s is empty: it has no commit yet", r)
	case status == http.StatusConflict:
		return no(engine.Conflict, "%s changed at the same moment: %s", r, said(e))
	case status == http.StatusGone, status == http.StatusUnavailableForLegalReasons:
		return no(engine.NotFound, "%s is no longer there: %s", r, said(e))
	}
	return no(engine.Invalid, "GitHub refused to %s %s: %s", what, r, said(e))
}

// appTold says why an App gets no token for its installation.
func (f *Forge) appTold(e *ghinstallation.HTTPError, r repository) error {
	if e.Response == nil {
		return &engine.Error{Code: engine.Unavailable, Message: "GitHub does not answer; it is tried again", Err: e}
	}
	switch status := e.Response.StatusCode; {
	case status >= 500:
		return &engine.Error{Code: engine.Unavailable, Message: fmt.Sprintf("GitHub has a fault of its own (%d); it is tried again", status), Err: e}
	case status == http.StatusTooManyRequests, status == http.StatusForbidden && e.Response.Header.Get("Retry-After") != "":
		return waits(retryAfter(e.Response.Header), "it asks the bot to slow down", e)
	case status == http.StatusUnauthorized:
		return &engine.Error{Code: engine.Forbidden, Message: "GitHub does not accept the App's private key: check that the key and the App's id belong together, and that this machine's clock is right", Err: e}
	case status == http.StatusForbidden:
		return &engine.Error{Code: engine.Forbidden, Message: fmt.Sprintf("the installation of the bot's GitHub App is suspended: an owner of %s must end that", cmp.Or(r.owner, "the organisation")), Err: e}
	case status == http.StatusNotFound:
		return &engine.Error{Code: engine.Forbidden, Message: fmt.Sprintf("the GitHub App has no installation %d, or another id than was given: install it, and give the id from the installation's page", e.InstallationID), Err: e}
	}
	return &engine.Error{Code: engine.Forbidden, Message: "GitHub gives the App no token: " + strings.ToLower(e.Response.Status), Err: e}
}

// accepted names the permission that is missing, as GitHub says it, or as we know it.
func accepted(h http.Header, what doing) string {
	if says := h.Get("X-Accepted-Github-Permissions"); says != "" {
		return strings.NewReplacer("=", ": ", ";", " or", "_", " ").Replace(says)
	}
	return needs[what]
}

// retryAfter is how long GitHub asks to wait.
func retryAfter(h http.Header) time.Duration {
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 24*3600)) * time.Second
	}
	return unknownWait
}

// said gives GitHub's own words, with the details of a validation.
func said(e *gh.ErrorResponse) string {
	text := e.Message
	for _, detail := range e.Errors {
		if words := cmp.Or(detail.Message, strings.TrimSpace(detail.Field+" "+detail.Code)); words != "" {
			text += "; " + words
		}
	}
	if letters := []rune(text); len(letters) > saidLimit {
		text = string(letters[:saidLimit]) + "…"
	}
	return text
}
