package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestParseSavings(t *testing.T) {
	for text, want := range map[string]query{
		"savings":                                {verb: "savings"},
		"savings payments":                       {verb: "savings", bare: "payments"},
		"savings volumes platform":               {verb: "savings", bare: "platform", findings: engine.FindingFilter{Kind: engine.OrphanVolume}},
		"savings team=a cluster=b ns=c type=cpu": {verb: "savings", findings: engine.FindingFilter{Team: "a", Cluster: "b", Namespace: "c", Kind: engine.OverRequestedCPU}},
		"savings kind=idle-node":                 {verb: "savings", findings: engine.FindingFilter{Kind: engine.IdleNode}},
		"detect waste":                           {verb: "detect"},
		"detect WASTE prod":                      {verb: "detect", bare: "prod"},
		"detect waste cluster=prod namespace=ci": {verb: "detect", findings: engine.FindingFilter{Cluster: "prod", Namespace: "ci"}},
	} {
		got, err := parse(text, noon)
		if err != nil {
			t.Errorf("parse(%q): %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(query{})); d != "" {
			t.Errorf("parse(%q): %s", text, d)
		}
	}
	for text, want := range map[string]string{
		"saving": "did you mean `/autopilot savings`?", "detetc waste": "did you mean `/autopilot detect`?",
		"savings a b": "one word too many", "savings type=disk": "cpu, memory, node or volume", "savings colour=red": "known: team, cluster",
		"savings team=": "`team=` wants a value", "detect": "`/autopilot detect waste`", "detect fraud": "`/autopilot detect waste`",
		"detect waste a b": "one word too many", "detect waste a ns=b": "name the cluster or namespace once", "detect waste size=9": "known: cluster, namespace",
		"detect waste ns=": "`ns=` wants a value",
	} {
		if _, err := parse(text, noon); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%q) = %v; want invalid, with %q", text, err, want)
		}
	}
}

func TestSavings(t *testing.T) {
	h, f := wasteFixture(t)
	for text, want := range map[string]engine.FindingFilter{
		"savings":              {Limit: listed},
		"savings prod":         {Cluster: "prod", Limit: listed},
		"savings platform":     {Team: "platform", Limit: listed},
		"savings type=volume":  {Kind: engine.OrphanVolume, Limit: listed},
		"savings ns=a cpu dev": {Cluster: "dev", Namespace: "a", Kind: engine.OverRequestedCPU, Limit: listed},
	} {
		r, err := h.Command(t.Context(), command("UEVE", text))
		if err != nil || r.Savings == nil || r.Savings.Monthly != 30*engine.USD || f.filter != want {
			t.Errorf("%s: %+v, %v, asked %+v; want %+v", text, r.Savings, err, f.filter, want)
		}
	}
	r, err := h.Command(t.Context(), command("UEVE", "savings ns=a cpu dev"))
	if err != nil || r.Savings.Filter != "over requested cpu in namespace a on dev" {
		t.Errorf("understood as %q, %v", r.Savings.Filter, err)
	}
	if _, err := h.Command(t.Context(), command("UEVE", "savings cluster=prd")); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("an unknown cluster: %v", err)
	}
	h.Waste = nil
	for _, text := range []string{"savings", "detect waste"} {
		if _, err := h.Command(t.Context(), command("UEVE", text)); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), "`waste:`") {
			t.Errorf("%s where it is switched off: %v", text, err)
		}
	}
	if _, err := h.Click(t.Context(), click("UFIN", "view", "g3")); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("a card of when it was switched on: %v", err)
	}
}

