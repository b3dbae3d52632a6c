package github

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

func newBlob(data []byte) *gh.Blob {
	return &gh.Blob{Content: new(base64.StdEncoding.EncodeToString(data)), Encoding: new("base64")}
}

// dress gives a pull request its text, labels and reviewers. Labels and reviewers are courtesies: a label or a reviewer that GitHub
// does not take is left out and logged.
func (f *Forge) dress(ctx context.Context, r repository, d change.Draft, p *gh.PullRequest, fresh bool) error {
	// A body without the marker was rewritten by a person, and is theirs.
	if !fresh && change.HasMarker(p.GetBody(), d.Marker) && !sameText(p.GetBody(), d.Body) {
		if _, _, err := f.gh.PullRequests.Edit(ctx, r.owner, r.name, p.GetNumber(), &gh.PullRequest{Body: &d.Body}); err != nil {
			return f.told(err, r, open)
		}
	}
	missing := slices.DeleteFunc(slices.Clone(d.Labels), func(name string) bool {
		return slices.ContainsFunc(p.Labels, func(l *gh.Label) bool { return strings.EqualFold(l.GetName(), name) })
	})
	if len(missing) > 0 {
		_, _, err := f.gh.Issues.AddLabelsToIssue(ctx, r.owner, r.name, p.GetNumber(), missing)
		if err = f.courtesy(ctx, err, r, p, "labels"); err != nil {
			return err
		}
	}
	return f.ask(ctx, r, d, p, fresh)
}

// ask asks for reviews, unless somebody was asked or reviewed before: asking again would call back who is done.
func (f *Forge) ask(ctx context.Context, r repository, d change.Draft, p *gh.PullRequest, fresh bool) error {
	me, err := f.login(ctx)
	if err != nil {
		return err
	}
	logins := slices.DeleteFunc(slices.Clone(d.Reviewers), func(l string) bool {
		return strings.EqualFold(l, me) || slices.ContainsFunc(p.RequestedReviewers, func(u *gh.User) bool { return strings.EqualFold(u.GetLogin(), l) })
	})
	teams := slices.DeleteFunc(slices.Clone(d.Teams), func(slug string) bool {
		return slices.ContainsFunc(p.RequestedTeams, func(t *gh.Team) bool { return strings.EqualFold(t.GetSlug(), slug) })
	})
	if len(logins)+len(teams) == 0 {
		return nil
	}
	if !fresh {
		if len(p.RequestedReviewers)+len(p.RequestedTeams) > 0 {
			return nil
		}
		done, _, err := f.gh.PullRequests.ListReviews(ctx, r.owner, r.name, p.GetNumber(), &gh.ListOptions{PerPage: 1})
		if err != nil || len(done) > 0 {
			return f.courtesy(ctx, err, r, p, "reviews")
		}
	}
	_, _, err = f.gh.PullRequests.RequestReviewers(ctx, r.owner, r.name, p.GetNumber(), gh.ReviewersRequest{Reviewers: logins, TeamReviewers: teams})
	if !isStatus(err, 422) {
		return f.courtesy(ctx, err, r, p, "reviewers")
	}
	// One who cannot be asked keeps GitHub from asking any: ask each alone.
	for _, one := range singles(logins, teams) {
		_, _, err := f.gh.PullRequests.RequestReviewers(ctx, r.owner, r.name, p.GetNumber(), one)
		if err := f.courtesy(ctx, err, r, p, "reviewer "+strings.Join(append(one.Reviewers, one.TeamReviewers...), "")); err != nil {
			return err
		}
	}
	return nil
}

func singles(logins, teams []string) []gh.ReviewersRequest {
	var out []gh.ReviewersRequest
	if len(logins)+len(teams) < 2 {
		return nil // it was alone already
	}
	for _, l := range logins {
		out = append(out, gh.ReviewersRequest{Reviewers: []string{l}})
	}
	for _, t := range teams {
		out = append(out, gh.ReviewersRequest{TeamReviewers: []string{t}})
	}
	return out
}

// courtesy lets pass what GitHub refuses of something that is not needed, and nothing else.
func (f *Forge) courtesy(ctx context.Context, err error, r repository, p *gh.PullRequest, what string) error {
	if err == nil {
		return nil
	}
	told := f.told(err, r, open)
	switch engine.CodeOf(told) {
	case engine.Invalid, engine.Forbidden, engine.NotFound:
		f.o.Log.WarnContext(ctx, "a pull request goes without", "repository", r.String(), "number", p.GetNumber(), "what", what, "error", told)
		return nil
	case engine.Conflict, engine.Unavailable, engine.Internal:
	}
	return told
}

// sameText compares bodies as GitHub keeps them.
func sameText(a, b string) bool {
	clean := func(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
	return clean(a) == clean(b)
}
