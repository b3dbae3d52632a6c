package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

func changeConfig(t *testing.T) Config {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "config", "change_full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig("change_full.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChangesAsConfigured(t *testing.T) {
	c := changeConfig(t)
	if d := cmp.Diff([]change.Mapping{
		{Clusters: []string{"prod*"}, Namespaces: []string{"payments", "shop-*"}, Repo: "acme/deploy", Base: "main", Paths: []string{"apps/prod", "charts"}},
		{Kinds: []string{"Volume", "Node"}, Repo: "acme/infra"},
	}, c.mappings()); d != "" {
		t.Error(d)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	weekend, err := policy.ParseWeekly("Fri 16:00 - Mon 08:00")
	if err != nil {
		t.Fatal(err)
	}
	got := c.policy()
	want := policy.Approvals{
		TwoAbove: 200 * engine.USD, Within: 36 * time.Hour, NotProposer: true, Expires: 48 * time.Hour,
		Freeze: []policy.Freeze{
			{Reason: "weekend", Zone: berlin, Weekly: &weekend},
			{Reason: "Christmas", Zone: time.UTC, From: "2026-12-20", To: "2027-01-02", Clusters: []string{"prod"}, Namespaces: []string{"pay*"}},
		},
	}
	if d := cmp.Diff(want, got.Approvals, cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })); d != "" {
		t.Error(d)
	}
	if r := got.Roles[0]; r.UpTo != 500*engine.USD || len(r.Kinds) != 1 || r.Kinds[0] != "over_requested_*" {
		t.Errorf("role %+v", r)
	}
	if c.GitHub.App.InstallationID != 42 || *c.GitHub.OpenPerRepo != 5 || *c.GitHub.PerHour != 0 || c.People["U0ANA"] != "ana-github" {
		t.Errorf("github %+v, people %v", c.GitHub, c.People)
	}
}

func TestChangeDefaults(t *testing.T) {
	c, err := parseConfig("f", []byte(smallest))
	if err != nil || c.GitHub != nil || c.Approvals.Expires != 72*time.Hour || c.Approvals.TwoPeopleWithin != 24*time.Hour {
		t.Fatalf("without the sections: %+v, %+v, %v", c.GitHub, c.Approvals, err)
	}
	if got, err := connectChanges(t.Context(), c, Secrets{}, nil, nil, nil); got != nil || err != nil {
		t.Errorf("nobody asked for pull requests: %+v, %v", got, err)
	}
	c, err = parseConfig("f", []byte(smallest+"waste: {}\ngithub: {}\n"))
	if err != nil || *c.GitHub.OpenPerRepo != 10 || *c.GitHub.PerHour != 6 {
		t.Fatalf("%+v, %v", c.GitHub, err)
	}
}

// TestWhatIsWithoutEffect is said by config check, and is no fault.
func TestWhatIsWithoutEffect(t *testing.T) {
	for file, want := range map[string]int{"testdata/config/change_full.yaml": 1, "testdata/config/full.yaml": 0} {
		var out strings.Builder
		if err := checkConfig(t.Context(), file, &out); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "warning: approvals.not_the_proposer is without effect"); n != want {
			t.Errorf("%s: %d warnings:\n%s", file, n, out.String())
		}
	}
}
