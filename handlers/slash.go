package handlers

import (
	"context"
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Command answers a slash command. Errors speak to the person; those of code internal are hidden by the caller.
func (h *Handlers) Command(ctx context.Context, c engine.Command) (engine.Reply, error) {
	q, err := parse(c.Text, h.Now())
	if err != nil {
		return engine.Reply{}, err
	}
	if q.verb == "help" {
		return engine.Reply{Help: &engine.Help{Commands: commands}}, nil
	}
	switch q.verb {
	case "pause", "resume":
		return h.pause(ctx, c, q)
	case "audit":
		return h.audit(ctx, c, q)
	case "chaos":
		return h.chaosCommand(ctx, c, q.words)
	}
	ok, reason, err := h.maySee(ctx, c.By)
	if err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		return h.refuse(ctx, engine.Decision{ID: c.ID, Action: engine.ActionView, By: c.By, Reason: reason})
	}
	switch q.verb {
	case "status":
		o, err := h.Incidents.Overview(ctx)
		return engine.Reply{Overview: &o}, err
	case "show":
		i, err := h.Incidents.Incident(ctx, q.id)
		return engine.Reply{Incident: &i}, err
	case "export_incident":
		return h.exportIncident(ctx, q.id)
	case "savings":
		return h.savings(ctx, q)
	case "ledger", "export":
		return h.showLedger(ctx, q)
	case "costs":
		return h.showCosts(ctx, q)
	case "report":
		return h.showReport(ctx, q)
	case "detect":
		return h.detect(ctx, c, q)
	case "trust":
		return h.trust(ctx, q)
	}
	return h.list(ctx, c, q)
}

// maySee tells whether a person may look at all: a role that may view anything anywhere is enough, for the channels show the cards anyway.
func (h *Handlers) maySee(ctx context.Context, p engine.Person) (ok bool, reason string, err error) {
	ok, reason, err = h.allowed(ctx, p, engine.ActionView, engine.Workload{})
	if ok || err != nil {
		return ok, reason, err
	}
	for _, r := range h.Policy.Roles {
		w := engine.Workload{Cluster: first(r.Clusters), Namespace: first(r.Namespaces), Kind: "any", Name: "any"}
		if ok, _, err := h.allowed(ctx, p, engine.ActionView, w); ok || err != nil {
			return ok, "role " + r.Name, err
		}
	}
	return false, reason, nil
}

func first(patterns []string) string {
	if len(patterns) == 0 {
		return ""
	}
	return patterns[0]
}

const listed = 20

func (h *Handlers) list(ctx context.Context, c engine.Command, q query) (engine.Reply, error) {
	f := q.filter
	if q.mine {
		f.Assignee = c.By.ID
	}
	if f.Cluster != "" {
		if _, ok := h.cluster(f.Cluster); !ok {
			return engine.Reply{}, engine.Errorf(engine.Invalid, "there is no cluster `%s`; %s", plain(f.Cluster), h.clusterNames(f.Cluster))
		}
	}
	f.Limit = listed + 1
	found, err := h.Incidents.Incidents(ctx, f)
	if err != nil {
		return engine.Reply{}, err
	}
	list := &engine.IncidentList{Filter: describe(f), More: len(found) > listed, Incidents: found[:min(len(found), listed)]}
	return engine.Reply{Incidents: list}, nil
}

func (h *Handlers) clusterNames(asked string) string {
	var names []string
	for _, c := range h.Clusters {
		names = append(names, c.Name)
	}
	if near := nearestWord(asked, names); near != "" {
		return fmt.Sprintf("did you mean `cluster=%s`?", near)
	}
	return "known: " + strings.Join(names, ", ")
}

// describe says in words what a filter chooses.
func describe(f engine.IncidentFilter) string {
	words := []string{}
	switch {
	case f.AnyStatus:
		words = append(words, "all")
	case f.Status != "":
		words = append(words, string(f.Status))
	default:
		words = append(words, "open")
	}
	if f.Severity != "" {
		words = append(words, string(f.Severity))
	}
	if f.Class != "" {
		words = append(words, strings.ReplaceAll(string(f.Class), "_", " "))
	}
	words = append(words, "incidents")
	switch {
	case f.Namespace != "" && f.Workload != "":
		words = append(words, "of "+f.Namespace+"/"+f.Workload)
	case f.Namespace != "":
		words = append(words, "in "+f.Namespace)
	case f.Workload != "":
		words = append(words, "of "+f.Workload)
	}
	if f.Cluster != "" {
		words = append(words, "on "+f.Cluster)
	}
	if f.Assignee != "" {
		words = append(words, "assigned to you")
	}
	if !f.Since.IsZero() {
		words = append(words, "since "+f.Since.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return strings.Join(words, " ")
}

// pause stops or starts every write that the bot makes outside Slack and its own database, but for the pager: nobody is to sleep
// through an incident because of a pause.
func (h *Handlers) pause(ctx context.Context, c engine.Command, q query) (engine.Reply, error) {
	d := engine.Decision{ID: c.ID, Action: engine.Action(q.verb), By: c.By, At: h.Now(), Reason: q.reason}
	ok, reason, err := h.allowed(ctx, c.By, d.Action, engine.Workload{})
	if err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		d.Reason = reason
		return h.refuse(ctx, d)
	}
	d.Allowed = true
	if err := h.Decisions.SetPause(ctx, d); err != nil {
		return engine.Reply{}, err
	}
	if q.verb == "resume" {
		return engine.Reply{Text: "Resumed. The bot may write again; silences that waited are made or ended within a quarter of an hour."}, nil
	}
	return engine.Reply{Text: "Paused. The bot goes on watching, and telling: here, at the pager and in reports. Silences, pull requests, remedies, removals and experiments wait until somebody says `/autopilot resume`."}, nil
}

// refuse records a refusal and gives it as the error that the person sees.
func (h *Handlers) refuse(ctx context.Context, d engine.Decision) (engine.Reply, error) {
	d.Allowed = false
	d.At = h.Now()
	if _, err := h.Decisions.Decide(ctx, d); err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{}, engine.Errorf(engine.Forbidden, "You may not do that: %s.", d.Reason)
}
