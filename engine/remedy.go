package engine

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// RemedyKind is what a Remedy does. Each is an Action too, of the same name, that a role allows by itself.
type RemedyKind string

// The kinds of remedy, and the form of From and To that each has.
const (
	RemedyUndo    RemedyKind = "undo"    // a workload goes back to the revision before; revision numbers
	RemedyRestart RemedyKind = "restart" // its pods are made anew, one after the other; To is the time that is noted on them
	RemedyScale   RemedyKind = "scale"   // it gets more replicas; numbers
	RemedyCordon  RemedyKind = "cordon"  // a node gets no new pods
)

// RemedyKinds lists every kind.
var RemedyKinds = []RemedyKind{RemedyUndo, RemedyRestart, RemedyScale, RemedyCordon}

// Action is what a role must allow.
func (k RemedyKind) Action() Action { return Action(k) }

// Past says that it was done: how the line of the timeline begins that tells of it.
func (k RemedyKind) Past() string {
	switch k {
	case RemedyUndo:
		return "Rollout undone"
	case RemedyRestart:
		return "Restarted"
	case RemedyScale:
		return "Scaled"
	case RemedyCordon:
		return "Cordoned"
	}
	return string(k)
}

// Infinitive says what it would do, after "to".
func (k RemedyKind) Infinitive() string {
	if k == RemedyUndo {
		return "undo the rollout"
	}
	return string(k)
}

// RemedyFor gives the kind of remedy that an action asks for; ok is false for one that asks for none.
func RemedyFor(a Action) (kind RemedyKind, ok bool) {
	for _, k := range RemedyKinds {
		if k.Action() == a {
			return k, true
		}
	}
	return "", false
}

// Remedy is one thing that the bot does to a cluster when a person says so: from an offer, which says what could be done, to a plan,
// which says exactly what and under which conditions, to what came of it.
type Remedy struct {
	Kind   RemedyKind `json:"kind"`
	Target Workload   `json:"target"`
	From   string     `json:"from,omitempty"`
	To     string     `json:"to,omitempty"`

	// The rest a plan has.
	Text       string    `json:"text,omitempty"`    // what it does, in one line: "revision 7 → 6: image 1.4.2 → 1.4.1 (container api)"
	Source     string    `json:"source,omitempty"`  // undo: the object that keeps the revision of To, whose number changes when it is gone back to
	Command    string    `json:"command,omitempty"` // what a person would type to the same end
	UID        string    `json:"uid,omitempty"`     // of the object; another of the same name is not meant
	Generation int64     `json:"generation,omitempty"`
	Expires    time.Time `json:"expires,omitzero"` // when it is too late: for somebody to say yes, and from then on to do it
	Hash       string    `json:"hash,omitempty"`   // of all that the person was shown

	// What follows it has from the moment that somebody asked for it.
	ID       string       `json:"id,omitempty"` // of the decision
	Incident int64        `json:"incident,omitempty"`
	By       Person       `json:"by,omitzero"`
	Status   RemedyStatus `json:"status,omitempty"`
	Outcome  string       `json:"outcome,omitempty"` // what came of it, or why nothing did
}

// RemedyStatus is how far a remedy is that somebody asked for.
type RemedyStatus string

// The states of a remedy.
const (
	RemedyAsked   RemedyStatus = "asked"
	RemedyDone    RemedyStatus = "done"
	RemedyRefused RemedyStatus = "refused" // by the cluster, or because something changed meanwhile; nothing was done
)

// The kinds of event by which a timeline tells of remedies: one of the last two follows each of the first.
const (
	EventRemedyAsked   = "remedy_asked"
	EventRemedyDone    = "remedy_done"
	EventRemedyRefused = "remedy_refused"
)

// FormRemedy is the modal that asks whether a remedy shall be done as it says. Its subject is a RemedyButton's Value; it has no fields.
const FormRemedy = "remedy"

// RemedyButton is the plan of a remedy as a modal showed it.
type RemedyButton struct {
	Incident int64
	Kind     RemedyKind
	Expires  time.Time // to the second
	Hash     string
}

// Value is the button as Submission.Subject carries it: "42:undo:1795406400:9f86d081884c…".
func (b RemedyButton) Value() string {
	return strings.Join([]string{strconv.FormatInt(b.Incident, 10), string(b.Kind), strconv.FormatInt(b.Expires.Unix(), 10), b.Hash}, ":")
}

// ParseRemedy reads what Value made, and fails with Invalid for anything else.
func ParseRemedy(value string) (RemedyButton, error) {
	parts := strings.Split(value, ":")
	if len(parts) == 4 {
		id, err := strconv.ParseInt(parts[0], 10, 64)
		kind, known := RemedyFor(Action(parts[1]))
		at, err2 := strconv.ParseInt(parts[2], 10, 64)
		if err == nil && err2 == nil && known && id > 0 && parts[3] != "" {
			return RemedyButton{Incident: id, Kind: kind, Expires: time.Unix(at, 0).UTC(), Hash: parts[3]}, nil
		}
	}
	return RemedyButton{}, Errorf(Invalid, "this window names no remedy; press the button on the incident's card again")
}

// LastRemedy gives the line of the timeline that says how far the newest remedy is; ok is false when nobody asked for one.
func (i Incident) LastRemedy() (e Event, ok bool) {
	for _, e := range slices.Backward(i.Timeline) {
		switch e.Kind {
		case EventRemedyAsked, EventRemedyDone, EventRemedyRefused:
			return e, true
		}
	}
	return Event{}, false
}

// Offers gives the remedies that can be asked for now: none while one is on its way, and after one that was done only what a newer
// diagnosis still offers.
func (i Incident) Offers() []Remedy {
	if !i.IsOpen() || !i.ClearedAt.IsZero() {
		return nil
	}
	if e, ok := i.LastRemedy(); ok && (e.Kind == EventRemedyAsked || e.Kind == EventRemedyDone && !i.Diagnosis.At.After(e.At)) {
		return nil
	}
	return i.Diagnosis.Remedies
}

// Offer gives the remedy of a kind that can be asked for now.
func (i Incident) Offer(k RemedyKind) (Remedy, bool) {
	for _, r := range i.Offers() {
		if r.Kind == k {
			return r, true
		}
	}
	return Remedy{}, false
}
