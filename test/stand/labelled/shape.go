package labelled

import (
	"math"
	"math/rand/v2"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Use is what a container used.
type Use struct {
	CPU       Shape   `json:"cpu"`
	Memory    Shape   `json:"memory"`
	Days      float64 `json:"days,omitempty"`      // of history; default 35
	Throttled float64 `json:"throttled,omitempty"` // share of the periods; only with a CPU limit
	Killed    Ago     `json:"killed,omitempty"`    // for want of memory, so long ago
	Restarts  int     `json:"restarts,omitempty"`  // in the last week
	Runs      int     `json:"runs,omitempty"`      // of a CronJob: one a day, of 40 minutes
}

// Shape is how a use goes over time: a level with noise, and what is set of the rest.
type Shape struct {
	Level  resource.Quantity `json:"level"`           // cores or bytes
	Noise  float64           `json:"noise,omitempty"` // as a share of the level, up and down; default 0.05
	Daily  float64           `json:"daily,omitempty"` // a wave of a day, as a share of the level, up and down
	Growth resource.Quantity `json:"growth"`          // a day; the level is that of the end
	Before resource.Quantity `json:"before"`          // the level until the newest revision
	Peak   resource.Quantity `json:"peak"`            // for PeakFor, every PeakEvery, the last of them ended PeakAgo
	For    Ago               `json:"peak_for,omitempty"`
	Every  Ago               `json:"peak_every,omitempty"`
	Ago    Ago               `json:"peak_ago,omitempty"`
}

// at gives the use a while before the end; revised is how long before it the newest revision came.
func (s Shape) at(back, revised time.Duration, rng *rand.Rand) float64 {
	level := s.Level.AsApproximateFloat64()
	if !s.Before.IsZero() && back > revised {
		level = s.Before.AsApproximateFloat64()
	}
	level = max(0, level-s.Growth.AsApproximateFloat64()*back.Hours()/24)
	if into := back - time.Duration(s.Ago); s.For > 0 && into >= 0 && into%s.Every.or(math.MaxInt64) < time.Duration(s.For) {
		level = s.Peak.AsApproximateFloat64()
	}
	noise := s.Noise
	if noise == 0 {
		noise = 0.05
	}
	wave := 1 + s.Daily*math.Sin(2*math.Pi*back.Hours()/24)
	return level * wave * (1 + noise*(2*rng.Float64()-1))
}
