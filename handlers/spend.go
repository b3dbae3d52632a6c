package handlers

import (
	"context"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

const (
	spendDays  = 120                // that a rise is judged by
	spendStale = 4 * 24 * time.Hour // a day longer ago is no news
)

// SpendWatch tells what costs more than it ever did.
type SpendWatch struct {
	Store interface {
		Spends(ctx context.Context, from, to time.Time) ([]anomaly.Spend, error)
		SaveSpendAlarm(ctx context.Context, a engine.SpendAlarm, channel string) (told int, err error)
	}
	Channel    string // where it is told
	Strictness anomaly.Strictness
}

// rises looks at the newest day that has costs. It may be done as often as one likes: each rise is told once.
func (h *Handlers) rises(ctx context.Context, w *SpendWatch) error {
	if w == nil {
		return nil
	}
	today := h.Now().UTC().Truncate(oneDay)
	all, err := w.Store.Spends(ctx, today.AddDate(0, 0, -spendDays), today)
	if err != nil || len(all) == 0 {
		return err
	}
	newest := slices.MaxFunc(all, func(a, b anomaly.Spend) int { return a.Day.Compare(b.Day) }).Day
	if today.Sub(newest) > spendStale {
		return nil
	}
	found := anomaly.Rises(all, w.Strictness)
	if len(found) == 0 {
		return nil
	}
	told, err := w.Store.SaveSpendAlarm(ctx, engine.SpendAlarm{Day: newest, Rises: found}, w.Channel)
	if told > 0 {
		h.Log.InfoContext(ctx, "costs more than ever", "day", newest.Format(time.DateOnly), "things", told)
	}
	return err
}
