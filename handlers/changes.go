package handlers

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// Proposals keeps drafts and proposals, and does what people decide about them. Each write is one transaction, and done again it
// changes nothing.
type Proposals interface {
	RequestDrafts(ctx context.Context) error
	SaveDrafts(ctx context.Context, group int64, items []engine.ProposalItem) error
	// Drafts gives a group's own, and those of others that could go into the same pull request.
	Drafts(ctx context.Context, group int64) (own, others []engine.ProposalItem, err error)
	DraftsByRef(ctx context.Context, refs []string) ([]engine.ProposalItem, error)

	Approve(ctx context.Context, d engine.Decision, a Approving) (engine.Proposal, error)
	// Alone gives what a person has approved alone within a time, of what could be one plan with an item.
	Alone(ctx context.Context, by engine.Person, with engine.ProposalItem, within time.Duration) (engine.MicroUSD, error)
	Deny(ctx context.Context, d engine.Decision) (engine.Proposal, error)
	Offer(ctx context.Context, p engine.Proposal, expires time.Duration) (engine.Proposal, error)

	Proposal(ctx context.Context, id int64) (engine.Proposal, error)
	ProposalByPull(ctx context.Context, repo string, number int) (engine.Proposal, error)
	Proposals(ctx context.Context, f ProposalFilter) ([]engine.Proposal, error)
	Follow(ctx context.Context, id int64) error

	SavePull(ctx context.Context, id, version int64, pull engine.Pull, status engine.ProposalStatus, reason string, told []engine.Event) (engine.Proposal, error)
	Hold(ctx context.Context, id int64, reason string) (engine.Proposal, error)
	Stale(ctx context.Context, id int64, reason string) (engine.Proposal, error)
	Closed(ctx context.Context, id int64, pull engine.Pull, by engine.Person, reason string, until time.Time) (engine.Proposal, error)
	Reopened(ctx context.Context, id int64, pull engine.Pull, status engine.ProposalStatus, reason string, told []engine.Event) (engine.Proposal, error)
	Deployed(ctx context.Context, id int64, line string) (engine.Proposal, error)
	Verified(ctx context.Context, id int64, entries []engine.LedgerEntry, line string) (engine.Proposal, error)
	Reversed(ctx context.Context, id int64, by engine.Person, reason string) (engine.Proposal, error)
}

// Approving is what an approval is judged by. Need says who must approve these, or why nobody may now; it does nothing but answer. alone
// is what the person has approved alone Within so long, of the same repository and team.
type Approving struct {
	Refs     []string // of the drafts that were chosen
	Proposer engine.Person
	Expires  time.Duration
	Within   time.Duration
	Need     func(items []engine.ProposalItem, alone engine.MicroUSD) (engine.ApprovalNeed, error)
}

// ProposalFilter chooses proposals. Empty fields choose all; no Statuses mean those that are not over.
type ProposalFilter struct {
	Statuses []engine.ProposalStatus
	Cluster  string
	Team     string
	Repo     string
	Group    int64
	Incident int64
	Limit    int
}

// Changes is what turning findings into pull requests needs. Forge is nil where no GitHub is configured: then nothing is edited, and
// what is proposed are steps alone.
type Changes struct {
	Proposals Proposals
	Forge     change.Forge
	Mappings  []change.Mapping
	Repos     []string // path.Match patterns of "owner/name", beside those of Mappings; none means all
	Labels    []string
	AsDraft   bool              // pull requests begin as drafts
	Logins    map[string]string // GitHub login by Slack user id
	Removing  *Removing         // nil where the bot removes no volumes
}

// covers tells whether a repository may be read and changed: whoever may annotate an object may name any.
func (c *Changes) covers(repo string) bool {
	repo = strings.ToLower(repo)
	return len(c.Repos) == 0 || slices.ContainsFunc(c.Repos, func(pattern string) bool {
		ok, err := path.Match(strings.ToLower(pattern), repo)
		return err == nil && ok
	}) || slices.ContainsFunc(c.Mappings, func(m change.Mapping) bool { return strings.EqualFold(m.Repo, repo) })
}

// Source is what a cluster says of what declares its objects, and of what they are now. Both functions fail with NotFound when the
// object is gone, and with Unavailable while the cluster does not answer.
type Source struct {
	Hints func(ctx context.Context, w engine.Workload) (change.Hints, error)
	Value func(ctx context.Context, w engine.Wish) (string, error)
}

// changesOff is the answer where the configuration does not ask for pull requests.
func changesOff() error {
	return engine.Errorf(engine.Invalid, "nothing is approved here; a `github:` section in the configuration switches it on")
}
