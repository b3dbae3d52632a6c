package chaos

import "github.com/eks-autopilot/autopilot/engine"

// metrics fails closed: where Prometheus cannot be asked, nobody would see what an experiment does.
func metrics(_ engine.Experiment, f Field, _ Rules) []string {
	if f.NoMetrics == "" {
		return nil
	}
	return []string{"Prometheus cannot be asked, so nobody would see the harm: " + f.NoMetrics}
}
