package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
	"github.com/eks-autopilot/autopilot/engine/prom"
)

// AnomaliesConfig says how the metrics of workloads are watched. They are, without the section too, in each cluster that has a Prometheus.
type AnomaliesConfig struct {
	Enabled    *bool               `yaml:"enabled"`    // metrics are watched; default true
	Interval   time.Duration       `yaml:"interval"`   // between two looks; default 5m
	WarmUp     time.Duration       `yaml:"warm_up"`    // how long a series is only learned; default 24h
	Post       string              `yaml:"post"`       // what becomes an incident: felt, all or none; default felt
	Most       int                 `yaml:"most"`       // workloads of a cluster that are newly told at once; default 10
	Measures   []string            `yaml:"measures"`   // what is watched; cost has a section of its own
	Strictness string              `yaml:"strictness"` // loose, normal or strict; default normal
	Rules      []AnomalyRuleConfig `yaml:"rules"`      // the first that matches counts
	Requests   []FamilyConfig      `yaml:"requests"`   // in place of the metrics that are known
	Costs      SpendConfig         `yaml:"costs"`
}

// SpendConfig says how the costs of days are watched, where costs are divided (see waste).
type SpendConfig struct {
	Enabled    *bool  `yaml:"enabled"`    // days that cost more than ever are told; default true
	Channel    string `yaml:"channel"`    // default slack.channels.savings; without either nobody is told
	Strictness string `yaml:"strictness"` // loose, normal or strict; without it, that of anomalies
}

// AnomalyRuleConfig says how strictly some series are watched; every key that is set must match.
type AnomalyRuleConfig struct {
	Cluster    string   `yaml:"cluster"`    // names may have * in them
	Namespace  string   `yaml:"namespace"`  // likewise
	Workload   string   `yaml:"workload"`   // likewise
	Measures   []string `yaml:"measures"`   // empty: all
	Strictness string   `yaml:"strictness"` // loose, normal or strict
	Ignore     bool     `yaml:"ignore"`     // they are not watched at all
	Reason     string   `yaml:"reason"`     // for those who read the file
}

// FamilyConfig names the metrics that say how many requests pods served, how many failed, and how long they took.
type FamilyConfig struct {
	Name           string            `yaml:"name"`     // shown by doctor; empty: the metric's
	Requests       string            `yaml:"requests"` // a counter
	Match          map[string]string `yaml:"match"`    // labels that choose its series
	Errors         []ErrorConfig     `yaml:"errors"`
	Latency        string            `yaml:"latency"`         // a histogram or summary, without _sum and _count
	LatencyUnit    string            `yaml:"latency_unit"`    // s or ms; default s
	NamespaceLabel string            `yaml:"namespace_label"` // the label with the namespace; default namespace
	PodLabel       string            `yaml:"pod_label"`       // the label with the pod; default pod
}

// ErrorConfig chooses the series of requests that failed.
type ErrorConfig struct {
	Label   string `yaml:"label"`   // the label that says how a request ended
	Pattern string `yaml:"pattern"` // a regular expression of the whole value
}

// strictnesses by their names in the file.
var strictnesses = map[string]anomaly.Strictness{"loose": anomaly.Loose, "normal": anomaly.Normal, "strict": anomaly.Strict}

// withDefaults fills in what the section leaves out.
func (c AnomaliesConfig) withDefaults() AnomaliesConfig {
	c.Interval, c.WarmUp = cmp.Or(c.Interval, 5*time.Minute), cmp.Or(c.WarmUp, 24*time.Hour)
	c.Post, c.Most, c.Strictness = cmp.Or(c.Post, string(anomaly.PostFelt)), cmp.Or(c.Most, 10), cmp.Or(c.Strictness, "normal")
	c.Costs.Strictness = cmp.Or(c.Costs.Strictness, c.Strictness)
	if len(c.Measures) == 0 {
		for _, m := range engine.Measures {
			if m != engine.MeasureCost {
				c.Measures = append(c.Measures, string(m))
			}
		}
	}
	return c
}

// on tells whether metrics are watched.
func (c AnomaliesConfig) on() bool { return c.Enabled == nil || *c.Enabled }

