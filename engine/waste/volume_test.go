package waste

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const orphanID = "vol-0abc"

// diskWorld is two clusters and one account with one volume that nothing is attached to: cluster prod made it for the claim
// shop/data-db-0, and nobody knows it any more.
type diskWorld struct{ *Snapshot }

func newDiskWorld() diskWorld {
	at := time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	w := diskWorld{&Snapshot{
		At: at,
		Clusters: []Cluster{
			{Name: "prod", EKSName: "prod-eks", Account: "111", Region: "eu-west-1", Complete: true, Team: map[string]string{"shop": "storefront"}},
			{Name: "stage", EKSName: "stage-eks", Account: "222", Region: "eu-west-1", Complete: true},
		},
		Accounts: []Account{{ID: "111", Region: "eu-west-1", Volumes: []Volume{{
			ID: orphanID, Type: "gp3", Zone: "eu-west-1a", State: "available", GiB: 100, IOPS: 3000, Throughput: 125, CreatedAt: at.Add(-90 * day),
			Tags: map[string]string{
				"kubernetes.io/cluster/prod-eks": "owned", "ebs.csi.aws.com/cluster": "true", "CSIVolumeName": "pvc-1",
				"kubernetes.io/created-for/pvc/name": "data-db-0", "kubernetes.io/created-for/pvc/namespace": "shop", "kubernetes.io/created-for/pv/name": "pvc-1",
			},
			Price: engine.VolumePrice{PerMonth: engine.Dollars(8.8), SnapshotPerMonth: engine.Dollars(5), Basis: engine.PriceBasis{Source: engine.PriceList}},
		}}}},
	}}
	w.Since = map[string]time.Time{w.volume().DetachedKey("111"): at.Add(-10 * day)}
	return w
}

func (w diskWorld) prod() *Cluster    { return &w.Clusters[0] }
func (w diskWorld) stage() *Cluster   { return &w.Clusters[1] }
func (w diskWorld) account() *Account { return &w.Accounts[0] }
func (w diskWorld) volume() *Volume   { return &w.Accounts[0].Volumes[0] }

// persistent is a PersistentVolume for the orphan.
func persistent(name string, phase corev1.PersistentVolumePhase, policy corev1.PersistentVolumeReclaimPolicy) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: ebsDriver, VolumeHandle: orphanID}},
			PersistentVolumeReclaimPolicy: policy,
			ClaimRef:                      &corev1.ObjectReference{Namespace: "shop", Name: "data-db-0"},
		},
		Status: corev1.PersistentVolumeStatus{Phase: phase},
	}
}

func claimFor(pv string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data-db-0"}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: pv}}
}

func shop(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }

// mounting is a template that mounts the claim.
func mounting(claim string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{Spec: corev1.PodSpec{Volumes: []corev1.Volume{volumeOf("v", corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
	})}}}
}

func setOf(name, template string, replicas int32) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{ObjectMeta: shop(name), Spec: appsv1.StatefulSetSpec{
		Replicas: &replicas, VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: template}}},
	}}
}

// judge gives the finding about the first volume, or the skip.
func (w diskWorld) judge(t *testing.T) (engine.Finding, Skip) {
	t.Helper()
	findings, skips := Volumes{}.Detect(w.Snapshot, DefaultRules())
	if len(findings)+len(skips) != len(w.account().Volumes) {
		t.Fatalf("%d findings and %d skips of %d volumes", len(findings), len(skips), len(w.account().Volumes))
	}
	for _, s := range skips {
		if s.Target.Provider == w.volume().ID {
			return engine.Finding{}, s
		}
	}
	return findings[0], Skip{}
}

