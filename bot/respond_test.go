package bot

import (
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestAnswersGoToSlackOnly(t *testing.T) {
	for _, c := range []struct {
		api, url string
		want     bool
	}{
		{"", "https://hooks.slack.com/commands/T1/2/x", true},
		{"", "https://hooks.slack-gov.com/commands/T1/2/x", true},
		{"", "https://slack.com/api/x", true},
		{"", "http://hooks.slack.com/commands/T1/2/x", false},
		{"", "https://hooks.slack.com.evil.example/x", false},
		{"", "https://evil.example/?https://hooks.slack.com/", false},
		{"", "https://hooks.slack.com@evil.example/", false},
		{"", "http://169.254.169.254/latest/meta-data", false},
		{"", "://", false},
		{"http://127.0.0.1:8504/api/", "http://127.0.0.1:8504/response/1", true},
		{"http://127.0.0.1:8504/api/", "http://127.0.0.1:5432/", false},
	} {
		b := New(Config{BotToken: engine.Secret("xoxb-1"), APIURL: c.api}, nil, nil, nil, nil)
		if got := b.answers(c.url); got != c.want {
			t.Errorf("with the API at %q, an answer goes to %s: %t, want %t", c.api, c.url, got, c.want)
		}
	}
}
