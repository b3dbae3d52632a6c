package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/handlers"
)

// measuredDays are how many days are measured before a way is at its end.
const measuredDays = 3

// approval is the trip from the first click to the third verified day.
var approval = trip{
	name: "From the first click to the third verified day", begin: foundWorld, way: (*world).approved, rows: approvalRows, once: approvalOnce, outside: onGitHub, wrong: wrongOnGitHub,
	tasks: func(ctx context.Context, w *world) ([]engine.Task, error) {
		var proposal int64
		err := w.db.QueryRow(ctx, `SELECT max(id) FROM proposal`).Scan(&proposal)
		id := engine.FollowDetail(proposal, false)
		return []engine.Task{
			{Kind: engine.TaskDraft, Detail: "1"},
			{Kind: engine.TaskPropose, Detail: id},
			{Kind: engine.TaskFollow, Detail: id},
			{Kind: engine.TaskFollow, Detail: engine.FollowDetail(proposal, true)},
			{Kind: engine.TaskMeasure},
		}, err
	},
}

// approved goes the way of an approval. The process may be cut off anywhere on it: another one takes over, and the world goes on as if
// nothing had been.
func (w *world) approved(ctx context.Context) error {
	if err := w.start(ctx); err != nil { // what every process does first
		return err
	}
	for _, who := range []string{"U0ANA", "U0BEN"} {
		if err := w.approve(ctx, who); err != nil {
			return fmt.Errorf("%s approves: %w", who, err)
		}
	}
	if err := w.allTaken(ctx); err != nil {
		return err
	}
	if err := w.until(ctx, proposalIs(`status = 'opened'`)); err != nil {
		return err
	}
	pulls := w.github.Pulls(crashRepo)
	if len(pulls) == 0 {
		return fmt.Errorf("the proposal is opened, and GitHub has no pull request")
	}
	w.wait(w.now().Add(time.Hour))
	if err := w.scan(ctx); err != nil { // it finds the same still
		return err
	}
	if err := w.github.SetCheck(crashRepo, pulls[0].HeadSHA, "kubeconform", "success"); err != nil {
		return err
	}
	w.webhook(ctx)
	if err := w.until(ctx, proposalIs(`pull ->> 'checks' = 'passing'`)); err != nil {
		return err
	}
	if err := w.github.Merge(crashRepo, "ana-github", pulls[0].Number, "squash"); err != nil {
		return err
	}
	w.webhook(ctx)
	if err := w.until(ctx, proposalIs(`status = 'merged'`)); err != nil {
		return err
	}
	w.arrive()
	if err := w.until(ctx, proposalIs(`status = 'deployed'`)); err != nil {
		return err
	}
	day := w.now().Truncate(24 * time.Hour)
	w.wait(w.now().Add(time.Hour))
	if err := w.scan(ctx); err != nil { // nothing is wasted any more
		return err
	}
	for n := range measuredDays { // the day of the change is none of them
		w.wait(day.AddDate(0, 0, n+2).Add(4 * time.Hour))
		if err := errors.Join(w.hourly(ctx), w.work(ctx)); err != nil {
			return err
		}
	}
	return w.until(ctx, proposalIs(`status = 'verified'`))
}

// errCut means that the process was cut off while it did something; another one is there now.
var errCut = errors.New("the process was cut off")

// do has the process do something. Where it is cut off meanwhile, the next one is started, and it fails with errCut.
func (w *world) do(ctx context.Context, doing string, f func(context.Context, *process) error) error {
	p := w.p
	p.gate.begin(doing)
	err := f(p.ctx, p)
	if !p.gate.isGone() {
		return err
	}
	p.close()
	w.restarts++
	if w.p, err = newProcess(ctx, w.nature, 0, false); err != nil {
		return err
	}
	// River finds out that the worker is gone, and has its tasks done again.
	if _, err := w.db.Exec(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running'`); err != nil {
		return err
	}
	if err := w.start(ctx); err != nil {
		return fmt.Errorf("after a restart: %w", err)
	}
	return errCut
}

// start does what the bot does when it starts: the payloads that nobody finished, and the tasks that are done every hour.
func (w *world) start(ctx context.Context) error {
	for {
		var left int
		if err := w.db.QueryRow(ctx, `SELECT count(*) FROM inbox WHERE finished_at IS NULL`).Scan(&left); err != nil {
			return err
		}
		if left == 0 {
			break
		}
		var list []engine.Payload
		err := w.do(ctx, "inbox", func(ctx context.Context, p *process) (err error) {
			list, err = p.st.Abandoned(ctx, 10, claim)
			return err
		})
		for _, payload := range list {
			if err == nil {
				_, err = w.handle(ctx, payload)
			}
		}
		if err != nil && !errors.Is(err, errCut) && !isRefusal(err) {
			return err
		}
	}
	w.periodic = time.Time{}
	return w.hourly(ctx)
}

// hourly does the tasks that River starts by the hour, if an hour is over.
func (w *world) hourly(ctx context.Context) error {
	if w.now().Sub(w.periodic) < time.Hour {
		return nil
	}
	w.periodic = w.now()
	for _, kind := range []engine.TaskKind{engine.TaskSweep, engine.TaskMeasure} {
		err := w.do(ctx, string(kind), func(ctx context.Context, p *process) error {
			if kind == engine.TaskSweep {
				return p.st.Sweep(ctx)
			}
			return p.tasks[kind](ctx, engine.Task{Kind: kind, Attempt: 1})
		})
		if errors.Is(err, errCut) {
			return nil // the next process has done them
		}
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

// claim is how long a payload is held by the process that received it: short, for a world has no time to lose.
const claim = time.Millisecond

// pressed is one of a click and a window that was sent in.
type pressed struct {
	Click      *engine.Click
	Submission *engine.Submission
}

// press is what Slack sends. A payload that is not acknowledged is lost for Slack, and the person is told.
func (w *world) press(ctx context.Context, do pressed) (reply engine.Reply, acknowledged bool, err error) {
	w.presses++
	data, err := json.Marshal(do)
	if err != nil {
		return reply, false, err
	}
	payload := engine.Payload{ID: fmt.Sprintf("press-%d", w.presses), Kind: engine.PayloadInteraction, Body: data, At: w.now()}
	err = w.do(ctx, "receive", func(ctx context.Context, p *process) error {
		_, err := p.st.Receive(ctx, payload, claim)
		return err
	})
	if err != nil {
		return reply, false, err
	}
	reply, err = w.handle(ctx, payload)
	return reply, true, err
}

// handle does what a payload asks for, and has it kept that this was done. The id of the payload is that of the decision.
func (w *world) handle(ctx context.Context, payload engine.Payload) (reply engine.Reply, err error) {
	var refused error
	err = w.do(ctx, string(payload.Kind), func(ctx context.Context, p *process) (err error) {
		reply, err = p.take(ctx, payload)
		if isRefusal(err) {
			refused, err = err, nil
		}
		return err
	})
	if err != nil {
		return reply, err
	}
	err = w.do(ctx, "finish", func(ctx context.Context, p *process) error { return p.st.Finish(ctx, payload.ID, "") })
	return reply, errors.Join(err, refused)
}

// isRefusal tells whether an error is an answer to the person.
func isRefusal(err error) bool {
	return slices.Contains([]engine.Code{engine.Invalid, engine.NotFound, engine.Conflict, engine.Forbidden}, engine.CodeOf(err))
}

// take hands a payload to the handlers.
func (p *process) take(ctx context.Context, payload engine.Payload) (engine.Reply, error) {
	var do pressed
	if err := json.Unmarshal(payload.Body, &do); err != nil {
		return engine.Reply{}, err
	}
	if do.Click != nil {
		do.Click.ID = payload.ID
		return p.Click(ctx, *do.Click)
	}
	do.Submission.ID = payload.ID
	return p.Submit(ctx, *do.Submission)
}

// approve has a person open the plan on the card and send it in, again until Slack says that it was taken.
func (w *world) approve(ctx context.Context, who string) error {
	by, card := engine.Person{ID: who, Name: who}, engine.GroupButton{Group: 1}.Value()
	for range 10 {
		reply, _, err := w.press(ctx, pressed{Click: &engine.Click{By: by, Action: string(engine.ActionApprove), Value: card}})
		switch {
		case errors.Is(err, errCut):
			continue // no window came
		case engine.CodeOf(err) == engine.Conflict && w.restarts > 0:
			return nil // it is approved already: what was sent in before was taken after all
		case err != nil:
			return err
		case reply.Plan == nil:
			return fmt.Errorf("no plan is shown: %+v", reply)
		}
		s := engine.Submission{By: by, Form: engine.FormApprove, Subject: card, Values: map[string]string{}}
		if p := reply.Plan.Proposal; p != nil {
			s.Subject = engine.ProposalButton{Proposal: p.ID, Hash: p.Hash}.Value()
		}
		var refs []string
		for _, i := range reply.Plan.Items {
			refs = append(refs, i.Ref())
		}
		s.Values[engine.FieldItems] = strings.Join(refs, ",")
		_, taken, err := w.press(ctx, pressed{Submission: &s})
		switch {
		case taken && (err == nil || errors.Is(err, errCut)):
			return nil
		case !errors.Is(err, errCut):
			return err
		}
	}
	return errors.New("ten times over no window came")
}

// webhook tells the bot that something happened to the pull request. GitHub does not say it twice.
func (w *world) webhook(ctx context.Context) {
	decode := func(http.Header, []byte) (handlers.ForgeEvent, error) {
		return handlers.ForgeEvent{Repo: crashRepo, Number: 1}, nil
	}
	_ = w.do(ctx, "webhook", func(ctx context.Context, p *process) error {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/webhooks/github", strings.NewReader("{}"))
		p.ForgeWebhook(decode).ServeHTTP(httptest.NewRecorder(), r)
		return nil
	})
}

// allTaken fails where a payload waits for somebody, or was given up.
func (w *world) allTaken(ctx context.Context) error {
	var lost int
	if err := w.db.QueryRow(ctx, `SELECT count(*) FROM inbox WHERE finished_at IS NULL OR problem <> ''`).Scan(&lost); err != nil {
		return err
	}
	if lost > 0 {
		return fmt.Errorf("%d payloads are left or were given up", lost)
	}
	return nil
}

// proposalIs asks whether a proposal is so.
func proposalIs(so string) string { return `SELECT EXISTS (SELECT FROM proposal WHERE ` + so + `)` }

// until has the tasks done that are due, and lets time pass to the next one, until a query gives true.
func (w *world) until(ctx context.Context, so string) error {
	for range 200 {
		if err := w.work(ctx); err != nil {
			return err
		}
		var is bool
		var next *time.Time
		err := w.db.QueryRow(ctx, `SELECT (`+so+`), (SELECT min(scheduled_at) FROM river_job WHERE state IN ('scheduled', 'retryable'))`).Scan(&is, &next)
		if err != nil || is {
			return err
		}
		soon := w.now().Add(time.Hour)
		if next != nil && next.Before(soon) {
			soon = *next
		}
		w.wait(soon)
		if err := w.hourly(ctx); err != nil {
			return err
		}
	}
	var proposals string
	err := w.db.QueryRow(ctx, `SELECT coalesce(string_agg(status || ' ' || reason, '; ' ORDER BY id), 'none') FROM proposal`).Scan(&proposals)
	return fmt.Errorf("it is never so that %s; the proposals are: %s (%w)", so, proposals, errors.Join(err, ctx.Err()))
}

// work does the tasks that are due, one after the other, as River would.
func (w *world) work(ctx context.Context) error {
	for n := 0; ; n++ {
		if n == 500 {
			return errors.New("500 tasks in a row: they never end")
		}
		var id int64
		var attempt int
		var t engine.Task
		err := w.db.QueryRow(ctx, `SELECT id, kind, coalesce((args ->> 'incident_id')::bigint, 0), coalesce(args ->> 'detail', ''), attempt FROM river_job
			WHERE state = 'available' OR state IN ('scheduled', 'retryable') AND scheduled_at <= $1 ORDER BY id LIMIT 1`, w.now()).
			Scan(&id, &t.Kind, &t.IncidentID, &t.Detail, &attempt)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		t.Attempt = attempt + 1
		if err := w.task(ctx, id, t); err != nil && !errors.Is(err, errCut) {
			return fmt.Errorf("%s %s: %w", t.Kind, t.Detail, err)
		}
	}
}

// task does one task. What River writes of it are steps too.
func (w *world) task(ctx context.Context, id int64, t engine.Task) error {
	river := func(p *process, sql string, args ...any) error {
		return p.gate.through(ctx, "River", func(ctx context.Context) error {
			_, err := w.db.Exec(ctx, sql, args...)
			return err
		})
	}
	return w.do(ctx, string(t.Kind), func(ctx context.Context, p *process) error {
		if err := river(p, `UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = now() WHERE id = $1`, id); err != nil {
			return err
		}
		handle := p.tasks[t.Kind]
		if handle == nil {
			return errors.New("nobody does such a task")
		}
		err := handle(ctx, t)
		if p.gate.isGone() {
			return errGone
		}
		wait, waits := errors.AsType[*engine.Waiting](err)
		switch code := engine.CodeOf(err); {
		case err == nil:
			return river(p, `UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = $1`, id)
		case waits:
			return river(p, `UPDATE river_job SET state = 'scheduled', attempt = attempt - 1, scheduled_at = $2 WHERE id = $1`, id, w.now().Add(wait.For))
		case code == engine.Unavailable:
			w.retried++
			return river(p, `UPDATE river_job SET state = 'retryable', scheduled_at = $2 WHERE id = $1`, id, w.now().Add(time.Second))
		default:
			return errors.Join(err, river(p, `UPDATE river_job SET state = 'cancelled', finalized_at = now() WHERE id = $1`, id))
		}
	})
}