func TestOrphanVolume(t *testing.T) {
	w := newDiskWorld()
	f, skip := w.judge(t)
	if skip.Reason != "" {
		t.Fatalf("skipped for %q: %q", skip.Reason, skip.Detail)
	}
	want := &engine.VolumeRemoval{
		Type: "gp3", GiB: 100, IOPS: 3000, Throughput: 125, Zone: "eu-west-1a", CreatedAt: w.At.Add(-90 * day), DetachedAt: w.At.Add(-10 * day),
		Cause: causeLeaked, Claim: "shop/data-db-0", PV: "pvc-1", Tags: w.volume().Tags, SnapshotMonthly: engine.Dollars(5), Searched: []string{"prod", "stage"},
		Plan: []string{
			"SNAPSHOT=$(aws ec2 create-snapshot --region eu-west-1 --volume-id vol-0abc --description 'last of vol-0abc before its deletion' --query SnapshotId --output text)",
			`aws ec2 wait snapshot-completed --region eu-west-1 --snapshot-ids "$SNAPSHOT"`,
			"aws ec2 delete-volume --region eu-west-1 --volume-id vol-0abc",
		},
	}
	if d := cmp.Diff(want, f.Volume); d != "" {
		t.Errorf("removal (-want +got):\n%s", d)
	}
	if want := engine.Dollars(3.8); f.Monthly != want || f.Whole != want || !f.Cash || !has(f.Caveats, "netted at $5.00") {
		t.Errorf("monthly %s, whole %s, cash %v, caveats %q; want %s", f.Monthly, f.Whole, f.Cash, f.Caveats, want)
	}
	if want := (engine.Target{
		Workload: engine.Workload{Cluster: "prod", Namespace: "shop", Kind: engine.KindVolume, Name: orphanID}, Provider: orphanID, Account: "111", Region: "eu-west-1",
	}); f.Target != want {
		t.Errorf("target %+v, want %+v", f.Target, want)
	}
	if f.Owner.Team != "storefront" || f.Key != Key(engine.OrphanVolume, f.Target) || f.Group == "" || f.Risk != engine.RiskLow || f.Confidence < 0.8 {
		t.Errorf("owner %+v, key %q, group %q, risk %s, confidence %v", f.Owner, f.Key, f.Group, f.Risk, f.Confidence)
	}
}

