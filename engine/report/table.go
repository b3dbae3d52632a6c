package report

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// Rows that a table shows at once, and in the details below it. All of them are in its CSV file.
const (
	topRows = 12
	allRows = 1000
)

// table is a table of the page.
type table struct {
	ID, Caption string
	Columns     []column
	Rows        [][]cell
	Foot        []cell
	Note        string
	Folded      bool   // in details that are closed at first, but on paper
	All         *table // every row, folded, which on paper stands in place of Rows; nil when Rows are all
}

// Stacks tells whether a phone shows each row as a block of its own: there are more columns than it is wide.
func (t *table) Stacks() bool {
	texts := 0
	for _, c := range t.Columns {
		if !c.Number {
			texts++
		}
	}
	return len(t.Columns) > 4 || len(t.Columns) == 4 && texts > 1
}

// row is a row with what its cells need to know of their columns.
type row struct {
	Stacks bool
	Cells  []placed
}

type placed struct {
	cell
	Column column
	First  bool
	Stacks bool
}

// Cell is the cell itself.
func (p placed) Cell() cell { return p.cell }

// Row puts the cells of a row below its columns.
func (t *table) Row(cells []cell) row {
	r := row{Stacks: t.Stacks()}
	for k, c := range cells {
		r.Cells = append(r.Cells, placed{c, t.Columns[k], k == 0, r.Stacks})
	}
	return r
}

// column is a column by its name. Numbers stand to the right.
type column struct {
	Name   string
	Number bool
}

// cell is what stands in a row: a text, what stands smaller below it, and where its link leads to.
type cell struct {
	Text, Sub string
	Link      string
	LinkText  string
	Jump      string // id of a cell of this page
	JumpText  string
	ID        string // that a Jump leads to
	Missing   bool   // it says that something is not known
	Bad       bool   // it needs somebody
	Outside   bool   // of text from outside: its direction must not reach its neighbours
}

func text(name string) column    { return column{Name: name} }
func figures(name string) column { return column{Name: name, Number: true} }

func say(s string) cell { return cell{Text: s} }

// named is a name from outside.
func named(s, sub string) cell { return cell{Text: s, Sub: sub, Outside: true} }

// amount is a sum of money, or that it is not known.
func amount(m engine.MicroUSD, known bool) cell {
	if !known {
		return cell{Text: unknown, Missing: true}
	}
	return cell{Text: money(m)}
}

// maybe is a text, or that it is not known.
func maybe(s string) cell {
	if s == "" || s == unknown {
		return cell{Text: unknown, Missing: true}
	}
	return cell{Text: s}
}

// newTable makes a table of many rows: the first ones, then what others gives of the rest in one row, and all of them below it.
// file names the CSV file that has every row.
func newTable(id, caption, file string, columns []column, rows [][]cell, others func(from int) []cell, foot []cell) *table {
	t := &table{ID: id, Caption: caption, Columns: columns, Rows: rows, Foot: foot}
	if len(rows) <= topRows+1 { // a row of one other would take the place of that one
		return t
	}
	t.Rows = append([][]cell{}, rows[:topRows]...)
	if others != nil {
		t.Rows = append(t.Rows, others(topRows))
	}
	all := rows[:min(len(rows), allRows)]
	t.All = &table{Folded: true, ID: id + "-all", Caption: fmt.Sprintf("%s: all %s rows", caption, whole(int64(len(rows)))), Columns: columns, Rows: all, Foot: foot}
	if more := len(rows) - len(all); more > 0 {
		t.All.Caption = fmt.Sprintf("%s: the first %s of %s rows", caption, whole(int64(len(all))), whole(int64(len(rows))))
		t.All.Note = fmt.Sprintf("%s more are in %s.csv alone.", whole(int64(more)), file)
		t.All.Foot = nil
	}
	t.Note = fmt.Sprintf("The other %s are in the list below and in %s.csv.", whole(int64(len(rows)-topRows)), file)
	return t
}
