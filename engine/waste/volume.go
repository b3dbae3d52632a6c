package waste

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Volumes finds block volumes that nobody has a use for. That nothing is attached proves nothing: a volume is an orphan only when
// no configured cluster has a use for it, no tag says that it belongs to something else, and it has been detached, by our own clock,
// for as long as the rules ask. Nothing is deleted without a snapshot.
type Volumes struct{}

// Name is the kind of its findings.
func (Volumes) Name() engine.FindingKind { return engine.OrphanVolume }

// Why a volume is no orphan.
const (
	skipAttached  = "it is attached"
	skipState     = "it is in a state of passing"
	skipShared    = "it is made to be attached to several instances"
	skipBadID     = "its id or region is not one of AWS"
	skipManaged   = "a service or a backup tool manages it"
	skipKeepTag   = "a tag asks that it be kept"
	skipForeign   = "it belongs to a cluster that is not configured"
	skipMaybe     = "it may belong to a cluster that is not configured"
	skipWanted    = "something still refers to it"
	skipClaim     = "something still wants its claim"
	skipBlind     = "not everyone who could want it could be asked"
	skipNew       = "it is younger than the grace period"
	skipFirst     = "it was seen detached for the first time"
	skipGrace     = "it has been detached for less than the grace period"
	skipWorthless = "a snapshot of it may cost as much as it does"
)

// Why a volume is an orphan.
const (
	causeReleased  = "released"  // a PersistentVolume that was to be retained still stands for it, and its claim is gone
	causeLeaked    = "leaked"    // a cluster made it, and none knows it any more
	causeUnmanaged = "unmanaged" // nothing says who made it
)

// Detect looks at the volumes of every account.
func (Volumes) Detect(s *Snapshot, r Rules) ([]engine.Finding, []Skip) {
	d := &volumeSurvey{s: s, r: r, wants: newWants(s.Clusters), blind: s.unasked()}
	var findings []engine.Finding
	var skips []Skip
	for i := range s.Accounts {
		a := &s.Accounts[i]
		d.account, d.strangers, d.snapshots = a, s.strangers(a), map[string][]VolumeSnapshot{}
		for _, snap := range a.Snapshots {
			d.snapshots[snap.VolumeID] = append(d.snapshots[snap.VolumeID], snap)
		}
		for _, v := range a.Volumes {
			f, skip := d.judge(v)
			if skip.Reason != "" {
				skips = append(skips, skip)
			} else {
				findings = append(findings, f)
			}
		}
	}
	return findings, skips
}

// volumeSurvey is the judgement of the volumes of one account at a time.
type volumeSurvey struct {
	s         *Snapshot
	r         Rules
	wants     *wants
	blind     string // who could not be asked; "" when everyone could
	account   *Account
	strangers []string // clusters that the account shows and that are not configured
	snapshots map[string][]VolumeSnapshot
}

// orphan is a volume on its way to being a finding.
type orphan struct {
	Volume
	origin     origin
	cluster    *Cluster // that made it; nil when it cannot be told, or none did
	retained   []retained
	cause      string
	superseded bool // its claim has another volume now
	detached   time.Time
	copy       *VolumeSnapshot // taken since; nil when it must be made
}

// unasked names who could not say what they want: a cluster that was not read whole, or its backup tools.
func (s *Snapshot) unasked() string {
	var names []string
	for _, c := range s.Clusters {
		switch {
		case !c.Complete:
			names = append(names, "cluster "+c.Name)
		case lacks(c.Missing, PartBackups):
			names = append(names, "the backup tools of cluster "+c.Name)
		}
	}
	if len(s.Clusters) == 0 {
		names = []string{"any cluster"}
	}
	return strings.Join(names, ", ")
}

// called finds the configured cluster of an account that goes by a name; nil when there is none.
func (s *Snapshot) called(name string, a *Account) *Cluster {
	for i := range s.Clusters {
		c := &s.Clusters[i]
		if (c.Name == name || c.EKSName == name) && c.in(a) {
			return c
		}
	}
	return nil
}

// in tells whether a cluster is, for all that is known, in an account and region.
func (c *Cluster) in(a *Account) bool {
	return (c.Account == "" || c.Account == a.ID) && (c.Region == "" || c.Region == a.Region)
}

