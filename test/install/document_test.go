package install

import (
	"slices"
	"strings"
	"testing"
)

func TestBlocks(t *testing.T) {
	const fence = "```"
	got, err := Blocks("# A\n" + fence + "sh\none\n\ntwo\n" + fence + "\ntext\n<!-- then: works -->\n" + fence + "yaml\n<!-- no mark -->\n" + fence +
		"\n<!-- elsewhere: cloud -->\n" + fence + "sh\nthree\n" + fence + "\n")
	want := []Block{{Line: 3, Script: "one\n\ntwo\n", Then: "works"}, {Line: 14, Script: "three\n", Elsewhere: "cloud"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for text, wrong := range map[string]string{
		"<!-- then: x -->": "line 1", "<!-- elsewhere: x -->\ntext": "line 2", "<!-- remark -->": "line 1", fence + "sh\nls": "not closed",
		fence + "sh\nls\n" + fence + "\n<!-- then: x -->\n<!-- then: y -->": "line 5",
	} {
		if _, err := Blocks(text); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: %v, want %s", text, err, wrong)
		}
	}
}

func FuzzBlocks(f *testing.F) {
	f.Add("```sh\nls\n```\n<!-- then: x -->\n")
	f.Add("<!-- elsewhere: x -->\n```sh\nls\n```\n")
	f.Add("```yaml\n```sh\n```\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := Blocks(text)
		if err != nil {
			return
		}
		for _, b := range all {
			if !strings.Contains(text, "```sh\n"+b.Script+"```") || b.Line < 2 || b.Line > 1+strings.Count(text, "\n") {
				t.Errorf("%+v does not stand in %q", b, text)
			}
		}
	})
}
