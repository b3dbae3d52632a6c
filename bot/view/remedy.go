package view

import (
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// remedies are the buttons of what the bot could do at once. Each opens a window that says what exactly.
func remedies(i engine.Incident) []slack.BlockElement {
	var out []slack.BlockElement
	for _, r := range i.Offers() {
		out = append(out, button(r.Kind.Action(), i, remedyLabel(r)).WithStyle(slack.StyleDanger))
	}
	return out
}

func remedyLabel(r engine.Remedy) string {
	switch r.Kind {
	case engine.RemedyUndo:
		return "Undo rollout"
	case engine.RemedyRestart:
		return "Restart"
	case engine.RemedyScale:
		return "Scale to " + r.To
	case engine.RemedyCordon:
		return "Cordon node"
	}
	return string(r.Kind)
}

// noRemedy says why no button undoes what did it, or that one was pressed and is being carried out.
func noRemedy(i engine.Incident) string {
	if !i.IsOpen() {
		return ""
	}
	if e, ok := i.LastRemedy(); ok && e.Kind == engine.EventRemedyAsked {
		return ":hourglass_flowing_sand: " + outside(e.Text, 400) + ", says " + person(e.By)
	}
	if i.Diagnosis.NoRemedy == "" || len(i.Offers()) > 0 {
		return ""
	}
	return outside(strings.ToUpper(i.Diagnosis.NoRemedy[:1])+i.Diagnosis.NoRemedy[1:], 400) + "."
}

// remedyPlan is what a remedy does exactly, that the API server would take it, and until when somebody may say yes.
func remedyPlan(c *canvas, r engine.Remedy) {
	c.section(
		"*"+outside(r.Target.String(), 200)+"* on cluster "+code(r.Target.Cluster, 80)+":",
		outside(r.Text, 1500),
	)
	c.section("It is the same as", fence(r.Command, 600))
	c.context("The API server took it in a dry run. Nothing is done before you say yes, and nothing if the object changes meanwhile. The plan expires " +
		when(r.Expires) + ". Plan " + code(r.Hash[:min(12, len(r.Hash))], 20))
}
