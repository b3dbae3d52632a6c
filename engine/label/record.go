// Package label is the form in which incidents leave the bot with what people said about them: one JSON object a line, with a version.
// It is pure. cmd/autopilot writes such files from the store's rows and reads them back to refit the confidences.
package label

import (
	"cmp"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Schema names the form of a Record. A field that is added keeps it; one that is removed or means something else changes it.
const Schema = "autopilot.incident/v1"

// Record is one incident with its labels. docs/export.md describes each field.
type Record struct {
	Schema      string `json:"schema"`
	ID          int64  `json:"id"`
	Cluster     string `json:"cluster"`
	Namespace   string `json:"namespace"`
	Kind        string `json:"kind"`
	Workload    string `json:"workload"`
	Fingerprint string `json:"fingerprint"`

	Title    string         `json:"title"`
	Severity string         `json:"severity"`
	Status   string         `json:"status"`
	Classes  []engine.Class `json:"classes"`
	Parent   int64          `json:"parent,omitempty"`
	Children []int64        `json:"children,omitempty"`
	Reopened int            `json:"reopened"`
	Health   *engine.Health `json:"health,omitempty"`
	Slack    *Slack         `json:"slack,omitempty"` // of its card, once that was posted

	StartedAt      time.Time `json:"started_at"`
	DetectedAt     time.Time `json:"detected_at"`
	AcknowledgedAt time.Time `json:"acknowledged_at,omitzero"`
	ClearedAt      time.Time `json:"cleared_at,omitzero"`
	ResolvedAt     time.Time `json:"resolved_at,omitzero"`
	ResolvedBy     string    `json:"resolved_by,omitempty"` // Slack id; "" by itself

	Signals    []engine.Signal   `json:"signals"`
	Considered []Considered      `json:"considered"`
	Evidence   []engine.Evidence `json:"evidence"`
	Gaps       []engine.Gap      `json:"gaps"`
	Diagnosed  time.Time         `json:"diagnosed_at,omitzero"`
	Causes     []engine.Cause    `json:"causes"`
	LastChange *engine.Change    `json:"last_change,omitempty"`

	Answers   []Answer   `json:"answers"`
	Decisions []Decision `json:"decisions"`
	Remedies  []Remedy   `json:"remedies"`
	Fixes     []Fix      `json:"fixes"`
	Timeline  []Event    `json:"timeline"`
}

// Answer is what somebody said about a cause, and how sure of it the bot had been when they said it.
type Answer struct {
	At         time.Time    `json:"at"`
	By         string       `json:"by"`
	Rule       string       `json:"rule"`
	Right      bool         `json:"right"`
	Correction string       `json:"correction,omitempty"`
	Confidence *float64     `json:"confidence,omitempty"` // absent where it is not kept
	Basis      engine.Basis `json:"basis,omitempty"`
}

// Considered is why a signal was taken as it was.
type Considered struct {
	At      time.Time     `json:"at"`
	Signal  string        `json:"signal"`
	Class   engine.Class  `json:"class"`
	Source  engine.Source `json:"source"`
	Verdict string        `json:"verdict"`
	Reason  string        `json:"reason"`
}

// Decision is what somebody decided, or was refused.
type Decision struct {
	At      time.Time     `json:"at"`
	By      string        `json:"by"`
	Action  engine.Action `json:"action"`
	Allowed bool          `json:"allowed"`
	Reason  string        `json:"reason,omitempty"`
}

// Remedy is what somebody had the bot do to the cluster.
type Remedy struct {
	At      time.Time           `json:"at"`
	By      string              `json:"by"`
	Kind    engine.RemedyKind   `json:"kind"`
	Status  engine.RemedyStatus `json:"status"`
	Text    string              `json:"text"`
	Outcome string              `json:"outcome,omitempty"`
}

// Fix is what ended the incident.
type Fix struct {
	At   time.Time      `json:"at,omitzero"`
	By   string         `json:"by,omitempty"`
	Kind engine.FixKind `json:"kind"`
	Text string         `json:"text"`
	URL  string         `json:"url,omitempty"`
}

// Event is one line of the timeline; Times counts what is told in one line.
type Event struct {
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"`
	By    string    `json:"by,omitempty"`
	Text  string    `json:"text"`
	Times int       `json:"times,omitempty"`
}

// Slack is a message there, and the thread under it.
type Slack struct {
	Channel string `json:"channel"` // id
	TS      string `json:"ts"`
}

func posted(t engine.Thread) *Slack {
	if t.TS == "" {
		return nil
	}
	return &Slack{t.Channel, t.TS}
}

// Kept is what is known of one incident.
type Kept struct {
	Incident  engine.Incident    // with its lists
	Diagnoses []engine.Diagnosis // the earlier ones too, in any order; of those but the incident's own, the causes are enough
	Decisions []engine.Decision
	Remedies  []Remedy
	Fixes     []engine.Fix
}

// RecordOf puts an incident into the form of a record. Every text that a person or a cluster wrote goes through redact, though most went
// through it before: what people type did not.
func RecordOf(k Kept, redact func(string) string) Record {
	i := k.Incident
	d := i.Diagnosis
	r := Record{
		Schema: Schema, ID: i.ID, Cluster: i.Workload.Cluster, Namespace: i.Workload.Namespace, Kind: i.Workload.Kind, Workload: i.Workload.Name,
		Fingerprint: i.Fingerprint, Title: redact(i.Title), Severity: string(i.Severity), Status: string(i.Status), Classes: orEmpty(i.Classes),
		Parent: i.ParentID, Reopened: i.Reopened, Health: i.Health, Slack: posted(i.Thread),
		StartedAt: i.StartedAt.UTC(), DetectedAt: i.DetectedAt.UTC(), AcknowledgedAt: i.AcknowledgedAt.UTC(), ClearedAt: i.ClearedAt.UTC(), ResolvedAt: i.ResolvedAt.UTC(),
		ResolvedBy: i.ResolvedBy.ID, Gaps: orEmpty(d.Gaps), Diagnosed: d.At.UTC(), Causes: orEmpty(d.Causes), LastChange: change(d.LastChange, redact),
		Signals: orEmpty(slices.Clone(i.Signals)), Evidence: orEmpty(slices.Clone(d.Evidence)),
		Considered: []Considered{}, Answers: []Answer{}, Decisions: []Decision{}, Remedies: []Remedy{}, Fixes: []Fix{}, Timeline: []Event{},
	}
	for _, c := range i.Children {
		r.Children = append(r.Children, c.ID)
	}
	slices.Sort(r.Children)
	slices.SortStableFunc(r.Signals, func(a, b engine.Signal) int {
		return cmp.Or(a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.Source, b.Source), cmp.Compare(a.ID, b.ID))
	})
	for n := range r.Signals {
		r.Signals[n].Summary = redact(r.Signals[n].Summary)
	}
	for n := range r.Evidence {
		r.Evidence[n] = evidence(r.Evidence[n], redact)
	}
	for _, c := range i.Considered {
		r.Considered = append(r.Considered, Considered{c.At.UTC(), redact(c.Signal), c.Class, c.Source, c.Verdict, redact(c.Reason)})
	}
	for _, v := range i.Verdicts {
		a := Answer{At: v.At.UTC(), By: v.By.ID, Rule: v.Rule, Right: v.Right, Correction: redact(v.Correction)}
		if c, ok := shown(k.Diagnoses, v); ok {
			a.Confidence, a.Basis = &c.Confidence, c.Basis
		}
		r.Answers = append(r.Answers, a)
	}
	for _, e := range k.Decisions {
		r.Decisions = append(r.Decisions, Decision{e.At.UTC(), e.By.ID, e.Action, e.Allowed, redact(e.Reason)})
	}
	for _, m := range k.Remedies {
		m.Text, m.Outcome, m.At = redact(m.Text), redact(m.Outcome), m.At.UTC()
		r.Remedies = append(r.Remedies, m)
	}
	for _, f := range k.Fixes {
		r.Fixes = append(r.Fixes, Fix{f.At.UTC(), f.By.ID, f.Kind, redact(f.Text), f.URL})
	}
	for _, e := range i.Timeline {
		r.Timeline = append(r.Timeline, Event{e.At.UTC(), e.Kind, e.By.ID, redact(e.Text), e.Times})
	}
	return r
}

