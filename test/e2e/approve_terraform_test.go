package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-autopilot/autopilot/test/aws"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/labelled"
)

const (
	groupsFile = "infra/groups.tf"
	disksFile  = "infra/disks.tf"
)

// groupsTerraform declares the group with the idle node, and another one that nobody may touch.
const groupsTerraform = `# The nodes of the shop.
resource "aws_eks_node_group" "idle" {
  cluster_name    = "` + labelled.First + `"
  node_group_name = "idle"
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = var.subnets

  scaling_config {
    min_size     = 1
    desired_size = 2 # two, for the move
    max_size     = 4
  }
}

resource "aws_eks_node_group" "other" {
  cluster_name    = "` + labelled.First + `"
  node_group_name = "other"
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = var.subnets
  scaling_config {
    min_size     = 1
    desired_size = 2
    max_size     = 4
  }
}
`

const disksTerraform = `locals {
  zone = "` + labelled.Region + `a"
}

# %s, of the old database
resource "aws_ebs_volume" "old" {
  availability_zone = local.zone
  size              = 500
  type              = "gp3"
}

resource "aws_ebs_volume" "kept" {
  availability_zone = local.zone
  size              = 10 /* small */
}
`

// What Terraform declares: a node group that becomes smaller by the node that nobody needs, in one number, and a volume that is removed in
// two pull requests, the first of which takes the snapshot. The test plays Terraform: it does to AWS what the merged files say.
func TestApproveTerraform(t *testing.T) {
	ahead(t)
	t.Parallel()
	all, err := labelled.Load()
	if err != nil {
		t.Fatal(err)
	}
	leaked := all[slices.IndexFunc(all, func(c labelled.Case) bool { return c.Name == "leaked" })]
	volume := leaked.Volumes[0].ID(leaked)
	disks := fmt.Sprintf(disksTerraform, volume)
	forge := &stand.Forge{Name: declared, Files: map[string]string{groupsFile: groupsTerraform, disksFile: disks}}
	w, cloud, metrics := savingsWorld(t, "terraform", []string{"idle", "leaked"}, withForge(t, forge), func(cfg *stand.BotConfig) {
		cfg.Account = labelled.Account
		// Nobody can tell the API server that a node is older than it is.
		cfg.Extra = strings.Replace(cfg.Extra, "grace: 24h", "grace: 24h, node_age: 1m", 1)
	})
	past := w.remembered(metrics)
	w.detect("ben")
	w.scanned(1)

	// A month passes by the bot's own clock, and the volume is wanted by nobody.
	w.value(t.Context(), `UPDATE clock SET since = since - interval '30 days' RETURNING key`)
	w.detect("ben")
	w.scanned(2)
	card := w.offered(60*time.Second, "volumes of leaked/data", "Approve")
	w.approveAll(card, "ben")
	w.thread(60*time.Second, card.TS, "Pull request #1", "is open")
	first := w.merged(forge, 1, disksFile)
	if !strings.Contains(first, `resource "aws_ebs_snapshot" "old_last"`) || !strings.Contains(first, fmt.Sprintf("aws_ebs_volume.old.id == %q", volume)) ||
		!strings.HasPrefix(first, disks[:strings.Index(disks, "\nresource \"aws_ebs_volume\" \"kept\"")]) {
		t.Errorf("the file is now\n%s", first)
	}
	w.thread(60*time.Second, card.TS, "Merged")
	if n := w.value(t.Context(), `SELECT count(*)::text FROM finding WHERE key LIKE '%`+volume+`%' AND status = 'open'`); n != "1" {
		t.Errorf("%s findings of the volume are open before it is gone", n)
	}
	cloud.Change(func(world *aws.World) {
		world.Snapshots = append(world.Snapshots, aws.Snapshot{
			Account: labelled.Account, Region: labelled.Region, ID: "snap-0123456789abcdef0", VolumeID: volume, GiB: 500, Started: time.Now(),
		})
	})
	w.thread(90*time.Second, card.TS, "The snapshot is kept")
	w.chain("orphan_volume", "detected")

	// Only a scan that saw the snapshot has the volume removed.
	w.detect("ben")
	w.scanned(3)
	card = w.offered(60*time.Second, "volumes of leaked/data", "Approve")
	w.approveAll(card, "ben")
	w.thread(60*time.Second, card.TS, "Pull request #2", "is open")
	if last := w.merged(forge, 2, disksFile); strings.Contains(last, `"aws_ebs_volume" "old"`) || !strings.Contains(last, `size              = 10 /* small */`) {
		t.Errorf("the file is now\n%s", last)
	}
	cloud.Change(func(world *aws.World) {
		world.Volumes = slices.DeleteFunc(world.Volumes, func(v aws.Volume) bool { return v.ID == volume })
	})
	w.eventually(120*time.Second, "the ledger has the removal", func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT string_agg(kind, ',' ORDER BY id) FROM ledger WHERE target::text LIKE '%`+volume+`%'`) == "detected,approved,implemented", nil
	})
	w.single("volumes of leaked/data", card.TS)

	// The node is old enough at last, and the next scan finds it, and the volume gone.
	client, err := kubernetes.NewForConfig(w.cluster.RESTConfig())
	w.must(err)
	w.eventually(90*time.Second, "the node is a minute old", func(ctx context.Context) (bool, error) {
		n, err := client.CoreV1().Nodes().Get(ctx, "idle-1", metav1.GetOptions{})
		return err == nil && time.Since(n.CreationTimestamp.Time) > 61*time.Second, err
	})
	w.detect("ben")
	w.scanned(4)
	w.card(60*time.Second, "volumes of leaked/data", "nothing left to save")
	nodes := w.offered(60*time.Second, "node group idle", "Approve")
	w.restart() // which is when it next measures: what the group was before is known before anybody approves
	w.eventually(90*time.Second, "the days before are known", func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT count(*)::text FROM ledger_use u JOIN finding f ON f.id = u.finding_id WHERE f.kind = 'idle_node' AND (use ->> 'least')::float > 47`) == "14", nil
	})
	w.approveAll(nodes, "ben", "dev")
	w.thread(60*time.Second, nodes.TS, "Pull request #3", "is open")
	if got, want := w.merged(forge, 3, groupsFile), strings.Replace(groupsTerraform, "desired_size = 2 # two", "desired_size = 1 # two", 1); got != want {
		t.Errorf("the file is now\n%s", got)
	}
	w.thread(60*time.Second, nodes.TS, "Merged")
	shrinkGroup(cloud)
	w.must(client.CoreV1().Nodes().Delete(t.Context(), "idle-1", metav1.DeleteOptions{}))
	w.thread(90*time.Second, nodes.TS, "Live")
	w.chain("idle_node", "detected,approved,implemented")

	// What AWS does not have any more is off the bill, day by day: all of the volume but its snapshot, and a node around the clock.
	w.measuredLater(daysPassed, past, metrics, "idle", "leaked")
	w.measured(1, true, "orphan_volume", `(a.baseline ->> 'per_unit')::float`)
	w.measured(1, true, "idle_node", `(a.baseline ->> 'per_unit')::float * 24`)
	w.thread(60*time.Second, nodes.TS, "Verified")
	w.detect("ben")
	w.scanned(5)
	w.card(60*time.Second, "node group idle", "a month saved and verified")
	w.card(60*time.Second, "volumes of leaked/data", "a month saved and verified")
	w.must(w.openStore().VerifyAudit(t.Context()))
}

