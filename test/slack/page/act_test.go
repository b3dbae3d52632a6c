package page_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
)

// onCard is what every click on the incident's card says about where it was.
func onCard(action string, more object) object {
	body := object{"user": "U0ANA", "channel": "C0INC", "message_ts": "1731590460.000400", "block_id": "buttons", "action_id": action}
	maps.Copy(body, more)
	return body
}

func expect(t *testing.T, what string, want, got object) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestElementsTellTheServer(t *testing.T) {
	p := open(t, "/?user=U0ANA#/c/C0INC", desk)
	p.click(`[data-action="ack"]`)
	expect(t, "button", onCard("ack", object{"value": "42"}), p.did("click", 1))

	p.choose(`select[aria-label="Silence"]`, "4h")
	fourHours := object{"text": object{"type": "plain_text", "text": "4 hours"}, "value": "4h"}
	expect(t, "menu", onCard("silence", object{"selected_option": fourHours}), p.did("click", 2))

	p.click(".overflow .menu-button")
	p.keys(".menu-item:focus", kb.ArrowDown+kb.Enter)
	again := object{"text": object{"type": "plain_text", "text": "Diagnose again"}, "value": "again"}
	expect(t, "overflow menu by keyboard", onCard("more", object{"selected_option": again}), p.did("click", 3))

	p.click(`.reaction`)
	expect(t, "reaction", object{"user": "U0ANA", "channel": "C0INC", "ts": "1731590200.000300", "name": "+1", "remove": false}, p.did("react", 1))
}

func TestAccessoriesTellTheServer(t *testing.T) {
	p := open(t, "/?user=U0BEN#/c/C0KIT", desk)
	at := object{"user": "U0BEN", "channel": "C0KIT", "message_ts": "1731589900.000100"}
	says := func(block, action string, more object) object {
		body := object{"block_id": block, "action_id": action}
		for _, part := range []object{at, more} {
			maps.Copy(body, part)
		}
		return body
	}
	p.choose(`select[aria-label="Assign"]`, "U0CHI")
	expect(t, "users_select", says("b2", "assignee", object{"selected_user": "U0CHI"}), p.did("click", 1))
	p.choose(`.accessory input[type="date"]`, "2024-12-24")
	expect(t, "datepicker", says("b3", "day", object{"selected_date": "2024-12-24"}), p.did("click", 2))
	p.click(`.accessory .option:nth-child(2) input`)
	two := object{"text": object{"type": "plain_text", "text": "two"}, "value": "2"}
	expect(t, "radio_buttons", says("b4", "radio", object{"selected_option": two}), p.did("click", 3))
	p.click(`.select-many summary`)
	p.click(`.select-many .option:nth-child(1) input`)
	shop := object{"text": object{"type": "plain_text", "text": "shop"}, "value": "shop"}
	expect(t, "multi_static_select", says("b7", "many", object{"selected_options": []any{shop}}), p.did("click", 4))
}

func TestConfirmIsAskedFirst(t *testing.T) {
	p := open(t, "/?user=U0ANA#/c/C0INC", desk)
	p.click(`[data-action="resolve"]`)
	p.wait(".confirm")
	if got := p.text(".confirm"); !strings.Contains(got, "Resolve INC-42?") || !strings.Contains(got, "2 of 3 pods are still failing.") {
		t.Errorf("the question reads %q", got)
	}
	p.click(".confirm .dialog-buttons button:nth-child(1)")
	p.until(`!document.querySelector(".confirm")`)
	p.click(`[data-action="resolve"]`)
	p.keys(".confirm", kb.Escape)
	p.until(`!document.querySelector(".confirm")`)
	if clicks := p.made("click"); len(clicks) != 0 {
		t.Fatalf("a refused click was sent: %v", clicks)
	}
	p.click(`[data-action="resolve"]`)
	p.click(".confirm .button.danger")
	expect(t, "confirmed click", onCard("resolve", object{"value": "42"}), p.did("click", 1))
}

func TestRefusedClickIsSaid(t *testing.T) {
	f := newFake(t)
	f.answers["click"] = object{"ok": false, "error": "element_not_found"}
	p := openOn(t, f, "/?user=U0ANA#/c/C0INC", desk)
	p.click(`[data-action="ack"]`)
	p.wait(".toast")
	if got := p.text(".toast"); got != "This message has changed since. Look at it again." {
		t.Errorf("the toast reads %q", got)
	}
}

