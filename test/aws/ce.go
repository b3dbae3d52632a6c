package aws

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cost Explorer, as of its API of 2017-10-25. Every request is billed: Server.Count tells how many there were.

type costRequest struct {
	TimePeriod     period
	Granularity    string
	Filter         *expression
	Metrics        []string
	GroupBy        []grouping
	NextPageToken  string
	NextToken      string
	MaxResults     int
	BillingViewArn string //nolint:revive,staticcheck // AWS spells it so
	SortBy         any
}

type period struct{ Start, End string }

type grouping struct{ Type, Key string }

type expression struct {
	And, Or        []expression
	Not            *expression
	Dimensions     *selection
	Tags           *selection
	CostCategories *selection
}

type selection struct {
	Key          string
	Values       []string
	MatchOptions []string
}

var (
	granularities = map[string]string{"DAILY": time.DateOnly, "MONTHLY": "2006-01"}
	costMetrics   = map[string]func(CostLine) float64{
		"UnblendedCost":    func(l CostLine) float64 { return l.Unblended },
		"BlendedCost":      func(l CostLine) float64 { return l.Unblended },
		"AmortizedCost":    func(l CostLine) float64 { return l.Amortized },
		"NetUnblendedCost": func(l CostLine) float64 { return orElse(l.NetUnblended, l.Unblended) },
		"NetAmortizedCost": func(l CostLine) float64 { return orElse(l.NetAmortized, l.Amortized) },
		"UsageQuantity":    func(l CostLine) float64 { return l.Quantity },
	}
	costDimensions = map[string]func(CostLine) string{
		"SERVICE": func(l CostLine) string { return l.Service }, "LINKED_ACCOUNT": func(l CostLine) string { return l.Account },
		"USAGE_TYPE": func(l CostLine) string { return l.UsageType }, "REGION": func(l CostLine) string { return l.Region },
		"INSTANCE_TYPE": func(l CostLine) string { return l.InstanceType }, "PURCHASE_TYPE": func(l CostLine) string { return l.PurchaseType },
		"RECORD_TYPE": func(l CostLine) string { return l.RecordType },
	}
)

func orElse(a, b float64) float64 {
	if a != 0 {
		return a
	}
	return b
}

// check is what Cost Explorer holds against the times of a request. Its history goes back 14 months.
func (r costRequest) check(now time.Time) *refusal {
	start, err1 := time.Parse(time.DateOnly, r.TimePeriod.Start)
	end, err2 := time.Parse(time.DateOnly, r.TimePeriod.End)
	switch {
	case err1 != nil || err2 != nil:
		return refuse(http.StatusBadRequest, "ValidationException", "Start time and end time must be yyyy-MM-dd")
	case !start.Before(end):
		return refuse(http.StatusBadRequest, "ValidationException", "Start date (and hour) should be before end date (and hour)")
	case start.Before(now.AddDate(0, -14, 0)):
		return refuse(http.StatusBadRequest, "ValidationException", "You haven't enabled historical data beyond 14 months")
	case granularities[r.Granularity] == "":
		return refuse(http.StatusBadRequest, "ValidationException", "Granularity %q is not supported", r.Granularity)
	}
	return nil
}

// passes tells whether a line is what an expression selects.
func (e *expression) passes(l CostLine) (bool, *refusal) {
	switch {
	case e == nil:
		return true, nil
	case len(e.And) > 0 || len(e.Or) > 0:
		all := append(slices.Clone(e.And), e.Or...)
		passed := 0
		for _, one := range all {
			ok, problem := one.passes(l)
			if problem != nil {
				return false, problem
			}
			if ok {
				passed++
			}
		}
		return passed == len(all) || len(e.Or) > 0 && passed > 0, nil
	case e.Not != nil:
		ok, problem := e.Not.passes(l)
		return !ok, problem
	case e.Tags != nil:
		return slices.Contains(e.Tags.Values, l.Tags[e.Tags.Key]), nil
	case e.Dimensions != nil:
		of, known := costDimensions[e.Dimensions.Key]
		if !known {
			return false, refuse(http.StatusBadRequest, "ValidationException", "Dimension %s is not supported", e.Dimensions.Key)
		}
		return slices.Contains(e.Dimensions.Values, of(l)), nil
	}
	return false, refuse(http.StatusBadRequest, "ValidationException", "Expression must have one operator")
}

// keys are a line's group.
func (r costRequest) keys(l CostLine) ([]string, *refusal) {
	keys := make([]string, 0, len(r.GroupBy))
	for _, g := range r.GroupBy {
		of, known := costDimensions[g.Key]
		switch {
		case g.Type == "TAG":
			keys = append(keys, g.Key+"$"+l.Tags[g.Key])
		case g.Type == "DIMENSION" && known:
			keys = append(keys, of(l))
		default:
			return nil, refuse(http.StatusBadRequest, "ValidationException", "%s is not a valid dimension to group by.", g.Key)
		}
	}
	return keys, nil
}

type costRow struct {
	period    period
	keys      []string
	sums      map[string]float64
	estimated bool
}

func getCostAndUsage(s *Server, c *call) (any, *refusal) {
	var r costRequest
	if problem := c.decode(&r); problem != nil {
		return nil, problem
	}
	if problem := r.check(s.cfg.Now()); problem != nil {
		return nil, problem
	}
	if len(r.Metrics) == 0 || len(r.GroupBy) > 2 {
		return nil, refuse(http.StatusBadRequest, "ValidationException", "A request has at least one metric and at most two groups")
	}
	rows, problem := s.costRows(c, r)
	if problem != nil {
		return nil, problem
	}
	cut, next, problem := page(s, rows, r.NextPageToken, 0, 5000)
	if problem != nil {
		problem.code = "InvalidNextTokenException"
		return nil, problem
	}
	out := map[string]any{"ResultsByTime": resultsByTime(cut, r), "DimensionValueAttributes": []any{}}
	if len(r.GroupBy) > 0 {
		out["GroupDefinitions"] = r.GroupBy
	}
	if next != "" {
		out["NextPageToken"] = next
	}
	return out, nil
}

