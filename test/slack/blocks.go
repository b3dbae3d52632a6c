package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// surface is where blocks are shown; it decides which are allowed and how many.
type surface struct {
	name  string
	most  int
	types []string
}

var (
	everywhere = []string{"section", "header", "divider", "image", "actions", "context", "rich_text"}
	onMessage  = surface{"message", 50, append([]string{"markdown", "table", "context_actions", "data_visualization"}, everywhere...)}
	onModal    = surface{"modal", 100, append([]string{"input"}, everywhere...)}
	onHome     = surface{"home", 100, append([]string{"input"}, everywhere...)}
)

const (
	// maxBlockText bounds a whole message: Slack publishes no figure; refusals begin at about 13,200.
	maxBlockText = 13_200
	// Each block after the first costs about this much more, a header twice as much. Derived from what people
	// measured: 11,341 characters in 45 blocks were refused, 9,597 in 50 blocks were not.
	blockOverhead  = 45
	headerOverhead = 100
	maxMarkdown    = 12_000 // in all markdown blocks of a message
)

// acceptBlocks validates blocks for a message and completes them. code is what Slack answers on that argument.
func (s *Server) acceptBlocks(blocks []Block, on surface, at, code string) error {
	list := make([]any, len(blocks))
	for i, b := range blocks {
		list[i] = b
	}
	if s.cfg.NoCharts {
		on.types = slices.DeleteFunc(slices.Clone(on.types), func(t string) bool { return t == "data_visualization" })
	}
	if problems := checkBlocks(list, on, at); len(problems) > 0 {
		return refuseWith(code, problems)
	}
	if weigh(blocks) > maxBlockText {
		return refuse("msg_blocks_too_long")
	}
	s.complete(blocks)
	return nil
}

// weigh is a message's size as Slack seems to count it.
func weigh(blocks []Block) int {
	total := 0
	for i, b := range blocks {
		total += textIn(b)
		switch {
		case b["type"] == "header":
			total += headerOverhead
		case i > 0:
			total += blockOverhead
		}
	}
	return total
}

// textIn counts the characters that a block shows.
func textIn(v any) int {
	total := 0
	switch v := v.(type) {
	case map[string]any:
		if t, ok := v["text"].(string); ok {
			total += utf8.RuneCountInString(t)
		}
		for k, inner := range v {
			if k != "confirm" && k != "options" {
				total += textIn(inner)
			}
		}
	case []any:
		for _, inner := range v {
			total += textIn(inner)
		}
	}
	return total
}

// checkBlocks is what Slack would hold against a list of blocks; nothing when it would take them.
func checkBlocks(list []any, on surface, at string) []string {
	v := &checker{}
	if len(list) > on.most {
		v.fail(at, "no more than %d items allowed", on.most)
		return v.problems
	}
	seen := map[string]bool{}
	markdown, tables, charts := 0, 0, 0
	for i, item := range list {
		here := fmt.Sprintf("%s/%d", at, i)
		b, ok := item.(map[string]any)
		if !ok {
			v.fail(here, "must provide an object")
			continue
		}
		kind, _ := b["type"].(string)
		rules, known := blockRules[kind]
		if kind == "" {
			v.fail(here, "missing required field: type")
			continue
		}
		if !known || !slices.Contains(on.types, kind) {
			v.fail(here+"/type", "unsupported type: %s", kind)
			continue
		}
		v.object(here, b, rules)
		if id, _ := b["block_id"].(string); id != "" {
			if seen[id] {
				v.fail(here+"/block_id", "`block_id` %q already exists", id)
			}
			seen[id] = true
		}
		v.uniqueActions(here, b)
		switch kind {
		case "section":
			if b["text"] == nil && b["fields"] == nil {
				v.fail(here, "must provide either `text` or `fields`")
			}
		case "image":
			if (b["image_url"] == nil) == (b["slack_file"] == nil) {
				v.fail(here, "must provide exactly one of `image_url` or `slack_file`")
			}
		case "markdown":
			text, _ := b["text"].(string)
			markdown += utf8.RuneCountInString(text)
		case "table":
			tables++
		case "data_visualization":
			charts++
		}
	}
	if markdown > maxMarkdown {
		v.fail(at, "markdown blocks must be less than %d characters together", maxMarkdown+1)
	}
	if tables > 1 {
		v.fail(at, "only_one_table_allowed")
	}
	if charts > maxCharts {
		v.fail(at, "no more than %d data_visualization blocks allowed", maxCharts)
	}
	return v.problems
}

// checkView is what Slack would hold against a view.
func checkView(view map[string]any, at string) []string {
	v := &checker{}
	kind, _ := view["type"].(string)
	on := onModal
	switch kind {
	case "modal":
		v.object(at, view, modalRules)
	case "home":
		on = onHome
		v.object(at, view, homeRules)
	default:
		v.fail(at+"/type", "must be a valid view type: `modal` or `home`")
		return v.problems
	}
	list, ok := view["blocks"].([]any)
	if !ok {
		v.fail(at+"/blocks", "must provide an array")
		return v.problems
	}
	v.problems = append(v.problems, checkBlocks(list, on, at+"/blocks")...)
	if kind == "modal" && view["submit"] == nil {
		for i, item := range list {
			if b, _ := item.(map[string]any); b["type"] == "input" {
				v.fail(fmt.Sprintf("%s/blocks/%d/input", at, i), "must define `submit` to use an `input` block in modals")
			}
		}
	}
	return v.problems
}

