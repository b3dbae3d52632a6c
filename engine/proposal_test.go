package engine_test

import (
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestProposalButton(t *testing.T) {
	b := engine.ProposalButton{Proposal: 42, Hash: "9f86d081"}
	got, err := engine.ParseProposal(b.Value())
	if err != nil || got != b {
		t.Errorf("ParseProposal(%q) = %+v, %v", b.Value(), got, err)
	}
	if !engine.IsProposalValue(b.Value()) || engine.IsProposalValue("g42") || engine.IsProposalValue("42") {
		t.Error("a proposal's value is not told from others")
	}
	for _, bad := range []string{"", "p", "p0:aa", "p-1:aa", "p42", "p42:", "g42:aa", "px:aa"} {
		if _, err := engine.ParseProposal(bad); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("ParseProposal(%q) gives %v", bad, err)
		}
	}
}

func TestItemRef(t *testing.T) {
	item := engine.ProposalItem{ID: 7, Hash: "0123456789abcdef0123"}
	id, hash, err := engine.ParseRef(item.Ref())
	if err != nil || id != 7 || hash != "0123456789abcdef" {
		t.Errorf("ParseRef(%q) = %d, %q, %v", item.Ref(), id, hash, err)
	}
	for _, bad := range []string{"", "7", "7:", ":aa", "0:aa", "x:aa"} {
		if _, _, err := engine.ParseRef(bad); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("ParseRef(%q) gives %v", bad, err)
		}
	}
}
