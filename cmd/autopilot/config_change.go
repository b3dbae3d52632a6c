package main

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// GitHubConfig says where pull requests are made. Without the section none are. The token or the App's key are secrets.
type GitHubConfig struct {
	URL         string           `yaml:"url"`           // of the API; default https://api.github.com/
	App         *GitHubAppConfig `yaml:"app"`           // empty: the token of AUTOPILOT_GITHUB_TOKEN
	Repos       []string         `yaml:"repos"`         // owner/name with * for any letters, beside those of changes; empty: all that the account may change
	Labels      []string         `yaml:"labels"`        // put on each pull request
	Draft       bool             `yaml:"draft"`         // pull requests begin as drafts
	OpenPerRepo *int             `yaml:"open_per_repo"` // of the bot's, at once; default 10, 0 for any number
	PerHour     *int             `yaml:"per_hour"`      // that it opens in a repository; default 6, 0 for any number
}

// GitHubAppConfig names a GitHub App and where it is installed.
type GitHubAppConfig struct {
	ID             int64 `yaml:"id"`              // the App's number
	InstallationID int64 `yaml:"installation_id"` // of the App in your organisation
}

// ChangeConfig says in which repository things are declared. What is left out matches everything.
type ChangeConfig struct {
	Clusters   []string `yaml:"clusters"`   // names, with * for any letters
	Namespaces []string `yaml:"namespaces"` // likewise
	Kinds      []string `yaml:"kinds"`      // such as Deployment, Node, Volume
	Names      []string `yaml:"names"`      // likewise
	Repo       string   `yaml:"repo"`       // owner/name
	Base       string   `yaml:"base"`       // branch; empty: the default one
	Paths      []string `yaml:"paths"`      // folders or files; empty: all of it
}

// ApprovalsConfig says what approvals need beside a role that may approve.
type ApprovalsConfig struct {
	TwoPeopleAbove  float64        `yaml:"two_people_above"`  // dollars a month; 0 for never
	TwoPeopleWithin time.Duration  `yaml:"two_people_within"` // what one person approved alone so shortly before counts as well; default 24h
	NotTheProposer  bool           `yaml:"not_the_proposer"`  // without effect: every proposal is the bot's own
	Expires         time.Duration  `yaml:"expires"`           // of a proposal that waits for the second person; default 72h
	Freeze          []FreezeConfig `yaml:"freeze"`
}

// FreezeConfig is when nothing may be approved: each week, or from one day to another.
type FreezeConfig struct {
	Reason     string   `yaml:"reason"`     // shown to who asks
	Weekly     string   `yaml:"weekly"`     // "Fri 16:00 - Mon 08:00"
	From       string   `yaml:"from"`       // a day such as 2026-12-20
	To         string   `yaml:"to"`         // the last day
	TimeZone   string   `yaml:"time_zone"`  // of the days and times; default UTC
	Clusters   []string `yaml:"clusters"`   // where, with * for any letters; empty: everywhere
	Namespaces []string `yaml:"namespaces"` // where, with * for any letters; empty: everywhere
}

func (c *GitHubConfig) withDefaults() *GitHubConfig {
	if c == nil {
		return nil
	}
	filled := *c
	fill(&filled.OpenPerRepo, 10)
	fill(&filled.PerHour, 6)
	return &filled
}

func (c ApprovalsConfig) withDefaults() ApprovalsConfig {
	if c.Expires == 0 {
		c.Expires = 72 * time.Hour
	}
	if c.TwoPeopleWithin == 0 {
		c.TwoPeopleWithin = 24 * time.Hour
	}
	return c
}

// warnings are what is right in the configuration and does not do what somebody may expect of it.
func (c Config) warnings() []string {
	var all []string
	if c.Approvals.NotTheProposer {
		all = append(all, "approvals.not_the_proposer is without effect: every proposal is the bot's own, so that nobody approves what they proposed themselves; "+
			"two_people_above asks for a second person")
	}
	return all
}

// approvals puts the section into the terms in which approvals are judged. It was checked when it was read.
func (c ApprovalsConfig) approvals() policy.Approvals {
	a := policy.Approvals{TwoAbove: engine.Dollars(c.TwoPeopleAbove), Within: c.TwoPeopleWithin, NotProposer: c.NotTheProposer, Expires: c.Expires}
	for _, f := range c.Freeze {
		freeze := policy.Freeze{Reason: f.Reason, Clusters: f.Clusters, Namespaces: f.Namespaces, From: f.From, To: f.To, Zone: time.UTC}
		if z, err := zone(f.TimeZone); f.TimeZone != "" && err == nil {
			freeze.Zone = z
		}
		if w, err := policy.ParseWeekly(f.Weekly); err == nil {
			freeze.Weekly = &w
		}
		a.Freeze = append(a.Freeze, freeze)
	}
	return a
}

// mappings are the sections of changes.
func (c Config) mappings() []change.Mapping {
	all := make([]change.Mapping, len(c.Changes))
	for k, m := range c.Changes {
		all[k] = change.Mapping(m)
	}
	return all
}

// repositories are those that the configuration names, each once.
func (c Config) repositories() []string {
	var all []string
	for _, m := range c.Changes {
		if !slices.Contains(all, m.Repo) {
			all = append(all, m.Repo)
		}
	}
	return all
}

var (
	repoRE  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)
	loginRE = regexp.MustCompile(`^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}$`)
	userRE  = regexp.MustCompile(`^[UW][A-Z0-9]{2,}$`)
)

