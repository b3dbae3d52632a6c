package bot_test

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

func TestSpendAlarmIsPosted(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.outbox.want(engine.Message{Key: engine.SpendKey(3), Kind: engine.MessageSpend, Subject: 3, Channel: "#finops"})
	r.start()
	r.delivered(engine.SpendKey(3), 1)
	if m := r.once("#finops", engine.SpendKey(3)); !strings.Contains(m.Text, "team shop $20.00") {
		t.Errorf("text %q", m.Text)
	}
	r.noViolations()
}