// Each case would be an orphan but for the one thing that it changes.
func TestVolumeThatIsNoOrphan(t *testing.T) {
	retain, remove := corev1.PersistentVolumeReclaimRetain, corev1.PersistentVolumeReclaimDelete
	tag := func(key, value string) func(w diskWorld) {
		return func(w diskWorld) { w.volume().Tags[key] = value }
	}
	attached := func(state, instance string) func(w diskWorld) {
		return func(w diskWorld) {
			w.volume().Attachments = []Attachment{{Instance: "i-1", InstanceState: instance, State: state}}
		}
	}
	state := func(s string) func(w diskWorld) { return func(w diskWorld) { w.volume().State = s } }
	pv := func(p *corev1.PersistentVolume) func(w diskWorld) {
		return func(w diskWorld) { w.prod().Volumes = append(w.prod().Volumes, p) }
	}
	legacy := persistent("old", corev1.VolumeBound, retain)
	legacy.Spec.PersistentVolumeSource = corev1.PersistentVolumeSource{AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: "aws://eu-west-1a/" + orphanID}}
	dying := persistent("pvc-1", corev1.VolumeReleased, retain)
	dying.DeletionTimestamp = &metav1.Time{Time: time.Now()}

	tests := map[string]struct {
		change func(w diskWorld)
		reason string
		detail string
	}{
		"attached":               {func(w diskWorld) { state("in-use")(w); attached("attached", "running")(w) }, skipAttached, "i-1 running"},
		"of a stopped instance":  {func(w diskWorld) { state("in-use")(w); attached("attached", "stopped")(w) }, skipAttached, "i-1 stopped"},
		"attaching":              {attached("attaching", "running"), skipAttached, "i-1"},
		"detaching":              {attached("detaching", "running"), skipAttached, "i-1"},
		"busy":                   {attached("busy", ""), skipAttached, "i-1"},
		"in use by an unknown":   {state("in-use"), skipAttached, ""},
		"creating":               {state("creating"), skipState, "creating"},
		"deleting":               {state("deleting"), skipState, "deleting"},
		"error":                  {state("error"), skipState, "error"},
		"no state":               {state(""), skipState, ""},
		"no id of AWS":           {func(w diskWorld) { w.volume().ID = "vol-1; reboot" }, skipBadID, "reboot"},
		"no region of AWS":       {func(w diskWorld) { w.account().Region = "eu-west-1 $(x)"; w.prod().Region = w.account().Region }, skipBadID, ""},
		"multi-attach":           {func(w diskWorld) { w.volume().MultiAttach = true }, skipShared, ""},
		"AWS Backup":             {tag("aws:backup:source-resource", "x"), skipManaged, "aws:backup"},
		"lifecycle manager":      {tag("aws:dlm:lifecycle-policy-id", "x"), skipManaged, "aws:dlm"},
		"CloudFormation":         {tag("aws:cloudformation:stack-name", "x"), skipManaged, "aws:cloudformation"},
		"Velero":                 {tag("velero.io/backup", "nightly"), skipManaged, "velero.io"},
		"ECS":                    {tag("AmazonECSManaged", "true"), skipManaged, "AmazonECSManaged"},
		"do not delete":          {tag("do-not-delete", "true"), skipKeepTag, "do-not-delete=true"},
		"do not delete, spelled": {tag("DoNotDelete", ""), skipKeepTag, "DoNotDelete"},
		"keep":                   {tag("acme.io/keep", "yes"), skipKeepTag, "acme.io/keep"},
		"lifecycle: retain":      {tag("lifecycle", "Retain"), skipKeepTag, "lifecycle=Retain"},
		"legal hold":             {tag("legal_hold", "case 7"), skipKeepTag, "legal_hold"},

		"another cluster":                {tag("kubernetes.io/cluster/other", "owned"), skipForeign, "other"},
		"another cluster, shared":        {tag("kubernetes.io/cluster/other", "shared"), skipForeign, "other"},
		"another cluster by the driver":  {tag("ebs.csi.aws.com/cluster-name", "other"), skipForeign, "other"},
		"another cluster, set by people": {tag("ebs.csi.aws.com/cluster", "other"), skipForeign, "other"},
		"another cluster by kops":        {tag("KubernetesCluster", "other"), skipForeign, "other"},
		"another cluster by EKS":         {tag("eks:eks-cluster-name", "other"), skipForeign, "other"},
		"its name in another account":    {func(w diskWorld) { w.prod().Account = "333" }, skipForeign, "prod-eks"},
		"its name in another region":     {func(w diskWorld) { w.prod().Region = "us-east-1" }, skipForeign, "prod-eks"},
		"made by none that is named, with a stranger about": {func(w diskWorld) {
			delete(w.volume().Tags, "kubernetes.io/cluster/prod-eks")
			w.account().Instances = []Instance{{ID: "i-1", Tags: map[string]string{"kubernetes.io/cluster/other": "owned"}}}
		}, skipMaybe, "other"},
		"made by none that is named, where none is": {func(w diskWorld) {
			delete(w.volume().Tags, "kubernetes.io/cluster/prod-eks")
			w.prod().Account = "333"
		}, skipMaybe, "none of account 111"},

		"bound":         {pv(persistent("pvc-1", corev1.VolumeBound, remove)), skipWanted, "PersistentVolume pvc-1 of cluster prod is bound to shop/data-db-0"},
		"bound, of old": {pv(legacy), skipWanted, "PersistentVolume old of cluster prod"},
		"bound in another cluster": {func(w diskWorld) {
			w.stage().Volumes = []*corev1.PersistentVolume{persistent("static", corev1.VolumeBound, retain)}
		}, skipWanted, "cluster stage"},
		"available":               {pv(persistent("pvc-1", corev1.VolumeAvailable, retain)), skipWanted, "offers it"},
		"pending":                 {pv(persistent("pvc-1", corev1.VolumePending, retain)), skipWanted, "offers it"},
		"released, to be deleted": {pv(persistent("pvc-1", corev1.VolumeReleased, remove)), skipWanted, "to be deleted by its cluster"},
		"deletion failed":         {pv(persistent("pvc-1", corev1.VolumeFailed, remove)), skipWanted, "to be deleted by its cluster"},
		"released, being deleted": {pv(dying), skipWanted, "being deleted"},
		"released here, used there": {func(w diskWorld) {
			pv(persistent("a", corev1.VolumeReleased, retain))(w)
			w.stage().Volumes = []*corev1.PersistentVolume{persistent("b", corev1.VolumeBound, retain)}
		}, skipWanted, "PersistentVolume b"},
		"claim names it":        {func(w diskWorld) { w.prod().Claims = []*corev1.PersistentVolumeClaim{claimFor("pvc-1")} }, skipClaim, "still names it"},
		"claim waits":           {func(w diskWorld) { w.prod().Claims = []*corev1.PersistentVolumeClaim{claimFor("")} }, skipClaim, "waits for a volume"},
		"claim lost its volume": {func(w diskWorld) { w.prod().Claims = []*corev1.PersistentVolumeClaim{claimFor("gone")} }, skipClaim, "still names it"},
		"StatefulSet":           {func(w diskWorld) { w.prod().StatefulSets = []*appsv1.StatefulSet{setOf("db", "data", 3)} }, skipClaim, "StatefulSet shop/db of cluster prod"},
		"StatefulSet at 0":      {func(w diskWorld) { w.prod().StatefulSets = []*appsv1.StatefulSet{setOf("db", "data", 0)} }, skipClaim, "StatefulSet shop/db"},
		"StatefulSet, high ordinal": {func(w diskWorld) {
			w.prod().StatefulSets = []*appsv1.StatefulSet{setOf("db", "data", 1)}
			tag("kubernetes.io/created-for/pvc/name", "data-db-17")(w)
		}, skipClaim, "data-db-17"},
		"Deployment at 0": {func(w diskWorld) {
			w.prod().Deployments = []*appsv1.Deployment{{ObjectMeta: shop("api"), Spec: appsv1.DeploymentSpec{Template: mounting("data-db-0")}}}
		}, skipClaim, "Deployment shop/api"},
		"ReplicaSet": {func(w diskWorld) {
			w.prod().ReplicaSets = []*appsv1.ReplicaSet{{ObjectMeta: shop("api"), Spec: appsv1.ReplicaSetSpec{Template: mounting("data-db-0")}}}
		}, skipClaim, "ReplicaSet shop/api"},
		"DaemonSet": {func(w diskWorld) {
			w.prod().DaemonSets = []*appsv1.DaemonSet{{ObjectMeta: shop("api"), Spec: appsv1.DaemonSetSpec{Template: mounting("data-db-0")}}}
		}, skipClaim, "DaemonSet shop/api"},
		"StatefulSet that mounts": {func(w diskWorld) {
			w.prod().StatefulSets = []*appsv1.StatefulSet{{ObjectMeta: shop("api"), Spec: appsv1.StatefulSetSpec{Template: mounting("data-db-0")}}}
		}, skipClaim, "StatefulSet shop/api"},
		"CronJob": {func(w diskWorld) {
			w.prod().CronJobs = []*batchv1.CronJob{{ObjectMeta: shop("nightly"), Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: mounting("data-db-0")}}}}}
		}, skipClaim, "CronJob shop/nightly"},
		"Job": {func(w diskWorld) {
			w.prod().Jobs = []*batchv1.Job{{ObjectMeta: shop("once"), Spec: batchv1.JobSpec{Template: mounting("data-db-0")}}}
		}, skipClaim, "Job shop/once"},
		"pod": {func(w diskWorld) {
			w.prod().Pods = []*corev1.Pod{{ObjectMeta: shop("bare"), Spec: mounting("data-db-0").Spec}}
		}, skipClaim, "Pod shop/bare"},
		"pod without a claim": {func(w diskWorld) {
			w.prod().Pods = []*corev1.Pod{{ObjectMeta: shop("bare"), Spec: corev1.PodSpec{Volumes: []corev1.Volume{volumeOf("v", corev1.VolumeSource{
				AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: orphanID},
			})}}}}
		}, skipWanted, "Pod shop/bare"},
		"backup tool": {func(w diskWorld) { w.stage().Wanted = map[string]string{orphanID: "Velero backup nightly"} }, skipWanted, "Velero backup nightly of cluster stage"},
		"released, set at 0": {func(w diskWorld) {
			pv(persistent("pvc-1", corev1.VolumeReleased, retain))(w)
			w.prod().StatefulSets = []*appsv1.StatefulSet{setOf("db", "data", 0)}
		}, skipClaim, "StatefulSet shop/db"},
		"released, untagged, set at 0": {func(w diskWorld) {
			w.volume().Tags = nil
			pv(persistent("pvc-1", corev1.VolumeReleased, retain))(w)
			w.prod().StatefulSets = []*appsv1.StatefulSet{setOf("db", "data", 0)}
		}, skipClaim, "StatefulSet shop/db"},

		"cluster not read":      {func(w diskWorld) { w.stage().Complete = false }, skipBlind, "cluster stage"},
		"backups not read":      {func(w diskWorld) { w.stage().Missing = []Part{PartBackups} }, skipBlind, "the backup tools of cluster stage"},
		"no cluster, no tags":   {func(w diskWorld) { w.Clusters = nil; w.volume().Tags = nil }, skipBlind, "any cluster"},
		"snapshots not read":    {func(w diskWorld) { w.account().Missing = []Part{PartSnapshots} }, skipBlind, "account 111"},
		"young":                 {func(w diskWorld) { w.volume().CreatedAt = w.At.Add(-6 * day) }, skipNew, "2026-11-12"},
		"never seen before":     {func(w diskWorld) { w.Since = nil }, skipFirst, ""},
		"of another account":    {func(w diskWorld) { w.Since = map[string]time.Time{w.volume().DetachedKey("222"): w.At.Add(-90 * day)} }, skipFirst, ""},
		"detached days ago":     {func(w diskWorld) { w.Since[w.volume().DetachedKey("111")] = w.At.Add(-7*day + time.Second) }, skipGrace, "since 2026-11-11"},
		"cheaper than its copy": {func(w diskWorld) { w.volume().Price.SnapshotPerMonth = w.volume().Price.PerMonth }, skipWorthless, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newDiskWorld()
			test.change(w)
			f, skip := w.judge(t)
			if f.Key != "" {
				t.Fatalf("it is found: %+v", f.Volume)
			}
			if skip.Reason != test.reason || !strings.Contains(skip.Detail, test.detail) {
				t.Errorf("skipped for %q: %q; want %q: %q", skip.Reason, skip.Detail, test.reason, test.detail)
			}
			if skip.Key != Key(engine.OrphanVolume, skip.Target) || skip.Kind != engine.OrphanVolume {
				t.Errorf("skip of %q, kind %q", skip.Key, skip.Kind)
			}
		})
	}
}

