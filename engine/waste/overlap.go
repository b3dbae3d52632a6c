package waste

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Why a finding is only counted.
const (
	reasonNoFall  = "its pods would not ask for less as a whole"
	reasonOnIdle  = "the nodes that it runs on are found idle as a whole"
	unpricedCPU   = 200 // millicores: what is freed without a price is told from here on
	unpricedBytes = gib
)

// overlap gives each dollar of a cluster to one finding, and takes away those that are left with too little. A node owns its whole price;
// a request counts only the replicas on nodes that stay, and only by how much the request of the pod as a whole falls when
// the other findings of the workload are followed too. So the findings of a cluster never come to more than its nodes cost.
func overlap(s *Snapshot, r Rules, findings []engine.Finding) (kept []engine.Finding, skips []Skip) {
	byCluster := map[string][]engine.Finding{}
	for _, f := range findings {
		if f.Kind == engine.OrphanVolume || s.Muted[f.Key] {
			kept = append(kept, f) // no node pays for it, or nobody counts it
			continue
		}
		byCluster[f.Target.Cluster] = append(byCluster[f.Target.Cluster], f)
	}
	for i := range s.Clusters {
		c := &s.Clusters[i]
		if of := byCluster[c.Name]; len(of) > 0 {
			k, sk := newPurse(c, of).share(of, r)
			kept, skips = append(kept, k...), append(skips, sk...)
		}
	}
	return kept, skips
}

// purse is what the nodes of a cluster cost, and which of them a finding owns.
type purse struct {
	*index
	byWorkload map[identity]*workload
	removed    map[string]bool
}

func newPurse(c *Cluster, findings []engine.Finding) *purse {
	p := &purse{index: newIndex(c), byWorkload: map[identity]*workload{}, removed: map[string]bool{}}
	for _, w := range p.workloads {
		p.byWorkload[identity{w.Namespace, w.Kind, w.Name}] = w
	}
	for _, f := range findings {
		if f.Kind == engine.IdleNode {
			p.removed[f.Target.Name] = true
		}
	}
	return p
}

func (p *purse) share(findings []engine.Finding, r Rules) (kept []engine.Finding, skips []Skip) {
	var sizings []engine.Finding
	for _, f := range findings {
		if sizes(f.Kind) {
			sizings = append(sizings, f)
			continue
		}
		if n := p.nodes[f.Target.Name]; n != nil {
			f.Monthly = min(f.Monthly, engine.Dollars(n.bill()))
		}
		kept = append(kept, f)
	}
	sizings, skips = p.targets(sizings)
	// What is left out changes what the others of its workload free: share again until all that is left stays.
	for {
		tied := p.divide(sizings)
		var left []engine.Finding
		for _, f := range sizings {
			if reason, detail := p.small(f, r); reason != "" {
				skips = append(skips, Skip{Key: f.Key, Kind: f.Kind, Target: f.Target, Reason: reason, Detail: detail})
				continue
			}
			left = append(left, f)
		}
		if len(left) == len(sizings) {
			for i := range left {
				if tied[i] {
					left[i].Caveats = append(left[i].Caveats, "so much only together with the other proposals for its pods: what starts a pod and what stays ask for the higher of the two")
				}
			}
			return append(kept, left...), skips
		}
		sizings = left
	}
}

// together are the findings about one resource of one workload, by what they are about.
type together struct {
	of       identity
	resource engine.Resource
}

func gather(findings []engine.Finding) map[together][]int {
	groups := map[together][]int{}
	for i, f := range findings {
		t := together{identity{f.Target.Namespace, f.Target.Kind, f.Target.Name}, f.Sizing.Resource}
		groups[t] = append(groups[t], i)
	}
	return groups
}

