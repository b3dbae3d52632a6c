package anomaly

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// words say in what way a series is strange: "latency 3.1 s, in 14 days never above 0.4 s".
func (s *series) words(m engine.Measure) string {
	bound, side := s.high, "above"
	if !s.up {
		bound, side = s.low, "below"
	}
	never := "never " + side + " " + Amount(m, bound)
	if s.of == Hour {
		never = "at this hour of the day " + never
	}
	return kinds[m].name + " " + Amount(m, s.most) + ", in " + days(time.Duration(s.since-s.first)*time.Second) + " " + never
}

// days says how long a past is.
func days(d time.Duration) string {
	switch n := int(math.Round(d.Hours() / 24)); {
	case n > 224: // a Detector remembers 32 weeks
		return "32 weeks"
	case n > 1:
		return strconv.Itoa(n) + " days"
	}
	return "a day"
}

// Amount writes a value of a measure with its unit, as a person would.
func Amount(m engine.Measure, v float64) string {
	switch m {
	case engine.MeasureCPU:
		return short(v) + " cores"
	case engine.MeasureMemory:
		for _, u := range []struct {
			unit string
			size float64
		}{{"GiB", 1 << 30}, {"MiB", 1 << 20}} {
			if v >= u.size {
				return short(v/u.size) + " " + u.unit
			}
		}
		return short(v/(1<<10)) + " KiB"
	case engine.MeasureLatency:
		if v < 1 {
			return short(v*1000) + " ms"
		}
		return short(v) + " s"
	case engine.MeasureErrors, engine.MeasureSaturation:
		return short(v*100) + " %"
	case engine.MeasureRequests:
		return short(v) + "/s"
	case engine.MeasureCost:
		return fmt.Sprintf("$%.2f a day", v*24)
	case engine.MeasureRestarts:
	}
	return short(v)
}

// short keeps two digits, and all of them before the point.
func short(v float64) string {
	if v == 0 || math.Abs(v) < 1e-6 {
		return "0"
	}
	decimals := max(0, 1-int(math.Floor(math.Log10(math.Abs(v)))))
	text := strconv.FormatFloat(v, 'f', min(decimals, 6), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// summary puts the reasons of tracks into one sentence; what all of them say of the past is said once.
func summary(tracks []engine.Track) string {
	const most = 3
	var parts []string
	for _, t := range tracks[:min(most, len(tracks))] {
		parts = append(parts, t.Reason)
	}
	if more := len(tracks) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}