// rules puts the section into the terms in which anomalies are decided.
func (c AnomaliesConfig) rules() anomaly.Rules {
	r := anomaly.Rules{Interval: c.Interval, WarmUp: c.WarmUp, Measures: measures(c.Measures), Post: anomaly.Post(c.Post), Most: c.Most}
	for _, x := range c.Rules {
		rule := anomaly.Rule{Cluster: x.Cluster, Namespace: x.Namespace, Workload: x.Workload, Measures: measures(x.Measures)}
		if !x.Ignore {
			rule.Strictness = strictnesses[x.Strictness]
		}
		r.Rules = append(r.Rules, rule)
	}
	r.Rules = append(r.Rules, anomaly.Rule{Strictness: strictnesses[c.Strictness]})
	return r
}

// spendChannel is where it is told what costs more than ever; "" for nowhere.
func (c Config) spendChannel() string {
	if c.Waste == nil || !c.Anomalies.on() || c.Anomalies.Costs.Enabled != nil && !*c.Anomalies.Costs.Enabled {
		return ""
	}
	return cmp.Or(c.Anomalies.Costs.Channel, c.Slack.Channels.Savings)
}

func (c AnomaliesConfig) families() (all []prom.Family) {
	for _, x := range c.Requests {
		f := prom.Family{
			Name: cmp.Or(x.Name, x.Requests), Requests: x.Requests, Match: x.Match, Latency: x.Latency, Namespace: x.NamespaceLabel, Pod: x.PodLabel,
		}
		if x.LatencyUnit == "ms" {
			f.Unit = 0.001
		}
		for _, e := range x.Errors {
			f.Errors = append(f.Errors, prom.Match(e))
		}
		all = append(all, f)
	}
	return all
}

func measures(names []string) (all []engine.Measure) {
	for _, n := range names {
		all = append(all, engine.Measure(n))
	}
	return all
}

// anomalies checks the section on anomalies.
func (v *validator) anomalies(c Config) {
	where, a := at{"anomalies"}, c.Anomalies
	v.within(where.with("interval"), a.Interval, time.Minute, 15*time.Minute)
	v.within(where.with("warm_up"), a.WarmUp, time.Hour, 28*24*time.Hour)
	if !slices.Contains([]anomaly.Post{anomaly.PostFelt, anomaly.PostAll, anomaly.PostNone}, anomaly.Post(a.Post)) {
		v.bad(where.with("post"), "%q is none of felt, all, none", a.Post)
	}
	if a.Most < 1 || a.Most > 100 {
		v.bad(where.with("most"), "%d is not between 1 and 100", a.Most)
	}
	v.strictness(where.with("strictness"), a.Strictness)
	if a.Costs.Strictness != a.Strictness {
		v.strictness(where.with("costs", "strictness"), a.Costs.Strictness)
	}
	if c := a.Costs.Channel; c != "" && !channelRE.MatchString(c) {
		v.bad(where.with("costs", "channel"), "%q is no channel; \"#name\" in quotes, or an id such as C0123ABC", c)
	}
	v.measures(where.with("measures"), a.Measures)
	for i, r := range a.Rules {
		rule := where.with("rules", i)
		for key, p := range map[string]string{"cluster": r.Cluster, "namespace": r.Namespace, "workload": r.Workload} {
			v.pattern(rule.with(key), p)
		}
		v.measures(rule.with("measures"), r.Measures)
		switch {
		case r.Ignore && r.Strictness != "":
			v.bad(rule.with("strictness"), "what is ignored has no strictness; remove one of the two")
		case !r.Ignore:
			v.strictness(rule.with("strictness"), r.Strictness)
		}
	}
	for i, f := range a.families() {
		if err := f.Check(); err != nil {
			v.bad(where.with("requests", i), "%s", engine.UserMessage(err, ""))
		}
		if unit := a.Requests[i].LatencyUnit; unit != "" && unit != "s" && unit != "ms" {
			v.bad(where.with("requests", i, "latency_unit"), "%q is neither s nor ms", unit)
		}
	}
}

func (v *validator) strictness(where at, name string) {
	if _, ok := strictnesses[name]; !ok {
		v.bad(where, "%q is none of loose, normal, strict", name)
	}
}

func (v *validator) measures(where at, names []string) {
	for i, n := range names {
		if m := engine.Measure(n); m == engine.MeasureCost || !slices.Contains(engine.Measures, m) {
			var known []string
			for _, m := range engine.Measures {
				if m != engine.MeasureCost {
					known = append(known, string(m))
				}
			}
			v.bad(where.with(i), "%q is none of %s", n, strings.Join(known, ", "))
		}
	}
}
