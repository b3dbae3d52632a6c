package bot_test

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

const export = "id,amount_usd\r\n1,2.160000\r\n"

func fileRig(t *testing.T) *rig {
	r := newRig(t, slack.Config{})
	r.handler.command = func(engine.Command) (engine.Reply, error) {
		return engine.Reply{Text: "1 row comes as a direct message.", File: &engine.File{Name: "savings.csv", Title: "Savings <ledger>", Content: export}}, nil
	}
	r.start()
	return r
}

// A file goes to the asker alone.
func TestAFileComesAsADirectMessage(t *testing.T) {
	t.Parallel()
	r := fileRig(t)
	r.command("savings export")
	r.eventually("the asker is told", func() bool {
		return strings.Join(r.ephemeral("#incidents", "ana"), "") == "1 row comes as a direct message."
	})
	var file slack.File
	r.eventually("the file is in the direct message", func() bool {
		state, err := r.control.State(t.Context())
		r.must(err)
		for _, c := range state.Channels {
			if !c.IsIM {
				continue
			}
			for _, m := range r.messages(c.ID, "ana") {
				for _, f := range m.Files {
					file = *f
				}
			}
		}
		return file.ID != ""
	})
	got, err := r.control.File(t.Context(), file.ID)
	r.must(err)
	if string(got) != export || file.Name != "savings.csv" || file.Title != "Savings <ledger>" || len(file.Channels) != 0 {
		t.Errorf("%q as %q in %v", got, file.Name, file.Channels)
	}
	r.noViolations()
}

func TestAFileThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for method, fault := range map[string]string{"chat.postMessage": "messages_tab_disabled", "files.getUploadURLExternal": "file_uploads_disabled"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := fileRig(t)
			r.must(r.control.Fault(t.Context(), slack.Fault{Method: method, Kind: "error", Error: fault, Count: 1}))
			r.command("savings export")
			r.eventually("the asker is told why", func() bool {
				return strings.Contains(strings.Join(r.ephemeral("#incidents", "ana"), ""), "could not be sent to you; Slack said: ") &&
					strings.Contains(strings.Join(r.ephemeral("#incidents", "ana"), ""), fault)
			})
		})
	}
}
