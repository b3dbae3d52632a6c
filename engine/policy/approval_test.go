package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

var approvers = policy.Policy{
	Roles: []policy.Role{
		{Name: "viewer", Members: []string{policy.Everyone}, May: []engine.Action{engine.ActionView}},
		{Name: "payments-lead", Members: []string{"UPIA", "SLEADS"}, May: []engine.Action{engine.ActionApprove}, Namespaces: []string{"payments*"}, UpTo: 100 * engine.USD},
		{Name: "sizer", Members: []string{"UPIA", "USAM"}, May: []engine.Action{engine.ActionApprove}, Kinds: []string{"over_requested_*"}, Clusters: []string{"dev"}},
		{Name: "platform", Members: []string{"UKIM"}, May: []engine.Action{engine.ActionApprove}},
		{Name: "reviewer", Members: []string{"URAY"}, May: []engine.Action{engine.ActionDeny}},
	},
}

func item(cluster, namespace string, kind engine.FindingKind, dollars float64) engine.ProposalItem {
	w := engine.Workload{Cluster: cluster, Namespace: namespace, Kind: "Deployment", Name: "api"}
	if namespace == "" {
		w.Kind = engine.KindNode
	}
	return engine.ProposalItem{
		Kind: kind, Monthly: engine.Dollars(dollars), Wish: engine.Wish{Kind: engine.WishRequest, Target: engine.Target{Workload: w}},
		Edits: []engine.FileEdit{{Path: "a.yaml"}},
	}
}

func TestMayApprove(t *testing.T) {
	cpu := engine.OverRequestedCPU
	small, large := item("prod", "payments-eu", cpu, 60), item("prod", "payments", cpu, 160)
	dev, shop := item("dev", "payments", cpu, 900), item("prod", "shop", cpu, 5)
	node := item("prod", "", engine.IdleNode, 70)
	mending := item("dev", "payments", "", -3)
	for _, c := range []struct {
		name, person string
		groups       []string
		items        []engine.ProposalItem
		role, reason string // role "" for no
	}{
		{"in the namespace, below the sum", "UPIA", nil, []engine.ProposalItem{small}, "payments-lead", "role payments-lead"},
		{"by user group", "UEVE", []string{"SLEADS"}, []engine.ProposalItem{small}, "payments-lead", "role payments-lead"},
		{"removed from the group", "UEVE", nil, []engine.ProposalItem{small}, "", "to approve over_requested_cpu in namespace payments-eu (cluster prod) needs the role payments-lead or platform"},
		{"above the sum", "UPIA", nil, []engine.ProposalItem{large}, "", "your role payments-lead may approve up to $100.00/month; this is $160.00/month"},
		{"above the sum together", "UPIA", nil, []engine.ProposalItem{small, small}, "", "your role payments-lead may approve up to $100.00/month; this is $120.00/month"},
		{"what it costs counts as well", "UPIA", nil, []engine.ProposalItem{item("prod", "payments", cpu, -160)}, "", "your role payments-lead may approve up to $100.00/month; this is $160.00/month"},
		{"the role without a limit", "UPIA", nil, []engine.ProposalItem{dev}, "sizer", "role sizer"},
		{"two roles together", "UPIA", nil, []engine.ProposalItem{dev, small}, "payments-lead, sizer", "role payments-lead, sizer"},
		{"another namespace", "UPIA", nil, []engine.ProposalItem{small, shop}, "", "your role payments-lead, sizer does not cover over_requested_cpu in namespace shop (cluster prod)"},
		{"a node is in no namespace", "UPIA", nil, []engine.ProposalItem{node}, "", "your role payments-lead, sizer does not cover idle_node in api (cluster prod)"},
		{"another kind", "USAM", nil, []engine.ProposalItem{item("dev", "payments", engine.OrphanVolume, 5)}, "", "your role sizer does not cover orphan_volume in namespace payments (cluster dev)"},
		{"kinds are of findings", "USAM", nil, []engine.ProposalItem{mending}, "", "your role sizer does not cover request in namespace payments (cluster dev)"},
		{"anything", "UKIM", nil, []engine.ProposalItem{small, large, dev, shop, node, mending}, "platform", "role platform"},
		{"nothing", "UKIM", nil, nil, "", "there is nothing to approve"},
		{"of nowhere", "UKIM", nil, []engine.ProposalItem{{}}, "", "your role platform does not cover a change in this installation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ok, role, reason := approvers.MayApproveAll(engine.Person{ID: c.person}, c.groups, c.items)
			if diff := cmp.Diff([]any{c.role != "", c.role, c.reason}, []any{ok, role, reason}); diff != "" {
				t.Error(diff)
			}
			if len(c.items) == 1 {
				if one, _, _ := approvers.MayApprove(engine.Person{ID: c.person}, c.groups, c.items[0]); one != ok {
					t.Errorf("alone it is %t, in a plan of one %t", one, ok)
				}
			}
		})
	}
}

