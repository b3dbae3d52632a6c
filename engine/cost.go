package engine

import "time"

// CostBy is what costs are listed by.
type CostBy string

// What costs can be listed by.
const (
	CostByTeam      CostBy = "team"
	CostByNamespace CostBy = "namespace"
	CostByCluster   CostBy = "cluster"
)

// CostFilter chooses costs by day (UTC) and, where a name is set, by whose they are.
type CostFilter struct {
	From, To                 time.Time // from midnight of the first day to that after the last
	Team, Cluster, Namespace string
	By                       CostBy
}

// Costs is what a time has cost. Lines, Idle, Shared, Outside, Unallocated and Adjustment come to Total, and Total, where the
// filter names nobody, to the bills of those days.
type Costs struct {
	Filter string // as it was understood
	CostFilter
	Lines       []CostLine // by name; the largest first
	Idle        MicroUSD   // of nodes: what nobody requested or used
	Shared      MicroUSD   // what serves all and was not divided
	Outside     MicroUSD   // of the bill, not of any cluster
	Unallocated MicroUSD   // taxes, support, credits, commitments that nobody used
	Adjustment  MicroUSD   // what the invoices of closed months differ from their days by
	Total       MicroUSD
	Provisional MicroUSD // of Total: AWS may still change it
	Estimated   MicroUSD // of Total: there is no bill; list prices and hours

	Days    int       // that have costs
	Newest  time.Time // of them; zero when there is none
	Guessed int       // of them: who used what was not measured on the whole of it
	Missing []Gap     // what could not be had of those days

	BilledCalls  int // that asking for bills took since From, and what AWS bills for them
	BilledAmount MicroUSD
}

// CostLine is what one team, namespace or cluster has cost. Own, Shared and Idle come to Amount.
type CostLine struct {
	Name   string // "" for those without
	Own    MicroUSD
	Shared MicroUSD // its part of what serves all
	Idle   MicroUSD // of a cluster only
	Amount MicroUSD
}
