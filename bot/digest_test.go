package bot_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

// digest is a week with two weeks of costs, and something to approve.
func digest() engine.Digest {
	week := engine.PeriodOf(engine.Weekly, time.Date(2026, 11, 18, 0, 0, 0, 0, time.UTC))
	d := engine.Digest{
		ID: 3, Period: week,
		Spend: engine.Spend{Total: 700 * engine.USD, Before: 1000 * engine.USD, SameTotal: 700 * engine.USD, SameBefore: 1000 * engine.USD, SameDays: 7, DaysKnown: 7, DaysBefore: 7},
		Open: engine.Opportunities{Count: 1, Monthly: 93 * engine.USD, Top: []engine.Opportunity{
			{Group: 7, Title: "payments/api", Monthly: 93 * engine.USD, Drafted: true},
		}},
	}
	for day := week.Before().From; day.Before(week.To); day = day.AddDate(0, 0, 1) {
		d.Trend = append(d.Trend, engine.SpendDay{Day: day, Amount: 100 * engine.USD})
	}
	return d
}

const digestKey = "digest/2026-W47/finops"

func digestMessages() []engine.Message {
	all := []engine.Message{{Key: digestKey, Kind: engine.MessageDigest, Subject: 3, Channel: "#finops", Version: 1}}
	for part := 1; part <= engine.DigestParts; part++ {
		all = append(all, engine.Message{
			Key: engine.DetailsKey(digest().Period, "finops", part), Kind: engine.MessageDetails, Subject: 3, Detail: int64(part),
			Channel: "#finops", ThreadKey: digestKey, Version: 1,
		})
	}
	return all
}

// digestRig delivers a digest with a page, and says that there is no PDF. made counts how often files are made.
func digestRig(t *testing.T, cfg slack.Config) (r *rig, made *atomic.Int32) {
	r, made = newRig(t, cfg), &atomic.Int32{}
	r.content.digests = map[int64]engine.Digest{3: digest()}
	r.config.Attachments = func(_ context.Context, d engine.Digest) ([]engine.File, []string, error) {
		n := made.Add(1)
		return []engine.File{
			{Name: "report-" + d.Period.String() + ".html", Title: "Report", Content: fmt.Sprintf("<p>made %d</p>", n)},
			{Name: "report-" + d.Period.String() + ".csv", Title: "Tables", Content: "a,b\r\n"},
		}, []string{"There is no PDF: no <browser> is configured."}, nil
	}
	r.outbox.want(digestMessages()...)
	return r, made
}

func (r *rig) digestDelivered(version int64) (m slack.Message, thread []slack.Message) {
	r.t.Helper()
	for _, m := range digestMessages() {
		r.delivered(m.Key, version)
	}
	m = r.once("#finops", digestKey)
	return m, r.thread("#finops", m.TS)
}

