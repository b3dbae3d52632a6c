package change

import (
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestAlike(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*engine.ProposalItem)
		want   bool
	}{
		"the same":               {func(*engine.ProposalItem) {}, true},
		"a cent":                 {func(i *engine.ProposalItem) { i.Monthly += engine.USD / 100 }, true},
		"a twentieth less":       {func(i *engine.ProposalItem) { i.Monthly -= i.Monthly / 20 }, true},
		"a tenth more":           {func(i *engine.ProposalItem) { i.Monthly += i.Monthly / 10 }, false},
		"a cost":                 {func(i *engine.ProposalItem) { i.Monthly = -i.Monthly }, false},
		"prices of the next day": {func(i *engine.ProposalItem) { i.Basis.AsOf = i.Basis.AsOf.Add(24 * time.Hour) }, true},
		"another kind of price":  {func(i *engine.ProposalItem) { i.Basis.Source = engine.PriceUnknown }, false},
		"a better backtest":      {func(i *engine.ProposalItem) { i.Backtest = &engine.Backtest{Days: 8, Samples: 1} }, true},
		"a kill":                 {func(i *engine.ProposalItem) { i.Backtest = &engine.Backtest{Kills: 1 + i.Backtest.Kills} }, false},
		"often too small":        {func(i *engine.ProposalItem) { i.Backtest = &engine.Backtest{Over: 0.01 + i.Backtest.Over} }, false},
		"no backtest":            {func(i *engine.ProposalItem) { i.Backtest = nil }, false},
		"another value":          {func(i *engine.ProposalItem) { i.Wish.New += "0" }, false},
		"another line":           {func(i *engine.ProposalItem) { i.Edits = []engine.FileEdit{{Path: "x"}} }, false},
		"more risk":              {func(i *engine.ProposalItem) { i.Risk = engine.RiskHigh }, false},
		"made on another commit": {func(i *engine.ProposalItem) { i.Commit = "beef" }, true},
		"in another repository":  {func(i *engine.ProposalItem) { i.Repo = "shop/other" }, false},
	} {
		shown, fresh := item(), item()
		c.change(&fresh)
		if got := Alike(shown, fresh); got != c.want {
			t.Errorf("%s: alike %v, want %v", name, got, c.want)
		}
	}
	free, dear := item(), item()
	free.Monthly = 0
	if Alike(free, dear) || !Alike(free, free) {
		t.Error("what had no price has one now")
	}
}
