package price

import (
	"cmp"
	"maps"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// divideNodes divides what each node costs among the namespaces on it. Nodes of a cluster that has rows of split cost allocation are
// divided together, by those.
func (a *allocation) divideNodes() {
	hours := map[nodeKey]NodeUse{} // of a node: what it has, times its hours
	for _, n := range a.day.Nodes {
		at := nodeKey{n.Cluster, n.Name, n.Account}
		h := hours[at]
		h.CPU, h.GiB, h.GPU = h.CPU+sound(n.CPU)*sound(n.Hours), h.GiB+sound(n.GiB)*sound(n.Hours), h.GPU+sound(n.GPU)*sound(n.Hours)
		hours[at] = h
	}
	splits := map[string][]SplitRow{}
	for _, s := range a.day.Splits {
		if s.Day.Equal(a.day.Bill.Day) {
			splits[s.Cluster] = append(splits[s.Cluster], s)
		}
	}
	together := map[nodeKey]engine.MicroUSD{} // by cluster and account
	for _, at := range slices.SortedFunc(maps.Keys(a.nodes), compareNodes) {
		if len(splits[at.cluster]) > 0 {
			together[nodeKey{cluster: at.cluster, account: at.account}] += a.nodes[at]
			continue
		}
		a.divideNode(at, hours[at], a.nodes[at])
	}
	for _, at := range slices.SortedFunc(maps.Keys(together), compareNodes) {
		a.divideBySplit(at, splits[at.cluster], together[at])
	}
}

func compareNodes(x, y nodeKey) int {
	return cmp.Or(cmp.Compare(x.cluster, y.cluster), cmp.Compare(x.name, y.name), cmp.Compare(x.account, y.account))
}

// divideNode divides one node: first into its CPU, memory and GPUs, then each among the pods.
func (a *allocation) divideNode(at nodeKey, has NodeUse, amount engine.MicroUSD) {
	idle := Row{Account: at.account, Cluster: at.cluster, Kind: RowIdle, What: ofNodes}
	resources, rest := apportion(amount, []float64{weightCPU * has.CPU, weightGiB * has.GiB, weightGPU * has.GPU})
	pods := a.pods[nodeKey{cluster: at.cluster, name: at.name}]
	took := []func(PodUse) float64{
		func(p PodUse) float64 { return p.CPUHours }, func(p PodUse) float64 { return p.GiBHours }, func(p PodUse) float64 { return p.GPUHours },
	}
	for r, capacity := range []float64{has.CPU, has.GiB, has.GPU} {
		weights, sum := make([]float64, 0, len(pods)+1), 0.0
		for _, p := range pods {
			w := sound(took[r](p))
			weights, sum = append(weights, w), sum+w
		}
		parts, left := apportion(resources[r], append(weights, max(0, capacity-sum)))
		for i, p := range pods {
			a.put(a.workload(at.account, at.cluster, p.Namespace, p.Team), parts[i])
		}
		rest += parts[len(pods)] + left
	}
	a.put(idle, rest)
}

// divideBySplit divides all nodes of a cluster in the proportions that AWS gives.
func (a *allocation) divideBySplit(at nodeKey, splits []SplitRow, amount engine.MicroUSD) {
	used, unused := map[string]float64{}, 0.0
	for _, s := range splits {
		used[s.Namespace] += float64(max(0, s.Used))
		unused += float64(max(0, s.Unused))
	}
	namespaces := slices.Sorted(maps.Keys(used))
	weights := make([]float64, 0, len(namespaces)+1)
	for _, n := range namespaces {
		weights = append(weights, used[n])
	}
	parts, rest := apportion(amount, append(weights, unused))
	for i, n := range namespaces {
		a.put(a.workload(at.account, at.cluster, n, a.teams[nodeKey{cluster: at.cluster, name: n}]), parts[i])
	}
	a.put(Row{Account: at.account, Cluster: at.cluster, Kind: RowIdle, What: ofNodes}, parts[len(namespaces)]+rest)
}

func (a *allocation) workload(account, cluster, namespace, team string) Row {
	if slices.Contains(a.rules.SharedNamespaces, namespace) {
		return Row{Account: account, Cluster: cluster, Kind: RowShared, What: ofNodes}
	}
	return Row{Account: account, Cluster: cluster, Namespace: namespace, Team: team, Kind: RowWorkload, What: ofNodes}
}

// share divides what all use of a cluster among those who do.
func (a *allocation) share() {
	if a.rules.Share == ShareNone {
		return
	}
	type member struct{ namespace, team string }
	direct := map[string]map[member]float64{} // by cluster
	for row, amount := range a.rows {
		if row.Kind == RowWorkload {
			if direct[row.Cluster] == nil {
				direct[row.Cluster] = map[member]float64{}
			}
			direct[row.Cluster][member{row.Namespace, row.Team}] += float64(max(0, amount))
		}
	}
	var pools []Row
	for row := range a.rows {
		if row.Kind == RowShared {
			pools = append(pools, row)
		}
	}
	for _, pool := range pools {
		members := slices.SortedFunc(maps.Keys(direct[pool.Cluster]), func(x, y member) int {
			return cmp.Or(cmp.Compare(x.namespace, y.namespace), cmp.Compare(x.team, y.team))
		})
		weights := make([]float64, len(members))
		left := 0.0
		switch a.rules.Share {
		case ShareEven:
			for i := range members {
				weights[i] = 1
			}
		case ShareFixed:
			members, weights, left = nil, nil, 1
			for _, team := range slices.Sorted(maps.Keys(a.rules.Fixed)) {
				members, weights = append(members, member{team: team}), append(weights, a.rules.Fixed[team])
				left = max(0, left-a.rules.Fixed[team])
			}
		default:
			for i, m := range members {
				weights[i] = direct[pool.Cluster][m]
			}
		}
		amount := a.rows[pool]
		parts, rest := apportion(amount, append(weights, left))
		delete(a.rows, pool)
		for i, m := range members {
			row := pool
			row.Namespace, row.Team = m.namespace, m.team
			a.put(row, parts[i])
		}
		a.put(pool, parts[len(members)]+rest)
	}
}
