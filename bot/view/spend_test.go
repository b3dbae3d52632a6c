package view_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

func TestSpendAlarm(t *testing.T) {
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	var points []engine.Point
	for n := range 40 {
		points = append(points, engine.Point{At: day.AddDate(0, 0, n-39).Unix(), Value: 25 + float64(n%7)/24})
	}
	points[39].Value = 60
	a := engine.SpendAlarm{ID: 3, Day: day, Rises: []engine.SpendRise{
		{Of: engine.Workload{Cluster: "prod", Kind: engine.KindCluster, Name: "prod"}, Since: day, Amount: 1440 * engine.USD, Usual: 606 * engine.USD, Track: engine.Track{Measure: engine.MeasureCost, Points: points, High: 25.25}},
		{Of: engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Namespace", Name: "shop"}, Since: day.AddDate(0, 0, -1), Amount: 900 * engine.USD, Usual: 80 * engine.USD},
		{Of: engine.Workload{Kind: "Team", Name: "<!channel>"}, Since: day, Amount: 900 * engine.USD, Usual: 80 * engine.USD},
		{Of: engine.Workload{Kind: "Service", Name: "Amazon S3"}, Since: day, Amount: 90 * engine.USD, Usual: 8 * engine.USD},
	}}
	m := view.SpendAlarm(a)
	golden(t, map[string]any{"spend": m})
	if len(m.Charts) != 1 || m.Charts[0].Values.Unit != "US dollars a day" || m.Charts[0].Values.Series[0].Values[39] != 1440 {
		t.Errorf("%+v", m.Charts)
	}
	if got := said(t, m); strings.Contains(got, "<!channel>") {
		t.Error("a name is taken for a mention")
	}
	for n := range 30 {
		a.Rises = append(a.Rises, engine.SpendRise{Of: engine.Workload{Kind: "Team", Name: fmt.Sprint(n, strings.Repeat("x", 300))}})
	}
	if m := view.SpendAlarm(a); len(said(t, m)) > 20_000 {
		t.Error("it is too long")
	}
	if m := view.SpendAlarm(engine.SpendAlarm{Day: day}); len(m.Charts) > 0 || m.Text == "" {
		t.Errorf("%+v", m)
	}
}
