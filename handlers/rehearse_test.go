package handlers

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

var replayRules = incident.Rules{
	HoldDown: time.Minute, ReopenWindow: time.Hour, ParentWindow: 5 * time.Minute,
	Escalation: map[engine.Severity]incident.Escalation{engine.Critical: {After: 5 * time.Minute, Times: 2, Page: true}},
	Route:      incident.Route{Default: "#ops", Namespaces: map[string]string{"payments": "#pay"}},
}

// fired is an alert between two minutes after noon; to 0 is until the end.
func fired(name string, from, to int, labels ...string) engine.Alert {
	a := engine.Alert{Labels: map[string]string{"alertname": name}, StartsAt: noon.Add(time.Duration(from) * time.Minute)}
	if to != 0 {
		a.EndsAt = noon.Add(time.Duration(to) * time.Minute)
	}
	for k := 0; k < len(labels); k += 2 {
		a.Labels[labels[k]] = labels[k+1]
	}
	a.Fingerprint = fmt.Sprint(name, labels)
	return a
}

func TestReplay(t *testing.T) {
	pay := []string{"namespace", "payments", "deployment", "api"}
	alerts := []engine.Alert{
		fired("Watchdog", 0, 0),
		fired("KubeDeploymentReplicasMismatch", 1, 20, append(pay, "severity", "critical")...),
		fired("HighErrorRate", 2, 15, pay...),                                                  // the same workload
		fired("KubePodCrashLooping", 3, 4, "namespace", "shop", "pod", "cart-7f9c6d5b4-x2x4z"), // guessed from the pod's name
		fired("KubePodCrashLooping", 10, 11, "namespace", "shop", "pod", "cart-7f9c6d5b4-q8q8q"),
		fired("DiskFull", 100, 0, "namespace", "shop", "deployment", "db"),
	}
	all, left := Observations("prod", alerts)
	if left != 1 || len(all) != 9 {
		t.Fatalf("%d observations, %d left out", len(all), left)
	}
	to := noon.Add(2 * time.Hour)
	got := Replay(all, replayRules, noon, to)
	var lines []string
	for _, i := range got.Incidents {
		lines = append(lines, fmt.Sprintf("%s %s reopened %d, %d signals, %s", i.Workload, i.Status, i.Reopened, len(i.Signals), i.DetectedAt.Sub(noon)))
	}
	want := []string{
		"payments/api resolved reopened 0, 2 signals, 1m0s",
		"shop/cart resolved reopened 1, 2 signals, 3m0s",
		"shop/db open reopened 0, 1 signals, 1h40m0s",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("incidents (-want +got):\n%s", diff)
	}
	if r := got.Incidents[0].ResolvedAt.Sub(noon); r != 21*time.Minute {
		t.Errorf("resolved after %s, want the end and the hold-down", r)
	}
	if got.Cards != 3 || got.Escalated != 2 || got.Pages != 1 || got.ByChannel["#pay"] != 1 || got.ByChannel["#ops"] != 2 || got.Lines == 0 || got.Edits == 0 {
		t.Errorf("messages %+v", got)
	}
	noise := Noise("prod", alerts, got.Incidents, to)
	if n := noise[0]; n != (NoisyAlert{Name: "KubePodCrashLooping", Fired: 2, Workloads: 1, Incidents: 1, Lasted: 2 * time.Minute, Short: 2}) || len(noise) != 4 {
		t.Errorf("noise %+v", noise)
	}
	if n := noise[1]; n.Name != "DiskFull" || n.Lasted != 20*time.Minute {
		t.Errorf("what still fires: %+v", n)
	}
}

func TestReplayPutsPodsUnderTheirNode(t *testing.T) {
	all, _ := Observations("prod", []engine.Alert{
		fired("HighLatency", 0, 30, "namespace", "shop", "deployment", "cart", "node", "n1"),
		fired("KubeNodeNotReady", 1, 30, "node", "n1", "severity", "critical"),
	})
	got := Replay(all, replayRules, noon, noon.Add(time.Hour))
	if got.Under != 1 || got.Incidents[0].ParentID != 2 {
		t.Errorf("%d under another: %+v", got.Under, got.Incidents[0])
	}
}

// TestReplayLosesNothing replays any alerts in any order: each signal is in an incident, what ended is not open for ever, no workload has two
// open incidents, and the order in which alerts are handed over does not matter.
func TestReplayLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var alerts []engine.Alert
		for n := range rapid.IntRange(1, 12).Draw(t, "alerts") {
			from := rapid.IntRange(0, 200).Draw(t, "from")
			a := fired("A", from, from+rapid.IntRange(1, 60).Draw(t, "for"), "namespace", rapid.SampledFrom([]string{"payments", "shop"}).Draw(t, "namespace"),
				"deployment", rapid.SampledFrom([]string{"a", "b"}).Draw(t, "deployment"), "n", fmt.Sprint(n))
			alerts = append(alerts, a)
		}
		to := noon.Add(24 * time.Hour)
		all, _ := Observations("prod", alerts)
		got := Replay(all, replayRules, noon, to)
		seen := map[string]bool{}
		for _, i := range got.Incidents {
			if i.IsOpen() {
				t.Fatalf("still open: %+v", i)
			}
			for _, s := range i.Signals {
				seen[s.ID] = true
			}
		}
		for _, a := range alerts {
			if !seen[a.Fingerprint] {
				t.Fatalf("%s is in no incident", a.Fingerprint)
			}
		}
		mixed, _ := Observations("prod", rapid.Permutation(alerts).Draw(t, "order"))
		if diff := cmp.Diff(got, Replay(mixed, replayRules, noon, to)); diff != "" {
			t.Fatalf("another order gives:\n%s", diff)
		}
	})
}

func TestReplayTellsAStormOnce(t *testing.T) {
	var alerts []engine.Alert
	for n := range 12 {
		alerts = append(alerts, fired("Down", n%3, 20+n, "namespace", "shop", "deployment", fmt.Sprint("w", n)))
	}
	all, _ := Observations("prod", alerts)
	r := replayRules
	r.Storm = incident.StormRule{More: 5, Within: 5 * time.Minute}
	got := Replay(all, r, noon, noon.Add(3*time.Hour))
	// Five cards and the storm's; when five are left, those of them that have none get theirs.
	if got.Storms != 1 || got.ByChannel["#ops"] < 6 || got.ByChannel["#ops"] > 11 || len(got.Incidents) != 12 {
		t.Errorf("%d storms, %d messages in the channel, %d incidents", got.Storms, got.ByChannel["#ops"], len(got.Incidents))
	}
	for _, i := range got.Incidents {
		if i.IsOpen() || i.Held {
			t.Errorf("left over: %+v", i)
		}
	}
}