// checker collects problems, each with the JSON pointer of the culprit.
type checker struct{ problems []string }

func (v *checker) fail(at, format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...)+" [json-pointer:"+at+"]")
}

// uniqueActions refuses two elements of one block under one action_id.
func (v *checker) uniqueActions(at string, b map[string]any) {
	seen := map[string]bool{}
	list, _ := b["elements"].([]any)
	for i, item := range list {
		e, _ := item.(map[string]any)
		id, _ := e["action_id"].(string)
		if id != "" && seen[id] {
			v.fail(fmt.Sprintf("%s/elements/%d/action_id", at, i), "`action_id` %q already exists", id)
		}
		seen[id] = true
	}
}

// object checks the fields of one object against its rules.
func (v *checker) object(at string, o map[string]any, rules fields) {
	for name, r := range rules {
		value, present := o[name]
		if !present || value == nil {
			if r.required {
				v.fail(at, "missing required field: %s", name)
			}
			continue
		}
		r.check(v, at+"/"+name, value)
	}
	for name := range o {
		if _, ok := rules[name]; !ok && name != "type" {
			v.fail(at, "invalid additional property: %s", name)
		}
	}
	slices.Sort(v.problems) // maps have no order; an answer should
}

// rule is what one field must be.
type rule struct {
	required bool
	check    check
}

type fields map[string]rule

type check func(v *checker, at string, value any)

func must(c check) rule { return rule{required: true, check: c} }
func may(c check) rule  { return rule{check: c} }

// text is a string of least to most characters.
func text(least, most int) check {
	return func(v *checker, at string, value any) {
		s, ok := value.(string)
		if !ok {
			v.fail(at, "must be a string")
			return
		}
		switch n := utf8.RuneCountInString(s); {
		case n < least:
			v.fail(at, "must be more than %d characters", least-1)
		case n > most:
			v.fail(at, "must be less than %d characters", most+1)
		}
	}
}

func oneOf(values ...string) check {
	return func(v *checker, at string, value any) {
		if s, ok := value.(string); !ok || !slices.Contains(values, s) {
			v.fail(at, "must be one of %v", values)
		}
	}
}

func boolean(v *checker, at string, value any) {
	if _, ok := value.(bool); !ok {
		v.fail(at, "must be a boolean")
	}
}

func number(least, most float64) check {
	return func(v *checker, at string, value any) {
		n, ok := value.(float64)
		if j, isNumber := value.(json.Number); isNumber {
			f, err := j.Float64()
			n, ok = f, err == nil
		}
		if !ok || n < least || n > most {
			v.fail(at, "must be a number between %v and %v", least, most)
		}
	}
}

func anything(*checker, string, any) {}

// list is an array of least to most items, each checked.
func list(least, most int, item check) check {
	return func(v *checker, at string, value any) {
		items, ok := value.([]any)
		if !ok {
			v.fail(at, "must provide an array")
			return
		}
		if len(items) < least {
			v.fail(at, "must provide at least %d items", least)
		}
		if len(items) > most {
			v.fail(at, "no more than %d items allowed", most)
			return
		}
		for i, x := range items {
			item(v, fmt.Sprintf("%s/%d", at, i), x)
		}
	}
}

// object is an object with these fields.
func object(rules fields) check {
	return func(v *checker, at string, value any) {
		o, ok := value.(map[string]any)
		if !ok {
			v.fail(at, "must provide an object")
			return
		}
		v.object(at, o, rules)
	}
}

// textObject is a plain_text or mrkdwn object of at least one and at most most characters.
func textObject(most int, kinds ...string) check {
	inside := text(1, most)
	return func(v *checker, at string, value any) {
		o, ok := value.(map[string]any)
		if !ok {
			v.fail(at, "must provide an object")
			return
		}
		kind, _ := o["type"].(string)
		if !slices.Contains(kinds, kind) {
			v.fail(at+"/type", "unsupported type: %s", kind)
			return
		}
		rules := fields{"text": must(inside), "verbatim": may(boolean)}
		if kind == "plain_text" {
			rules = fields{"text": must(inside), "emoji": may(boolean)}
		}
		v.object(at, o, rules)
	}
}

func plain(most int) check  { return textObject(most, "plain_text") }
func either(most int) check { return textObject(most, "plain_text", "mrkdwn") }

// typed is an object whose type is one of kinds, checked by rules of that type.
func typed(rules map[string]fields, kinds ...string) check {
	return func(v *checker, at string, value any) {
		o, ok := value.(map[string]any)
		if !ok {
			v.fail(at, "must provide an object")
			return
		}
		kind, _ := o["type"].(string)
		if kind == "" {
			v.fail(at, "missing required field: type")
			return
		}
		if !slices.Contains(kinds, kind) {
			v.fail(at+"/type", "unsupported type: %s", kind)
			return
		}
		v.object(at, o, rules[kind])
	}
}