// shown is the cause that a verdict is about, as it was shown: in the newest diagnosis before it that has the rule, else in the first
// after it.
func shown(diagnoses []engine.Diagnosis, v engine.Verdict) (engine.Cause, bool) {
	var best engine.Diagnosis
	found := false
	for _, d := range diagnoses {
		if _, has := d.Cause(v.Rule); !has || v.Rule == "" {
			continue
		}
		before, bestBefore := !d.At.After(v.At), !best.At.After(v.At)
		if !found || before && (!bestBefore || d.At.After(best.At)) || !before && !bestBefore && d.At.Before(best.At) {
			best, found = d, true
		}
	}
	if !found {
		return engine.Cause{}, false
	}
	return best.Cause(v.Rule)
}

func evidence(e engine.Evidence, redact func(string) string) engine.Evidence {
	e.Text = redact(e.Text)
	if e.Fields != nil {
		fields := make(map[string]string, len(e.Fields))
		for k, v := range e.Fields {
			fields[k] = redact(v)
		}
		e.Fields = fields
	}
	return e
}

func change(c *engine.Change, redact func(string) string) *engine.Change {
	if c == nil {
		return nil
	}
	clean := *c
	clean.Text = redact(c.Text)
	clean.Details = nil
	for _, d := range c.Details {
		clean.Details = append(clean.Details, redact(d))
	}
	return &clean
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
