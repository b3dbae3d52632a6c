package view

import (
	"encoding/json"
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// Slack's limits of a modal, in UTF-16 units.
const (
	maxModalTitle  = 24
	maxPlaceholder = 150
	maxLabel       = 2000
	maxInput       = 3000
	maxID          = 255
	maxFieldError  = 300
	maxOptions     = 100
	maxOptionText  = 75
)

// Modal draws a form. private comes back with its submission; Slack takes 3,000 characters of it.
func Modal(f engine.Form, private string) slack.ModalViewRequest {
	c := newCanvas()
	if f.Text != "" {
		c.section(outside(f.Text, 2900))
	}
	if f.Remedy != nil {
		remedyPlan(c, *f.Remedy)
	}
	for _, field := range f.Fields {
		c.add(input(field))
	}
	if len(c.blocks) == 0 { // Slack takes no empty window
		c.section("There is nothing to fill in.")
	}
	submit := f.Submit
	if submit == "" {
		submit = "Send"
	}
	return slack.ModalViewRequest{
		Type:            slack.VTModal,
		Title:           plainText(f.Title, maxModalTitle),
		Submit:          plainText(submit, maxModalTitle),
		Close:           plainText("Cancel", maxModalTitle),
		CallbackID:      cut(f.Name, maxID),
		PrivateMetadata: private,
		Blocks:          slack.Blocks{BlockSet: c.done()},
	}
}

// input is one field. Its name is both its block id and its action id: a submission's values and errors go by it.
func input(f engine.Field) slack.Block {
	name := cut(f.Name, maxID)
	block := slack.NewInputBlock(name, plainText(f.Label, maxLabel), optionalText(f.Hint, maxLabel), inputElement(f, name))
	block.Optional = f.Optional
	return block
}

func inputElement(f engine.Field, name string) slack.BlockElement {
	switch {
	case f.Kind == engine.FieldDate:
		element := slack.NewDatePickerBlockElement(name)
		element.InitialDate = f.Value
		element.Placeholder = optionalText(f.Placeholder, maxPlaceholder)
		return element
	case f.Kind == engine.FieldSelect && len(f.Options) > 0:
		element := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, optionalText(f.Placeholder, maxPlaceholder), name)
		for _, o := range f.Options[:min(maxOptions, len(f.Options))] {
			option := slack.NewOptionBlockObject(cut(o.Value, maxOptionText), plainText(o.Label, maxOptionText), nil)
			element.Options = append(element.Options, option)
			if o.Value == f.Value {
				element.InitialOption = option
			}
		}
		return element
	}
	element := slack.NewPlainTextInputBlockElement(example(f), name)
	element.Multiline = f.Multiline
	element.MaxLength = min(max(0, f.MaxLength), maxInput)
	element.InitialValue = cut(f.Value, maxInput)
	return element
}

// example is the placeholder of a text. One of several lines keeps them.
func example(f engine.Field) *slack.TextBlockObject {
	shown := optionalText(f.Placeholder, maxPlaceholder)
	if shown == nil || !f.Multiline {
		return shown
	}
	var lines []string
	for line := range strings.Lines(clip(f.Placeholder, maxPlaceholder)) {
		if line = plain(line, maxPlaceholder); line != "" {
			lines = append(lines, line)
		}
	}
	shown.Text = cut(strings.Join(lines, "\n"), maxPlaceholder)
	return shown
}

func optionalText(text string, n int) *slack.TextBlockObject {
	if tame(text) == "" {
		return nil
	}
	return plainText(text, n)
}

// FieldErrors is the acknowledgement of a submission whose fields are wrong: the modal stays open and shows them.
func FieldErrors(invalid map[string]string) any {
	short := make(map[string]string, len(invalid))
	for field, problem := range invalid {
		short[field] = cut(tame(problem), maxFieldError)
	}
	return slack.NewErrorsViewSubmissionResponse(short)
}

// CloseModal is the acknowledgement of a submission that was taken: every open modal closes.
func CloseModal() any { return slack.NewClearViewSubmissionResponse() }

// jsonSize is a text's length inside a JSON string.
func jsonSize(s string) int {
	data, err := json.Marshal(s)
	if err != nil {
		return len(s)
	}
	return len(data)
}
