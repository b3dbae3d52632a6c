package engine

import (
	"fmt"
	"time"
)

// FixKind says what a Fix was.
type FixKind string

// The kinds of fix.
const (
	FixRemedy FixKind = "remedy" // the bot did it when a person said so
	FixChange FixKind = "change" // a pull request that was merged
	FixPerson FixKind = "person" // somebody resolved it
	FixItself FixKind = "itself" // nothing fired any more
)

// Fix is what ended an incident, or was done before it ended.
type Fix struct {
	Kind FixKind   `json:"kind"`
	At   time.Time `json:"at,omitzero"`
	By   Person    `json:"by,omitzero"` // zero when nobody is known
	Text string    `json:"text"`
	URL  string    `json:"url,omitempty"` // of a pull request
}

// Former is an incident of before that was like another one, and what fixed it.
type Former struct {
	ID         int64
	Workload   Workload
	Title      string
	Cause      string // its likeliest; "" when that is not known any more
	SameCause  bool   // as the other's
	ResolvedAt time.Time
	Fixes      []Fix // in the order of time
	Times      int   // how often the workload had one in the 30 days before the other
	Thread     Thread
}

// Took is how long something took, where that is known.
type Took struct {
	Known bool
	For   time.Duration
}

// Part is what one person did in an incident, in words: "acknowledged", "resolved".
type Part struct {
	By  Person
	Did []string
}

// Story is an incident as it is told when it is over: with its lists, how long it took, what fixed it and what it cost.
type Story struct {
	Incident    Incident
	Detect      Took          // from its start to its card
	Acknowledge Took          // from its card to the first person who took it
	Lasted      time.Duration // while it was open, from its start; what lay between a resolution and a reopening does not count
	People      []Part        // in the order in which they came in
	Fixes       []Fix
	Cost        MicroUSD // to the business, while it lasted
	Costed      bool     // false when nobody said what an hour costs
	Missing     []string // what is not known, in sentences
}

// SummaryKey is the key of the summary of an incident that is over, in its thread.
func SummaryKey(incident int64) string { return fmt.Sprintf("incident/%d/summary", incident) }
