package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// outcome is what a way led to, in lines that are the same whatever the process went through.
type outcome []string

// query is one of a database: what its rows are called, or what is so when it gives true.
type query struct{ name, sql string }

// approvalRows is what is in the database at the end of the way of an approval. Of the audit log and of decisions each line counts once: who was told by
// Slack that a press was lost presses again, and that is another decision.
var approvalRows = []query{
	{"proposal", `SELECT id, status, hash, key, title, repo, base, monthly, reason, pull - 'seen_at' - 'head' - 'parent' - 'merged_sha' - 'merged_at' AS pull, thread_key FROM proposal ORDER BY id`},
	{"item", `SELECT proposal_id, finding_id, what, monthly, hash, live FROM proposal_item ORDER BY proposal_id, finding_id, id`},
	{"approval", `SELECT proposal_id, by_id, hash, role FROM proposal_approval ORDER BY proposal_id, by_id`},
	{"timeline", `SELECT proposal_id, n, kind, by_id, text FROM proposal_event ORDER BY proposal_id, n`},
	{"ledger", `SELECT chain, kind, day, proposal, finding_id, amount, cash, low, high, work, by_id, ref, corrects IS NOT NULL, baseline FROM ledger ORDER BY id`},
	{"finding", `SELECT id, status, reopened, group_id FROM finding ORDER BY id`},
	{"message", `SELECT key, kind, thread_key, channel FROM messages ORDER BY key`},
	{"audit", `SELECT DISTINCT action, subject, by_id, allowed, reason, plan FROM audit_log ORDER BY 1, 2, 3, 4`},
	{"decision", `SELECT DISTINCT action, proposal_id, by_id, allowed, reason, hash, role FROM decisions ORDER BY 1, 2, 3`},
	{"task", `SELECT kind, args ->> 'detail' AS detail, count(*) FROM river_job WHERE finalized_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2`},
}

// Commits depend on the second in which they were made, and a proposal's number on whether one was begun before and not kept: of two
// that began, one was committed.
var (
	commitForm   = regexp.MustCompile(`(Merged as )[0-9a-f]+`)
	branchForm   = regexp.MustCompile(`((?:autopilot/payments|revert)-|Autopilot-Proposal: |autopilot:proposal )[0-9a-f]{12}`)
	proposalForm = regexp.MustCompile(`(proposal/|"proposal_id":|"proposal":|Proposal |^proposal \{"id":|^task .*"detail":")\d+`)
)

// plain takes out of a line what differs from world to world.
func (w *world) plain(line string) string {
	line = strings.ReplaceAll(line, w.github.URL(), "https://github.example")
	for _, form := range []*regexp.Regexp{commitForm, branchForm, proposalForm} {
		line = form.ReplaceAllString(line, "${1}#")
	}
	return line
}

// look reads what there is at the end of a trip.
func (w *world) look(ctx context.Context, t *trip) (outcome, error) {
	var o outcome
	for _, q := range t.rows {
		rows, err := w.lines(ctx, q.sql)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		for _, row := range rows {
			o = append(o, w.plain(q.name+" "+row))
		}
	}
	for _, line := range t.outside(w) {
		o = append(o, w.plain(line))
	}
	return o, nil
}

// onGitHub is what GitHub has.
func onGitHub(w *world) (lines []string) {
	for _, p := range w.github.Pulls(crashRepo) {
		lines = append(lines, fmt.Sprintf("pull #%d %s %s → %s, %d commits, %v, %v, %s\n%s\n%s", p.Number, p.State, p.Head, p.Base, p.Commits, p.Labels, p.Reviewers, p.Title, p.Body, p.Diff))
	}
	branches := w.github.Branches(crashRepo)
	for _, name := range slices.Sorted(maps.Keys(branches)) {
		lines = append(lines, "branch "+name)
	}
	return lines
}

