package digest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	mostInsights = 3

	// What is less than both is not worth a sentence.
	leastInsight = 20 * engine.USD
	leastShare   = 50 // of what was spent: 2 %

	// An opportunity that is younger has not waited yet.
	patience = 7 * oneDay

	longestName = 60
)

// subject is what insights are about.
type subject struct {
	facts  Facts
	digest engine.Digest
}

// rules are all that there is to say. Of equal amounts the earlier goes first.
var rules = []struct {
	name string
	say  func(subject) (engine.Insight, bool)
}{
	{"absent", absent},
	{"budget", budget},
	{"mover", mover},
	{"calibration", calibration},
	{"reversed", reversed},
	{"incident", incident},
	{"waiting", waiting},
	{"correction", correction},
}

// insights gives the sentences that are about the most money, none that is about too little.
func insights(f Facts, d engine.Digest) []engine.Insight {
	least := max(leastInsight, size(d.Spend.Total)/leastShare)
	var list []engine.Insight
	for _, r := range rules {
		i, ok := r.say(subject{f, d})
		if !ok || size(i.Amount) < least {
			continue
		}
		i.Rule = r.name
		list = append(list, i)
	}
	slices.SortStableFunc(list, func(a, b engine.Insight) int { return cmp.Compare(size(b.Amount), size(a.Amount)) })
	return list[:min(len(list), mostInsights)]
}

// absent says that days have no bill. Its amount is what they come to if they are like the others.
func absent(s subject) (engine.Insight, bool) {
	days, known := len(s.digest.Bills.Absent), s.digest.Spend.DaysKnown
	if days == 0 || known == 0 {
		return engine.Insight{}, false
	}
	verb := "have"
	if days == 1 {
		verb = "has"
	}
	return engine.Insight{
		Text:   fmt.Sprintf("%d of the %d days %s no bill yet, so the total is not whole.", days, s.digest.Period.Days(), verb),
		Amount: s.digest.Spend.Total / engine.MicroUSD(known) * engine.MicroUSD(days),
		Rows:   "days without a bill",
	}, true
}

// budget says which budget is passed by the most, or will be.
func budget(s subject) (engine.Insight, bool) {
	var worst engine.Insight
	for _, b := range s.digest.Budgets {
		name, month := bounded(b.Name, longestName), b.Month.Format("January")
		switch {
		case b.Spent-b.Amount > worst.Amount:
			worst.Amount = b.Spent - b.Amount
			worst.Text = fmt.Sprintf("Budget “%s” of %s for %s is passed by %s.", name, money(b.Amount), month, money(worst.Amount))
		case b.Spent <= b.Amount && b.Forecast-b.Amount > worst.Amount:
			worst.Amount = b.Forecast - b.Amount
			worst.Text = fmt.Sprintf("%s is on its way to pass budget “%s” of %s by %s.", month, name, money(b.Amount), money(worst.Amount))
		default:
			continue
		}
		worst.Rows = "budget " + name
	}
	return worst, worst.Amount > 0
}

// mover says whose cost changed most, and where.
func mover(s subject) (engine.Insight, bool) {
	k := slices.IndexFunc(s.digest.Movers, func(m engine.Mover) bool {
		return m.By == perTeam || s.facts.Scope.Team != "" && m.By == perCluster || s.facts.Scope.Team == "" && m.By == perKind
	})
	if k < 0 {
		return engine.Insight{}, false
	}
	m := s.digest.Movers[k]
	who, rows := subjectOf(m)
	change := m.Now - m.Before
	verb := "rose"
	if change < 0 {
		verb = "fell"
	}
	text := fmt.Sprintf("%s %s by %s", who, verb, money(size(change)))
	if m.Before > 0 && m.Now >= 0 {
		text += fmt.Sprintf(" (%s)", percent(size(change), m.Before))
	}
	if where, part := mostly(s.facts, m); where != "" {
		text += fmt.Sprintf(", %s of it in cluster %s", part, bounded(where, longestName))
	}
	if !s.digest.Spend.Comparable(s.digest.Period) {
		text += fmt.Sprintf(", over the %s that can be compared", many(s.digest.Spend.SameDays, "day"))
	}
	return engine.Insight{Text: text + ".", Amount: change, Rows: rows}, true
}

// subjectOf names a mover as a sentence begins.
func subjectOf(m engine.Mover) (who, rows string) {
	name := bounded(m.Name, longestName)
	if m.By != perKind {
		return fmt.Sprintf("The cost of %s %s", m.By, name), m.By + " " + name
	}
	if said, ok := map[string]string{
		kindIdle: "The cost of idle capacity", kindShared: "The shared cost", kindOutside: "The cost outside of clusters",
		kindUnallocatable: "The cost that cannot be allocated (taxes, support, credits)", kindAdjustment: "What invoices adjust",
	}[m.Name]; ok {
		return said, "kind " + name
	}
	return "The cost of what has no team", "kind " + name
}

