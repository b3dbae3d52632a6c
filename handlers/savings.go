package handlers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

const (
	snoozeFor   = 30 * 24 * time.Hour // what the form proposes
	longestWhy  = 300
	wholeGroup  = "all"
	mostOptions = 100 // that Slack takes
)

// wasteOff is the answer where the configuration does not ask for waste.
func wasteOff() error {
	return engine.Errorf(engine.Invalid, "waste is not looked for here; a `waste:` section in the configuration switches it on")
}

// savings lists what could be saved.
func (h *Handlers) savings(ctx context.Context, q query) (engine.Reply, error) {
	if h.Waste == nil {
		return engine.Reply{}, wasteOff()
	}
	f := q.findings
	if q.bare != "" {
		if _, ok := h.cluster(q.bare); ok {
			f.Cluster = q.bare
		} else {
			f.Team = q.bare
		}
	}
	if f.Cluster != "" {
		if _, ok := h.cluster(f.Cluster); !ok {
			return engine.Reply{}, engine.Errorf(engine.Invalid, "there is no cluster `%s`; %s", plain(f.Cluster), h.clusterNames(f.Cluster))
		}
	}
	f.Limit = listed
	s, err := h.Waste.Savings.Savings(ctx, f)
	if err != nil {
		return engine.Reply{}, err
	}
	s.Filter = describeFindings(f)
	return engine.Reply{Savings: &s}, nil
}

// describeFindings says in words what a filter chooses; "" for everything.
func describeFindings(f engine.FindingFilter) string {
	var words []string
	if f.Kind != "" {
		words = append(words, strings.ReplaceAll(string(f.Kind), "_", " "))
	}
	for _, part := range [][2]string{{"of team ", f.Team}, {"in namespace ", f.Namespace}, {"on ", f.Cluster}} {
		if part[1] != "" {
			words = append(words, part[0]+part[1])
		}
	}
	return strings.Join(words, " ")
}

// detect has a scan made and answers at once.
func (h *Handlers) detect(ctx context.Context, c engine.Command, q query) (engine.Reply, error) {
	if h.Waste == nil {
		return engine.Reply{}, wasteOff()
	}
	cluster, namespace := q.findings.Cluster, q.findings.Namespace
	if q.bare != "" {
		names := make([]string, len(h.Waste.Clusters))
		for k, c := range h.Waste.Clusters {
			names[k] = c.Name
		}
		near := nearestWord(q.bare, names)
		switch {
		case slices.Contains(names, q.bare):
			cluster = q.bare
		case near != "":
			return engine.Reply{}, engine.Errorf(engine.Invalid,
				"there is no cluster `%[1]s`; did you mean `/autopilot detect waste %[2]s`? A namespace of that name is `namespace=%[1]s`", plain(q.bare), near)
		default:
			namespace = q.bare
		}
	}
	if cluster != "" {
		if _, ok := h.cluster(cluster); !ok {
			return engine.Reply{}, engine.Errorf(engine.Invalid, "there is no cluster `%s`; %s", plain(cluster), h.clusterNames(cluster))
		}
	}
	d := engine.Decision{ID: c.ID, Action: engine.ActionScan, By: c.By, At: h.Now()}
	var of engine.Workload // the whole installation
	if cluster != "" || namespace != "" {
		of = engine.Workload{Cluster: cluster, Namespace: namespace, Name: "all of it"}
	}
	ok, reason, err := h.allowed(ctx, c.By, d.Action, of)
	if err != nil {
		return engine.Reply{}, err
	}
	if d.Allowed = ok; !ok {
		d.Reason = reason
	}
	if _, err := h.Waste.Savings.RequestScan(ctx, d, cluster, namespace); err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		return engine.Reply{}, engine.Errorf(engine.Forbidden, "You may not do that: %s.", reason)
	}
	return engine.Reply{Text: "Looking for waste " + where(cluster, namespace) + ". What is found comes as cards, the dearest first, and is all in `/autopilot savings`."}, nil
}

func where(cluster, namespace string) string {
	place := "on all clusters"
	if cluster != "" {
		place = "on `" + plain(cluster) + "`"
	}
	if namespace != "" {
		place = "in namespace `" + plain(namespace) + "` " + place
	}
	return place
}

// groupClick carries out a press of a button on a savings card.
func (h *Handlers) groupClick(ctx context.Context, c engine.Click) (engine.Reply, error) {
	b, err := engine.ParseGroup(c.Value)
	if err != nil {
		return engine.Reply{}, err
	}
	if h.Waste == nil {
		return engine.Reply{}, wasteOff()
	}
	g, err := h.Waste.Savings.FindingGroup(ctx, b.Group)
	if err != nil {
		return engine.Reply{}, err
	}
	d := engine.Decision{ID: c.ID, Action: engine.Action(c.Action), GroupID: g.ID, By: c.By, At: h.Now(), Undo: b.Choice == engine.ChoiceUndo}
	switch d.Action {
	case engine.ActionView, engine.ActionSnooze, engine.ActionNotWaste:
	case engine.ActionApprove:
		return h.askApproval(ctx, d, g)
	default:
		return engine.Reply{}, engine.Errorf(engine.Invalid, "this button is not known to this version; run `/autopilot savings`")
	}
	if err := h.mayTouch(ctx, d, g); err != nil {
		return engine.Reply{}, err
	}
	switch {
	case d.Action == engine.ActionView:
		return engine.Reply{Group: &g}, nil
	case d.Undo:
		d.Allowed = true
		if g, err = h.Waste.Savings.Mute(ctx, d); err != nil {
			return engine.Reply{}, err
		}
		return engine.Reply{Text: fmt.Sprintf("What is wasted at %s counts again.", code(g.Title))}, nil
	}
	return h.askWhy(d.Action, g, b)
}

// mayTouch asks the policy, for every place that the group has findings in, and records a refusal.
func (h *Handlers) mayTouch(ctx context.Context, d engine.Decision, g engine.FindingGroup) error {
	if len(g.Findings) == 0 {
		return engine.Errorf(engine.NotFound, "%s has no findings", code(g.Title))
	}
	asked := map[engine.Workload]bool{}
	for _, f := range g.Findings {
		w := f.Target.Workload
		if asked[w] {
			continue
		}
		asked[w] = true
		ok, reason, err := h.allowed(ctx, d.By, d.Action, w)
		if err != nil {
			return err
		}
		if !ok {
			d.Reason = reason
			if _, err := h.Waste.Savings.Mute(ctx, d); err != nil {
				return err
			}
			return engine.Errorf(engine.Forbidden, "You may not do that: %s.", reason)
		}
	}
	return nil
}

// askWhy opens the form that asks for a reason and, for a snooze, a day.
func (h *Handlers) askWhy(a engine.Action, g engine.FindingGroup, b engine.GroupButton) (engine.Reply, error) {
	open := g.Open()
	if len(open) == 0 {
		return engine.Reply{}, engine.Errorf(engine.Conflict, "nothing of %s is open any more", code(g.Title))
	}
	f := &engine.Form{
		Name: engine.FormNotWaste, Subject: b.Value(), Title: "Not waste", Submit: "Not waste",
		Text: fmt.Sprintf("%s, %s a month. It will not be shown again unless somebody takes this back.", g.Title, g.Monthly),
	}
	reason := engine.Field{
		Name: engine.FieldReason, Label: "Why?", Hint: "It is kept, and shown to whoever asks.",
		Placeholder: "warm standby for the Friday load test", Multiline: true, MaxLength: longestWhy,
	}
	if a == engine.ActionSnooze {
		f.Name, f.Title, f.Submit = engine.FormSnooze, "Snooze", "Snooze"
		f.Text = fmt.Sprintf("%s, %s a month.", g.Title, g.Monthly)
		f.Fields = append(f.Fields, engine.Field{
			Name: engine.FieldUntil, Label: "Until", Hint: "It is shown again on that day if it is still wasted.", Kind: engine.FieldDate,
			Value: h.Now().In(h.Waste.location()).Add(snoozeFor).Format(time.DateOnly),
		})
	}
	if len(open) > 1 {
		which := engine.Field{Name: engine.FieldFinding, Label: "What", Kind: engine.FieldSelect, Value: wholeGroup}
		which.Options = append(which.Options, engine.Option{Value: wholeGroup, Label: "All of it"})
		for _, finding := range open[:min(len(open), mostOptions-1)] {
			which.Options = append(which.Options, engine.Option{Value: strconv.FormatInt(finding.ID, 10), Label: nameOf(finding)})
		}
		f.Fields = append(f.Fields, which)
	}
	f.Fields = append(f.Fields, reason)
	return engine.Reply{Form: f}, nil
}

