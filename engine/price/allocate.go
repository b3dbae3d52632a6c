package price

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// What rows are of.
const (
	ofNodes        = "nodes"
	ofVolumes      = "volumes"
	ofControlPlane = "control plane"
	ofRest         = "commitments, fees and credits of EC2 and EKS"
)

// Allocate divides a day's bill among clusters, namespaces and teams. The rows add up to the bill exactly, in whatever order it and
// the use are given; none is negative but for a negative line. It fails with Invalid when the rules are wrong.
//
// A line of the bill is divided among what used it by hours (or months of size): what the bill has beyond that ran outside of the
// clusters. A node's part is divided among its pods by the weights of split cost allocation, and what they leave is idle.
func Allocate(d Day, r Rules) ([]Row, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	a := allocation{day: d, rules: r, rows: map[Row]engine.MicroUSD{}}
	a.index()
	for _, l := range merged(d.Bill.Lines) {
		a.line(l)
	}
	a.divideNodes()
	a.share()
	return a.sorted(), nil
}

// merged gives the lines in order, those of the same thing as one.
func merged(lines []Line) []Line {
	lines = slices.Clone(lines)
	same := func(x, y Line) int {
		rest := 0
		if x.Rest != y.Rest {
			rest = map[bool]int{false: -1, true: 1}[x.Rest]
		}
		return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Service, y.Service), cmp.Compare(x.Usage, y.Usage), rest)
	}
	slices.SortFunc(lines, func(x, y Line) int {
		return cmp.Or(same(x, y), cmp.Compare(x.Quantity, y.Quantity), cmp.Compare(x.Amount, y.Amount))
	})
	out := lines[:0]
	for _, l := range lines {
		if n := len(out); n > 0 && same(out[n-1], l) == 0 {
			out[n-1].Amount, out[n-1].Quantity = out[n-1].Amount+l.Amount, out[n-1].Quantity+l.Quantity
			continue
		}
		out = append(out, l)
	}
	return out
}

// allocation is a bill being divided.
type allocation struct {
	day   Day
	rules Rules
	rows  map[Row]engine.MicroUSD // by all but the amount

	use   map[string][]user // by what a line is of
	nodes map[nodeKey]engine.MicroUSD
	pods  map[nodeKey][]PodUse
	teams map[nodeKey]string // cluster and namespace → team
}

// user is who used a part of a line.
type user struct {
	weight float64
	node   *NodeUse
	row    Row // where there is no node
}

// nodeKey is a node by cluster and name, and the account that pays for it; or a namespace by cluster and name.
type nodeKey struct{ cluster, name, account string }

func lineKey(account string, u usage) string {
	return key(account, u.region, string(u.kind), u.of)
}

// index finds who used what. All lists are put in order first, so that the order in which they came decides nothing.
func (a *allocation) index() {
	a.use, a.nodes = map[string][]user{}, map[nodeKey]engine.MicroUSD{}
	a.pods, a.teams = map[nodeKey][]PodUse{}, map[nodeKey]string{}
	nodes := slices.Clone(a.day.Nodes)
	slices.SortFunc(nodes, func(x, y NodeUse) int {
		return cmp.Or(cmp.Compare(x.Cluster, y.Cluster), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Account, y.Account), cmp.Compare(x.Type, y.Type), cmp.Compare(x.Hours, y.Hours))
	})
	for i, n := range nodes {
		u := usage{region: n.Region, kind: nodeUsage, of: n.Type}
		if n.Spot {
			u.kind = spotUsage
		}
		a.add(n.Account, u, user{weight: n.Hours, node: &nodes[i]})
	}
	pods := slices.Clone(a.day.Pods)
	slices.SortFunc(pods, func(x, y PodUse) int {
		return cmp.Or(cmp.Compare(x.Cluster, y.Cluster), cmp.Compare(x.Node, y.Node), cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Team, y.Team),
			cmp.Compare(x.CPUHours, y.CPUHours), cmp.Compare(x.GiBHours, y.GiBHours), cmp.Compare(x.GPUHours, y.GPUHours))
	})
	for _, p := range pods {
		at := nodeKey{cluster: p.Cluster, name: p.Node}
		a.pods[at] = append(a.pods[at], p)
		if at.name = p.Namespace; a.teams[at] == "" {
			a.teams[at] = p.Team
		}
	}
	a.indexVolumes()
	for _, c := range a.day.Clusters {
		row := Row{Account: c.Account, Cluster: c.Cluster, Kind: RowShared, What: ofControlPlane}
		a.add(c.Account, usage{region: c.Region, kind: clusterUsage}, user{weight: c.Hours, row: row})
		a.add(c.Account, usage{region: c.Region, kind: extendedUsage}, user{weight: c.Extended, row: row})
	}
}

