package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// waiting counts the messages that Slack does not show yet as they should be.
func (r *room) waiting(ctx context.Context) (n int, err error) {
	err = r.query(ctx, func(db *pgx.Conn) error {
		return db.QueryRow(ctx, `SELECT count(*) FROM messages WHERE shown < wanted AND NOT dropped`).Scan(&n)
	})
	return n, err
}

// wantedKeys are the keys of all messages of an incident, given-up ones among them.
func (r *room) wantedKeys(ctx context.Context, incident int64) (keys []string, err error) {
	err = r.query(ctx, func(db *pgx.Conn) error {
		rows, err := db.Query(ctx, `SELECT key FROM messages WHERE subject = $1 AND kind <> $2 ORDER BY place`, incident, engine.MessageHome)
		if err != nil {
			return err
		}
		keys, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return keys, err
}

// query looks into the bot's database by a connection of its own, which no outage before can have broken.
func (r *room) query(ctx context.Context, ask func(*pgx.Conn) error) error {
	db, err := pgx.Connect(ctx, r.Postgres.URL())
	if err != nil {
		return fmt.Errorf("look into the database: %w", err)
	}
	defer func() { _ = db.Close(ctx) }()
	return ask(db)
}

// tally compares the messages that an incident wants with those that stand in Slack, by the key that each carries.
type tally struct{ lost, doubled, stray int }

// compare counts what is missing, what stands more than once, and what stands without being wanted.
func compare(wanted, shown []string) tally {
	var t tally
	count := map[string]int{}
	for _, key := range shown {
		count[key]++
	}
	for _, key := range wanted {
		if count[key] == 0 {
			t.lost++
		}
		t.doubled += max(0, count[key]-1)
		delete(count, key)
	}
	for _, n := range count {
		t.stray += n
	}
	return t
}