func TestMessageBox(t *testing.T) {
	p := open(t, "/?user=U0CHI#/c/C0INC", desk)
	box := ".channel-pane .composer textarea"
	p.wait(box)
	p.keys(box, "one"+kb.Enter)
	expect(t, "message", object{"user": "U0CHI", "channel": "C0INC", "text": "one"}, p.did("message", 1))
	p.until(`document.querySelector(".channel-pane .composer textarea").value === ""`)

	p.keys(box, "/")
	p.wait(`[role="option"]`)
	if got := p.text(".commands"); !strings.Contains(got, "/autopilot help | status | incidents | show <id>") || !strings.Contains(got, "/page") {
		t.Errorf("the commands offered are %q", got)
	}
	p.keys(box, "au"+kb.Enter)
	p.until(`document.querySelector(".channel-pane .composer textarea").value === "/autopilot "`)
	p.screenshot("command")
	p.keys(box, "show 42"+kb.Enter)
	expect(t, "command", object{"user": "U0CHI", "channel": "C0INC", "text": "/autopilot show 42"}, p.did("command", 1))
	if n := len(p.made("message")); n != 1 {
		t.Errorf("a command was sent as a message too: %d messages", n)
	}
}

func TestRefusedMessageComesBack(t *testing.T) {
	f := newFake(t)
	f.answers["command"] = object{"ok": false, "error": "/nope is not a valid command"}
	p := openOn(t, f, "/?user=U0ANA#/c/C0INC", desk)
	p.keys(".composer textarea", "/nope now"+kb.Enter)
	p.wait(".composer-error")
	if got := p.text(".composer-error"); got != "/nope is not a valid command" {
		t.Errorf("the error reads %q", got)
	}
	if got := eval[string](p, `document.querySelector(".composer textarea").value`); got != "/nope now" {
		t.Errorf("the box holds %q, want what was typed", got)
	}
}

func TestReplyGoesIntoTheThread(t *testing.T) {
	p := open(t, "/?user=U0ANA#/c/C0INC", desk)
	p.click(`.thread-link`)
	p.wait(".thread-pane .composer textarea")
	p.keys(".thread-pane .composer textarea", "looking"+kb.Enter)
	expect(t, "reply", object{"user": "U0ANA", "channel": "C0INC", "text": "looking", "thread_ts": "1731590460.000400"}, p.did("message", 1))
}

func TestWhereNobodyCanWrite(t *testing.T) {
	p := open(t, "/?user=U0ANA#/c/C0OLD", desk)
	p.wait(".closed")
	if got := p.text(".closed"); !strings.Contains(got, "archived") {
		t.Errorf("an archived channel says %q", got)
	}
	p = open(t, "/?user=U0ANA#/c/C0PAY", desk)
	p.click(".closed button")
	expect(t, "join", object{"user": "U0ANA", "channel": "C0PAY"}, p.did("join", 1))
}

func TestHomeTab(t *testing.T) {
	p := open(t, "/?user=U0BEN#/home", desk)
	p.wait(".home .block-header")
	expect(t, "opening", object{"user": "U0BEN"}, p.did("home", 1))
	p.click(`.home [data-action="open"]`)
	expect(t, "click in the Home tab", object{"user": "U0BEN", "view_id": "V0HOME", "block_id": "i42", "action_id": "open", "value": "42"}, p.did("click", 1))
	p.screenshot("home")
}

func TestActingAsSomebodyElse(t *testing.T) {
	p := open(t, "/#/c/C0INC", desk)
	if got := p.text(".switcher"); !strings.Contains(got, "Ana Silva") {
		t.Errorf("without ?user= the first person acts, not %q", got)
	}
	p.click(".switcher .menu-button")
	p.wait(".switcher .menu-item")
	if got := p.text(".switcher .menu-list"); strings.Contains(got, "autopilot") || !strings.Contains(got, "Platform team lead") {
		t.Errorf("the people offered are %q", got)
	}
	p.keys(".menu-item:focus", kb.ArrowDown+kb.Enter)
	p.until(`location.search === "?user=U0BEN"`)
	p.click(`[data-action="ack"]`)
	if got := p.did("click", 1)["user"]; got != "U0BEN" {
		t.Errorf("%v clicked, want U0BEN", got)
	}
}
