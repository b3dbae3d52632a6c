package bot_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

func TestSummaryAndItsFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	i := incident(42)
	i.Status, i.ResolvedAt = engine.Resolved, time.Unix(100, 0)
	r.content.put(i)
	r.outbox.want(card(42), engine.Message{Key: engine.SummaryKey(42), Kind: engine.MessageSummary, Subject: 42, Channel: "#incidents", ThreadKey: engine.CardKey(42), Version: 1})
	r.start()
	r.delivered(engine.SummaryKey(42), 1)
	m := r.once("#incidents", engine.CardKey(42))
	if got := r.once("#incidents", engine.SummaryKey(42)); got.ThreadTS != m.TS || !strings.HasPrefix(got.Text, "Summary: ") {
		t.Errorf("summary %+v", got)
	}
	files := pictures(r.thread("#incidents", m.TS))
	if len(files) != 1 || !strings.HasPrefix(files[0], "incident-42-summary-") || !strings.HasSuffix(files[0], ".md") {
		t.Errorf("files %q", files)
	}
	r.noViolations()
}

func TestAStormIsOneMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.who = []engine.Mention{{Group: "oncall"}}
	storm := engine.Storm{ID: 42, Cluster: "prod", Channel: "#incidents", StartedAt: time.Unix(1, 0), Incidents: []engine.Incident{incident(42), incident(43)}}
	r.content.storms = map[int64]engine.Storm{42: storm}
	message := engine.Message{Key: engine.StormKey(42), Kind: engine.MessageStorm, Subject: 42, Channel: "#incidents", Version: 1}
	r.outbox.want(message)
	r.start()
	r.delivered(message.Key, 1)
	first := r.once("#incidents", message.Key)
	if !strings.Contains(first.Text, "2 incidents at once on prod") || !strings.Contains(first.Text, "<!subteam^"+r.groups["oncall"]+">") {
		t.Errorf("text %q", first.Text)
	}

	over := storm
	over.EndedAt = time.Unix(1000, 0)
	r.content.mu.Lock()
	r.content.storms[42] = over
	r.content.mu.Unlock()
	message.Version = 2
	r.outbox.want(message)
	r.delivered(message.Key, 2)
	if again := r.once("#incidents", message.Key); again.TS != first.TS || !strings.Contains(again.Text, "is over") || strings.Contains(again.Text, "subteam") {
		t.Errorf("the edit %+v", again)
	}
	r.noViolations()
}
