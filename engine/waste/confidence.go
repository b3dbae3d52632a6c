package waste

import (
	"fmt"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	halfDays    = 1.5 // of history, at which confidence is a half
	weekDays    = 6.5 // a week, but for what is lost at its ends
	chartPoints = 168 // an hour each, of a week
)

// peakBefore is the highest daily peak of the days that were over at a time, in the unit of the series.
func (c *candidate) peakBefore(at time.Time) float64 {
	peak := 0.0
	for _, p := range c.usage.Peaks {
		v := p.CPU
		if c.resource == engine.Memory {
			v = p.Memory
		}
		if usable(v) && p.Day.Before(at) {
			peak = max(peak, float64(v))
		}
	}
	return peak
}

// confidence says how sure the proposal is, with a line for each thing that it rests on; what is missing becomes a caveat.
func (c *candidate) confidence(b engine.Backtest, tried bool) (float64, []string) {
	days := c.history.Days()
	var sure float64
	var lines []string
	if c.brief() {
		n := float64(c.completed())
		sure = n / (n + leastRuns/2)
		lines = append(lines, fmt.Sprintf("the peak of %.0f runs", n))
	} else {
		sure = days / (days + halfDays)
		lines = append(lines, fmt.Sprintf("%.1f days of history, %d samples of the pod that used the most", days, c.history.Count()))
		if !wholeWeek(c.history) {
			sure *= 0.8
			c.caveats = append(c.caveats, "the history does not hold a whole week: what happens on its other days is not known")
		}
		if known := float64(c.history.Count()) / float64(len(c.history.Max)); known < 0.9 {
			sure *= max(known, 0.5)
			c.caveats = append(c.caveats, fmt.Sprintf("nothing is known of %s of the time", percent(1-known)))
		}
	}
	if c.resource == engine.Memory {
		sure *= 0.7 + 0.3*min(1, c.peakDays/wantedHistory)
		lines = append(lines, fmt.Sprintf("never above %s in %.0f days", near(c.peak), c.peakDays))
		if c.peakDays < wantedHistory-1 {
			c.caveats = append(c.caveats, fmt.Sprintf("peaks are known of %.0f days, %d are wanted", c.peakDays, wantedHistory))
		}
	}
	if c.resource == engine.CPU && c.limit > 0 {
		if c.usage.Throttled == nil {
			sure *= 0.9
			c.caveats = append(c.caveats, "not known whether it was throttled")
		} else {
			lines = append(lines, "not throttled at its limit")
		}
	}
	switch {
	case tried:
		sure *= max(0, 1-2*b.Over)
		line := fmt.Sprintf("applied over the last %.0f days, each by what came before it: above the request in %s of samples", math.Ceil(b.Days), percent(b.Over))
		if c.resource == engine.Memory {
			line += fmt.Sprintf(", %d OOM; %s", b.Kills, c.nearLimit())
		}
		lines = append(lines, line)
	default:
		sure *= 0.7
		c.caveats = append(c.caveats, "the history is too short to try the proposal on")
	}
	return math.Round(min(max(sure, 0), 1)*100) / 100, lines
}

// nearLimit says how near a container of memory came to being killed. Its limit stays, so that no request brings that about, and a
// count of no kills says little by itself.
func (c *candidate) nearLimit() string {
	if c.limit <= 0 {
		return "it has no limit, so that only its node's memory sets it one"
	}
	return fmt.Sprintf("the limit stays, and its peak came to %s of it", percent(c.peak/float64(c.limit)))
}

// near is an amount of bytes as a person says it.
func near(bytes float64) string {
	if bytes < gib {
		return fmt.Sprintf("%.0f MiB", bytes/mib)
	}
	return fmt.Sprintf("%.2f GiB", bytes/gib)
}

