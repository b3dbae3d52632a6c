package view

import (
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// buttons are the actions that still apply.
func buttons(i engine.Incident, key string) []slack.Block {
	var blocks []slack.Block
	if i.IsOpen() {
		blocks = append(blocks, slack.NewActionBlock(blockID(key, "act"), actions(i)...))
	}
	return append(append(blocks, verdict(i, key)...), worthTelling(i, key)...)
}

func actions(i engine.Incident) []slack.BlockElement {
	var out []slack.BlockElement
	if i.Status == engine.Open {
		out = append(out, button(engine.ActionAcknowledge, i, "Acknowledge").WithStyle(slack.StylePrimary))
	}
	resolve := button(engine.ActionResolve, i, "Resolve").WithConfirm(slack.NewConfirmationBlockObject(
		plainText("Resolve this incident?", 100),
		plainText("It opens again by itself if the problem is still there.", 300),
		plainText("Resolve", 30), plainText("Keep open", 30)))
	out = append(out, button(engine.ActionAssign, i, "Assign to me"), silence(i), resolve)
	out = append(out, remedies(i)...)
	if hasLogs(i.Workload) {
		out = append(out, button(engine.ActionLogs, i, "Show logs"))
	}
	return append(out, button(engine.ActionDiagnose, i, "Diagnose again"))
}

// hasLogs tells whether there are containers behind the workload.
func hasLogs(w engine.Workload) bool {
	return w.Kind != engine.KindNode && w.Kind != engine.KindCluster && w.Kind != "PersistentVolumeClaim"
}

func button(a engine.Action, i engine.Incident, label string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(string(a), engine.Button{Incident: i.ID}.Value(), plainText(label, 75))
}

func silence(i engine.Incident) slack.BlockElement {
	option := func(choice, label string) *slack.OptionBlockObject {
		return slack.NewOptionBlockObject(engine.Button{Incident: i.ID, Choice: choice}.Value(), plainText(label, 75), nil)
	}
	return slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plainText("Silence", 150), string(engine.ActionSilence),
		option(engine.Choice1h, "for 1 hour"), option(engine.Choice4h, "for 4 hours"), option(engine.Choice24h, "for 24 hours"))
}

// verdict asks whether the cause was right, until somebody said so.
func verdict(i engine.Incident, key string) []slack.Block {
	if len(i.Diagnosis.Causes) == 0 {
		return nil
	}
	rule := i.Diagnosis.Causes[0].Rule
	for _, v := range slices.Backward(i.Verdicts) {
		if v.Rule != rule {
			continue
		}
		said := "right"
		if !v.Right {
			said = "wrong"
		}
		text := person(v.By) + " says that this cause was " + said + "."
		if v.Correction != "" {
			text = strings.TrimSuffix(text, ".") + ": " + outside(v.Correction, 300)
		}
		return []slack.Block{context(text)}
	}
	answer := func(choice, label string) slack.BlockElement {
		value := engine.Button{Incident: i.ID, Choice: choice, Rule: rule}.Value()
		return slack.NewButtonBlockElement(string(engine.ActionVerdict)+actionEnd+choice, value, plainText(label, 75))
	}
	return []slack.Block{
		context("Was this cause right?"),
		slack.NewActionBlock(blockID(key, "verdict"), answer(engine.ChoiceRight, "Yes"), answer(engine.ChoiceWrong, "No")),
	}
}
