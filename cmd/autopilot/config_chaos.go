package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
	"github.com/eks-autopilot/autopilot/engine/policy"
	"github.com/eks-autopilot/autopilot/handlers"
)

// ChaosConfig is about experiments: what is broken on purpose. They are off by default, and done by a process of their own.
type ChaosConfig struct {
	Enabled     bool            `yaml:"enabled"`      // experiments may be asked for
	OptIn       string          `yaml:"opt_in"`       // label=value by which a namespace opts in; default autopilot.dev/chaos=enabled
	Protected   []string        `yaml:"protected"`    // namespaces that are never hit, beside kube-*
	MaxPercent  int             `yaml:"max_percent"`  // of a workload's pods at once; default 50
	MinReady    *int            `yaml:"min_ready"`    // pods of a workload that stay untouched; default 1
	MaxPods     int             `yaml:"max_pods"`     // of one experiment; default 10
	MaxActive   int             `yaml:"max_active"`   // experiments of a cluster at a time; default 3
	MaxDuration time.Duration   `yaml:"max_duration"` // of one experiment; default 10m
	MaxAgents   int             `yaml:"max_agents"`   // ephemeral containers in one pod; default 5
	PerDay      int             `yaml:"per_day"`      // that one person may begin in 24 h; default 20
	Shown       time.Duration   `yaml:"shown"`        // for how long a plan can be said yes to; default 15m
	Quiet       []FreezeConfig  `yaml:"quiet"`        // when nothing begins, beside approvals.freeze
	TwoPeople   bool            `yaml:"two_people"`   // who asked may not confirm
	Deletes     bool            `yaml:"deletes"`      // plain deletes may be asked for
	AgentImage  string          `yaml:"agent_image"`  // of cmd/chaosagent; without it there are no network faults
	Channel     string          `yaml:"channel"`      // of the cards; default slack.channels.incidents
	Listen      string          `yaml:"listen"`       // host:port of the process that does them: metrics and health; default :8081
	GameDays    []GameDayConfig `yaml:"game_days"`
}

// GameDayConfig is an experiment that is planned again and again.
type GameDayConfig struct {
	Name      string `yaml:"name"`      // what it is kept by
	Schedule  string `yaml:"schedule"`  // five fields of cron
	TimeZone  string `yaml:"time_zone"` // of the schedule; default UTC
	Cluster   string `yaml:"cluster"`   // one that has clusters[].chaos
	Command   string `yaml:"command"`   // what would follow /autopilot chaos: "kill shop/api -count 1"
	Channel   string `yaml:"channel"`   // of its cards; default chaos.channel
	Confirmed bool   `yaml:"confirmed"` // it begins without a person's yes, if no blocker holds
}

// ClusterChaosConfig is how the process that does experiments reaches a cluster: by an account of its own, which alone has the verbs.
type ClusterChaosConfig struct {
	Kubeconfig string     `yaml:"kubeconfig"` // a file, not the bot's own
	Context    string     `yaml:"context"`    // of the kubeconfig; empty: its current one
	InCluster  bool       `yaml:"in_cluster"` // it runs in it, and uses the service account of its pod
	EKS        *EKSConfig `yaml:"eks"`
	FIS        *FISConfig `yaml:"fis"` // lets AWS FIS do what the agent cannot; nil for not
}

// FISConfig is an experiment template of AWS FIS that somebody made and looked at. Each fault takes its role, stop conditions, log, cluster
// and service account from it, and is of one pod.
type FISConfig struct {
	Template string `yaml:"template"` // its id
	Region   string `yaml:"region"`   // of the template
	RoleARN  string `yaml:"role_arn"` // assumed first; empty: the process's own identity
}

// alwaysProtected are never hit, whatever is configured.
var alwaysProtected = []string{"kube-*"}

func (c ChaosConfig) withDefaults(incidents string) ChaosConfig {
	d := chaos.Defaults()
	c.OptIn, c.Channel = cmp.Or(c.OptIn, d.OptIn), cmp.Or(c.Channel, incidents)
	c.MaxPercent, c.MaxPods, c.MaxActive = cmp.Or(c.MaxPercent, d.MaxPercent), cmp.Or(c.MaxPods, d.MaxPods), cmp.Or(c.MaxActive, d.MaxActive)
	c.MaxDuration, c.MaxAgents, c.PerDay = cmp.Or(c.MaxDuration, d.MaxDuration), cmp.Or(c.MaxAgents, d.MaxAgents), cmp.Or(c.PerDay, d.PerDay)
	c.Shown, c.Listen = cmp.Or(c.Shown, d.Shown), cmp.Or(c.Listen, ":8081")
	if c.MinReady == nil {
		c.MinReady = &d.MinReady
	}
	c.GameDays = slices.Clone(c.GameDays)
	for k := range c.GameDays {
		g := &c.GameDays[k]
		g.TimeZone, g.Channel = cmp.Or(g.TimeZone, "UTC"), cmp.Or(g.Channel, c.Channel)
	}
	return c
}

