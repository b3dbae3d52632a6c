package handlers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// ExperimentBook keeps experiments, and what people decide about them. The same Decision.ID acts once.
type ExperimentBook interface {
	AskExperiment(ctx context.Context, d engine.Decision, e engine.Experiment, from time.Time) (engine.Experiment, error)
	ConfirmExperiment(ctx context.Context, d engine.Decision) (engine.Experiment, error)
	CancelExperiment(ctx context.Context, d engine.Decision) (engine.Experiment, error)
	StopExperiments(ctx context.Context, d engine.Decision) ([]engine.Experiment, error)
	Experiment(ctx context.Context, id int64) (engine.Experiment, error)
	Experiments(ctx context.Context, f engine.ExperimentFilter) ([]engine.Experiment, error)
	// Judged gives the incidents that somebody answered about since a time: whether the cause was right.
	Judged(ctx context.Context, since time.Time) ([]engine.Incident, error)
	// ChaosWorker tells when the process that does experiments on a cluster ("" for any) was last seen, and how long ago that is.
	ChaosWorker(ctx context.Context, cluster string) (at time.Time, ago time.Duration, err error)
}

// Chaos is what asking for experiments needs. The process that does them is another: see Breaking.
type Chaos struct {
	Book     ExperimentBook
	Clusters []string // where experiments are done
	Channel  string   // of their cards
	Seed     func() uint64
}

const (
	workerGone  = 30 * time.Second // after which nobody is there who does experiments
	chaosListed = 15
	reportSpan  = 30 * 24 * time.Hour
)

// chaosVerbs are what may follow chaos beside the faults.
var chaosVerbs = []string{"help", "list", "stop", "report", "advanced"}

func chaosOff() error {
	return engine.Errorf(engine.Invalid, "experiments are switched off; `chaos: {enabled: true}` in the configuration switches them on, see docs/chaos.md")
}

// chaosHelp is what can be asked for.
func chaosHelp() *engine.Help {
	return &engine.Help{Commands: append(chaos.Help(),
		engine.HelpLine{Usage: "/autopilot chaos advanced", Text: "several faults, in order, with a cause that should be found"},
		engine.HelpLine{Usage: "/autopilot chaos list", Text: "what is planned, runs, or was done of late"},
		engine.HelpLine{Usage: "/autopilot chaos stop [number|all]", Text: "end it now"},
		engine.HelpLine{Usage: "/autopilot chaos report [number]", Text: "how the bot did in those of the last 30 days"},
	)}
}

// chaosCommand answers what follows "/autopilot chaos".
func (h *Handlers) chaosCommand(ctx context.Context, c engine.Command, words []string) (engine.Reply, error) {
	if h.Chaos == nil {
		return engine.Reply{}, chaosOff()
	}
	verb := "help"
	if len(words) > 0 {
		verb = strings.ToLower(words[0])
	}
	switch verb {
	case "help":
		return engine.Reply{Help: chaosHelp()}, nil
	case "list", "report":
		return h.chaosList(ctx, c, verb, words[1:])
	case "stop":
		return h.chaosStop(ctx, engine.Decision{ID: c.ID, Action: engine.ActionChaosStop, By: c.By, At: h.Now()}, words[1:])
	case "advanced":
		return h.chaosForm(ctx, c)
	}
	if near := nearestWord(verb, chaosVerbs); near != "" {
		return engine.Reply{}, engine.Errorf(engine.Invalid, "I do not know `chaos %s`; did you mean `/autopilot chaos %s`?", plain(verb), near)
	}
	r, err := chaos.Parse(words)
	if err != nil {
		return engine.Reply{}, err
	}
	return h.askExperiment(ctx, engine.Decision{ID: c.ID, By: c.By}, r, "", time.Time{})
}

