package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

// savings is a group with one chart.
func savings(id int64) engine.FindingGroup {
	w := engine.Workload{Cluster: "prod-eu", Namespace: "payments", Kind: "Deployment", Name: "api"}
	values := make([]float64, 168)
	for n := range values {
		values[n] = float64(n%24) / 100
	}
	return engine.FindingGroup{ID: id, Cluster: "prod-eu", Title: "payments/api", Monthly: 93 * engine.USD, Findings: []engine.Finding{{
		ID: 1, Kind: engine.OverRequestedCPU, Target: engine.Target{Workload: w, Container: "app"}, Monthly: 93 * engine.USD, Status: engine.FindingOpen,
		Basis: engine.PriceBasis{Source: engine.PriceList}, Risk: engine.RiskLow, Confidence: 0.9,
		Sizing: &engine.Sizing{Resource: engine.CPU, Old: 2000, New: 500, Chart: engine.Chart{
			Unit: "cores", Start: time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC), Step: time.Hour,
			Series: []engine.ChartSeries{{Name: "highest pod", Values: values}}, Lines: []engine.ChartLine{{Name: "proposed", Value: 0.5}},
		}},
	}}}
}

func savingsCard(id int64) engine.Message {
	return engine.Message{Key: engine.SavingsKey(id, 0), Kind: engine.MessageSavings, Subject: id, Channel: "#finops"}
}

func charts(m slack.Message) int {
	n := 0
	for _, b := range m.Blocks {
		if b["type"] == "data_visualization" {
			n++
		}
	}
	return n
}

func pictures(thread []slack.Message) []string {
	var names []string
	for _, m := range thread {
		for _, f := range m.Files {
			names = append(names, f.Name)
		}
	}
	return names
}

func TestSavingsCardHasItsChart(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.groups = map[int64]engine.FindingGroup{7: savings(7)}
	r.outbox.want(savingsCard(7))
	r.start()
	r.delivered(engine.SavingsKey(7, 0), 1)
	m := r.once("#finops", engine.SavingsKey(7, 0))
	if charts(m) != 1 || !strings.Contains(m.Text, "$93.00/month") || m.ReplyCount != 0 {
		t.Errorf("%d charts, %d replies, text %q", charts(m), m.ReplyCount, m.Text)
	}
	r.noViolations()
}

// TestSavingsWithoutCharts delivers twice to a workspace that has no charts: the card keeps all else, and there is one picture.
func TestSavingsWithoutCharts(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{NoCharts: true})
	r.content.groups = map[int64]engine.FindingGroup{7: savings(7)}
	r.outbox.want(savingsCard(7))
	r.start()
	r.delivered(engine.SavingsKey(7, 0), 1)
	again := savingsCard(7)
	again.Version = 2
	r.outbox.want(again)
	r.delivered(engine.SavingsKey(7, 0), 2)
	m := r.once("#finops", engine.SavingsKey(7, 0))
	if charts(m) != 0 || len(m.Blocks) < 4 {
		t.Errorf("%d charts in %d blocks; want the card without its chart", charts(m), len(m.Blocks))
	}
	names := pictures(r.thread("#finops", m.TS))
	if len(names) != 1 || !strings.HasPrefix(names[0], "savings-7-card-1-") || !strings.HasSuffix(names[0], ".png") {
		t.Errorf("pictures %q; want one", names)
	}
}

// TestACardOfBefore edits the card of an earlier round, while the one of now is posted.
func TestACardOfBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	g := savings(7)
	r.content.groups = map[int64]engine.FindingGroup{7: g}
	r.outbox.want(savingsCard(7))
	r.start()
	r.delivered(engine.SavingsKey(7, 0), 1)

	g.Round, g.Thread = 1, engine.Thread{Channel: "C9", TS: "1700000000.000100"}
	r.content.mu.Lock()
	r.content.groups[7] = g
	r.content.mu.Unlock()
	now, before := savingsCard(7), savingsCard(7)
	now.Key, now.Detail, before.Version = engine.SavingsKey(7, 1), 1, 2
	r.outbox.want(now)
	r.outbox.want(before)
	r.delivered(now.Key, 1)
	r.delivered(before.Key, 2)
	if m := r.once("#finops", now.Key); !strings.Contains(m.Text, "$93.00/month") {
		t.Errorf("the card of now says %q", m.Text)
	}
	if m := r.once("#finops", before.Key); !strings.Contains(m.Text, "came back") || strings.Contains(m.Text, "$93") || !strings.Contains(fmt.Sprint(m.Blocks), "/archives/C9/p1700000000000100") {
		t.Errorf("the card of before says %q: %v", m.Text, m.Blocks)
	}
	r.noViolations()
}

func TestDetailsOpenAWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	g := savings(7)
	r.handler.click = func(engine.Click) (engine.Reply, error) { return engine.Reply{Group: &g}, nil }
	r.start()
	r.press("ana", r.posted(), "acknowledge", "")
	r.eventually("the window is open", func() bool {
		open, err := r.control.Views(t.Context(), "ana")
		return err == nil && len(open) == 1
	})
	r.noViolations()
}

func TestFormOfEveryKind(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.handler.click = func(engine.Click) (engine.Reply, error) {
		return engine.Reply{Form: &engine.Form{Name: engine.FormSnooze, Subject: "g7", Title: "Snooze", Fields: []engine.Field{
			{Name: engine.FieldFinding, Label: "What", Kind: engine.FieldSelect, Value: "all", Options: []engine.Option{{Value: "all", Label: "all"}, {Value: "11", Label: "CPU"}}},
			{Name: engine.FieldUntil, Label: "Until", Kind: engine.FieldDate},
			{Name: engine.FieldReason, Label: "Why"},
		}}}, nil
	}
	sent := make(chan engine.Submission, 1)
	r.handler.submit = func(s engine.Submission) (engine.Reply, error) {
		sent <- s
		return engine.Reply{Text: "Snoozed"}, nil
	}
	r.start()
	r.press("ana", r.posted(), "acknowledge", "")
	var open []slack.View
	r.eventually("the modal is open", func() bool {
		var err error
		open, err = r.control.Views(t.Context(), "ana")
		return err == nil && len(open) == 1
	})
	_, err := r.control.Submit(t.Context(), "ana", open[0].ID, map[string]map[string]slack.Block{
		engine.FieldFinding: {engine.FieldFinding: {"type": "static_select", "selected_option": map[string]any{"text": map[string]any{"type": "plain_text", "text": "CPU"}, "value": "11"}}},
		engine.FieldUntil:   {engine.FieldUntil: {"type": "datepicker", "selected_date": "2026-12-01"}},
		engine.FieldReason:  {engine.FieldReason: {"type": "plain_text_input", "value": "sale"}},
	})
	r.must(err)
	got := <-sent
	for name, want := range map[string]string{engine.FieldFinding: "11", engine.FieldUntil: "2026-12-01", engine.FieldReason: "sale"} {
		if got.Values[name] != want {
			t.Errorf("%s is %q, want %q", name, got.Values[name], want)
		}
	}
}
