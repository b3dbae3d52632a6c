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
	never := "never " + side + " " + m.Amount(bound)
	if s.of == Hour {
		never = "at this hour of the day " + never
	}
	return kinds[m].name + " " + m.Amount(s.most) + ", in " + days(time.Duration(s.since-s.first)*time.Second) + " " + never
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
