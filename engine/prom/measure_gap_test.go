package prom

import (
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestAScrapeThatIsMissedIsNoFallOfRequests has a pod be there without values for a while, and another be gone.
func TestAScrapeThatIsMissedIsNoFallOfRequests(t *testing.T) {
	m := &Meter{answered: map[object]time.Time{}}
	there := map[string]bool{"web-a": true, "web-b": true}
	began := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	// at measures some minutes later, with the requests of pods; the latency is always known.
	at := func(minutes int, requests map[string]float64) (sum float64, known, latency bool) {
		f := newFolding(func(namespace, pod string) (engine.Workload, bool) {
			if !there[pod] {
				return engine.Workload{}, false
			}
			return byDash(namespace, pod)
		})
		for pod, v := range requests {
			s := labelSet{labelNamespace: "shop", labelPod: pod, labelFamily: "0"}
			f.add(question{measure: engine.MeasureRequests}, s, v)
			f.add(question{measure: engine.MeasureLatency}, s, 0.1)
		}
		m.missed(f, began.Add(time.Duration(minutes)*time.Minute))
		values := f.values()[inShop("web")]
		sum, known = values[engine.MeasureRequests]
		_, latency = values[engine.MeasureLatency]
		return sum, known, latency
	}
	both, one := map[string]float64{"web-a": 30, "web-b": 10}, map[string]float64{"web-a": 30}
	for _, c := range []struct {
		what     string
		minute   int
		requests map[string]float64
		sum      float64 // -1 for one that is not known
	}{
		{"both are scraped", 0, both, 40},
		{"one is not", 5, one, -1},
		{"again", 10, one, -1},
		{"both are", 15, both, 40},
		{"a fall of what both serve", 20, map[string]float64{"web-a": 3, "web-b": 1}, 4},
		{"one is not, and no more", 25, one, -1},
		{"for a quarter of an hour", 35, one, -1},
		{"it serves nothing any more", 40, one, 30},
		{"it does again", 45, both, 40},
	} {
		sum, known, latency := at(c.minute, c.requests)
		if !latency || known != (c.sum >= 0) || known && sum != c.sum {
			t.Errorf("%s: %v, known: %v, latency: %v", c.what, sum, known, latency)
		}
	}
	delete(there, "web-b") // scaled down
	if sum, known, _ := at(50, one); !known || sum != 30 {
		t.Errorf("a pod that is gone: %v, %v", sum, known)
	}
	if len(m.answered) != 1 {
		t.Errorf("remembered are %v", m.answered)
	}
}
