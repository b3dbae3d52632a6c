package view

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	cardStrange = 4 // lines
	cardTracks  = 2 // charts
)

// measured are the tracks of what the metrics say now, strangest first.
func measured(i engine.Incident) (tracks []engine.Track) {
	for _, s := range i.Signals {
		if s.Source == engine.SourceMetrics && s.Firing() {
			tracks = append(tracks, s.Tracks...)
		}
	}
	return tracks
}

// strange says what is not as it ever was.
func strange(i engine.Incident) []string {
	tracks := measured(i)
	if len(tracks) == 0 {
		return nil
	}
	return append([]string{"*Not as it ever was:*"}, list(tracks, cardStrange, func(t engine.Track) string {
		line := "• " + outside(cmp.Or(t.Reason, string(t.Measure)), 200)
		if !t.Since.IsZero() {
			line += ", since " + when(t.Since)
		}
		return line
	})...)
}

// trackCharts draws the strangest tracks, and adds them to a message.
func trackCharts(c *canvas, i engine.Incident) (charts []Chart) {
	tracks := measured(i)
	for n, t := range tracks[:min(cardTracks, len(tracks))] {
		chart := trackChart(i.Workload, t)
		if block, ok := chartBlock(blockID(engine.CardKey(i.ID), fmt.Sprintf("track%d", n)), chart); ok {
			c.add(block)
			charts = append(charts, chart)
		}
	}
	return charts
}

// trackChart puts a track on a grid of its own steps: where it has no point, nothing is known.
func trackChart(w engine.Workload, t engine.Track) Chart {
	unit, size := t.Measure.Unit()
	values := engine.Chart{Unit: unit}
	step := int64(0)
	for n := 1; n < len(t.Points); n++ {
		if apart := t.Points[n].At - t.Points[n-1].At; apart > 0 && (step == 0 || apart < step) {
			step = apart
		}
	}
	title := string(t.Measure) + " of " + cmp.Or(w.Name, w.String())
	if step == 0 {
		return Chart{Title: title, Values: values}
	}
	first := t.Points[0].At
	const most = 120
	n := min((t.Points[len(t.Points)-1].At-first)/step+1, most)
	first = t.Points[len(t.Points)-1].At - (n-1)*step
	row := slices.Repeat([]float64{engine.Missing}, int(n))
	for _, p := range t.Points {
		if at := (p.At - first + step/2) / step; p.At >= first && at < n {
			row[at] = p.Value / size
		}
	}
	values.Start, values.Step = time.Unix(first, 0).UTC(), time.Duration(step)*time.Second
	values.Series = []engine.ChartSeries{{Name: string(t.Measure), Values: row}}
	bound, name := t.High, "never above"
	if last := t.Points[len(t.Points)-1].Value; last < t.Low {
		bound, name = t.Low, "never below"
	}
	values.Lines = []engine.ChartLine{{Name: name, Value: bound / size}}
	return Chart{Title: title, Values: values}
}

// worthTelling asks whether what the metrics told was worth telling, where nothing else tells it, until somebody said so.
func worthTelling(i engine.Incident, key string) []slack.Block {
	if len(i.Signals) == 0 || slices.ContainsFunc(i.Signals, func(s engine.Signal) bool { return s.Source != engine.SourceMetrics }) {
		return nil
	}
	for _, v := range slices.Backward(i.Verdicts) {
		if v.Rule != engine.RuleAlarm {
			continue
		}
		if v.Right {
			return []slack.Block{context(person(v.By) + " says that this was worth telling.")}
		}
		return []slack.Block{context(person(v.By) + " says that this was not worth telling: such metrics of this workload are told only when further from what is usual.")}
	}
	answer := func(choice, label string) slack.BlockElement {
		value := engine.Button{Incident: i.ID, Choice: choice, Rule: engine.RuleAlarm}.Value()
		return slack.NewButtonBlockElement(string(engine.ActionVerdict)+actionEnd+choice, value, plainText(label, 75))
	}
	return []slack.Block{
		context("Was this worth telling?"),
		slack.NewActionBlock(blockID(key, "worth"), answer(engine.ChoiceRight, "Yes"), answer(engine.ChoiceWrong, "No")),
	}
}
