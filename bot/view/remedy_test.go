package view_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

func undoable() engine.Incident {
	i := diagnosed()
	i.Diagnosis.Remedies = []engine.Remedy{
		{Kind: engine.RemedyUndo, Target: i.Workload, From: "7", To: "6"},
		{Kind: engine.RemedyRestart, Target: i.Workload},
		{Kind: engine.RemedyScale, Target: i.Workload, From: "4", To: "6"},
	}
	return i
}

func undoPlan() engine.Form {
	i := undoable()
	plan := i.Diagnosis.Remedies[0]
	plan.Text, plan.Command = "revision 7 → 6: image 1.4.2 → 1.4.1 (container api)", "kubectl -n payments rollout undo deployment/api --to-revision=6"
	plan.Expires, plan.Hash = t0.Add(10*time.Minute), strings.Repeat("9f86d081", 8)
	return engine.Form{Name: engine.FormRemedy, Subject: "42:undo:1795406400:9f86", Title: "Undo rollout", Submit: "Undo rollout", Remedy: &plan}
}

func TestRemedyGolden(t *testing.T) {
	asked := undoable()
	asked.Timeline = append(asked.Timeline, engine.Event{ID: 9, At: t0.Add(time.Minute), Kind: engine.EventRemedyAsked, By: ana, Text: "Asked to undo the rollout: revision 7 → 6"})
	git := diagnosed()
	git.Diagnosis.NoRemedy = "Argo CD (application <!channel>) deploys it from Git and would take back an undone rollout: revert the change there"
	golden(t, map[string]any{
		"card_remedies":     view.Card(undoable(), nil, workspace),
		"card_remedy_asked": view.Card(asked, nil, workspace),
		"card_remedy_git":   view.Card(git, nil, workspace),
		"modal_remedy":      view.Modal(undoPlan(), "{}"),
	})
}

func TestRemedyButtons(t *testing.T) {
	text := func(i engine.Incident) string {
		data, err := json.Marshal(view.Card(i, nil, workspace))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	labels := []string{"Undo rollout", "Restart", "Scale to 6"}
	for _, l := range labels {
		if !strings.Contains(text(undoable()), `"text":"`+l+`"`) {
			t.Errorf("the card has no button %q", l)
		}
	}
	for name, change := range map[string]func(*engine.Incident){
		"resolved": func(i *engine.Incident) { i.Status = engine.Resolved },
		"well":     func(i *engine.Incident) { i.ClearedAt = t0.Add(time.Minute) },
		"asked for": func(i *engine.Incident) {
			i.Timeline = append(i.Timeline, engine.Event{Kind: engine.EventRemedyAsked, At: t0, By: ana})
		},
	} {
		i := undoable()
		change(&i)
		for _, l := range labels {
			if strings.Contains(text(i), `"text":"`+l+`"`) {
				t.Errorf("%s: the card has the button %q", name, l)
			}
		}
	}
	git := undoable()
	git.Diagnosis.NoRemedy = "argo deploys it"
	if strings.Contains(text(git), "Argo deploys it") {
		t.Error("the card says why there is no remedy beside the buttons of some")
	}
}

// What is done, where, and until when one may say yes: the window says all of it, whatever the names hold.
func TestRemedyModal(t *testing.T) {
	f := undoPlan()
	f.Text = "The plan that you saw has expired."
	f.Remedy.Text += " <!channel> " + strings.Repeat("x", 5000)
	modal := view.Modal(f, "{}")
	data, err := json.Marshal(modal)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"payments/api", "prod-eu", "revision 7 → 6: image 1.4.2 → 1.4.1", "rollout undo deployment/api --to-revision=6", "dry run", "expired", "9f86d0819f86"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the window does not say %q", want)
		}
	}
	if strings.Contains(string(data), "<!channel>") || modal.Submit == nil || modal.Submit.Text != "Undo rollout" {
		t.Errorf("the window: %s", data)
	}
}