// strangers names the clusters that leave traces in an account and are not configured.
func (s *Snapshot) strangers(a *Account) []string {
	var names []string
	note := func(name string) {
		if name != "" && s.called(name, a) == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, i := range a.Instances {
		for _, name := range originOf(i.Tags).clusters {
			note(name)
		}
	}
	for _, g := range a.Groups {
		note(g.Cluster)
		for _, name := range originOf(g.Tags).clusters {
			note(name)
		}
	}
	for _, v := range a.Volumes {
		for _, name := range originOf(v.Tags).clusters {
			note(name)
		}
	}
	slices.Sort(names)
	return names
}

var (
	volumeIDs = regexp.MustCompile(`^vol-[0-9a-f]{1,32}$`)
	regions   = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
)

// judge decides about one volume: it is a finding, or the skip has a reason.
func (d *volumeSurvey) judge(v Volume) (engine.Finding, Skip) {
	o := orphan{Volume: v, origin: originOf(v.Tags), retained: d.wants.released[v.ID]}
	reason, detail := d.standing(&o)
	if reason == "" {
		reason, detail = d.belonging(&o)
	}
	if reason == "" {
		reason, detail = d.waiting(&o)
	}
	if reason == "" {
		f, why := d.finding(&o)
		if why == "" {
			return f, Skip{}
		}
		reason = why
	}
	t := d.target(&o)
	return engine.Finding{}, Skip{Key: Key(engine.OrphanVolume, t), Kind: engine.OrphanVolume, Target: t, Reason: reason, Detail: detail}
}

// standing looks at the volume itself.
func (d *volumeSurvey) standing(o *orphan) (reason, detail string) {
	switch {
	case o.State == "in-use" || len(o.Attachments) > 0:
		if len(o.Attachments) > 0 {
			detail = strings.TrimSpace(o.Attachments[0].Instance + " " + o.Attachments[0].InstanceState)
		}
		return skipAttached, detail
	case o.State != "available":
		return skipState, o.State
	case !volumeIDs.MatchString(o.ID) || !regions.MatchString(d.account.Region):
		return skipBadID, o.ID + " in " + d.account.Region
	case o.MultiAttach:
		return skipShared, ""
	}
	if tag := managedBy(o.Tags); tag != "" {
		return skipManaged, tag
	}
	if tag := keptBy(o.Tags); tag != "" {
		return skipKeepTag, tag
	}
	return "", ""
}

// belonging looks for whose it is, and whether anyone has a use for it.
func (d *volumeSurvey) belonging(o *orphan) (reason, detail string) {
	for _, name := range o.origin.clusters {
		c := d.s.called(name, d.account)
		if c == nil {
			return skipForeign, name
		}
		o.cluster = c
	}
	if who := d.wants.volumes[o.ID]; who != "" {
		return skipWanted, who
	}
	if d.blind != "" {
		return skipBlind, d.blind
	}
	if lacks(d.account.Missing, PartVolumes, PartSnapshots, PartInstances) {
		return skipBlind, "account " + d.account.ID
	}
	switch {
	case len(o.retained) > 0:
		o.cause = causeReleased
		if o.cluster == nil {
			o.cluster = o.retained[0].cluster
		}
	case o.origin.kubernetes:
		o.cause = causeLeaked
		if o.cluster == nil {
			if len(d.strangers) > 0 {
				return skipMaybe, strings.Join(d.strangers, ", ")
			}
			here := d.clustersHere()
			if len(here) == 0 {
				return skipMaybe, "none of account " + d.account.ID + " is"
			}
			if len(here) == 1 {
				o.cluster = here[0]
			}
		}
	default:
		o.cause = causeUnmanaged
	}
	return d.claims(o)
}

func (d *volumeSurvey) clustersHere() []*Cluster {
	var here []*Cluster
	for i := range d.s.Clusters {
		if c := &d.s.Clusters[i]; c.in(d.account) {
			here = append(here, c)
		}
	}
	return here
}

// claims asks who would want the claims that the volume was behind: in the cluster that made it, or in all where that is not known.
func (d *volumeSurvey) claims(o *orphan) (reason, detail string) {
	type ask struct {
		key claimKey
		pv  string
	}
	var asks []ask
	if o.origin.claim != "" {
		for _, c := range d.s.Clusters {
			if o.cluster == nil || o.cluster.Name == c.Name {
				asks = append(asks, ask{claimKey{c.Name, o.origin.namespace, o.origin.claim}, o.origin.pv})
			}
		}
	}
	for _, r := range o.retained {
		if ref := r.pv.Spec.ClaimRef; ref != nil {
			asks = append(asks, ask{claimKey{r.cluster.Name, ref.Namespace, ref.Name}, r.pv.Name})
		}
	}
	for _, a := range asks {
		who, superseded := d.wants.of(a.key, o.ID, a.pv)
		if who != "" {
			return skipClaim, who
		}
		o.superseded = o.superseded || superseded
	}
	return "", ""
}

// waiting looks at the clocks.
func (d *volumeSurvey) waiting(o *orphan) (reason, detail string) {
	since, ok := d.s.Since[o.DetachedKey(d.account.ID)]
	switch {
	case d.s.At.Sub(o.CreatedAt) < d.r.Grace:
		return skipNew, o.CreatedAt.UTC().Format(time.DateOnly)
	case !ok:
		return skipFirst, ""
	case d.s.At.Sub(since) < d.r.Grace:
		return skipGrace, fmt.Sprintf("since %s", since.UTC().Format(time.DateOnly))
	}
	o.detached = since
	for i, snap := range d.snapshots[o.ID] {
		if snap.State == "completed" && snap.At.After(since) && !d.passing(snap) && (o.copy == nil || snap.At.After(o.copy.At)) {
			o.copy = &d.snapshots[o.ID][i]
		}
	}
	return "", ""
}

// passing tells whether somebody else will delete a snapshot when its time has come.
func (d *volumeSurvey) passing(snap VolumeSnapshot) bool {
	if managedBy(snap.Tags) != "" || d.wants.volumes[snap.ID] != "" {
		return true
	}
	for key := range snap.Tags {
		if strings.HasPrefix(key, "kubernetes.io/created-for/volumesnapshot") || strings.HasPrefix(key, "ebs.csi.aws.com/") || key == "CSIVolumeSnapshotName" {
			return true
		}
	}
	return false
}
