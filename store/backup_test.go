package store_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

// TestBackup holds docs/backup.md: what pg_dump writes, pg_restore brings back into an empty database, and the bot goes on there: the same
// incidents, ledger and audit log, the same schema, and what is kept from changing still is.
func TestBackup(t *testing.T) {
	w := newSavers(t)
	w.approve("click-1", 1, w.drafted("api")...)
	w.audited(3)
	incident := w.open(api)

	file, elsewhere := filepath.Join(t.TempDir(), "autopilot.dump"), storetest.EmptyURL(t)
	for _, args := range [][]string{
		{"pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", file, w.url},
		{"pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--dbname", elsewhere, file},
	} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...) //nolint:gosec // The arguments are those above.
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, out)
		}
	}

	restored := &world{Store: storetest.Open(t, elsewhere, store.Options{Rules: rules, Now: w.now}), t: t, url: elsewhere, clock: w.now()}
	w.must(restored.Check(t.Context()))
	equal(t, "schema", dump(t, elsewhere), dump(t, w.url))
	rows, head, err := w.CheckAudit(t.Context())
	w.must(err)
	again, sameHead, err := restored.CheckAudit(t.Context())
	w.must(err)
	equal(t, "audit log", []any{again, sameHead}, []any{rows, head})
	if rows < 4 {
		t.Errorf("the audit log has %d rows; the dump proves nothing", rows)
	}
	for _, sql := range []string{
		`SELECT count(*), string_agg(i::text, ';' ORDER BY id) FROM incidents i`, `SELECT count(*), string_agg(l::text, ';' ORDER BY id) FROM ledger l`,
		`SELECT count(*), string_agg(m::text, ';' ORDER BY key) FROM messages m`, `SELECT count(*) FROM river_job`,
	} {
		want := w.sql(sql)
		equal(t, sql, restored.sql(sql), want)
		if want[0] == '0' {
			t.Errorf("%s: there is nothing to compare", sql)
		}
	}
	// It goes on from there: what was open is acknowledged, and the next number and the next row of the audit log follow.
	w.must(restored.decide("after", engine.ActionAcknowledge, ada, incident.ID))
	if next := restored.open(node).ID; next != incident.ID+1 {
		t.Errorf("the next incident is %d, want %d", next, incident.ID+1)
	}
	if after, _, err := restored.CheckAudit(t.Context()); err != nil || after != rows+1 {
		t.Errorf("%d rows hold, %v; want %d", after, err, rows+1)
	}
}