func (w *world) lines(ctx context.Context, sql string) ([]string, error) {
	rows, err := w.db.Query(ctx, `SELECT row_to_json(r)::text FROM (`+sql+`) r`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// different gives the lines that only one of two outcomes has.
func (o outcome) different(want outcome) (all []string) {
	count := map[string]int{}
	for _, line := range want {
		count[line]++
	}
	for _, line := range o {
		if count[line]--; count[line] < 0 {
			all = append(all, "too much: "+line)
		}
	}
	for _, line := range want {
		if count[line] > 0 {
			count[line]--
			all = append(all, "missing: "+line)
		}
	}
	return all
}

// approvalOnce must each give true at the end of the way of an approval, whatever it was compared with.
var approvalOnce = []query{
	{"one proposal", `SELECT count(*) = 1 FROM proposal`},
	{"it is verified", `SELECT bool_and(status = 'verified') FROM proposal`},
	{"two approvals, of two people", `SELECT count(*) = 2 AND count(DISTINCT by_id) = 2 FROM proposal_approval`},
	{"a chain for each finding", `SELECT count(DISTINCT chain) = (SELECT count(*) FROM finding) FROM ledger`},
	{"each step of a chain once", `SELECT bool_and(n = 1) FROM (SELECT count(*) n FROM ledger WHERE kind <> 'verified' GROUP BY chain, kind) s`},
	{"all steps of each chain", `SELECT bool_and(n = 4) FROM (SELECT count(DISTINCT kind) n FROM ledger GROUP BY chain) s`},
	{"each measured day once, in order", fmt.Sprintf(`SELECT bool_and(n = %d AND days = %d) FROM (SELECT count(*) n, count(DISTINCT day) days FROM ledger WHERE kind = 'verified' GROUP BY chain) s`, measuredDays, measuredDays)},
	{"an audit row for each decision", `SELECT count(*) = (SELECT count(*) FROM decisions) FROM audit_log`},
	{"one thread", `SELECT count(DISTINCT thread_key) = 1 FROM messages WHERE kind = 'proposal'`},
	{"one state message", `SELECT count(*) = 1 FROM messages WHERE key LIKE 'proposal/%/state'`},
	{"a message for each line of the timeline", `SELECT (SELECT count(*) FROM proposal_event) = (SELECT count(*) FROM messages WHERE key LIKE 'proposal/%/event/%')`},
	{"no line told twice", `SELECT bool_and(n = 1) FROM (SELECT count(*) n FROM proposal_event GROUP BY kind, text, by_id) s`},
	{"the findings are closed", `SELECT bool_and(status = 'closed') FROM finding`},
	{"one task left, which looks after the change", `SELECT count(*) = 1 AND bool_and(kind = 'follow') FROM river_job WHERE finalized_at IS NULL AND kind IN ('draft', 'propose', 'follow', 'scan')`},
	{"no task ended by a failure", `SELECT count(*) = 0 FROM river_job WHERE state IN ('cancelled', 'discarded') AND kind IN ('draft', 'propose', 'follow', 'scan')`},
}

// judge says what is not as it must be at the end of a trip.
func (w *world) judge(ctx context.Context, t *trip) (wrong []string, err error) {
	for _, q := range t.once {
		var so *bool
		if err := w.db.QueryRow(ctx, q.sql).Scan(&so); err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		if so == nil || !*so {
			wrong = append(wrong, "not so: "+q.name)
		}
	}
	if err := w.p.st.VerifyAudit(ctx); err != nil {
		wrong = append(wrong, "the audit log: "+err.Error())
	}
	return append(wrong, t.wrong(w)...), nil
}

// wrongOnGitHub says what of GitHub is not as it must be.
func wrongOnGitHub(w *world) (wrong []string) {
	pulls := w.github.Pulls(crashRepo)
	if len(pulls) != 1 || pulls[0].Commits != 1 || !pulls[0].Merged {
		wrong = append(wrong, fmt.Sprintf("not so: one pull request, of one commit, merged: there are %d", len(pulls)))
	}
	if n := w.github.Count(http.MethodPost, "/repos/*/pulls"); n != 1 {
		wrong = append(wrong, fmt.Sprintf("GitHub was asked %d times to make a pull request", n))
	}
	if n := len(w.github.Branches(crashRepo)); n > 2 {
		wrong = append(wrong, fmt.Sprintf("%d branches", n))
	}
	return wrong
}

// state is all that a task done again must not change: every row of every table, but for River's own and the inbox, and how often
// GitHub and the API server were asked to write.
func (w *world) state(ctx context.Context) (map[string]string, error) {
	rows, err := w.db.Query(ctx, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
		AND table_name NOT LIKE 'river%' AND table_name NOT IN ('inbox', 'lanes')`)
	if err != nil {
		return nil, err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, name := range tables {
		var sum string
		err := w.db.QueryRow(ctx, `SELECT count(*) || ' rows, ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM `+pgx.Identifier{name}.Sanitize()+` t`).Scan(&sum)
		if err != nil {
			return nil, err
		}
		all[name] = sum
	}
	var tasks string
	if err := w.db.QueryRow(ctx, `SELECT coalesce(string_agg(kind || ' ' || (args ->> 'detail'), ', ' ORDER BY id), '') FROM river_job WHERE finalized_at IS NULL`).Scan(&tasks); err != nil {
		return nil, err
	}
	all["tasks that wait"] = tasks
	all["objects of the cluster"] = strings.Join(inCluster(w), "\n")
	all["pull requests"] = fmt.Sprint(len(w.github.Pulls(crashRepo)))
	for _, method := range []string{http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete} {
		all[method+" to GitHub"] = fmt.Sprint(w.github.Count(method, "*"))
	}
	return all, nil
}
