package engine

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Amount writes a value of the measure with its unit, as a person would.
func (m Measure) Amount(v float64) string {
	switch m {
	case MeasureCPU:
		return short(v) + " cores"
	case MeasureMemory:
		for _, u := range []struct {
			unit string
			size float64
		}{{"GiB", 1 << 30}, {"MiB", 1 << 20}} {
			if v >= u.size {
				return short(v/u.size) + " " + u.unit
			}
		}
		return short(v/(1<<10)) + " KiB"
	case MeasureLatency:
		if v < 1 {
			return short(v*1000) + " ms"
		}
		return short(v) + " s"
	case MeasureErrors, MeasureSaturation:
		return short(v*100) + " %"
	case MeasureRequests:
		return short(v) + "/s"
	case MeasureCost:
		return fmt.Sprintf("$%.2f a day", v*24)
	case MeasureHourlyCost:
		return "$" + strconv.FormatFloat(v, 'f', 2, 64) + " an hour"
	case MeasureRestarts:
	}
	return short(v)
}

// Unit is that of a chart of the measure, and how much of the measure one of it is.
func (m Measure) Unit() (name string, size float64) {
	switch m {
	case MeasureCPU:
		return "cores", 1
	case MeasureMemory:
		return "GiB", 1 << 30
	case MeasureLatency:
		return "seconds", 1
	case MeasureErrors, MeasureSaturation:
		return "%", 0.01
	case MeasureRequests:
		return "requests a second", 1
	case MeasureCost:
		return "US dollars a day", 1. / 24
	case MeasureHourlyCost:
		return "US dollars an hour, estimated", 1
	case MeasureRestarts:
	}
	return string(m), 1
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
