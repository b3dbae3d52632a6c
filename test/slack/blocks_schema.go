package slack

import "maps"

// What Slack documents for each block, element and object. The numbers are the published limits.

var (
	actionID  = may(text(1, 255))
	blockID   = may(text(1, 255))
	url3000   = text(1, 3000)
	mark      = either(75)
	placehold = may(plain(150))

	confirm = may(object(fields{
		"title": must(plain(100)), "text": must(either(300)), "confirm": must(plain(30)), "deny": must(plain(30)),
		"style": may(oneOf("primary", "danger")),
	}))
	selectOption   = option(150, plain(75))
	choiceOption   = option(150, mark)
	overflowOption = object(fields{
		"text": must(plain(75)), "value": may(text(1, 150)), "description": may(plain(75)), "url": may(url3000),
	})
	optionGroup = object(fields{"label": must(plain(75)), "options": must(list(1, 100, selectOption))})
	slackFile   = object(fields{"id": may(text(1, 255)), "url": may(url3000)})
	filter      = may(object(fields{
		"include":                          may(list(1, 4, oneOf("im", "mpim", "private", "public"))),
		"exclude_external_shared_channels": may(boolean), "exclude_bot_users": may(boolean),
	}))
	dispatch = may(object(fields{
		"trigger_actions_on": may(list(1, 2, oneOf("on_enter_pressed", "on_character_entered"))),
	}))
)

func option(most int, label check) check {
	return object(fields{"text": must(label), "value": must(text(1, most)), "description": may(label)})
}

// with is base and more; more wins.
func with(base, more fields) fields {
	out := maps.Clone(base)
	maps.Copy(out, more)
	return out
}

var (
	menu      = fields{"action_id": actionID, "placeholder": placehold, "confirm": confirm, "focus_on_load": may(boolean)}
	multiMenu = with(menu, fields{"max_selected_items": may(number(1, 1000))})
	input     = fields{
		"action_id": actionID, "placeholder": placehold, "focus_on_load": may(boolean), "initial_value": may(text(0, 3000)),
		"dispatch_action_config": dispatch,
	}
	choices = fields{
		"action_id": actionID, "options": must(list(1, 10, choiceOption)), "confirm": confirm, "focus_on_load": may(boolean),
	}
	optionLists = fields{"options": may(list(1, 100, selectOption)), "option_groups": may(list(1, 100, optionGroup))}
	ids         = list(0, 1000, text(1, 255))
)