func TestMayDeny(t *testing.T) {
	large := []engine.ProposalItem{item("prod", "payments", engine.OverRequestedCPU, 160)}
	for person, want := range map[string]string{"UPIA": "payments-lead", "URAY": "reviewer", "UKIM": "platform", "USAM": "", "UEVE": ""} {
		ok, role, reason := approvers.MayDeny(engine.Person{ID: person}, nil, large)
		if ok != (want != "") || role != want || reason == "" {
			t.Errorf("%s: %t by %q (%s), want %q", person, ok, role, reason, want)
		}
	}
}

func TestNeed(t *testing.T) {
	p := approvers
	p.Approvals = policy.Approvals{TwoAbove: 500 * engine.USD}
	cpu := engine.OverRequestedCPU
	steps := item("prod", "payments", engine.OrphanVolume, 4)
	steps.Edits, steps.Steps = nil, []string{"aws ec2 delete-volume"}
	for _, c := range []struct {
		name  string
		items []engine.ProposalItem
		want  engine.ApprovalNeed
	}{
		{"small", []engine.ProposalItem{item("prod", "payments", cpu, 99)}, engine.ApprovalNeed{People: 1, Roles: []string{"payments-lead", "platform"}}},
		{"too much for a role", []engine.ProposalItem{item("prod", "payments", cpu, 499.99)}, engine.ApprovalNeed{People: 1, Roles: []string{"platform"}}},
		{"just what one may", []engine.ProposalItem{item("dev", "shop", cpu, 250), item("dev", "shop", cpu, 250)}, engine.ApprovalNeed{People: 1, Roles: []string{"sizer", "platform"}}},
		{
			"above it together",
			[]engine.ProposalItem{item("dev", "shop", cpu, 250), item("dev", "shop", cpu, 251)},
			engine.ApprovalNeed{People: 2, Roles: []string{"sizer", "platform"}, Why: []string{"two people, for $501.00/month is above $500.00"}},
		},
		{
			"done at once",
			[]engine.ProposalItem{steps},
			engine.ApprovalNeed{People: 2, Roles: []string{"payments-lead", "platform"}, Why: []string{"two people, for it is done at once and no pull request is reviewed"}},
		},
	} {
		got, err := p.Need(c.items, 0, time.Now())
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, diff)
		}
	}
	p.Approvals = policy.Approvals{NotProposer: true}
	got := p.NeedAlways([]engine.ProposalItem{item("prod", "shop", cpu, 1e12)}, 0)
	if want := (engine.ApprovalNeed{People: 1, NotProposer: true, Roles: []string{"platform"}}); cmp.Diff(want, got) != "" {
		t.Error(cmp.Diff(want, got))
	}
}

// TestInPartsNobodyGetsMoreThroughThanAtOnce lets people approve whatever, in whatever parts and whenever: what rests on one person's word
// alone within the time is never above the limit, and nobody is asked for a second who stays below it.
func TestInPartsNobodyGetsMoreThroughThanAtOnce(t *testing.T) {
	p := approvers
	p.Approvals = policy.Approvals{TwoAbove: 100 * engine.USD, Within: 24 * time.Hour}
	type yes struct {
		by, what string
		at       time.Time
		sum      engine.MicroUSD
	}
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		var alone []yes
		for range rapid.IntRange(1, 20).Draw(t, "approvals") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30*60).Draw(t, "minutes")) * time.Minute)
			y := yes{by: rapid.SampledFrom([]string{"UPIA", "UKIM"}).Draw(t, "by"), what: rapid.SampledFrom([]string{"deploy", "infra"}).Draw(t, "what"), at: now}
			var items []engine.ProposalItem
			for range rapid.IntRange(1, 3).Draw(t, "items") {
				dollars := rapid.IntRange(-70, 70).Draw(t, "dollars")
				items = append(items, item("prod", "payments", engine.OverRequestedCPU, float64(dollars)))
				y.sum += engine.MicroUSD(max(dollars, -dollars)) * engine.USD
			}
			var before engine.MicroUSD
			for _, b := range alone {
				if b.by == y.by && b.what == y.what && b.at.After(now.Add(-24*time.Hour)) {
					before += b.sum
				}
			}
			need, err := p.Need(items, before, now)
			if err != nil || need.People != 1 && need.People != 2 || (need.People == 2) != (before+y.sum > 100*engine.USD) {
				t.Fatalf("%s after %s alone needs %d people, %v", y.sum, before, need.People, err)
			}
			if (need.People == 2) != (len(need.Why) == 1) {
				t.Fatalf("%d people, because %q", need.People, need.Why)
			}
			if need.People == 1 {
				alone = append(alone, y)
			}
		}
		for _, last := range alone {
			var sum engine.MicroUSD
			for _, y := range alone {
				if y.by == last.by && y.what == last.what && !y.at.After(last.at) && y.at.After(last.at.Add(-24*time.Hour)) {
					sum += y.sum
				}
			}
			if sum > 100*engine.USD {
				t.Fatalf("%s moved %s alone in a day", last.by, sum)
			}
		}
	})
}

