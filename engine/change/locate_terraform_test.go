package change

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// groupWishOf wishes for one node less, and for a smaller minimum where from is given for it.
func groupWishOf(name string, desired, to string, minimum ...string) engine.Wish {
	target := engine.Target{Workload: engine.Workload{Cluster: "prod"}, Region: "eu-west-1"}
	w := engine.Wish{Kind: engine.WishGroup, Target: target, Name: name, Field: FieldDesired, Old: desired, New: to}
	for _, from := range minimum {
		w.With = append(w.With, engine.Wish{Kind: engine.WishGroup, Target: target, Name: name, Field: FieldMin, Old: from, New: to})
	}
	return w
}

func minWishOf(name, from, to string) engine.Wish {
	w := groupWishOf(name, from, to)
	w.Field = FieldMin
	return w
}

// tfTold writes a Located in a few lines: what is done, or why nothing is and where to look.
func tfTold(l Located) []string {
	var lines []string
	for _, e := range l.Edits {
		for line := range strings.Lines(e.Diff) {
			if strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "---") || strings.HasPrefix(line, "+") && !strings.HasPrefix(line, "+++") {
				lines = append(lines, e.Path+" "+line[:1]+" "+strings.TrimSpace(line[1:]))
			}
		}
	}
	if l.Why != "" {
		lines = append(lines, "why: "+l.Why)
	}
	for _, p := range l.ByHand {
		lines = append(lines, fmt.Sprintf("%s:%d %s (%s)", p.Path, p.Line, p.Text, p.Note))
	}
	for _, s := range l.Steps {
		lines = append(lines, "step: "+s)
	}
	return lines
}

// tfLocated is what Locate answers, in a few lines.
func tfLocated(t *testing.T, tree memory, w engine.Wish, paths ...string) []string {
	t.Helper()
	return tfTold(locate(t, tree, w, paths...))
}

const workers = `resource "aws_eks_node_group" "workers" {
  cluster_name    = "prod"
  node_group_name = "workers"

  scaling_config {
    desired_size = 5 # as of May
    max_size     = 10
    min_size     = 5
  }
}
`

