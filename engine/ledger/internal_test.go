package ledger

import "github.com/eks-autopilot/autopilot/engine"

// Measure is one claim by itself, as MeasureDay makes it where no other chain is about the same thing.
func Measure(b engine.Baseline, u Use) (engine.LedgerEntry, error) {
	c := claim{b: b, use: u}
	if err := c.check(); err != nil {
		return engine.LedgerEntry{}, err
	}
	c.level = c.actual()
	if c.b.Uncovered != nil && u.Uncovered != nil {
		c.uncovered = *u.Uncovered
	}
	c.take(true)
	return c.entry(), nil
}

// Fold is all lines of Sum, however many.
func Fold(entries []engine.LedgerEntry, f engine.LedgerFilter) []engine.LedgerLine {
	f.Limit = 1 << 30
	return Sum(entries, f).Lines
}
