package aws

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
)

// budget is a meter that allows so many calls.
type budget struct{ left, spent int }

func (b *budget) Spend(_ context.Context, calls int) error {
	if b.left < calls {
		return engine.Errorf(engine.Conflict, "the budget of Cost Explorer for today is spent")
	}
	b.left, b.spent = b.left-calls, b.spent+calls
	return nil
}

// group is a group of Cost Explorer, as its API reference shows one.
func costGroup(keys string, net, hours string) string {
	quoted := `"` + strings.ReplaceAll(keys, "|", `","`) + `"`
	metrics := []string{}
	if net != "" {
		metrics = append(metrics, fmt.Sprintf(`"AmortizedCost":{"Amount":"999","Unit":"USD"},"NetAmortizedCost":{"Amount":%q,"Unit":"USD"}`, net))
	}
	if hours != "" {
		metrics = append(metrics, fmt.Sprintf(`"UsageQuantity":{"Amount":%q,"Unit":"Hrs"}`, hours))
	}
	return fmt.Sprintf(`{"Keys":[%s],"Metrics":{%s}}`, quoted, strings.Join(metrics, ","))
}

func costPage(next string, estimated bool, groups ...string) string {
	token := ""
	if next != "" {
		token = fmt.Sprintf(`"NextPageToken":%q,`, next)
	}
	return fmt.Sprintf(`{%s"GroupDefinitions":[],"DimensionValueAttributes":[],"ResultsByTime":[{"TimePeriod":{"Start":"2026-11-20","End":"2026-11-21"},"Total":{},"Estimated":%v,"Groups":[%s]}]}`,
		token, estimated, strings.Join(groups, ","))
}

// groupKeys gives what a question is grouped by.
func groupKeys(c call) string {
	var keys []string
	groups, _ := c.body["GroupBy"].([]any)
	for _, g := range groups {
		keys = append(keys, fmt.Sprint(g.(map[string]any)["Key"]))
	}
	return strings.Join(keys, " ")
}

func billOps(t *testing.T) map[string]func(call) reply {
	return map[string]func(call) reply{"GetCostAndUsage": func(c call) reply {
		token, _ := c.body["NextPageToken"].(string)
		switch keys := groupKeys(c); {
		case keys == "LINKED_ACCOUNT SERVICE" && token == "":
			return reply{body: costPage("two", true, costGroup("111111111111|Amazon Elastic Compute Cloud - Compute", "100.0000005", ""), costGroup("111111111111|EC2 - Other", "10", ""))}
		case keys == "LINKED_ACCOUNT SERVICE" && token == "two":
			return reply{body: costPage("", true, costGroup("222222222222|Tax", "1.9", ""), costGroup("222222222222|AmazonCloudWatch", "0", ""), costGroup("111111111111|Amazon Elastic Container Service for Kubernetes", "2.4", ""))}
		case keys == "LINKED_ACCOUNT USAGE_TYPE":
			return reply{body: costPage("", true, costGroup("111111111111|EUC1-BoxUsage:m7i.xlarge", "80", "480"), costGroup("111111111111|EUC1-EBS:VolumeUsage.gp3", "10", "105.04"),
				costGroup("111111111111|EUC1-AmazonEKS-Hours:perCluster", "2.4", "24"), costGroup("111111111111|EUC1-DataTransfer-In-Bytes", "0", "0"))}
		case keys == "PURCHASE_TYPE USAGE_TYPE":
			return reply{body: costPage("", true, costGroup("Savings Plans|EUC1-BoxUsage:m7i.xlarge", "", "240"), costGroup("On Demand Instances|EUC1-BoxUsage:m7i.xlarge", "", "240"))}
		default:
			t.Errorf("asked for %v", c.body)
			return reply{status: 400, kind: "ValidationException"}
		}
	}}
}

var (
	from = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	to   = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
)