// Each case differs from the leaked volume, and is an orphan all the same.
func TestVolumeThatIsAnOrphanAllTheSame(t *testing.T) {
	released := func(w diskWorld) {
		w.prod().Volumes = []*corev1.PersistentVolume{persistent("pvc-1", corev1.VolumeReleased, corev1.PersistentVolumeReclaimRetain)}
	}
	tests := map[string]struct {
		change func(w diskWorld)
		cause  string
		risk   engine.Risk
		says   string // among its risks
		last   string // step of the plan
	}{
		"released":                {released, causeReleased, engine.RiskMedium, "reclaim policy is Retain", "kubectl --context prod delete pv pvc-1"},
		"released, without a tag": {func(w diskWorld) { released(w); w.volume().Tags = nil }, causeReleased, engine.RiskMedium, "Retain", "kubectl --context prod delete pv pvc-1"},
		"context with a space":    {func(w diskWorld) { released(w); w.prod().Name = "my prod" }, causeReleased, engine.RiskMedium, "Retain", "kubectl --context 'my prod' delete pv pvc-1"},
		"released and superseded": {func(w diskWorld) {
			released(w)
			next := persistent("pvc-2", corev1.VolumeBound, corev1.PersistentVolumeReclaimRetain)
			next.Spec.CSI.VolumeHandle = "vol-2"
			w.prod().Volumes = append(w.prod().Volumes, next)
			w.prod().Claims = []*corev1.PersistentVolumeClaim{claimFor("pvc-2")}
			w.prod().StatefulSets = []*appsv1.StatefulSet{setOf("db", "data", 1)}
		}, causeReleased, engine.RiskMedium, "another volume now", "kubectl --context prod delete pv pvc-1"},
		"leaked, its cluster not named": {func(w diskWorld) { delete(w.volume().Tags, "kubernetes.io/cluster/prod-eks") }, causeLeaked, engine.RiskMedium, "do not name the cluster", ""},
		"unmanaged":                     {func(w diskWorld) { w.volume().Tags = map[string]string{"Name": "scratch"} }, causeUnmanaged, engine.RiskHigh, "Nothing says who made it", ""},
		"a tag that says no":            {func(w diskWorld) { w.volume().Tags["keep"] = "false" }, causeLeaked, engine.RiskLow, "No snapshot", ""},
		"a set of another name": {func(w diskWorld) {
			w.prod().StatefulSets = []*appsv1.StatefulSet{setOf("dbx", "data", 1), setOf("db", "logs", 1)}
		}, causeLeaked, engine.RiskLow, "No snapshot", ""},
		"no ordinal": {func(w diskWorld) {
			w.prod().StatefulSets = []*appsv1.StatefulSet{setOf("db", "data", 1)}
			w.volume().Tags["kubernetes.io/created-for/pvc/name"] = "data-db-x1"
		}, causeLeaked, engine.RiskLow, "No snapshot", ""},
		"a set of another cluster": {func(w diskWorld) { w.stage().StatefulSets = []*appsv1.StatefulSet{setOf("db", "data", 1)} }, causeLeaked, engine.RiskLow, "No snapshot", ""},
		"a set of another namespace": {func(w diskWorld) {
			s := setOf("db", "data", 1)
			s.Namespace = "bank"
			w.prod().StatefulSets = []*appsv1.StatefulSet{s}
		}, causeLeaked, engine.RiskLow, "No snapshot", ""},
		"named by its configured name": {func(w diskWorld) {
			delete(w.volume().Tags, "kubernetes.io/cluster/prod-eks")
			w.volume().Tags["KubernetesCluster"] = "prod"
		}, causeLeaked, engine.RiskLow, "No snapshot", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newDiskWorld()
			test.change(w)
			f, skip := w.judge(t)
			if skip.Reason != "" {
				t.Fatalf("skipped for %q: %q", skip.Reason, skip.Detail)
			}
			last := f.Volume.Plan[len(f.Volume.Plan)-1]
			if want := orElse(test.last, "aws ec2 delete-volume --region eu-west-1 --volume-id vol-0abc"); last != want {
				t.Errorf("last step %q, want %q", last, want)
			}
			if f.Volume.Cause != test.cause || f.Risk != test.risk || !has(f.Risks, test.says) {
				t.Errorf("cause %s, risk %s %q; want %s, %s, %q", f.Volume.Cause, f.Risk, f.Risks, test.cause, test.risk, test.says)
			}
		})
	}
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func TestSurestOrphansAreThoseThatAClusterKnows(t *testing.T) {
	sure := func(change func(w diskWorld)) float64 {
		w := newDiskWorld()
		change(w)
		f, skip := w.judge(t)
		if skip.Reason != "" {
			t.Fatalf("skipped for %q: %q", skip.Reason, skip.Detail)
		}
		return f.Confidence
	}
	released := sure(func(w diskWorld) {
		w.prod().Volumes = []*corev1.PersistentVolume{persistent("pvc-1", corev1.VolumeReleased, corev1.PersistentVolumeReclaimRetain)}
	})
	leaked := sure(func(diskWorld) {})
	nameless := sure(func(w diskWorld) { delete(w.volume().Tags, "kubernetes.io/cluster/prod-eks") })
	unmanaged := sure(func(w diskWorld) { w.volume().Tags = nil })
	if released <= leaked || leaked <= nameless || nameless <= unmanaged {
		t.Errorf("released %v, leaked %v, nameless %v, unmanaged %v; want them to fall", released, leaked, nameless, unmanaged)
	}
	if long := sure(func(w diskWorld) { w.Since[w.volume().DetachedKey("111")] = w.At.Add(-40 * day) }); long <= leaked {
		t.Errorf("after 40 days %v, after 10 %v; want more", long, leaked)
	}
}

