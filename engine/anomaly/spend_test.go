package anomaly_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

// spending is so many days of a cluster whose weekends are cheap, and of a namespace in it, with what a test adds to a day.
func spending(days int, more func(day int, of engine.Workload) float64) (all []anomaly.Spend) {
	r := rand.New(rand.NewPCG(7, 7))
	for day := range days {
		at := start.AddDate(0, 0, day)
		for of, usual := range map[engine.Workload]float64{
			{Cluster: "prod", Kind: engine.KindCluster, Name: "prod"}:                       600,
			{Cluster: "prod", Namespace: "shop", Kind: anomaly.KindNamespace, Name: "shop"}: 80,
			{Kind: anomaly.KindService, Name: "Amazon S3"}:                                  4,
		} {
			if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
				usual *= 0.6
			}
			usual *= 1 + 0.001*float64(day) + 0.01*r.Float64()
			if extra := more(day, of); extra >= 0 {
				all = append(all, anomaly.Spend{Of: of, Day: at, Amount: engine.Dollars(usual + extra)})
			}
		}
	}
	return all
}

func TestRises(t *testing.T) {
	shop := func(from, to int, amount float64) func(int, engine.Workload) float64 {
		return func(day int, of engine.Workload) float64 {
			if day >= from && day < to && of.Name != "Amazon S3" {
				return amount
			}
			return 0
		}
	}
	for name, c := range map[string]struct {
		days int
		more func(int, engine.Workload) float64
		want string
	}{
		"as ever":                {60, shop(99, 99, 0), ""},
		"on the last day":        {60, shop(59, 60, 300), "Cluster/prod Namespace/shop"},
		"for three days":         {60, shop(57, 60, 300), "Cluster/prod Namespace/shop"},
		"a week ago":             {60, shop(50, 53, 300), ""},
		"for weeks: it is usual": {60, shop(40, 60, 300), ""},
		"among few days":         {10, shop(9, 10, 300), ""},
		"by little":              {60, shop(59, 60, 5), ""},
		"a cheap service doubles": {60, func(day int, of engine.Workload) float64 {
			return map[bool]float64{true: 4}[day == 59 && of.Name == "Amazon S3"]
		}, ""},
		"once a month": {60, func(day int, of engine.Workload) float64 {
			return map[bool]float64{true: 200}[day%30 == 29 && of.Name == "Amazon S3"]
		}, ""},
		"no bill of the last day": {60, func(day int, of engine.Workload) float64 {
			switch {
			case of.Name == "Amazon S3":
				return 0
			case day == 59:
				return -1
			}
			return map[bool]float64{true: 300}[day == 58]
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			for n, r := range anomaly.Rises(spending(c.days, c.more), anomaly.Normal) {
				if n > 0 {
					got += " "
				}
				got += r.Of.Kind + "/" + r.Of.Name
				if r.Over() < 200*engine.USD || len(r.Track.Points) > 48 || len(r.Track.Points) < 30 || r.Usual <= 0 {
					t.Errorf("%+v, %d points", r, len(r.Track.Points))
				}
			}
			if got != c.want && (c.want == "" || got != "Namespace/shop Cluster/prod") {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	if got := anomaly.Rises(nil, anomaly.Normal); got != nil {
		t.Errorf("of nothing: %+v", got)
	}
}
