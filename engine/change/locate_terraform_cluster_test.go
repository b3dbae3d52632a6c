package change

import (
	"slices"
	"strings"
	"testing"
)

// TestLocateByCluster has groups of one name in two clusters, whose names come from other blocks, from tags and from arguments.
func TestLocateByCluster(t *testing.T) {
	cluster := "resource \"aws_eks_cluster\" \"c\" {\n  name = local.name\n}\nlocals {\n  name = \"CLUSTER\"\n}\n"
	for name, of := range map[string]string{
		"a cluster's name":  strings.Replace(workers, `"prod"`, "aws_eks_cluster.c.name", 1) + cluster,
		"a module's output": strings.Replace(workers, `"prod"`, "module.c.cluster_name", 1) + "module \"c\" {\n  source = \"acme/eks/aws\"\n  cluster_name = \"CLUSTER\"\n}\n",
		"a tag": "resource \"aws_autoscaling_group\" \"a\" {\n  name = \"workers\"\n  min_size     = 5\n  desired_capacity = 5\n" +
			"  tag {\n    key = \"kubernetes.io/cluster/CLUSTER\"\n  }\n}\n",
	} {
		tree := memory{"a/main.tf": strings.ReplaceAll(of, "CLUSTER", "dev"), "b/main.tf": strings.ReplaceAll(of, "CLUSTER", "prod")}
		want := []string{"b/main.tf - min_size     = 5", "b/main.tf + min_size     = 4"}
		if got := tfLocated(t, tree, minWishOf("workers", "5", "4")); !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestLocateArguments has a module that is called in ways which do not say for how many.
func TestLocateArguments(t *testing.T) {
	module := sized("var.least") + "variable \"least\" {}\n"
	for call, want := range map[string]string{
		"  for_each = toset([\"x\", \"y\"])\n  least = 3\n": "declared 2 times",
		"  for_each = var.all\n  least = 3\n":               "the for_each of module.m is a variable",
		"  count = 0\n  least = 3\n":                        "no file of shop/deploy declares",
		"  for_each = { x = 3 }\n  least = each.value\n":    "",
	} {
		tree := memory{"m/main.tf": module, "main.tf": "module \"m\" {\n  source = \"./m\"\n" + call + "}\n"}
		got := tfLocated(t, tree, minWishOf("w", "3", "2"))
		if want != "" && !strings.Contains(got[0], want) || want == "" && len(got) != 2 {
			t.Errorf("%s%q, want %q", call, got, want)
		}
	}
	tree := memory{"m/main.tf": module, "main.tf": "module \"m\" {\n  source = \"./m\"\n  least = 3\n}\n", "override.tf": "module \"m\" {\n  least = 4\n}\n"}
	if got := tfLocated(t, tree, minWishOf("w", "3", "2")); !strings.Contains(got[0], "is no number, but a variable") {
		t.Errorf("an override of the call: %q", got)
	}
}

// TestRemoveVolumeOfModule has a module whose output of the volume is read by its caller, or by nobody.
func TestRemoveVolumeOfModule(t *testing.T) {
	tree := memory{
		"db/main.tf": dataVolume + "output \"id\" {\n  value = aws_ebs_volume.data.id\n}\n\nvariable \"data_size\" {}\n",
		"main.tf":    "module \"db\" {\n  source = \"./db\"\n  data_size = 3\n}\n\noutput \"read\" {\n  value = module.db.id\n}\n",
	}
	if got := tfTold(locate(t, tree, volumeWish("snap-1"))); len(got) != 2 || !strings.HasPrefix(got[1], "main.tf:7 ") {
		t.Errorf("its output is read: %q", got)
	}
	tree["main.tf"] = "module \"db\" {\n  source = \"./db\"\n  data_size = 3\n}\n"
	l := locate(t, tree, volumeWish("snap-1"))
	if got := string(l.Files["db/main.tf"]); got != "variable \"data_size\" {}\n" || len(l.Files) != 1 {
		t.Errorf("nobody reads it, and the variable has a value: %q, %q", got, tfTold(l))
	}
}
