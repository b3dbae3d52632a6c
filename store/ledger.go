package store

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// ledgerLock is the advisory lock that orders the ledger. It is taken after that of the scans and before that of the audit log.
const ledgerLock int64 = 0x6175746f6c656467

const (
	// detectedSQL begins the chains of findings. What the ledger says of a finding at its opening is what the scan said.
	detectedSQL = `INSERT INTO ledger (chain, kind, at, finding_id, type, cluster, namespace, target, team, amount, cash, low, high, work)
		SELECT 'finding/' || f.id || '/' || f.reopened, 'detected', $2, f.id, f.kind, f.cluster, f.namespace, f.body -> 'Target', f.team,
			f.monthly, CASE WHEN f.cash THEN f.monthly ELSE 0 END, f.monthly, f.monthly, 0
		FROM finding f WHERE f.key = ANY ($1) ORDER BY f.id ON CONFLICT DO NOTHING`

	appendLedgerSQL = `INSERT INTO ledger (chain, kind, at, day, proposal, finding_id, type, cluster, namespace, target, team, amount, cash,
			low, high, baseline, work, by_id, by_name, ref, corrects)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) RETURNING id`

	selectLedger = `SELECT id, chain, kind, at, day::timestamp AT TIME ZONE 'UTC', proposal, coalesce(finding_id, 0), type, target, team, amount, cash, low, high, baseline, work,
			by_id, by_name, ref, coalesce(corrects, 0) FROM ledger `
)

// AppendLedger adds entries to the ledger, all or none. One that is there already changes nothing. An approval without a baseline
// is given one, of what its target used on the days before. It fails as ledger.Append does.
func (s *Store) AppendLedger(ctx context.Context, entries []engine.LedgerEntry) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error { return s.appendLedger(ctx, tx, entries) })
}

// appendLedger is AppendLedger within a transaction. Of an entry only Chain, Kind, Amount and, by its kind, Day, Proposal, By, Ref,
// Work, Corrects and the other sums must be given: the finding, its type, target and team are those of the chain.
func (s *Store) appendLedger(ctx context.Context, tx pgx.Tx, entries []engine.LedgerEntry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := lockLedger(ctx, tx); err != nil {
		return err
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Chain] = true
	}
	rows, err := ledgerRows(ctx, tx, `WHERE chain = ANY ($1) ORDER BY id`, slices.Sorted(maps.Keys(names)))
	if err != nil {
		return err
	}
	chains := map[string][]engine.LedgerEntry{}
	for _, e := range rows {
		chains[e.Chain] = append(chains[e.Chain], e)
	}
	for _, e := range entries {
		if e.At.IsZero() {
			e.At = s.now()
		}
		e = inherit(e, chains[e.Chain])
		if e.Kind == engine.EntryApproved && e.Baseline == nil {
			if e.Baseline, err = s.freeze(ctx, tx, e); err != nil {
				return err
			}
		}
		kept, fresh, err := ledger.Append(chains[e.Chain], e)
		if err != nil {
			return err
		}
		if !fresh {
			continue
		}
		if kept.ID, err = insertLedger(ctx, tx, kept); err != nil {
			return err
		}
		chains[e.Chain] = append(chains[e.Chain], kept)
	}
	return nil
}

// inherit gives an entry what its chain says of the finding.
func inherit(e engine.LedgerEntry, chain []engine.LedgerEntry) engine.LedgerEntry {
	if len(chain) == 0 {
		return e
	}
	first := chain[0]
	e.Finding, e.Type, e.Target, e.Team = first.Finding, first.Type, first.Target, first.Team
	if e.Proposal == 0 {
		e.Proposal = chain[len(chain)-1].Proposal
	}
	return e
}

