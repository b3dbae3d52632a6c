package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/test/github"
)

func crashWorlds(t *testing.T) *worlds {
	t.Helper()
	ws, err := newWorlds(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ws.close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return ws
}

// TestCrash cuts the bot off at some of the steps; `bench crash` does at all. A different tenth of the way is as good.
func TestCrash(t *testing.T) {
	var out bytes.Buffer
	err := crashWorlds(t).matrix(t.Context(), matrix{every: 9, from: 7, atOnce: 2, again: 3, clicks: 10}, &out)
	if err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	for _, want := range []string{"POST to GitHub", "transaction committed", "task begun or ended", "PATCH to the API server", "violations (wanted: 0)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing is said of %q:\n%s", want, &out)
		}
	}
}

// TestJudge makes a world wrong, each time in one way, and wants that to be noticed.
func TestJudge(t *testing.T) {
	ws := crashWorlds(t)
	ws.wronged(t, &approval, map[string]string{
		"one proposal": `UPDATE proposal SET key = 'a'; INSERT INTO proposal OVERRIDING SYSTEM VALUE
			SELECT (jsonb_populate_record(p, '{"id": 9, "key": "b"}')).* FROM proposal p`,
		"each measured day once":                  `DELETE FROM ledger WHERE id = (SELECT max(id) FROM ledger)`,
		"all steps of each chain":                 `DELETE FROM ledger WHERE kind = 'implemented'`,
		"an audit row for each decision":          `DELETE FROM decisions WHERE id = (SELECT min(id) FROM decisions WHERE action = 'approve')`,
		"one thread":                              `UPDATE messages SET thread_key = '' WHERE key = 'proposal/1/state'`,
		"one state message":                       `DELETE FROM messages WHERE key = 'proposal/1/state'`,
		"a message for each line of the timeline": `DELETE FROM messages WHERE key = 'proposal/1/event/2'`,
		"no line told twice":                      `INSERT INTO proposal_event SELECT (jsonb_populate_record(e, '{"n": 99}')).* FROM proposal_event e WHERE n = 1`,
		"one task left":                           `UPDATE river_job SET state = 'completed', finalized_at = now() WHERE finalized_at IS NULL`,
		"the findings are closed":                 `UPDATE finding SET status = 'open', closed_at = NULL`,
	})
	ws.wronged(t, &remedyTrips[0], map[string]string{
		"one remedy":                     `UPDATE remedies SET status = 'refused'`,
		"one audit row of the deed":      `DELETE FROM audit_log WHERE action = 'undo'`,
		"no audit row of a refusal":      `UPDATE audit_log SET reason = 'not now'`,
		"an audit row for each decision": `DELETE FROM decisions`,
		"one line of the timeline":       `INSERT INTO events SELECT (jsonb_populate_record(e, '{"n": 99}')).* FROM events e WHERE kind = 'remedy_done'`,
		"told in the thread, once":       `DELETE FROM messages WHERE key = (SELECT 'incident/' || incident_id || '/event/' || n FROM events WHERE kind = 'remedy_done')`,
		"no task of it left":             `UPDATE river_job SET state = 'cancelled' WHERE kind = 'remedy'`,
	})
}