// askExperiment takes a wish of somebody who may have it. The process that does experiments makes the plan.
func (h *Handlers) askExperiment(ctx context.Context, d engine.Decision, r chaos.Request, title string, from time.Time) (engine.Reply, error) {
	cluster, err := h.chaosCluster(r.Cluster)
	if err != nil {
		return engine.Reply{}, err
	}
	e := engine.Experiment{
		Cluster: cluster, Title: title, Command: r.Command, Strikes: r.Strikes, Expect: r.Expect, StopOn: r.StopOn, Seed: cmp.Or(r.Seed, h.Chaos.Seed()),
		Channel: h.Chaos.Channel,
	}
	d.Action, d.At = chaosAction(e), h.Now()
	if reply, err := h.mayBreak(ctx, &d, e); err != nil {
		return reply, err
	}
	if reply, err := h.stopped(ctx, d); err != nil {
		return reply, err
	}
	if e, err = h.Chaos.Book.AskExperiment(ctx, d, e, from); err != nil {
		return engine.Reply{}, err
	}
	text := fmt.Sprintf("Experiment %d is being planned. Its card comes to %s, and nothing is done before somebody confirms it there.", e.ID, inChannel(h.Chaos.Channel))
	if from.After(d.At) {
		text = fmt.Sprintf("Experiment %d is planned at %s. Its card is in %s, and nothing is done before somebody confirms it there.",
			e.ID, from.UTC().Format("15:04 UTC on Monday 2 January"), inChannel(h.Chaos.Channel))
	}
	if absent, err := h.workerAbsent(ctx, cluster); err != nil {
		return engine.Reply{}, err
	} else if absent != "" {
		text = absent + " " + text
	}
	return engine.Reply{Text: text}, nil
}

func inChannel(channel string) string {
	if strings.HasPrefix(channel, "#") {
		return channel
	}
	return "<#" + channel + ">"
}

// workerAbsent says that nobody is there who could do an experiment; "" when somebody is.
func (h *Handlers) workerAbsent(ctx context.Context, cluster string) (string, error) {
	at, ago, err := h.Chaos.Book.ChaosWorker(ctx, cluster)
	switch {
	case err != nil || !at.IsZero() && ago < workerGone:
		return "", err
	case at.IsZero():
		return fmt.Sprintf("No process does experiments on %s yet: `autopilot chaos` must run.", cluster), nil
	}
	return fmt.Sprintf("The process that does experiments on %s was last seen %s ago: `autopilot chaos` must run.", cluster, ago.Round(time.Second)), nil
}

// chaosCluster is where an experiment is done: the one that is named, or the only one.
func (h *Handlers) chaosCluster(name string) (string, error) {
	all := h.Chaos.Clusters
	switch {
	case name == "" && len(all) == 1:
		return all[0], nil
	case name == "":
		return "", engine.Errorf(engine.Invalid, "say on which cluster: `-cluster %s`", strings.Join(all, "` or `-cluster "))
	case slices.Contains(all, name):
		return name, nil
	}
	return "", engine.Errorf(engine.Invalid, "no experiments are done on a cluster `%s`; known: %s", plain(name), strings.Join(all, ", "))
}

// chaosAction is what a role must allow for an experiment, beside deletes.
func chaosAction(e engine.Experiment) engine.Action {
	if slices.ContainsFunc(e.Strikes, func(s engine.Strike) bool { return s.Fault == engine.FaultDrain }) {
		return engine.ActionChaosDrain
	}
	return engine.ActionChaos
}

// need is one action in one place that a role must allow.
type chaosNeed struct {
	action engine.Action
	place  engine.Workload
}