func TestLocateNodeGroup(t *testing.T) {
	for _, c := range []struct {
		name string
		tree memory
		wish engine.Wish
		want []string
	}{
		{
			"desired and minimum together",
			memory{"eks/main.tf": workers},
			groupWishOf("workers", "5", "4", "5"),
			[]string{
				"eks/main.tf - desired_size = 5 # as of May", "eks/main.tf + desired_size = 4 # as of May",
				"eks/main.tf - min_size     = 5", "eks/main.tf + min_size     = 4",
			},
		},
		{
			"the minimum goes along though nobody asked",
			memory{"eks/main.tf": workers},
			groupWishOf("workers", "5", "4"),
			[]string{
				"eks/main.tf - desired_size = 5 # as of May", "eks/main.tf + desired_size = 4 # as of May",
				"eks/main.tf - min_size     = 5", "eks/main.tf + min_size     = 4",
			},
		},
		{
			"the minimum alone",
			memory{"eks/main.tf": workers},
			minWishOf("workers", "5", "3"),
			[]string{"eks/main.tf - min_size     = 5", "eks/main.tf + min_size     = 3"},
		},
		{
			"quoted numbers stay quoted",
			memory{"a.tf": "resource \"aws_autoscaling_group\" \"a\" {\n  name_prefix = \"batch-\"\n  min_size = \"1\"\n  desired_capacity = \"4\"\n}\n"},
			groupWishOf("batch-20240101123456789000000001", "4", "3"),
			[]string{"a.tf - desired_capacity = \"4\"", "a.tf + desired_capacity = \"3\""},
		},
		{
			"drift",
			memory{"eks/main.tf": workers},
			groupWishOf("workers", "7", "6"),
			[]string{
				"why: eks/main.tf has desired_size = 5, and the live node group has 7: the file and the group have drifted apart",
				"eks/main.tf:6 desired_size = 5 # as of May (desired_size of aws_eks_node_group.workers)",
			},
		},
		{
			"done already",
			memory{"eks/main.tf": workers},
			minWishOf("workers", "6", "5"),
			[]string{
				"why: eks/main.tf has min_size = 5 already; it is not applied yet, or something else changed the group since",
				"eks/main.tf:8 min_size     = 5 (min_size of aws_eks_node_group.workers)",
			},
		},
		{
			"another cluster's",
			memory{"eks/main.tf": strings.Replace(workers, `"prod"`, `"staging"`, 1)},
			groupWishOf("workers", "5", "4"),
			[]string{
				"why: node group workers is declared for cluster staging, not for prod",
				"eks/main.tf:6 desired_size = 5 # as of May (desired_size of aws_eks_node_group.workers)",
			},
		},
		{
			"the one of the cluster, of two",
			memory{
				"staging/main.tf": strings.Replace(workers, `"prod"`, `"staging"`, 1), "prod/main.tf": workers,
			},
			minWishOf("workers", "5", "4"),
			[]string{"prod/main.tf - min_size     = 5", "prod/main.tf + min_size     = 4"},
		},
		{
			"found twice",
			memory{"a/main.tf": workers, "b/main.tf": workers},
			minWishOf("workers", "5", "4"),
			[]string{
				"why: node group workers is declared 2 times",
				"a/main.tf:8 min_size     = 5 (min_size of aws_eks_node_group.workers)",
				"b/main.tf:8 min_size     = 5 (min_size of aws_eks_node_group.workers)",
			},
		},
		{
			"nowhere",
			memory{"main.tf": workers},
			minWishOf("other", "5", "4"),
			[]string{"why: no file of shop/deploy declares node group other"},
		},
		{
			"Terraform in JSON",
			memory{"main.tf": workers, "b.tf.json": "{\n\"name\": \"other\"}"},
			minWishOf("other", "5", "4"),
			[]string{"why: other is in a file that is not edited", `b.tf.json:2 "name": "other"} (b.tf.json is Terraform in JSON, which is not edited; change it by hand)`},
		},
		{
			"an override file",
			memory{"main.tf": workers, "override.tf": "resource \"aws_eks_node_group\" \"workers\" {\n}\n"},
			minWishOf("workers", "5", "4"),
			[]string{
				"why: aws_eks_node_group.workers is changed by an override file",
				`main.tf:1 resource "aws_eks_node_group" "workers" { (aws_eks_node_group.workers)`,
				`override.tf:1 resource "aws_eks_node_group" "workers" { (overrides it)`,
			},
		},
		{
			"more than the maximum",
			memory{"main.tf": workers},
			groupWishOf("workers", "5", "11"),
			[]string{
				"why: desired_size of node group workers cannot be 11: max_size is 10",
				`main.tf:1 resource "aws_eks_node_group" "workers" { (aws_eks_node_group.workers)`,
			},
		},
		{
			"a minimum above the desired size",
			memory{"main.tf": workers},
			minWishOf("workers", "5", "6"),
			[]string{
				"why: min_size of node group workers cannot be 6: desired_size is 5",
				`main.tf:1 resource "aws_eks_node_group" "workers" { (aws_eks_node_group.workers)`,
			},
		},
		{
			"a dynamic block",
			memory{"main.tf": "resource \"aws_eks_node_group\" \"w\" {\n  node_group_name = \"w\"\n  dynamic \"scaling_config\" {\n    for_each = [1]\n    content {}\n  }\n}\n"},
			minWishOf("w", "5", "4"),
			[]string{"why: node group w cannot be read: its scaling_config is not written as one plain block", `main.tf:1 resource "aws_eks_node_group" "w" { (aws_eks_node_group.w)`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, tfLocated(t, c.tree, c.wish)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestLocateIgnoredSize(t *testing.T) {
	ignoring := func(what string) memory {
		return memory{"main.tf": strings.TrimSuffix(workers, "}\n") + "\n  lifecycle {\n    ignore_changes = " + what + "\n  }\n}\n"}
	}
	step := "run: aws eks update-nodegroup-config --cluster-name prod --nodegroup-name workers --scaling-config desiredSize=4 --region eu-west-1"
	lowered := []string{
		"main.tf - min_size     = 5", "main.tf + min_size     = 4",
		"step: Terraform ignores changes of desired_size (main.tf line 12). After the apply, " + step,
	}
	for _, what := range []string{"[scaling_config[0].desired_size]", "[tags, scaling_config[0].desired_size]", `["scaling_config.desired_size"]`} {
		for _, w := range []engine.Wish{groupWishOf("workers", "5", "4"), groupWishOf("workers", "5", "4", "5")} {
			if d := cmp.Diff(lowered, tfLocated(t, ignoring(what), w)); d != "" {
				t.Errorf("%s: %s", what, d)
			}
		}
	}
	for _, what := range []string{"all", "[scaling_config]", "[scaling_config[0]]"} {
		got := tfLocated(t, ignoring(what), groupWishOf("workers", "5", "4"))
		if len(got) != 3 || got[0] != "why: Terraform ignores changes of the size of node group workers; "+step {
			t.Errorf("%s: %q", what, got)
		}
	}
	if got := tfLocated(t, ignoring("[tags]"), groupWishOf("workers", "5", "4")); len(got) != 4 {
		t.Errorf("tags are ignored, and not the size: %q", got)
	}
	tree := ignoring("[scaling_config[0].desired_size]")
	tree["main.tf"] = strings.Replace(tree["main.tf"], "min_size     = 5", "min_size     = 2", 1)
	if got := tfLocated(t, tree, groupWishOf("workers", "5", "4")); got[0] != "why: Terraform ignores changes of desired_size of node group workers; "+step {
		t.Errorf("nothing to lower: %q", got)
	}
}

// eksModule calls terraform-aws-modules/eks with some groups.
func eksModule(groups string) string {
	return "module \"eks\" {\n  source = \"terraform-aws-modules/eks/aws\"\n  version = \"~> 20.0\"\n  cluster_name = \"prod\"\n" + groups + "\n}\n"
}

func TestLocateModuleGroup(t *testing.T) {
	for _, c := range []struct {
		name string
		tree memory
		wish engine.Wish
		want []string
	}{
		{
			"by its key and a suffix",
			memory{"main.tf": eksModule("  eks_managed_node_groups = {\n    general = { desired_size = 3, min_size = 3 }\n    batch = { min_size = 3 }\n  }")},
			minWishOf("general-20240101123456789000000001", "3", "2"),
			[]string{"main.tf - general = { desired_size = 3, min_size = 3 }", "main.tf + general = { desired_size = 3, min_size = 2 }"},
		},
		{
			"its key without a suffix is another group",
			memory{"main.tf": eksModule("  eks_managed_node_groups = {\n    general = { min_size = 3 }\n  }")},
			minWishOf("general", "3", "2"),
			[]string{"why: no file of shop/deploy declares node group general"},
		},
		{
			"without a prefix, quoted key",
			memory{"main.tf": eksModule("  eks_managed_node_groups = {\n    \"general\" : {\n      use_name_prefix = false\n      name = \"gp\"\n      min_size : 3,\n    },\n  }")},
			minWishOf("gp", "3", "2"),
			[]string{"main.tf - min_size : 3,", "main.tf + min_size : 2,"},
		},
		{
			"a minimum that is the module's own",
			memory{"main.tf": eksModule("  self_managed_node_groups = {\n    gpu = {\n      desired_size = 1\n    }\n  }")},
			minWishOf("gpu-20240101123456789000000001", "1", "0"),
			[]string{"main.tf + min_size     = 0"},
		},
		{
			"a minimum of the defaults",
			memory{"main.tf": eksModule("  eks_managed_node_group_defaults = { min_size = 2, use_name_prefix = false }\n  eks_managed_node_groups = {\n    gpu = {}\n    cpu = {}\n  }")},
			minWishOf("gpu", "2", "1"),
			[]string{"main.tf - gpu = {}", "main.tf + gpu = { min_size = 1 }"},
		},
		{
			"a minimum of the defaults that differs",
			memory{"main.tf": eksModule("  eks_managed_node_group_defaults = { min_size = 2, use_name_prefix = false }\n  eks_managed_node_groups = {\n    gpu = {}\n  }")},
			minWishOf("gpu", "3", "1"),
			[]string{
				"why: node group gpu has min_size from the defaults of module.eks (2), and the live group has 3", "main.tf:7 gpu = {} (node group gpu)",
			},
		},
		{
			"desired is ignored by the module",
			memory{"main.tf": eksModule("  eks_managed_node_groups = {\n    general = {\n      desired_size = 3\n      min_size = 3\n    }\n  }")},
			groupWishOf("general-20240101123456789000000001", "3", "2", "3"),
			[]string{
				"main.tf - min_size = 3", "main.tf + min_size = 2",
				"step: Terraform ignores changes of desired_size (main.tf line 6). After the apply, run: aws eks update-nodegroup-config --cluster-name prod --nodegroup-name general-20240101123456789000000001 --scaling-config desiredSize=2 --region eu-west-1",
			},
		},
		{
			"groups that are merged",
			memory{"main.tf": eksModule("  eks_managed_node_groups = merge(local.a, { general = { min_size = 3 } })"), "locals.tf": "locals {\n  a = {}\n}\n"},
			minWishOf("general-20240101123456789000000001", "3", "2"),
			[]string{
				"why: no file names node group general-20240101123456789000000001; it may be one of those whose name cannot be told from the files",
				"main.tf:5 eks_managed_node_groups = merge(local.a, { general = { min_size = 3 } }) (eks_managed_node_groups is a call of merge)",
			},
		},
		{
			"a local value that is used once",
			memory{"main.tf": eksModule("  eks_managed_node_groups = local.groups"), "locals.tf": "locals {\n  groups = {\n    general = {\n      min_size = 3\n    }\n  }\n}\n"},
			minWishOf("general-20240101123456789000000001", "3", "2"),
			[]string{"locals.tf - min_size = 3", "locals.tf + min_size = 2"},
		},
		{
			"a local value that is used twice",
			memory{
				"main.tf":   eksModule("  eks_managed_node_groups = local.groups"),
				"locals.tf": "locals {\n  groups = {\n    general = {\n      min_size = 3\n    }\n  }\n}\noutput \"o\" {\n  value = keys(local.groups)\n}\n",
			},
			minWishOf("general-20240101123456789000000001", "3", "2"),
			[]string{
				"why: min_size of node group general- is not set for it alone: local value groups is used 2 times",
				"locals.tf:2 groups = { (local value groups)",
				"locals.tf:4 min_size = 3 (min_size of module.eks)",
				"locals.tf:4 min_size = 3 (the value)",
			},
		},
		{
			"through a module of our own",
			memory{
				"modules/eks/main.tf": strings.Replace(eksModule("  eks_managed_node_groups = var.groups"), `"prod"`, "var.name", 1) + "variable \"groups\" {}\nvariable \"name\" {}\n",
				"prod/main.tf":        "module \"eks\" {\n  source = \"../modules/eks\"\n  name = \"prod\"\n  groups = {\n    general = { min_size = 3 }\n  }\n}\n",
				"dev/main.tf":         "module \"eks\" {\n  source = \"../modules/eks\"\n  name = \"dev\"\n  groups = {\n    general = { min_size = 1 }\n  }\n}\n",
			},
			minWishOf("general-20240101123456789000000001", "3", "2"),
			[]string{"prod/main.tf - general = { min_size = 3 }", "prod/main.tf + general = { min_size = 2 }"},
		},
		{
			"the module of one group",
			memory{"main.tf": "module \"g\" {\n  source = \"terraform-aws-modules/eks/aws//modules/eks-managed-node-group\"\n  name = \"one\"\n  cluster_name = \"prod\"\n  min_size = 2\n}\n"},
			minWishOf("one-20240101123456789000000001", "2", "1"),
			[]string{"main.tf - min_size = 2", "main.tf + min_size = 1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, tfLocated(t, c.tree, c.wish)); d != "" {
				t.Error(d)
			}
		})
	}
}

// sized declares a group whose minimum is an expression, in a root module.
func sized(minimum string) string {
	return "resource \"aws_eks_node_group\" \"w\" {\n  node_group_name = \"w\"\n  cluster_name = \"prod\"\n  scaling_config {\n    desired_size = 9\n    max_size = 9\n    min_size = " + minimum + "\n  }\n}\n"
}

func TestLocateThroughReferences(t *testing.T) {
	variable := "variable \"least\" {\n  type = number\n  default = 3\n}\n"
	edited := func(p, line string) []string {
		return []string{p + " - " + line, p + " + " + strings.Replace(line, "3", "2", 1)}
	}
	for _, c := range []struct {
		name string
		tree memory
		want []string // nil for a refusal of which why is a part
		why  string
	}{
		{"the default of a variable", memory{"main.tf": sized("var.least"), "variables.tf": variable}, edited("variables.tf", "default = 3"), ""},
		{"in quotes", memory{"main.tf": sized("\"${var.least}\""), "variables.tf": variable}, edited("variables.tf", "default = 3"), ""},
		{"converted", memory{"main.tf": sized("tonumber(var.least)"), "variables.tf": variable}, edited("variables.tf", "default = 3"), ""},
		{"terraform.tfvars beats the default", memory{"main.tf": sized("var.least"), "variables.tf": variable, "terraform.tfvars": "least = 3\n"}, edited("terraform.tfvars", "least = 3"), ""},
		{"the only values there are", memory{"main.tf": sized("var.least"), "variables.tf": "variable \"least\" {}\n", "prod.tfvars": "least = 3\n"}, edited("prod.tfvars", "least = 3"), ""},
		{"a part of a variable", memory{"main.tf": sized("var.size.least"), "variables.tf": "variable \"size\" {}\n", "terraform.tfvars": "size = {\n  least = 3\n}\n"}, edited("terraform.tfvars", "least = 3"), ""},
		{"a local value of a variable", memory{"main.tf": sized("local.least") + "locals {\n  least = var.least\n}\n", "variables.tf": variable}, edited("variables.tf", "default = 3"), ""},
		{"the argument of a module", memory{"modules/w/main.tf": sized("var.least") + variable, "prod/main.tf": "module \"w\" {\n  source = \"../modules/w\"\n  least = 3\n}\n"}, edited("prod/main.tf", "least = 3"), ""},
		{"the default of a module's variable", memory{"modules/w/main.tf": sized("var.least"), "modules/w/variables.tf": variable, "prod/main.tf": "module \"w\" {\n  source = \"../modules/w\"\n}\n"}, edited("modules/w/variables.tf", "default = 3"), ""},
		{"one of the instances", memory{"main.tf": strings.NewReplacer(`= "w"`, "= each.key\n  for_each = local.all").Replace(sized("each.value.least")) + "locals {\n  all = {\n    w = {\n      least = 3\n    }\n    v = {\n      least = 4\n    }\n  }\n}\n"}, edited("main.tf", "least = 3"), ""},
		{"a switch is one", memory{"main.tf": strings.Replace(sized("3"), `= "w"`, "= \"w\"\n  count = var.on ? 1 : 0", 1)}, edited("main.tf", "min_size = 3"), ""},

		{"no value", memory{"main.tf": sized("var.least"), "variables.tf": "variable \"least\" {}\n"}, nil, "min_size of node group w is no number, but a variable"},
		{"used twice", memory{"main.tf": sized("var.least"), "variables.tf": variable, "o.tf": "output \"o\" {\n  value = \"${var.least} nodes\"\n}\n"}, nil, "variable least is used 2 times"},
		{"a rule of its own", memory{"main.tf": sized("var.least"), "variables.tf": strings.Replace(variable, "}", "  validation {\n    condition = var.least > 2\n    error_message = \"x\"\n  }\n}", 1)}, nil, "variable least is used 2 times"},
		{"values for several places", memory{"main.tf": sized("var.least"), "variables.tf": variable, "envs/prod.tfvars": "least = 3\n", "envs/dev.tfvars": "least = 1\n"}, nil, "a variable: variable least has several values"},
		{"values that may not be read", memory{"main.tf": sized("var.least"), "variables.tf": variable, "prod.tfvars": "least = 3\n"}, nil, "is no number, but a variable"},
		{"a pipeline sets it", memory{"main.tf": sized("var.least"), "variables.tf": variable, ".github/workflows/tf.yml": "env:\n  TF_VAR_least: 3\n"}, nil, "variable least may be set outside of Terraform"},
		{"a script sets it", memory{"main.tf": sized("var.least"), "variables.tf": variable, "apply.sh": "terraform apply -var least=3\n"}, nil, "variable least may be set outside of Terraform"},
		{"terragrunt sets it", memory{"main.tf": sized("var.least"), "variables.tf": variable, "live/terragrunt.hcl": "inputs = { least = 3 }\n"}, nil, "variable least may be set outside of Terraform"},
		{"a workspace may set it", memory{"main.tf": sized("var.least") + "terraform {\n  cloud {}\n}\n", "variables.tf": variable}, nil, "variable least may be set in a remote workspace"},
		{"JSON may use it", memory{"main.tf": sized("var.least"), "variables.tf": variable, "x.tf.json": "{}"}, nil, "x.tf.json cannot be read"},
		{"an override of the variable", memory{"main.tf": sized("var.least"), "variables.tf": variable, "override.tf": "variable \"least\" {\n  default = 4\n}\n"}, nil, "is no number, but a variable"},
		{"a conditional", memory{"main.tf": sized("var.prod ? 3 : 1"), "variables.tf": "variable \"prod\" {}\n"}, nil, "min_size of node group w is no number, but a conditional"},
		{"a function", memory{"main.tf": sized("max(3, 1)")}, nil, "is no number, but a call of max"},
		{"a lookup by workspace", memory{"main.tf": sized("local.sizes[terraform.workspace]") + "locals {\n  sizes = { prod = 3, dev = 3 }\n}\n"}, nil, "is no number, but a reference"},
		{"a circle", memory{"main.tf": sized("local.a") + "locals {\n  a = local.b\n  b = local.a\n}\n"}, nil, "is no number, but a local value"},
		{"a module that is called twice", memory{"m/main.tf": sized("3"), "a/main.tf": "module \"a\" {\n  source = \"../m\"\n}\nmodule \"b\" {\n  source = \"../m\"\n}\n"}, nil, "node group w is declared 2 times"},
		{"a module with a count", memory{"m/main.tf": sized("3"), "main.tf": "module \"m\" {\n  source = \"./m\"\n  count = var.n\n}\n"}, nil, "module.m has a count"},
		{"a count", memory{"main.tf": strings.Replace(sized("3"), `= "w"`, "= \"w\"\n  count = 2", 1)}, nil, "aws_eks_node_group.w has a count"},
		{"the same for all instances", memory{"main.tf": strings.NewReplacer(`= "w"`, "= each.key\n  for_each = toset([\"w\", \"v\"])").Replace(sized("3"))}, nil, "aws_eks_node_group.w makes 2"},
		{"an instance's value that is used twice", memory{"main.tf": strings.NewReplacer(`= "w"`, "= each.key\n  for_each = { w = 3 }\n  labels = { n = each.value }").Replace(sized("each.value"))}, nil, "each.value is used 2 times"},
		{"a name that is not known", memory{"main.tf": strings.Replace(sized("3"), `= "w"`, "= var.name", 1)}, nil, "no file names node group w"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := tfLocated(t, c.tree, minWishOf("w", "3", "2"))
			if c.want != nil {
				if d := cmp.Diff(c.want, got); d != "" {
					t.Error(d)
				}
				return
			}
			if len(got) < 2 || !strings.HasPrefix(got[0], "why: ") || !strings.Contains(got[0], c.why) {
				t.Errorf("got %q\nwant a refusal with a place: %s", got, c.why)
			}
		})
	}
}

// TestLocateShowsTheWay holds that a refusal names every step from where a value is used to where it is made.
func TestLocateShowsTheWay(t *testing.T) {
	tree := memory{
		"main.tf":          sized("var.least"),
		"variables.tf":     "variable \"least\" {\n  default = 3\n}\n",
		"envs/dev.tfvars":  "least = 1\n",
		"envs/prod.tfvars": "least = 3\n",
	}
	want := []string{
		"why: min_size of node group w is no number, but a variable: variable least has several values",
		"envs/dev.tfvars:1 least = 1 (variable least, value)",
		"envs/prod.tfvars:1 least = 3 (variable least, value)",
		"main.tf:7 min_size = var.least (min_size of aws_eks_node_group.w)",
		"variables.tf:1 variable \"least\" { (variable least)",
		"variables.tf:2 default = 3 (variable least, default)",
	}
	got := tfLocated(t, tree, minWishOf("w", "3", "2"))
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestLocateScope holds that only the folders of a mapping are searched, while what else uses a module is still seen.
func TestLocateScope(t *testing.T) {
	tree := memory{"a/main.tf": workers, "b/main.tf": workers}
	if got := tfLocated(t, tree, minWishOf("workers", "5", "4"), "b"); !slices.Equal(got, []string{"b/main.tf - min_size     = 5", "b/main.tf + min_size     = 4"}) {
		t.Errorf("below b: %q", got)
	}
	tree = memory{"m/main.tf": workers, "a/main.tf": "module \"m\" {\n  source = \"../m\"\n}\n"}
	if got := tfLocated(t, tree, minWishOf("workers", "5", "4"), "a"); len(got) != 2 || got[0] != "m/main.tf - min_size     = 5" {
		t.Errorf("a module that is called from below a: %q", got)
	}
	tree["b/main.tf"] = tree["a/main.tf"]
	if got := tfLocated(t, tree, minWishOf("workers", "5", "4"), "a"); !strings.Contains(got[0], "module m is called 2 times") {
		t.Errorf("a module that is called from elsewhere, too: %q", got)
	}
}

// TestLocateHostileTerraform gives files whose references never end, or double at each step: they are refused, soon.
func TestLocateHostileTerraform(t *testing.T) {
	doubling, wide := "", ""
	for i := range 35 {
		doubling += fmt.Sprintf("  a%d = \"${local.a%d}${local.a%d}\"\n", i, i+1, i+1)
	}
	for i := range 60 {
		wide += fmt.Sprintf("  a%d = local.a%d.b.c.d.e\n", i, (i+1)%60)
	}
	for name, tree := range map[string]memory{
		"doubling": {"main.tf": strings.Replace(sized("3"), `= "w"`, "= local.a0", 1) + "locals {\n" + doubling + "  a35 = \"\"\n}\n"},
		"wide":     {"main.tf": sized("local.a0.b.c.d.e") + "locals {\n" + wide + "}\n"},
		"modules that call each other": {
			"main.tf":   "module \"a\" {\n  source = \"./a\"\n}\nmodule \"b\" {\n  source = \"./b\"\n}\n",
			"a/main.tf": sized("3") + "module \"b\" {\n  source = \"../b\"\n}\nmodule \"c\" {\n  source = \"../b\"\n}\n",
			"b/main.tf": "module \"a\" {\n  source = \"../a\"\n}\nmodule \"d\" {\n  source = \"../a\"\n}\n",
		},
	} {
		if got := tfLocated(t, tree, minWishOf("w", "3", "2")); !strings.HasPrefix(got[0], "why: ") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
