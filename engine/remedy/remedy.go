// Package remedy decides what the bot may offer to do at once about an incident: undo a rollout, restart, scale, cordon. It is called
// by package handlers after each diagnosis; package kube says what it must know of the object, and does what was asked for.
package remedy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Situation is what of the live object says whether a remedy would help and last. The zero value allows none.
type Situation struct {
	Owner       string // what deploys it from Git, and would take back what is done by hand; "" for nothing
	Paused      bool   // its rollouts are: it goes to no other revision now
	Current     int64  // revision; 0 where it has none
	Before      int64  // the revision before; 0 for none
	BroughtBack bool   // Current is an older revision that somebody went back to
	Replicas    int
	Autoscaler  string // what sets Replicas by itself; "" for nothing
	Cordoned    bool   // of a node
}

// choices are the remedies, in the order in which they are offered. Each says whether it fits, and then why it cannot be offered all
// the same.
var choices = []struct {
	kind   engine.RemedyKind
	choose func(engine.Incident, engine.Diagnosis, Situation) (r engine.Remedy, why string, fits bool)
}{
	{engine.RemedyUndo, undo}, {engine.RemedyRestart, restart}, {engine.RemedyScale, scale}, {engine.RemedyCordon, cordon},
}

// Offer gives the remedies of the allowed kinds that fit, and why there is none where one might be expected.
func Offer(i engine.Incident, d engine.Diagnosis, s Situation, allowed []engine.RemedyKind) (offers []engine.Remedy, why string) {
	for _, c := range choices {
		r, reason, fits := c.choose(i, d, s)
		switch {
		case !fits || !slices.Contains(allowed, c.kind) || done(i, c.kind):
		case reason == "":
			r.Kind, r.Target = c.kind, i.Workload
			offers = append(offers, r)
		case why == "":
			why = reason
		}
	}
	if len(offers) > 0 {
		why = ""
	}
	return offers, why
}

// done tells whether the remedy was tried since the incident was opened: what did not help once is no offer again.
func done(i engine.Incident, k engine.RemedyKind) bool {
	return slices.ContainsFunc(i.Timeline, func(e engine.Event) bool {
		return e.Kind == engine.EventRemedyDone && strings.HasPrefix(e.Text, k.Past())
	})
}

// rolls tells whether a workload is of a kind that has revisions and makes its pods anew.
func rolls(w engine.Workload) bool {
	return w.Kind == "Deployment" || w.Kind == "StatefulSet" || w.Kind == "DaemonSet"
}

// undo fits where the likeliest cause rests on what the newest revision changed.
func undo(i engine.Incident, d engine.Diagnosis, s Situation) (r engine.Remedy, why string, fits bool) {
	blamed, ok := Blamed(d)
	if !rolls(i.Workload) || !ok {
		return r, "", false
	}
	switch {
	case s.Owner != "":
		return r, s.Owner + " deploys it from Git and would take back an undone rollout: revert the change there", true
	case s.Paused:
		return r, "its rollouts are paused: `kubectl rollout resume` it first, then look again for the cause", true
	case s.BroughtBack:
		return r, "its newest revision is one that somebody went back to, so the one before is what they left", true
	case s.Before == 0, blamed != s.Current:
		return r, "", false // there is nothing to go back to, or it changed since the evidence was taken
	}
	r.From, r.To = strconv.FormatInt(s.Current, 10), strconv.FormatInt(s.Before, 10)
	return r, "", true
}

// Blamed gives the revision whose change the likeliest cause rests on.
func Blamed(d engine.Diagnosis) (revision int64, ok bool) {
	first, ok := d.Cause("")
	if !ok {
		return 0, false
	}
	for _, id := range first.For {
		e, found := d.Find(id)
		if !found || e.Kind != engine.EvidenceChange || e.Fields["what"] == "created" || e.Fields["what"] == "configmap" {
			continue
		}
		if n, err := strconv.ParseInt(e.Fields["revision"], 10, 64); err == nil && n > 0 {
			return n, true
		}
	}
	return 0, false
}

// broken are the problems that a pod made anew has too.
var broken = []engine.Class{
	engine.ClassCrashLoop, engine.ClassOOMKilled, engine.ClassImagePull, engine.ClassConfigError, engine.ClassUnschedulable,
	engine.ClassEvicted, engine.ClassRolloutStuck,
}

// restart fits where pods run and do not do their work, and no change of theirs is blamed.
func restart(i engine.Incident, d engine.Diagnosis, s Situation) (r engine.Remedy, why string, fits bool) {
	if _, changed := Blamed(d); !rolls(i.Workload) || changed || has(i, broken...) ||
		!has(i, engine.ClassProbeFailing, engine.ClassHighLatency, engine.ClassHighMemory) {
		return r, "", false
	}
	switch {
	case s.Owner != "":
		return r, s.Owner + " deploys it from Git, so the bot does not restart it", true
	case s.Paused:
		return r, "its rollouts are paused: `kubectl rollout resume` it first", true
	}
	return r, "", s.Current > 0
}

// mostReplicas bounds what one click makes of a workload.
const mostReplicas = 100

// scale fits where there is more to do than the replicas get done: half as many more, at least one.
func scale(i engine.Incident, d engine.Diagnosis, s Situation) (r engine.Remedy, why string, fits bool) {
	if _, changed := Blamed(d); changed || i.Workload.Kind != "Deployment" && i.Workload.Kind != "StatefulSet" || has(i, broken...) ||
		!has(i, engine.ClassHighCPU, engine.ClassHighLatency) {
		return r, "", false
	}
	more := s.Replicas + max(1, s.Replicas/2)
	switch {
	case s.Owner != "":
		return r, s.Owner + " deploys it from Git, so the bot does not scale it", true
	case s.Autoscaler != "":
		return r, "autoscaler " + s.Autoscaler + " sets its replicas, and would take back another number", true
	case s.Replicas < 1 || more > mostReplicas:
		return r, "", false
	}
	r.From, r.To = strconv.Itoa(s.Replicas), strconv.Itoa(more)
	return r, "", true
}

// cordon fits a node that is sick and still gets pods.
func cordon(i engine.Incident, _ engine.Diagnosis, s Situation) (r engine.Remedy, why string, fits bool) {
	return r, "", i.Workload.Kind == engine.KindNode && !s.Cordoned && has(i, engine.ClassNodePressure, engine.ClassNodeNotReady)
}

// has tells whether the incident shows one of the classes of problem now.
func has(i engine.Incident, classes ...engine.Class) bool {
	return slices.ContainsFunc(i.Signals, func(s engine.Signal) bool { return s.Firing() && slices.Contains(classes, s.Class) })
}

// Hash is what a person's yes is bound to: all of a plan that is shown, and what it rests on.
func Hash(r engine.Remedy) string {
	shown := engine.Remedy{
		Kind: r.Kind, Target: r.Target, From: r.From, To: r.To, Text: r.Text, Source: r.Source, Command: r.Command, UID: r.UID, Generation: r.Generation,
		Expires: r.Expires.UTC(),
	}
	data, err := json.Marshal(shown)
	if err != nil {
		data = fmt.Appendf(nil, "%+v", shown)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