func TestSnapshotThatIsThere(t *testing.T) {
	detached := newDiskWorld().At.Add(-10 * day)
	good := VolumeSnapshot{ID: "snap-1", VolumeID: orphanID, State: "completed", At: detached.Add(day), GiB: 100}
	with := func(change func(s *VolumeSnapshot)) VolumeSnapshot {
		s := good
		change(&s)
		return s
	}
	tests := map[string]struct {
		snapshots []VolumeSnapshot
		wanted    map[string]string
		use       string
	}{
		"none":                {nil, nil, ""},
		"one":                 {[]VolumeSnapshot{good}, nil, "snap-1"},
		"newest":              {[]VolumeSnapshot{good, with(func(s *VolumeSnapshot) { s.ID, s.At = "snap-2", s.At.Add(day) }), with(func(s *VolumeSnapshot) { s.ID = "snap-0" })}, nil, "snap-2"},
		"not completed":       {[]VolumeSnapshot{with(func(s *VolumeSnapshot) { s.State = "pending" })}, nil, ""},
		"failed":              {[]VolumeSnapshot{with(func(s *VolumeSnapshot) { s.State = "error" })}, nil, ""},
		"from before":         {[]VolumeSnapshot{with(func(s *VolumeSnapshot) { s.At = detached.Add(-time.Hour) })}, nil, ""},
		"of another volume":   {[]VolumeSnapshot{with(func(s *VolumeSnapshot) { s.VolumeID = "vol-2" })}, nil, ""},
		"expires, DLM":        {[]VolumeSnapshot{with(func(s *VolumeSnapshot) { s.Tags = map[string]string{"aws:dlm:lifecycle-policy-id": "p"} })}, nil, ""},
		"expires, Velero":     {[]VolumeSnapshot{with(func(s *VolumeSnapshot) { s.Tags = map[string]string{"velero.io/backup": "b"} })}, nil, ""},
		"goes with a CSI one": {[]VolumeSnapshot{with(func(s *VolumeSnapshot) { s.Tags = map[string]string{"CSIVolumeSnapshotName": "s"} })}, nil, ""},
		"belongs to a backup": {[]VolumeSnapshot{good}, map[string]string{"snap-1": "Velero backup"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newDiskWorld()
			w.account().Snapshots, w.prod().Wanted = test.snapshots, test.wanted
			f, skip := w.judge(t)
			if skip.Reason != "" {
				t.Fatalf("skipped for %q: %q", skip.Reason, skip.Detail)
			}
			made := strings.Contains(f.Volume.Plan[0], "create-snapshot")
			want := engine.Dollars(8.8)
			if test.use == "" {
				want = engine.Dollars(3.8)
			}
			if f.Volume.Snapshot != test.use || made != (test.use == "") || f.Monthly != want {
				t.Errorf("snapshot %q, makes one: %v, monthly %s; want %q, %v, %s", f.Volume.Snapshot, made, f.Monthly, test.use, test.use == "", want)
			}
		})
	}
}

