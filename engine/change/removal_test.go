package change

import (
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

// The prices of a removal may move a little; what the volume is may not.
func TestARemovalThatIsAlike(t *testing.T) {
	shown := func() engine.ProposalItem {
		return engine.ProposalItem{Monthly: 4 * engine.USD, Removal: &engine.Removal{GiB: 100, Tags: map[string]string{"a": "b"}, Whole: 9 * engine.USD, Snapshot: 5 * engine.USD}}
	}
	for name, tc := range map[string]struct {
		do   func(*engine.ProposalItem)
		want bool
	}{
		"the same":             {func(*engine.ProposalItem) {}, true},
		"a little dearer":      {func(i *engine.ProposalItem) { i.Removal.Whole += engine.USD / 10; i.Monthly += engine.USD / 10 }, true},
		"a dear snapshot":      {func(i *engine.ProposalItem) { i.Removal.Snapshot += engine.USD }, false},
		"a dear volume":        {func(i *engine.ProposalItem) { i.Removal.Whole += engine.USD }, false},
		"another size":         {func(i *engine.ProposalItem) { i.Removal.GiB++ }, false},
		"another tag":          {func(i *engine.ProposalItem) { i.Removal.Tags = map[string]string{"a": "c"} }, false},
		"a person's from here": {func(i *engine.ProposalItem) { i.Removal = nil }, false},
	} {
		fresh := shown()
		tc.do(&fresh)
		if got := Alike(shown(), fresh); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	by := shown()
	by.Removal = nil
	if Alike(by, shown()) {
		t.Error("what a person would do is alike what the bot does")
	}
}
