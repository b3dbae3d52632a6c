package engine_test

import (
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestButton(t *testing.T) {
	for value, b := range map[string]engine.Button{
		"42": {Incident: 42}, "1:4h": {Incident: 1, Choice: engine.Choice4h}, "7:wrong": {Incident: 7, Choice: engine.ChoiceWrong},
		"7:right:crash/dependency-refused": {Incident: 7, Choice: engine.ChoiceRight, Rule: "crash/dependency-refused"},
		"7::a:b":                           {Incident: 7, Rule: "a:b"},
	} {
		got, err := engine.ParseButton(value)
		if err != nil || got != b || b.Value() != value {
			t.Errorf("ParseButton(%q) = %v, %v; want %v, whose value is %q", value, got, err, b, b.Value())
		}
	}
	for _, bad := range []string{"", "x", "0", "-3", "99999999999999999999", ":4h"} {
		if _, err := engine.ParseButton(bad); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("ParseButton(%q): error %v, want invalid", bad, err)
		}
	}
}

func TestGroupButton(t *testing.T) {
	for value, b := range map[string]engine.GroupButton{"g42": {Group: 42}, "g7:undo": {Group: 7, Choice: engine.ChoiceUndo}} {
		got, err := engine.ParseGroup(value)
		if err != nil || got != b || b.Value() != value || !engine.IsGroupValue(value) {
			t.Errorf("ParseGroup(%q) = %v, %v; want %v, whose value is %q", value, got, err, b, b.Value())
		}
	}
	for _, bad := range []string{"", "42", "g", "g0", "g-1", "gx", "g99999999999999999999", "g:undo"} {
		if _, err := engine.ParseGroup(bad); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("ParseGroup(%q): error %v, want invalid", bad, err)
		}
	}
	if engine.IsGroupValue(engine.Button{Incident: 42, Choice: engine.Choice4h}.Value()) {
		t.Error("an incident's button counts as a group's")
	}
}