func TestVolumeWithoutPrice(t *testing.T) {
	w := newDiskWorld()
	w.volume().Price = engine.VolumePrice{}
	f, skip := w.judge(t)
	if skip.Reason != "" || f.Monthly != 0 || f.Whole != 0 || !has(f.Caveats, "price of gp3 in eu-west-1 is not known") {
		t.Errorf("skip %q, monthly %s, caveats %q", skip.Reason, f.Monthly, f.Caveats)
	}
}

func TestTeamOfAVolume(t *testing.T) {
	w := newDiskWorld()
	w.volume().Tags = map[string]string{"team": "data"}
	f, _ := w.judge(t)
	if f.Owner != (engine.Owner{Team: "data", By: "tag team"}) {
		t.Errorf("owner %+v", f.Owner)
	}
	w.prod().Volumes = []*corev1.PersistentVolume{persistent("pvc-1", corev1.VolumeReleased, corev1.PersistentVolumeReclaimRetain)}
	w.volume().Tags = nil
	w.prod().Namespaces = []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "checkout"}}}}
	if f, _ = w.judge(t); f.Owner.Team != "checkout" {
		t.Errorf("owner %+v", f.Owner)
	}
}

// An untagged volume may be of a cluster that nobody configured, and no scan sees a volume between two looks.
func TestOrphanClaimsNoMoreThanWasSeen(t *testing.T) {
	alone := newDiskWorld()
	alone.volume().Tags = nil
	w := newDiskWorld()
	w.volume().Tags = nil
	w.account().Groups = []NodeGroup{{Name: "theirs", Cluster: "lab"}}
	w.account().Snapshots = []VolumeSnapshot{{ID: "snap-1", VolumeID: orphanID, State: "completed", At: w.At.Add(-day)}}
	before, _ := alone.judge(t)
	f, skip := w.judge(t)
	if skip.Reason != "" || f.Confidence >= before.Confidence || !has(f.Risks, "of lab, which is in the account") || has(before.Risks, "not configured") {
		t.Errorf("beside a strange cluster: confidence %v, alone %v: %q, skipped for %+v", f.Confidence, before.Confidence, f.Risks, skip)
	}
	if !has(f.Reasons, "whenever a scan looked, for 10 days") || !has(f.Reasons, "taken since it was first seen detached") || !strings.Contains(f.Lever, "snap-1 was taken since") {
		t.Errorf("reasons %q, lever %q", f.Reasons, f.Lever)
	}
}
