package incident_test

import (
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

func TestByHand(t *testing.T) {
	now := start.Add(time.Minute)
	const text = "By hand in acme/deploy: app.yaml:7: a 100%s variable"
	p := incident.ByHand(openIncident(), text, now)
	if len(p.Events) != 1 || p.Events[0].Kind != incident.EventByHand || p.Events[0].Text != text || len(p.Tasks) != 0 {
		t.Fatalf("%+v", p)
	}
	shown := false
	for _, m := range p.Messages {
		shown = shown || m.Kind == engine.MessageEvent && m.Detail == p.Events[0].ID
	}
	if !shown {
		t.Errorf("it is not told: %+v", p.Messages)
	}
	told := *p.Incident
	if again := incident.ByHand(told, text, now); !again.Empty() {
		t.Errorf("told again: %+v", again)
	}
	if other := incident.ByHand(told, "By hand elsewhere", now); len(other.Events) != 1 {
		t.Errorf("what is different is not told: %+v", other)
	}
	over := openIncident()
	over.Status = engine.Resolved
	for _, none := range []incident.Plan{incident.ByHand(over, text, now), incident.ByHand(openIncident(), "", now)} {
		if !none.Empty() {
			t.Errorf("%+v", none)
		}
	}
}
