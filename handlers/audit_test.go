package handlers

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

func TestParseAudit(t *testing.T) {
	for text, want := range map[string]string{
		"audit proposal 7": "proposal/7", "audit 7": "proposal/7", "audit p7": "proposal/7", "audit Proposal/7": "proposal/7", "audit incident #42": "incident/42",
		"audit i42": "incident/42", "audit finding 12": "finding/12", "audit savings 3": "savings/3", "audit experiment 12": "experiment/12", "audit x12": "experiment/12",
	} {
		if q, err := parse(text, noon); err != nil || q.subject != want || q.verb != "audit" {
			t.Errorf("%q: %+v, %v; want %s", text, q, err, want)
		}
	}
	for _, text := range []string{"audit", "audit proposal", "audit person 7", "audit proposal seven", "audit proposal 7 8", "audit proposal -1", "audit '; drop"} {
		if _, err := parse(text, noon); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), "/autopilot audit proposal 7") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAudit(t *testing.T) {
	c := changesFixture(t)
	c.plain.audit = []engine.AuditRow{
		{Seq: 9, At: noon, By: engine.Person{ID: "UAPP"}, Action: engine.ActionApprove, Subject: "proposal/7", Allowed: true, Plan: strings.Repeat("ab", 32), Hash: strings.Repeat("cd", 32)},
		{Seq: 8, At: noon, By: engine.Person{ID: "UEVE"}, Action: engine.ActionApprove, Subject: "proposal/7", Reason: "no `role`", Hash: "0123"},
	}
	r, err := c.Command(t.Context(), command("UAUD", "audit finding 12"))
	if err != nil || c.plain.subject != "finding/12" {
		t.Fatalf("asked for %q, %v", c.plain.subject, err)
	}
	for _, want := range []string{
		"#9 2026-", "<@UAPP> approve `proposal/7`, allowed, plan `abababababab` · row `cdcdcdcdcdcd`", "<@UEVE> approve `proposal/7`, refused: `no role` · row `0123`",
	} {
		if !strings.Contains(r.Text, want) {
			t.Errorf("%q is missing in:\n%s", want, r.Text)
		}
	}
	if _, err := c.Command(t.Context(), command("UEVE", "audit 7")); engine.CodeOf(err) != engine.Forbidden || len(c.plain.decisions) != 1 {
		t.Errorf("without the role: %v, decisions %+v", err, c.plain.decisions)
	}
	for range 40 {
		c.plain.audit = append(c.plain.audit, c.plain.audit[0])
	}
	if r, err = c.Command(t.Context(), command("UAUD", "audit 7")); err != nil || strings.Count(r.Text, "\n") != auditRows+1 || !strings.HasSuffix(r.Text, "`audit_log`.") {
		t.Errorf("%d lines, %v", strings.Count(r.Text, "\n"), err)
	}
	c.plain.audit = nil
	if r, err = c.Command(t.Context(), command("UAUD", "audit 7")); err != nil || r.Text != "Nobody decided anything about proposal 7." {
		t.Errorf("%q, %v", r.Text, err)
	}
}

// What is decided about incidents and experiments is kept, and can be read, whether or not there are pull requests.
func TestAuditWithoutChanges(t *testing.T) {
	h, kept, _ := breakers(t)
	if h.Changes != nil {
		t.Fatal("pull requests are configured")
	}
	h.Policy.Roles = append(h.Policy.Roles, policy.Role{Name: "auditor", Members: []string{"UAUD"}, May: []engine.Action{engine.ActionAudit}})
	kept.audit = []engine.AuditRow{{Seq: 3, At: noon, By: someone("UANA"), Action: engine.ActionChaos, Subject: "experiment/12", Allowed: true, Hash: "abcd"}}
	r, err := h.Command(t.Context(), command("UAUD", "audit experiment 12"))
	if err != nil || kept.subject != "experiment/12" || !strings.Contains(r.Text, "<@UANA> chaos `experiment/12`, allowed") {
		t.Errorf("asked for %q: %q, %v", kept.subject, r.Text, err)
	}
}
