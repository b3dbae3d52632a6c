package slack

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// stateful names, for each element that holds a value, the field with the value and the one with what it starts at.
var stateful = map[string][2]string{
	"plain_text_input":           {"value", "initial_value"},
	"email_text_input":           {"value", "initial_value"},
	"url_text_input":             {"value", "initial_value"},
	"number_input":               {"value", "initial_value"},
	"rich_text_input":            {"rich_text_value", "initial_value"},
	"static_select":              {"selected_option", "initial_option"},
	"external_select":            {"selected_option", "initial_option"},
	"radio_buttons":              {"selected_option", "initial_option"},
	"multi_static_select":        {"selected_options", "initial_options"},
	"multi_external_select":      {"selected_options", "initial_options"},
	"checkboxes":                 {"selected_options", "initial_options"},
	"users_select":               {"selected_user", "initial_user"},
	"multi_users_select":         {"selected_users", "initial_users"},
	"channels_select":            {"selected_channel", "initial_channel"},
	"multi_channels_select":      {"selected_channels", "initial_channels"},
	"conversations_select":       {"selected_conversation", "initial_conversation"},
	"multi_conversations_select": {"selected_conversations", "initial_conversations"},
	"datepicker":                 {"selected_date", "initial_date"},
	"timepicker":                 {"selected_time", "initial_time"},
	"datetimepicker":             {"selected_date_time", "initial_date_time"},
}

func str(b Block, field string) string {
	s, _ := b[field].(string)
	return s
}

// elementsOf calls f with every interactive element and the block it stands in.
func elementsOf(blocks []Block, f func(block, element Block)) {
	for _, b := range blocks {
		var walk func(any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				if str(v, "action_id") != "" {
					f(b, v)
					return
				}
				for _, field := range []string{"accessory", "element", "elements"} {
					walk(v[field])
				}
			case []any:
				for _, item := range v {
					walk(item)
				}
			}
		}
		walk(b)
	}
}

// element finds one by its two ids; nil when the message or view no longer has it.
func element(blocks []Block, blockID, actionID string) (block, found Block) {
	elementsOf(blocks, func(b, e Block) {
		if str(b, "block_id") == blockID && str(e, "action_id") == actionID {
			block, found = b, e
		}
	})
	return block, found
}

// blocksOf are the blocks inside an attachment, as a copy.
func blocksOf(attachment Block) ([]Block, error) {
	raw, err := json.Marshal(attachment["blocks"])
	if err != nil {
		return nil, err
	}
	var out []Block
	err = json.Unmarshal(raw, &out)
	return out, err
}

// allBlocks are a message's blocks and those of its attachments.
func (m *Message) allBlocks() []Block {
	out := m.Blocks
	for _, at := range m.Attachments {
		if inner, err := blocksOf(at); err == nil {
			out = append(slices.Clip(out), inner...)
		}
	}
	return out
}

// initialState is the state of blocks as they open, with what was chosen before wherever the element is still there.
func initialState(blocks []Block, before ViewState) ViewState {
	var s ViewState
	elementsOf(blocks, func(b, e Block) {
		names, ok := stateful[str(e, "type")]
		if !ok {
			return
		}
		block, action := str(b, "block_id"), str(e, "action_id")
		value := Block{"type": e["type"], names[0]: e[names[1]]}
		if strings.HasSuffix(names[0], "s") && value[names[0]] == nil {
			value[names[0]] = []any{}
		}
		if old, ok := before.Values[block][action]; ok && old["type"] == e["type"] {
			value = old
		}
		s.set(block, action, value)
	})
	return s
}

// choose is the value that element e takes from what a person did. It refuses an option that e does not have.
func choose(e Block, given Block) (Block, error) {
	kind := str(e, "type")
	value := Block{"type": kind}
	if kind == "button" {
		return value, nil
	}
	field := "selected_option"
	if names, ok := stateful[kind]; ok {
		field = names[0]
	} else if kind != "overflow" {
		return nil, refuse("element_takes_no_action")
	}
	v := given[field]
	switch field {
	case "selected_option":
		if v == nil {
			v = given["value"]
		}
		if v == nil || v == "" {
			value[field] = nil
			return value, nil
		}
		option := optionOf(e, v)
		if option == nil {
			return nil, refuse("no_such_option")
		}
		v = option
	case "selected_options":
		list, _ := v.([]any)
		chosen := []any{}
		for _, item := range list {
			option := optionOf(e, item)
			if option == nil {
				return nil, refuse("no_such_option")
			}
			chosen = append(chosen, option)
		}
		v = chosen
	default:
		if v == "" {
			v = nil
		}
	}
	value[field] = v
	return value, nil
}

// optionOf is the option of e whose value is wanted, given as text or as an option object.
func optionOf(e Block, wanted any) Block {
	value, _ := wanted.(string)
	if o, ok := wanted.(map[string]any); ok {
		value = str(o, "value")
	}
	if strings.Contains(str(e, "type"), "external") { // its options live with the app
		o, _ := wanted.(map[string]any)
		return o
	}
	lists := []any{e["options"]}
	groups, _ := e["option_groups"].([]any)
	for _, g := range groups {
		if g, ok := g.(map[string]any); ok {
			lists = append(lists, g["options"])
		}
	}
	for _, list := range lists {
		options, _ := list.([]any)
		for _, o := range options {
			if o, ok := o.(map[string]any); ok && str(o, "value") == value {
				return o
			}
		}
	}
	return nil
}

// actionEntry is one member of the actions of a block_actions payload.
func actionEntry(b, e, value Block, ts string) Block {
	out := maps.Clone(value)
	out["action_id"], out["block_id"], out["action_ts"] = e["action_id"], b["block_id"], ts
	for _, field := range []string{"text", "style", "placeholder", "confirm"} {
		if e[field] != nil {
			out[field] = e[field]
		}
	}
	if str(e, "type") == "button" {
		if e["value"] != nil {
			out["value"] = e["value"]
		}
		return out
	}
	if names, ok := stateful[str(e, "type")]; ok && e[names[1]] != nil {
		out[names[1]] = e[names[1]]
	}
	return out
}

// complete gives blocks and elements the ids that the app left out, and text objects the flags that Slack adds.
func (s *Server) complete(blocks []Block) {
	for _, b := range blocks {
		if str(b, "block_id") == "" {
			b["block_id"] = s.hex(5)
		}
		s.completeInside(b)
	}
}

func (s *Server) completeInside(v any) {
	switch v := v.(type) {
	case map[string]any:
		kind := str(v, "type")
		_, holds := stateful[kind]
		switch {
		case kind == "mrkdwn" && v["verbatim"] == nil:
			v["verbatim"] = false
		case kind == "plain_text" && v["emoji"] == nil:
			v["emoji"] = true
		case (holds || kind == "button" || kind == "overflow") && str(v, "action_id") == "":
			v["action_id"] = s.hex(5)
		}
		for _, field := range slices.Sorted(maps.Keys(v)) { // in order, so that a seed gives the same ids
			s.completeInside(v[field])
		}
	case []any:
		for _, inner := range v {
			s.completeInside(inner)
		}
	}
}
