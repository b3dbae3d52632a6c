package report

import (
	"encoding/csv"
	"fmt"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Tables gives every table of a digest as a CSV file (RFC 4180): money in dollars with all six decimals, times in UTC.
func Tables(d engine.Digest) []engine.File {
	rows := [][]string{{"day", "amount_usd"}}
	for _, day := range d.Trend {
		rows = append(rows, []string{day.Day.Format(time.DateOnly), fmt.Sprintf("%.6f", day.Amount.Dollars())})
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	_ = w.WriteAll(rows) // a strings.Builder takes everything
	return []engine.File{{Name: "trend.csv", Title: "Spend by day", Content: b.String()}}
}
