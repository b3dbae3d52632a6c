package year

import (
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// savings lets n findings become changes that are measured day by day: some later, some never, some taken back, some measured anew.
func (y *Year) savings(n int) {
	for k := range n {
		y.chain(int64(k + 1))
	}
	slices.SortStableFunc(y.Entries, func(a, b engine.LedgerEntry) int { return a.At.Compare(b.At) })
	numbers := map[int64]int64{}
	for k := range y.Entries {
		id := int64(k + 1)
		numbers[y.Entries[k].ID], y.Entries[k].ID = id, id
	}
	for k := range y.Entries {
		y.Entries[k].Corrects = numbers[y.Entries[k].Corrects]
	}
}

// approvals are the rows of the audit log on which the changes rest. Each fourth took two people.
func (y *Year) approvals() (list []engine.DecisionLine) {
	for _, e := range y.Entries {
		if e.Kind != engine.EntryApproved {
			continue
		}
		a := engine.DecisionLine{Row: int64(len(list) + 1), Proposal: e.Proposal, At: e.At, By: e.By, Plan: e.Ref}
		if list = append(list, a); e.Proposal%4 == 0 {
			a.Row, a.By = a.Row+1, engine.Person{ID: "U0000002", Name: "grace"}
			list = append(list, a)
		}
	}
	return list
}

func (y *Year) chain(finding int64) {
	team := int(finding) % len(y.Teams)
	kinds := engine.FindingKinds()
	kind := kinds[int(finding/3)%len(kinds)]
	promised := 31*engine.USD + engine.MicroUSD(y.r.IntN(900_000_007)) // a month
	at := From.Add(time.Duration(y.r.IntN(300*24)) * time.Hour)
	switch { // so that the last week has each step
	case finding%4 == 1:
		at = To.AddDate(0, 0, -2-int(finding)%28).Add(9 * time.Hour)
	case finding == 7:
		at = To.AddDate(0, 0, -30)
	}
	e := engine.LedgerEntry{
		Chain: engine.LedgerChain(finding, 0), Finding: finding, Type: kind, Team: y.Teams[team],
		Target: engine.Target{Workload: engine.Workload{Cluster: y.Clusters[team%len(y.Clusters)]}, Account: PayerA, Region: "eu-central-1"},
	}
	switch kind {
	case engine.IdleNode:
		e.Target.Kind, e.Target.Name, e.Target.Provider = engine.KindNode, fmt.Sprintf("ip-10-0-0-%d", finding), fmt.Sprintf("i-%08x", finding)
	case engine.OrphanVolume:
		e.Target.Kind, e.Target.Name = engine.KindVolume, fmt.Sprintf("vol-%08x", finding)
		e.Target.Provider = e.Target.Name
	case engine.OverRequestedCPU, engine.OverRequestedMemory:
		e.Target.Kind, e.Target.Namespace, e.Target.Name, e.Target.Container = "Deployment", fmt.Sprintf("team-%d", team), fmt.Sprintf("api-%d", finding), "app"
	}
	add := func(kind engine.EntryKind, at time.Time, edit func(*engine.LedgerEntry)) {
		if at.After(AsOf) {
			return
		}
		entry := e
		entry.ID, entry.Kind, entry.At = finding*1000+int64(len(y.Entries)), kind, at
		entry.Amount, entry.Low, entry.High = promised, promised, promised
		if edit != nil {
			edit(&entry)
		}
		y.Entries = append(y.Entries, entry)
	}
	add(engine.EntryDetected, at, nil)
	if finding%6 == 5 {
		return // nobody has looked at it yet
	}
	at = at.Add(time.Duration(20+y.r.IntN(90)) * time.Hour)
	e.Proposal = finding
	add(engine.EntryApproved, at, func(e *engine.LedgerEntry) {
		e.By, e.Ref = engine.Person{ID: "U0000001", Name: "ada"}, fmt.Sprintf("%064x", finding)
		e.Baseline = &engine.Baseline{Unit: "replica-hour", PerUnit: 41_003, After: 17_001, Spread: 0.07, Days: 14, From: at.AddDate(0, 0, -14), To: at}
	})
	at = at.Add(time.Duration(3+y.r.IntN(60)) * time.Hour)
	add(engine.EntryImplemented, at, func(e *engine.LedgerEntry) { e.Ref = fmt.Sprintf("https://github.com/acme/deploy/pull/%d", finding) })
	y.measured(finding, promised, at, add)
}

// measured makes the days of a chain from the one after its change on. Each eleventh change is taken back after three weeks.
func (y *Year) measured(finding int64, promised engine.MicroUSD, changed time.Time, add func(engine.EntryKind, time.Time, func(*engine.LedgerEntry))) {
	first := changed.Truncate(oneDay).AddDate(0, 0, 1)
	end := To
	back := finding%11 == 7
	if back {
		end = first.AddDate(0, 0, 21)
	}
	share := engine.MicroUSD(550 + y.r.IntN(600)) // of what was promised, in thousandths
	for day := first; day.Before(end) && day.Before(To); day = day.AddDate(0, 0, 1) {
		if y.r.IntN(50) == 0 {
			continue // what was used that day is not known
		}
		amount := y.around(promised*24/engine.HoursPerMonth*share/1000, 120)
		if y.r.IntN(60) == 0 {
			amount = -amount / 3 // it cost more
		}
		cash := engine.MicroUSD(0)
		if finding%3 != 0 {
			cash = max(0, amount) * 7 / 9
		}
		wide := max(amount, -amount) / 5
		at := day.Add(33 * time.Hour)
		before := len(y.Entries)
		add(engine.EntryVerified, at, func(e *engine.LedgerEntry) {
			e.Day, e.Amount, e.Cash, e.Low, e.High, e.Work = day, amount, cash, amount-wide, amount+wide, 71.5
		})
		if y.r.IntN(25) == 0 && len(y.Entries) > before {
			of := y.Entries[before].ID
			less := max(amount, 0) / 13
			add(engine.EntryCorrected, at.AddDate(0, 0, 2), func(e *engine.LedgerEntry) {
				e.Day, e.Amount, e.Cash, e.Low, e.High, e.Corrects, e.Ref = day, -less, -min(less, cash), -less, -less, of, "measured anew, 1"
			})
		}
	}
	if back && end.Before(To) {
		add(engine.EntryReversed, end.Add(10*time.Hour), func(e *engine.LedgerEntry) { e.Ref = "the change was taken back" })
	}
}

// opportunities are what is open at the end of the year.
func (y *Year) opportunities() {
	risks := []engine.Risk{engine.RiskLow, engine.RiskMedium, engine.RiskHigh}
	lines := map[engine.FindingKind]engine.SavingsLine{}
	for k := range 2*len(y.Teams) + 3 {
		kind := engine.FindingKinds()[k%4]
		monthly := y.around(engine.USD*engine.MicroUSD(17+y.r.IntN(700)), 9)
		o := engine.Opportunity{
			Group: int64(k + 1), Title: fmt.Sprintf("team-%d/api-%d", k%len(y.Teams), k), Team: y.Teams[k%len(y.Teams)], Cluster: y.Clusters[k%len(y.Clusters)],
			Monthly: monthly, Cash: k%2 == 0, Confidence: 0.55 + float64(y.r.IntN(40))/100, Risk: risks[k%3], Drafted: k%3 != 2,
			Since: AsOf.AddDate(0, 0, -y.r.IntN(90)).Truncate(time.Hour), Thread: engine.Thread{Channel: "C0000002", TS: fmt.Sprintf("1795000000.%06d", k)},
		}
		y.Open.Count++
		y.Open.Monthly += monthly
		if o.Cash {
			y.Open.Cash += monthly
		}
		l := lines[kind]
		l.Kind, l.Count, l.Monthly = kind, l.Count+1, l.Monthly+monthly
		lines[kind] = l
		y.Open.Top = append(y.Open.Top, o)
	}
	for _, kind := range engine.FindingKinds() {
		if l, ok := lines[kind]; ok {
			y.Open.ByKind = append(y.Open.ByKind, l)
		}
	}
}