// nameOf names a finding among those of its group.
func nameOf(f engine.Finding) string {
	what := f.Target.Name
	switch f.Kind {
	case engine.OverRequestedCPU:
		what = "CPU of container " + f.Target.Container
	case engine.OverRequestedMemory:
		what = "memory of container " + f.Target.Container
	case engine.IdleNode:
		what = "node " + f.Target.Name
	case engine.OrphanVolume:
		what = "volume " + f.Target.Provider
	}
	return cut(fmt.Sprintf("%s, %s", what, f.Monthly), 70)
}

func (w *Waste) location() *time.Location {
	if w.Location == nil {
		return time.UTC
	}
	return w.Location
}

// submitMute takes the form that askWhy opened.
func (h *Handlers) submitMute(ctx context.Context, s engine.Submission) (engine.Reply, error) {
	b, err := engine.ParseGroup(s.Subject)
	if err != nil {
		return engine.Reply{}, err
	}
	if h.Waste == nil {
		return engine.Reply{}, wasteOff()
	}
	d := engine.Decision{ID: s.ID, Action: engine.ActionNotWaste, GroupID: b.Group, By: s.By, At: h.Now()}
	if s.Form == engine.FormSnooze {
		d.Action = engine.ActionSnooze
	}
	if wrong := h.readMute(s, &d); len(wrong) > 0 {
		return engine.Reply{Invalid: wrong}, nil
	}
	g, err := h.Waste.Savings.FindingGroup(ctx, b.Group)
	if err != nil {
		return engine.Reply{}, err
	}
	refusable := d
	if err := h.mayTouch(ctx, refusable, g); err != nil {
		return engine.Reply{}, err
	}
	d.Allowed = true
	if g, err = h.Waste.Savings.Mute(ctx, d); err != nil {
		return engine.Reply{}, err
	}
	if d.Action == engine.ActionSnooze {
		return engine.Reply{Text: fmt.Sprintf("%s is snoozed until %s.", code(g.Title), d.Until.In(h.Waste.location()).Format("2 January 2006"))}, nil
	}
	return engine.Reply{Text: fmt.Sprintf("%s is remembered as not waste.", code(g.Title))}, nil
}

// readMute reads the fields of the form, and says what is wrong with which.
func (h *Handlers) readMute(s engine.Submission, d *engine.Decision) map[string]string {
	wrong := map[string]string{}
	d.Reason = strings.TrimSpace(s.Values[engine.FieldReason])
	switch n := len([]rune(d.Reason)); {
	case n < 3:
		wrong[engine.FieldReason] = "Say in a few words why."
	case n > longestWhy:
		wrong[engine.FieldReason] = fmt.Sprintf("%d characters at most.", longestWhy)
	}
	if which := s.Values[engine.FieldFinding]; which != "" && which != wholeGroup {
		id, err := strconv.ParseInt(which, 10, 64)
		if err != nil || id < 1 {
			wrong[engine.FieldFinding] = "Choose one of the list."
		}
		d.FindingID = id
	}
	if d.Action != engine.ActionSnooze {
		return wrong
	}
	var err error
	d.Until, err = time.ParseInLocation(time.DateOnly, s.Values[engine.FieldUntil], h.Waste.location())
	switch {
	case err != nil:
		wrong[engine.FieldUntil] = "Choose a day, such as " + h.Now().Add(snoozeFor).Format(time.DateOnly) + "."
	case !d.Until.After(h.Now()):
		wrong[engine.FieldUntil] = "Choose a day in the future."
	case d.Until.Sub(h.Now()) > waste.MaxSnooze:
		wrong[engine.FieldUntil] = "Choose a day within a year; if it never is waste, say so with the other button."
	}
	return wrong
}

// code puts a name from outside into a code span.
func code(name string) string { return "`" + cut(strings.ReplaceAll(name, "`", ""), 120) + "`" }
