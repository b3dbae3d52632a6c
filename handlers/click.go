package handlers

import (
	"context"
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Click carries out a press of a button on an incident's card or on a savings card.
func (h *Handlers) Click(ctx context.Context, c engine.Click) (engine.Reply, error) {
	switch {
	case engine.IsStormValue(c.Value):
		return h.stormClick(ctx, c)
	case engine.IsGroupValue(c.Value):
		return h.groupClick(ctx, c)
	case engine.IsProposalValue(c.Value):
		return h.proposalClick(ctx, c)
	case engine.IsExperimentValue(c.Value):
		return h.chaosClick(ctx, c)
	}
	b, err := engine.ParseButton(c.Value)
	if err != nil {
		return engine.Reply{}, err
	}
	i, err := h.Incidents.Incident(ctx, b.Incident)
	if err != nil {
		return engine.Reply{}, err
	}
	d := engine.Decision{ID: c.ID, Action: engine.Action(c.Action), IncidentID: i.ID, By: c.By, At: h.Now()}
	switch d.Action {
	case engine.ActionView, engine.ActionAcknowledge, engine.ActionAssign, engine.ActionResolve, engine.ActionLogs, engine.ActionDiagnose,
		engine.ActionUndo, engine.ActionRestart, engine.ActionScale, engine.ActionCordon:
	case engine.ActionSilence:
		if d.For, err = time.ParseDuration(b.Choice); err != nil {
			return engine.Reply{}, engine.Errorf(engine.Invalid, "choose how long to silence it: 1 h, 4 h or 24 h")
		}
	case engine.ActionVerdict:
		d.Right, d.Rule = b.Choice == engine.ChoiceRight, b.Rule
	default:
		return engine.Reply{}, engine.Errorf(engine.Invalid, "this button is not known to this version; run `/autopilot show %d`", i.ID)
	}
	ok, reason, err := h.allowed(ctx, c.By, d.Action, i.Workload)
	if err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		d.Reason = reason
		return h.refuse(ctx, d)
	}
	d.Allowed = true
	switch d.Action {
	case engine.ActionView:
		return engine.Reply{Incident: &i}, nil
	case engine.ActionLogs:
		return h.logs(ctx, d, i)
	case engine.ActionUndo, engine.ActionRestart, engine.ActionScale, engine.ActionCordon:
		return h.offerRemedy(ctx, d, i)
	case engine.ActionVerdict:
		if !d.Right && d.Rule != engine.RuleAlarm {
			return h.askCorrection(i, b)
		}
	case engine.ActionSilence:
		if err := h.writable(ctx); engine.CodeOf(err) == engine.Forbidden {
			d.Reason = engine.UserMessage(err, c.ID)
			return h.refuse(ctx, d)
		} else if err != nil {
			return engine.Reply{}, err
		}
	default: // nothing is needed before the decision
	}
	i, err = h.Decisions.Decide(ctx, d)
	if err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{Text: done(d, i)}, nil
}

// done says what a click did, where the card does not show it by itself.
func done(d engine.Decision, i engine.Incident) string {
	switch d.Action {
	case engine.ActionDiagnose:
		return fmt.Sprintf("Looking again for the cause of incident %d; the thread will show what is found.", i.ID)
	case engine.ActionVerdict:
		if d.Rule == engine.RuleAlarm {
			return "" // its line in the thread says what follows
		}
		return "Thank you. Answers like yours are what the confidence on these cards will be measured by."
	default: // the card shows it
		return ""
	}
}

// writable refuses while the bot is paused.
func (h *Handlers) writable(ctx context.Context) error {
	if h.ReadOnly {
		return engine.Errorf(engine.Forbidden, "this installation only looks: `read_only` in its configuration")
	}
	p, err := h.Decisions.Paused(ctx)
	if err != nil {
		return err
	}
	if p.On {
		return engine.Errorf(engine.Forbidden, "writes are paused by <@%s> since %s; `/autopilot resume` ends it", p.By.ID, p.At.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return nil
}

// logs shows the end of a log to the asker alone. The look is audited before it is taken.
func (h *Handlers) logs(ctx context.Context, d engine.Decision, i engine.Incident) (engine.Reply, error) {
	c, ok := h.cluster(i.Workload.Cluster)
	if !ok {
		return engine.Reply{}, engine.Errorf(engine.NotFound, "cluster %s is no longer in the configuration", i.Workload.Cluster)
	}
	if _, err := h.Decisions.Decide(ctx, d); err != nil {
		return engine.Reply{}, err
	}
	excerpt, err := c.Logs(ctx, i)
	if err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{Logs: &excerpt}, nil
}

// askCorrection asks what the cause was, if not the one that the button stood under.
func (h *Handlers) askCorrection(i engine.Incident, b engine.Button) (engine.Reply, error) {
	if len(i.Diagnosis.Causes) == 0 {
		return engine.Reply{}, engine.Errorf(engine.Conflict, "incident %d shows no cause to judge", i.ID)
	}
	said := b.Rule
	if cause, ok := i.Diagnosis.Cause(b.Rule); ok {
		said = cause.Title
	}
	return engine.Reply{Form: &engine.Form{
		Name:    engine.FormCorrection,
		Subject: b.Value(),
		Title:   "What was it really?",
		Text:    fmt.Sprintf("The card of %s said: %s.", i.Workload, said),
		Submit:  "Send",
		Fields: []engine.Field{{
			Name: "cause", Label: "The real cause", Hint: "One sentence is enough. It is kept with the incident.",
			Placeholder: "the new image listens on 8081", Multiline: true, MaxLength: 1000,
		}},
	}}, nil
}
