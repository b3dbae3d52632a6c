package engine

import "time"

// Basis says what a confidence rests on.
type Basis string

// The bases. A prior is our stated belief and is shown in words; a calibrated confidence is a measured frequency.
const (
	Prior      Basis = "prior"
	Calibrated Basis = "calibrated"
)

// Cause is one possible root cause of an incident.
type Cause struct {
	Rule       string   `json:"rule"`  // stable name, such as "crash/dependency-refused"
	Title      string   `json:"title"` // "cannot reach db:5432"
	Text       string   `json:"text"`  // why we think so, one or two sentences
	Confidence float64  `json:"confidence"`
	Basis      Basis    `json:"basis"`
	Verdicts   int      `json:"verdicts"`          // how many answers the rule has had
	For        []string `json:"for"`               // ids of the evidence that speaks for it
	Against    []string `json:"against,omitempty"` // and against it
	Step       Step     `json:"step"`
	// Root is what the incident follows from, where that is something else than its workload: another workload, a Service of which nobody
	// knows whose it is, a node, a ResourceQuota.
	Root *Workload `json:"root,omitempty"`
}

// Step is one safe next step.
type Step struct {
	Text    string `json:"text"`              // one sentence in the imperative
	Command string `json:"command,omitempty"` // exact, to be copied
	Field   string `json:"field,omitempty"`   // the field to edit, as a path in the object
	Runbook string `json:"runbook,omitempty"`
}

// Diagnosis is what is known of an incident's cause at one time.
type Diagnosis struct {
	IncidentID int64      `json:"incident_id"`
	At         time.Time  `json:"at,omitzero"`     // zero before the first
	Causes     []Cause    `json:"causes"`          // likeliest first
	Apart      string     `json:"apart,omitempty"` // what would tell the first two apart, when both are likely
	Evidence   []Evidence `json:"evidence"`
	Gaps       []Gap      `json:"gaps,omitempty"`
	LastChange *Change    `json:"last_change,omitempty"`
	Remedies   []Remedy   `json:"remedies,omitempty"`  // what the bot could do at once, if a person says so
	NoRemedy   string     `json:"no_remedy,omitempty"` // why it can do nothing, where one might expect that it could
	Narrative  *Narrative `json:"narrative,omitempty"` // nil without a model
}

// Narrative is a paragraph that a model wrote from the evidence of a diagnosis. It is shown, and decides nothing.
type Narrative struct {
	Model     string     `json:"model"`
	Sentences []Sentence `json:"sentences"`
}

// Sentence is one of a Narrative, with the ids of the evidence that it rests on; at least one.
type Sentence struct {
	Text     string   `json:"text"`
	Evidence []string `json:"evidence"`
}

// Cause gives the cause of a rule, and the likeliest one for a rule of "".
func (d Diagnosis) Cause(rule string) (Cause, bool) {
	for _, c := range d.Causes {
		if rule == "" || c.Rule == rule {
			return c, true
		}
	}
	return Cause{}, false
}

// Find gives the evidence with an id.
func (d Diagnosis) Find(id string) (Evidence, bool) {
	for _, e := range d.Evidence {
		if e.ID == id {
			return e, true
		}
	}
	return Evidence{}, false
}
