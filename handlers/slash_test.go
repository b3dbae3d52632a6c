package handlers

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

func command(who, text string) engine.Command {
	return engine.Command{ID: "m1", By: engine.Person{ID: who}, Text: text}
}

func TestCommands(t *testing.T) {
	h, s, _ := fixture(t)
	r, err := h.Command(t.Context(), command("UEVE", "help"))
	if err != nil || r.Help == nil || len(r.Help.Commands) != len(verbs)+len(ledgerVerbs) {
		t.Errorf("help: %+v, %v; want a line for each of %v", r.Help, err, verbs)
	}
	if r, err := h.Command(t.Context(), command("UEVE", "status")); err != nil || r.Overview == nil {
		t.Errorf("status: %+v, %v", r, err)
	}
	if r, err := h.Command(t.Context(), command("UEVE", "show 7")); err != nil || r.Incident == nil || r.Incident.ID != 7 {
		t.Errorf("show: %+v, %v", r, err)
	}
	if _, err := h.Command(t.Context(), command("UEVE", "show 99")); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("show 99: %v, want not_found", err)
	}
	r, err = h.Command(t.Context(), command("UEVE", "incidents mine critical cluster=prod"))
	if err != nil || r.Incidents == nil || len(r.Incidents.Incidents) != 2 {
		t.Fatalf("incidents: %+v, %v", r, err)
	}
	if s.filter.Assignee != "UEVE" || s.filter.Cluster != "prod" {
		t.Errorf("filter %+v", s.filter)
	}
	if want := "open critical incidents on prod assigned to you"; r.Incidents.Filter != want {
		t.Errorf("described as %q, want %q", r.Incidents.Filter, want)
	}
	_, err = h.Command(t.Context(), command("UEVE", "incidents cluster=prd"))
	if engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), "did you mean `cluster=prod`?") {
		t.Errorf("unknown cluster: %v", err)
	}
}

func TestListIsBounded(t *testing.T) {
	h, s, _ := fixture(t)
	for id := range int64(40) {
		s.incidents[100+id] = engine.Incident{ID: 100 + id, Workload: api}
	}
	r, err := h.Command(t.Context(), command("UEVE", "incidents"))
	if err != nil || len(r.Incidents.Incidents) != listed || !r.Incidents.More {
		t.Errorf("%d incidents, more %v, %v; want %d and more", len(r.Incidents.Incidents), r.Incidents.More, err, listed)
	}
}

func TestWhoMayNotLook(t *testing.T) {
	h, s, _ := fixture(t)
	h.Policy = policy.Policy{Roles: []policy.Role{{Name: "payments", Members: []string{"UCHI"}, May: []engine.Action{engine.ActionView}, Namespaces: []string{"payments"}}}}
	if _, err := h.Command(t.Context(), command("UCHI", "status")); err != nil {
		t.Errorf("a role that may view one namespace: %v", err)
	}
	if _, err := h.Command(t.Context(), command("UEVE", "status")); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("no role: %v, want forbidden", err)
	}
	if len(s.decisions) != 1 || s.decisions[0].Allowed {
		t.Errorf("audited %+v, want the refusal", s.decisions)
	}
	if _, err := h.Command(t.Context(), command("UEVE", "help")); err != nil {
		t.Errorf("help is for everyone: %v", err)
	}
}

func TestPause(t *testing.T) {
	h, s, _ := fixture(t)
	if _, err := h.Command(t.Context(), command("UANA", "pause now")); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("pause without the role: %v", err)
	}
	if len(s.pauses) != 0 || len(s.decisions) != 1 {
		t.Errorf("pauses %v, audited %v", s.pauses, s.decisions)
	}
	if _, err := h.Command(t.Context(), command("UBEN", "pause the migration runs")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Command(t.Context(), command("UBEN", "resume")); err != nil {
		t.Fatal(err)
	}
	if len(s.pauses) != 2 || s.pauses[0].Action != engine.ActionPause || s.pauses[0].Reason != "the migration runs" || !s.pauses[0].Allowed || s.pauses[1].Action != engine.ActionResume {
		t.Errorf("pauses %+v", s.pauses)
	}
}
