package store

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

const (
	// clockRest is how long nobody may look before a clock counts as broken: what happened meanwhile is not known.
	clockRest = 72 * time.Hour

	peakRetention = 100 * 24 * time.Hour
	peakChunk     = 5000 // rows of one statement
)

// Since gives since when conditions have held, by key. A clock that no scan has looked at lately is not among them.
func (s *Store) Since(ctx context.Context) (map[string]time.Time, error) {
	clocks := map[string]time.Time{}
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT key, since FROM clock WHERE seen > $1`, s.now().Add(-clockRest))
		if err != nil {
			return err
		}
		var key string
		var since time.Time
		_, err = pgx.ForEachRow(rows, []any{&key, &since}, func() error {
			clocks[key] = since
			return nil
		})
		return err
	})
	return clocks, err
}

// saveClocks starts the clocks of conditions that hold, keeps those that ran, and stops those of conditions that do not hold.
func saveClocks(ctx context.Context, tx pgx.Tx, holding, broken []string, now time.Time) error {
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO clock AS c (key, since, seen) SELECT DISTINCT key, $2::timestamptz, $2::timestamptz FROM unnest($1::text[]) key
		ON CONFLICT (key) DO UPDATE SET seen = excluded.seen, since = CASE WHEN c.seen <= $3 THEN excluded.since ELSE c.since END`,
		orEmpty(holding), now, now.Add(-clockRest))
	b.Queue(`DELETE FROM clock WHERE key = ANY ($1) OR seen <= $2`, orEmpty(broken), now.Add(-clockRest))
	return tx.SendBatch(ctx, b).Close()
}

// Peaks gives the daily peaks that are remembered of a cluster's containers, oldest first.
func (s *Store) Peaks(ctx context.Context, cluster string) (map[waste.ContainerKey][]waste.Peak, error) {
	peaks := map[waste.ContainerKey][]waste.Peak{}
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		clear(peaks)
		rows, err := tx.Query(ctx, `SELECT namespace, kind, name, container, day, cpu, memory FROM usage_peak
			WHERE cluster = $1 ORDER BY namespace, kind, name, container, day`, cluster)
		if err != nil {
			return err
		}
		var k waste.ContainerKey
		var day time.Time
		var cpu, memory *float32
		_, err = pgx.ForEachRow(rows, []any{&k.Namespace, &k.Kind, &k.Name, &k.Container, &day, &cpu, &memory}, func() error {
			peaks[k] = append(peaks[k], waste.Peak{Day: day.UTC(), CPU: orNaN(cpu), Memory: orNaN(memory)})
			return nil
		})
		return err
	})
	return peaks, err
}

// SavePeaks remembers daily peaks of a cluster's containers, and forgets those of long ago. Of two for the same day the higher counts.
func (s *Store) SavePeaks(ctx context.Context, cluster string, peaks map[waste.ContainerKey][]waste.Peak) error {
	var rows peakRows
	oldest := s.now().Add(-peakRetention)
	for k, list := range peaks {
		for _, p := range list {
			if p.Day.Before(oldest) {
				continue
			}
			rows.add(k, p)
			if len(rows.day) == peakChunk {
				if err := s.savePeaks(ctx, cluster, rows, oldest); err != nil {
					return err
				}
				rows = peakRows{}
			}
		}
	}
	return s.savePeaks(ctx, cluster, rows, oldest)
}

// savePeaks writes a part of the peaks. A part that is written and the rest not is no harm: the next scan brings the rest.
func (s *Store) savePeaks(ctx context.Context, cluster string, r peakRows, oldest time.Time) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		// In the order of the key, so that two writers wait for each other rather than lock each other out.
		b.Queue(`INSERT INTO usage_peak AS p (cluster, namespace, kind, name, container, day, cpu, memory)
			SELECT $1, n, k, w, c, d, max(cpu), max(memory)
			FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::date[], $7::real[], $8::real[]) u (n, k, w, c, d, cpu, memory)
			GROUP BY n, k, w, c, d ORDER BY n, k, w, c, d
			ON CONFLICT (cluster, namespace, kind, name, container, day) DO UPDATE
				SET cpu = greatest(p.cpu, excluded.cpu), memory = greatest(p.memory, excluded.memory)`,
			cluster, r.namespace, r.kind, r.name, r.container, r.day, r.cpu, r.memory)
		b.Queue(`DELETE FROM usage_peak WHERE day < $1`, oldest)
		return tx.SendBatch(ctx, b).Close()
	})
}

// peakRows are peaks by column. What is not known is NULL: to PostgreSQL, NaN is higher than everything.
type peakRows struct {
	namespace, kind, name, container []string
	day                              []time.Time
	cpu, memory                      []*float32
}

func (r *peakRows) add(k waste.ContainerKey, p waste.Peak) {
	r.namespace, r.kind = append(r.namespace, clean(k.Namespace)), append(r.kind, clean(k.Kind))
	r.name, r.container = append(r.name, clean(k.Name)), append(r.container, clean(k.Container))
	r.day = append(r.day, p.Day)
	r.cpu, r.memory = append(r.cpu, known(p.CPU)), append(r.memory, known(p.Memory))
}

func known(v float32) *float32 {
	if !(v >= 0) || math.IsInf(float64(v), 1) {
		return nil
	}
	return &v
}

func orNaN(v *float32) float32 {
	if v == nil {
		return float32(math.NaN())
	}
	return *v
}
