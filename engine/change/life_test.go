package change_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

var allStatuses = []engine.ProposalStatus{
	engine.ProposalPending, engine.ProposalApproved, engine.ProposalOpened, engine.ProposalMerged, engine.ProposalDeployed,
	engine.ProposalVerified, engine.ProposalDenied, engine.ProposalExpired, engine.ProposalStale, engine.ProposalClosed, engine.ProposalReversed,
}

func TestNothingFollowsWhatIsOver(t *testing.T) {
	for _, from := range allStatuses {
		if change.Leads(from, from) {
			t.Errorf("%s leads to itself", from)
		}
		leads := 0
		for _, to := range allStatuses {
			if change.Leads(from, to) {
				leads++
				if to == engine.ProposalPending {
					t.Errorf("%s leads back to the beginning", from)
				}
			}
		}
		if over := leads == 0 || from == engine.ProposalClosed; over != from.IsOver() { // one that is closed may be opened again
			t.Errorf("%s leads to %d others, and is over: %t", from, leads, from.IsOver())
		}
		if want := !from.IsOver() && from != engine.ProposalVerified; change.Underway(from) != want {
			t.Errorf("%s is under way: %t", from, !want)
		}
	}
}

func TestWhatCannotHappen(t *testing.T) {
	for from, to := range map[engine.ProposalStatus]engine.ProposalStatus{
		engine.ProposalPending:  engine.ProposalOpened,   // nobody approved
		engine.ProposalOpened:   engine.ProposalDeployed, // nobody merged
		engine.ProposalMerged:   engine.ProposalVerified, // nothing of it is live
		engine.ProposalDeployed: engine.ProposalClosed,
		engine.ProposalVerified: engine.ProposalStale,
	} {
		if change.Leads(from, to) {
			t.Errorf("%s leads to %s", from, to)
		}
	}
}

func wished(name, field string) engine.Wish {
	return engine.Wish{
		Kind: engine.WishRequest, Field: field, Old: "2", New: "1",
		Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: name}, Container: "app"},
	}
}

func TestValueKey(t *testing.T) {
	a := wished("api", "cpu")
	other := a
	other.Old, other.New = "1", "500m"
	if change.ValueKey(a) != change.ValueKey(other) {
		t.Error("another amount is another value")
	}
	limit, container := a, a
	limit.Kind, container.Target.Container = engine.WishLimit, "sidecar"
	seen := map[string]bool{}
	all := []engine.Wish{a, wished("api", "memory"), wished("web", "cpu"), limit, container}
	for _, w := range all {
		seen[change.ValueKey(w)] = true
	}
	if len(seen) != len(all) {
		t.Errorf("%d keys of %d values", len(seen), len(all))
	}
	// Two nodes of one group ask for the same number to be lower.
	node := func(name, group string) engine.Wish {
		return engine.Wish{Kind: engine.WishGroup, Field: "desired", Name: group, Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: name}, Provider: "i-" + name}}
	}
	if change.ValueKey(node("a", "workers")) != change.ValueKey(node("b", "workers")) || change.ValueKey(node("a", "workers")) == change.ValueKey(node("a", "db")) {
		t.Error("a group's size is one value, whichever of its nodes goes")
	}
}

// A key is of what is changed: not of the order of lines, nor of what a person is told of them.
func TestKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) engine.ProposalItem {
			return engine.ProposalItem{
				Chain: engine.LedgerChain(rapid.Int64Range(1, 3).Draw(t, "finding"), rapid.IntRange(0, 1).Draw(t, "reopened")),
				Wish:  wished(rapid.SampledFrom([]string{"api", "web"}).Draw(t, "name"), rapid.SampledFrom([]string{"cpu", "memory"}).Draw(t, "field")),
			}
		}), 1, 4).Draw(t, "items")
		p := engine.Proposal{Repo: "shop/deploy", Base: "main", Items: items}
		shuffled := p
		shuffled.Items = rapid.Permutation(items).Draw(t, "shuffled")
		shuffled.Title, shuffled.Monthly, shuffled.Hash = "another", 7, "another"
		if change.Key(p) != change.Key(shuffled) {
			t.Fatal("the same change has two keys")
		}
		more, back, mend, elsewhere := p, p, p, p
		more.Items = append(append([]engine.ProposalItem{}, items...), engine.ProposalItem{Chain: "finding/9/0", Wish: wished("db", "cpu")})
		back.Reverts, mend.Incident, elsewhere.Repo = 3, 3, "shop/other"
		for _, q := range []engine.Proposal{more, back, mend, elsewhere} {
			if change.Key(p) == change.Key(q) {
				t.Fatalf("two changes have one key: %+v", q)
			}
		}
		if change.Key(back) == change.Key(mend) {
			t.Fatal("what takes back 3 and what mends 3 have one key")
		}
	})
}

func TestTitle(t *testing.T) {
	line := func(title string, dollars float64, risk engine.Risk) engine.ProposalItem {
		return engine.ProposalItem{Title: title, Monthly: engine.Dollars(dollars), Risk: risk, Repo: "shop/deploy", Wish: wished("api", "cpu")}
	}
	memory := line("payments/api memory 2 → 1.2 GiB", 41.2, engine.RiskLow)
	steps := line("vol-1: snapshot, then delete", 3, engine.RiskMedium)
	steps.Repo = ""
	web, db := line("x", 9, engine.RiskHigh), steps
	web.Wish, db.Wish = wished("web", "cpu"), wished("db", "cpu")
	for want, items := range map[string][]engine.ProposalItem{
		"payments/api memory 2 → 1.2 GiB, −$41.20/month, low risk":    {memory},
		"payments/api: 2 changes, −$50.20/month, high risk":           {memory, line("x", 9, engine.RiskHigh)},
		"payments/api image a → b":                                    {line("payments/api image a → b", 0, "")},
		"payments/api memory 1.2 → 2 GiB, +$41.20/month, medium risk": {line("payments/api memory 1.2 → 2 GiB", -41.2, engine.RiskMedium)},
		"payments/api: 3 changes, −$9.00/month, medium risk":          {steps, steps, steps},
		"2 changes in shop/deploy, −$50.20/month, high risk":          {memory, web},
		"2 changes in prod, −$6.00/month, medium risk":                {steps, db},
		"nothing": nil,
	} {
		if diff := cmp.Diff(want, change.Title(items)); diff != "" {
			t.Error(diff)
		}
	}
}
