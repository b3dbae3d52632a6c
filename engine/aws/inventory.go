package aws

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// Inventory lists what the account has in its region: instances, volumes, its own snapshots, and the groups that keep nodes; those of
// the named EKS clusters with what EKS says of them. A part that could not be listed whole is empty and in Missing, and a gap says why:
// a part of a list would prove things that are not so.
func (a *Account) Inventory(ctx context.Context, clusters []string) (waste.Account, []engine.Gap) {
	out := waste.Account{Region: a.region, Name: a.name}
	who, err := a.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		out.Missing = []waste.Part{waste.PartInstances, waste.PartVolumes, waste.PartSnapshots, waste.PartGroups}
		return out, []engine.Gap{a.gap(failed(err, "AWS does not say who we are"))}
	}
	out.ID = aws.ToString(who.Account)
	type part struct {
		part waste.Part
		list func(context.Context) error
		err  error
	}
	parts := []part{
		{part: waste.PartInstances, list: func(ctx context.Context) (err error) { out.Instances, err = a.instances(ctx); return err }},
		{part: waste.PartVolumes, list: func(ctx context.Context) (err error) { out.Volumes, err = a.volumes(ctx); return err }},
		{part: waste.PartSnapshots, list: func(ctx context.Context) (err error) { out.Snapshots, err = a.snapshots(ctx); return err }},
		{part: waste.PartGroups, list: func(ctx context.Context) (err error) { out.Groups, err = a.groups(ctx, clusters); return err }},
	}
	var all sync.WaitGroup
	if len(clusters) > 0 {
		parts = append(parts, part{part: waste.PartSupport, list: func(ctx context.Context) (err error) { out.Clusters, err = a.support(ctx, clusters); return err }})
	}
	for i := range parts {
		all.Go(func() { parts[i].err = parts[i].list(ctx) })
	}
	all.Wait()
	var gaps []engine.Gap
	for _, p := range parts {
		if p.err != nil {
			out.Missing = append(out.Missing, p.part)
			gaps = append(gaps, a.gap(p.err))
		}
	}
	stateOfAttached(&out)
	return out, gaps
}

// stateOfAttached tells volumes the state of the instances that they are at.
func stateOfAttached(account *waste.Account) {
	states := make(map[string]string, len(account.Instances))
	for _, i := range account.Instances {
		states[i.ID] = i.State
	}
	for _, v := range account.Volumes {
		for i := range v.Attachments {
			v.Attachments[i].InstanceState = states[v.Attachments[i].Instance]
		}
	}
}

// gap says what of this account could not be had.
func (a *Account) gap(err error) engine.Gap {
	collector := "aws " + a.region
	if a.name != "" {
		collector = "aws " + a.name + " " + a.region
	}
	reason := engine.UserMessage(err, "aws")
	if engine.CodeOf(err) == engine.Forbidden {
		reason += ": AWS refuses; autopilot doctor says which permission is missing"
	}
	return engine.Gap{Collector: collector, Reason: reason}
}
