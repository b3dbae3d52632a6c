package view_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// gale is a storm of n incidents, every third of which is resolved and every fourth acknowledged.
func gale(n int, text string) engine.Storm {
	s := engine.Storm{ID: 42, Cluster: "prod-eu", Channel: "#incidents", StartedAt: t0, LastAt: t0.Add(2 * time.Minute), Version: int64(n)}
	for k := range n {
		i := diagnosed()
		i.ID, i.Title, i.DetectedAt = int64(42+k), fmt.Sprintf("%s-%d is crash-looping", text, k), t0.Add(time.Duration(k)*time.Second)
		i.Severity = []engine.Severity{engine.Critical, engine.Warning}[k%2]
		if k > 2 {
			i.Thread = engine.Thread{}
			i.Held, i.StormID = true, 42
		}
		switch {
		case k%3 == 2:
			i.Status, i.ResolvedAt = engine.Resolved, t0.Add(time.Hour)
		case k%4 == 3:
			i.Status, i.AcknowledgedBy = engine.Acknowledged, ana
		}
		s.Incidents = append(s.Incidents, i)
	}
	return s
}

func TestStorm(t *testing.T) {
	over := gale(5, "shop/w")
	over.EndedAt = t0.Add(20 * time.Minute)
	golden(t, map[string]any{
		"storm":      view.Storm(gale(30, "shop/w"), oncall, workspace),
		"storm_over": view.Storm(over, nil, ""),
	})
	for name, text := range map[string]string{"plain": "x", "markup": "<!channel> *b* `c` & https://evil.example/", "long": fmt.Sprintf("%0900d", 7), "wide": "界界界界界界界界界界界界界界界界界界界界"} {
		for _, n := range []int{0, 1, 60, 300} {
			checkDrawing(t, fmt.Sprint(name, n), view.Storm(gale(n, text), oncall, workspace))
		}
	}
}
