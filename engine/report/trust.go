package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// trust is the section on how well the bot notices what is broken on purpose. Beside is the table that stands next to the chart.
type trust struct {
	section
	Tiles  []tile
	Beside *table
}

// fewRuns is how many runs a share needs to be worth something by itself.
const fewRuns = 30

func newTrust(d engine.Digest) (trust, error) {
	s := trust{section: section{ID: "trust", Title: "Trust"}}
	card := d.Trust
	switch {
	case card == nil && d.Scope.Team != "":
		s.Empty = "What is broken on purpose tests the bot as a whole: see the report of all teams."
		return s, nil
	case card == nil || card.All.Detected.Of+card.Controls.Of == 0:
		s.Empty = "Nothing was broken on purpose in this time, so nobody knows how much would have been noticed."
		return s, nil
	}
	s.Tiles = trustTiles(*card)
	s.Lead = trustLead(*card)
	if len(card.Lines) > 0 {
		s.Beside = faultTable(*card)
		var rows []bar
		for _, l := range card.Lines {
			rows = append(rows, bar{name: faultName(l.Fault), to: 100 * l.Detected.Value(), ink: inkWhole, label: rate(l.Detected)})
		}
		var err error
		if s.Figure, err = barFigure("trust-chart", "Share of faults that were noticed, in percent", rows); err != nil {
			return s, err
		}
		s.Figure.Note = "In brackets: where the true share lies, in 95 of 100 cases."
		s.Tables = append(s.Tables, rankTable(*card))
	}
	if len(card.Misses) > 0 {
		var rows [][]cell
		for _, m := range card.Misses {
			rows = append(rows, missRow(m))
		}
		s.Tables = append(s.Tables, newTable("trust-misses", "Missed: not noticed, or not understood", "trust-misses", []column{text("Experiment"), text("What was missed"), figures("When")}, rows, nil, nil))
	}
	if t := reliableTable(*card); len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	return s, nil
}

// rate is a share with its interval: "95 % (85–99)".
func rate(s engine.Share) string {
	if s.Of == 0 {
		return unknown
	}
	return fmt.Sprintf("%.0f %% (%.0f–%.0f)", 100*s.Value(), 100*s.Low, 100*s.High)
}

// hits is a share as a cell, with its interval below it.
func hits(s engine.Share) cell {
	if s.Of == 0 {
		return maybe("")
	}
	return cell{Text: fmt.Sprintf("%.0f %%", 100*s.Value()), Sub: fmt.Sprintf("%d of %d, %.0f–%.0f", s.Hits, s.Of, 100*s.Low, 100*s.High)}
}

// within is a time to detect, to the second.
func within(d time.Duration, known bool) cell {
	if !known {
		return maybe("")
	}
	return say(spent(d))
}

// spent is a short time to the second: "7 s", "1 min 15 s".
func spent(d time.Duration) string {
	n := int(d.Round(time.Second).Seconds())
	switch {
	case d > 0 && d < time.Second:
		return "under 1 s"
	case n < 60 || n >= 3600:
		return lasted(d.Round(time.Second))
	}
	return two(n/60, "min", n%60, "s")
}

func faultName(f engine.Fault) string { return name(string(f), "other") }

func trustTiles(c engine.Scorecard) []tile {
	all := c.All
	share := func(title string, s engine.Share, note string) tile {
		if s.Of == 0 {
			return tile{Name: title, Value: unknown, Missing: true, Lines: []string{"There was none"}}
		}
		return tile{Name: title, Value: fmt.Sprintf("%.0f %%", 100*s.Value()), Lines: []string{fmt.Sprintf("%d of %d%s; 95 %%: %.0f to %.0f %%", s.Hits, s.Of, note, 100*s.Low, 100*s.High)}}
	}
	speed := tile{Name: "Time to notice", Value: unknown, Missing: true, Lines: []string{"Nothing was noticed"}}
	if all.Detected.Hits > 0 {
		speed = tile{Name: "Time to notice", Value: spent(all.Median), Lines: []string{"Median; 95 % within " + spent(all.P95)}}
	}
	return []tile{
		share("Faults noticed", all.Detected, ""), speed, share("Right cause first", all.Top1, " that were noticed"),
		share("False alarms", c.Controls, " controls"),
	}
}

