package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// cardRest is how long all of a group must have been closed for it to get another card when it comes back. What comes and goes from
// scan to scan stays the card that it is.
const cardRest = 24 * time.Hour

// backAgain gives the groups with a card that changes open again after all of each was closed for cardRest. Their card is far up the
// channel by then, where nobody would see it change: it stays as it is, and they get another as any new group does.
func (s *Store) backAgain(ctx context.Context, tx pgx.Tx, changes []waste.Change, groups map[string]int64) ([]int64, error) {
	var opened []int64
	for _, c := range changes {
		if c.Finding.Status == engine.FindingOpen {
			opened = append(opened, groups[c.Finding.Group])
		}
	}
	if len(opened) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `SELECT g.id FROM finding_group g JOIN finding f ON f.group_id = g.id
		WHERE g.id = ANY ($1) AND g.carded_at IS NOT NULL
		GROUP BY g.id HAVING bool_and(f.status = 'closed') AND max(f.closed_at) <= $2 ORDER BY g.id`, distinct(opened), s.now().Add(-cardRest))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// giveCards declares the cards of the dearest groups that have none, as far as the configuration lets it.
func (s *Store) giveCards(ctx context.Context, tx pgx.Tx, now time.Time) error {
	cards := s.cards()
	rows, err := tx.Query(ctx, `SELECT g.id, g.key, g.cluster, g.title, g.team, g.team_by, g.version, g.round, sum(f.monthly)::bigint
		FROM finding_group g JOIN finding f ON f.group_id = g.id
		WHERE g.carded_at IS NULL AND f.status = 'open' GROUP BY g.id HAVING sum(f.monthly) >= $1`, int64(cards.Threshold))
	if err != nil {
		return err
	}
	waiting, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (engine.FindingGroup, error) {
		var g engine.FindingGroup
		err := row.Scan(&g.ID, &g.Key, &g.Cluster, &g.Title, &g.Owner.Team, &g.Owner.By, &g.Version, &g.Round, &g.Monthly)
		return g, err
	})
	if err != nil {
		return err
	}
	rows, err = tx.Query(ctx, `SELECT channel, count(*) FROM finding_group WHERE carded_at >= $1 GROUP BY channel`, cards.Today(now))
	if err != nil {
		return err
	}
	today := map[string]int{}
	var channel string
	var n int
	if _, err = pgx.ForEachRow(rows, []any{&channel, &n}, func() error {
		today[channel] = n
		return nil
	}); err != nil {
		return err
	}
	b := &pgx.Batch{}
	for _, g := range cards.Choose(waiting, today) {
		channel := cards.ChannelOf(g)
		b.Queue(`UPDATE finding_group SET carded_at = $2, channel = $3 WHERE id = $1`, g.ID, now, channel)
		s.declareCard(b, g, channel, now)
	}
	if b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, b).Close()
}

// declareCard queues a group's card in its round. The card of the round before says from then on where this one is.
func (s *Store) declareCard(b *pgx.Batch, g engine.FindingGroup, channel string, now time.Time) {
	declare(b, engine.Message{
		Key: engine.SavingsKey(g.ID, g.Round), Kind: engine.MessageSavings, Subject: g.ID, Detail: int64(g.Round), Channel: s.channel(channel), Version: g.Version,
	}, now)
	if g.Round > 0 {
		b.Queue(`UPDATE messages SET wanted = greatest(wanted + 1, $2), place = nextval('message_places') WHERE key = $1`,
			engine.SavingsKey(g.ID, g.Round-1), g.Version)
	}
}
