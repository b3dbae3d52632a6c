package page_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/slack/page"
)

// TestOnTheRealServer holds page and server to the same control API: an app posts a card, a person reads it live,
// writes, reacts, presses its button and types a command, and is told that no app listens.
func TestOnTheRealServer(t *testing.T) {
	server := slack.New(slack.Config{Page: page.Handler()})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	state, err := server.Control().State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var channel, user string
	for _, c := range state.Channels {
		if c.Name == "incidents" {
			channel = c.ID
		}
	}
	for _, u := range state.Users {
		if u.Name == "ben" {
			user = u.ID
		}
	}
	p := openOn(t, &fake{URL: server.URL()}, "/?user="+user+"#/c/"+channel, desk)
	p.wait(".channel-pane .composer")
	if got := p.text(".switcher"); !strings.Contains(got, "Ben Okafor") {
		t.Errorf("the switcher says %q", got)
	}

	callAPI(t, server, "chat.postMessage", object{"channel": channel, "text": "card", "blocks": []object{
		{"type": "section", "text": object{"type": "mrkdwn", "text": "*INC-1* for <@" + user + ">"}},
		{"type": "actions", "elements": []object{{"type": "button", "action_id": "ack", "value": "1", "text": object{"type": "plain_text", "text": "Acknowledge"}}}},
	}})
	p.wait(`[data-action="ack"]`)
	if got := p.text(".block-section"); got != "INC-1 for @Ben Okafor" {
		t.Errorf("the card reads %q", got)
	}

	p.keys(".composer textarea", "a < b & `c`"+kb.Enter)
	p.until(`[...document.querySelectorAll(".said")].some((said) => said.innerText === "a < b & c")`)

	p.click(`[data-action="ack"]`)
	p.wait(".toast")
	if got := p.text(".toasts"); !strings.Contains(got, "no_sockets") {
		t.Errorf("a click without an app is answered %q", got)
	}
	p.keys(".composer textarea", "/autopilot status"+kb.Enter)
	p.wait(".message.ephemeral")
	if got := p.text(".message.ephemeral"); !strings.Contains(got, "Slackbot") || !strings.Contains(got, "dispatch_failed") {
		t.Errorf("a command without an app is answered %q", got)
	}

	p.click(`a[href="#/home"]`)
	p.until(`document.querySelector(".home")?.innerText.includes("no Home tab yet")`)
	view := object{"type": "home", "blocks": []object{{"type": "header", "text": object{"type": "plain_text", "text": "No open incident"}}}}
	callAPI(t, server, "views.publish", object{"user_id": user, "view": view})
	p.until(`document.querySelector(".home h3")?.innerText === "No open incident"`)
}

// callAPI speaks the Web API as an app does.
func callAPI(t *testing.T, server *slack.Server, method string, body object) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", server.APIURL()+method, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Authorization", "Bearer "+server.BotToken())
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer object
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer["ok"] != true {
		t.Fatalf("%s: %v %v", method, answer, err)
	}
}
