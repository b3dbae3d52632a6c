package engine

import (
	"context"
	"testing"
)

func TestTrail(t *testing.T) {
	if got := ID(t.Context()); got != "" {
		t.Errorf("nothing is about %q", got)
	}
	Follow(t.Context(), "incident/1") // of no trail
	ctx := WithID(t.Context(), "f00d")
	below, cancel := context.WithCancel(ctx)
	defer cancel()
	other := WithID(below, "payload/1")
	Follow(below, IncidentTrail(42))
	if ID(ctx) != "incident/42" || ID(below) != "incident/42" || ID(other) != "payload/1" {
		t.Errorf("%q, %q, %q", ID(ctx), ID(below), ID(other))
	}
	for key, want := range map[string]string{CardKey(42): "incident/42", "incident/42/event/3": "incident/42", "home/U1": "home/U1", "odd": "odd", "": ""} {
		if got := MessageTrail(key); got != want {
			t.Errorf("%s is about %q; want %q", key, got, want)
		}
	}
	for want, task := range map[string]Task{
		"incident/42": {Kind: TaskDiagnose, IncidentID: 42, Detail: "x"}, "scan/7": {Kind: TaskScan, Detail: "7"}, "sweep": {Kind: TaskSweep},
	} {
		if got := task.Trail(); got != want {
			t.Errorf("%+v is about %q; want %q", task, got, want)
		}
	}
}
