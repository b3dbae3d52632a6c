package handlers

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

func click(who, action, value string) engine.Click {
	return engine.Click{ID: "c1", By: engine.Person{ID: who}, Action: action, Value: value}
}

func TestClickDecides(t *testing.T) {
	cases := []struct {
		action, value string
		want          engine.Decision
	}{
		{"acknowledge", "7", engine.Decision{Action: engine.ActionAcknowledge}},
		{"assign", "7", engine.Decision{Action: engine.ActionAssign}},
		{"resolve", "7", engine.Decision{Action: engine.ActionResolve}},
		{"diagnose", "7", engine.Decision{Action: engine.ActionDiagnose}},
		{"silence", "7:4h", engine.Decision{Action: engine.ActionSilence, For: 4 * time.Hour}},
		{"verdict", "7:right", engine.Decision{Action: engine.ActionVerdict, Right: true}},
		{"verdict", "7:right:exit/error", engine.Decision{Action: engine.ActionVerdict, Right: true, Rule: "exit/error"}},
		{"verdict", "7:wrong:alarm", engine.Decision{Action: engine.ActionVerdict, Rule: engine.RuleAlarm}},
		{"logs", "7", engine.Decision{Action: engine.ActionLogs}},
	}
	for _, c := range cases {
		t.Run(c.action, func(t *testing.T) {
			h, s, _ := fixture(t)
			if _, err := h.Click(t.Context(), click("UANA", c.action, c.value)); err != nil {
				t.Fatal(err)
			}
			want := c.want
			want.ID, want.IncidentID, want.By, want.At, want.Allowed = "c1", 7, engine.Person{ID: "UANA"}, noon, true
			if len(s.decisions) != 1 || !reflect.DeepEqual(s.decisions[0], want) {
				t.Errorf("decisions %+v, want %+v", s.decisions, want)
			}
		})
	}
}

func TestClickWithoutRoleIsRefusedAndAudited(t *testing.T) {
	for _, action := range []string{"acknowledge", "assign", "resolve", "diagnose", "silence", "verdict", "logs"} {
		h, s, _ := fixture(t)
		value := "7"
		if action == "silence" {
			value = "7:1h"
		}
		_, err := h.Click(t.Context(), click("UEVE", action, value))
		if engine.CodeOf(err) != engine.Forbidden || !strings.Contains(err.Error(), "needs the role responder") {
			t.Errorf("%s: error %v, want a refusal that names the role", action, err)
		}
		if len(s.decisions) != 1 || s.decisions[0].Allowed || s.decisions[0].Reason == "" || s.decisions[0].IncidentID != 7 {
			t.Errorf("%s: audited %+v, want one refused decision on incident 7", action, s.decisions)
		}
	}
}

func TestClickRefusals(t *testing.T) {
	cases := []struct {
		name, who, action, value string
		code                     engine.Code
		says                     string
	}{
		{"no such incident", "UANA", "acknowledge", "99", engine.NotFound, "no incident 99"},
		{"no incident at all", "UANA", "acknowledge", "?", engine.Invalid, "names no incident"},
		{"a button of another version", "UANA", "launch", "7", engine.Invalid, "not known to this version"},
		{"silence without a length", "UANA", "silence", "7", engine.Invalid, "1 h, 4 h or 24 h"},
		{"logs switched off", "UANA", "logs", "8", engine.Forbidden, "switched off by configuration"},
		{"groups unknown for now", "UDOWN", "resolve", "7", engine.Unavailable, "Slack does not answer"},
		{"groups never to be known", "UHIDDEN", "resolve", "7", engine.Forbidden, "Slack does not let the bot read user groups"},
		{"wrong without a cause", "UANA", "verdict", "8:wrong", engine.Conflict, "no cause to judge"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, _, _ := fixture(t)
			_, err := h.Click(t.Context(), click(c.who, c.action, c.value))
			if engine.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v (%s); want %s with %q", err, engine.CodeOf(err), c.code, c.says)
			}
		})
	}
}

// TestNobodyIsRefusedForASlackThatDoesNotAnswer: a refusal is kept by the click's id, so trying the click again would give it again.
func TestNobodyIsRefusedForASlackThatDoesNotAnswer(t *testing.T) {
	h, s, _ := fixture(t)
	calls := map[string]func() error{
		"a click": func() error { _, err := h.Click(t.Context(), click("UDOWN", "assign", "7")); return err },
		"a submission": func() error {
			_, err := h.Submit(t.Context(), engine.Submission{
				ID: "s", Form: engine.FormCorrection, Subject: "7:wrong:r",
				Values: map[string]string{"cause": "the disk"}, By: engine.Person{ID: "UDOWN"},
			})
			return err
		},
		"a command": func() error { _, err := h.Command(t.Context(), command("UDOWN", "pause")); return err },
	}
	for name, call := range calls {
		if err := call(); engine.CodeOf(err) != engine.Unavailable {
			t.Errorf("%s: error %v, want unavailable", name, err)
		}
	}
	if len(s.decisions) != 0 || s.paused.On {
		t.Errorf("decided %+v, paused %t; want nothing kept", s.decisions, s.paused.On)
	}
}