func TestWhyInParts(t *testing.T) {
	p := policy.Policy{Approvals: policy.Approvals{TwoAbove: 100 * engine.USD, Within: 24 * time.Hour}}
	got := p.NeedAlways([]engine.ProposalItem{item("prod", "shop", engine.OverRequestedCPU, 60)}, 50*engine.USD)
	want := []string{"two people, for $60.00/month and the $50.00/month that the same person approved alone within 24 h are above $100.00"}
	if d := cmp.Diff(want, got.Why); d != "" || got.People != 2 {
		t.Errorf("%d people\n%s", got.People, d)
	}
}

func TestCounted(t *testing.T) {
	ada, grace, lin := engine.Person{ID: "U1"}, engine.Person{ID: "U2"}, engine.Person{ID: "U3"}
	for _, c := range []struct {
		name     string
		need     engine.ApprovalNeed
		by       []engine.Person
		proposer engine.Person
		have     int
		missing  string
	}{
		{"nobody yet", engine.ApprovalNeed{People: 1}, nil, engine.Person{}, 0, "one more person must approve"},
		{"one of one", engine.ApprovalNeed{People: 1}, []engine.Person{ada}, engine.Person{}, 1, ""},
		{"twice the same", engine.ApprovalNeed{People: 2}, []engine.Person{ada, ada}, engine.Person{}, 1, "one more person must approve"},
		{"two", engine.ApprovalNeed{People: 2}, []engine.Person{ada, grace}, engine.Person{}, 2, ""},
		{"the proposer does not count", engine.ApprovalNeed{People: 2, NotProposer: true}, []engine.Person{ada, grace}, ada, 1, "one more person who did not propose it must approve"},
		{"the proposer counts", engine.ApprovalNeed{People: 2}, []engine.Person{ada, grace}, ada, 2, ""},
		{"the bot proposed", engine.ApprovalNeed{People: 2, NotProposer: true}, []engine.Person{ada, lin}, engine.Person{}, 2, ""},
		{"the bot never counts", engine.ApprovalNeed{People: 1}, []engine.Person{{}}, engine.Person{}, 0, "one more person must approve"},
		{"three wanted", engine.ApprovalNeed{People: 3}, []engine.Person{ada}, engine.Person{}, 1, "2 more people must approve"},
		{"no need is one", engine.ApprovalNeed{}, nil, engine.Person{}, 0, "one more person must approve"},
	} {
		var approvals []engine.Approval
		for _, by := range c.by {
			approvals = append(approvals, engine.Approval{By: by})
		}
		if have, missing := policy.Counted(c.need, approvals, c.proposer); have != c.have || missing != c.missing {
			t.Errorf("%s: %d, %q; want %d, %q", c.name, have, missing, c.have, c.missing)
		}
	}
}

// Whatever is approved in parts, no more money rests on a role with a limit than the limit.
func TestNoPlanIsAboveItsLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var items []engine.ProposalItem
		var sum float64
		for range rapid.IntRange(1, 6).Draw(t, "items") {
			dollars := float64(rapid.IntRange(-120, 120).Draw(t, "dollars"))
			items, sum = append(items, item("prod", "payments", engine.OverRequestedCPU, dollars)), sum+max(dollars, -dollars)
		}
		ok, _, reason := approvers.MayApproveAll(engine.Person{ID: "UPIA"}, nil, items)
		if ok != (sum <= 100) {
			t.Fatalf("$%.0f is allowed: %t (%s)", sum, ok, reason)
		}
	})
}
