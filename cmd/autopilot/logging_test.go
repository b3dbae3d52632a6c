package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestLinesCarryTheIDOfWhatTheyAreAbout(t *testing.T) {
	var out bytes.Buffer
	log := newLog(&out, slog.LevelInfo).With("replica", "a")
	line := func() map[string]any {
		t.Helper()
		var m map[string]any
		if err := json.Unmarshal(out.Bytes(), &m); err != nil {
			t.Fatalf("%s: %v", out.String(), err)
		}
		out.Reset()
		return m
	}
	ctx := engine.WithID(t.Context(), "f00d")
	log.InfoContext(ctx, "before")
	if m := line(); m["id"] != "f00d" || m["replica"] != "a" || m["msg"] != "before" {
		t.Errorf("before its incident is known: %v", m)
	}
	engine.Follow(ctx, engine.IncidentTrail(42))
	log.InfoContext(ctx, "after")
	if m := line(); m["id"] != "incident/42" {
		t.Errorf("after: %v", m)
	}
	log.InfoContext(t.Context(), "of nothing")
	if m := line(); m["id"] != nil {
		t.Errorf("of nothing: %v", m)
	}
	log.DebugContext(ctx, "too low")
	if out.Len() > 0 {
		t.Errorf("below the level: %s", out.String())
	}
}
