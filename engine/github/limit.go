package github

import (
	"context"
	"fmt"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// openWait is when a repository with too many open pull requests is looked at again: people close them when they do.
const openWait = time.Hour

// Count is how many pull requests of the bot a repository has.
type Count struct {
	Open   int       // now
	Hour   int       // that were opened within the last hour
	Oldest time.Time // when the first of Hour was opened
}

// Count counts the bot's pull requests: those from its branches, opened by its account.
func (f *Forge) Count(ctx context.Context, repo string) (Count, error) {
	r, err := parseRepo(repo)
	if err != nil {
		return Count{}, err
	}
	return f.count(ctx, r)
}

func (f *Forge) count(ctx context.Context, r repository) (Count, error) {
	me, err := f.login(ctx)
	if err != nil {
		return Count{}, err
	}
	isOurs := func(p *gh.PullRequest) bool {
		return strings.HasPrefix(p.GetHead().GetRef(), change.BranchPrefix) && strings.EqualFold(p.GetUser().GetLogin(), me)
	}
	var c Count
	err = f.pulls(ctx, r, "open", func(p *gh.PullRequest) bool {
		if isOurs(p) {
			c.Open++
		}
		return true
	})
	if err != nil {
		return Count{}, err
	}
	since := f.o.Now().Add(-time.Hour)
	err = f.pulls(ctx, r, "all", func(p *gh.PullRequest) bool {
		at := p.GetCreatedAt().Time
		if !at.After(since) {
			return false
		}
		if isOurs(p) {
			c.Hour++
			c.Oldest = at
		}
		return true
	})
	return c, err
}

// pulls gives pull requests, the newest first, until each wants no more.
func (f *Forge) pulls(ctx context.Context, r repository, state string, each func(*gh.PullRequest) bool) error {
	for page, n := 1, 0; page != 0 && n < maxPages; n++ {
		list, resp, err := f.gh.PullRequests.List(ctx, r.owner, r.name, &gh.PullRequestListOptions{
			State: state, Sort: "created", Direction: "desc", ListOptions: gh.ListOptions{PerPage: pageSize, Page: page},
		})
		if err != nil {
			return f.told(err, r, readPulls)
		}
		for _, p := range list {
			if !each(p) {
				return nil
			}
		}
		page = resp.NextPage
	}
	return nil
}

// admit waits where a repository has as many pull requests of the bot as it may.
func (f *Forge) admit(ctx context.Context, r repository) error {
	if f.o.MaxOpen <= 0 && f.o.MaxPerHour <= 0 {
		return nil
	}
	c, err := f.count(ctx, r)
	switch {
	case err != nil:
		return err
	case f.o.MaxOpen > 0 && c.Open >= f.o.MaxOpen:
		return later(openWait, fmt.Sprintf("%s has %d open pull requests of the bot, as many as it may have: merge or close one", r, c.Open))
	case f.o.MaxPerHour > 0 && c.Hour >= f.o.MaxPerHour:
		return later(c.Oldest.Add(time.Hour).Sub(f.o.Now()), fmt.Sprintf("the bot opened %d pull requests in %s within an hour, as many as it may", c.Hour, r))
	}
	return nil
}

// later has it tried again after a while. The text has no time in it, as with waits.
func later(wait time.Duration, why string) error {
	return &engine.Waiting{For: max(wait, leastWait), Err: engine.Errorf(engine.Unavailable, "%s; it is tried again by itself", why)}
}
