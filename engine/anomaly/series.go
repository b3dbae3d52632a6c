package anomaly

import (
	"math"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// keptPoints are the newest values that a series shows in a chart: four hours of values five minutes apart.
const keptPoints = 48

// series is one watched series: its past, and whether it is strange now.
//
// While it is strange in a way that users feel, its values are not made a part of its past: the same trouble is strange again next
// week. What nobody feels is learned at once, and strange once.
type series struct {
	d       Detector
	first   int64 // Unix seconds of its first value
	last    int64 // of its newest
	learn   int64 // only learned before this time
	hits    uint8 // strange values in a row
	calm    uint8 // usual values in a row, while it is open
	open    bool  // it is strange
	up      bool
	of      Feature
	since   int64   // when the first of the hits was
	low     float64 // of the past before
	high    float64
	most    float64 // the strangest value
	score   float64
	revised uint32 // hash of the revision that the past is of

	keptOpen bool // what was kept last of open

	n      int // points
	at     int // of the next one
	points [keptPoints]engine.Point
}

// want is what a series is judged by at one instant.
type want struct {
	kind
	margins          float64 // beyond its past, for two values in a row
	interval, warmUp time.Duration
	values           uint32 // that it must have had within warmUp, for there may be gaps
	judged           bool   // false: the value rests on too little, or is only learned now
}

// slow gives a time in seconds, for values that come every so often: those of a day take days where others take hours.
func (w want) slow(d time.Duration) int64 {
	return max(int64(d.Seconds()), int64(min(d/time.Hour, 7))*int64(w.interval.Seconds()))
}

func (s *series) point(now int64, v float64) {
	s.points[s.at] = engine.Point{At: now, Value: v}
	s.at = (s.at + 1) % keptPoints
	s.n = min(s.n+1, keptPoints)
}

// recent gives the newest points, oldest first, that are no older than a time.
func (s *series) recent(after int64) []engine.Point {
	out := make([]engine.Point, 0, s.n)
	for k := range s.n {
		if p := s.points[(s.at-s.n+k+keptPoints)%keptPoints]; p.At >= after {
			out = append(out, p)
		}
	}
	return out
}

// step reads a value. A value that is no number, or no newer than the one before, is left out.
func (s *series) step(now int64, v float64, w want) {
	if math.IsNaN(v) || math.IsInf(v, 0) || s.first != 0 && now <= s.last {
		return
	}
	if s.first == 0 {
		s.first = now
	}
	s.last = now
	s.point(now, v)
	before := s.d
	s.d.last = now
	s.d.n++
	looks := s.d.look(now, float32(min(max(v, -math.MaxFloat32/8), math.MaxFloat32/8)))
	switch {
	case now < s.learn:
		s.end()
	case !w.judged:
		// It is neither strange nor usual: nothing begins or ends by it.
		s.d = before
	case s.open:
		s.goOn(now, v, w, looks, before)
	case now-s.first >= int64(w.warmUp.Seconds()) && s.d.n > w.values:
		s.begin(now, v, w, looks, before)
	}
}

// begin judges a series that was usual until now.
func (s *series) begin(now int64, v float64, w want, looks looks, before Detector) {
	best := worst(looks, v, w.kind)
	margins := w.margins
	if now-s.first < int64(week.Seconds()) {
		margins *= youngness
	}
	if best.Value < score(margins) {
		s.hits = 0
		return
	}
	if s.hits == 0 || now-s.since > w.slow(absent) {
		s.hits, s.since = 0, now
	}
	s.hits++
	if s.felt(w, best.Up) {
		s.d = before
	}
	if s.hits < hitsWanted && best.Value < score(sureTimes*margins) {
		return
	}
	s.open, s.calm, s.up, s.of = true, 0, best.Up, best.Of
	s.low, s.high, s.score, s.most = best.Low, best.High, best.Value, v
}

// goOn judges a series that is strange.
func (s *series) goOn(now int64, v float64, w want, looks looks, before Detector) {
	outside := w.far(v, s.low, s.high, s.up)
	if s.of == Hour { // what is usual differs from hour to hour
		outside = looks[lookHour].Value > 0 && looks[lookHour].Up == s.up
	}
	if !outside {
		if s.calm++; s.calm >= calmWanted {
			s.end()
		}
		return
	}
	s.calm = 0
	if s.up == (v > s.most) {
		s.most = v
	}
	s.score = max(s.score, worst(looks, v, w.kind).Value)
	switch {
	case now-s.since >= w.slow(relearn):
		s.relearnFrom(now, w.slow(relearn))
	case s.felt(w, s.up):
		s.d = before
	}
}

func (s *series) end() { s.open, s.hits, s.calm = false, 0, 0 }

// felt tells whether users feel that it is as it is.
func (s *series) felt(w want, up bool) bool { return up && w.felt || !up && w.fallFelt }

// worst is the strangest of the answers that come with bounds, in a direction and by an amount that matter. A person can check them: the
// value stands outside of what was before. That a day's values spread or are distributed as never before nobody is told.
func worst(all looks, v float64, k kind) (best Score) {
	for _, s := range all[:lookHour+1] {
		if s.Value > best.Value && k.far(v, s.Low, s.High, s.Up) {
			best = s
		}
	}
	return best
}

// score is that of so many margins.
func score(margins float64) float64 { return margins / (margins + 1) }

// relearnFrom forgets nothing, but makes a series learn only, for a time.
func (s *series) relearnFrom(now, seconds int64) {
	s.learn = now + seconds
	s.end()
}

// track is the series as people are shown it.
func (s *series) track(m engine.Measure, after int64) engine.Track {
	t := engine.Track{Measure: m, Points: s.recent(after), Low: s.low, High: s.high, Score: s.score, Reason: s.words(m)}
	if s.open {
		t.Since = time.Unix(s.since, 0).UTC()
	}
	return t
}
