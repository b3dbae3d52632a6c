package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestChaosDefaults holds that nothing is broken unless somebody switches it on, and within which limits then.
func TestChaosDefaults(t *testing.T) {
	off, err := parseConfig("f", []byte(smallest))
	must(t, err)
	if off.Chaos.Enabled || asksForChaos(off, nil) != nil || len(off.chaosClusters()) > 0 {
		t.Error("experiments are on by default")
	}
	c, err := parseConfig("f", []byte(chaosConfig))
	must(t, err)
	r := c.chaosRules()
	got := []any{r.OptIn, r.Protected, r.MaxPercent, r.MinReady, r.MaxPods, r.MaxActive, r.MaxDuration, r.MaxAgents, r.PerDay, r.Shown, r.TwoPeople, r.Deletes, r.AgentImage}
	want := []any{"autopilot.dev/chaos=enabled", []string{"kube-*"}, 50, 1, 10, 3, 10 * time.Minute, 5, 20, 15 * time.Minute, false, false, "agent:1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"prod"}, c.chaosClusters()); diff != "" {
		t.Error(diff)
	}
	cl := c.Clusters[0]
	if b := cl.broken(); b.InCluster || b.Kubeconfig != "/etc/chaos" || !cl.InCluster {
		t.Errorf("the account of experiments is %+v", b)
	}
	found := false
	for _, ch := range c.channels() {
		found = found || ch == "#chaos"
	}
	if !found {
		t.Errorf("#chaos is not among the channels %v", c.channels())
	}
}

func TestQuietHoursAndFreezes(t *testing.T) {
	c, err := parseConfig("f", []byte(chaosConfig+`  quiet: [{weekly: "Fri 16:00 - Mon 08:00", reason: weekend, namespaces: [shop]}]
approvals: {freeze: [{from: "2026-12-20", to: "2027-01-02", reason: holidays}]}
`))
	must(t, err)
	quiet := c.chaosRules().Quiet
	for _, x := range []struct {
		namespace string
		at        time.Time
		want      string
	}{
		{"shop", time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), "weekend, until Mon 30 Nov 08:00 UTC"},
		{"other", time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), ""},
		{"shop", time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), ""},
		{"other", time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC), "holidays, until Sun 3 Jan 00:00 UTC"},
	} {
		if got := quiet("prod", x.namespace, x.at); got != x.want {
			t.Errorf("%s at %s: %q, want %q", x.namespace, x.at, got, x.want)
		}
	}
}

func TestGameDaysAsConfigured(t *testing.T) {
	c, err := parseConfig("f", []byte(chaosConfig+`  game_days: [{name: tuesday, schedule: "0 10 * * TUE", time_zone: Europe/Berlin, cluster: prod, command: "kill shop/api -count 1"}]`))
	must(t, err)
	days := c.gameDays()
	if len(days) != 1 {
		t.Fatalf("game days %+v", days)
	}
	d := days[0]
	next := d.Next(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)).UTC()
	got := []any{d.Name, d.Channel, d.Confirmed, d.Request.Cluster, d.Request.Strikes[0].Fault, next}
	if diff := cmp.Diff([]any{"tuesday", "#chaos", false, "prod", engine.FaultKill, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}, got); diff != "" {
		t.Errorf("game day (-want +got):\n%s", diff)
	}
}