// chaosRules puts the section into the terms in which experiments are judged.
func (c Config) chaosRules() chaos.Rules {
	x := c.Chaos
	freezes := slices.Concat(x.quiet(), c.Approvals.approvals().Freeze)
	return chaos.Rules{
		OptIn: x.OptIn, Protected: slices.Concat(alwaysProtected, x.Protected), MaxPercent: x.MaxPercent, MinReady: *x.MinReady, MaxPods: x.MaxPods,
		MaxActive: x.MaxActive, MaxDuration: x.MaxDuration, MaxAgents: x.MaxAgents, PerDay: x.PerDay, Shown: x.Shown,
		Quiet: func(cluster, namespace string, at time.Time) string {
			return policy.Quiet(freezes, engine.Workload{Cluster: cluster, Namespace: namespace, Kind: "any", Name: "this cluster"}, at)
		},
		TwoPeople: x.TwoPeople, Deletes: x.Deletes, AgentImage: x.AgentImage,
	}
}

// quiet are the windows of the section; they are freezes.
func (c ChaosConfig) quiet() []policy.Freeze {
	return ApprovalsConfig{Freeze: c.Quiet}.approvals().Freeze
}

// chaosClusters are those in which experiments are done.
func (c Config) chaosClusters() []string {
	var all []string
	for _, cl := range c.Clusters {
		if c.Chaos.Enabled && cl.Chaos != nil {
			all = append(all, cl.Name)
		}
	}
	return all
}

// gameDays are the experiments that are planned again and again. The section was checked when it was read.
func (c Config) gameDays() []handlers.GameDay {
	var all []handlers.GameDay
	for _, g := range c.Chaos.GameDays {
		request, next, err := g.read(c)
		if err != nil {
			continue
		}
		request.Cluster = g.Cluster
		all = append(all, handlers.GameDay{Name: g.Name, Next: next, Request: request, Channel: g.Channel, Confirmed: g.Confirmed})
	}
	return all
}

func (g GameDayConfig) read(Config) (chaos.Request, func(time.Time) time.Time, error) {
	location, err := zone(g.TimeZone)
	if err != nil {
		return chaos.Request{}, nil, err
	}
	if isOff(g.Schedule) {
		return chaos.Request{}, nil, fmt.Errorf("off is no time; a game day that shall not be is left out")
	}
	schedule, err := parseTimes(g.Schedule, location, rightTimes)
	if err != nil {
		return chaos.Request{}, nil, err
	}
	request, err := parseChaos(g.Command)
	return request, schedule.Next, err
}

