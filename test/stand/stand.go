package stand

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/eks-autopilot/autopilot/test/aws"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/cluster/ports"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/slack/page"
	"github.com/eks-autopilot/autopilot/test/stand/labelled"
)

// Part names one part of a stand.
type Part string

// The parts, in the order in which they start.
const (
	SlackPart        Part = "slack"
	PostgresPart     Part = "postgres"
	ClusterPart      Part = "cluster"
	ExporterPart     Part = "exporter"
	AlertmanagerPart Part = "alertmanager"
	PrometheusPart   Part = "prometheus"
	BotPart          Part = "bot"
)

// AllParts are all parts, in order.
var AllParts = []Part{SlackPart, PostgresPart, ClusterPart, ExporterPart, AlertmanagerPart, PrometheusPart, BotPart}

// needs are the parts that a part cannot do without.
var needs = map[Part][]Part{
	ExporterPart: {ClusterPart},
	BotPart:      {SlackPart, PostgresPart, ClusterPart},
}

// stopPatience bounds how long one part's stop may take.
const stopPatience = time.Minute

// Config says what to start. The zero value is a stand with everything.
type Config struct {
	// Name tells stands apart, and is what the cluster is called in alerts and in the bot: a
	// DNS label of at most 20 characters. Default "autopilot".
	Name string
	// Dir is where state and logs go; they stay after Stop, the state until the next Start. One stand at a time may have it.
	// Default a folder named after Name in the system's temporary folder.
	Dir string
	// Parts are what to start; default all.
	Parts []Part

	// Slack is the workspace; its Page is set where it has none. SlackAddress is where it listens; default any free port.
	Slack        slack.Config
	SlackAddress string
	// Cluster is the cluster; its Name, Dir and Progress are set.
	Cluster cluster.Config
	// Rules are what the bot may do in the cluster. Without them, and in a cluster that is not ours,
	// it uses the cluster's own kubeconfig.
	Rules []rbacv1.PolicyRule
	// Breaking is what the process that does experiments may do in the cluster, under an account of its own. Without it there is no such
	// process. It needs a cluster of ours.
	Breaking []rbacv1.PolicyRule
	// Waste are workloads that ask for too much, on simulated nodes, with 35 days of history and an AWS that charges for them. They
	// need the parts cluster and prometheus, and a cluster of ours.
	Waste []labelled.Case
	// Declared are the files, by path, of the repository that declares the cluster: with them there is a GitHub, and what plays
	// Argo CD. They need Waste.
	Declared map[string]string
	// Itself has Prometheus scrape the bot, too.
	Itself bool
	// Durable has PostgreSQL sync to disk, for measuring.
	Durable bool
	// Interval is how often metrics are scraped and rules evaluated; default 2 s.
	Interval time.Duration
	// Bot is the program; built when empty. EditBot may change the configuration of the bot, and BotEnv
	// adds to its environment.
	Bot     string
	EditBot func(*BotConfig)
	BotEnv  []string

	// Progress, if set, hears what Start and Stop are doing, a short line at a time.
	Progress func(string)
}

// Stand is what was started. Parts that were not asked for are nil.
type Stand struct {
	Slack        *slack.Server
	Postgres     *Postgres
	Cluster      *cluster.Cluster
	Exporter     *Exporter
	Alertmanager *Alertmanager
	Prometheus   *Prometheus
	Bot          *Bot
	Breaker      *Process    // does experiments; with Breaking
	AWS          *aws.Server // with Waste
	Forge        *Forge      // with Declared
	// BotKubeconfig is the kubeconfig with the bot's rights.
	BotKubeconfig string
	// WebhookToken is what the bot wants to see on its webhooks.
	WebhookToken string

	cfg    Config
	ports  ports.Held
	past   labelled.Era // until the first change, with Waste
	listen string       // the bot's
	stack  []cleanup
}

// cleanup is one step of Stop.
type cleanup struct {
	name string
	stop func(context.Context) error
}