func TestDetectWaste(t *testing.T) {
	h, f := wasteFixture(t)
	for text, want := range map[string][2]string{
		"detect waste": {"", ""}, "detect waste prod": {"prod", ""}, "detect waste payments": {"", "payments"}, "detect waste cluster=dev ns=shop": {"dev", "shop"},
		"detect waste namespace=prd": {"", "prd"},
	} {
		f.asked, f.decisions = nil, nil
		r, err := h.Command(t.Context(), command("UANA", text))
		if err != nil || !strings.HasPrefix(r.Text, "Looking for waste") || len(f.asked) != 1 || f.asked[0] != want {
			t.Errorf("%s: %+v, %v, asked %v; want %v", text, r, err, f.asked, want)
			continue
		}
		if d := f.decisions[0]; !d.Allowed || d.Action != engine.ActionScan || d.ID != "m1" || d.By.ID != "UANA" {
			t.Errorf("%s: decided %+v", text, d)
		}
	}
	f.asked, f.decisions = nil, nil
	if _, err := h.Command(t.Context(), command("UANA", "detect waste prd")); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), "detect waste prod") {
		t.Errorf("almost a cluster: %v", err)
	}
	if _, err := h.Command(t.Context(), command("UANA", "detect waste cluster=prd")); engine.CodeOf(err) != engine.Invalid || len(f.asked) != 0 {
		t.Errorf("no cluster: %v, asked %v", err, f.asked)
	}
	if _, err := h.Command(t.Context(), command("UEVE", "detect waste")); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("without the role: %v", err)
	}
	if len(f.decisions) != 1 || f.decisions[0].Allowed || f.decisions[0].Reason == "" {
		t.Errorf("the refusal is kept as %+v", f.decisions)
	}
	f.busy = engine.Errorf(engine.Conflict, "A scan of all clusters runs already")
	if _, err := h.Command(t.Context(), command("UANA", "detect waste")); engine.CodeOf(err) != engine.Conflict {
		t.Errorf("while one runs: %v", err)
	}
}

func TestDetails(t *testing.T) {
	h, f := wasteFixture(t)
	r, err := h.Click(t.Context(), click("UEVE", "view", "g3"))
	if err != nil || r.Group == nil || r.Group.ID != 3 || len(f.decisions) != 0 {
		t.Errorf("details: %+v, %v", r, err)
	}
	for value, want := range map[string]engine.Code{"g99": engine.NotFound, "gx": engine.Invalid} {
		if _, err := h.Click(t.Context(), click("UEVE", "view", value)); engine.CodeOf(err) != want {
			t.Errorf("details of %s: %v, want %s", value, err, want)
		}
	}
	if _, err := h.Click(t.Context(), click("UFIN", "approve", "g3")); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("a button of another version: %v", err)
	}
}

