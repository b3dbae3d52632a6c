package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

// trial is an experiment that waits for a yes.
func trial(pods int) engine.Experiment {
	e := engine.Experiment{
		ID: 7, Cluster: "prod-eu", Title: "kill of shop/api", Status: engine.ExperimentPlanned, Hash: "9f86d081884c", Channel: "#incidents", Version: 1,
		Strikes: []engine.Strike{{Fault: engine.FaultKill, Namespace: "shop", Workload: "Deployment/api"}},
	}
	for n := range pods {
		pod := engine.ObjectRef{Kind: "Pod", Namespace: "shop", Name: fmt.Sprintf("api-%d-%s", n, strings.Repeat("x", 200))}
		e.Strikes[0].Targets = append(e.Strikes[0].Targets, engine.Victim{Object: pod, Node: "n1", Mechanism: engine.ByEviction})
	}
	return e
}

func trialCard(version int64) engine.Message {
	return engine.Message{Key: engine.ExperimentKey(7), Kind: engine.MessageExperiment, Subject: 7, Channel: "#incidents", Version: version}
}

// TestExperimentFromDryRunToGrade goes all the way of a card: the same message throughout, its buttons as they apply, the grade in its
// thread with the way to the incident.
func TestExperimentFromDryRunToGrade(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	e := trial(2)
	r.content.perform(e)
	r.content.put(engine.Incident{ID: 42, Thread: engine.Thread{Channel: "C0OPS", TS: "1763781125.000100"}})
	r.outbox.want(trialCard(1))
	r.start()
	r.delivered(engine.ExperimentKey(7), 1)
	first := r.once("#incidents", engine.ExperimentKey(7))
	r.press("ana", first, "chaos", "")
	r.eventually("the click arrives", func() bool { _, clicks, _, _ := r.handler.asked(); return clicks == 1 })
	r.handler.mu.Lock()
	click := r.handler.clicks[0]
	r.handler.mu.Unlock()
	if b, err := engine.ParseExperiment(click.Value); err != nil || click.Action != string(engine.ActionChaos) || b != (engine.ExperimentButton{Experiment: 7, Hash: e.Hash}) {
		t.Errorf("click %+v: %v", click, err)
	}

	e.Status, e.StartedAt, e.OverAt, e.Ending, e.Version = engine.ExperimentOver, time.Unix(1, 0), time.Unix(2, 0), engine.EndedInTime, 2
	e.Grade = &engine.Grade{At: time.Unix(9, 0), Detected: true, DetectAfter: 3 * time.Second, IncidentID: 42, False: []int64{99}, Rank: 1, Clean: true, Counts: true}
	r.content.perform(e)
	grade := trialCard(1)
	grade.Key, grade.Kind, grade.ThreadKey = engine.ExperimentKey(7)+"/grade", engine.MessageGrade, engine.ExperimentKey(7)
	r.outbox.want(trialCard(2), grade)
	r.delivered(engine.ExperimentKey(7), 2)
	r.delivered(grade.Key, 1)
	card := r.once("#incidents", engine.ExperimentKey(7))
	if card.TS != first.TS || !strings.Contains(card.Text, "Noticed after 3 s") {
		t.Errorf("card %q at %s, first at %s", card.Text, card.TS, first.TS)
	}
	for _, b := range card.Blocks {
		if b["type"] == "actions" {
			t.Errorf("a graded card has buttons: %v", b)
		}
	}
	thread := r.once("#incidents", grade.Key)
	if shown := fmt.Sprint(thread.Blocks); thread.ThreadTS != card.TS || !strings.Contains(shown, "p1763781125000100|incident 42>") || !strings.Contains(shown, "incident 99") {
		t.Errorf("grade %+v", thread)
	}
	r.noViolations()
}

// TestManyTargetsAreAFile: what a card cannot hold is uploaded beside it.
func TestManyTargetsAreAFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.perform(trial(60))
	r.outbox.want(trialCard(1))
	r.start()
	r.delivered(engine.ExperimentKey(7), 1)
	card := r.once("#incidents", engine.ExperimentKey(7))
	if names := pictures(r.thread("#incidents", card.TS)); len(names) != 1 || names[0] != "experiment-7-targets.txt" {
		t.Errorf("files %q", names)
	}
	r.noViolations()
}

// TestGradeThatIsNotThereIsDropped: a message of what does not exist is given up, not tried for ever.
func TestGradeThatIsNotThereIsDropped(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.outbox.want(trialCard(1))
	r.start()
	r.eventually("it is dropped", func() bool { return r.outbox.get(engine.ExperimentKey(7)).dropped })
}