// approveAll has people approve what a card offers, one after the other.
func (w *world) approveAll(card slack.Message, people ...string) {
	w.t.Helper()
	for k, who := range people {
		w.press(who, card.TS, "Approve")
		w.choose(who)
		if k+1 < len(people) {
			w.thread(30*time.Second, card.TS, fmt.Sprintf("%d of %d approvals", k+1, len(people)))
		}
	}
}

// merged merges a pull request that changes one file, and gives what that is then. It must be HCL.
func (w *world) merged(forge *stand.Forge, number int, path string) string {
	w.t.Helper()
	pulls := forge.Pulls(declared)
	if len(pulls) != number {
		w.t.Fatalf("there are %d pull requests, want %d", len(pulls), number)
	}
	w.must(forge.Merge(declared, stand.ForgeBen, number, "squash"))
	text, err := forge.File(declared, "main", path)
	w.must(err)
	if _, problems := hclsyntax.ParseConfig([]byte(text), path, hcl.InitialPos); problems.HasErrors() {
		w.t.Errorf("%s is no HCL any more: %v\n%s", path, problems, text)
	}
	return text
}

// shrinkGroup does what Terraform has AWS do with a smaller desired size: the group gives up the instance of its idle node.
func shrinkGroup(cloud *aws.Server) {
	gone := labelled.Node{Name: "idle-1"}.ID()
	cloud.Change(func(world *aws.World) {
		world.Instances = slices.DeleteFunc(world.Instances, func(i aws.Instance) bool { return i.ID == gone })
		for k := range world.Groups {
			g := &world.Groups[k]
			if slices.Contains(g.Instances, gone) {
				g.Instances, g.Desired = slices.DeleteFunc(slices.Clone(g.Instances), func(id string) bool { return id == gone }), 1
			}
		}
		for k := range world.Clusters {
			for n := range world.Clusters[k].Nodegroups {
				if g := &world.Clusters[k].Nodegroups[n]; g.Name == "idle" {
					g.Desired = 1
				}
			}
		}
	})
}

// chain waits until the only chains of a kind of waste that went beyond their detection have these entries.
func (w *world) chain(kind, want string) {
	w.t.Helper()
	w.eventually(10*time.Second, "the ledger has "+want, func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT string_agg(DISTINCT entries, ' ') FROM
			(SELECT string_agg(kind, ',' ORDER BY id) AS entries FROM ledger WHERE type = '`+kind+`' GROUP BY chain) c`) == want, nil
	})
}