func TestBills(t *testing.T) {
	w, a := newWire(t, billOps(t))
	m := &budget{left: 10}
	got, err := a.Bills(t.Context(), m, from, to)
	if err != nil {
		t.Fatal(err)
	}
	want := []price.Bill{{
		Payer: "123456789012", Day: from, Estimated: true, Net: true,
		Lines: []price.Line{
			{Account: "222222222222", Service: "Tax", Amount: 1_900_000},
			{Account: "111111111111", Usage: "EUC1-BoxUsage:m7i.xlarge", Amount: 80_000_000, Quantity: 480},
			{Account: "111111111111", Usage: "EUC1-EBS:VolumeUsage.gp3", Amount: 10_000_000, Quantity: 105.04},
			{Account: "111111111111", Usage: "EUC1-AmazonEKS-Hours:perCluster", Amount: 2_400_000, Quantity: 24},
			{Account: "111111111111", Rest: true, Amount: 20_000_001},
		},
		Purchases: []price.Purchase{{Way: "Savings Plans", Usage: "EUC1-BoxUsage:m7i.xlarge", Quantity: 240}, {Way: "On Demand Instances", Usage: "EUC1-BoxUsage:m7i.xlarge", Quantity: 240}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bills (-want +got):\n%s", diff)
	}
	if total := got[0].Total(); total != 114_300_001 {
		t.Errorf("the lines come to %v", total)
	}
	if n := w.count("GetCostAndUsage"); n != 4 || m.spent != n {
		t.Errorf("%d calls, %d counted", n, m.spent)
	}
}

func TestBudgetIsAskedBeforeEachPage(t *testing.T) {
	for left := range 4 {
		w, a := newWire(t, billOps(t))
		m := &budget{left: left}
		got, err := a.Bills(t.Context(), m, from, to)
		if engine.CodeOf(err) != engine.Conflict || got != nil || w.count("GetCostAndUsage") != left {
			t.Errorf("with %d calls left: %v, %v, %d calls", left, got, err, w.count("GetCostAndUsage"))
		}
	}
}

func TestBillsThatAreNone(t *testing.T) {
	page := func(change func(string) string) map[string]func(call) reply {
		return map[string]func(call) reply{"GetCostAndUsage": always(reply{body: change(costPage("", false, costGroup("1|EC2 - Other", "1", "2")))})}
	}
	for name, tt := range map[string]struct {
		ops  map[string]func(call) reply
		want engine.Code
	}{
		"euros":          {page(func(s string) string { return strings.ReplaceAll(s, `"USD"`, `"EUR"`) }), engine.Invalid},
		"no number":      {page(func(s string) string { return strings.ReplaceAll(s, `"1"`, `"NaN"`) }), engine.Invalid},
		"infinite":       {page(func(s string) string { return strings.ReplaceAll(s, `"2"`, `"1e99"`) }), engine.Invalid},
		"no day":         {page(func(s string) string { return strings.ReplaceAll(s, "2026-11-20", "today") }), engine.Invalid},
		"keys missing":   {page(func(s string) string { return strings.ReplaceAll(s, `"1","EC2 - Other"`, `"1"`) }), engine.Invalid},
		"denied":         {map[string]func(call) reply{"GetCostAndUsage": nil}, engine.Forbidden},
		"no JSON":        {map[string]func(call) reply{"GetCostAndUsage": always(reply{body: "{"})}, engine.Unavailable},
		"not ready":      {map[string]func(call) reply{"GetCostAndUsage": always(reply{status: 400, kind: "DataUnavailableException"})}, engine.Unavailable},
		"without an end": {page(func(s string) string { return strings.Replace(s, `{"Group`, `{"NextPageToken":"on","Group`, 1) }), engine.Unavailable},
	} {
		_, a := newWire(t, tt.ops)
		if got, err := a.Bills(t.Context(), &budget{left: 1000}, from, to); engine.CodeOf(err) != tt.want || got != nil {
			t.Errorf("%s: %v, %v; want %s", name, got, err, tt.want)
		}
	}
	_, a := newWire(t, billOps(t))
	if _, err := a.Bills(t.Context(), &budget{}, to, from); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("backwards: %v", err)
	}
}

func TestBillsWithoutNet(t *testing.T) {
	ops := billOps(t)
	net := ops["GetCostAndUsage"]
	ops["GetCostAndUsage"] = func(c call) reply {
		r := net(c)
		r.body = strings.ReplaceAll(r.body, `"NetAmortizedCost"`, `"Other"`)
		return r
	}
	_, a := newWire(t, ops)
	got, err := a.Bills(t.Context(), &budget{left: 9}, from, to)
	if err != nil || got[0].Net || got[0].Lines[0].Amount != 999*engine.USD {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestInvoice(t *testing.T) {
	estimated := false
	ops := map[string]func(call) reply{"GetCostAndUsage": func(c call) reply {
		if period, _ := c.body["TimePeriod"].(map[string]any); c.body["Granularity"] != "MONTHLY" || period["Start"] != "2026-10-01" || period["End"] != "2026-11-01" || groupKeys(c) != "LINKED_ACCOUNT" {
			t.Errorf("asked for %v", c.body)
		}
		return reply{body: fmt.Sprintf(`{"ResultsByTime":[{"TimePeriod":{"Start":"2026-10-01","End":"2026-11-01"},"Estimated":%v,"Groups":[
  {"Keys":["111111111111"],"Metrics":{"UnblendedCost":{"Amount":"1234.5678901","Unit":"USD"}}},{"Keys":["222222222222"],"Metrics":{"UnblendedCost":{"Amount":"-2.5","Unit":"USD"}}}]}]}`, estimated)}
	}}
	_, a := newWire(t, ops)
	october := time.Date(2026, 10, 17, 5, 0, 0, 0, time.UTC)
	got, err := a.Invoice(t.Context(), &budget{left: 1}, october)
	want := price.Invoice{
		Payer: "123456789012", Month: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Final: true,
		Accounts: map[string]engine.MicroUSD{"111111111111": 1_234_567_890, "222222222222": -2_500_000},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	estimated = true
	if got, err := a.Invoice(t.Context(), &budget{left: 1}, october); err != nil || got.Final {
		t.Errorf("estimated: %+v, %v", got, err)
	}
	if _, err := a.Invoice(t.Context(), &budget{}, october); engine.CodeOf(err) != engine.Conflict {
		t.Errorf("without a budget: %v", err)
	}
}

func TestCheckBills(t *testing.T) {
	ops := map[string]func(call) reply{"GetCostAndUsage": always(reply{body: `{"ResultsByTime":[]}`})}
	_, a := newWire(t, ops)
	if got := a.CheckBills(t.Context(), &budget{left: 1}); len(got) != 1 || !got[0].OK {
		t.Errorf("checks: %+v", got)
	}
	if got := a.CheckBills(t.Context(), &budget{}); got[0].OK || !strings.Contains(got[0].Found, "budget") {
		t.Errorf("without a budget: %+v", got)
	}
	ops["GetCostAndUsage"] = nil
	if got := a.CheckBills(t.Context(), &budget{left: 1}); got[0].OK || got[0].Level != engine.CheckWarn || got[0].Fix == "" {
		t.Errorf("denied: %+v", got)
	}
}
