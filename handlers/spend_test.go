package handlers

import (
	"context"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

// spendStore has costs, and keeps what is told.
type spendStore struct {
	all   []anomaly.Spend
	fail  error
	saved []engine.SpendAlarm
	where string
}

func (s *spendStore) Spends(_ context.Context, from, to time.Time) (out []anomaly.Spend, err error) {
	for _, x := range s.all {
		if !x.Day.Before(from) && x.Day.Before(to) {
			out = append(out, x)
		}
	}
	return out, s.fail
}

func (s *spendStore) SaveSpendAlarm(_ context.Context, a engine.SpendAlarm, channel string) (int, error) {
	s.saved, s.where = append(s.saved, a), channel
	return len(a.Rises), s.fail
}

// TestRises tells what the newest day cost, unless that is long ago.
func TestRises(t *testing.T) {
	today := noon.UTC().Truncate(24 * time.Hour)
	of := engine.Workload{Kind: anomaly.KindTeam, Name: "shop"}
	costs := func(newest time.Time, last engine.MicroUSD) (all []anomaly.Spend) {
		for n := range 40 {
			x := anomaly.Spend{Of: of, Day: newest.AddDate(0, 0, -n), Amount: 100*engine.USD + engine.MicroUSD(n%5)*engine.USD}
			if n == 0 {
				x.Amount = last
			}
			all = append(all, x)
		}
		return all
	}
	for name, c := range map[string]struct {
		all  []anomaly.Spend
		want int
	}{
		"dear":           {costs(today.AddDate(0, 0, -1), 400*engine.USD), 1},
		"dear days ago":  {costs(today.AddDate(0, 0, -3), 400*engine.USD), 1},
		"dear long ago":  {costs(today.AddDate(0, 0, -9), 400*engine.USD), 0},
		"as ever":        {costs(today.AddDate(0, 0, -1), 101*engine.USD), 0},
		"nothing":        {nil, 0},
		"not over today": {costs(today, 400*engine.USD), 0},
	} {
		h, _, _ := fixture(t)
		s := &spendStore{all: c.all}
		if err := h.rises(t.Context(), &SpendWatch{Store: s, Channel: "#finops", Strictness: anomaly.Normal}); err != nil {
			t.Fatal(err)
		}
		if len(s.saved) != c.want {
			t.Errorf("%s: told %+v", name, s.saved)
		} else if c.want == 1 && (s.where != "#finops" || s.saved[0].Rises[0].Of != of || s.saved[0].Rises[0].Amount != 400*engine.USD || !s.saved[0].Day.Equal(c.all[0].Day)) {
			t.Errorf("%s: %+v in %s", name, s.saved, s.where)
		}
		s.fail = engine.Errorf(engine.Unavailable, "away")
		if err := h.rises(t.Context(), &SpendWatch{Store: s}); engine.CodeOf(err) != engine.Unavailable {
			t.Errorf("%s, without a database: %v", name, err)
		}
	}
	h, _, _ := fixture(t)
	if err := h.rises(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
