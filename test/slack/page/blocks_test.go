package page_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestEveryKindOfBlockIsShown(t *testing.T) {
	p := open(t, "/?user=U0ANA#/c/C0KIT", window{1440, 1500, false})
	p.wait(".file-preview")
	shown := p.text(".message")
	for _, want := range []string{
		"autopilot", "APP", "Header", "Section with an accessory", "Context", "notify", "Runbook",
		"Rich bold by @Ben Okafor", "first item", "panic: runtime error", "a quote", "dependency refused",
		"Markdown block with code", "Memory", "This page cannot show “shiny_new_block”.",
		"Attachment with a bar", "checkout-7f9c.log", "2.0 KiB", "FATAL: cannot connect to db:5432",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the message does not show %q", want)
		}
	}
	for what, selector := range map[string]string{
		"a menu of people":        `.accessory select option[value="U0BEN"]`,
		"a date":                  `.accessory input[type="date"]`,
		"radio buttons":           `.accessory input[type="radio"]`,
		"a divider":               `.block-divider hr`,
		"a picture in a context":  `.block-context img[alt="dot"]`,
		"a menu of many":          `.block-actions details input[type="checkbox"]`,
		"a time":                  `.block-actions input[type="time"]`,
		"a checkbox":              `.block-actions .options input[type="checkbox"]`,
		"a link button":           `.block-actions a[href="https://example.com/runbook"][rel~="noopener"]`,
		"a list":                  `.block-rich_text li`,
		"a table":                 `.block-table td`,
		"bold markdown":           `.block-markdown strong`,
		"a picture":               `.block-image img[alt="memory of checkout"]`,
		"an attachment's bar":     `.attachment`,
		"a download":              `a[download="checkout-7f9c.log"][href="/_control/files/F0LOG"]`,
		"a large green circle":    `.block-rich_text .emoji[aria-label="large green circle"]`,
		"a link out of rich text": `.block-rich_text a[href="https://example.com/rich"]`,
	} {
		if !eval[bool](p, fmt.Sprintf("document.querySelector(%q) !== null", selector)) {
			t.Errorf("no %s (%s)", what, selector)
		}
	}
	if color := eval[string](p, `getComputedStyle(document.querySelector(".attachment")).borderLeftColor`); color != "rgb(208, 50, 75)" {
		t.Errorf("the attachment's bar is %s", color)
	}
	p.screenshot("kit")
}

func TestFilePreviewUnfolds(t *testing.T) {
	p := open(t, "/?user=U0ANA#/c/C0KIT", desk)
	p.wait(".file-preview")
	if strings.Contains(p.text(".file-preview"), "exit status 3") {
		t.Error("the preview begins with the whole file")
	}
	p.click(".file .link-button")
	p.until(`document.querySelector(".file-preview").innerText.includes("exit status 3")`)
}

func TestCardAndItsSurroundings(t *testing.T) {
	p := open(t, "/?user=U0ANA#/c/C0INC", desk)
	p.wait(`[data-ts="1731590460.000400"]`)
	card := p.text(`[data-ts="1731590460.000400"]`)
	for _, want := range []string{
		"🚨 checkout is crash looping", "since Nov 14, 2024 1:20 PM", "@oncall", "@Ben Okafor", "(edited)",
		"FATAL: cannot connect to db:5432\nexit code 3 after 1.2 s, restarted 7 times", "3 replies", "👀\n2",
	} {
		if !strings.Contains(card, want) {
			t.Errorf("the card lacks %q:\n%s", want, card)
		}
	}
	if got := p.text(".day"); got != "Thursday, November 14, 2024" {
		t.Errorf("the day reads %q", got)
	}
	// Two messages of Ben within a minute stand under one name.
	if n := eval[int](p, `document.querySelectorAll(".message.compact").length`); n != 1 {
		t.Errorf("%d compact messages, want 1", n)
	}
	// Ana is mentioned, by name and through her group: both are marked as hers, Ben's name is not.
	if n := eval[int](p, `document.querySelectorAll(".mention.mine").length`); n != 2 {
		t.Errorf("%d mentions of the reader, want 2", n)
	}
	if got := p.text(`.rail-link[href="#/c/C0KIT"] .unread-badge`); !strings.HasPrefix(got, "2") {
		t.Errorf("unread badge %q, want 2", got)
	}
}

// TestOutsideTextIsNeverMarkup shows names from a cluster in every place where text goes; none becomes an element.
func TestOutsideTextIsNeverMarkup(t *testing.T) {
	const hostile = `<img src=x onerror=alert(1)>`
	const script = `</pre><script>window.harmed = true</script>`
	plain := func(s string) object { return object{"type": "plain_text", "text": s} }
	mrkdwn := func(s string) object { return object{"type": "mrkdwn", "text": s} }
	f := newFake(t)
	f.Messages["C0INC"] = []object{{
		"type": "message", "ts": "1731590460.000400", "user": "U0BOT", "bot_id": "B0AUTO", "username": hostile,
		"blocks": []object{
			{"type": "header", "text": plain(hostile)},
			{"type": "section", "text": mrkdwn(hostile + " ```" + script + "``` `" + hostile + "`"), "fields": []object{plain(hostile)}},
			{"type": "section", "text": mrkdwn("<javascript:alert(1)|press> <https://example.com/\"onmouseover=alert(1)|here>")},
			{"type": "context", "elements": []object{mrkdwn(hostile)}},
			{"type": "actions", "elements": []object{
				{"type": "button", "action_id": "a", "text": plain(hostile), "url": "javascript:alert(1)"},
				{"type": "static_select", "action_id": "b", "options": []object{{"text": plain(hostile), "value": "v"}}},
			}},
			{"type": "rich_text", "elements": []object{
				{"type": "rich_text_section", "elements": []object{
					{"type": "text", "text": hostile}, {"type": "link", "url": "javascript:alert(1)", "text": "press"},
				}},
				{"type": "rich_text_preformatted", "elements": []object{{"type": "text", "text": script}}},
			}},
			{"type": "table", "rows": [][]object{{{"type": "raw_text", "text": hostile}}}},
			{"type": "markdown", "text": hostile + " [press](javascript:alert(1))"},
		},
		"attachments": []object{{"title": hostile, "title_link": "javascript:alert(1)", "text": hostile}},
		"files":       []object{{"id": "F0LOG", "name": hostile, "mimetype": "text/plain", "size": 1}},
	}}
	f.Files["F0LOG"] = script
	p := openOn(t, f, "/?user=U0ANA#/c/C0INC", desk)
	p.wait(".file-preview")
	if n := strings.Count(p.text(".message"), hostile); n < 8 {
		t.Errorf("the text is shown as text %d times, want at least 8:\n%s", n, p.text(".message"))
	}
	if !strings.Contains(p.text(".message"), script) {
		t.Error("the script in the code block is not shown as it is")
	}
	for _, selector := range []string{`img[src="x"]`, "#root script", "[onerror]", "[onmouseover]", `a[href^="javascript:"]`} {
		if eval[bool](p, fmt.Sprintf("document.querySelector(%q) !== null", selector)) {
			t.Errorf("outside text became %s", selector)
		}
	}
	if eval[bool](p, "window.harmed === true") {
		t.Error("outside text ran as a script")
	}
}
