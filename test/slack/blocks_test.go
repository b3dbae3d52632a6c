package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func x(n int) string { return strings.Repeat("x", n) }

func ptext(n int) string { return fmt.Sprintf(`{"type":"plain_text","text":%q}`, x(n)) }
func mtext(n int) string { return fmt.Sprintf(`{"type":"mrkdwn","text":%q}`, x(n)) }

func repeat(n int, item func(int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	return "[" + strings.Join(items, ",") + "]"
}

func btn(id string, extra string) string {
	return fmt.Sprintf(`{"type":"button","action_id":%q,"text":%s%s}`, id, ptext(5), extra)
}

func actions(elements string) string { return `{"type":"actions","elements":[` + elements + `]}` }

func opts(n, text, value int) string {
	return repeat(n, func(i int) string {
		return fmt.Sprintf(`{"text":%s,"value":"%03d%s"}`, ptext(text), i, x(value-3))
	})
}

func sel(options string) string {
	return `{"type":"static_select","action_id":"s","options":` + options + `}`
}

// line is a line chart over two days.
func line(series string) string {
	return `{"type":"data_visualization","title":"x","chart":{"type":"line","series":[` + series + `],"axis_config":{"categories":["Mon","Tue"]}}}`
}

// Each limit is met exactly and then passed by one.
func TestBlockLimits(t *testing.T) {
	const ok = ""
	conf := func(a, b, c, d int) string {
		return fmt.Sprintf(`,"confirm":{"title":%s,"text":%s,"confirm":%s,"deny":%s}`, ptext(a), mtext(b), ptext(c), ptext(d))
	}
	buttons := func(n int) string {
		return actions(strings.Trim(repeat(n, func(i int) string { return btn(fmt.Sprint("a", i), "") }), "[]"))
	}
	context := func(n int) string {
		return `{"type":"context","elements":` + repeat(n, func(int) string { return mtext(5) }) + `}`
	}
	section := func(t string) string { return `{"type":"section","text":` + t + `}` }
	for _, c := range []struct{ name, block, want string }{
		{"section 3000", section(mtext(3000)), ok},
		{"section 3001", section(mtext(3001)), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"},
		{"section empty text", section(mtext(0)), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"},
		{"section without anything", `{"type":"section"}`, "must provide either `text` or `fields` [json-pointer:/blocks/0]"},
		{"section text a string", `{"type":"section","text":"x"}`, "must provide an object [json-pointer:/blocks/0/text]"},
		{"ten fields", `{"type":"section","fields":` + repeat(10, func(int) string { return mtext(2000) }) + `}`, ok},
		{"eleven fields", `{"type":"section","fields":` + repeat(11, func(int) string { return mtext(5) }) + `}`, "no more than 10 items allowed [json-pointer:/blocks/0/fields]"},
		{"field 2001", `{"type":"section","fields":[` + mtext(2001) + `]}`, "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"},
		{"header 150", `{"type":"header","text":` + ptext(150) + `}`, ok},
		{"header 151", `{"type":"header","text":` + ptext(151) + `}`, "must be less than 151 characters [json-pointer:/blocks/0/text/text]"},
		{"header mrkdwn", `{"type":"header","text":` + mtext(5) + `}`, "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"},
		{"25 buttons", buttons(25), ok},
		{"26 buttons", buttons(26), "no more than 25 items allowed [json-pointer:/blocks/0/elements]"},
		{"ten in context", context(10), ok},
		{"eleven in context", context(11), "no more than 10 items allowed [json-pointer:/blocks/0/elements]"},
		{"button text 76", actions(`{"type":"button","action_id":"a","text":` + ptext(76) + `}`), "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"},
		{"button value 2000", actions(btn("a", `,"value":"`+x(2000)+`"`)), ok},
		{"button value 2001", actions(btn("a", `,"value":"`+x(2001)+`"`)), "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]"},
		{"button url 3001", actions(btn("a", `,"url":"`+x(3001)+`"`)), "must be less than 3001 characters [json-pointer:/blocks/0/elements/0/url]"},
		{"button style", actions(btn("a", `,"style":"default"`)), "must be one of [primary danger] [json-pointer:/blocks/0/elements/0/style]"},
		{"action_id 255", actions(btn(x(255), "")), ok},
		{"action_id 256", actions(btn(x(256), "")), "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]"},
		{"same action_id", actions(btn("a", "") + "," + btn("a", "")), "`action_id` \"a\" already exists [json-pointer:/blocks/0/elements/1/action_id]"},
		{"confirm full", actions(btn("a", conf(100, 300, 30, 30))), ok},
		{"confirm title 101", actions(btn("a", conf(101, 300, 30, 30))), "must be less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]"},
		{"confirm deny 31", actions(btn("a", conf(100, 300, 30, 31))), "must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/deny/text]"},
		{"100 options", actions(sel(opts(100, 75, 150))), ok},
		{"101 options", actions(sel(opts(101, 5, 5))), "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]"},
		{"no options", actions(sel("[]")), "must provide at least 1 items [json-pointer:/blocks/0/elements/0/options]"},
		{"option text 76", actions(sel(opts(1, 76, 5))), "must be less than 76 characters [json-pointer:/blocks/0/elements/0/options/0/text/text]"},
		{"option value 151", actions(sel(opts(1, 5, 151))), "must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]"},
		{"overflow 5", actions(`{"type":"overflow","action_id":"o","options":` + opts(5, 5, 5) + `}`), ok},
		{"overflow 6", actions(`{"type":"overflow","action_id":"o","options":` + opts(6, 5, 5) + `}`), "no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]"},
		{"image", `{"type":"image","image_url":"https://e/x.png","alt_text":"x"}`, ok},
		{"image without alt", `{"type":"image","image_url":"https://e/x.png"}`, "missing required field: alt_text [json-pointer:/blocks/0]"},
		{"image without source", `{"type":"image","alt_text":"x"}`, "must provide exactly one of `image_url` or `slack_file` [json-pointer:/blocks/0]"},
		{"markdown 12000", `{"type":"markdown","text":"` + x(12000) + `"}`, ok},
		{"markdown 12001", `{"type":"markdown","text":"` + x(12001) + `"}`, "must be less than 12001 characters [json-pointer:/blocks/0/text]"},
		{"rich text", `{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"x","style":{"bold":true}}]}]}`, ok},
		{"rich text list", `{"type":"rich_text","elements":[{"type":"rich_text_list","style":"stars","elements":[{"type":"rich_text_section","elements":[]}]}]}`, "must be one of [bullet ordered] [json-pointer:/blocks/0/elements/0/style]"},
		{"unknown block", `{"type":"hologram"}`, "unsupported type: hologram [json-pointer:/blocks/0/type]"},
		{"chart", line(`{"name":"use","data":[{"label":"Mon","value":1.5},{"label":"Tue","value":-2}]}`), ok},
		{"chart without title", `{"type":"data_visualization","chart":{"type":"pie","segments":[{"label":"a","value":1}]}}`, "missing required field: title [json-pointer:/blocks/0]"},
		{"pie slice of nothing", `{"type":"data_visualization","title":"x","chart":{"type":"pie","segments":[{"label":"a","value":0}]}}`, "must be a number between 1e-15 and 1e+15 [json-pointer:/blocks/0/chart/segments/0/value]"},
		{"chart of another kind", `{"type":"data_visualization","title":"x","chart":{"type":"radar"}}`, "unsupported type: radar [json-pointer:/blocks/0/chart/type]"},
		{"point missing", line(`{"name":"use","data":[{"label":"Mon","value":1}]}`), "must have exactly one data point for each category [json-pointer:/blocks/0/chart/series/0/data]"},
		{"point of no category", line(`{"name":"use","data":[{"label":"Mon","value":1},{"label":"Wed","value":1}]}`), "must have exactly one data point for each category [json-pointer:/blocks/0/chart/series/0/data]"},
		{"label 21", line(`{"name":"` + x(21) + `","data":[{"label":"Mon","value":1},{"label":"Tue","value":1}]}`), "must be less than 21 characters [json-pointer:/blocks/0/chart/series/0/name]"},
		{"two series of one name", line(`{"name":"u","data":[{"label":"Mon","value":1},{"label":"Tue","value":1}]},{"name":"u","data":[{"label":"Mon","value":1},{"label":"Tue","value":1}]}`), "series names must be unique [json-pointer:/blocks/0/chart/series/1/name]"},
		{"input in a message", `{"type":"input"}`, "unsupported type: input [json-pointer:/blocks/0/type]"},
		{"unknown property", `{"type":"divider","color":"red"}`, "invalid additional property: color [json-pointer:/blocks/0]"},
		{"unknown element", actions(`{"type":"slider"}`), "unsupported type: slider [json-pointer:/blocks/0/elements/0/type]"},
		{"not an object", `"divider"`, "must provide an object [json-pointer:/blocks/0]"},
		{"no type", `{}`, "missing required field: type [json-pointer:/blocks/0]"},
		{"table", `{"type":"table","rows":[[{"type":"raw_text","text":"x"},{"type":"raw_number","value":3}]]}`, ok},
		{"table cell", `{"type":"table","rows":[[{"type":"raw_number"}]]}`, "missing required field: value [json-pointer:/blocks/0/rows/0/0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := checkBlocks(parse(t, "["+c.block+"]"), onMessage, "/blocks")
			if c.want == "" && len(got) > 0 || c.want != "" && !slices.Contains(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func parse(t *testing.T, text string) []any {
	t.Helper()
	var list []any
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%v in %.200s", err, text)
	}
	return list
}

func TestBlockLists(t *testing.T) {
	divider := func(int) string { return `{"type":"divider"}` }
	same := func(int) string { return `{"type":"divider","block_id":"b"}` }
	pie := func(int) string {
		return `{"type":"data_visualization","title":"x","chart":{"type":"pie","segments":[{"label":"a","value":1}]}}`
	}
	for _, c := range []struct {
		name, list string
		on         surface
		want       string
	}{
		{"50 in a message", repeat(50, divider), onMessage, ""},
		{"51 in a message", repeat(51, divider), onMessage, "no more than 50 items allowed [json-pointer:/blocks]"},
		{"100 in a modal", repeat(100, divider), onModal, ""},
		{"101 on the Home tab", repeat(101, divider), onHome, "no more than 100 items allowed [json-pointer:/blocks]"},
		{"same block_id", repeat(2, same), onMessage, "`block_id` \"b\" already exists [json-pointer:/blocks/1/block_id]"},
		{"three charts", repeat(3, pie), onMessage, "no more than 2 data_visualization blocks allowed [json-pointer:/blocks]"},
		{"two charts", repeat(2, pie), onMessage, ""},
		{"chart in a modal", repeat(1, pie), onModal, "unsupported type: data_visualization [json-pointer:/blocks/0/type]"},
		{"markdown in a modal", `[{"type":"markdown","text":"x"}]`, onModal, "unsupported type: markdown [json-pointer:/blocks/0/type]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := checkBlocks(parse(t, c.list), c.on, "/blocks")
			if c.want == "" && len(got) > 0 || c.want != "" && !slices.Contains(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestViewLimits(t *testing.T) {
	in := `{"type":"input","block_id":"b","label":%s,"element":{"type":"plain_text_input","action_id":"t","max_length":%d}}`
	modal := func(title int, more string) string {
		return fmt.Sprintf(`{"type":"modal","title":%s%s}`, ptext(title), more)
	}
	for _, c := range []struct{ name, view, want string }{
		{"title 24", modal(24, `,"blocks":[]`), ""},
		{"title 25", modal(25, `,"blocks":[]`), "must be less than 25 characters [json-pointer:/view/title/text]"},
		{"no title", `{"type":"modal","blocks":[]}`, "missing required field: title [json-pointer:/view]"},
		{"submit 25", modal(5, `,"blocks":[],"submit":`+ptext(25)), "must be less than 25 characters [json-pointer:/view/submit/text]"},
		{"private_metadata 3001", modal(5, `,"blocks":[],"private_metadata":"`+x(3001)+`"`), "must be less than 3001 characters [json-pointer:/view/private_metadata]"},
		{"callback_id 256", modal(5, `,"blocks":[],"callback_id":"`+x(256)+`"`), "must be less than 256 characters [json-pointer:/view/callback_id]"},
		{"input with submit", modal(5, `,"submit":`+ptext(5)+`,"blocks":[`+fmt.Sprintf(in, ptext(2000), 3000)+`]`), ""},
		{"input without submit", modal(5, `,"blocks":[`+fmt.Sprintf(in, ptext(5), 3000)+`]`), "must define `submit` to use an `input` block in modals [json-pointer:/view/blocks/0/input]"},
		{"label 2001", modal(5, `,"submit":`+ptext(5)+`,"blocks":[`+fmt.Sprintf(in, ptext(2001), 3000)+`]`), "must be less than 2001 characters [json-pointer:/view/blocks/0/label/text]"},
		{"max_length 3001", modal(5, `,"submit":`+ptext(5)+`,"blocks":[`+fmt.Sprintf(in, ptext(5), 3001)+`]`), "must be a number between 1 and 3000 [json-pointer:/view/blocks/0/element/max_length]"},
		{"home", `{"type":"home","blocks":[{"type":"divider"}]}`, ""},
		{"home with a title", `{"type":"home","blocks":[],"title":` + ptext(5) + `}`, "invalid additional property: title [json-pointer:/view]"},
		{"blocks missing", `{"type":"home"}`, "missing required field: blocks [json-pointer:/view]"},
		{"another type", `{"type":"drawer"}`, "must be a valid view type: `modal` or `home` [json-pointer:/view/type]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			view, _ := parse(t, "["+c.view+"]")[0].(map[string]any)
			got := checkView(view, "/view")
			if c.want == "" && len(got) > 0 || c.want != "" && !slices.Contains(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestWholeMessage(t *testing.T) {
	s := New(Config{})
	defer s.Stop()
	sections := func(n, chars int) []Block {
		var out []Block
		for range n {
			out = append(out, Block{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": x(chars)}})
		}
		return out
	}
	for _, c := range []struct {
		blocks, chars int
		refused       bool
	}{
		{4, 3000, false},
		{5, 2700, true},
		{50, 192, false}, // 9,597 characters in 50 blocks are known to pass
		{45, 252, true},  // 11,341 in 45 blocks are known not to
	} {
		err := s.acceptBlocks(sections(c.blocks, c.chars), onMessage, "/blocks", "invalid_blocks")
		if refused := err != nil && err.Error() == "msg_blocks_too_long"; refused != c.refused {
			t.Errorf("%d blocks of %d characters: %v, want refused %v", c.blocks, c.chars, err, c.refused)
		}
	}
}

// Whatever comes, the validator answers; what it accepts keeps the limits and gets unique ids.
func FuzzBlocks(f *testing.F) {
	for _, seed := range []string{
		`[]`, `[{"type":"section","text":{"type":"mrkdwn","text":"x"}}]`, `[null,1,"x",{}]`,
		`[{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"x"}}]}]`,
		`[{"type":"context","elements":[{"type":"image","image_url":"u","alt_text":"x"}]}]`,
		`[{"type":"table","rows":[[{"type":"rich_text","elements":[]}]]}]`,
		`[{"type":"section","fields":[{}],"accessory":[]}]`, `[{"type":1,"block_id":2}]`,
	} {
		f.Add(seed)
	}
	s := New(Config{})
	f.Cleanup(s.Stop)
	f.Fuzz(func(t *testing.T, raw string) {
		var blocks []Block
		if json.Unmarshal([]byte(raw), &blocks) != nil {
			return
		}
		if s.acceptBlocks(blocks, onMessage, "/blocks", "invalid_blocks") != nil {
			return
		}
		if len(blocks) > 50 || weigh(blocks) > maxBlockText {
			t.Fatalf("accepted %d blocks weighing %d", len(blocks), weigh(blocks))
		}
		seen := map[string]bool{}
		for _, b := range blocks {
			id := str(b, "block_id")
			if id == "" || seen[id] || !slices.Contains(onMessage.types, str(b, "type")) {
				t.Fatalf("accepted block %v", b)
			}
			seen[id] = true
		}
		initialState(blocks, ViewState{})
		elementsOf(blocks, func(b, e Block) {
			if len(str(e, "action_id")) > 4*255 {
				t.Fatalf("accepted element %v", e)
			}
		})
	})
}

func TestWorkspaceWithoutCharts(t *testing.T) {
	s := &Server{cfg: Config{NoCharts: true}}
	blocks := []Block{{"type": "data_visualization", "title": "x", "chart": map[string]any{"type": "pie"}}}
	err := s.acceptBlocks(blocks, onMessage, "/blocks", "invalid_blocks")
	if err == nil || !strings.Contains(err.Error(), "invalid_blocks") {
		t.Errorf("got %v", err)
	}
}
