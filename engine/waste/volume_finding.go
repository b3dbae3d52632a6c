package waste

import (
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// target names a volume: by the cluster and namespace that it was made for, where those are known.
func (d *volumeSurvey) target(o *orphan) engine.Target {
	t := engine.Target{
		Workload: engine.Workload{Kind: engine.KindVolume, Name: o.ID},
		Provider: o.ID, Account: d.account.ID, Region: d.account.Region,
	}
	if o.cluster != nil {
		t.Cluster = o.cluster.Name
		t.Namespace, _, _ = strings.Cut(o.claimName(), "/")
	}
	return t
}

// claimName is the namespace/name of the claim that a volume was made for; "" when nobody knows.
func (o *orphan) claimName() string {
	for _, r := range o.retained {
		if ref := r.pv.Spec.ClaimRef; ref != nil {
			return ref.Namespace + "/" + ref.Name
		}
	}
	if o.origin.claim == "" {
		return ""
	}
	return o.origin.namespace + "/" + o.origin.claim
}

// finding tells of an orphan, or why it is not worth telling.
func (d *volumeSurvey) finding(o *orphan) (f engine.Finding, why string) {
	t := d.target(o)
	f = engine.Finding{
		Key: Key(engine.OrphanVolume, t), Kind: engine.OrphanVolume, Target: t, Cash: true, Basis: o.Price.Basis,
		Lever: "Volume " + o.ID + ": take a snapshot, then delete it.",
		Volume: &engine.VolumeRemoval{
			Type: o.Type, GiB: o.GiB, IOPS: o.IOPS, Throughput: o.Throughput, Zone: o.Zone, CreatedAt: o.CreatedAt, DetachedAt: o.detached,
			Cause: o.cause, Claim: o.claimName(), PV: o.origin.pv, Plan: d.plan(o),
			Tags: o.Tags, SnapshotMonthly: o.Price.SnapshotPerMonth,
		},
	}
	for _, c := range d.s.Clusters {
		f.Volume.Searched = append(f.Volume.Searched, c.Name)
	}
	if len(o.retained) > 0 {
		f.Volume.PV = o.retained[0].pv.Name
	}
	if o.copy != nil {
		f.Volume.Snapshot, f.Volume.SnapshotAt = o.copy.ID, o.copy.At
		f.Lever = "Volume " + o.ID + ": delete it; snapshot " + o.copy.ID + " was taken since it was first seen detached."
	}
	if why = d.price(o, &f); why != "" {
		return engine.Finding{}, why
	}
	if o.cluster != nil {
		f.Owner = owner(o.cluster, namespacesOf(o.cluster), d.r, t.Namespace, o.Tags)
	} else if team, tag := teamOf(o.Tags, d.r); team != "" {
		f.Owner = engine.Owner{Team: team, By: "tag " + tag}
	}
	d.confide(o, &f)
	f.Group, _ = GroupOf(f)
	return f, ""
}

// price nets what the volume costs with what its snapshot will.
func (d *volumeSurvey) price(o *orphan, f *engine.Finding) (why string) {
	if o.Price.Basis.Source == engine.PriceUnknown || o.Price.PerMonth <= 0 {
		f.Basis = engine.PriceBasis{}
		f.Caveats = append(f.Caveats, "The price of "+o.Type+" in "+d.account.Region+" is not known, so that no dollar is counted.")
		return ""
	}
	f.Monthly = o.Price.PerMonth
	if o.copy == nil {
		f.Monthly -= o.Price.SnapshotPerMonth
		f.Caveats = append(f.Caveats, fmt.Sprintf("The snapshot is netted at %s a month, which is the most that it can cost: it is priced by the blocks that were written.",
			o.Price.SnapshotPerMonth))
	}
	if f.Monthly <= 0 {
		return skipWorthless
	}
	f.Whole = f.Monthly
	return ""
}

// plan gives the exact steps. Ids and the region were checked to be nothing but ids; names are quoted.
func (d *volumeSurvey) plan(o *orphan) []string {
	region := d.account.Region
	var steps []string
	if o.copy == nil {
		steps = append(steps,
			fmt.Sprintf("SNAPSHOT=$(aws ec2 create-snapshot --region %s --volume-id %s --description 'last of %s before its deletion' --query SnapshotId --output text)", region, o.ID, o.ID),
			fmt.Sprintf(`aws ec2 wait snapshot-completed --region %s --snapshot-ids "$SNAPSHOT"`, region))
	}
	steps = append(steps, fmt.Sprintf("aws ec2 delete-volume --region %s --volume-id %s", region, o.ID))
	for _, r := range o.retained {
		steps = append(steps, fmt.Sprintf("kubectl --context %s delete pv %s", shell(r.cluster.Name), shell(r.pv.Name)))
	}
	return steps
}

// shell quotes a word for a shell where it needs quotes.
func shell(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@", r)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" && word[0] != '-' {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// confide says how sure it is that nobody wants the volume, and what could go wrong.
func (d *volumeSurvey) confide(o *orphan, f *engine.Finding) {
	days := d.s.At.Sub(o.detached).Hours() / 24
	f.Reasons = append(f.Reasons,
		fmt.Sprintf("Nothing was attached to it whenever a scan looked, for %.0f days.", days),
		"No PersistentVolume, claim, workload or backup of "+strings.Join(f.Volume.Searched, ", ")+" has a use for it.")
	switch o.cause {
	case causeReleased:
		f.Confidence, f.Risk = 0.9, engine.RiskMedium
		f.Reasons = append(f.Reasons, fmt.Sprintf("PersistentVolume %s is Released: its claim %s was deleted.", f.Volume.PV, o.claimName()))
		f.Risks = append(f.Risks, "Its reclaim policy is Retain: somebody wanted its data to outlive the claim.")
	case causeLeaked:
		f.Confidence, f.Risk = 0.85, engine.RiskLow
		f.Reasons = append(f.Reasons, "A cluster made it, and no PersistentVolume stands for it any more.")
		if len(o.origin.clusters) == 0 {
			f.Confidence, f.Risk = 0.6, engine.RiskMedium
			f.Risks = append(f.Risks, "Its tags do not name the cluster that made it: it may be one that is not configured.")
		}
	default:
		f.Confidence, f.Risk = 0.5, engine.RiskHigh
		f.Reasons = append(f.Reasons, "No tag names a cluster.")
		f.Risks = append(f.Risks, "Nothing says who made it or what for: ask before it goes.")
		if len(d.strangers) > 0 {
			f.Confidence -= 0.1
			f.Risks = append(f.Risks, "It may be of "+strings.Join(d.strangers, ", ")+", which is in the account and not configured: nobody asked there.")
		}
	}
	if o.superseded {
		f.Confidence -= 0.1
		f.Risks = append(f.Risks, "Its claim has another volume now: this one may hold what was there before.")
	}
	if o.copy == nil {
		f.Risks = append(f.Risks, "No snapshot of it has been taken since it was detached: one is made first.")
	} else {
		f.Reasons = append(f.Reasons, fmt.Sprintf("Snapshot %s was taken since it was first seen detached.", o.copy.ID))
	}
	if days >= 30 {
		f.Confidence += 0.05
	}
}