var (
	optInRE = regexp.MustCompile(`^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?=[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	// templateRE is what AWS FIS names its templates.
	templateRE = regexp.MustCompile(`^EXT[A-Za-z0-9]{1,64}$`)
	imageRE    = regexp.MustCompile(`^[a-z0-9][a-zA-Z0-9._/-]*(:[0-9]+/[a-zA-Z0-9._/-]+)?(:[A-Za-z0-9_.-]{1,128})?(@sha256:[0-9a-f]{64})?$`)
)

// chaos checks the section, and how the process that does experiments reaches clusters.
func (v *validator) chaos(c Config) {
	x := c.Chaos
	where := at{"chaos"}
	reached := 0
	for i, cl := range c.Clusters {
		if cl.Chaos == nil {
			continue
		}
		reached++
		v.chaosCluster(at{"clusters", i, "chaos"}, *cl.Chaos, cl)
	}
	if !optInRE.MatchString(x.OptIn) {
		v.bad(where.with("opt_in"), "%q is not a label and its value; such as autopilot.dev/chaos=enabled", x.OptIn)
	}
	for i, p := range x.Protected {
		v.pattern(where.with("protected", i), p)
	}
	for key, n := range map[string][3]int{
		"max_percent": {x.MaxPercent, 1, 100}, "min_ready": {*x.MinReady, 0, 1000}, "max_pods": {x.MaxPods, 1, 500}, "max_active": {x.MaxActive, 1, 20},
		"max_agents": {x.MaxAgents, 1, 100}, "per_day": {x.PerDay, 1, 1000},
	} {
		if n[0] < n[1] || n[0] > n[2] {
			v.bad(where.with(key), "%d is out of range; %d to %d", n[0], n[1], n[2])
		}
	}
	v.within(where.with("max_duration"), x.MaxDuration, 10*time.Second, time.Hour)
	v.within(where.with("shown"), x.Shown, time.Minute, 24*time.Hour)
	for i, f := range x.Quiet {
		v.freeze(where.with("quiet", i), f)
	}
	if x.AgentImage != "" && !imageRE.MatchString(x.AgentImage) {
		v.bad(where.with("agent_image"), "%q is not an image; such as ghcr.io/eks-autopilot/chaosagent:1.0", x.AgentImage)
	}
	if x.Channel != c.Slack.Channels.Incidents && !channelRE.MatchString(x.Channel) {
		v.bad(where.with("channel"), `%q is not a channel; "#name" in quotes, or an id such as C0123ABCD`, x.Channel)
	}
	v.listen(where.with("listen"), x.Listen)
	for i, g := range x.GameDays {
		v.gameDay(where.with("game_days", i), g, c)
	}
	if !x.Enabled {
		return
	}
	if reached == 0 {
		v.bad(where.with("enabled"), "no cluster says how experiments reach it; clusters[].chaos: {kubeconfig: <file>} or {in_cluster: true} of at least one is needed")
	}
	v.chaosRoles(c)
}

// chaosRoles refuses what is switched on and that nobody may ask for.
func (v *validator) chaosRoles(c Config) {
	may := func(a engine.Action) bool {
		return slices.ContainsFunc(c.Roles, func(r RoleConfig) bool { return slices.Contains(r.May, string(a)) })
	}
	if !may(engine.ActionChaos) && !may(engine.ActionChaosDrain) {
		v.bad(at{"chaos", "enabled"}, "no role may chaos or chaos_drain; add one of them to what a role may")
	}
	if c.Chaos.Deletes && !may(engine.ActionChaosDelete) {
		v.bad(at{"chaos", "deletes"}, "no role may chaos_delete; add it to what a role may")
	}
}

func (v *validator) chaosCluster(where at, x ClusterChaosConfig, c ClusterConfig) {
	reached := v.reached(where, x.Kubeconfig, x.Context, x.InCluster, x.EKS)
	if reached && x.Kubeconfig != "" && x.Kubeconfig == c.Kubeconfig && x.Context == c.Context {
		v.bad(where.with("kubeconfig"), "is that of the bot; experiments need an account of their own, which deploy/rbac makes")
	}
	if x.FIS != nil {
		v.fis(where.with("fis"), *x.FIS)
	}
	if x.EKS != nil && c.EKS != nil && x.EKS.RoleARN == c.EKS.RoleARN {
		v.bad(where.with("eks", "role_arn"), "is that of the bot; experiments need a role of their own")
	}
}

func (v *validator) fis(where at, x FISConfig) {
	if !templateRE.MatchString(x.Template) {
		v.bad(where.with("template"), "%q is not the id of an experiment template of AWS FIS; such as EXT6oWVA1WrLNy4XS", x.Template)
	}
	if !regionRE.MatchString(x.Region) {
		v.bad(where.with("region"), "%q is not an AWS region; such as eu-central-1", x.Region)
	}
	if x.RoleARN != "" && !roleARNRE.MatchString(x.RoleARN) {
		v.bad(where.with("role_arn"), "%q is not a role's ARN; such as arn:aws:iam::123456789012:role/autopilot-fault-injector", x.RoleARN)
	}
}

func (v *validator) gameDay(where at, g GameDayConfig, c Config) {
	if strings.TrimSpace(g.Name) == "" {
		v.bad(where.with("name"), "is missing; a game day is kept by its name")
	}
	if n := slices.IndexFunc(c.Chaos.GameDays, func(o GameDayConfig) bool { return o.Name == g.Name }); n >= 0 && c.Chaos.GameDays[n] != g {
		v.bad(where.with("name"), "two game days are named %q; each needs a name of its own", g.Name)
	}
	if !slices.ContainsFunc(c.Clusters, func(cl ClusterConfig) bool { return cl.Name == g.Cluster && cl.Chaos != nil }) {
		v.bad(where.with("cluster"), "%q is not a cluster that has clusters[].chaos", g.Cluster)
	}
	if !channelRE.MatchString(g.Channel) && g.Channel != c.Chaos.Channel {
		v.bad(where.with("channel"), `%q is not a channel; "#name" in quotes, or an id such as C0123ABCD`, g.Channel)
	}
	request, next, err := g.read(c)
	switch {
	case err != nil && engine.CodeOf(err) == engine.Invalid:
		v.bad(where, "%s", engine.UserMessage(err, "-"))
		return
	case err != nil:
		v.bad(where, "%v", err)
		return
	case next(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero():
		v.bad(where.with("schedule"), "%q never comes", g.Schedule)
	}
	risky := slices.ContainsFunc(request.Strikes, func(s engine.Strike) bool { return s.Dose.Force || s.Fault == engine.FaultDrain })
	if g.Confirmed && (risky || c.Chaos.TwoPeople) {
		v.bad(where.with("confirmed"), "a drain, a plain delete, and what two people must agree on needs a person's yes each time")
	}
}
