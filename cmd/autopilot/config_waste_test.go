package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

func TestWasteDefaults(t *testing.T) {
	c, err := parseConfig("f", []byte(smallest))
	if err != nil || c.Waste != nil || c.cards().PerDay != 0 {
		t.Fatalf("without the section: %+v, %v; want no waste", c.Waste, err)
	}
	c, err = parseConfig("f", []byte(smallest+"waste: {}\n"))
	if err != nil || c.Waste == nil {
		t.Fatal(c.Waste, err)
	}
	r, cards := c.wasteRules(), c.cards()
	got := []any{c.Waste.Schedule, r.MinMonthly, r.MinDays, r.Grace, r.NodeAge, len(r.TeamLabels), cards.Threshold, cards.PerDay, cards.Channel, cards.Location.String()}
	want := []any{"17 */6 * * *", 5 * engine.USD, 3.0, 7 * 24 * time.Hour, time.Hour, 3, 20 * engine.USD, 5, "", "UTC"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReserves(t *testing.T) {
	c, err := parseConfig("f", []byte(smallest+"waste: {reserves: [{cluster: prod, group: \"spot-*\", nodes: 2, reason: a failed zone}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]waste.Reserve{{Cluster: "prod", Group: "spot-*", Nodes: 2, Reason: "a failed zone"}}, c.wasteRules().Reserves); d != "" {
		t.Error(d)
	}
}

func TestZeroIsNotTheDefault(t *testing.T) {
	c, err := parseConfig("f", []byte(smallest+"waste: {min_monthly: 0, card_monthly: 0, cards_per_day: 0}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if r := c.wasteRules(); r.MinMonthly != 0 || c.cards().Threshold != 0 || c.cards().PerDay != 0 {
		t.Errorf("rules %+v, cards %+v", r, c.cards())
	}
}

func TestSchedule(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"17 */6 * * *": "2026-07-01T16:17:00Z", "@daily": "2026-07-01T22:00:00Z", " 0 9 * * 1 ": "2026-07-06T07:00:00Z",
	} {
		s, err := parseSchedule(text, berlin)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := s.Next(noon).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%q comes next at %s, want %s", text, got, want)
		}
	}
	if s, err := parseSchedule("OFF", berlin); s != nil || err != nil {
		t.Errorf("off: %v, %v", s, err)
	}
	for _, bad := range []string{
		"", "TZ=0", "CRON_TZ=UTC", "TZ=UTC @daily", "CRON_TZ=Europe/Berlin 0 9 * * *", "@every 1h", "@reboot", "0 0 31 2 *", "* * * * * *",
		"61 * * * *", "*/0 * * * *", "17 */6 * *", "a b c d e",
	} {
		if s, err := parseSchedule(bad, berlin); s != nil || err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"17 */6 * * *", "@daily", "TZ=0", "CRON_TZ=x y", "@every 1s", "1-5,7/2 ? L W #", "0 0 30 2 *", "off", " TZ=", "tz=\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSchedule(text, time.UTC)
		if err != nil || s == nil {
			return
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if next := s.Next(at); !next.IsZero() && !next.After(at) {
			t.Errorf("%q: after %v comes %v", text, at, next)
		}
	})
}
