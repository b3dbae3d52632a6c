package rca

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestApart(t *testing.T) {
	cause := func(rule string, confidence float64) engine.Cause {
		return engine.Cause{Rule: rule, Confidence: confidence}
	}
	both := apart([]engine.Cause{cause("oom/limit", 0.5), cause("oom/node", 0.3)})
	if both != "It is the first if the container's memory was at its own limit when it ended. It is the second if the node's memory was full while the container was below its limit." {
		t.Errorf("%q", both)
	}
	for name, causes := range map[string][]engine.Cause{
		"none":                nil,
		"one":                 {cause("oom/limit", 0.5)},
		"far apart":           {cause("oom/limit", 0.9), cause("oom/node", 0.1)},
		"nothing tells them":  {cause("quota/needs-limits", 0.5), cause("quota/unheard", 0.5)},
		"a rule that is gone": {cause("gone/gone", 0.5), cause("oom/node", 0.5)},
	} {
		if text := apart(causes); text != "" {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// TestEveryRuleHasATell holds that no rule is forgotten, and that no tell is of a rule that is gone.
func TestEveryRuleHasATell(t *testing.T) {
	known := map[string]bool{}
	for _, r := range rules {
		family, _, _ := strings.Cut(r.name, "/")
		known[r.name], known[family] = true, true
		if tell := tellOf(r.name); tell == "" || strings.HasSuffix(tell, ".") {
			t.Errorf("%s has the tell %q", r.name, tell)
		}
	}
	for name := range tells {
		if !known[name] {
			t.Errorf("no rule is called %s", name)
		}
	}
}