// needs are all that a role must allow for an experiment: one action for each namespace and node of its strikes and targets. A strike in
// no namespace is one in all of them.
func needs(e engine.Experiment) []chaosNeed {
	var all []chaosNeed
	add := func(a engine.Action, w engine.Workload) {
		if n := (chaosNeed{a, w}); !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	for _, s := range e.Strikes {
		action := engine.ActionChaos
		place := engine.Workload{Cluster: e.Cluster, Namespace: s.Namespace, Kind: "any", Name: "any namespace"}
		if s.Fault == engine.FaultDrain {
			action, place = engine.ActionChaosDrain, engine.Workload{Cluster: e.Cluster, Kind: engine.KindNode, Name: s.Node}
		}
		add(action, place)
		if s.Dose.Force {
			add(engine.ActionChaosDelete, place)
		}
		for _, t := range s.Targets {
			if ns := t.Object.Namespace; ns != "" && ns != s.Namespace {
				add(action, engine.Workload{Cluster: e.Cluster, Namespace: ns, Kind: "any", Name: "any namespace"})
			}
		}
	}
	return all
}

// mayBreak refuses who may not do all of an experiment, and keeps that it did. It fills in the role that lets them.
func (h *Handlers) mayBreak(ctx context.Context, d *engine.Decision, e engine.Experiment) (engine.Reply, error) {
	var roles []string
	for _, n := range needs(e) {
		ok, reason, err := h.allowed(ctx, d.By, n.action, n.place)
		if err != nil {
			return engine.Reply{}, err
		}
		if !ok {
			d.Action, d.Reason, d.ExperimentID = n.action, reason, e.ID
			return h.refuse(ctx, *d)
		}
		if role := strings.TrimPrefix(reason, "role "); !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	d.Allowed, d.Role = true, strings.Join(roles, ", ")
	return engine.Reply{}, nil
}

// chaosList shows what there is, and, for a report, how the bot did.
func (h *Handlers) chaosList(ctx context.Context, c engine.Command, verb string, words []string) (engine.Reply, error) {
	ok, reason, err := h.maySee(ctx, c.By)
	if err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		return h.refuse(ctx, engine.Decision{ID: c.ID, Action: engine.ActionView, By: c.By, Reason: reason})
	}
	list := &engine.ExperimentList{At: h.Now()}
	if list.Worker, _, err = h.Chaos.Book.ChaosWorker(ctx, ""); err != nil {
		return engine.Reply{}, err
	}
	switch {
	case len(words) > 1:
		return engine.Reply{}, engine.Errorf(engine.Invalid, "`chaos %s` takes one number at most, such as `/autopilot chaos %s 12`", verb, verb)
	case len(words) == 1:
		id, err := experimentID(words[0])
		if err != nil {
			return engine.Reply{}, err
		}
		e, err := h.Chaos.Book.Experiment(ctx, id)
		if err != nil {
			return engine.Reply{}, err
		}
		list.Experiments = []engine.Experiment{e}
		return engine.Reply{Chaos: list}, nil
	}
	f := engine.ExperimentFilter{Limit: chaosListed}
	if verb == "report" {
		f.Graded, f.Since = true, h.Now().Add(-reportSpan)
	}
	list.Experiments, err = h.Chaos.Book.Experiments(ctx, f)
	return engine.Reply{Chaos: list}, err
}

// experimentID reads an experiment's number as people write it: 12 or #12.
func experimentID(s string) (int64, error) {
	id, err := strconv.ParseInt(strings.TrimPrefix(s, "#"), 10, 64)
	if err != nil || id < 1 {
		return 0, engine.Errorf(engine.Invalid, "%q is not an experiment's number; such as 12; `/autopilot chaos list` has them", plain(s))
	}
	return id, nil
}

// chaosStop ends one experiment, or all: who may stop or begin any of them may.
func (h *Handlers) chaosStop(ctx context.Context, d engine.Decision, words []string) (engine.Reply, error) {
	switch {
	case len(words) > 1:
		return engine.Reply{}, engine.Errorf(engine.Invalid, "`chaos stop` takes one number, or `all`")
	case len(words) == 1 && strings.ToLower(words[0]) != "all":
		var err error
		if d.ExperimentID, err = experimentID(words[0]); err != nil {
			return engine.Reply{}, err
		}
	}
	list, err := h.stoppable(ctx, d.ExperimentID)
	if err != nil {
		return engine.Reply{}, err
	}
	if len(list) == 0 {
		return engine.Reply{Text: "Nothing runs, so there is nothing to stop."}, nil
	}
	ok, reason, err := h.mayStop(ctx, d.By, list)
	if err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		d.Reason = reason
		return h.refuse(ctx, d)
	}
	d.Allowed, d.Role = true, strings.TrimPrefix(reason, "role ")
	stopped, err := h.Chaos.Book.StopExperiments(ctx, d)
	if err != nil {
		return engine.Reply{}, err
	}
	var ids []string
	for _, e := range stopped {
		ids = append(ids, strconv.FormatInt(e.ID, 10))
	}
	if len(ids) == 0 {
		return engine.Reply{Text: "Nothing runs, so there is nothing to stop."}, nil
	}
	return engine.Reply{Text: fmt.Sprintf("Stopping %s: what holds the faults ends them within seconds, and the card shows when that was seen.", strings.Join(ids, ", "))}, nil
}

// stoppable is the experiment that is named, or all that run or are about to.
func (h *Handlers) stoppable(ctx context.Context, id int64) ([]engine.Experiment, error) {
	if id != 0 {
		e, err := h.Chaos.Book.Experiment(ctx, id)
		return []engine.Experiment{e}, err
	}
	return h.Chaos.Book.Experiments(ctx, engine.ExperimentFilter{Statuses: []engine.ExperimentStatus{engine.ExperimentConfirmed, engine.ExperimentRunning}})
}

// mayStop is generous: whoever asked for one of them, and whoever a role lets stop or begin something in one of their places.
func (h *Handlers) mayStop(ctx context.Context, by engine.Person, list []engine.Experiment) (ok bool, reason string, err error) {
	var why string
	for _, e := range list {
		if e.By.ID == by.ID && !by.IsZero() {
			return true, "who asked for it", nil
		}
		for _, n := range needs(e) {
			for _, action := range []engine.Action{engine.ActionChaosStop, n.action} {
				if ok, reason, err = h.allowed(ctx, by, action, n.place); ok || err != nil {
					return ok, reason, err
				}
				why = cmp.Or(why, reason)
			}
		}
	}
	return false, why, nil
}