// divide sets what each finding is worth beside all others, and tells for each whether that rests on others of its pods.
func (p *purse) divide(findings []engine.Finding) (tied []bool) {
	tied = make([]bool, len(findings))
	worth := make([]map[string]float64, len(findings))
	total := map[string]float64{}
	for group, members := range gather(findings) {
		w := p.byWorkload[group.of]
		if w == nil || w.podSpec() == nil {
			continue
		}
		changes := make([]change, len(members))
		at := make(map[string]int, len(members))
		for i, m := range members {
			name := findings[m].Target.Container
			changes[i], at[name] = change{name, roleOf(w, name), findings[m].Sizing.New}, m
		}
		falls, alone := parts(w.podSpec(), group.resource, changes)
		for i, fall := range falls {
			m := at[changes[i].container]
			tied[m] = !alone[i]
			worth[m] = p.monthly(p.seats(w, group.resource, findings[m].Sizing.Replicas), group.resource, fall)
			for node := range worth[m] {
				if p.removed[node] {
					delete(worth[m], node)
				}
			}
		}
	}
	for _, of := range worth {
		for node, dollars := range of {
			total[node] += dollars
		}
	}
	for i := range findings {
		for node := range worth[i] {
			if bill := p.nodes[node].bill(); total[node] > bill {
				worth[i][node] *= bill / total[node] * (1 - 1e-12) // what is lost in the arithmetic must not come to more
			}
		}
		findings[i].Monthly = whole(worth[i])
		findings[i].Whole = max(findings[i].Whole, findings[i].Monthly)
	}
	return tied
}

func roleOf(w *workload, name string) role {
	for _, c := range w.containers() {
		if c.spec.Name == name {
			return c.role
		}
	}
	return regular
}

// small says why a finding is not worth telling.
func (p *purse) small(f engine.Finding, r Rules) (reason, detail string) {
	s := f.Sizing
	if f.Basis.Source == engine.PriceUnknown {
		least := float64(unpricedCPU)
		if s.Resource == engine.Memory {
			least = unpricedBytes
		}
		if float64(s.Old-s.New)*s.Replicas < least {
			return reasonFits, "its price is not known, and what it frees is little"
		}
		return "", ""
	}
	switch {
	case f.Monthly >= max(r.MinMonthly, 1):
		return "", ""
	case f.Monthly == 0 && f.Whole == 0:
		return reasonNoFall, ""
	case f.Monthly == 0 && len(p.removed) > 0:
		return reasonOnIdle, ""
	}
	return worthLess(r), f.Monthly.String()
}

func worthLess(r Rules) string {
	return "worth less than " + strings.TrimSuffix(max(r.MinMonthly, engine.USD/100).String(), ".00") + " a month"
}

// targets says what becomes of an autoscaler's target when several requests that it rests on are lowered, and leaves out the cheapest
// of them where no target would go with all.
func (p *purse) targets(findings []engine.Finding) (kept []engine.Finding, skips []Skip) {
	drop := map[int]bool{}
	for group, members := range gather(findings) {
		w := p.byWorkload[group.of]
		members = slices.DeleteFunc(members, func(m int) bool { return findings[m].Sizing.Autoscale == nil })
		if w == nil || len(members) < 2 {
			continue
		}
		s, _ := scalingOf(p.scalers[group.of], findings[members[0]].Target.Container, name(group.resource))
		if s == nil || s.alone != "" {
			continue // each container has a target of its own
		}
		base, _ := s.base(w.podSpec(), group.resource)
		slices.SortFunc(members, func(a, b int) int {
			return cmp.Or(cmp.Compare(findings[b].Whole, findings[a].Whole), cmp.Compare(findings[a].Key, findings[b].Key))
		})
		lowered := base
		var names []string
		var with []int
		for _, m := range members {
			f := findings[m]
			if s.targetFor(base, lowered-f.Sizing.Old+f.Sizing.New) > highestTarget {
				drop[m] = true
				skips = append(skips, Skip{
					Key: f.Key, Kind: f.Kind, Target: f.Target, Reason: reasonTarget,
					Detail: "beside what is proposed for " + strings.Join(names, " and "),
				})
				continue
			}
			lowered += f.Sizing.New - f.Sizing.Old
			names, with = append(names, f.Target.Container), append(with, m)
		}
		if len(with) > 1 {
			for _, m := range with {
				findings[m].Caveats = append(findings[m].Caveats, fmt.Sprintf(
					"the autoscaler's target of %d %% stands for this change alone: with those of %s together it is %d %%",
					findings[m].Sizing.Autoscale.NewTarget, strings.Join(names, " and "), s.targetFor(base, lowered)))
			}
		}
	}
	for i, f := range findings {
		if !drop[i] {
			kept = append(kept, f)
		}
	}
	slices.SortFunc(skips, func(a, b Skip) int { return cmp.Compare(a.Key, b.Key) })
	return kept, skips
}
