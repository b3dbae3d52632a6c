package report

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/eks-autopilot/autopilot/engine"
)

// incidents are the section on what went wrong.
type incidents struct {
	section
	Tiles []tile
}

var severityNames = map[engine.Severity]string{engine.Critical: "Critical", engine.Warning: "Warning", engine.Info: "Info"}

func severityName(s engine.Severity) string {
	return cmp.Or(severityNames[s], name(string(s), "Unknown"))
}

func newIncidents(d engine.Digest) incidents {
	i := d.Incidents
	s := incidents{section: section{ID: "incidents", Title: "Incidents"}}
	opened := tile{Name: "Opened", Value: whole(int64(i.Opened)), Lines: []string{whole(int64(i.Before)) + " in " + inText(d.Period.Before())}}
	resolved := tile{Name: "Resolved", Value: whole(int64(i.Resolved)), Lines: []string{plural(i.StillOpen, "is", "are") + " still open"}}
	s.Tiles = []tile{opened, resolved, spreadTile("Time to detect", i.Detect), spreadTile("Time to resolve", i.Resolve)}
	cost := tile{Name: "Cost of incidents", Value: unknown, Missing: true, Lines: []string{"No cost an hour is configured for them"}}
	if i.Costed > 0 {
		cost = tile{Name: "Cost of incidents", Value: money(i.Cost), Lines: []string{"Estimated, at the configured cost an hour, of " + plural(i.Costed, "incident", "incidents")}}
	}
	if i.Opened+i.Resolved+i.StillOpen+len(i.Top) == 0 {
		s.Tiles, s.Empty = nil, fmt.Sprintf("There was none. %s in %s.", plural(i.Before, "was opened", "were opened"), inText(d.Period.Before()))
		return s
	}
	s.Tiles = append(s.Tiles, cost)
	if len(i.BySeverity) > 0 {
		t := &table{ID: "severities", Caption: "Opened, by severity", Columns: []column{text("Severity"), figures("Incidents")}, Foot: []cell{say("All"), say(whole(int64(i.Opened)))}}
		for _, l := range i.BySeverity {
			t.Rows = append(t.Rows, []cell{say(severityName(l.Severity)), say(whole(int64(l.Count)))})
		}
		s.Tables = append(s.Tables, t)
	}
	var rows [][]cell
	for _, l := range i.Top {
		rows = append(rows, incidentRow(l))
	}
	if len(rows) > 0 {
		s.Tables = append([]*table{newTable("incidents-table", "The dearest, then the longest, and how long they lasted within "+inText(d.Period), "incidents",
			[]column{text("Incident"), text("Severity"), figures("Detected in"), figures("Lasted"), figures("Cost, estimated")}, rows, nil, nil)}, s.Tables...)
	}
	return s
}

func spreadTile(title string, s engine.Spread) tile {
	if s.Count == 0 {
		return tile{Name: title, Value: unknown, Missing: true, Lines: []string{"There was none to measure"}}
	}
	return tile{Name: title, Value: lasted(s.Median), Lines: []string{fmt.Sprintf("Median of %d; 95 %% within %s", s.Count, lasted(s.P95))}}
}

func incidentRow(l engine.IncidentLine) []cell {
	sub := "incident " + strconv.FormatInt(l.ID, 10) + ", " + l.Workload.Cluster + " " + l.Workload.String()
	if l.Team != "" {
		sub += ", team " + l.Team
	}
	detected := maybe("")
	if !l.Detected.IsZero() && !l.Started.IsZero() {
		detected = say(lasted(l.Detected.Sub(l.Started)))
	}
	duration := cell{Text: lasted(l.Lasted), Sub: "still open"}
	if !l.Resolved.IsZero() {
		duration.Sub = "resolved " + l.Resolved.UTC().Format("2 Jan 15:04")
	}
	return []cell{named(name(l.Title, "Incident"), tame(sub, 3*nameLength)), say(severityName(l.Severity)), detected, duration, amount(l.Cost, l.Costed)}
}