func (v *validator) changes(c Config) {
	v.github(c)
	for i, m := range c.Changes {
		where := at{"changes", i}
		if !repoRE.MatchString(m.Repo) {
			v.bad(where.with("repo"), "%q is not a repository; owner/name, such as acme/deploy", m.Repo)
		}
		for key, patterns := range map[string][]string{"clusters": m.Clusters, "namespaces": m.Namespaces, "kinds": m.Kinds, "names": m.Names} {
			for k, p := range patterns {
				v.pattern(where.with(key, k), p)
			}
		}
		for k, p := range m.Paths {
			if strings.HasPrefix(p, "/") || p != "" && strings.HasPrefix(path.Clean(p), "..") {
				v.bad(where.with("paths", k), "%q is not within the repository; a folder or file of it, such as apps/prod", p)
			}
		}
	}
	if len(c.Changes) > 0 && c.GitHub == nil {
		v.bad(at{"changes"}, "needs a github section")
	}
	for id, login := range c.People {
		where := at{"people", id}
		if !userRE.MatchString(id) {
			v.bad(where, "%q is not a Slack user id (U…); it stands in the profile's menu under Copy member ID", id)
		}
		if !loginRE.MatchString(login) {
			v.bad(where, "%q is not a GitHub login; such as ana-github, without @", login)
		}
	}
	v.approvals(c.Approvals)
	v.volumes(c)
}

func (v *validator) github(c Config) {
	g := c.GitHub
	if g == nil {
		return
	}
	v.optionalURL(at{"github", "url"}, g.URL)
	if c.Waste == nil {
		v.bad(at{"github"}, "needs a waste section: what is found there is what pull requests are made of")
	}
	if a := g.App; a != nil && (a.ID <= 0 || a.InstallationID <= 0) {
		v.bad(at{"github", "app"}, "needs id and installation_id; both stand on the App's pages on GitHub")
	}
	for i, r := range g.Repos {
		where := at{"github", "repos", i}
		if strings.Count(r, "/") != 1 {
			v.bad(where, "%q is not a repository; owner/name, with * for any letters, such as acme/deploy-*", r)
			continue
		}
		v.pattern(where, r)
	}
	for i, l := range g.Labels {
		if l == "" || len([]rune(l)) > 50 {
			v.bad(at{"github", "labels", i}, "%q is not a label; 1 to 50 letters", l)
		}
	}
	for key, n := range map[string]*int{"open_per_repo": g.OpenPerRepo, "per_hour": g.PerHour} {
		if *n < 0 || *n > 1000 {
			v.bad(at{"github", key}, "%d is out of range; 0 to 1000, 0 for any number", *n)
		}
	}
}

func (v *validator) approvals(c ApprovalsConfig) {
	if c.TwoPeopleAbove < 0 {
		v.bad(at{"approvals", "two_people_above"}, "%v is below zero; dollars a month", c.TwoPeopleAbove)
	}
	v.within(at{"approvals", "two_people_within"}, c.TwoPeopleWithin, time.Hour, 30*24*time.Hour)
	v.within(at{"approvals", "expires"}, c.Expires, time.Hour, 90*24*time.Hour)
	for i, f := range c.Freeze {
		v.freeze(at{"approvals", "freeze", i}, f)
	}
}

func (v *validator) freeze(where at, f FreezeConfig) {
	if f.Reason == "" {
		v.bad(where.with("reason"), "is missing; it is shown to whoever is held up")
	}
	switch days := f.From != "" || f.To != ""; {
	case f.Weekly == "" && !days, f.Weekly != "" && days:
		v.bad(where, `needs either weekly: "Fri 16:00 - Mon 08:00", or from: and to: days`)
	case days:
		days := 0
		for key, day := range map[string]string{"from": f.From, "to": f.To} {
			if _, err := time.Parse(time.DateOnly, day); err != nil {
				v.bad(where.with(key), "%q is not a day; such as 2026-12-20, quoted", day)
				continue
			}
			days++
		}
		if days == 2 && f.From > f.To {
			v.bad(where.with("to"), "%s is before %s", f.To, f.From)
		}
	default:
		if _, err := policy.ParseWeekly(f.Weekly); err != nil {
			v.bad(where.with("weekly"), "%s", engine.UserMessage(err, "-"))
		}
	}
	if f.TimeZone != "" {
		if _, err := zone(f.TimeZone); err != nil {
			v.bad(where.with("time_zone"), "%v", err)
		}
	}
	for key, patterns := range map[string][]string{"clusters": f.Clusters, "namespaces": f.Namespaces} {
		for k, p := range patterns {
			v.pattern(where.with(key, k), p)
		}
	}
}

// roleApprovals checks what of a role is about approvals alone.
func (v *validator) roleApprovals(where at, r RoleConfig) {
	if r.UpTo < 0 {
		v.bad(where.with("up_to"), "%v is below zero; dollars a month, 0 for any sum", r.UpTo)
	}
	for i, k := range r.Kinds {
		if !slices.ContainsFunc(engine.FindingKinds(), func(known engine.FindingKind) bool {
			ok, err := path.Match(k, string(known))
			return ok && err == nil
		}) {
			v.bad(where.with("kinds", i), "%q is not a kind of waste; known: %v", k, engine.FindingKinds())
		}
	}
	if len(r.Kinds) == 0 && r.UpTo == 0 {
		return
	}
	if !slices.Contains(r.May, string(engine.ActionApprove)) && !slices.Contains(r.May, string(engine.ActionDeny)) {
		v.bad(where, "kinds and up_to are about approve and deny, and the role may neither")
	}
}