// wholeWeek tells whether a series has seen both working days and a weekend, and all in all seven days.
func wholeWeek(s Series) bool {
	var seen [7]bool
	for i, v := range s.Max {
		if usable(v) {
			seen[s.Start.Add(time.Duration(i)*s.Step).UTC().Weekday()] = true
		}
	}
	for _, yes := range seen {
		if !yes {
			return false
		}
	}
	return s.End().Sub(s.Start).Hours()/24 >= weekDays
}

// risk is one way in which following a finding could do harm.
type risk struct {
	weight int
	text   string
}

// weigh adds risks up.
func weigh(risks []risk) (engine.Risk, []string) {
	total := 0
	var lines []string
	for _, r := range risks {
		total += r.weight
		lines = append(lines, r.text)
	}
	switch {
	case total == 0:
		return engine.RiskLow, lines
	case total < 3:
		return engine.RiskMedium, lines
	}
	return engine.RiskHigh, lines
}

// sharedRisks are those of both resources.
func (c *candidate) sharedRisks(autoscale *engine.Autoscale) []risk {
	var risks []risk
	if len(c.pods) == 1 && !c.runs {
		risks = append(risks, risk{1, "one replica: the roll-out is felt"})
	}
	if c.Kind == kindStatefulSet {
		risks = append(risks, risk{1, "a StatefulSet: its pods are replaced one by one"})
	}
	if guaranteed(c.podSpec()) {
		risks = append(risks, risk{1, "its pods are Guaranteed and become Burstable, for their limits stay"})
	}
	if autoscale != nil {
		risks = append(risks, risk{1, "the request and the target of its autoscaler must change together"})
	}
	if c.template == nil {
		risks = append(risks, risk{1, "its pods are written by the controller of the " + c.Kind + ": change it there"})
	}
	if class := c.podSpec().PriorityClassName; class == "system-node-critical" || class == "system-cluster-critical" {
		risks = append(risks, risk{3, "the cluster depends on it: " + class})
	}
	if zone := c.onlyZone(); len(c.pods) > 1 && zone != "" {
		risks = append(risks, risk{1, "all its replicas are in zone " + zone})
	}
	return risks
}

// onlyZone is the zone that all pods are in; "" for several or none known.
func (c *candidate) onlyZone() string {
	zone := ""
	for _, p := range c.pods {
		n := c.ix.nodes[p.Spec.NodeName]
		if n == nil {
			return ""
		}
		z := n.Labels[corev1.LabelTopologyZone]
		if z == "" || zone != "" && z != zone {
			return ""
		}
		zone = z
	}
	return zone
}

// guaranteed tells whether all containers ask for exactly their limits of CPU and memory.
func guaranteed(pod *corev1.PodSpec) bool {
	for _, list := range [][]corev1.Container{pod.Containers, pod.InitContainers} {
		for _, c := range list {
			for _, r := range []engine.Resource{engine.CPU, engine.Memory} {
				limit := amount(c.Resources.Limits, r)
				if limit <= 0 || amount(c.Resources.Requests, r) != limit {
					return false
				}
			}
		}
	}
	return true
}

// chart draws the pod that used the most, and the requests across it.
func (c *candidate) chart(lowered int64) engine.Chart {
	unit, label := 1.0, "cores"
	if c.resource == engine.Memory {
		unit, label = gib, "GiB"
	}
	per := max(1, (len(c.all.Max)+chartPoints-1)/chartPoints)
	values := make([]float64, 0, chartPoints)
	for from := 0; from < len(c.all.Max); from += per {
		highest := float64(engine.Missing)
		for _, v := range c.all.Max[from:min(from+per, len(c.all.Max))] {
			if usable(v) {
				highest = max(highest, float64(v)/unit)
			}
		}
		values = append(values, highest)
	}
	return engine.Chart{
		Unit: label, Start: c.all.Start, Step: time.Duration(per) * c.all.Step,
		Series: []engine.ChartSeries{{Name: "use of the highest pod", Values: values}},
		Lines: []engine.ChartLine{
			{Name: "request today", Value: priced(float64(c.old), c.resource)},
			{Name: "proposed", Value: priced(float64(lowered), c.resource)},
		},
	}
}