// chaosClick carries out a press of a button on an experiment's card.
func (h *Handlers) chaosClick(ctx context.Context, c engine.Click) (engine.Reply, error) {
	b, err := engine.ParseExperiment(c.Value)
	if err != nil {
		return engine.Reply{}, err
	}
	if h.Chaos == nil {
		return engine.Reply{}, chaosOff()
	}
	d := engine.Decision{ID: c.ID, Action: engine.Action(c.Action), By: c.By, At: h.Now(), ExperimentID: b.Experiment, Hash: b.Hash}
	switch d.Action {
	case engine.ActionChaosStop:
		if b.Experiment == 0 {
			return h.chaosStop(ctx, d, nil)
		}
		return h.chaosStop(ctx, d, []string{strconv.FormatInt(b.Experiment, 10)})
	case engine.ActionChaosCancel:
		return h.chaosCancel(ctx, d)
	case engine.ActionChaos:
	default:
		return engine.Reply{}, engine.Errorf(engine.Invalid, "this button is not known to this version; run `/autopilot chaos list`")
	}
	e, err := h.Chaos.Book.Experiment(ctx, b.Experiment)
	if err != nil {
		return engine.Reply{}, err
	}
	if slices.ContainsFunc(e.Strikes, func(s engine.Strike) bool { return s.Dose.Force }) {
		return h.askDelete(ctx, d, e)
	}
	return h.confirm(ctx, d, e)
}

// confirm takes a yes to what a person saw.
func (h *Handlers) confirm(ctx context.Context, d engine.Decision, e engine.Experiment) (engine.Reply, error) {
	d.Action = chaosAction(e)
	if reply, err := h.mayBreak(ctx, &d, e); err != nil {
		return reply, err
	}
	if reply, err := h.stopped(ctx, d); err != nil {
		return reply, err
	}
	after, err := h.Chaos.Book.ConfirmExperiment(ctx, d)
	if err != nil {
		return engine.Reply{}, err
	}
	if after.Status == engine.ExperimentPlanned {
		return engine.Reply{Text: fmt.Sprintf("Counted; %s.", after.Text)}, nil
	}
	text := "" // the card shows it
	if absent, err := h.workerAbsent(ctx, after.Cluster); err == nil && after.Status == engine.ExperimentConfirmed {
		text = absent
	}
	return engine.Reply{Text: text}, nil
}

// askDelete asks once more before pods are deleted whatever disruption budgets say.
func (h *Handlers) askDelete(ctx context.Context, d engine.Decision, e engine.Experiment) (engine.Reply, error) {
	if reply, err := h.mayBreak(ctx, &d, e); err != nil {
		return reply, err
	}
	return engine.Reply{Form: &engine.Form{
		Name: engine.FormChaosDelete, Subject: engine.ExperimentButton{Experiment: e.ID, Hash: d.Hash}.Value(),
		Title: "Delete pods?", Submit: "Delete them",
		Text: fmt.Sprintf("%s. A plain delete does not ask disruption budgets: fewer pods may be left than they promise.", cmp.Or(e.Title, fmt.Sprintf("Experiment %d", e.ID))),
	}}, nil
}

// submitDelete takes the second yes.
func (h *Handlers) submitDelete(ctx context.Context, s engine.Submission) (engine.Reply, error) {
	if h.Chaos == nil {
		return engine.Reply{}, chaosOff()
	}
	b, err := engine.ParseExperiment(s.Subject)
	if err != nil {
		return engine.Reply{}, err
	}
	e, err := h.Chaos.Book.Experiment(ctx, b.Experiment)
	if err != nil {
		return engine.Reply{}, err
	}
	return h.confirm(ctx, engine.Decision{ID: s.ID, By: s.By, At: h.Now(), ExperimentID: e.ID, Hash: b.Hash}, e)
}

// chaosCancel calls off what has not begun: who may confirm it, stop it, or asked for it.
func (h *Handlers) chaosCancel(ctx context.Context, d engine.Decision) (engine.Reply, error) {
	e, err := h.Chaos.Book.Experiment(ctx, d.ExperimentID)
	if err != nil {
		return engine.Reply{}, err
	}
	ok, reason, err := h.mayStop(ctx, d.By, []engine.Experiment{e})
	if err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		d.Reason = reason
		return h.refuse(ctx, d)
	}
	d.Allowed, d.Role = true, strings.TrimPrefix(reason, "role ")
	_, err = h.Chaos.Book.CancelExperiment(ctx, d)
	return engine.Reply{}, err
}
