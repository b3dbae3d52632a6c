package page_test

import (
	"strings"
	"testing"
)

func TestPageFollowsTheServer(t *testing.T) {
	p := open(t, "/?user=U0ANA#/c/C0INC", desk)
	p.wait(`[data-ts="1731590460.000400"]`)

	p.change(object{"type": "message", "channel": "C0INC", "ts": "1731590700.000600"}, func() {
		p.Messages["C0INC"] = append(p.Messages["C0INC"], object{"type": "message", "ts": "1731590700.000600", "user": "U0CHI", "text": "I can _confirm_ that"})
	})
	p.wait(`[data-ts="1731590700.000600"] em`)

	p.change(object{"type": "message_changed", "channel": "C0INC", "ts": "1731590460.000400"}, func() {
		card := p.Messages["C0INC"][3]
		card["blocks"].([]any)[0].(object)["text"].(object)["text"] = ":white_check_mark: checkout has recovered"
	})
	p.until(`document.querySelector('[data-ts="1731590460.000400"] h3').innerText === "✅ checkout has recovered"`)

	p.change(object{"type": "reaction", "channel": "C0INC", "ts": "1731590200.000300"}, func() {
		p.Messages["C0INC"][2]["reactions"] = []object{{"name": "tada", "count": 1, "users": []string{"U0ANA"}}}
	})
	p.wait(`[data-ts="1731590200.000300"] .reaction[aria-pressed="true"]`)

	p.change(object{"type": "ephemeral", "user": "U0ANA", "channel": "C0INC"}, func() {
		p.Messages["C0INC"] = append(p.Messages["C0INC"], object{"type": "message", "ts": "1731590800.000700", "user": "U0BOT", "bot_id": "B0AUTO", "text": "You are not allowed to resolve this.", "is_ephemeral": true})
	})
	p.wait(".message.ephemeral")
	if got := p.text(".message.ephemeral"); !strings.HasPrefix(got, "Only visible to you") {
		t.Errorf("the ephemeral message reads %q", got)
	}

	p.change(object{"type": "message_deleted", "channel": "C0INC", "ts": "1731590100.000100"}, func() {
		p.Messages["C0INC"] = p.Messages["C0INC"][1:]
	})
	p.until(`!document.querySelector('[data-ts="1731590100.000100"]')`)

	p.change(object{"type": "message", "channel": "C0KIT", "ts": "1731590900.000100"}, func() {
		p.State["channels"].([]any)[1].(object)["message_count"] = 5
	})
	p.until(`document.querySelector('.rail-link[href="#/c/C0KIT"] .unread-badge').innerText.startsWith("5")`)

	p.change(object{"type": "channel_changed", "channel": "C0KIT"}, func() {
		p.State["channels"].([]any)[1].(object)["name"] = "renamed"
	})
	p.until(`document.querySelector('.rail-link[href="#/c/C0KIT"] .rail-name').innerText === "renamed"`)
}

func TestThreadFollowsTheServer(t *testing.T) {
	p := open(t, "/?user=U0ANA#/c/C0INC/t/1731590460.000400", desk)
	p.wait(".thread-pane .ephemeral")
	if got := p.text(".reply-count"); got != "3 replies" {
		t.Errorf("the thread counts %q; the ephemeral message is no reply", got)
	}
	p.change(object{"type": "message", "channel": "C0INC", "ts": "1731590700.000600", "thread_ts": "1731590460.000400"}, func() {
		p.Threads["1731590460.000400"] = append(p.Threads["1731590460.000400"], object{"type": "message", "ts": "1731590700.000600", "user": "U0BOT", "bot_id": "B0AUTO", "text": "*Resolved*"})
	})
	p.wait(`.thread-pane [data-ts="1731590700.000600"] strong`)
	p.screenshot("thread")
	p.click(".thread-pane .close")
	p.until(`!document.querySelector(".thread-pane") && location.hash === "#/c/C0INC"`)
}

func TestHomeTabFollowsTheServer(t *testing.T) {
	p := open(t, "/?user=U0ANA#/home", desk)
	p.wait(".home .block-header")
	p.change(object{"type": "home_published", "user": "U0ANA"}, func() { p.HomeView = nil })
	p.until(`document.querySelector(".home").innerText.includes("no Home tab yet")`)
}

func TestNoticesAreShownToTheirPerson(t *testing.T) {
	p := open(t, "/?user=U0ANA#/c/C0INC", desk)
	p.wait(".message")
	none := func() {}
	p.change(object{"type": "notice", "user": "U0BEN", "text": "for Ben"}, none)
	p.change(object{"type": "notice", "user": "U0ANA", "text": "/autopilot failed because the app did not respond."}, none)
	p.wait(".toast")
	if got := p.text(".toasts"); got != "/autopilot failed because the app did not respond." {
		t.Errorf("the toasts read %q", got)
	}
	p.click(".toast button")
	p.until(`!document.querySelector(".toast")`)
}

func TestPageCatchesUpAfterALostConnection(t *testing.T) {
	p := open(t, "/?user=U0ANA#/c/C0INC", desk)
	p.wait(".message")
	p.mu.Lock()
	p.Messages["C0INC"] = append(p.Messages["C0INC"], object{"type": "message", "ts": "1731590700.000600", "user": "U0CHI", "text": "said meanwhile"})
	for _, stream := range p.streams {
		close(stream)
	}
	p.streams = nil
	p.mu.Unlock()
	p.wait(`[data-ts="1731590700.000600"]`)
	p.until(`!document.querySelector(".toast.offline")`)
}
