package handlers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/remedy"
)

// Remedier looks at what a remedy is for, and does it.
type Remedier interface {
	// Situation says what of the live object decides which remedies fit.
	Situation(ctx context.Context, w engine.Workload) (remedy.Situation, error)
	// Rehearse makes a plan of an offer: what exactly, taken by the API server in a dry run, with its hash.
	Rehearse(ctx context.Context, r engine.Remedy) (engine.Remedy, error)
	// Act does what a plan says and gives what it did. Done again it changes nothing. It fails with Unavailable when it is not known
	// whether anything was done, and else when nothing was.
	Act(ctx context.Context, r engine.Remedy) (string, error)
}

// RemedyLog keeps the remedies that people asked for. Decisions takes the asking.
type RemedyLog interface {
	Remedy(ctx context.Context, id string) (engine.Remedy, error)
	Remedied(ctx context.Context, id string, status engine.RemedyStatus, outcome string) error
}

// Remedies is what doing something to clusters needs.
type Remedies struct {
	Log     RemedyLog
	Allowed []engine.RemedyKind // by the configuration; none where it switches none on
}

const (
	remedyShown  = 10 * time.Minute // for how long a plan that was shown can be said yes to
	remedyTries  = 5 * time.Minute  // for how long it is tried to be done after that
	situationFor = 5 * time.Second
	rehearseFor  = 1800 * time.Millisecond // within the time in which a window can be opened
)

// offers fills in which remedies fit. That nobody can say is no reason to keep a diagnosis back.
func (h *Handlers) offers(ctx context.Context, c Cluster, i engine.Incident, d *engine.Diagnosis) {
	if len(h.Remedies.Allowed) == 0 || c.Remedy == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, situationFor)
	defer cancel()
	s, err := c.Remedy.Situation(ctx, i.Workload)
	if err != nil {
		h.Log.InfoContext(ctx, "no remedy is offered", "incident", i.ID, "error", err)
		return
	}
	d.Remedies, d.NoRemedy = remedy.Offer(i, *d, s, h.Remedies.Allowed)
}

// offerRemedy shows somebody who may what a remedy would do exactly, and asks whether it shall be done.
func (h *Handlers) offerRemedy(ctx context.Context, d engine.Decision, i engine.Incident) (engine.Reply, error) {
	c, offer, err := h.onOffer(d.Action, i)
	if err != nil {
		return engine.Reply{}, err
	}
	if reply, err := h.stopped(ctx, d); err != nil {
		return reply, err
	}
	return h.askRemedy(ctx, c, i, offer, "")
}

// onOffer gives the remedy of an incident that an action asks for, if it is on offer.
func (h *Handlers) onOffer(a engine.Action, i engine.Incident) (Cluster, engine.Remedy, error) {
	kind, _ := engine.RemedyFor(a)
	c, ok := h.cluster(i.Workload.Cluster)
	if !ok || c.Remedy == nil || !slices.Contains(h.Remedies.Allowed, kind) {
		return c, engine.Remedy{}, engine.Errorf(engine.Invalid, "the bot does not %s here; `remedies:` in the configuration switches it on", kind.Infinitive())
	}
	offer, ok := i.Offer(kind)
	if ok {
		return c, offer, nil
	}
	if e, asked := i.LastRemedy(); asked && e.Kind == engine.EventRemedyAsked && i.IsOpen() {
		return c, offer, engine.Errorf(engine.Conflict, "<@%s> asked for a remedy at %s, and it is on its way; the thread tells what comes of it", e.By.ID, e.At.UTC().Format("15:04 UTC"))
	}
	return c, offer, engine.Errorf(engine.Conflict, "there is nothing to %s on %s any more", kind.Infinitive(), i.Workload)
}

// stopped refuses while writes are paused.
func (h *Handlers) stopped(ctx context.Context, d engine.Decision) (engine.Reply, error) {
	err := h.writable(ctx)
	if engine.CodeOf(err) == engine.Forbidden {
		d.Reason = engine.UserMessage(err, d.ID)
		return h.refuse(ctx, d)
	}
	return engine.Reply{}, err
}

// askRemedy makes the plan of an offer and shows it; first says why it is shown again.
func (h *Handlers) askRemedy(ctx context.Context, c Cluster, i engine.Incident, offer engine.Remedy, first string) (engine.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, rehearseFor)
	defer cancel()
	plan, err := c.Remedy.Rehearse(ctx, until(offer, h.Now().Add(remedyShown).Truncate(time.Second)))
	if err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{Form: &engine.Form{
		Name:    engine.FormRemedy,
		Subject: engine.RemedyButton{Incident: i.ID, Kind: plan.Kind, Expires: plan.Expires, Hash: plan.Hash}.Value(),
		Title:   title(plan.Kind), Submit: title(plan.Kind), Text: first,
		Remedy: &plan,
	}}, nil
}

// until makes an offer one that expires. A restart notes on the pods when it was asked for.
func until(offer engine.Remedy, expires time.Time) engine.Remedy {
	offer.Expires = expires.UTC()
	if offer.Kind == engine.RemedyRestart {
		offer.To = offer.Expires.Add(-remedyShown).Format(time.RFC3339)
	}
	return offer
}

