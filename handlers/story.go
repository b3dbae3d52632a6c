package handlers

import (
	"context"
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/story"
)

// Stories reads incidents as they are told when they are over, without what they cost.
type Stories interface {
	Story(ctx context.Context, id int64) (engine.Story, error)
}

// Story tells an incident, with what it cost the business by the configuration's rules. It fails with NotFound.
func (h *Handlers) Story(ctx context.Context, id int64) (engine.Story, error) {
	s, err := h.Stories.Story(ctx, id)
	if err != nil {
		return s, err
	}
	i := s.Incident
	s.Cost, s.Costed = h.Reports.Rules.Cost(engine.IncidentLine{
		Workload: i.Workload, Team: h.teamOf(i), Severity: i.Severity, Lasted: s.Lasted,
	})
	if !s.Costed {
		s.Missing = append(s.Missing, "What it cost the business: no rule of reports.incident_hours is about it.")
	}
	s.Missing = append(s.Missing, "What its replicas cost meanwhile: bills are divided by day and namespace.")
	return s, nil
}

// teamOf is whose an incident is, by the first of its signals that names a team.
func (h *Handlers) teamOf(i engine.Incident) string {
	label := h.Rules.Route.TeamLabel
	if label == "" {
		label = "team"
	}
	for _, s := range i.Signals {
		if t := s.Labels[label]; t != "" {
			return t
		}
	}
	return ""
}

// exportIncident gives an incident as a Markdown file.
func (h *Handlers) exportIncident(ctx context.Context, id int64) (engine.Reply, error) {
	s, err := h.Story(ctx, id)
	if err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{
		Text: fmt.Sprintf("Incident %d as a file: look at the direct message.", id),
		File: &engine.File{Name: story.Name(s.Incident), Title: fmt.Sprintf("Incident %d", id), Content: story.Markdown(s)},
	}, nil
}
