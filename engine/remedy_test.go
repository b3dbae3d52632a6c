package engine_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestRemedyButton(t *testing.T) {
	b := engine.RemedyButton{Incident: 42, Kind: engine.RemedyUndo, Expires: time.Unix(1795406400, 0).UTC(), Hash: "9f86d081"}
	if got := b.Value(); got != "42:undo:1795406400:9f86d081" {
		t.Errorf("Value() = %q", got)
	}
	got, err := engine.ParseRemedy(b.Value())
	if err != nil || got != b {
		t.Errorf("ParseRemedy(Value()) = %+v, %v; want %+v", got, err, b)
	}
	for _, bad := range []string{"", "42", "42:undo:1:", "0:undo:1:h", "x:undo:1:h", "42:approve:1:h", "42:undo:soon:h", "42:undo:1:h:h"} {
		if got, err := engine.ParseRemedy(bad); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("ParseRemedy(%q) = %+v, %v; want invalid", bad, got, err)
		}
	}
}

func TestRemedyFor(t *testing.T) {
	for _, k := range engine.RemedyKinds {
		if got, ok := engine.RemedyFor(k.Action()); !ok || got != k {
			t.Errorf("RemedyFor(%q) = %q, %v", k.Action(), got, ok)
		}
	}
	for _, a := range []engine.Action{engine.ActionApprove, engine.ActionResolve, ""} {
		if k, ok := engine.RemedyFor(a); ok {
			t.Errorf("RemedyFor(%q) = %q", a, k)
		}
	}
}

func TestOffers(t *testing.T) {
	at := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	undo := engine.Remedy{Kind: engine.RemedyUndo, From: "2", To: "1"}
	line := func(kind string, after time.Duration) engine.Event {
		return engine.Event{Kind: kind, At: at.Add(after)}
	}
	for _, tc := range []struct {
		name string
		i    engine.Incident
		want bool
	}{
		{"open", engine.Incident{Status: engine.Open}, true},
		{"acknowledged", engine.Incident{Status: engine.Acknowledged}, true},
		{"resolved", engine.Incident{Status: engine.Resolved}, false},
		{"nothing fires any more", engine.Incident{Status: engine.Open, ClearedAt: at}, false},
		{"one is on its way", engine.Incident{Status: engine.Open, Timeline: []engine.Event{line(engine.EventRemedyAsked, 0), line("joined", 1)}}, false},
		{"one was refused", engine.Incident{Status: engine.Open, Timeline: []engine.Event{line(engine.EventRemedyAsked, 0), line(engine.EventRemedyRefused, 1)}}, true},
		{"one was done after the diagnosis", engine.Incident{Status: engine.Open, Timeline: []engine.Event{line(engine.EventRemedyDone, time.Minute)}}, false},
		{"one was done before the diagnosis", engine.Incident{Status: engine.Open, Timeline: []engine.Event{line(engine.EventRemedyDone, -time.Minute)}}, true},
	} {
		tc.i.Diagnosis = engine.Diagnosis{At: at, Remedies: []engine.Remedy{undo}}
		want := []engine.Remedy{undo}
		if !tc.want {
			want = nil
		}
		if diff := cmp.Diff(want, tc.i.Offers()); diff != "" {
			t.Errorf("%s: offers (-want +got):\n%s", tc.name, diff)
		}
		if _, ok := tc.i.Offer(engine.RemedyUndo); ok != tc.want {
			t.Errorf("%s: an undo is on offer: %v", tc.name, ok)
		}
		if _, ok := tc.i.Offer(engine.RemedyCordon); ok {
			t.Errorf("%s: a cordon is on offer", tc.name)
		}
	}
}
