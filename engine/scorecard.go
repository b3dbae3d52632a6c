package engine

import "time"

// Share is a count out of a number, with the interval in which the true share lies in 95 of 100 cases (Wilson's score interval).
type Share struct {
	Of   int     `json:"of"`
	Hits int     `json:"hits"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Value is the share, and 0 of nothing.
func (s Share) Value() float64 {
	if s.Of == 0 {
		return 0
	}
	return float64(s.Hits) / float64(s.Of)
}

// Scorecard is how well the bot notices what is broken on purpose. All of it follows from graded experiments.
type Scorecard struct {
	From   time.Time   `json:"from"`
	To     time.Time   `json:"to"`
	All    ScoreLine   `json:"all"`
	Lines  []ScoreLine `json:"lines"`            // by fault, in the order of Faults, without those that were never tried
	Before *ScoreLine  `json:"before,omitempty"` // All of the span of the same length before; nil where nothing was tried

	Controls Share         `json:"controls"` // in which something was raised: hits are bad
	Stranded Share         `json:"stranded"` // of blows that lasted, those whose end was not seen
	Misses   []Miss        `json:"misses,omitempty"`
	Reliable []Reliability `json:"reliable,omitempty"` // how often a confidence of so much was right
}

// ScoreLine is one fault's part of a Scorecard, or all of them.
type ScoreLine struct {
	Fault     Fault         `json:"fault,omitempty"` // "" for all
	Detected  Share         `json:"detected"`
	ByWatch   Share         `json:"by_watch"` // the watch and the alert path are scored apart
	ByAlert   Share         `json:"by_alert"`
	Top1      Share         `json:"top1"` // of those detected
	Top3      Share         `json:"top3"`
	StepRight Share         `json:"step_right"`
	Median    time.Duration `json:"median"` // time to detect, of those detected
	P95       time.Duration `json:"p95"`
	Recovery  time.Duration `json:"recovery"` // median time to recover
	False     int           `json:"false"`
}

// Miss is one experiment that was not noticed, or not understood.
type Miss struct {
	Experiment int64     `json:"experiment"`
	Incident   int64     `json:"incident,omitempty"`
	At         time.Time `json:"at"`
	Title      string    `json:"title"`
	Text       string    `json:"text"`            // what was missed
	Thread     Thread    `json:"thread,omitzero"` // of the experiment
}

// Reliability is one bin of a reliability table: of causes said with a confidence from Low to High, how many were right.
type Reliability struct {
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Said  float64 `json:"said"` // the mean confidence
	Right Share   `json:"right"`
}
