package store_test

import (
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestAChannelRoutedByNameAndByIDIsOneLane(t *testing.T) {
	w := newWorld(t)
	w.declare(card(1, "#incidents", 1), card(2, "C1", 1), card(3, "#incidents", 1), event(3, 2, "#incidents"), card(4, "C1", 1), card(5, "#shop", 1))

	first := w.next()
	equal(t, "first", first.Key, engine.CardKey(1))
	code(t, "while a message is on its way", w.SameChannel(t.Context(), "#incidents", "C1"), engine.Conflict)
	w.must(w.BeginPost(t.Context(), first.Key))
	w.must(w.Delivered(t.Context(), first.Key, first.Version, "C1", "ts-1", time.Second))

	w.must(w.SameChannel(t.Context(), "#incidents", "C1"))
	equal(t, "the rest after a post holds for the one lane", w.deliver(), engine.CardKey(5))
	w.idle("the channel rests")
	w.pass(time.Second)
	w.declare(card(6, "#incidents", 1), card(1, "#incidents", 2))

	second := w.next()
	w.idle("one message of the channel is on its way")
	w.must(w.Delivered(t.Context(), second.Key, second.Version, "C1", "ts-2", 0))
	order := []string{second.Key}
	for range 5 {
		order = append(order, w.deliver())
	}
	equal(t, "order", order, []string{engine.CardKey(2), engine.CardKey(3), event(3, 2, "").Key, engine.CardKey(4), engine.CardKey(6), engine.CardKey(1)})
	equal(t, "lanes", w.sql(`SELECT DISTINCT lane, channel FROM messages ORDER BY lane`), "#shop #shop\nC1 C1")

	w.must(w.SameChannel(t.Context(), "#incidents", "C1")) // again, as each replica does
	code(t, "no id", w.SameChannel(t.Context(), "#incidents", ""), engine.Invalid)
}
