package prom

import "time"

// unscraped is how long a pod that is there and served requests may have no values before it counts as one that serves none.
const unscraped = 15 * time.Minute

// missed finds the workloads of which a pod that served requests has no values now, though it is still there: it was not scraped. What the
// others serve is not all then, and no fall of the requests. Their errors and latency are what they are.
func (m *Meter) missed(f *folding, at time.Time) {
	for _, p := range f.pods {
		for _, s := range p.families {
			for pod := range s.answered {
				m.answered[pod] = at
			}
		}
	}
	for pod, last := range m.answered {
		w, there := f.owner(pod.namespace, pod.name)
		if !there || at.Sub(last) > unscraped {
			delete(m.answered, pod)
			continue
		}
		if p := f.pods[w]; p != nil && last.Before(at) {
			p.partial = true
		}
	}
}
