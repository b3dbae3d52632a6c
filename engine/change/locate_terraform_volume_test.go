package change

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/eks-autopilot/autopilot/engine"
)

const dataVolume = `# of the old database
# vol-0abc
resource "aws_ebs_volume" "data" {
  availability_zone = "eu-west-1a"
  size              = var.data_size

  tags = { Name = "data" }
}
`

func volumeWish(snapshot string) engine.Wish {
	return engine.Wish{
		Kind: engine.WishVolume, Name: "vol-0abc", Old: snapshot,
		Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindVolume, Name: "vol-0abc"}, Provider: "vol-0abc", Region: "eu-west-1"},
	}
}

const snapshotOfData = `
# Taken before vol-0abc is removed, and kept after that.
resource "aws_ebs_snapshot" "data_last" {
  volume_id   = aws_ebs_volume.data.id
  description = "The last of vol-0abc, before its removal"

  lifecycle {
    precondition {
      condition     = aws_ebs_volume.data.id == "vol-0abc"
      error_message = "aws_ebs_volume.data is not vol-0abc: nothing may be removed."
    }
  }
}
`

// TestRemoveVolumeInStages goes the whole way: snapshot, then removal with all that refers to it.
func TestRemoveVolumeInStages(t *testing.T) {
	tree := memory{
		"main.tf": dataVolume,
		"more.tf": `output "data_id" {
  value = aws_ebs_volume.data.id
}

resource "aws_volume_attachment" "data" {
  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.data.id
  instance_id = var.instance
}

output "other" {
  value = 1
}
`,
		"variables.tf": "variable \"data_size\" {\n  default = 100\n}\n\nvariable \"instance\" {}\n\nvariable \"kept\" {}\n",
		"moved.tf":     "moved {\n  from = aws_ebs_volume.old\n  to   = aws_ebs_volume.data\n}\n",
	}
	first := locate(t, tree, volumeWish(""))
	if d := cmp.Diff(dataVolume+snapshotOfData, string(first.Files["main.tf"])); d != "" || len(first.Files) != 1 {
		t.Fatalf("%d files\n%s", len(first.Files), d)
	}
	if text := first.Files["main.tf"]; string(hclwrite.Format(text)) != string(text) {
		t.Errorf("fmt would change\n%s", text)
	}
	if len(first.Steps) != 2 || !strings.Contains(first.Steps[0], "add aws_ebs_snapshot.data_last and destroy nothing") {
		t.Errorf("steps %q", first.Steps)
	}

	tree["main.tf"] = string(first.Files["main.tf"])
	if got := tfTold(locate(t, tree, volumeWish(""))); !strings.Contains(got[0], "a snapshot of vol-0abc is declared already") {
		t.Errorf("a second snapshot: %q", got)
	}

	second := locate(t, tree, volumeWish("snap-0def"))
	want := map[string]string{
		"main.tf": "# Taken before vol-0abc is removed, and kept after that.\nresource \"aws_ebs_snapshot\" \"data_last\" {\n  volume_id   = \"vol-0abc\"\n" +
			"  description = \"The last of vol-0abc, before its removal\"\n}\n",
		"more.tf":      "output \"other\" {\n  value = 1\n}\n",
		"variables.tf": "variable \"kept\" {}\n",
	}
	got := map[string]string{}
	for p, text := range second.Files {
		if text != nil {
			got[p] = string(text)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if text, ok := second.Files["moved.tf"]; !ok || text != nil {
		t.Errorf("moved.tf holds nothing any more, and is %q", text)
	}
	steps := []string{
		"Second of two pull requests: the snapshot snap-0def is kept. Its plan must destroy aws_ebs_volume.data, which is vol-0abc, and add nothing.",
		"Output data_id goes with it: make sure that no other state reads it.",
	}
	if d := cmp.Diff(steps, second.Steps); d != "" {
		t.Error(d)
	}
}

func TestRemoveVolumeRefuses(t *testing.T) {
	with := func(more string) memory { return memory{"main.tf": dataVolume + more} }
	for _, c := range []struct {
		name string
		tree memory
		old  string
		want string // part of why
		at   string // one of the places
	}{
		{"used by a policy", with("resource \"aws_iam_policy\" \"p\" {\n  policy = jsonencode({ r = aws_ebs_volume.data.arn })\n}\n"), "snap-1", "as long as something else refers to", "main.tf:10"},
		{"a list of volumes", with("output \"all\" {\n  value = [aws_ebs_volume.data.id]\n}\n"), "snap-1", "as long as something else refers to", "main.tf:10"},
		{"a local value", with("locals {\n  v = aws_ebs_volume.data.id\n}\n"), "snap-1", "as long as something else refers to", "main.tf:10"},
		{"an attachment that is used", with("resource \"aws_volume_attachment\" \"a\" {\n  volume_id = aws_ebs_volume.data.id\n}\noutput \"o\" {\n  value = aws_volume_attachment.a.id\n}\n"), "snap-1", "as long as", "main.tf:10"},
		{"depends_on", with("resource \"null_resource\" \"n\" {\n  depends_on = [aws_ebs_volume.data]\n}\n"), "snap-1", "as long as", "main.tf:10"},
		{"protected", memory{"main.tf": strings.Replace(dataVolume, "  tags", "  lifecycle {\n    prevent_destroy = true\n  }\n  tags", 1)}, "", "prevent_destroy", "main.tf:8"},
		{"a count", memory{"main.tf": strings.Replace(dataVolume, "  tags", "  count = 1\n  tags", 1)}, "", "has a count or a for_each", "main.tf:3"},
		{"a for_each", memory{"main.tf": strings.Replace(dataVolume, "  tags", "  for_each = toset([\"a\"])\n  tags", 1)}, "", "has a count or a for_each", "main.tf:3"},
		{"a module that is called twice", memory{"m/main.tf": dataVolume, "main.tf": "module \"a\" {\n  source = \"./m\"\n}\nmodule \"b\" {\n  source = \"./m\"\n}\n"}, "", "is declared 2 times", "m/main.tf:3"},
		{"two ids", memory{"main.tf": strings.Replace(dataVolume, "  tags", "  # vol-0fff\n  tags", 1)}, "", "is said to be vol-0abc and vol-0fff", "main.tf:3"},
		{"twice", memory{"a/main.tf": dataVolume, "b/main.tf": dataVolume}, "", "is declared 2 times", "b/main.tf:3"},
		{"no word of which it is", memory{"main.tf": strings.Replace(dataVolume, "# vol-0abc\n", "", 1)}, "", "no file says whether one of them is vol-0abc; write the comment", "main.tf:2"},
		{"a comment that speaks of another's past", memory{"main.tf": strings.Replace(dataVolume, "# vol-0abc", "# replaces vol-0abc", 1)}, "", "no file says whether", "main.tf:3"},
		{"JSON beside it", memory{"main.tf": dataVolume, "x.tf.json": "{}"}, "", "x.tf.json cannot be read", "x.tf.json:1"},
		{"an override", memory{"main.tf": dataVolume, "override.tf": "resource \"aws_ebs_volume\" \"data\" {\n  size = 1\n}\n"}, "", "override file", "override.tf:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(tfTold(locate(t, c.tree, volumeWish(c.old))), "\n")
			if !strings.HasPrefix(got, "why: ") || !strings.Contains(got, c.want) || !strings.Contains(got, "\n"+c.at+" ") {
				t.Errorf("got %s\nwant %q at %s", got, c.want, c.at)
			}
		})
	}
}

func TestRemoveVolumeOfOthers(t *testing.T) {
	for name, tree := range map[string]memory{
		"another id":     {"main.tf": strings.Replace(dataVolume, "vol-0abc", "vol-0abcd", 1)},
		"another region": {"main.tf": strings.NewReplacer("# vol-0abc\n", "", "eu-west-1a", "us-east-1a").Replace(dataVolume)},
		"no volume":      {"main.tf": workers},
	} {
		if got := tfTold(locate(t, tree, volumeWish(""))); len(got) != 1 || got[0] != "why: no file of shop/deploy declares volume vol-0abc" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestRemoveVolumeKnownBy(t *testing.T) {
	plain := strings.Replace(dataVolume, "# vol-0abc\n", "", 1)
	imported := "import {\n  to = aws_ebs_volume.data\n  id = \"vol-0abc\"\n}\n"
	l := locate(t, memory{"main.tf": plain, "imports.tf": imported}, volumeWish("snap-1"))
	if text, ok := l.Files["imports.tf"]; !ok || text != nil || l.Files["main.tf"] != nil || len(l.Files) != 2 {
		t.Errorf("by an import block: %q", tfTold(l))
	}
	inModule := "module \"db\" {\n  source = \"./db\"\n}\n\n" + strings.Replace(imported, "aws_ebs", "module.db.aws_ebs", 1)
	l = locate(t, memory{"db/main.tf": plain, "main.tf": inModule}, volumeWish("snap-1"))
	if string(l.Files["main.tf"]) != "module \"db\" {\n  source = \"./db\"\n}\n" || l.Files["db/main.tf"] != nil || len(l.Files) != 2 {
		t.Errorf("in a module: %q", tfTold(l))
	}
	// A name is enough to take a snapshot under the condition that it is the right volume, and then the condition is proof.
	w := volumeWish("")
	w.Name = "data"
	l = locate(t, memory{"main.tf": plain}, w)
	if string(l.Files["main.tf"]) != plain+snapshotOfData {
		t.Errorf("by its name: %q", tfTold(l))
	}
	w.Old = "snap-1"
	if got := tfTold(locate(t, memory{"main.tf": plain}, w)); !strings.Contains(got[0], "no file says that one is vol-0abc") {
		t.Errorf("removed by its name: %q", got)
	}
	if l = locate(t, memory{"main.tf": plain + snapshotOfData}, w); !strings.Contains(string(l.Files["main.tf"]), `volume_id   = "vol-0abc"`) {
		t.Errorf("removed after its snapshot: %q", tfTold(l))
	}
	windows := strings.ReplaceAll(strings.TrimSuffix(dataVolume, "\n"), "\n", "\r\n")
	l = locate(t, memory{"main.tf": windows}, volumeWish(""))
	if want := windows + "\r\n" + strings.ReplaceAll(strings.TrimSuffix(snapshotOfData, "\n"), "\n", "\r\n"); string(l.Files["main.tf"]) != want {
		t.Errorf("windows lines, no final one: %q", l.Files["main.tf"])
	}
}