// trustLead is what stands beside the numbers: the two paths apart, what is left behind, the time before, and how little few runs say.
func trustLead(c engine.Scorecard) []string {
	var lines []string
	if c.All.Detected.Of > 0 {
		lines = append(lines, fmt.Sprintf("The watch alone noticed %s of the faults, alerts alone %s. The step that was suggested first helps in %s of what was noticed.",
			rate(c.All.ByWatch), rate(c.All.ByAlert), rate(c.All.StepRight)))
	}
	if c.Stranded.Of > 0 {
		line := fmt.Sprintf("Of %s that were held for a while, the end of %d was not seen.", plural(c.Stranded.Of, "fault", "faults"), c.Stranded.Hits)
		if c.Stranded.Hits == 0 {
			line = "Of what was held for a while (" + plural(c.Stranded.Of, "fault", "faults") + "), each was seen to end."
		}
		lines = append(lines, line)
	}
	if b := c.Before; b != nil && b.Detected.Of > 0 {
		lines = append(lines, fmt.Sprintf("In as long a time before: %s of %d noticed.", rate(b.Detected), b.Detected.Of))
	}
	if n := c.All.Detected.Of; n > 0 && n < fewRuns {
		say := "say"
		if n == 1 {
			say = "says"
		}
		lines = append(lines, fmt.Sprintf("%s %s little: the true share may well be anywhere from %.0f %% to %.0f %%.", plural(n, "run", "runs"), say, 100*c.All.Detected.Low, 100*c.All.Detected.High))
	}
	return lines
}

func faultTable(c engine.Scorecard) *table {
	row := func(n string, l engine.ScoreLine) []cell {
		return []cell{say(n), hits(l.Detected), within(l.Median, l.Detected.Hits > 0), within(l.P95, l.Detected.Hits > 0)}
	}
	t := &table{ID: "trust-table", Caption: "Noticed, by fault", Columns: []column{text("Fault"), figures("Noticed"), figures("Median"), figures("95 % within")}, Foot: row("All", c.All)}
	for _, l := range c.Lines {
		t.Rows = append(t.Rows, row(faultName(l.Fault), l))
	}
	return t
}

func rankTable(c engine.Scorecard) *table {
	row := func(n string, l engine.ScoreLine) []cell {
		return []cell{say(n), hits(l.Top1), hits(l.Top3), within(l.Recovery, l.Recovery > 0)}
	}
	t := &table{ID: "trust-ranks", Caption: "Understood, of what was noticed, by fault", Columns: []column{text("Fault"), figures("Cause first"), figures("In first three"), figures("Recovered in")}, Foot: row("All", c.All)}
	for _, l := range c.Lines {
		t.Rows = append(t.Rows, row(faultName(l.Fault), l))
	}
	return t
}

func missRow(m engine.Miss) []cell {
	sub := "experiment " + strconv.FormatInt(m.Experiment, 10)
	if m.Incident != 0 {
		sub += ", incident " + strconv.FormatInt(m.Incident, 10)
	}
	return []cell{named(name(m.Title, "Experiment"), sub), named(sentence(m.Text), ""), say(moment(m.At))}
}

func reliableTable(c engine.Scorecard) *table {
	t := &table{ID: "trust-reliability", Caption: "How often a confidence is right", Columns: []column{text("Said"), figures("Mean"), figures("Right")}}
	for _, r := range c.Reliable {
		if r.Right.Of > 0 {
			said := strings.TrimSuffix(percent(r.Low), " %") + " to " + percent(r.High)
			t.Rows = append(t.Rows, []cell{say(said), say(percent(r.Said)), hits(r.Right)})
		}
	}
	return t
}