// costRows sums the lines of the accounts that the caller sees: all of them, as a payer does.
func (s *Server) costRows(c *call, r costRequest) ([]costRow, *refusal) {
	at := map[string]int{}
	var rows []costRow
	for _, l := range s.world.Costs {
		if l.Day < r.TimePeriod.Start || l.Day >= r.TimePeriod.End {
			continue
		}
		ok, problem := r.Filter.passes(l)
		if problem != nil {
			return nil, problem
		}
		keys, problem := r.keys(l)
		if problem != nil {
			return nil, problem
		}
		if !ok {
			continue
		}
		p := span(l.Day, r)
		id := p.Start + "\x00" + strings.Join(keys, "\x00")
		n, there := at[id]
		if !there {
			n = len(rows)
			at[id] = n
			rows = append(rows, costRow{period: p, keys: keys, sums: map[string]float64{}})
		}
		for _, m := range r.Metrics {
			of, known := costMetrics[m]
			if !known {
				return nil, refuse(http.StatusBadRequest, "ValidationException", "Invalid metric %s", m)
			}
			rows[n].sums[m] += of(l)
		}
		rows[n].estimated = rows[n].estimated || l.Estimated
	}
	slices.SortStableFunc(rows, func(a, b costRow) int {
		return strings.Compare(a.period.Start+strings.Join(a.keys, "\x00"), b.period.Start+strings.Join(b.keys, "\x00"))
	})
	return rows, nil
}

// span is the period of a day at a granularity, within the times asked for.
func span(day string, r costRequest) period {
	d, _ := time.Parse(time.DateOnly, day)
	p := period{day, d.AddDate(0, 0, 1).Format(time.DateOnly)}
	if r.Granularity == "MONTHLY" {
		first := time.Date(d.Year(), d.Month(), 1, 0, 0, 0, 0, time.UTC)
		p = period{max(first.Format(time.DateOnly), r.TimePeriod.Start), min(first.AddDate(0, 1, 0).Format(time.DateOnly), r.TimePeriod.End)}
	}
	return p
}

func resultsByTime(rows []costRow, r costRequest) []map[string]any {
	out := []map[string]any{}
	for _, row := range rows {
		amounts := map[string]map[string]string{}
		for m, v := range row.sums {
			unit := "USD"
			if m == "UsageQuantity" {
				unit = "N/A"
			}
			amounts[m] = map[string]string{"Amount": strconv.FormatFloat(v, 'f', 10, 64), "Unit": unit}
		}
		if len(out) == 0 || out[len(out)-1]["TimePeriod"] != row.period {
			out = append(out, map[string]any{"TimePeriod": row.period, "Total": map[string]any{}, "Groups": []any{}, "Estimated": row.estimated})
		}
		last := out[len(out)-1]
		if len(r.GroupBy) == 0 {
			last["Total"] = amounts
			continue
		}
		groups, _ := last["Groups"].([]any)
		last["Groups"] = append(groups, map[string]any{"Keys": row.keys, "Metrics": amounts})
	}
	return out
}

func getSavingsPlansCoverage(s *Server, c *call) (any, *refusal) {
	rows, next, problem := s.coverage(c)
	if problem != nil {
		return nil, problem
	}
	list := []any{}
	for _, l := range rows {
		list = append(list, map[string]any{
			"TimePeriod": period{l.Day, l.Day}, "Attributes": map[string]string{"INSTANCE_TYPE_FAMILY": l.Family, "REGION": l.Region},
			"Coverage": map[string]string{
				"SpendCoveredBySavingsPlans": money(l.Covered), "OnDemandCost": money(l.OnDemand), "TotalCost": money(l.Covered + l.OnDemand),
				"CoveragePercentage": money(100 * l.Covered / max(l.Covered+l.OnDemand, 1e-9)),
			},
		})
	}
	out := map[string]any{"SavingsPlansCoverages": list}
	if next != "" {
		out["NextToken"] = next
	}
	return out, nil
}

func getReservationCoverage(s *Server, c *call) (any, *refusal) {
	rows, next, problem := s.coverage(c)
	if problem != nil {
		return nil, problem
	}
	list := []any{}
	for _, l := range rows {
		list = append(list, map[string]any{"TimePeriod": period{l.Day, l.Day}, "Total": map[string]any{"CoverageCost": map[string]string{"OnDemandCost": money(l.OnDemand)}}})
	}
	out := map[string]any{"CoveragesByTime": list}
	if next != "" {
		out["NextPageToken"] = next
	}
	return out, nil
}

func (s *Server) coverage(c *call) ([]Coverage, string, *refusal) {
	var r costRequest
	if problem := c.decode(&r); problem != nil {
		return nil, "", problem
	}
	r.Granularity = "DAILY"
	if problem := r.check(s.cfg.Now()); problem != nil {
		return nil, "", problem
	}
	var rows []Coverage
	for _, l := range s.world.Coverage {
		if l.Day >= r.TimePeriod.Start && l.Day < r.TimePeriod.End {
			rows = append(rows, l)
		}
	}
	return page(s, rows, r.NextToken+r.NextPageToken, r.MaxResults, 5000)
}

func money(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }
