package view_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

func TestExperimentGolden(t *testing.T) {
	list := engine.ExperimentList{At: t0, Worker: t0, Experiments: []engine.Experiment{under(), dry(), noticed(), missed(), vetoed(), control()}}
	few := trusted()
	few.All.Detected, few.Lines, few.Before, few.Misses, few.Reliable, few.Controls = share(3, 3, 0.44, 1), few.Lines[:1], nil, nil, nil, engine.Share{}
	golden(t, map[string]any{
		"experiment_asked":    view.Experiment(asked(), nil, workspace),
		"experiment_planned":  view.Experiment(dry(), nil, workspace),
		"experiment_refused":  view.Experiment(vetoed(), nil, workspace),
		"experiment_running":  view.Experiment(under(), nil, workspace),
		"experiment_over":     view.Experiment(ended(), nil, workspace),
		"experiment_noticed":  view.Experiment(noticed(), threads, workspace),
		"experiment_missed":   view.Experiment(missed(), threads, workspace),
		"experiment_control":  view.Experiment(control(), nil, workspace),
		"experiment_grade":    must(view.ExperimentGrade(noticed(), threads, workspace)),
		"experiment_graded_0": must(view.ExperimentGrade(missed(), threads, workspace)),
		"reply_chaos":         view.Reply(engine.Reply{Chaos: &list}, workspace),
		"reply_chaos_empty":   view.Reply(engine.Reply{Chaos: &engine.ExperimentList{At: t0}}, workspace),
		"reply_chaos_one":     view.Reply(engine.Reply{Chaos: &engine.ExperimentList{At: t0, Worker: t0, Experiments: []engine.Experiment{noticed()}}}, workspace),
		"modal_chaos":         view.Modal(chaosForm(), `{"s":""}`),
		"modal_chaos_delete":  view.Modal(engine.Form{Name: engine.FormChaosDelete, Subject: "x7:9f86", Title: "Delete pods?", Submit: "Delete them", Text: "kill of shop/api. A plain delete does not ask disruption budgets."}, `{"s":"x7:9f86"}`),
		"reply_trust":         view.Reply(engine.Reply{Scorecard: new(trusted())}, workspace),
		"reply_trust_few":     view.Reply(engine.Reply{Scorecard: &few}, workspace),
		"reply_trust_none":    view.Reply(engine.Reply{Scorecard: &engine.Scorecard{}}, workspace),
	})
}

// chaosForm is the window for an experiment with several faults.
func chaosForm() engine.Form {
	return engine.Form{
		Name: engine.FormChaos, Title: "Experiment", Submit: "Plan it", Text: "Nothing is done before somebody confirms the plan on its card.",
		Fields: []engine.Field{
			{Name: engine.FieldCluster, Label: "Cluster", Kind: engine.FieldSelect, Options: []engine.Option{{Value: "prod-eu", Label: "prod-eu"}}, Value: "prod-eu"},
			{
				Name: engine.FieldSteps, Label: "Faults", Multiline: true, MaxLength: 2000, Hint: "One a line, as behind /autopilot chaos; -after says when it begins.",
				Placeholder: "network-lag shop/cart -delay 200ms -duration 2m\nkill shop/api -count 1 -after 30s",
			},
			{Name: engine.FieldCause, Label: "Cause that should be found", Optional: true, MaxLength: 150, Placeholder: "oom_*, evicted"},
		},
	}
}

// TestExampleKeepsItsLines: two faults in one line would be read as one.
func TestExampleKeepsItsLines(t *testing.T) {
	for _, b := range view.Modal(chaosForm(), "").Blocks.BlockSet {
		input, ok := b.(*slack.InputBlock)
		if !ok || input.BlockID != engine.FieldSteps {
			continue
		}
		element, ok := input.Element.(*slack.PlainTextInputBlockElement)
		if !ok || !element.Multiline || strings.Count(element.Placeholder.Text, "\n") != 1 || units(element.Placeholder.Text) > 150 {
			t.Errorf("the faults are asked for by %+v", input.Element)
		}
		return
	}
	t.Error("nobody asks for the faults")
}

func TestExperimentButtons(t *testing.T) {
	confirmed := dry()
	confirmed.Status = engine.ExperimentConfirmed
	blocked := dry()
	blocked.Refusals = []engine.Refusal{{Blocker: "quiet", Text: "quiet hours until 8:00"}}
	denied := dry()
	denied.Strikes[0].Targets[0].Refused = "the disruption budget allows none"
	for _, of := range []struct {
		name string
		e    engine.Experiment
		want []string
	}{
		{"asked", asked(), []string{"chaos_cancel"}},
		{"planned", dry(), []string{"chaos", "chaos_cancel"}},
		{"planned, but blocked", blocked, []string{"chaos_cancel"}},
		{"planned, but the API server says no", denied, []string{"chaos_cancel"}},
		{"refused", vetoed(), nil},
		{"confirmed", confirmed, []string{"chaos_stop", "chaos_stop:all"}},
		{"running", under(), []string{"chaos_stop", "chaos_stop:all"}},
		{"over", ended(), nil},
		{"graded", noticed(), nil},
	} {
		if got := actionsOf(view.Experiment(of.e, nil, workspace)); !slices.Equal(got, of.want) {
			t.Errorf("%s: buttons %q, want %q", of.name, got, of.want)
		}
	}
}

// TestExperimentButtonsSayWhat goes from each button back to what it stands for.
func TestExperimentButtonsSayWhat(t *testing.T) {
	for _, e := range []engine.Experiment{dry(), under()} {
		for _, b := range buttonsOf(view.Experiment(e, nil, workspace)) {
			got, err := engine.ParseExperiment(b.Value)
			if err != nil {
				t.Fatal(err)
			}
			want := engine.ExperimentButton{Experiment: e.ID, Hash: e.Hash}
			switch b.ActionID {
			case string(engine.ActionChaosStop):
				want.Hash = ""
			case string(engine.ActionChaosStop) + ":all":
				want = engine.ExperimentButton{}
			}
			if got != want {
				t.Errorf("%s stands for %+v, want %+v", b.ActionID, got, want)
			}
			if b.ActionID == string(engine.ActionChaos) && (b.Confirm == nil || b.Style != slack.StyleDanger) {
				t.Errorf("%s asks nobody: %+v", b.ActionID, b)
			}
			if strings.HasPrefix(b.ActionID, string(engine.ActionChaosStop)) && b.Confirm != nil {
				t.Errorf("%s asks again", b.ActionID)
			}
		}
	}
}

func buttonsOf(m view.Message) (all []*slack.ButtonBlockElement) {
	for _, b := range m.Blocks {
		if block, ok := b.(*slack.ActionBlock); ok {
			for _, e := range block.Elements.ElementSet {
				if button, ok := e.(*slack.ButtonBlockElement); ok {
					all = append(all, button)
				}
			}
		}
	}
	return all
}

// TestForcedKillAsksTwice: the first question of a plain delete says that there is a second.
func TestForcedKillAsksTwice(t *testing.T) {
	e := dry()
	e.Strikes[0].Fault, e.Strikes[0].Dose = engine.FaultKill, engine.Dose{Force: true}
	b := buttonsOf(view.Experiment(e, nil, workspace))[0]
	if b.ActionID != string(engine.ActionChaos) || !strings.Contains(b.Confirm.Text.Text, "once more") || !strings.Contains(b.Confirm.Text.Text, "disruption budgets") {
		t.Errorf("%+v asks %q", b, b.Confirm.Text.Text)
	}
}

// TestStopIsAboveWhatMayBeLong: who must stop it does not scroll.
func TestStopIsAboveWhatMayBeLong(t *testing.T) {
	e := under()
	for n := range 60 {
		e.Blows = append(e.Blows, engine.Blow{Target: victim(fmt.Sprintf("api-%d", n), "n", engine.ByAgent, ""), Began: t0})
	}
	m := view.Experiment(e, nil, workspace)
	if at := slices.IndexFunc(m.Blocks, func(b slack.Block) bool { return b.BlockType() == slack.MBTAction }); at != 2 {
		t.Errorf("STOP is block %d of %d", at+1, len(m.Blocks))
	}
}

// TestSixtyTargets: each is on the card or in the file, with all reasons of a plan with thirty.
func TestSixtyTargets(t *testing.T) {
	for _, long := range []int{10, 250} {
		e := dry()
		e.Strikes[0].Targets = nil
		for n := range 60 {
			pod := fmt.Sprintf("pod-%02d-%s", n, strings.Repeat("x", long))
			e.Strikes[0].Targets = append(e.Strikes[0].Targets, victim(pod, fmt.Sprintf("node-%d", n%12), engine.ByAgent, "because"))
		}
		m := view.Experiment(e, nil, workspace)
		checkDrawing(t, "sixty", m)
		shown := said(t, m)
		if len(m.Files) > 0 {
			shown += m.Files[0].Content
		} else if long > 100 {
			t.Error("there is no file with what does not fit")
		}
		for n := range 60 {
			if pod := fmt.Sprintf("pod-%02d-%s", n, strings.Repeat("x", long)); !strings.Contains(shown, pod) {
				t.Errorf("%.20s is neither on the card nor in a file", pod)
			}
		}
		if !strings.Contains(said(t, m), "60 pods in shop") {
			t.Error("it does not say how many")
		}
		for n := range 30 {
			e.Refusals = append(e.Refusals, engine.Refusal{Blocker: fmt.Sprint("b", n), Text: strings.Repeat("why ", 90)})
		}
		e.Status = engine.ExperimentRefused
		checkDrawing(t, "sixty refused", view.Experiment(e, nil, workspace))
		e.Status = engine.ExperimentPlanned
		checkDrawing(t, "sixty that may not", view.Experiment(e, nil, workspace))
	}
}

// everyExperiment draws all that is drawn of an experiment.
func everyExperiment(e engine.Experiment) map[string]view.Message {
	out := map[string]view.Message{}
	for _, status := range []engine.ExperimentStatus{
		engine.ExperimentAsked, engine.ExperimentPlanned, engine.ExperimentRefused, engine.ExperimentConfirmed, engine.ExperimentRunning, engine.ExperimentOver, e.Status,
	} {
		at, ungraded := e, e
		at.Status, ungraded.Status, ungraded.Grade = status, status, nil
		out[string(status)+" graded"] = view.Experiment(at, threads, workspace)
		out[string(status)] = view.Experiment(ungraded, threads, workspace)
	}
	if m, err := view.ExperimentGrade(e, threads, workspace); err == nil {
		out["grade"] = m
	}
	out["reply list"] = view.Reply(engine.Reply{Chaos: &engine.ExperimentList{At: t0, Experiments: slices.Repeat([]engine.Experiment{e}, 16)}}, workspace)
	return out
}

func hostileVictim(t *rapid.T) engine.Victim {
	return engine.Victim{
		Workload: engine.Workload{Cluster: text(t), Namespace: text(t), Name: text(t)}, Object: engine.ObjectRef{Namespace: text(t), Name: text(t)},
		Container: text(t), Node: text(t), Mechanism: engine.Mechanism(text(t)), Why: text(t), Refused: text(t),
	}
}

func hostileExperiment(t *rapid.T) engine.Experiment {
	e := engine.Experiment{
		ID: rapid.Int64().Draw(t, "id"), Cluster: text(t), Title: text(t), Command: text(t), Status: engine.ExperimentStatus(text(t)), Seed: 1, By: somebody(t), StopBy: somebody(t),
		AskedAt: moment(t), StartedAt: moment(t), EndsAt: moment(t), OverAt: moment(t), StopAt: moment(t), Expires: moment(t), Schedule: text(t), Text: text(t), Hash: rapid.StringMatching(`[0-9a-f]{0,64}`).Draw(t, "hash"),
		Ending: engine.Ending(rapid.SampledFrom([]string{"in_time", "stopped", "alarm", "failed", "orphaned", "x"}).Draw(t, "ending")), StopOn: some(t, 9, text),
		Expect:   engine.Expectation{Workloads: some(t, 5, func(t *rapid.T) engine.Workload { return engine.Workload{Name: text(t)} }), Causes: some(t, 5, text), Nothing: rapid.Bool().Draw(t, "control")},
		Refusals: some(t, 6, func(t *rapid.T) engine.Refusal { return engine.Refusal{Blocker: text(t), Text: text(t)} }),
		Steady: some(t, 30, func(t *rapid.T) engine.Steadiness {
			return engine.Steadiness{Text: text(t), OK: rapid.Bool().Draw(t, "ok")}
		}),
		Need: engine.ApprovalNeed{People: rapid.IntRange(0, 3).Draw(t, "people"), Roles: some(t, 9, text), NotProposer: true},
		Approvals: some(t, 9, func(t *rapid.T) engine.Approval {
			return engine.Approval{By: somebody(t), At: moment(t), Role: text(t)}
		}),
	}
	e.Strikes = some(t, 3, func(t *rapid.T) engine.Strike {
		return engine.Strike{
			Fault: rapid.SampledFrom(append([]engine.Fault{engine.Fault(text(t))}, engine.Faults...)).Draw(t, "fault"), Namespace: text(t), Workload: text(t), Selector: text(t), Node: text(t),
			Dose:  engine.Dose{CPU: rapid.Float64().Draw(t, "cpu"), Delay: time.Duration(rapid.Int64().Draw(t, "delay")), Rate: rapid.Int64().Draw(t, "rate"), Names: some(t, 9, text), Force: rapid.Bool().Draw(t, "force")},
			After: time.Duration(rapid.Int64().Draw(t, "after")), Duration: time.Duration(rapid.Int64().Draw(t, "for")), Targets: some(t, 8, hostileVictim),
		}
	})
	e.Blows = some(t, 8, func(t *rapid.T) engine.Blow {
		return engine.Blow{Strike: rapid.IntRange(-1, 9).Draw(t, "strike"), Target: hostileVictim(t), Began: moment(t), Ended: moment(t), Clean: rapid.Bool().Draw(t, "clean"), Outcome: text(t)}
	})
	e.Grade = &engine.Grade{
		At: moment(t), Detected: rapid.Bool().Draw(t, "detected"), IncidentID: rapid.Int64().Draw(t, "incident"), DetectAfter: time.Duration(rapid.Int64().Draw(t, "after")),
		Cause: text(t), Rank: rapid.IntRange(0, 4).Draw(t, "rank"), Alerts: some(t, 20, text), False: some(t, 20, func(t *rapid.T) int64 { return rapid.Int64().Draw(t, "false") }),
		Recovered: rapid.Bool().Draw(t, "recovered"), Clean: rapid.Bool().Draw(t, "clean"), Counts: rapid.Bool().Draw(t, "counts"), Text: text(t),
	}
	return e
}

func TestHostileExperimentsKeepLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for name, m := range everyExperiment(hostileExperiment(t)) {
			checkDrawing(t, name, m)
		}
	})
}

func hostileScorecard(t *rapid.T) engine.Scorecard {
	share := func() engine.Share {
		of := rapid.IntRange(0, 50).Draw(t, "of")
		return engine.Share{Of: of, Hits: rapid.IntRange(0, of).Draw(t, "hits"), Low: rapid.Float64Range(0, 1).Draw(t, "low"), High: rapid.Float64Range(0, 1).Draw(t, "high")}
	}
	line := func(t *rapid.T) engine.ScoreLine {
		return engine.ScoreLine{
			Fault: engine.Fault(text(t)), Detected: share(), Top1: share(), Top3: share(), StepRight: share(), ByWatch: share(), ByAlert: share(),
			Median: time.Duration(rapid.Int64().Draw(t, "median")), P95: time.Duration(rapid.Int64().Draw(t, "p95")), Recovery: time.Duration(rapid.Int64().Draw(t, "recovery")),
		}
	}
	s := engine.Scorecard{From: moment(t), To: moment(t), All: line(t), Lines: some(t, 10, line), Controls: share(), Stranded: share()}
	if rapid.Bool().Draw(t, "trend") {
		s.Before = new(line(t))
	}
	s.Misses = some(t, 15, func(t *rapid.T) engine.Miss {
		return engine.Miss{Experiment: rapid.Int64().Draw(t, "experiment"), Incident: rapid.Int64().Draw(t, "incident"), Title: text(t), Text: text(t), Thread: engine.Thread{Channel: text(t), TS: text(t)}}
	})
	s.Reliable = some(t, 10, func(*rapid.T) engine.Reliability { return engine.Reliability{Low: 0.1, High: 0.2, Right: share()} })
	return s
}

func TestHostileScorecardsKeepLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := hostileScorecard(t)
		checkDrawing(t, "reply trust", view.Reply(engine.Reply{Scorecard: &s}, workspace))
	})
}

// TestTrustSaysHowLittleFewRunsSay, and calls nothing better or worse that may be chance.
func TestTrustSaysHowLittleFewRunsSay(t *testing.T) {
	shown := func(s engine.Scorecard) string { return said(t, view.Reply(engine.Reply{Scorecard: &s}, workspace)) }
	few, better, worse := trusted(), trusted(), trusted()
	few.All.Detected = share(3, 3, 0.44, 1)
	better.Before.Detected, worse.Before.Detected = share(5, 36, 0.06, 0.29), share(360, 360, 0.995, 1)
	for _, of := range []struct {
		name, want, not string
		s               engine.Scorecard
	}{
		{"many", "No difference that could not be chance", "say little", trusted()},
		{"few", "3 runs say little: the true share may well be anywhere from 44 % to 100 %", "Fewer than 10", few},
		{"better", "*Better.*", "chance.", better},
		{"worse", "*Worse.*", "chance.", worse},
	} {
		if got := shown(of.s); !strings.Contains(got, of.want) || strings.Contains(got, of.not) {
			t.Errorf("%s: want %q and not %q", of.name, of.want, of.not)
		}
	}
}

func TestExperimentWithoutGradeHasNone(t *testing.T) {
	if _, err := view.ExperimentGrade(under(), nil, workspace); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("error %v", err)
	}
}
