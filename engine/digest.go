package engine

import "time"

// DigestScope says whose digest it is. Empty fields choose all.
type DigestScope struct {
	Team    string `json:"team,omitempty"`
	Cluster string `json:"cluster,omitempty"`
}

// Digest is what a week or a month came to: all that its message, page and tables show, and nothing that is not in rows. It is a
// value of the rows alone: the same rows give the same digest.
type Digest struct {
	ID     int64       `json:"id"` // of the kept one; 0 before
	Period Period      `json:"period"`
	Scope  DigestScope `json:"scope"`
	AsOf   time.Time   `json:"as_of"` // when the newest row that it rests on was written
	Closed bool        `json:"closed"`

	Spend      Spend          `json:"spend"`
	Trend      []SpendDay     `json:"trend"`              // the days up to the period's end, oldest first; a day without a bill is missing, not 0
	Forecast   *Forecast      `json:"forecast,omitempty"` // of the month that a week ends in, or the one after a month; nil when too little is known
	Waterfall  []SpendStep    `json:"waterfall"`          // from Spend.Before to Spend.Total; the steps come to the difference. Empty without SameDays
	Movers     []Mover        `json:"movers"`             // of SameDays, the largest change first, whatever its sign; who did not change is not there
	Breakdowns []Breakdown    `json:"breakdowns"`         // of Spend.Total by team, cluster and kind; the lines of each come to it
	Budgets    []Budget       `json:"budgets,omitempty"`
	Units      []UnitCost     `json:"units,omitempty"`
	Funnel     Funnel         `json:"funnel"`
	Ledger     Ledger         `json:"ledger"`              // the chains of the period, and Shares by team
	Decisions  []DecisionLine `json:"decisions,omitempty"` // on which Ledger.Lines rest, by proposal, then as they were made
	ByType     []LedgerShare  `json:"by_type"`
	ByCluster  []LedgerShare  `json:"by_cluster"`
	Open       Opportunities  `json:"open"`
	Incidents  IncidentTally  `json:"incidents"`
	Trust      *Scorecard     `json:"trust,omitempty"` // of the experiments of the period; nil without, and for a team
	Own        OwnCost        `json:"own"`
	Insights   []Insight      `json:"insights"` // two or three sentences, the weightiest first

	Corrections []Correction `json:"corrections,omitempty"` // that were written in the period, of periods before it
	Bills       BillState    `json:"bills"`
	Missing     []Gap        `json:"missing,omitempty"` // what could not be had
	Audit       *Anchor      `json:"audit,omitempty"`   // the head of the audit log at AsOf; nil while it is empty
}

// Spend is what a period cost, beside the one before. What changed is SameTotal less SameBefore, over SameDays: days of which no bill,
// or only a part of one, is there yet would look like a fall.
type Spend struct {
	Total       MicroUSD `json:"total"`
	Before      MicroUSD `json:"before"`      // the period before; where days of it have no bill, what its days with a bill came to
	SameTotal   MicroUSD `json:"same_total"`  // of Total: the days that can be compared
	SameBefore  MicroUSD `json:"same_before"` // of Before: the same days of the period before
	SameDays    int      `json:"same_days"`   // how many days of the period those are; 0 when nothing can be compared
	DaysKnown   int      `json:"days_known"`
	DaysBefore  int      `json:"days_before"` // of the period before, with a bill
	Provisional MicroUSD `json:"provisional"` // of Total: AWS may still change it
	Estimated   MicroUSD `json:"estimated"`   // of Total: list prices, no bill
	Idle        MicroUSD `json:"idle"`
	Shared      MicroUSD `json:"shared"`
	Unallocated MicroUSD `json:"unallocated"`
	Outside     MicroUSD `json:"outside"`
	Adjustment  MicroUSD `json:"adjustment"`
	Allocated   float64  `json:"allocated"` // share in [0,1] of Total that is put to a team
}

// Comparable tells whether the two periods can be compared as a whole: each of their days is there, and all of it. Otherwise SameDays
// says what can.
func (s Spend) Comparable(p Period) bool {
	return s.DaysKnown == p.Days() && s.DaysBefore == p.Before().Days() && s.SameDays == p.Days()
}

// SpendDay is a day of the trend.
type SpendDay struct {
	Day         time.Time `json:"day"`
	Amount      MicroUSD  `json:"amount"`
	Provisional bool      `json:"provisional,omitempty"` // it may still change
	Estimated   bool      `json:"estimated,omitempty"`   // list prices, no bill
}

