package handlers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// ourPull is a proposal of the bot about payments/api, merged some time before noon.
func ourPull(number int, w engine.Workload, status engine.ProposalStatus, ago time.Duration) engine.Proposal {
	at := noon.Add(-ago)
	return engine.Proposal{
		ID: int64(number), Cluster: w.Cluster, Repo: "acme/deploy", Status: status, Title: "payments/api memory 2 → 1.2 GiB", MergedAt: at, DeployedAt: at.Add(time.Minute),
		Pull: engine.Pull{Number: number, State: engine.PullMerged, MergedAt: at}, Items: []engine.ProposalItem{{Wish: engine.Wish{Target: engine.Target{Workload: w}}}},
	}
}

func TestWhatWasMergedIsEvidence(t *testing.T) {
	other := api
	other.Name = "web"
	for name, c := range map[string]struct {
		ours []engine.Proposal
		bend func(c *changing)
		want []string
	}{
		"a commit of a colleague": {nil, nil, []string{"merge/acme/deploy#12 5m0s ana-silva: acme/deploy#12 by ana-silva came into apps/api.yaml 5m0s before the onset: more words"}},
		"our own too": {
			[]engine.Proposal{ourPull(4, api, engine.ProposalDeployed, 3*time.Minute), ourPull(5, other, engine.ProposalDeployed, time.Minute), ourPull(6, api, engine.ProposalVerified, 3*time.Hour), ourPull(7, api, engine.ProposalOpened, time.Minute)},
			nil,
			[]string{
				"merge/acme/deploy#4 3m0s own: The bot's own pull request acme/deploy#4 was merged 3m0s before the onset: payments/api memory 2 → 1.2 GiB",
				"merge/acme/deploy#12 5m0s ana-silva: acme/deploy#12 by ana-silva came into apps/api.yaml 5m0s before the onset: more words",
			},
		},
		"the same one twice": {
			[]engine.Proposal{ourPull(12, api, engine.ProposalMerged, 4*time.Minute)},
			nil,
			[]string{"merge/acme/deploy#12 4m0s own: The bot's own pull request acme/deploy#12 was merged 4m0s before the onset: payments/api memory 2 → 1.2 GiB"},
		},
		"a secret in its message":           {nil, func(c *changing) { c.forge.past[0].Subject = "password=hunter2222" }, []string{"merge/acme/deploy#12 5m0s ana-silva: acme/deploy#12 by ana-silva came into apps/api.yaml 5m0s before the onset: password=***"}},
		"nobody knows where it is declared": {nil, func(c *changing) { c.Changes.Mappings = nil }, nil},
		"a repository that may not be read": {nil, func(c *changing) { c.Changes.Mappings[0].Repo = "acme/gone" }, nil},
		"long ago":                          {nil, func(c *changing) { c.forge.past[0].At = noon.Add(-3 * time.Hour) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := backFixture(t)
			for _, p := range c.ours {
				f.store.all[p.ID] = p
			}
			if c.bend != nil {
				c.bend(f)
			}
			found, err := mergeEvidence{f.Handlers}.Collect(t.Context(), f.plain.incidents[42])
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range found {
				who := e.Fields["by"]
				if e.Fields["own"] == "true" {
					who = "own"
				}
				got = append(got, e.ID+" "+e.Fields["age"]+" "+who+": "+e.Text)
				if e.Kind != engine.EvidenceMerge || e.Collector != "merges" || e.Object.Name != "api" {
					t.Errorf("%+v", e)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestADiagnosisNamesTheMerge holds that the collector is asked, that what it says is in the ranking, and that a forge that is away is a gap.
func TestADiagnosisNamesTheMerge(t *testing.T) {
	c := backFixture(t)
	seen := clue("change/7/0", engine.EvidenceChange, "what=env", "from=LEVEL=info", "to=LEVEL=debg", "age=2m", "git=Argo CD")
	seen.At = noon.Add(-2 * time.Minute)
	c.Clusters[0].Collectors = []rca.Collector{collector{"changes", func(context.Context) ([]engine.Evidence, error) { return []engine.Evidence{seen}, nil }}}
	again := func() engine.Diagnosis {
		i := c.plain.incidents[42]
		i.Classes, i.Diagnosis = []engine.Class{engine.ClassProbeFailing}, engine.Diagnosis{}
		c.plain.incidents[42] = i
		if err := c.diagnose(t.Context(), engine.Task{IncidentID: 42}); err != nil {
			t.Fatal(err)
		}
		return c.plain.diagnoses[len(c.plain.diagnoses)-1]
	}
	first, ok := again().Cause("")
	if !ok || first.Rule != "rollout/change" || !strings.Contains(first.Text, "It came with acme/deploy#12.") || len(first.For) != 2 {
		t.Errorf("%+v", first)
	}
	c.forge.fail = engine.Errorf(engine.Unavailable, "GitHub does not answer")
	d := again()
	if diff := cmp.Diff([]engine.Gap{{Collector: "merges", Reason: "GitHub does not answer"}}, d.Gaps); diff != "" {
		t.Error(diff)
	}
	if first, ok := d.Cause(""); !ok || first.Rule != "rollout/change" || len(first.For) != 1 {
		t.Errorf("without it: %+v", first)
	}
	c.Changes.Forge = nil
	if d := again(); len(d.Gaps) > 0 {
		t.Errorf("where no GitHub is configured: %+v", d.Gaps)
	}
}
