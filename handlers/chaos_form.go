package handlers

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

const (
	longestSteps = 2000
	longestName  = 150
	furthest     = 30 * 24 * time.Hour // that an experiment may be planned ahead
	whenLayout   = "2006-01-02 15:04"
)

// chaosForm opens the window for an experiment with several faults, to who may break something somewhere.
func (h *Handlers) chaosForm(ctx context.Context, c engine.Command) (engine.Reply, error) {
	ok, reason, err := h.mayBreakSomewhere(ctx, c.By)
	if err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		return h.refuse(ctx, engine.Decision{ID: c.ID, Action: engine.ActionChaos, By: c.By, Reason: reason})
	}
	var clusters []engine.Option
	for _, name := range h.Chaos.Clusters {
		clusters = append(clusters, engine.Option{Value: name, Label: name})
	}
	return engine.Reply{Form: &engine.Form{
		Name: engine.FormChaos, Title: "Experiment", Submit: "Plan it",
		Text: "Nothing is done before somebody confirms the plan on its card.",
		Fields: []engine.Field{
			{Name: engine.FieldTitle, Label: "Title", Optional: true, MaxLength: longestName, Placeholder: "the cart is slow while a pod dies"},
			{Name: engine.FieldCluster, Label: "Cluster", Kind: engine.FieldSelect, Options: clusters, Value: clusters[0].Value},
			{
				Name: engine.FieldSteps, Label: "Faults", Multiline: true, MaxLength: longestSteps, Hint: "One a line, as behind /autopilot chaos; -after says when it begins.",
				Placeholder: "network-lag shop/cart -delay 200ms -duration 2m\nkill shop/api -count 1 -after 30s",
			},
			{
				Name: engine.FieldCause, Label: "Cause that should be found", Optional: true, MaxLength: longestName, Placeholder: "oom_*, evicted",
				Hint: "Rules, with * for any letters, by commas. Empty: what the faults bring about by themselves.",
			},
			{
				Name: engine.FieldStopOn, Label: "Stop when one of these alerts fires", Optional: true, MaxLength: 500, Placeholder: "CheckoutErrors, CartDown",
				Hint: "By commas, beside the alerts that always stop it.",
			},
			{
				Name: engine.FieldSchedule, Label: "When", Optional: true, MaxLength: 20, Placeholder: whenLayout,
				Hint: "In UTC. Empty: at once. It is planned then, and somebody has to confirm it then.",
			},
		},
	}}, nil
}

// mayBreakSomewhere tells whether a role lets a person break something anywhere.
func (h *Handlers) mayBreakSomewhere(ctx context.Context, p engine.Person) (ok bool, reason string, err error) {
	for _, action := range []engine.Action{engine.ActionChaos, engine.ActionChaosDrain} {
		if ok, why, err := h.allowed(ctx, p, action, engine.Workload{}); ok || err != nil {
			return ok, why, err
		} else if reason == "" {
			reason = why
		}
		for _, r := range h.Policy.Roles {
			w := engine.Workload{Cluster: first(r.Clusters), Namespace: first(r.Namespaces), Kind: "any", Name: "any"}
			if ok, why, err := h.allowed(ctx, p, action, w); ok || err != nil {
				return ok, why, err
			}
		}
	}
	return false, reason, nil
}

// submitChaos takes the window. What is wrong with a field is said at that field.
func (h *Handlers) submitChaos(ctx context.Context, s engine.Submission) (engine.Reply, error) {
	if h.Chaos == nil {
		return engine.Reply{}, chaosOff()
	}
	bad := map[string]string{}
	q, err := chaos.ParseSteps(s.Values[engine.FieldSteps])
	if err != nil {
		bad[engine.FieldSteps] = engine.UserMessage(err, s.ID)
	}
	cluster := s.Values[engine.FieldCluster]
	if q.Cluster != "" && q.Cluster != cluster {
		bad[engine.FieldSteps] = fmt.Sprintf("-cluster %s is another cluster than the one above.", plain(q.Cluster))
	}
	causes := commaList(s.Values[engine.FieldCause])
	for _, c := range causes {
		if _, err := path.Match(c, ""); err != nil {
			bad[engine.FieldCause] = fmt.Sprintf("%q is not a rule; such as oom_limit, with * for any letters.", plain(c))
		}
	}
	from, problem := when(s.Values[engine.FieldSchedule], h.Now())
	if problem != "" {
		bad[engine.FieldSchedule] = problem
	}
	title := strings.Join(strings.Fields(s.Values[engine.FieldTitle]), " ")
	if len([]rune(title)) > longestName {
		bad[engine.FieldTitle] = fmt.Sprintf("%d characters at most.", longestName)
	}
	if len(bad) > 0 {
		return engine.Reply{Invalid: bad}, nil
	}
	q.Cluster, q.Expect.Causes, q.StopOn = cluster, causes, commaList(s.Values[engine.FieldStopOn])
	return h.askExperiment(ctx, engine.Decision{ID: s.ID, By: s.By}, q, title, from)
}

// commaList reads what stands between commas.
func commaList(s string) []string {
	var all []string
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == '\n' }) {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// when reads a time to come; zero for an empty one, which is at once.
func when(s string, now time.Time) (at time.Time, problem string) {
	if s = strings.TrimSpace(s); s == "" {
		return at, ""
	}
	at, err := time.Parse(whenLayout, strings.TrimSuffix(s, " UTC"))
	switch {
	case err != nil:
		return at, "Write it as " + now.Add(time.Hour).UTC().Format(whenLayout) + ", in UTC."
	case at.Before(now):
		return at, "That is over: it is " + now.UTC().Format(whenLayout) + " UTC."
	case at.After(now.Add(furthest)):
		return at, "30 days ahead at most."
	}
	return at, ""
}
