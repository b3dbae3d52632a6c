package handlers

import (
	"slices"
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestStormClick(t *testing.T) {
	h, s, _ := fixture(t)
	click := func(by, action, value string) (engine.Reply, error) {
		return h.Click(t.Context(), engine.Click{ID: "c", By: engine.Person{ID: by}, Action: action, Value: value})
	}
	value := engine.StormButton{Storm: 4}.Value()
	r, err := click("UANA", "acknowledge", value)
	if err != nil || !strings.HasPrefix(r.Text, "Acknowledged 2 incidents") {
		t.Fatalf("%+v, %v", r, err)
	}
	var ids []string
	for _, d := range s.decisions {
		ids = append(ids, d.ID)
		if d.Action != engine.ActionAcknowledge || !d.Allowed {
			t.Errorf("decision %+v", d)
		}
	}
	if !slices.Equal(ids, []string{"c/7", "c/8"}) {
		t.Errorf("decisions %v: each must act once", ids)
	}
	s.decisions = nil
	if _, err := click("UEVE", "acknowledge", value); engine.CodeOf(err) != engine.Forbidden || len(s.decisions) != 2 || s.decisions[0].Allowed {
		t.Errorf("somebody who may not: %v, %+v", err, s.decisions)
	}
	if _, err := click("UANA", "resolve", value); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("another action: %v", err)
	}
	if _, err := click("UANA", "acknowledge", "s"); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("no storm: %v", err)
	}
	for id, i := range s.incidents {
		i.Status = engine.Acknowledged
		s.incidents[id] = i
	}
	if r, err := click("UANA", "acknowledge", value); err != nil || !strings.HasPrefix(r.Text, "Nothing") {
		t.Errorf("nothing waits: %+v, %v", r, err)
	}
}

func TestStormTask(t *testing.T) {
	h, s, _ := fixture(t)
	if err := h.Tasks()[engine.TaskStorm](t.Context(), engine.Task{Kind: engine.TaskStorm, Detail: "4"}); err != nil || !slices.Equal(s.calmed, []int64{4}) {
		t.Errorf("%v, %v", s.calmed, err)
	}
	if err := h.Tasks()[engine.TaskStorm](t.Context(), engine.Task{Kind: engine.TaskStorm, Detail: "x"}); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("%v", err)
	}
}
