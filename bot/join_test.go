package bot_test

import (
	"slices"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

func cardIn(id int64, channel string) engine.Message {
	m := card(id)
	m.Channel = channel
	return m
}

// TestOrderHoldsInAChannelRoutedByNameAndByID declares cards by both in turn, before the bot runs and while it does.
func TestOrderHoldsInAChannelRoutedByNameAndByID(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	id := r.ids["#incidents"]
	r.config.Channels = []string{"#incidents", id, "#oncall"}
	r.config.Timing.Join = 20 * time.Millisecond
	var want []string
	declare := func(from int64) {
		for n := from; n < from+10; n++ {
			r.content.put(incident(n))
			r.outbox.want(cardIn(n, []string{"#incidents", id}[n%2]))
			want = append(want, engine.CardKey(n))
		}
	}
	declare(1)
	r.start()
	r.eventually("both are one lane", func() bool { return r.outbox.get(engine.CardKey(2)).Channel == id })
	declare(11)
	r.delivered(engine.CardKey(20), 1)
	var got []string
	for _, m := range r.messages("#incidents", "") {
		got = append(got, m.Metadata.EventPayload["key"].(string)) //nolint:errcheck,forcetypeassert // The bot writes text.
	}
	if !slices.Equal(got, want) {
		t.Errorf("the channel shows %v; want %v", got, want)
	}
	r.noViolations()
}

func TestLanesBecomeOneWhenSlackTellsThatTheyAre(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	id := r.ids["#incidents"]
	r.config.Channels = []string{"#incidents", id}
	r.config.Timing.Join = 20 * time.Millisecond
	r.must(r.control.Fault(t.Context(), slack.Fault{Method: "conversations.list", Kind: "http500", Count: 2}))
	r.start()
	r.eventually("a card to the name goes to the id's lane", func() bool {
		n := int64(len(r.outbox.all()) + 1)
		r.content.put(incident(n))
		r.outbox.want(cardIn(n, "#incidents"))
		return r.outbox.get(engine.CardKey(n)).Channel == id
	})
}

// TestAFallbackThatIsTheLostChannelIsNoWayOut wants a rest before a lost channel is tried again, also when the fallback calls it by
// its other name.
func TestAFallbackThatIsTheLostChannelIsNoWayOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	id := r.ids["#oncall"]
	r.config.Channels, r.config.Fallback = []string{"#incidents", id}, "#oncall"
	if _, err := r.control.Channel(t.Context(), "archive", "oncall", ""); err != nil {
		t.Fatal(err)
	}
	r.content.put(incident(1))
	r.outbox.want(cardIn(1, id))
	r.start()
	r.eventually("the card rests", func() bool { return time.Until(r.outbox.get(engine.CardKey(1)).retry) > 30*time.Second })
	if n := len(r.calls("chat.postMessage")); n > 1 {
		t.Errorf("%d posts to a channel that is lost", n)
	}
}