func TestADigestAndWhatIsInItsThread(t *testing.T) {
	t.Parallel()
	r, _ := digestRig(t, slack.Config{})
	r.start()
	m, thread := r.digestDelivered(1)
	if charts(m) != 1 || !strings.Contains(m.Text, "$700.00 spent, down 30 %") {
		t.Errorf("%d charts, text %q", charts(m), m.Text)
	}
	if diff := cmp.Diff([]string{"report-2026-W47.html", "report-2026-W47.csv"}, pictures(thread)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	var said []string
	for _, m := range thread {
		said = append(said, m.Text)
	}
	all := strings.Join(said, "\n")
	if strings.Count(all, "There is no PDF: no &lt;browser&gt; is configured.") != 1 || !strings.Contains(all, "Where the money went") || !strings.Contains(all, "Savings, incidents") {
		t.Errorf("the thread says %q", said)
	}

	// The month is closed: all of it is edited, and the new files go beside the old ones.
	for _, m := range digestMessages() {
		m.Version = 2
		r.outbox.want(m)
	}
	_, thread = r.digestDelivered(2)
	if got := pictures(thread); !slices.Contains(got, "report-2026-W47-v2.html") || len(got) != 4 || len(thread) != 1+engine.DigestParts+4 {
		t.Errorf("files %q in %d messages", got, len(thread))
	}
	r.noViolations()
}

// TestApproveOnADigest presses the button there: what comes is what comes from the card.
func TestApproveOnADigest(t *testing.T) {
	t.Parallel()
	r, _ := digestRig(t, slack.Config{})
	clicks := make(chan engine.Click, 1)
	r.handler.click = func(c engine.Click) (engine.Reply, error) {
		clicks <- c
		return engine.Reply{Plan: &engine.Plan{Group: savings(7)}}, nil
	}
	r.start()
	m, _ := r.digestDelivered(1)
	for _, b := range m.Blocks {
		if button, ok := b["accessory"].(map[string]any); ok {
			_, err := r.control.Click(t.Context(), slack.Action{User: "ana", Channel: "finops", MessageTS: m.TS, BlockID: b["block_id"].(string), ActionID: button["action_id"].(string)})
			r.must(err)
		}
	}
	c := <-clicks
	if c.Action != string(engine.ActionApprove) || c.Value != (engine.GroupButton{Group: 7}).Value() || c.MessageKey != digestKey {
		t.Errorf("the click is %+v", c)
	}
	r.eventually("the window is open", func() bool {
		open, err := r.control.Views(t.Context(), "ana")
		return err == nil && len(open) == 1
	})
}

// TestADigestAfterACrash dies between Slack's accept and our save, with the files uploaded: nothing is there twice.
func TestADigestAfterACrash(t *testing.T) {
	t.Parallel()
	r, made := digestRig(t, slack.Config{})
	r.outbox.forget = true
	_, stop := r.start()
	r.eventually("the files are there", func() bool {
		all := ours(r.messages("#finops", ""), digestKey)
		return len(all) == 1 && len(pictures(r.thread("#finops", all[0].TS))) == 2
	})
	stop()
	r.outbox.forget = false
	r.outbox.expire()
	before := made.Load()
	r.start()
	_, thread := r.digestDelivered(1)
	if got := pictures(thread); len(got) != 2 || made.Load() == before {
		t.Errorf("files %q, made %d and %d times", got, before, made.Load())
	}
}

// TestFilesOfADigestAreTriedAgain fails the upload once, and the making once.
func TestFilesOfADigestAreTriedAgain(t *testing.T) {
	t.Parallel()
	r, _ := digestRig(t, slack.Config{})
	inner, failed := r.config.Attachments, false
	r.config.Attachments = func(ctx context.Context, d engine.Digest) ([]engine.File, []string, error) {
		if !failed {
			failed = true
			return nil, nil, errors.New("the disk is full")
		}
		return inner(ctx, d)
	}
	r.must(r.control.Fault(t.Context(), slack.Fault{Method: "files.completeUploadExternal", Kind: "error", Error: "internal_error", Count: 1}))
	r.start()
	_, thread := r.digestDelivered(1)
	if got := pictures(thread); len(got) != 2 {
		t.Errorf("files %q", got)
	}
}

// TestADigestWithoutCharts goes to a workspace that has none, and to one who asks in it.
func TestADigestWithoutCharts(t *testing.T) {
	t.Parallel()
	r, _ := digestRig(t, slack.Config{NoCharts: true})
	r.handler.command = func(engine.Command) (engine.Reply, error) {
		return engine.Reply{Digest: new(digest()), File: &engine.File{Name: "report.html", Title: "Report", Content: "<p>"}}, nil
	}
	r.start()
	r.command("report weekly")
	r.eventually("the asker is told", func() bool {
		return strings.Contains(strings.Join(r.ephemeral("#incidents", "ana"), ""), "$700.00 spent")
	})
	for _, m := range r.messages("#incidents", "ana") {
		if m.IsEphemeral && len(m.Blocks) < 5 {
			t.Errorf("of the drawing, %d blocks are left", len(m.Blocks))
		}
	}
	m, thread := r.digestDelivered(1)
	if got := pictures(thread); charts(m) != 0 || !slices.Contains(got, "digest-2026-W47-finops-1-v1.png") || len(got) != 3 {
		t.Errorf("%d charts, files %q", charts(m), got)
	}
}
