package chaos

import "github.com/eks-autopilot/autopilot/engine"

// watch fails closed: alerts and incidents are known from the bot, so where it does not look nothing can be told from all being well.
func watch(_ engine.Experiment, f Field, _ Rules) []string {
	if f.Unwatched == "" {
		return nil
	}
	return []string{"the bot does not look at the cluster, so nobody knows whether something is wrong with it already: " + f.Unwatched}
}
