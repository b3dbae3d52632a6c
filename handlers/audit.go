package handlers

import (
	"context"
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// auditKinds are what the audit log can be read about, by the words that people type.
var auditKinds = map[string]string{
	"proposal": "proposal", "p": "proposal", "incident": "incident", "i": "incident", "finding": "finding", "f": "finding", "savings": "savings", "g": "savings",
	"experiment": "experiment", "x": "experiment",
}

// parseAudit understands what follows audit: what it is about and its number, as two words or one: "proposal 7", "proposal/7", "p7".
// A number alone is a proposal's.
func parseAudit(args []string) (query, error) {
	wrong := engine.Errorf(engine.Invalid, "`audit` wants a number: `/autopilot audit proposal 7`, or `incident 42`, or `finding 12`, or `experiment 3`")
	text := strings.ToLower(strings.Join(args, "/"))
	kind, number, split := strings.Cut(text, "/")
	if !split {
		at := strings.IndexAny(text, "0123456789#")
		if at < 0 {
			return query{}, wrong
		}
		kind, number = text[:at], text[at:]
	}
	if kind == "" {
		kind = "proposal"
	}
	subject, ok := auditKinds[kind]
	if !ok {
		return query{}, wrong
	}
	id, err := incidentID(number)
	if err != nil {
		return query{}, wrong
	}
	return query{verb: "audit", subject: fmt.Sprintf("%s/%d", subject, id)}, nil
}

const auditRows = 30

// audit shows who decided what about a proposal, an incident, a finding or an experiment.
func (h *Handlers) audit(ctx context.Context, c engine.Command, q query) (engine.Reply, error) {
	ok, reason, err := h.allowed(ctx, c.By, engine.ActionAudit, engine.Workload{})
	if err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		return h.refuse(ctx, engine.Decision{ID: c.ID, Action: engine.ActionAudit, By: c.By, Reason: reason})
	}
	rows, err := h.Decisions.Audit(ctx, q.subject, auditRows+1)
	if err != nil {
		return engine.Reply{}, err
	}
	if len(rows) == 0 {
		return engine.Reply{Text: fmt.Sprintf("Nobody decided anything about %s.", strings.Replace(q.subject, "/", " ", 1))}, nil
	}
	lines := []string{fmt.Sprintf("Decisions about %s, the newest first. `autopilot audit verify` checks the chain.", strings.Replace(q.subject, "/", " ", 1))}
	for _, r := range rows[:min(len(rows), auditRows)] {
		lines = append(lines, auditLine(r))
	}
	if len(rows) > auditRows {
		lines = append(lines, "There are more; the database has them all, in `audit_log`.")
	}
	return engine.Reply{Text: strings.Join(lines, "\n")}, nil
}

func auditLine(r engine.AuditRow) string {
	verdict := "allowed"
	if !r.Allowed {
		verdict = "refused"
	}
	who := "the bot"
	if !r.By.IsZero() {
		who = "<@" + plain(r.By.ID) + ">"
	}
	line := fmt.Sprintf("#%d %s %s %s %s, %s", r.Seq, r.At.UTC().Format("2006-01-02 15:04:05 UTC"), who, r.Action, code(r.Subject), verdict)
	if r.Plan != "" {
		line += ", plan " + code(r.Plan[:min(12, len(r.Plan))])
	}
	if r.Reason != "" {
		line += ": " + code(r.Reason)
	}
	return line + " · row " + code(r.Hash[:min(12, len(r.Hash))])
}