// elementRules holds every element by its type.
var elementRules = map[string]fields{
	"button": {
		"action_id": actionID, "text": must(plain(75)), "url": may(url3000), "value": may(text(1, 2000)),
		"style": may(oneOf("primary", "danger")), "confirm": confirm, "accessibility_label": may(text(1, 75)),
	},
	"overflow": {"action_id": actionID, "options": must(list(1, 5, overflowOption)), "confirm": confirm},
	"image": {
		"alt_text": must(text(1, 2000)), "image_url": may(url3000), "slack_file": may(slackFile),
	},
	"static_select":       with(with(menu, optionLists), fields{"initial_option": may(selectOption)}),
	"multi_static_select": with(with(multiMenu, optionLists), fields{"initial_options": may(list(1, 100, selectOption))}),
	"external_select": with(menu, fields{
		"initial_option": may(selectOption), "min_query_length": may(number(0, 100)),
	}),
	"multi_external_select": with(multiMenu, fields{
		"initial_options": may(list(1, 100, selectOption)), "min_query_length": may(number(0, 100)),
	}),
	"users_select":       with(menu, fields{"initial_user": may(text(1, 255))}),
	"multi_users_select": with(multiMenu, fields{"initial_users": may(ids)}),
	"channels_select": with(menu, fields{
		"initial_channel": may(text(1, 255)), "response_url_enabled": may(boolean),
	}),
	"multi_channels_select": with(multiMenu, fields{"initial_channels": may(ids)}),
	"conversations_select": with(menu, fields{
		"initial_conversation": may(text(1, 255)), "default_to_current_conversation": may(boolean),
		"response_url_enabled": may(boolean), "filter": filter,
	}),
	"multi_conversations_select": with(multiMenu, fields{
		"initial_conversations": may(ids), "default_to_current_conversation": may(boolean), "filter": filter,
	}),
	"radio_buttons": with(choices, fields{"initial_option": may(choiceOption)}),
	"checkboxes":    with(choices, fields{"initial_options": may(list(1, 10, choiceOption))}),
	"datepicker":    with(menu, fields{"initial_date": may(text(10, 10))}),
	"timepicker":    with(menu, fields{"initial_time": may(text(5, 5)), "timezone": may(text(1, 100))}),
	"datetimepicker": {
		"action_id": actionID, "initial_date_time": may(number(0, 9999999999)), "confirm": confirm,
		"focus_on_load": may(boolean),
	},
	"plain_text_input": with(input, fields{
		"multiline": may(boolean), "min_length": may(number(0, 3000)), "max_length": may(number(1, 3000)),
	}),
	"email_text_input": input,
	"url_text_input":   input,
	"number_input": with(input, fields{
		"is_decimal_allowed": must(boolean), "min_value": may(text(1, 40)), "max_value": may(text(1, 40)),
	}),
	"rich_text_input": with(input, fields{"initial_value": may(anything)}),
	"file_input": {
		"action_id": actionID, "filetypes": may(ids), "max_files": may(number(1, 10)),
	},
	"feedback_buttons": {
		"action_id": actionID, "positive_button": must(feedback), "negative_button": must(feedback),
	},
	"icon_button": {
		"action_id": actionID, "icon": must(oneOf("trash")), "text": must(plain(75)), "value": may(text(1, 2000)),
		"confirm": confirm, "accessibility_label": may(text(1, 75)), "visible_to_user_ids": may(ids),
	},
}

var feedback = object(fields{
	"text": must(plain(75)), "value": must(text(1, 2000)), "accessibility_label": may(text(1, 75)),
})

var (
	menus = []string{
		"static_select", "external_select", "users_select", "channels_select", "conversations_select",
	}
	multiMenus = []string{
		"multi_static_select", "multi_external_select", "multi_users_select", "multi_channels_select",
		"multi_conversations_select",
	}
	pickers = []string{"datepicker", "timepicker", "radio_buttons", "checkboxes"}

	inActions   = join(menus, pickers, []string{"button", "overflow", "datetimepicker"})
	inAccessory = join(menus, multiMenus, pickers, []string{"button", "overflow", "image"})
	inInput     = join(menus, multiMenus, pickers, []string{
		"plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input", "file_input",
		"datetimepicker",
	})
)