func TestSnoozeAsksUntilWhenAndWhy(t *testing.T) {
	h, f := wasteFixture(t)
	r, err := h.Click(t.Context(), click("UFIN", "snooze", "g3"))
	if err != nil || r.Form == nil || r.Form.Name != engine.FormSnooze || r.Form.Subject != "g3" {
		t.Fatalf("reply %+v, %v", r, err)
	}
	names := []string{}
	for _, field := range r.Form.Fields {
		names = append(names, field.Name+" "+string(field.Kind)+" "+field.Value)
	}
	if d := cmp.Diff([]string{"until date 2026-03-31", "finding select all", "reason  "}, names); d != "" {
		t.Error(d)
	}
	if o := r.Form.Fields[1].Options; len(o) != 3 || o[2] != (engine.Option{Value: "12", Label: "memory of container app, $10.00"}) {
		t.Errorf("options %+v", o)
	}
	send := func(values map[string]string) (engine.Reply, error) {
		return h.Submit(t.Context(), engine.Submission{ID: "s1", By: engine.Person{ID: "UFIN"}, Form: r.Form.Name, Subject: r.Form.Subject, Values: values})
	}
	for field, values := range map[string]map[string]string{
		"until":   {"until": "2026-03-01", "reason": "launch"},
		"reason":  {"until": "2026-03-20", "reason": " x "},
		"finding": {"until": "2026-03-20", "reason": "launch", "finding": "two"},
	} {
		if got, err := send(values); err != nil || got.Invalid[field] == "" {
			t.Errorf("%v: %+v, %v; want %s to be wrong", values, got, err, field)
		}
	}
	for _, until := range []string{"", "20.3.2026", "2029-01-01"} {
		if got, err := send(map[string]string{"until": until, "reason": "launch"}); err != nil || got.Invalid["until"] == "" {
			t.Errorf("until %q was taken: %+v, %v", until, got, err)
		}
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	h.Waste.Location = berlin
	got, err := send(map[string]string{"until": "2026-03-20", "reason": " launch week ", "finding": "12"})
	if err != nil || got.Text != "`payments/api` is snoozed until 20 March 2026." {
		t.Errorf("reply %+v, %v", got, err)
	}
	want := engine.Decision{
		ID: "s1", Action: engine.ActionSnooze, GroupID: 3, FindingID: 12, By: engine.Person{ID: "UFIN"}, At: noon, Allowed: true, Reason: "launch week",
		Until: time.Date(2026, 3, 20, 0, 0, 0, 0, berlin),
	}
	if d := cmp.Diff([]engine.Decision{want}, f.decisions); d != "" {
		t.Error(d)
	}
}

func TestNotWasteAndBack(t *testing.T) {
	h, f := wasteFixture(t)
	r, err := h.Click(t.Context(), click("UFIN", "not_waste", "g3"))
	if err != nil || r.Form == nil || r.Form.Name != engine.FormNotWaste {
		t.Fatalf("reply %+v, %v", r, err)
	}
	s := engine.Submission{ID: "s1", By: engine.Person{ID: "UFIN"}, Form: r.Form.Name, Subject: "g3", Values: map[string]string{"reason": "warm standby", "finding": "all"}}
	if _, err := h.Submit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Click(t.Context(), click("UFIN", "not_waste", "g3:undo")); err != nil {
		t.Fatal(err)
	}
	by := engine.Person{ID: "UFIN"}
	want := []engine.Decision{
		{ID: "s1", Action: engine.ActionNotWaste, GroupID: 3, By: by, At: noon, Allowed: true, Reason: "warm standby"},
		{ID: "c1", Action: engine.ActionNotWaste, GroupID: 3, By: by, At: noon, Allowed: true, Undo: true},
	}
	if d := cmp.Diff(want, f.decisions); d != "" {
		t.Error(d)
	}
	if _, err := h.Click(t.Context(), click("UFIN", "snooze", "g4")); engine.CodeOf(err) != engine.Conflict {
		t.Errorf("what is closed cannot be snoozed: %v", err)
	}
}

func TestWhoMayNotMuteIsRefusedAndKept(t *testing.T) {
	h, f := wasteFixture(t)
	other := f.groups[3]
	other.ID, other.Findings = 5, append(other.Findings[:1:1], engine.Finding{Status: engine.FindingOpen, Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Namespace: "vault"}}})
	f.groups[5] = other
	try := map[string]func() error{
		"a click":             func() error { _, err := h.Click(t.Context(), click("UEVE", "snooze", "g3")); return err },
		"an undo":             func() error { _, err := h.Click(t.Context(), click("UEVE", "not_waste", "g3:undo")); return err },
		"a foreign namespace": func() error { _, err := h.Click(t.Context(), click("UFIN", "snooze", "g5")); return err },
		"a form": func() error {
			_, err := h.Submit(t.Context(), engine.Submission{ID: "s", By: engine.Person{ID: "UEVE"}, Form: engine.FormNotWaste, Subject: "g3", Values: map[string]string{"reason": "because"}})
			return err
		},
	}
	for name, do := range try {
		f.decisions = nil
		if err := do(); engine.CodeOf(err) != engine.Forbidden {
			t.Errorf("%s: %v, want forbidden", name, err)
		}
		if len(f.decisions) != 1 || f.decisions[0].Allowed || f.decisions[0].GroupID == 0 || f.decisions[0].Reason == "" {
			t.Errorf("%s: kept %+v, want one refusal", name, f.decisions)
		}
	}
}