// Start ends what a killed stand left in the folder, and starts the parts in
// order. It fails, and leaves nothing running, when a part does not become
// healthy, when ctx ends, or when another stand that lives has the folder.
func Start(ctx context.Context, cfg Config) (*Stand, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Stand{cfg: cfg, WebhookToken: rand.Text()}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (c *Config) check() error {
	if c.Name == "" {
		c.Name = "autopilot"
	}
	if c.Dir == "" {
		c.Dir = filepath.Join(os.TempDir(), "autopilot-stand-"+c.Name)
	}
	if c.Parts == nil {
		c.Parts = AllParts
	}
	if c.SlackAddress == "" {
		c.SlackAddress = "127.0.0.1:0"
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	var err error
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return err
	}
	for _, p := range c.Parts {
		if !slices.Contains(AllParts, p) {
			return fmt.Errorf("stand: there is no part %q; there are %v", p, AllParts)
		}
		for _, need := range needs[p] {
			if !c.has(need) {
				return fmt.Errorf("stand: the part %s needs the part %s", p, need)
			}
		}
	}
	if len(c.Waste) > 0 && (!c.has(ClusterPart) || !c.has(PrometheusPart) || c.Cluster.Mode == cluster.External) {
		return errors.New("stand: waste needs the parts cluster and prometheus, and a cluster that is made for it")
	}
	if len(c.Breaking) > 0 && (!c.has(BotPart) || c.Cluster.Mode == cluster.External) {
		return errors.New("stand: what does experiments needs the part bot, and a cluster that is made for it")
	}
	if len(c.Declared) > 0 && len(c.Waste) == 0 {
		return errors.New("stand: what is declared needs waste that is declared")
	}
	return nil
}

func (c *Config) has(p Part) bool { return slices.Contains(c.Parts, p) }

// start is one straight line: each part is handed what it needs of those before.
func (s *Stand) start(ctx context.Context) error {
	lock, err := lockFolder(s.cfg.Dir)
	if err != nil {
		return err
	}
	s.onStop("folder", func(context.Context) error { return lock.Close() })
	if err := sweep(ctx, s.cfg.Dir); err != nil {
		return err
	}
	// What an earlier stand knew is not what happens in this one.
	for _, p := range []Part{PostgresPart, PrometheusPart, AlertmanagerPart} {
		if err := os.RemoveAll(s.dir(p)); err != nil {
			return err
		}
	}
	s.onStop("ports", func(context.Context) error { s.ports.Close(); return nil })
	port := map[Part]int{}
	for _, p := range []Part{ExporterPart, AlertmanagerPart, PrometheusPart, BotPart} {
		if port[p], err = s.ports.Take(); err != nil {
			return err
		}
	}
	s.listen = net.JoinHostPort("127.0.0.1", strconv.Itoa(port[BotPart]))

	if s.cfg.has(SlackPart) {
		if err := s.startSlack(); err != nil {
			return err
		}
	}
	if s.cfg.has(PostgresPart) {
		s.Postgres = &Postgres{Dir: s.dir(PostgresPart), Durable: s.cfg.Durable}
		if err := s.run(ctx, PostgresPart, s.Postgres); err != nil {
			return err
		}
	}
	if s.cfg.has(ClusterPart) {
		if err := s.startCluster(ctx); err != nil {
			return err
		}
	}
	var targets []Target
	if s.cfg.has(ExporterPart) {
		s.Exporter = &Exporter{Client: s.Cluster.Client(), Port: port[ExporterPart], API: s.Cluster.RESTConfig().Host}
		if err := s.run(ctx, ExporterPart, s.Exporter); err != nil {
			return err
		}
		// Simulated nodes have no cadvisor page.
		var token string
		if s.Cluster.Mode() != cluster.KWOK {
			token = s.Cluster.Token()
		}
		targets = s.Exporter.Targets(token)
	}
	if s.cfg.Itself {
		targets = append(targets, Target{Job: "autopilot", URL: "http://" + s.listen + "/metrics"})
	}
	var alertmanager string
	if s.cfg.has(AlertmanagerPart) {
		s.Alertmanager = &Alertmanager{
			Dir: s.dir(AlertmanagerPart), Port: port[AlertmanagerPart],
			Webhook: "http://" + s.listen + "/webhooks/alertmanager", Token: s.WebhookToken,
		}
		if err := s.run(ctx, AlertmanagerPart, s.Alertmanager); err != nil {
			return err
		}
		alertmanager = s.Alertmanager.URL()
	}
	if s.cfg.has(PrometheusPart) {
		s.Prometheus = &Prometheus{
			Dir: s.dir(PrometheusPart), Port: port[PrometheusPart], Interval: s.cfg.Interval,
			Cluster: s.cfg.Name, Targets: targets, Alertmanager: alertmanager,
		}
		if len(s.cfg.Waste) > 0 {
			s.Prometheus.Retention = wasteDays * 24 * time.Hour
			if err := s.startWaste(ctx, s.Prometheus.Data()); err != nil {
				return err
			}
		}
		if err := s.run(ctx, PrometheusPart, s.Prometheus); err != nil {
			return err
		}
	}
	if s.cfg.has(BotPart) {
		return s.startBot(ctx)
	}
	return nil
}

// part is what most parts have in common.
type part interface {
	Start(context.Context) error
	Stop(context.Context) error
}

// run starts a part and has Stop stop it, also when its start only half succeeds.
func (s *Stand) run(ctx context.Context, name Part, p part) error {
	s.cfg.Progress("starting " + string(name))
	s.onStop(string(name), p.Stop)
	if err := p.Start(ctx); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	return nil
}

func (s *Stand) startSlack() error {
	s.cfg.Progress("starting slack")
	cfg := s.cfg.Slack
	if cfg.Page == nil {
		cfg.Page = page.Handler()
	}
	s.Slack = slack.New(cfg)
	s.onStop(string(SlackPart), func(context.Context) error { s.Slack.Stop(); return nil })
	return s.Slack.Start(s.cfg.SlackAddress)
}

func (s *Stand) startCluster(ctx context.Context) error {
	cfg := s.cfg.Cluster
	cfg.Name, cfg.Dir = s.cfg.Name, s.dir(ClusterPart)
	cfg.Progress = func(line string) { s.cfg.Progress("cluster: " + line) }
	var err error
	if s.Cluster, err = cluster.Start(ctx, cfg); err != nil {
		return err
	}
	s.onStop(string(ClusterPart), s.Cluster.Stop)
	s.BotKubeconfig = s.Cluster.Kubeconfig()
	if len(s.cfg.Rules) > 0 && s.Cluster.Mode() != cluster.External {
		s.BotKubeconfig, err = s.Cluster.UserKubeconfig(ctx, "autopilot", s.cfg.Rules)
	}
	return err
}

func (s *Stand) startBot(ctx context.Context) error {
	binary := s.cfg.Bot
	if binary == "" {
		s.cfg.Progress("building the bot")
		binary = filepath.Join(s.cfg.Dir, "autopilot")
		if err := Build(ctx, "cmd/autopilot", binary); err != nil {
			return err
		}
	}
	workspace, err := s.Slack.Control().State(ctx)
	if err != nil {
		return fmt.Errorf("read the workspace: %w", err)
	}
	cfg := BotConfig{Cluster: s.cfg.Name, Kubeconfig: s.BotKubeconfig, SlackAPI: s.Slack.APIURL(), Listen: s.listen, Workspace: workspace}
	if s.Cluster.Mode() == cluster.External {
		cfg.Context = s.Cluster.Context()
	}
	if s.Prometheus != nil {
		cfg.Prometheus = s.Prometheus.URL()
	}
	if s.Alertmanager != nil {
		cfg.Alertmanager = s.Alertmanager.URL()
	}
	if s.AWS != nil {
		cfg.Savings, cfg.Extra = "#finops", s.wasteConfig()
	}
	if s.Forge != nil {
		people := map[string]string{}
		for _, u := range workspace.Users {
			people[u.Name] = u.ID
		}
		cfg.Approvers, cfg.Extra = true, cfg.Extra+s.Forge.Config(people)
	}
	if len(s.cfg.Breaking) > 0 {
		if err := s.prepareBreaker(ctx, &cfg); err != nil {
			return err
		}
	}
	if s.cfg.EditBot != nil {
		s.cfg.EditBot(&cfg)
	}
	s.Bot = &Bot{Dir: s.dir(BotPart), Binary: binary, Config: cfg.YAML(), Listen: s.listen, Env: append([]string{
		"AUTOPILOT_DATABASE_URL=" + s.Postgres.URL(),
		"AUTOPILOT_SLACK_BOT_TOKEN=" + s.Slack.BotToken(),
		"AUTOPILOT_SLACK_APP_TOKEN=" + s.Slack.AppToken(),
		"AUTOPILOT_WEBHOOK_TOKEN=" + s.WebhookToken,
		"AWS_ACCESS_KEY_ID=" + aws.DefaultIdentity.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + aws.DefaultIdentity.Secret,
	}, append(ForgeEnv(), s.cfg.BotEnv...)...)}
	if err := s.run(ctx, BotPart, s.Bot); err != nil || len(s.cfg.Breaking) == 0 {
		return err
	}
	return s.startBreaker(ctx)
}

// dir is a part's own folder.
func (s *Stand) dir(p Part) string { return filepath.Join(s.cfg.Dir, string(p)) }

func (s *Stand) onStop(name string, stop func(context.Context) error) {
	s.stack = append(s.stack, cleanup{name, stop})
}

// Stop stops the parts, last started first, each within a minute, and goes on
// when one fails. A second Stop does nothing.
func (s *Stand) Stop(ctx context.Context) error {
	var errs []error
	for _, c := range slices.Backward(s.stack) {
		s.cfg.Progress("stopping " + c.name)
		ctx, cancel := context.WithTimeout(ctx, stopPatience)
		if err := c.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", c.name, err))
		}
		cancel()
	}
	s.stack = nil
	return errors.Join(errs...)
}

// Healthy fails, naming each part that is ill, unless all parts are well.
func (s *Stand) Healthy(ctx context.Context) error {
	var errs []error
	check := func(name Part, healthy func(context.Context) error) {
		if s.cfg.has(name) {
			if err := healthy(ctx); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	check(SlackPart, func(ctx context.Context) error { return ready(ctx, s.Slack.URL()+"/") })
	check(PostgresPart, s.Postgres.Healthy)
	check(ClusterPart, func(ctx context.Context) error {
		var ill []string
		for name, err := range s.Cluster.Health(ctx) {
			if err != nil {
				ill = append(ill, name+": "+err.Error())
			}
		}
		slices.Sort(ill)
		if len(ill) > 0 {
			return errors.New(strings.Join(ill, "; "))
		}
		return nil
	})
	check(ExporterPart, s.Exporter.Healthy)
	check(AlertmanagerPart, s.Alertmanager.Healthy)
	check(PrometheusPart, s.Prometheus.Healthy)
	check(BotPart, s.Bot.Healthy)
	return errors.Join(errs...)
}