// wronged goes a trip, and makes its end wrong by each of some statements.
func (ws *worlds) wronged(t *testing.T, way *trip, wrongs map[string]string) {
	t.Helper()
	err := ws.in(t.Context(), way.begin, 0, false, func(w *world) error {
		if err := way.way(w, t.Context()); err != nil {
			return err
		}
		right, err := w.look(t.Context(), way)
		if err != nil {
			return err
		}
		for want, wrong := range wrongs {
			tx, err := w.db.Begin(t.Context())
			if err != nil {
				return err
			}
			if _, err := tx.Exec(t.Context(), `SET LOCAL session_replication_role = replica; `+wrong); err != nil {
				return fmt.Errorf("%s: %w", want, err)
			}
			problems, err := w.judge(t.Context(), way)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, want) }) {
				t.Errorf("%s: it says %q", want, problems)
			}
			got, err := w.look(t.Context(), way)
			if err := errors.Join(err, tx.Rollback(t.Context())); err != nil {
				return err
			}
			if len(got.different(right)) == 0 && want != "no audit row of a refusal" && want != "no task of it left" { // which are not compared
				t.Errorf("%s: it looks the same", want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCutNoticesAnotherWrite has the cluster written once more, and one object that nobody asked for.
func TestCutNoticesAnotherWrite(t *testing.T) {
	a := newAPIServer()
	undo, scale := sicknesses()[0], sicknesses()[2]
	write := func(s sick, body string) int {
		t.Helper()
		said := httptest.NewRecorder()
		a.ServeHTTP(said, httptest.NewRequest(http.MethodPatch, s.path, strings.NewReader(body)))
		return said.Code
	}
	if got := a.wrong(scale); len(got) != 2 {
		t.Errorf("nothing was written: %q", got)
	}
	if code := write(scale, `{"metadata": {"resourceVersion": "5"}, "spec": {"replicas": 4}}`); code != http.StatusOK || len(a.wrong(scale)) != 0 {
		t.Errorf("written: %d, %q", code, a.wrong(scale))
	}
	if code := write(scale, `{"metadata": {"resourceVersion": "5"}, "spec": {"replicas": 5}}`); code != http.StatusConflict || len(a.wrong(scale)) != 0 {
		t.Errorf("of an older version: %d, %q", code, a.wrong(scale))
	}
	if code := write(scale, `{"spec": {"replicas": 4}}`); code != http.StatusOK || len(a.wrong(scale)) != 1 {
		t.Errorf("written twice: %d, %q", code, a.wrong(scale))
	}
	if write(undo, `{}`); len(a.wrong(undo)) != 2 {
		t.Errorf("two objects written: %q", a.wrong(undo))
	}
}

// TestCutNoticesWhatIsDoneTwice has somebody do by hand what a bot without care would do after a restart.
func TestCutNoticesWhatIsDoneTwice(t *testing.T) {
	c := crashed{first: map[string]string{}, seen: map[string]int{}}
	err := crashWorlds(t).in(t.Context(), foundWorld, 0, false, func(w *world) error {
		if err := w.approved(t.Context()); err != nil {
			return err
		}
		if _, err := w.github.Push(crashRepo, "ana-github", github.Push{Branch: "autopilot/again", Files: map[string]string{"x": "y"}}); err != nil {
			return err
		}
		problems, err := w.judge(t.Context(), &approval)
		c.add("here", problems...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.err(); !errors.Is(got, errMissed) || !strings.Contains(got.Error(), "branches") || c.violations == 0 {
		t.Errorf("it says %v", got)
	}
}

// TestWire cuts a connection at a commit, and looks at what PostgreSQL kept.
func TestWire(t *testing.T) {
	ws := crashWorlds(t)
	if _, err := ws.admin.Exec(t.Context(), "CREATE TABLE kept (n int)"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at    int
		after bool
		kept  int
		steps int
	}{
		"never":                    {0, false, 3, 2},
		"before the statement":     {1, false, 0, 1},
		"after the statement":      {1, true, 1, 1},
		"before the transaction's": {2, false, 1, 2},
		"after the transaction's":  {2, true, 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ws.admin.Exec(t.Context(), "TRUNCATE kept"); err != nil {
				t.Fatal(err)
			}
			g := &gate{at: c.at, after: c.after, doing: "it"}
			w, err := newWire(t.Context(), ws.server.URL("postgres"), g)
			if err != nil {
				t.Fatal(err)
			}
			g.off = w.sever
			err = threeRows(t.Context(), w.url)
			if (err == nil) != (c.at == 0) {
				t.Errorf("it ends with %v", err)
			}
			g.cut()
			w.running.Wait()
			if len(g.steps) != c.steps {
				t.Errorf("the steps are %q", g.steps)
			}
			var kept int
			if err := ws.admin.QueryRow(t.Context(), "SELECT count(*) FROM kept").Scan(&kept); err != nil || kept != c.kept {
				t.Errorf("%d rows were kept, want %d: %v", kept, c.kept, err)
			}
			if err := threeRows(t.Context(), w.url); err == nil {
				t.Error("a process that is gone reached the database")
			}
		})
	}
}

// threeRows writes one row by a statement and two by a transaction, with one that reads between.
func threeRows(ctx context.Context, url string) error {
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close(context.WithoutCancel(ctx)) }()
	if _, err := db.Exec(ctx, "INSERT INTO kept VALUES ($1)", 1); err != nil {
		return err
	}
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var n int
		return tx.QueryRow(ctx, "SELECT count(*) FROM kept WHERE n > $1", 0).Scan(&n)
	})
	if err != nil {
		return err
	}
	failed := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO kept VALUES ($1)", 9)
		return errors.Join(errMissed, err)
	})
	if !errors.Is(failed, errMissed) {
		return failed
	}
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		for n := range 2 {
			if _, err := tx.Exec(ctx, "INSERT INTO kept VALUES ($1)", n); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestGate(t *testing.T) {
	offs := 0
	g := &gate{at: 2, after: true, doing: "it", off: func() { offs++ }}
	var did []string
	do := func(what string) error {
		return g.through(t.Context(), what, func(context.Context) error { did = append(did, what); return nil })
	}
	for _, what := range []string{"a", "b", "c"} {
		if err := do(what); (err == nil) != (what == "a") {
			t.Errorf("%s ends with %v", what, err)
		}
	}
	if diff := cmp.Diff([]string{"a", "b"}, did); diff != "" || offs != 1 || !g.isGone() {
		t.Errorf("done (-want +got):\n%s; ended %d times", diff, offs)
	}
	if diff := cmp.Diff([]string{"it: a", "it: b"}, g.steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestDifferent(t *testing.T) {
	got := outcome{"a", "b", "b"}.different(outcome{"c", "b", "a"})
	if diff := cmp.Diff([]string{"too much: b", "missing: c"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if same := (outcome{"b", "a"}).different(outcome{"a", "b"}); len(same) != 0 {
		t.Errorf("two that are the same differ: %q", same)
	}
}

func TestByKind(t *testing.T) {
	got := fmt.Sprint(byKind([]string{"x: commit", "x: GET /a", "y: River", "y: commit", "y: live value of cpu", "z: API server: PATCH /api/v1/nodes/n1, dry"}))
	if want := "[{transaction committed 2} {GET to GitHub 1} {task begun or ended 1} {reading of the cluster, Prometheus or Slack 1} {PATCH to the API server 1}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
