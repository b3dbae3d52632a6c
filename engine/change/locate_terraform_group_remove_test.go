package change

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func goneWish(name, nodes string) engine.Wish {
	w := groupWishOf(name, nodes, "")
	w.Field = FieldGroup
	return w
}

// TestRemoveGroupInStages goes the whole way: empty, then gone with what refers to it.
func TestRemoveGroupInStages(t *testing.T) {
	if title := WishTitle(goneWish("workers", "5")); title != "node group workers removed" {
		t.Errorf("title %q", title)
	}
	if back, ok := Reverse(goneWish("workers", "5")); ok {
		t.Errorf("a group that is gone came back: %v", back)
	}
	tree := memory{"main.tf": "# The workers.\n" + workers + "\noutput \"workers\" {\n  value = aws_eks_node_group.workers.arn\n}\n\nlocals {\n  a = 1\n}\n"}
	first := locate(t, tree, goneWish("workers", "5"))
	want := []string{
		"main.tf - desired_size = 5 # as of May", "main.tf + desired_size = 0 # as of May",
		"main.tf - min_size     = 5", "main.tf + min_size     = 0",
		"step: First of two pull requests: it empties node group workers. When it has no nodes, a second one removes it.",
	}
	if d := cmp.Diff(want, tfTold(first)); d != "" {
		t.Fatal(d)
	}
	tree["main.tf"] = string(first.Files["main.tf"])
	second := locate(t, tree, goneWish("workers", "0"))
	if d := cmp.Diff("locals {\n  a = 1\n}\n", string(second.Files["main.tf"])); d != "" {
		t.Error(d)
	}
	steps := []string{
		"Second of two pull requests: its plan must destroy node group workers, which has no nodes, and add nothing.",
		"Output workers goes with it: make sure that no other state reads it.",
	}
	if d := cmp.Diff(steps, second.Steps); d != "" {
		t.Error(d)
	}
}

func TestRemoveGroupOfModule(t *testing.T) {
	name := "batch-20240101123456789000000001"
	tree := memory{"main.tf": eksModule("  eks_managed_node_groups = {\n    general = { min_size = 1 },\n\n    # at night\n    batch = {\n      min_size = 0\n    },\n  }")}
	want := eksModule("  eks_managed_node_groups = {\n    general = { min_size = 1 },\n  }")
	if d := cmp.Diff(want, string(locate(t, tree, goneWish(name, "0")).Files["main.tf"])); d != "" {
		t.Error(d)
	}
	tree["role.tf"] = "resource \"aws_iam_role_policy_attachment\" \"a\" {\n  role = module.eks.eks_managed_node_groups[\"batch\"].iam_role_name\n}\n"
	if got := tfTold(locate(t, tree, goneWish(name, "0"))); len(got) != 2 || !strings.HasPrefix(got[1], "role.tf:2 ") {
		t.Errorf("its role is read: %q", got)
	}
	tree = memory{"main.tf": eksModule("  eks_managed_node_groups = { batch = { min_size = 0 } }")}
	if got := tfTold(locate(t, tree, goneWish(name, "0"))); !strings.Contains(got[0], "holds something else, too") {
		t.Errorf("on one line with others: %q", got)
	}
}

func TestRemoveGroupRefuses(t *testing.T) {
	empty := strings.NewReplacer("= 5", "= 0").Replace(workers)
	for _, c := range []struct {
		name string
		tree memory
		want string
		at   string
	}{
		{"it is not empty by the file", memory{"main.tf": workers}, "have drifted apart", "main.tf:1"},
		{"something depends on it", memory{"main.tf": empty + "resource \"x\" \"y\" {\n  depends_on = [aws_eks_node_group.workers]\n}\n"}, "as long as something else refers to aws_eks_node_group.workers", "main.tf:12"},
		{"it is protected", memory{"main.tf": strings.Replace(empty, "  scaling", "  lifecycle {\n    prevent_destroy = true\n  }\n  scaling", 1)}, "prevent_destroy", "main.tf:6"},
		{"it is one of several", memory{"main.tf": strings.Replace(strings.Replace(empty, "{", "{\n  for_each = { workers = 1, more = 2 }", 1), "= \"workers\"", "= each.key", 1)}, "makes 2", "main.tf:1"},
		{"JSON beside it", memory{"main.tf": empty, "x.tf.json": "{}"}, "x.tf.json cannot be read", "x.tf.json:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(tfTold(locate(t, c.tree, goneWish("workers", "0"))), "\n")
			if !strings.HasPrefix(got, "why: ") || !strings.Contains(got, c.want) || !strings.Contains(got, "\n"+c.at+" ") {
				t.Errorf("got %s\nwant %q at %s", got, c.want, c.at)
			}
		})
	}
}