func TestLogsAreAuditedBeforeTheyAreRead(t *testing.T) {
	h, s, _ := fixture(t)
	s.decideFail = engine.Errorf(engine.Unavailable, "PostgreSQL does not answer")
	r, err := h.Click(t.Context(), click("UANA", "logs", "7"))
	if err == nil || r.Logs != nil {
		t.Errorf("logs %v, error %v; want none while the look cannot be audited", r.Logs, err)
	}
}

func TestPauseStopsSilences(t *testing.T) {
	h, s, _ := fixture(t)
	s.paused = engine.Pause{On: true, By: engine.Person{ID: "UBEN"}, At: noon}
	_, err := h.Click(t.Context(), click("UANA", "silence", "7:1h"))
	if engine.CodeOf(err) != engine.Forbidden || !strings.Contains(err.Error(), "<@UBEN>") {
		t.Errorf("error %v, want a refusal that names who paused", err)
	}
	if len(s.decisions) != 1 || s.decisions[0].Allowed || !strings.Contains(s.decisions[0].Reason, "paused") {
		t.Errorf("audited %+v, want the refusal", s.decisions)
	}
	if _, err := h.Click(t.Context(), click("UANA", "acknowledge", "7")); err != nil {
		t.Errorf("acknowledging while paused: %v", err)
	}
}

func TestWrongCauseAsksForTheRightOne(t *testing.T) {
	h, s, _ := fixture(t)
	const shown = "7:wrong:crash/dependency-refused"
	r, err := h.Click(t.Context(), click("UANA", "verdict", shown))
	if err != nil || r.Form == nil || r.Form.Subject != shown || !strings.Contains(r.Form.Text, "cannot reach db:5432") {
		t.Fatalf("reply %+v, %v; want the form about incident 7", r, err)
	}
	if len(s.decisions) != 0 {
		t.Errorf("decided %+v before the form was sent", s.decisions)
	}
	send := func(cause string) engine.Reply {
		r, err := h.Submit(t.Context(), engine.Submission{ID: "s1", By: engine.Person{ID: "UANA"}, Form: r.Form.Name, Subject: r.Form.Subject, Values: map[string]string{"cause": cause}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, bad := range []string{"", "  x ", strings.Repeat("y", 1001)} {
		if r := send(bad); r.Invalid["cause"] == "" {
			t.Errorf("%q was taken", cut(bad, 10))
		}
	}
	send(" the password was rotated ")
	want := engine.Decision{ID: "s1", Action: engine.ActionVerdict, IncidentID: 7, By: engine.Person{ID: "UANA"}, At: noon, Allowed: true, Rule: "crash/dependency-refused", Comment: "the password was rotated"}
	if len(s.decisions) != 1 || !reflect.DeepEqual(s.decisions[0], want) {
		t.Errorf("decisions %+v, want %+v", s.decisions, want)
	}
}

// A card that is older than the diagnosis asks about the cause that it shows, also when that is no longer listed.
func TestAStaleCardAsksAboutItsOwnCause(t *testing.T) {
	h, _, _ := fixture(t)
	r, err := h.Click(t.Context(), click("UANA", "verdict", "7:wrong:exit/error"))
	if err != nil || r.Form == nil || !strings.Contains(r.Form.Text, "exit/error") || strings.Contains(r.Form.Text, "db:5432") {
		t.Fatalf("reply %+v, %v; want a form about exit/error", r, err)
	}
}

func TestSubmitRefusals(t *testing.T) {
	h, s, _ := fixture(t)
	values := map[string]string{"cause": "a better cause"}
	for _, c := range []struct {
		sub  engine.Submission
		code engine.Code
	}{
		{engine.Submission{Form: "other", Subject: "7", Values: values}, engine.Invalid},
		{engine.Submission{Form: engine.FormCorrection, Subject: "x", Values: values}, engine.Invalid},
		{engine.Submission{Form: engine.FormCorrection, Subject: "99", Values: values}, engine.NotFound},
		{engine.Submission{Form: engine.FormCorrection, Subject: "7", By: engine.Person{ID: "UEVE"}, Values: values}, engine.Forbidden},
	} {
		if _, err := h.Submit(t.Context(), c.sub); engine.CodeOf(err) != c.code {
			t.Errorf("Submit(%+v): %v, want %s", c.sub, err, c.code)
		}
	}
	if len(s.decisions) != 1 || s.decisions[0].Allowed {
		t.Errorf("decisions %+v, want one refusal", s.decisions)
	}
}