func join(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// inContext is a text or an image.
func inContext(v *checker, at string, value any) {
	o, _ := value.(map[string]any)
	if o["type"] == "image" {
		typed(elementRules, "image")(v, at, value)
		return
	}
	either(2000)(v, at, value)
}

// blockRules holds every block by its type.
var blockRules = map[string]fields{
	"section": {
		"block_id": blockID, "text": may(either(3000)), "fields": may(list(1, 10, either(2000))),
		"accessory": may(typed(elementRules, inAccessory...)), "expand": may(boolean),
	},
	"header":  {"block_id": blockID, "text": must(plain(150)), "level": may(number(1, 4))},
	"divider": {"block_id": blockID},
	"image": {
		"block_id": blockID, "image_url": may(url3000), "slack_file": may(slackFile), "alt_text": must(text(1, 2000)),
		"title": may(plain(2000)),
	},
	"actions":         {"block_id": blockID, "elements": must(list(1, 25, typed(elementRules, inActions...)))},
	"context":         {"block_id": blockID, "elements": must(list(1, 10, inContext))},
	"context_actions": {"block_id": blockID, "elements": must(list(1, 5, typed(elementRules, "feedback_buttons", "icon_button")))},
	"input": {
		"block_id": blockID, "label": must(plain(2000)), "element": must(typed(elementRules, inInput...)),
		"dispatch_action": may(boolean), "hint": may(plain(2000)), "optional": may(boolean),
	},
	"data_visualization": {"block_id": blockID, "title": must(text(1, 50)), "chart": must(chart)},

	"rich_text": richText["rich_text"],
	"markdown":  {"block_id": blockID, "text": must(text(1, maxMarkdown))},
	"table": {
		"block_id": blockID, "rows": must(list(1, 100, list(1, 20, tableCell))), "column_settings": may(list(0, 20, anything)),
	},
}

func tableCell(v *checker, at string, value any) {
	o, _ := value.(map[string]any)
	if o["type"] == "rich_text" {
		typed(richText, "rich_text")(v, at, value)
		return
	}
	typed(cellRules, "raw_text", "raw_number")(v, at, value)
}

// richText stands apart from blockRules, whose tables hold rich text again.
var richText = map[string]fields{
	"rich_text": {"block_id": blockID, "elements": must(list(1, 1000, typed(richRules, richBlocks...)))},
}

var cellRules = map[string]fields{
	"raw_text":   {"text": must(text(1, 3000))},
	"raw_number": {"value": must(number(-1e18, 1e18)), "text": may(text(1, 3000))},
}

var (
	richBlocks  = []string{"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
	richInlines = []string{"text", "link", "user", "usergroup", "channel", "emoji", "broadcast", "color", "date", "team"}
	richStyle   = may(object(fields{
		"bold": may(boolean), "italic": may(boolean), "strike": may(boolean), "code": may(boolean),
		"highlight": may(boolean), "client_highlight": may(boolean), "unlink": may(boolean), "underline": may(boolean),
	}))
	inlines = must(list(0, 1000, typed(richInlineRules, richInlines...)))
)

var richRules = map[string]fields{
	"rich_text_section":      {"elements": inlines},
	"rich_text_preformatted": {"elements": inlines, "border": may(number(0, 1)), "language": may(text(0, 100))},
	"rich_text_quote":        {"elements": inlines, "border": may(number(0, 1))},
	"rich_text_list": {
		"style": must(oneOf("bullet", "ordered")), "indent": may(number(0, 8)), "offset": may(number(0, 1e6)),
		"border": may(number(0, 1)), "elements": must(list(1, 1000, typed(listItemRules, "rich_text_section"))),
	},
}

var listItemRules = map[string]fields{"rich_text_section": {"elements": inlines}}

var richInlineRules = map[string]fields{
	"text":      {"text": must(text(1, 12000)), "style": richStyle},
	"link":      {"url": must(url3000), "text": may(text(0, 3000)), "style": richStyle, "unsafe": may(boolean)},
	"user":      {"user_id": must(text(1, 255)), "style": richStyle},
	"usergroup": {"usergroup_id": must(text(1, 255)), "style": richStyle},
	"channel":   {"channel_id": must(text(1, 255)), "style": richStyle},
	"team":      {"team_id": must(text(1, 255)), "style": richStyle},
	"emoji":     {"name": must(text(1, 255)), "unicode": may(text(1, 100)), "skin_tone": may(number(1, 6)), "url": may(url3000), "style": richStyle},
	"broadcast": {"range": must(oneOf("here", "channel", "everyone")), "style": richStyle},
	"color":     {"value": must(text(1, 50)), "style": richStyle},
	"date": {
		"timestamp": must(number(0, 9999999999)), "format": must(text(1, 300)), "url": may(url3000),
		"fallback": may(text(1, 3000)), "style": richStyle,
	},
}

var (
	viewRules = fields{
		"type": must(anything), "blocks": must(anything), "private_metadata": may(text(0, 3000)),
		"callback_id": may(text(0, 255)), "external_id": may(text(0, 255)),
	}
	homeRules  = viewRules
	modalRules = with(viewRules, fields{
		"title": must(plain(24)), "submit": may(plain(24)), "close": may(plain(24)), "clear_on_close": may(boolean),
		"notify_on_close": may(boolean), "submit_disabled": may(boolean),
	})
)