// Forecast is what a month will come to, if it goes on as it did.
type Forecast struct {
	Month  time.Time     `json:"month"`  // its first day
	SoFar  MicroUSD      `json:"so_far"` // what its days have cost up to the period's end, as far as there are bills
	Mid    MicroUSD      `json:"mid"`    // of the whole month
	Low    MicroUSD      `json:"low"`    // 80 % of such months end between Low and High
	High   MicroUSD      `json:"high"`
	Days   []ForecastDay `json:"days"`   // those to come, and those without a whole bill
	Basis  int           `json:"basis"`  // days of history that it rests on
	Before MicroUSD      `json:"before"` // the month before; 0 when not known
}

// ForecastDay is a day to come. The Mids of a forecast's days and what is known come to its Mid; Low and High are the day's own.
type ForecastDay struct {
	Day  time.Time `json:"day"`
	Mid  MicroUSD  `json:"mid"`
	Low  MicroUSD  `json:"low"`
	High MicroUSD  `json:"high"`
}

// SpendStep is one bar of the waterfall.
type SpendStep struct {
	By     string   `json:"by"`     // "team", "cluster" or "kind", as of a Mover; "" of what is gathered: "others", "days that cannot be compared"
	Name   string   `json:"name"`   // of the team, cluster or kind, or what is gathered
	Amount MicroUSD `json:"amount"` // that it added; below zero where it took away
}

// Mover is a team or cluster, or a part of the bill that is no team's, whose cost changed.
type Mover struct {
	By     string   `json:"by"`   // "team", "cluster", "kind"
	Name   string   `json:"name"` // of the team or cluster; of a kind as price rows have it: "workload", "shared", "idle", "outside", ...
	Before MicroUSD `json:"before"`
	Now    MicroUSD `json:"now"`
}

// Breakdown divides the spend by one dimension.
type Breakdown struct {
	By    string          `json:"by"`    // "team", "cluster", "kind"
	Lines []BreakdownLine `json:"lines"` // the dearest first
}

// BreakdownLine is a part of the spend. Name is "" for what is put to nobody.
type BreakdownLine struct {
	Name   string   `json:"name"`
	Amount MicroUSD `json:"amount"`
	Before MicroUSD `json:"before"`
}

// Budget is what may be spent in a calendar month, beside what was and will be.
type Budget struct {
	Name     string      `json:"name"`
	Scope    DigestScope `json:"scope"`
	Month    time.Time   `json:"month"`
	Amount   MicroUSD    `json:"amount"`
	Spent    MicroUSD    `json:"spent"`    // up to the period's end
	Forecast MicroUSD    `json:"forecast"` // of the whole month; 0 when too little is known
}

// UnitCost is what one unit of work cost: a request, a customer.
type UnitCost struct {
	Name   string      `json:"name"`
	Scope  DigestScope `json:"scope"`
	Count  float64     `json:"count"` // units in the period, on the days that are known
	Days   int         `json:"days"`  // of the period, that have both a bill and a count
	Spend  MicroUSD    `json:"spend"` // of those days
	Each   float64     `json:"each"`  // dollars a unit; 0 when nothing was counted
	Before float64     `json:"before"`
}

// Funnel is the way from waste to money: dollars a month at each step, then what was measured in the period.
type Funnel struct {
	Identified  FunnelStep `json:"identified"`  // detected in the period
	Approved    FunnelStep `json:"approved"`    // in the period
	Implemented FunnelStep `json:"implemented"` // in the period
	Reversed    FunnelStep `json:"reversed"`    // in the period
	Verified    MicroUSD   `json:"verified"`    // measured in the period, of all chains
	Cash        MicroUSD   `json:"cash"`        // of Verified
	Low         MicroUSD   `json:"low"`         // 90 % of the uncertainty of Verified
	High        MicroUSD   `json:"high"`
	Promised    MicroUSD   `json:"promised"` // what was estimated for the same days
	Chains      int        `json:"chains"`   // that were measured
	Missed      int        `json:"missed"`   // days that could not be measured and are in no sum
	Year        MicroUSD   `json:"year"`     // verified since 1 January of the year that the period ends in
}

// FunnelStep is how many chains reached a step, and what they were estimated to save a month.
type FunnelStep struct {
	Chains  int      `json:"chains"`
	Monthly MicroUSD `json:"monthly"`
}

// DecisionLine is a yes to the plan of a proposal, as the audit log has it.
type DecisionLine struct {
	Row      int64     `json:"row"` // of the audit log
	Proposal int64     `json:"proposal"`
	At       time.Time `json:"at"`
	By       Person    `json:"by"`
	Plan     string    `json:"plan"` // hash of what was approved
}

