package report_test

import (
	"io"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/report"
)

func BenchmarkHTML(b *testing.B) {
	for name, d := range map[string]engine.Digest{"week": week(), "500 teams": crowd()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := report.HTML(io.Discard, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
