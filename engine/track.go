package engine

import "time"

// Measure is what a track measures.
type Measure string

// The measures that are watched. The unit stands beside each.
const (
	MeasureCPU        Measure = "cpu"        // cores
	MeasureMemory     Measure = "memory"     // bytes of the working set
	MeasureRestarts   Measure = "restarts"   // restarts of containers within the interval
	MeasureRequests   Measure = "requests"   // requests a second
	MeasureErrors     Measure = "errors"     // share of the requests that failed, 0 to 1
	MeasureLatency    Measure = "latency"    // seconds that a request took
	MeasureSaturation Measure = "saturation" // share of the CPU periods that were throttled, 0 to 1
	MeasureCost       Measure = "cost"       // dollars an hour, by day and bill
	// Of a workload, dollars an hour: what its pods ask for, or use where that is more, at the prices of their nodes. It is an estimate.
	MeasureHourlyCost Measure = "hourly_cost"
)

// Measures lists every measure.
var Measures = []Measure{
	MeasureCPU, MeasureMemory, MeasureRestarts, MeasureRequests, MeasureErrors, MeasureLatency, MeasureSaturation, MeasureCost,
	MeasureHourlyCost,
}

// Point is one value of a track.
type Point struct {
	At    int64   `json:"at"` // Unix seconds
	Value float64 `json:"value"`
}

// Track is how one measure of a workload went, with what was usual for it.
type Track struct {
	Measure Measure   `json:"measure"`
	Points  []Point   `json:"points"`           // oldest first; a gap has no points
	Low     float64   `json:"low"`              // what its own past stayed within, at that time
	High    float64   `json:"high"`             // as Low
	Score   float64   `json:"score"`            // how rare the strangest value is under its own past, 0 to 1
	Since   time.Time `json:"since,omitzero"`   // when it became strange; zero when it is not
	Reason  string    `json:"reason,omitempty"` // in what way it is strange, such as "higher than ever in 14 days"
}

// RuleAlarm is the Rule of a verdict that is not about a cause: whether what the metrics told was worth telling.
const RuleAlarm = "alarm"