// mostly finds the cluster in which most of a change was. It is not said of what is in one cluster only, or all over.
func mostly(f Facts, m engine.Mover) (cluster, part string) {
	if m.By == perCluster {
		return "", ""
	}
	lines := changes(group(f.Parts, func(p Part) (string, string, bool) {
		by, name, _ := whose(engine.DigestScope{})(p)
		return perCluster, p.Cluster, by == m.By && name == m.Name && p.Cluster != ""
	}))
	change := m.Now - m.Before
	if len(lines) < 2 || size(lines[0].change()) <= size(change)/2 || (lines[0].change() > 0) != (change > 0) {
		return "", ""
	}
	if size(lines[0].change()) >= size(change) {
		return lines[0].name, "all"
	}
	return lines[0].name, "most"
}

// calibration says which detector's savings are furthest from what it promised for the same days.
func calibration(s subject) (engine.Insight, bool) {
	var worst engine.CalibrationLine
	for _, c := range s.digest.Ledger.Calibration {
		if size(c.Verified-c.Estimated) > size(worst.Verified-worst.Estimated) {
			worst = c
		}
	}
	short := worst.Verified - worst.Estimated
	if worst.Estimated <= 0 {
		return engine.Insight{}, false
	}
	side := "above"
	if short < 0 {
		side = "below"
	}
	return engine.Insight{
		Text: fmt.Sprintf("Savings from %s were verified at %s, %s %s the estimate of %s.", whatIs(worst.Type), money(worst.Verified),
			percent(size(short), worst.Estimated), side, money(worst.Estimated)),
		Amount: short, Rows: "ledger type " + string(worst.Type),
	}, true
}

// whatIs names what a detector finds.
func whatIs(kind engine.FindingKind) string {
	switch kind {
	case engine.OverRequestedCPU:
		return "lower CPU requests"
	case engine.OverRequestedMemory:
		return "lower memory requests"
	case engine.IdleNode:
		return "removed nodes"
	case engine.OrphanVolume:
		return "removed volumes"
	}
	return bounded(string(kind), longestName)
}

// overPeriod is what an amount a month comes to in the period.
func overPeriod(s subject, monthly engine.MicroUSD) engine.MicroUSD {
	return monthly / engine.HoursPerMonth * engine.MicroUSD(s.digest.Period.Days()*24)
}

// reversed says what was taken back. Its amount is what that comes to in the period.
func reversed(s subject) (engine.Insight, bool) {
	r := s.digest.Funnel.Reversed
	verb := "were"
	if r.Chains == 1 {
		verb = "was"
	}
	return engine.Insight{
		Text:   fmt.Sprintf("%s worth %s a month %s taken back.", many(r.Chains, "saving"), money(r.Monthly), verb),
		Amount: -overPeriod(s, r.Monthly), Rows: "ledger state reversed",
	}, r.Chains > 0
}

// incident says what incidents cost the business, and which one the most.
func incident(s subject) (engine.Insight, bool) {
	t := s.digest.Incidents
	if t.Costed == 0 || len(t.Top) == 0 {
		return engine.Insight{}, false
	}
	first := t.Top[0]
	text := fmt.Sprintf("%s cost %s", many(t.Costed, "incident"), money(t.Cost))
	if t.Costed > 1 {
		text += fmt.Sprintf(", %s of it #%d (%s)", money(first.Cost), first.ID, bounded(first.Workload.String(), longestName))
	}
	return engine.Insight{Text: text + ".", Amount: t.Cost, Rows: "incident " + strconv.FormatInt(first.ID, 10)}, true
}

// waiting says which open opportunity is the largest, and for how long. Its amount is what the period's wait has cost.
func waiting(s subject) (engine.Insight, bool) {
	if len(s.digest.Open.Top) == 0 {
		return engine.Insight{}, false
	}
	o := s.digest.Open.Top[0]
	waits := s.facts.AsOf.Sub(o.Since)
	if o.Since.IsZero() || waits < patience {
		return engine.Insight{}, false
	}
	return engine.Insight{
		Text: fmt.Sprintf("The largest open opportunity, %s at %s a month, has waited for %s.", bounded(o.Title, longestName), money(o.Monthly),
			many(int(waits/oneDay), "day")),
		Amount: overPeriod(s, o.Monthly),
		Rows:   "group " + strconv.FormatInt(o.Group, 10),
	}, true
}

// correction says what later rows changed of earlier periods.
func correction(s subject) (engine.Insight, bool) {
	var sum engine.MicroUSD
	for _, c := range s.digest.Corrections {
		sum += c.Amount
	}
	text := fmt.Sprintf("%s of earlier periods came to %s.", many(len(s.digest.Corrections), "correction"), money(sum))
	return engine.Insight{Text: text, Amount: sum, Rows: "corrections"}, len(s.digest.Corrections) > 0
}

// money is an amount as a sentence has it: whole dollars from a hundred on.
func money(m engine.MicroUSD) string {
	const cent = engine.USD / 100
	if size(m) < 100*engine.USD-cent/2 { // which is $100.00
		return m.String()
	}
	half := engine.USD / 2
	if m < 0 {
		half = -half
	}
	return strings.TrimSuffix(((m + half) / engine.USD * engine.USD).String(), ".00")
}

// percent gives a share of a base, which must be above 0.
func percent(part, base engine.MicroUSD) string {
	share := part.Dollars() / base.Dollars() * 100
	switch {
	case share >= 1000:
		return "more than tenfold"
	case share >= 9.95:
		return strconv.FormatFloat(share, 'f', 0, 64) + " %"
	}
	return strconv.FormatFloat(share, 'f', 1, 64) + " %"
}

// many counts things.
func many(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}
