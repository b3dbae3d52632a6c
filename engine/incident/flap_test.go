package incident_test

import (
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// TestWhatComesAndGoesIsToldLessAndLess has a condition that is there for a minute and gone for three, for two hours: it is one incident, and
// after a few reopenings it stays open and counts.
func TestWhatComesAndGoesIsToldLessAndLess(t *testing.T) {
	w := newWorld(t)
	told := 0
	for w.now.Before(start.Add(2 * time.Hour)) {
		for _, id := range w.ids() { // as the tasks do
			w.apply(incident.Settle(w.full(id), w.r, w.now))
		}
		switch minute := int(w.now.Sub(start).Minutes()); minute % 4 {
		case 0:
			p := w.watch(api, w.signal(api, engine.ClassCrashLoop))
			for _, e := range p.Events {
				if e.Kind == incident.EventOpened || e.Kind == incident.EventReopened {
					told++
				}
			}
		case 1:
			w.watch(api)
		}
		w.pass(time.Minute)
	}
	equal(t, "incidents", len(w.incidents), 1)
	// Opened, reopened after the hold-down of 2 min twice, then 4 min is longer than it is ever gone; an hour later it is tried again.
	if told < 3 || told > 6 {
		t.Errorf("told %d times in 30 comings", told)
	}
	counted := 0
	for _, e := range w.incidents[41].Timeline {
		if e.Kind == incident.EventRelapsed {
			counted += max(1, e.Times)
		}
	}
	equal(t, "and counted the rest", told+counted, 30)
}
