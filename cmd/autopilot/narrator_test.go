package main

import (
	"testing"

	"github.com/eks-autopilot/autopilot/store"
)

func TestNarrator(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	const smallest = "clusters: [{name: prod, kubeconfig: /nowhere}]\nslack: {channels: {incidents: \"#incidents\"}}\n"
	for text, perHour := range map[string]int{"": 0, "narrator: {model: m, region: eu-central-1}\n": 30, "narrator: {model: m, region: eu-central-1, per_hour: 4}\n": 4} {
		c, err := parseConfig("f", []byte(smallest+text))
		if err != nil {
			t.Fatal(err)
		}
		n, err := c.narrator(t.Context(), (*store.Store)(nil))
		if err != nil || (n != nil) != (perHour > 0) || n != nil && (n.PerHour != perHour || n.Model != "m") {
			t.Errorf("%q: %+v, %v", text, n, err)
		}
	}
}
