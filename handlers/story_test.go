package handlers

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

func TestExportIncident(t *testing.T) {
	h, s, _ := fixture(t)
	i := s.incidents[7]
	i.Signals = []engine.Signal{{Summary: "no team"}, {Labels: map[string]string{"team": "pay"}}}
	s.incidents[7] = i
	h.Reports.Rules.Hours = []digest.HourRule{{Team: "other", PerHour: engine.USD}, {Team: "pay", Severity: engine.Critical, PerHour: 1000 * engine.USD}}
	r, err := h.Command(t.Context(), command("UEVE", "show 7 export"))
	if err != nil || r.File == nil || r.File.Name != "incident-7.md" || !strings.Contains(r.File.Content, "| Cost | $1,500.00 to the business while it lasted |") {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err = h.Command(t.Context(), command("UEVE", "incident 8 export"))
	if err != nil || !strings.Contains(r.File.Content, "no rule of reports.incident\\_hours is about it") {
		t.Errorf("what it cost is not said to be missing: %+v, %v", r.File, err)
	}
	if _, err := h.Command(t.Context(), command("UEVE", "show 9 export")); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("an unknown one: %v", err)
	}
}
