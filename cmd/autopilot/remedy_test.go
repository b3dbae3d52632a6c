package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

const remedyBase = `clusters: [{name: prod, in_cluster: true}]
slack: {channels: {incidents: "#incidents"}}
`

func TestRemediesAsConfigured(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []engine.RemedyKind
	}{
		"none by default": {"", nil},
		"what is left out is off": {
			"roles: [{name: fixers, members: [U0ANA], may: [undo, restart, scale, cordon]}]\nremedies: {cordon: true, undo: true, scale: false}\n",
			[]engine.RemedyKind{engine.RemedyUndo, engine.RemedyCordon},
		},
	} {
		c, err := parseConfig("autopilot.yaml", []byte(remedyBase+tc.text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tc.want, c.Remedies.kinds()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRemediesProblems(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"nobody may":        {"roles: [{name: fixers, members: [U0ANA], may: [restart]}]\nremedies: {restart: true, undo: true}\n", "line 4: remedies.undo: no role may undo; add it to what a role may"},
		"an unknown remedy": {"remedies: {delete: true}\n", "line 3: "},
		"not yes or no":     {"remedies: {undo: sometimes}\n", "line 3: "},
	} {
		_, err := parseConfig("autopilot.yaml", []byte(remedyBase+tc.text))
		if engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
