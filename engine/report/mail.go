package report

import (
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// mailRows is how many rows a list of a mail has: it is read on a telephone, and the page has all of them.
const mailRows = 3

// letter is what a mail shows.
type letter struct {
	Title    string
	Head     head
	Tiles    [][]tile // two a row
	Insights []insight
	Funnel   funnel
	Lists    []letterList
	Notes    []string
}

type letterList struct {
	Title string
	Rows  []letterRow
}

type letterRow struct{ Name, Sub, Value string }

// Mail is a digest in short, as the HTML of a mail: what readers of mail show, which is neither a style sheet nor a chart. notes are
// sentences on what comes with it. It fails with Internal.
func Mail(d engine.Digest, notes []string) (string, error) {
	m := letter{Head: newHead(d), Insights: newInsights(d), Notes: notes}
	m.Title = m.Head.Kind + ", " + m.Head.Period + ": " + m.Head.Scope
	m.Tiles = [][]tile{m.Head.Tiles[:2], m.Head.Tiles[2:]}
	var err error
	if m.Funnel, err = newFunnel(d); err != nil {
		return "", engine.Wrap(engine.Internal, err, "the report's mail cannot be made")
	}
	for _, l := range []letterList{moved(d), dearest(d), troubles(d)} {
		if len(l.Rows) > 0 {
			m.Lists = append(m.Lists, l)
		}
	}
	var b strings.Builder
	if err := pageTemplate.ExecuteTemplate(&b, "mail.html", m); err != nil {
		return "", engine.Wrap(engine.Internal, err, "the report's mail cannot be made")
	}
	return b.String(), nil
}

// moved are the largest changes: of teams and what is no team's, which come to the whole; of a team, of its clusters.
func moved(d engine.Digest) letterList {
	l := letterList{Title: "Moved most"}
	for _, m := range d.Movers {
		if (m.By == "cluster") != (d.Scope.Team != "") || len(l.Rows) == mailRows {
			continue
		}
		row := letterRow{Name: changedName(m.By, m.Name), Value: signed(round(m.Now) - round(m.Before))}
		if c := change(m.Now, m.Before); c != "" {
			row.Value += " (" + c + ")"
		}
		l.Rows = append(l.Rows, row)
	}
	return l
}

func dearest(d engine.Digest) letterList {
	l := letterList{Title: "Open opportunities, a month"}
	for _, o := range d.Open.Top[:min(mailRows, len(d.Open.Top))] {
		l.Rows = append(l.Rows, letterRow{Name: name(o.Title, "Finding"), Sub: scope(engine.DigestScope{Team: o.Team, Cluster: o.Cluster}), Value: money(o.Monthly)})
	}
	return l
}

func troubles(d engine.Digest) letterList {
	l := letterList{Title: "Incidents"}
	for _, t := range newIncidents(d).Tiles {
		if !t.Missing {
			l.Rows = append(l.Rows, letterRow{Name: t.Name, Sub: strings.Join(t.Lines, ", "), Value: t.Value})
		}
	}
	return l
}
