// Package collect gathers the evidence that diagnoses rest on from the Kubernetes API: one file for each kind of evidence.
//
// It reads whole objects of the one workload that an incident is about, at the time it is asked; package kube hands it the
// clients and gives its collectors to the handler that diagnoses. It writes nothing and never reads a Secret.
package collect

import (
	"context"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// The limits of what one diagnosis reads and shows: two hundred crashing pods cost what five do.
const (
	maxPods  = 5    // whose state is shown, the most telling first
	maxText  = 500  // bytes of an evidence line
	maxField = 2000 // bytes of a field
)

// Source is a cluster to collect from.
type Source struct {
	Cluster string
	Client  kubernetes.Interface
	Dynamic dynamic.Interface // for kinds that other projects add; nil where they are not read
	Now     func() time.Time
}

// All gives every collector, in the order in which their evidence is shown. Each looks at the cluster that the incident's
// workload names, and fails with NotFound when that is none of the sources.
func All(sources ...Source) []rca.Collector {
	desks := map[string]*desk{}
	for _, s := range sources {
		desks[s.Cluster] = &desk{Source: s, readings: map[string]*reading{}}
	}
	var all []rca.Collector
	for _, c := range []struct {
		name    string
		collect func(context.Context, *subject) ([]engine.Evidence, error)
	}{
		{"pods", pods},
		{"lost", lost},
		{"terminations", terminations},
		{"logs", logs},
		{"events", events},
		{"probes", probes},
		{"changes", changes},
		{"rollout", rollout},
		{"references", references},
		{"claims", claims},
		{"jobs", jobs},
		{"nodes", nodes},
		{"conditions", conditions},
		{"quotas", quotas},
		{"alerts", alerts},
	} {
		all = append(all, collector{name: c.name, desks: desks, collect: c.collect})
	}
	return all
}

type collector struct {
	name    string
	desks   map[string]*desk
	collect func(context.Context, *subject) ([]engine.Evidence, error)
}

// Name is the collector's name, as evidence and gaps carry it.
func (c collector) Name() string { return c.name }

// Collect gathers. What it gives is redacted and bounded, whichever collector it is from.
func (c collector) Collect(ctx context.Context, i engine.Incident) ([]engine.Evidence, error) {
	d, ok := c.desks[i.Workload.Cluster]
	if !ok {
		return nil, engine.Errorf(engine.NotFound, "no cluster is called %q here", i.Workload.Cluster)
	}
	s, err := d.subject(ctx, i)
	if err != nil {
		return nil, err
	}
	found, err := c.collect(ctx, s)
	bounded(c.name, found)
	return found, err
}

// bounded redacts evidence, and cuts what is too long.
func bounded(collector string, found []engine.Evidence) {
	for n := range found {
		e := &found[n]
		e.Collector = collector
		e.Text = clean(e.Text, maxText)
		for k, v := range e.Fields {
			if v == "" {
				delete(e.Fields, k)
				continue
			}
			e.Fields[k] = clean(v, maxField)
		}
	}
}
