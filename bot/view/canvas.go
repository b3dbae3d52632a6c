package view

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/slack-go/slack"
)

// Slack's limits, in UTF-16 units where they are lengths.
const (
	maxBlocks  = 50
	maxDrawing = 12_500 // of all blocks as JSON; Slack refuses from about 13,000 on
	maxSection = 3000
	maxHeader  = 150
	maxText    = 3000 // of the notification text; Slack takes more, nobody reads more
)

// canvas collects blocks until the limits are reached. What does not fit is left out, and full tells.
type canvas struct {
	blocks []slack.Block
	tail   []slack.Block // always fits: its room is kept from the start
	left   int           // units of JSON
	full   bool
}

// newCanvas starts a drawing that ends with tail.
func newCanvas(tail ...slack.Block) *canvas {
	c := &canvas{tail: tail, left: maxDrawing}
	for _, b := range tail {
		c.left -= weight(b)
	}
	return c
}

func weight(b slack.Block) int {
	data, err := json.Marshal(b)
	if err != nil {
		return maxDrawing + 1 // what cannot be encoded never fits
	}
	return len(data) + 1
}

// add puts a block on the canvas and says whether it fitted.
func (c *canvas) add(b slack.Block) bool {
	w := weight(b)
	if w > c.left || len(c.blocks)+len(c.tail) >= maxBlocks {
		c.full = true
		return false
	}
	c.left -= w
	c.blocks = append(c.blocks, b)
	return true
}

func (c *canvas) done() []slack.Block { return append(c.blocks, c.tail...) }

// header adds a title of plain text, which may hold outside text.
func (c *canvas) header(text string) {
	c.add(slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, plain(text, maxHeader), true, false)))
}

// section adds lines as one block, or as several when they are too long for one. It says how many lines did not fit.
func (c *canvas) section(lines ...string) (missing int) {
	for len(lines) > 0 {
		n, length := 0, 0
		for n < len(lines) && length+size(lines[n])+1 <= maxSection {
			length += size(lines[n]) + 1
			n++
		}
		if n == 0 {
			c.full = true // a line that fits nowhere; each is bounded where it is made
			lines = lines[1:]
			missing++
			continue
		}
		if text := strings.Join(lines[:n], "\n"); strings.TrimSpace(text) != "" && !c.add(section(text)) {
			return missing + len(lines)
		}
		lines = lines[n:]
	}
	return missing
}

// fields adds short texts side by side; on a phone they stand one below the other.
func (c *canvas) fields(texts ...string) {
	var fields []*slack.TextBlockObject
	for _, text := range texts {
		fields = append(fields, slack.NewTextBlockObject(slack.MarkdownType, text, false, false))
	}
	c.add(slack.NewSectionBlock(nil, fields, nil))
}

// context adds a line in small print.
func (c *canvas) context(text string) {
	if text != "" {
		c.add(context(text))
	}
}

func (c *canvas) divider() { c.add(slack.NewDividerBlock()) }

func section(text string) slack.Block {
	return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, text, false, false), nil, nil)
}

func context(text string) slack.Block {
	return slack.NewContextBlock("", slack.NewTextBlockObject(slack.MarkdownType, text, false, false))
}

// plainText is a label; Slack refuses an empty one.
func plainText(text string, n int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, cmp.Or(plain(text, n), "-"), false, false)
}

// list gives at most n lines and a last one that counts the rest.
func list[T any](items []T, n int, line func(T) string) []string {
	var out []string
	for _, item := range items[:min(n, len(items))] {
		out = append(out, line(item))
	}
	if more := len(items) - n; more > 0 {
		out = append(out, "and "+plural(more, "more", "more"))
	}
	return out
}