func title(k engine.RemedyKind) string {
	return map[engine.RemedyKind]string{
		engine.RemedyUndo: "Undo rollout", engine.RemedyRestart: "Restart", engine.RemedyScale: "Scale", engine.RemedyCordon: "Cordon node",
	}[k]
}

// submitRemedy takes somebody's yes to a plan: of one that is still what would be done, to what they saw, in time.
func (h *Handlers) submitRemedy(ctx context.Context, s engine.Submission) (engine.Reply, error) {
	b, err := engine.ParseRemedy(s.Subject)
	if err != nil {
		return engine.Reply{}, err
	}
	i, err := h.Incidents.Incident(ctx, b.Incident)
	if err != nil {
		return engine.Reply{}, err
	}
	d := engine.Decision{ID: s.ID, Action: b.Kind.Action(), IncidentID: i.ID, By: s.By, At: h.Now(), Hash: b.Hash}
	ok, reason, err := h.allowed(ctx, s.By, d.Action, i.Workload)
	if err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		d.Reason = reason
		return h.refuse(ctx, d)
	}
	if reply, err := h.stopped(ctx, d); err != nil {
		return reply, err
	}
	c, offer, err := h.onOffer(d.Action, i)
	if err != nil {
		return h.tooLate(ctx, d, err)
	}
	rehearsing, cancel := context.WithTimeout(ctx, rehearseFor)
	defer cancel()
	plan, err := c.Remedy.Rehearse(rehearsing, until(offer, b.Expires))
	switch {
	case engine.CodeOf(err) == engine.Unavailable:
		return engine.Reply{}, err
	case err != nil:
		return h.tooLate(ctx, d, err)
	case plan.Hash != b.Hash:
		return h.again(ctx, d, c, i, offer, fmt.Sprintf("%s changed since you saw the plan. This is what would be done now.", i.Workload))
	case !h.Now().Before(b.Expires):
		return h.again(ctx, d, c, i, offer, "The plan that you saw has expired. This is what would be done now.")
	}
	plan.Expires = h.Now().Add(remedyTries)
	d.Allowed, d.Role, d.Remedy = true, reason, &plan
	if _, err := h.Decisions.Decide(ctx, d); err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{Text: fmt.Sprintf("On its way: %s. The thread tells what comes of it.", plan.Text)}, nil
}

// tooLate keeps that somebody said yes to what cannot be done any more, and tells them why.
func (h *Handlers) tooLate(ctx context.Context, d engine.Decision, why error) (engine.Reply, error) {
	d.Reason = engine.UserMessage(why, d.ID)
	if _, err := h.Decisions.Decide(ctx, d); err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{}, why
}

// again refuses a yes to a plan that is no longer the one that was shown, and shows the one of now.
func (h *Handlers) again(ctx context.Context, d engine.Decision, c Cluster, i engine.Incident, offer engine.Remedy, why string) (engine.Reply, error) {
	d.Reason = why
	if _, err := h.Decisions.Decide(ctx, d); err != nil {
		return engine.Reply{}, err
	}
	return h.askRemedy(ctx, c, i, offer, why)
}

// remedy does what somebody asked for, and has it told what came of it. It waits while writes are paused, until it is too late. When
// an answer was lost, the next try sees whether it was done.
func (h *Handlers) remedy(ctx context.Context, t engine.Task) error {
	r, err := h.Remedies.Log.Remedy(ctx, t.Detail)
	if err != nil || r.Status != engine.RemedyAsked {
		return err
	}
	c, ok := h.cluster(r.Target.Cluster)
	switch {
	case !ok || c.Remedy == nil:
		return h.refused(ctx, r, fmt.Sprintf("cluster %s is no longer in the configuration", r.Target.Cluster))
	case !slices.Contains(h.Remedies.Allowed, r.Kind):
		return h.refused(ctx, r, "the configuration no longer switches it on")
	}
	if h.Now().Before(r.Expires) { // past that, it is only seen whether an earlier try did it
		if err := h.resumed(ctx); err != nil {
			return err
		}
	}
	outcome, err := c.Remedy.Act(ctx, r)
	switch engine.CodeOf(err) {
	case "":
		return h.Remedies.Log.Remedied(ctx, r.ID, engine.RemedyDone, outcome+leftToPeople(r))
	case engine.Unavailable, engine.Internal:
		return err
	default:
		return h.refused(ctx, r, engine.UserMessage(err, r.ID))
	}
}

// leftToPeople says what Kubernetes does not do by itself after a remedy, "" where it does all. A StatefulSet that makes its pods one
// after the other waits for one of a broken revision to become ready, which it never does, before it replaces any.
func leftToPeople(r engine.Remedy) string {
	if r.Target.Kind != "StatefulSet" || r.Kind != engine.RemedyUndo && r.Kind != engine.RemedyRestart {
		return ""
	}
	return fmt.Sprintf(". A pod that is stuck stays so: with podManagementPolicy OrderedReady, Kubernetes does not replace it. "+
		"Delete it by hand, and it is made anew: kubectl -n %s delete pod %s-N", r.Target.Namespace, r.Target.Name)
}

// refused keeps why a remedy that was asked for is not done.
func (h *Handlers) refused(ctx context.Context, r engine.Remedy, why string) error {
	return h.Remedies.Log.Remedied(ctx, r.ID, engine.RemedyRefused, why)
}
