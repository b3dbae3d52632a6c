package page_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

func openModal(t *testing.T, w window, answer object) *tab {
	t.Helper()
	f := newFake(t)
	f.views = []object{f.Modal}
	if answer != nil {
		f.answers["submit"] = answer
	}
	p := openOn(t, f, "/?user=U0BEN#/c/C0INC", w)
	p.wait(".modal")
	return p
}

func TestModalSubmitsEveryValue(t *testing.T) {
	p := openModal(t, desk, nil)
	p.click(`[data-block="verdict"] .option:nth-child(2) input`)
	p.keys(`[data-block="text"] textarea`, "the *selector*\nwas renamed")
	p.choose(`[data-block="who"] select`, "U0CHI")
	p.choose(`[data-block="day"] input`, "2024-11-13")
	p.click(`[data-block="also"] .option:nth-child(1) input`)
	p.screenshot("modal")
	p.click(".modal [type=submit]")
	wrong := object{"text": object{"type": "mrkdwn", "text": "*wrong*"}, "value": "no", "description": object{"type": "plain_text", "text": "Say below what it really was"}}
	cart := object{"text": object{"type": "plain_text", "text": "cart"}, "value": "cart"}
	expect(t, "submission", object{"user": "U0BEN", "view_id": "V0MODAL", "state": object{"values": object{
		"verdict": object{"choice": object{"type": "radio_buttons", "selected_option": wrong}},
		"text":    object{"words": object{"type": "plain_text_input", "value": "the *selector*\nwas renamed"}},
		"who":     object{"person": object{"type": "users_select", "selected_user": "U0CHI"}},
		"day":     object{"date": object{"type": "datepicker", "selected_date": "2024-11-13"}},
		"also":    object{"parts": object{"type": "checkboxes", "selected_options": []any{cart}}},
	}}}, p.did("submit", 1))
}

func TestModalShowsErrorsUnderTheirField(t *testing.T) {
	p := openModal(t, desk, object{"ok": true, "response_action": "errors", "errors": object{"text": "Say what it really was."}})
	p.click(".modal [type=submit]")
	p.wait(`[data-block="verdict"] .field-error`)
	if got := p.text(`[data-block="verdict"] .field-error`); got != "Please complete this required field." {
		t.Errorf("the required field says %q", got)
	}
	if n := len(p.made("submit")); n != 0 {
		t.Fatalf("an incomplete form was sent %d times", n)
	}

	p.click(`[data-block="verdict"] .option:nth-child(2) input`)
	p.until(`!document.querySelector('[data-block="verdict"] .field-error')`)
	p.click(".modal [type=submit]")
	p.wait(`[data-block="text"] .field-error`)
	if got := p.text(`[data-block="text"] .field-error`); got != "Say what it really was." {
		t.Errorf("the app's complaint reads %q", got)
	}
	described := eval[string](p, `document.getElementById(document.querySelector('[data-block="text"] textarea').getAttribute("aria-describedby").split(" ").at(-1)).innerText`)
	if described != "Say what it really was." {
		t.Errorf("the field is described by %q", described)
	}
	p.keys(`[data-block="text"] textarea`, "x")
	p.until(`!document.querySelector(".field-error")`)
}

func TestModalThatTheAppDoesNotAnswer(t *testing.T) {
	p := openModal(t, desk, object{"ok": false, "error": "no_ack"})
	p.click(`[data-block="verdict"] .option:nth-child(1) input`)
	p.click(".modal [type=submit]")
	p.wait(".modal .field-error")
	if got := p.text(".modal .field-error"); !strings.Contains(got, "trouble connecting") {
		t.Errorf("the modal says %q", got)
	}
}

func TestModalsStackUpdateAndClose(t *testing.T) {
	p := openModal(t, desk, nil)
	p.keys(`[data-block="text"] textarea`, "kept")
	event := func(kind string) object { return object{"type": kind, "user": "U0BEN", "view_id": "V0MODAL"} }

	// An update keeps what was typed into a block that is still there.
	p.change(event("view_updated"), func() { p.Modal["title"] = object{"type": "plain_text", "text": "Another title"} })
	p.until(`document.querySelector(".modal h2").innerText === "Another title"`)
	if got := eval[string](p, `document.querySelector('[data-block="text"] textarea').value`); got != "kept" {
		t.Errorf("after an update the field holds %q", got)
	}

	p.change(event("view_opened"), func() {
		p.views = append(p.views, object{"id": "V1", "type": "modal", "title": object{"type": "plain_text", "text": "On top"}, "blocks": []object{}})
	})
	p.until(`document.querySelector(".modal h2").innerText === "On top"`)
	p.click(".modal .dialog-buttons button")
	expect(t, "back", object{"user": "U0BEN", "view_id": "V1", "clear": false}, p.did("close", 1))
	p.keys(".modal", kb.Escape)
	expect(t, "escape", object{"user": "U0BEN", "view_id": "V1", "clear": false}, p.did("close", 2))
	p.click(".modal-head button")
	expect(t, "close", object{"user": "U0BEN", "view_id": "V1", "clear": true}, p.did("close", 3))

	p.change(event("view_closed"), func() { p.views = nil })
	p.until(`!document.querySelector(".modal")`)
}