func (a *allocation) indexVolumes() {
	hours := monthHours(a.day.Bill.Day)
	for _, v := range a.day.Volumes {
		row := Row{Account: v.Account, Cluster: v.Cluster, Namespace: v.Namespace, Team: v.Team, Kind: RowWorkload, What: ofVolumes}
		if v.Namespace == "" || slices.Contains(a.rules.SharedNamespaces, v.Namespace) {
			row.Kind, row.Namespace, row.Team = RowShared, "", ""
		}
		month := v.Hours / hours
		for kind, quantity := range map[usageKind]int64{
			storageUsage: v.GiB, iopsUsage: billedIOPS(v), throughputUsage: billedThroughput(v),
		} {
			a.add(v.Account, usage{region: v.Region, kind: kind, of: v.Type}, user{weight: month * float64(quantity), row: row})
		}
	}
}

func billedIOPS(v VolumeUse) int64 {
	switch v.Type {
	case "gp3":
		return max(0, v.IOPS-gp3IOPS)
	case "io1", "io2":
		return v.IOPS
	}
	return 0
}

// billedThroughput is in MiB/s; the bill counts GiB/s.
func billedThroughput(v VolumeUse) int64 {
	if v.Type == "gp3" {
		return max(0, v.Throughput-gp3MiBps)
	}
	return 0
}

func (a *allocation) add(account string, u usage, by user) {
	if by.weight = sound(by.weight); by.weight > 0 {
		at := lineKey(account, u)
		a.use[at] = append(a.use[at], by)
	}
}

// line divides one line of the bill.
func (a *allocation) line(l Line) {
	u := parseUsage(l.Usage)
	users := a.use[lineKey(l.Account, u)]
	if u.kind == otherUsage || len(users) == 0 {
		a.elsewhere(l, u, l.Amount)
		return
	}
	quantity := l.Quantity
	if u.kind == throughputUsage {
		quantity *= 1024
	}
	slices.SortFunc(users, compareUsers)
	weights, sum := make([]float64, 0, len(users)+1), 0.0
	for _, by := range users {
		weights, sum = append(weights, by.weight), sum+by.weight
	}
	weights = append(weights, max(0, quantity-sum)) // what the bill has beyond what we know of
	parts, rest := apportion(l.Amount, weights)
	for i, by := range users {
		if by.node == nil {
			a.put(by.row, parts[i])
			continue
		}
		a.nodes[nodeKey{by.node.Cluster, by.node.Name, by.node.Account}] += parts[i]
	}
	a.elsewhere(l, u, parts[len(users)]+rest)
}

func compareUsers(x, y user) int {
	if x.node != nil && y.node != nil {
		return cmp.Or(cmp.Compare(x.node.Cluster, y.node.Cluster), cmp.Compare(x.node.Name, y.node.Name), cmp.Compare(x.weight, y.weight))
	}
	return cmp.Or(compareRows(x.row, y.row), cmp.Compare(x.weight, y.weight))
}

// elsewhere puts what no cluster used.
func (a *allocation) elsewhere(l Line, u usage, amount engine.MicroUSD) {
	row := Row{Account: l.Account, Kind: RowOutside, What: l.Service}
	switch {
	case l.Rest:
		row.Kind, row.What = RowUnallocatable, ofRest
	case l.Account == "" || l.Service == "Tax" || strings.HasPrefix(l.Service, "AWS Support") || strings.HasPrefix(l.Service, "AWS Premium Support"):
		row.Kind = RowUnallocatable
	case u.kind == nodeUsage || u.kind == spotUsage:
		row.What = "EC2 instances"
	case u.kind == clusterUsage || u.kind == extendedUsage:
		row.What = "EKS control planes"
	case u.kind != otherUsage:
		row.What = "EBS"
	case l.Service == "":
		row.What = "EC2 and EKS, other"
	}
	a.put(row, amount)
}

func (a *allocation) put(row Row, amount engine.MicroUSD) {
	if amount != 0 {
		row.Amount = 0
		a.rows[row] += amount
	}
}

// sorted gives the rows in order.
func (a *allocation) sorted() []Row {
	rows := make([]Row, 0, len(a.rows))
	for _, row := range slices.SortedFunc(maps.Keys(a.rows), compareRows) {
		if row.Amount = a.rows[row]; row.Amount == 0 {
			continue
		}
		row.Payer, row.Day, row.Provisional = a.day.Bill.Payer, a.day.Bill.Day, a.day.Bill.Estimated
		rows = append(rows, row)
	}
	return rows
}

func compareRows(x, y Row) int {
	return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Cluster, y.Cluster), cmp.Compare(x.Namespace, y.Namespace),
		cmp.Compare(x.Team, y.Team), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.What, y.What))
}
