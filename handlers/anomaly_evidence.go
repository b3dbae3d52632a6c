package handlers

import (
	"context"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

// strangeBefore is how long before an incident something strange of its workload may have been to be evidence.
const strangeBefore = 2 * time.Hour

// StrangeEvidence is the collector of what was strange of an incident's workload, told or not.
type StrangeEvidence struct {
	Strange func(ctx context.Context, w engine.Workload, from, to time.Time) ([]anomaly.Strange, error)
	Now     func() time.Time
}

// Name is "anomalies".
func (StrangeEvidence) Name() string { return "anomalies" }

// Collect gives a line for each measure.
func (e StrangeEvidence) Collect(ctx context.Context, i engine.Incident) ([]engine.Evidence, error) {
	all, err := e.Strange(ctx, i.Workload, i.StartedAt.Add(-strangeBefore), e.Now())
	if err != nil {
		return nil, err
	}
	var out []engine.Evidence
	seen := map[engine.Measure]bool{}
	for _, s := range all {
		for _, t := range s.Tracks {
			if seen[t.Measure] || len(t.Points) == 0 {
				continue
			}
			seen[t.Measure] = true
			last := t.Points[len(t.Points)-1]
			direction, usual := "up", t.Measure.Amount(t.High)
			if last.Value < t.Low {
				direction, usual = "down", t.Measure.Amount(t.Low)
			}
			out = append(out, engine.Evidence{
				ID: "anomalies/" + string(t.Measure), Collector: e.Name(), Kind: engine.EvidenceSeries, At: t.Since,
				Object: engine.ObjectRef{Kind: i.Workload.Kind, Namespace: i.Workload.Namespace, Name: i.Workload.Name}, Text: t.Reason,
				Fields: map[string]string{
					"measure": string(t.Measure), "direction": direction, "usual": usual, "now": t.Measure.Amount(last.Value), "since": t.Since.UTC().Format(time.RFC3339),
				},
			})
		}
	}
	return out, nil
}
