package stand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/test/stand/labelled"
)

// pastDays is how far back the Prometheus of a stand with Waste knows what ran in the cluster.
const pastDays = 25

// IntoLastWeek is how many days must pass for now to be the Thursday of the week that was over last: the days after it are measured,
// three of them in that week.
func IntoLastWeek(now time.Time) int { return (int(now.UTC().Weekday())+6)%7 + 4 }

// Pass has so many days pass in a moment, of a stand with Waste: what the bot keeps of changes and costs becomes that much older, and
// Prometheus remembers the cluster as it was until then, and as it is now since. The bot is away meanwhile, and measures at its start.
func (s *Stand) Pass(ctx context.Context, days int) error {
	if s.past.To.IsZero() {
		return errors.New("stand: days pass where there is waste")
	}
	now := time.Now()
	if err := s.Bot.Stop(ctx); err != nil {
		return err
	}
	if err := Age(ctx, s.Postgres.URL(), days); err != nil {
		return err
	}
	s.past.To = now.AddDate(0, 0, -days).Truncate(time.Minute)
	f, err := labelled.NewFurnisher(s.Cluster.RESTConfig())
	if err != nil {
		return err
	}
	since, err := f.Now(ctx, s.past.To, now)
	if err != nil {
		return err
	}
	if err := s.Prometheus.Stop(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(s.Prometheus.Data()); err != nil {
		return err
	}
	if err := s.remember(ctx, f, s.Prometheus.Data(), now, s.past, since); err != nil {
		return err
	}
	if err := s.Prometheus.Start(ctx); err != nil {
		return err
	}
	return s.Bot.Start(ctx)
}

// remember writes what the Prometheus of a stand with Waste knows of the days before.
func (s *Stand) remember(ctx context.Context, f *labelled.Furnisher, data string, now time.Time, eras ...labelled.Era) error {
	if err := f.Histories(ctx, data, 0, s.cfg.Waste, now); err != nil {
		return err
	}
	return labelled.States(data, 1, s.cfg.Name, eras...)
}

// Age makes what the ledger, the proposals, the measured days and the costs say so many days older, at least as many as costs are kept
// of. The ledger lets nobody change its rows; who cannot wait for days must, and puts the trigger back.
func Age(ctx context.Context, database string, days int) error {
	return execute(ctx, database, days,
		`BEGIN`,
		`CREATE FUNCTION pg_temp.earlier(body jsonb) RETURNS jsonb LANGUAGE sql AS
			$$ SELECT to_jsonb(to_char((body ->> 'day')::timestamptz AT TIME ZONE 'UTC' - $days, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) $$`,
		`ALTER TABLE ledger DISABLE TRIGGER ledger_rows_stay`,
		`UPDATE ledger SET at = at - $days`,
		`ALTER TABLE ledger ENABLE TRIGGER ledger_rows_stay`,
		`CREATE TEMPORARY TABLE used AS SELECT * FROM ledger_use`,
		`DELETE FROM ledger_use`,
		`INSERT INTO ledger_use SELECT finding_id, day - $n, jsonb_set(use, '{day}', pg_temp.earlier(use)) FROM used`,
		`UPDATE proposal SET created_at = created_at - $days, approved_at = approved_at - $days, merged_at = merged_at - $days, deployed_at = deployed_at - $days`,
		`UPDATE proposal_event SET at = at - $days`,
		`UPDATE cost_row SET day = day - $n`,
		`UPDATE cost_day SET day = day - $n, saved_at = saved_at - $days, bill = jsonb_set(bill, '{day}', pg_temp.earlier(bill))`,
		`COMMIT`)
}

// AgeDeliveries has reports have been configured so many days ago, so that one of the days since is due.
func AgeDeliveries(ctx context.Context, database string, days int) error {
	return execute(ctx, database, days, `UPDATE digest_delivery SET since = since - $days`)
}

func execute(ctx context.Context, database string, days int, statements ...string) error {
	c, err := pgx.Connect(ctx, database)
	if err != nil {
		return fmt.Errorf("stand: %w", err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }() // what was not committed is undone, as it should be
	for _, statement := range statements {
		statement = strings.NewReplacer("$days", fmt.Sprintf("interval '%d days'", days), "$n", fmt.Sprint(days)).Replace(statement)
		if _, err := c.Exec(ctx, statement); err != nil {
			return fmt.Errorf("stand: %s: %w", statement, err)
		}
	}
	return nil
}
