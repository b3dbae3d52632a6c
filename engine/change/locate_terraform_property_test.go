package change

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

// feed is a way in which a number comes to a group: what stands at the group, what is added to which files, and whether exactly one
// literal feeds exactly this one use. %d is the group, N its number.
type feed struct {
	at    string
	files map[string]string
	sure  bool
}

var feeds = map[string]feed{
	"literal":        {at: "N", sure: true},
	"quoted":         {at: `"N"`, sure: true},
	"parentheses":    {at: "(N)", sure: true},
	"default":        {at: "var.v%d", files: map[string]string{"variables.tf": "variable \"v%d\" {\n  default = N\n}\n"}, sure: true},
	"quoted default": {at: "\"${var.v%d}\"", files: map[string]string{"variables.tf": "variable \"v%d\" {\n  default = \"N\" # as text\n}\n"}, sure: true},
	"local":          {at: "local.l%d", files: map[string]string{"locals.tf": "locals {\n  l%d = N // why\n}\n"}, sure: true},
	"both": {at: "local.l%d", files: map[string]string{
		"locals.tf": "locals {\n  l%d = var.v%d\n}\n", "variables.tf": "variable \"v%d\" {\n  default = N\n}\n",
	}, sure: true},
	"part of an object": {at: "local.l%d.min", files: map[string]string{"locals.tf": "locals {\n  l%d = { max = 99, min = N, }\n}\n"}, sure: true},
	"read by itself": {at: "var.v%d", files: map[string]string{
		"variables.tf": "variable \"v%d\" {\n  default = 77\n}\n", "terraform.tfvars": "v%d = N\n",
	}, sure: true},

	"default, used twice": {at: "var.v%d", files: map[string]string{
		"variables.tf": "variable \"v%d\" {\n  default = N\n}\n", "outputs.tf": "output \"v%d\" {\n  value = var.v%d\n}\n",
	}},
	"local, used twice": {at: "local.l%d", files: map[string]string{
		"locals.tf": "locals {\n  l%d = N\n}\n", "outputs.tf": "output \"l%d\" {\n  value = \"${local.l%d} nodes\"\n}\n",
	}},
	"several values": {at: "var.v%d", files: map[string]string{
		"variables.tf": "variable \"v%d\" {\n  default = N\n}\n", "envs/a.tfvars": "v%d = N\n", "envs/b.tfvars": "v%d = N\n",
	}},
	"set by a script": {at: "var.v%d", files: map[string]string{
		"variables.tf": "variable \"v%d\" {\n  default = N\n}\n", "run.sh": "export TF_VAR_v%d=N\n",
	}},
	"conditional": {at: "var.c%d ? N : N", files: map[string]string{"variables.tf": "variable \"c%d\" {}\n"}},
	"function":    {at: "min(N, 99)"},
	"calculation": {at: "N + 0"},
	"no value":    {at: "var.v%d", files: map[string]string{"variables.tf": "variable \"v%d\" {}\n"}},
}

// TestLocateAnyFeed puts groups together whose numbers come in any way, in files of any form, and wishes for one number less.
func TestLocateAnyFeed(t *testing.T) {
	kinds := slices.Sorted(maps.Keys(feeds))
	rapid.Check(t, func(t *rapid.T) {
		tree := memory{}
		var used []string
		var sizes []int
		for i := range rapid.IntRange(1, 4).Draw(t, "groups") {
			kind := rapid.SampledFrom(kinds).Draw(t, "kind")
			size := rapid.IntRange(1, 40).Draw(t, "size")
			used, sizes = append(used, kind), append(sizes, size)
			fill := func(text string) string {
				return strings.ReplaceAll(strings.ReplaceAll(text, "%d", strconv.Itoa(i)), "N", strconv.Itoa(size))
			}
			tree["main.tf"] += aGroup(t, i, fill(feeds[kind].at))
			for p, text := range feeds[kind].files {
				tree[p] += fill(text)
			}
		}
		if rapid.Bool().Draw(t, "windows") {
			for p := range tree {
				tree[p] = strings.ReplaceAll(tree[p], "\n", "\r\n")
			}
		}
		i := rapid.IntRange(0, len(used)-1).Draw(t, "wish")
		w := minWishOf(fmt.Sprintf("g%d", i), strconv.Itoa(sizes[i]), strconv.Itoa(sizes[i]-1))
		l, err := Locate(t.Context(), tree, nil, w)
		if err != nil {
			t.Fatal(err)
		}
		if !feeds[used[i]].sure {
			if len(l.Edits) > 0 || l.Why == "" || len(l.ByHand) == 0 {
				t.Fatalf("%s: %d edits, why %q, places %v", used[i], len(l.Edits), l.Why, l.ByHand)
			}
			return
		}
		if len(l.Edits) != 1 {
			t.Fatalf("%s: %d edits, why %q", used[i], len(l.Edits), l.Why)
		}
		onlyDigits(t, tree[l.Edits[0].Path], string(l.Files[l.Edits[0].Path]), w)
		after := maps.Clone(tree)
		for p, text := range l.Files {
			after[p] = string(text)
		}
		for j, kind := range used {
			if now := sizeOf(t, after, j); feeds[kind].sure && now != sizes[j] && j != i || j == i && now != sizes[j]-1 {
				t.Fatalf("group %d (%s) has %d after the edit of group %d (%s) from %d", j, kind, now, i, used[i], sizes[i])
			}
		}
	})
}

// aGroup writes a group of nodes in one of many forms.
func aGroup(t *rapid.T, i int, size string) string {
	indent := rapid.SampledFrom([]string{"  ", "\t", "", "      "}).Draw(t, "indent")
	equals := rapid.SampledFrom([]string{" = ", "=", "\t=  ", " /* = 9 */ = "}).Draw(t, "equals")
	behind := rapid.SampledFrom([]string{"", " # min_size = 9", " // }", " /* 9 */", "  "}).Draw(t, "behind")
	above := rapid.SampledFrom([]string{"", "# min_size = 9\n", "/* {\n*/\n", "\n\n"}).Draw(t, "above")
	return fmt.Sprintf("resource \"aws_eks_node_group\" \"r%[1]d\" {\n%[2]snode_group_name = \"g%[1]d\"\n%[2]sscaling_config {\n"+
		"%[2]s%[2]sdesired_size = 50\n%[3]s%[2]s%[2]smin_size%[4]s%[5]s%[6]s\n%[2]s%[2]smax_size = 99\n%[2]s}\n}\n", i, indent, above, equals, size, behind)
}

// onlyDigits holds that two texts differ in one number only.
func onlyDigits(t *rapid.T, before, after string, w engine.Wish) {
	head := 0
	for head < min(len(before), len(after)) && before[head] == after[head] {
		head++
	}
	for head > 0 && before[head-1] >= '0' && before[head-1] <= '9' {
		head--
	}
	if !strings.HasPrefix(before[head:], w.Old) || !strings.HasPrefix(after[head:], w.New) ||
		before[head+len(w.Old):] != after[head+len(w.New):] {
		t.Fatalf("%q became %q", before, after)
	}
}

// sizeOf asks what a group's minimum is, by a wish that cannot be.
func sizeOf(t *rapid.T, tree memory, i int) int {
	l, err := Locate(t.Context(), tree, nil, minWishOf(fmt.Sprintf("g%d", i), "no number", "45"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(l.Why, "min_size = ")
	n, _ := strconv.Atoi(strings.TrimFunc(strings.SplitN(rest, " ", 2)[0], func(r rune) bool { return r == ',' || r == ';' }))
	return n
}
