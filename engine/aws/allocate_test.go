package aws_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/engine/price"
	standin "github.com/eks-autopilot/autopilot/test/aws"
)

const (
	payer  = "123456789012"
	member = "222222222222"
)

// counted is a meter that allows everything.
type counted struct{ calls int }

func (c *counted) Spend(_ context.Context, calls int) error { c.calls += calls; return nil }

// october are costs of a payer and a member over two days, in fractions of cents.
func october() (lines []standin.CostLine) {
	for day := range 2 {
		at := fmt.Sprintf("2026-10-%02d", 20+day)
		usage := func(account, service, usage string, quantity, amortised float64) {
			lines = append(lines, standin.CostLine{
				Day: at, Account: account, Region: "eu-central-1", Service: service, UsageType: usage, PurchaseType: "On Demand Instances", RecordType: "Usage",
				Quantity: quantity, Unblended: amortised + 0.013, Amortized: amortised,
			})
		}
		usage(member, "Amazon Elastic Compute Cloud - Compute", "EUC1-BoxUsage:m5.large", 72, 8.2800033)
		usage(member, "EC2 - Other", "EUC1-EBS:VolumeUsage.gp3", 3.2258, 0.3071777)
		usage(member, "Amazon Elastic Container Service for Kubernetes", "EUC1-AmazonEKS-Hours:perCluster", 24, 2.4)
		usage(payer, "Amazon Simple Storage Service", "EUC1-TimedStorage-ByteHrs", 100, 0.0333333)
		lines = append(lines,
			standin.CostLine{Day: at, Account: payer, Service: "Tax", RecordType: "Tax", Unblended: 2.0666667, Amortized: 2.0666667},
			standin.CostLine{Day: at, Account: member, Service: "Amazon Elastic Compute Cloud - Compute", RecordType: "Credit", UsageType: "EUC1-BoxUsage:m5.large", Unblended: -1.2345678, Amortized: -1.2345678})
	}
	return lines
}

func payerOf(t *testing.T, page int) *aws.Account {
	t.Helper()
	s := standin.New(standin.Config{World: standin.World{Costs: october()}, Page: page, Now: func() time.Time { return time.Date(2026, 11, 6, 0, 0, 0, 0, time.UTC) }})
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	a, err := aws.Connect(t.Context(), aws.Config{
		Region: "eu-central-1", Endpoint: s.URL(), Backoff: time.Millisecond, Now: func() time.Time { return time.Date(2026, 11, 6, 0, 0, 0, 0, time.UTC) },
		Credentials: credentials.NewStaticCredentialsProvider(standin.DefaultIdentity.AccessKey, standin.DefaultIdentity.Secret, ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestFromTheWireToTheInvoice reads bills over HTTP, page by page, divides them, and closes the month: nothing is lost on the way.
func TestFromTheWireToTheInvoice(t *testing.T) {
	a, m := payerOf(t, 2), &counted{}
	first := time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)
	bills, err := a.Bills(t.Context(), m, first, first.AddDate(0, 0, 2))
	if err != nil || len(bills) != 2 {
		t.Fatalf("%d bills, %v", len(bills), err)
	}
	var all []price.Row
	for _, bill := range bills {
		rows, err := price.Allocate(price.Day{
			Bill: bill,
			Nodes: []price.NodeUse{
				{Cluster: "prod", Name: "a", Account: member, Region: "eu-central-1", Type: "m5.large", Hours: 24, CPU: 2, GiB: 8},
				{Cluster: "prod", Name: "b", Account: member, Region: "eu-central-1", Type: "m5.large", Hours: 24, CPU: 2, GiB: 8},
			},
			Pods:     []price.PodUse{{Cluster: "prod", Node: "a", Namespace: "shop", Team: "shop", CPUHours: 17, GiBHours: 100}, {Cluster: "prod", Node: "b", Namespace: "pay", Team: "pay", CPUHours: 31, GiBHours: 7}},
			Volumes:  []price.VolumeUse{{Cluster: "prod", Namespace: "shop", Team: "shop", Account: member, Region: "eu-central-1", Type: "gp3", GiB: 50, Hours: 24}},
			Clusters: []price.ClusterUse{{Cluster: "prod", Account: member, Region: "eu-central-1", Hours: 24}},
		}, price.DefaultRules())
		if err != nil {
			t.Fatal(err)
		}
		r := price.Record{Day: bill.Day, Bills: []price.Bill{bill}, Rows: rows}
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		// What the stand-in holds, added up by hand.
		if want := engine.Dollars(8.2800033 + 0.3071777 + 2.4 + 0.0333333 + 2.0666667 - 1.2345678); bill.Total()-want > 3 || want-bill.Total() > 3 {
			t.Errorf("the bill is %d, want %d", bill.Total(), want)
		}
		got := price.Sum(rows, engine.CostFilter{From: first, To: first.AddDate(0, 0, 2), By: engine.CostByTeam})
		if len(got.Lines) != 2 || got.Lines[0].Shared+got.Lines[1].Shared != 2_400_000 || got.Idle <= 0 || got.Outside < 2_760_000 || got.Unallocated >= 2_066_667 {
			t.Errorf("divided into %+v", got)
		}
		all = append(all, rows...)
	}
	if m.calls < 6 {
		t.Errorf("%d calls were counted; each page is one", m.calls)
	}
	invoice, err := a.Invoice(t.Context(), m, first)
	if err != nil || !invoice.Final || len(invoice.Accounts) != 2 {
		t.Fatalf("invoice %+v, %v", invoice, err)
	}
	closed, err := price.Reconcile(invoice, all)
	if err != nil {
		t.Fatal(err)
	}
	var sum engine.MicroUSD
	for _, row := range closed {
		if sum += row.Amount; row.Provisional {
			t.Errorf("provisional: %+v", row)
		}
	}
	if sum != invoice.Total() || len(closed) != len(all)+2 {
		t.Errorf("the rows come to %s, the invoice is %s; %d rows beyond the days'", sum, invoice.Total(), len(closed)-len(all))
	}
}
