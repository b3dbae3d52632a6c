package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/loki"
)

// LokiConfig is the Loki that keeps a cluster's logs. AUTOPILOT_LOKI_TOKEN is its bearer token, or the password of Username.
type LokiConfig struct {
	URL      string            `yaml:"url"`      // with the path prefix, if any, and without /loki/api
	Tenant   string            `yaml:"tenant"`   // sent as X-Scope-OrgID; empty for a Loki of one tenant
	Username string            `yaml:"username"` // for basic authentication; empty: the token is a bearer token
	CAFile   string            `yaml:"ca_file"`  // certificates in PEM that are trusted beside the system's
	Labels   LokiLabelsConfig  `yaml:"labels"`
	Match    map[string]string `yaml:"match"` // labels of this cluster's streams in a Loki that holds those of several, such as cluster: prod-eu
}

// LokiLabelsConfig names the labels that say whose log a stream is.
type LokiLabelsConfig struct {
	Namespace string `yaml:"namespace"` // the label with the namespace; default namespace
	Pod       string `yaml:"pod"`       // the label with the pod; default pod
	Container string `yaml:"container"` // the label with the container; default container
}

// lokiTenantRE is what Loki takes: names that may be files, and several joined by a bar.
var lokiTenantRE = regexp.MustCompile(`^[A-Za-z0-9!_.*'()|-]{1,150}$`)

func (v *validator) loki(where at, c *LokiConfig, holds map[string]int) {
	if c == nil {
		return
	}
	v.optionalURL(where.with("url"), c.URL)
	if c.URL == "" {
		v.bad(where.with("url"), "is missing; such as http://loki.monitoring:3100")
	}
	if c.Tenant != "" && !lokiTenantRE.MatchString(c.Tenant) {
		v.bad(where.with("tenant"), "%q is not a tenant; letters, digits and !_.*'()- are wanted", c.Tenant)
	}
	for _, l := range []struct{ key, label string }{{"namespace", c.Labels.Namespace}, {"pod", c.Labels.Pod}, {"container", c.Labels.Container}} {
		if l.label != "" && !promLabelRE.MatchString(l.label) {
			v.bad(where.with("labels", l.key), "%q is not a label; such as k8s_%s_name", l.label, l.key)
		}
	}
	for _, label := range slices.Sorted(maps.Keys(c.Match)) {
		if !promLabelRE.MatchString(label) || c.Match[label] == "" {
			v.bad(where.with("match"), "%s: %q is not a label and its value; such as cluster: prod-eu", label, c.Match[label])
		}
	}
	if holds[c.holder()] > 1 && len(c.Match) == 0 {
		v.bad(where, "%s holds the logs of several clusters; match must say which streams are of this one, such as {cluster: prod-eu}", c.URL)
	}
}

// holder is what may hold the logs of several clusters; "" for none.
func (c *LokiConfig) holder() string {
	if c == nil || c.URL == "" {
		return ""
	}
	return c.URL + " " + c.Tenant
}

// connectLoki prepares a cluster's Loki; nil where there is none. It fails with Invalid for a file of certificates that is none.
func connectLoki(c *LokiConfig, secrets Secrets, m *metrics) (*loki.Loki, error) {
	if c == nil {
		return nil, nil
	}
	cfg := loki.Config{
		URL: c.URL, Tenant: c.Tenant, Username: c.Username, Token: secrets.LokiToken, Transport: m.transport("loki"),
		Labels: loki.Labels{Namespace: c.Labels.Namespace, Pod: c.Labels.Pod, Container: c.Labels.Container}, Match: c.Match,
	}
	if c.CAFile != "" {
		data, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, engine.Wrap(engine.Invalid, err, "loki.ca_file cannot be read")
		}
		trusting, err := loki.Trusting(data)
		if err != nil {
			return nil, fmt.Errorf("loki.ca_file: %w", err)
		}
		cfg.Transport = trusting
		if m != nil {
			cfg.Transport = m.around("loki")(trusting)
		}
	}
	return loki.Connect(cfg)
}

// logsOf gives what the Show logs button reads: what the node keeps, and what Loki does where it keeps nothing.
func logsOf(c connected, lines int) func(context.Context, engine.Incident) (engine.LogExcerpt, error) {
	if c.loki == nil {
		return c.kube.LogsOf
	}
	return orKept(c.kube.LogsOf, func(ctx context.Context, i engine.Incident) (engine.LogExcerpt, error) {
		return c.loki.Tail(ctx, i, lines)
	})
}

// orKept asks the second where the first has nothing or does not answer. What the first said stands where the second has nothing either.
func orKept(first, second func(context.Context, engine.Incident) (engine.LogExcerpt, error)) func(context.Context, engine.Incident) (engine.LogExcerpt, error) {
	return func(ctx context.Context, i engine.Incident) (engine.LogExcerpt, error) {
		node, err := first(ctx, i)
		if code := engine.CodeOf(err); code != engine.NotFound && code != engine.Unavailable {
			return node, err
		}
		if kept, other := second(ctx, i); other == nil {
			return kept, nil
		}
		return node, err
	}
}