func insertLedger(ctx context.Context, tx pgx.Tx, e engine.LedgerEntry) (id int64, err error) {
	var finding, corrects *int64
	if e.Finding != 0 {
		finding = &e.Finding
	}
	if e.Corrects != 0 {
		corrects = &e.Corrects
	}
	err = tx.QueryRow(ctx, appendLedgerSQL, e.Chain, e.Kind, stamp(e.At), orNull(e.Day), e.Proposal, finding, e.Type, e.Target.Cluster,
		e.Target.Namespace, e.Target, e.Team, int64(e.Amount), int64(e.Cash), int64(e.Low), int64(e.High), e.Baseline, e.Work,
		e.By.ID, e.By.Name, e.Ref, corrects).Scan(&id)
	return id, err
}

// detected begins a chain for each finding that was opened, or opened again.
func (s *Store) detected(ctx context.Context, tx pgx.Tx, changes []waste.Change) error {
	var keys []string
	for _, c := range changes {
		if c.Event == waste.EventOpened || c.Event == waste.EventReopened {
			keys = append(keys, c.Finding.Key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	if err := lockLedger(ctx, tx); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, detectedSQL, keys, s.now())
	return err
}

func lockLedger(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, ledgerLock)
	return err
}

func ledgerRows(ctx context.Context, tx pgx.Tx, rest string, args ...any) ([]engine.LedgerEntry, error) {
	return queryLedger(ctx, tx, selectLedger+rest, args...)
}

func queryLedger(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]engine.LedgerEntry, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e engine.LedgerEntry, err error) {
		err = row.Scan(&e.ID, &e.Chain, &e.Kind, zeroTime{&e.At}, zeroTime{&e.Day}, &e.Proposal, &e.Finding, &e.Type, &e.Target, &e.Team,
			&e.Amount, &e.Cash, &e.Low, &e.High, &e.Baseline, &e.Work, &e.By.ID, &e.By.Name, &e.Ref, &e.Corrects)
		return e, err
	})
}

// LedgerEntries gives all entries of the chains that a filter chooses, corrections too, in the order in which they were written. Its
// Limit does not count.
func (s *Store) LedgerEntries(ctx context.Context, f engine.LedgerFilter) ([]engine.LedgerEntry, error) {
	var list []engine.LedgerEntry
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		list, err = ledgerOf(ctx, tx, f)
		return err
	})
	return list, err
}

// chainsOfSpan gives the chains that a filter chooses, see spanOf: those with an entry in the span, and those of which a day of it was to
// be measured. What nobody could measure is missed, not gone.
var chainsOfSpan = `SELECT DISTINCT chain FROM ledger WHERE ($1 = '' OR cluster = $1) AND ($2 = '' OR namespace = $2) AND ($3 = '' OR team = $3)
	AND ($4 = '' OR type = $4) AND (
		day IS NULL AND at >= coalesce($5, '-infinity'::timestamptz) AND at < coalesce($6, 'infinity'::timestamptz)
		OR day >= coalesce($5 AT TIME ZONE 'UTC', '-infinity') AND day < coalesce($6 AT TIME ZONE 'UTC', 'infinity')
		OR kind = 'implemented' AND at >= $5 - interval '` + strconv.Itoa(ledger.MeasuredDays+1) + ` days' AND at < $6 AND NOT EXISTS (
			SELECT FROM ledger b WHERE b.chain = ledger.chain AND b.kind = 'reversed' AND b.at < $5))`

// spanOf gives the arguments of chainsOfSpan.
func spanOf(f engine.LedgerFilter) []any {
	return []any{f.Cluster, f.Namespace, f.Team, f.Type, orNull(f.From), orNull(f.To)}
}

func ledgerOf(ctx context.Context, tx pgx.Tx, f engine.LedgerFilter) ([]engine.LedgerEntry, error) {
	return ledgerRows(ctx, tx, `WHERE chain IN (`+chainsOfSpan+`) ORDER BY id`, spanOf(f)...)
}

// Ledger adds up the chains that a filter chooses.
func (s *Store) Ledger(ctx context.Context, f engine.LedgerFilter) (engine.Ledger, error) {
	list, err := s.LedgerEntries(ctx, f)
	if err != nil {
		return engine.Ledger{}, err
	}
	return ledger.Sum(list, f), nil
}
