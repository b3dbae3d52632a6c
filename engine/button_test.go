package engine_test

import (
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestButton(t *testing.T) {
	for _, b := range []engine.Button{{Incident: 42}, {Incident: 1, Choice: engine.Choice4h}, {Incident: 7, Choice: "a:b"}} {
		got, err := engine.ParseButton(b.Value())
		if err != nil || got != b {
			t.Errorf("ParseButton(%q) = %v, %v; want %v", b.Value(), got, err, b)
		}
	}
	for _, bad := range []string{"", "x", "0", "-3", "99999999999999999999", ":4h"} {
		if _, err := engine.ParseButton(bad); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("ParseButton(%q): error %v, want invalid", bad, err)
		}
	}
}