// Opportunities are the findings that are open at AsOf.
type Opportunities struct {
	Count   int           `json:"count"`
	Monthly MicroUSD      `json:"monthly"`
	Cash    MicroUSD      `json:"cash"`
	ByKind  []SavingsLine `json:"by_kind"`
	Top     []Opportunity `json:"top"` // the dearest first
}

// Opportunity is a finding group that could be approved.
type Opportunity struct {
	Group      int64     `json:"group"`
	Title      string    `json:"title"`
	Team       string    `json:"team"`
	Cluster    string    `json:"cluster"`
	Monthly    MicroUSD  `json:"monthly"`
	Cash       bool      `json:"cash"` // all of it
	Confidence float64   `json:"confidence"`
	Risk       Risk      `json:"risk"`
	Drafted    bool      `json:"drafted"` // there is something to approve
	Since      time.Time `json:"since"`   // its oldest open finding was first seen
	Thread     Thread    `json:"thread"`
}

// IncidentTally is what happened in the period.
type IncidentTally struct {
	Opened     int            `json:"opened"`
	Resolved   int            `json:"resolved"`
	StillOpen  int            `json:"still_open"` // at the period's end
	BySeverity []SeverityLine `json:"by_severity"`
	Detect     Spread         `json:"detect"`  // from the first sign to the incident, of those opened
	Resolve    Spread         `json:"resolve"` // from the first sign to the end, of those resolved
	Cost       MicroUSD       `json:"cost"`    // of those with a configured cost an hour
	Costed     int            `json:"costed"`  // of Opened or still open, those with one
	Top        []IncidentLine `json:"top"`     // the dearest, then the longest first
	Before     int            `json:"before"`  // opened in the period before
}

// SeverityLine counts the incidents of one severity.
type SeverityLine struct {
	Severity Severity `json:"severity"`
	Count    int      `json:"count"`
}

// Spread is the middle and the far end of some durations.
type Spread struct {
	Count  int           `json:"count"`
	Median time.Duration `json:"median"`
	P95    time.Duration `json:"p95"`
}

// IncidentLine is one incident of the period.
type IncidentLine struct {
	ID       int64         `json:"id"`
	Title    string        `json:"title"`
	Workload Workload      `json:"workload"`
	Team     string        `json:"team,omitempty"`
	Severity Severity      `json:"severity"`
	Started  time.Time     `json:"started"`
	Detected time.Time     `json:"detected"`
	Resolved time.Time     `json:"resolved"` // zero while it is open
	Lasted   time.Duration `json:"lasted"`   // within the period
	Cost     MicroUSD      `json:"cost"`
	Costed   bool          `json:"costed"`
	Thread   Thread        `json:"thread"`
}

// OwnCost is what the bot itself cost in the period, and what it asked of others.
type OwnCost struct {
	BilledCalls  int           `json:"billed_calls"`
	BilledAmount MicroUSD      `json:"billed_amount"`
	Scans        int           `json:"scans"`
	Queries      int           `json:"queries"` // of Prometheus
	Samples      int64         `json:"samples"` // that Prometheus read for them
	Slowest      time.Duration `json:"slowest"` // of the queries
}

// Insight is a sentence that the rows say, and which rule chose it.
type Insight struct {
	Rule   string   `json:"rule"`
	Text   string   `json:"text"`
	Amount MicroUSD `json:"amount"` // what it is about: insights are ordered by it
	Rows   string   `json:"rows"`   // where a reader finds it: "team payments", "finding 12", "incident 4"
}

// Correction is what a later row changed of an earlier period.
type Correction struct {
	Of     string    `json:"of"` // "invoice of 2026-09", "savings of 2026-11-02"
	Amount MicroUSD  `json:"amount"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// BillState says how fresh the costs are.
type BillState struct {
	Newest  time.Time   `json:"newest"`         // day with a bill; zero without
	Absent  []time.Time `json:"absent"`         // days of the period without one
	Guessed int         `json:"guessed"`        // days on which who used what was not measured on the whole
	Scan    time.Time   `json:"scan,omitzero"`  // the newest one that ended before AsOf
	Payers  []PayerLine `json:"payers"`         // what each bill came to in the period
	Source  string      `json:"source"`         // "Cost Explorer", "list prices", "" without costs
	Since   time.Time   `json:"since,omitzero"` // the first day of which costs are known at all
}

// PayerLine is what one payer's bills came to in the period; "" is the estimate.
type PayerLine struct {
	Payer  string   `json:"payer"`
	Amount MicroUSD `json:"amount"`
	Closed bool     `json:"closed"` // by its invoice
}
