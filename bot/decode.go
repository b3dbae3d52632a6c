package bot

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// inbound is a payload in the product's words. At most one of its pointers is set; none when it asks for nothing.
type inbound struct {
	command    *engine.Command
	click      *engine.Click
	submission *engine.Submission
	home       *engine.Person
	trigger    string // opens a modal within three seconds; "" when there is none
	answer     address
}

// address is where the asker alone can be answered.
type address struct {
	URL     string `json:"u,omitempty"` // response_url: five answers in thirty minutes
	Channel string `json:"c,omitempty"`
	Thread  string `json:"t,omitempty"` // the thread that was clicked in
	User    string `json:"-"`
}

// subject is what a modal carries in its private metadata: what it is about, and where its opener is answered.
type subject struct {
	Subject string  `json:"s"`
	Answer  address `json:"a"`
}

type slackUser struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Username string `json:"username"`
}

func (u slackUser) person() engine.Person {
	name := u.Name
	if name == "" {
		name = u.Username
	}
	return engine.Person{ID: u.ID, Name: name}
}

// payloadOf gives what is stored of an envelope: an event is the same when its event_id is, even in a new envelope.
func payloadOf(e envelope) (engine.Payload, error) {
	switch e.Type {
	case "slash_commands":
		return engine.Payload{ID: e.ID, Kind: engine.PayloadSlash, Body: e.Payload}, nil
	case "interactive":
		return engine.Payload{ID: e.ID, Kind: engine.PayloadInteraction, Body: e.Payload}, nil
	}
	var event struct {
		ID string `json:"event_id"`
	}
	if err := json.Unmarshal(e.Payload, &event); err != nil {
		return engine.Payload{}, fmt.Errorf("reading an event: %w", err)
	}
	if event.ID == "" {
		event.ID = e.ID
	}
	return engine.Payload{ID: event.ID, Kind: engine.PayloadEvent, Body: e.Payload}, nil
}

// decode reads a stored payload. It fails when Slack sent something that is not what its kind says.
func decode(p engine.Payload) (inbound, error) {
	switch p.Kind {
	case engine.PayloadSlash:
		return decodeCommand(p)
	case engine.PayloadInteraction:
		return decodeInteraction(p)
	case engine.PayloadEvent:
		return decodeEvent(p)
	}
	return inbound{}, fmt.Errorf("a payload of the unknown kind %q", p.Kind)
}

func decodeCommand(p engine.Payload) (inbound, error) {
	var c struct {
		Text        string `json:"text"`
		Channel     string `json:"channel_id"`
		User        string `json:"user_id"`
		Name        string `json:"user_name"`
		Trigger     string `json:"trigger_id"`
		ResponseURL string `json:"response_url"`
	}
	if err := json.Unmarshal(p.Body, &c); err != nil {
		return inbound{}, fmt.Errorf("reading a slash command: %w", err)
	}
	if c.User == "" {
		return inbound{}, fmt.Errorf("a slash command without a user")
	}
	return inbound{
		command: &engine.Command{
			ID: p.ID, By: engine.Person{ID: c.User, Name: c.Name}, Channel: c.Channel, Text: strings.TrimSpace(c.Text), At: p.At,
		},
		trigger: c.Trigger,
		answer:  address{URL: c.ResponseURL, Channel: c.Channel, User: c.User},
	}, nil
}

type interaction struct {
	Type        string    `json:"type"`
	User        slackUser `json:"user"`
	Trigger     string    `json:"trigger_id"`
	ResponseURL string    `json:"response_url"`
	Container   struct {
		Channel string `json:"channel_id"`
		Message string `json:"message_ts"`
		Thread  string `json:"thread_ts"`
	} `json:"container"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Actions []struct {
		ActionID string `json:"action_id"`
		BlockID  string `json:"block_id"`
		Value    string `json:"value"`
		Selected struct {
			Value string `json:"value"`
		} `json:"selected_option"`
	} `json:"actions"`
	View struct {
		CallbackID string `json:"callback_id"`
		Metadata   string `json:"private_metadata"`
		State      struct {
			Values map[string]map[string]struct {
				Value  string `json:"value"`         // of a text
				Date   string `json:"selected_date"` // of a date picker
				Choice struct {
					Value string `json:"value"`
				} `json:"selected_option"` // of a menu
				Choices []struct {
					Value string `json:"value"`
				} `json:"selected_options"` // of checkboxes, and of a menu that takes several
			} `json:"values"`
		} `json:"state"`
	} `json:"view"`
}

func decodeInteraction(p engine.Payload) (inbound, error) {
	var i interaction
	if err := json.Unmarshal(p.Body, &i); err != nil {
		return inbound{}, fmt.Errorf("reading an interaction: %w", err)
	}
	if i.User.ID == "" {
		return inbound{}, fmt.Errorf("an interaction %q without a user", i.Type)
	}
	switch i.Type {
	case "block_actions":
		return i.click(p)
	case "view_submission":
		return i.submission(p)
	}
	return inbound{}, nil
}

func (i interaction) click(p engine.Payload) (inbound, error) {
	if len(i.Actions) == 0 {
		return inbound{}, fmt.Errorf("a click on nothing")
	}
	channel := i.Container.Channel
	if channel == "" {
		channel = i.Channel.ID
	}
	a := i.Actions[0] // Slack sends one a click
	value := a.Value
	if a.Selected.Value != "" {
		value = a.Selected.Value
	}
	thread := i.Container.Thread
	if thread == i.Container.Message {
		thread = "" // the card itself: its answer belongs beside it, not under it
	}
	return inbound{
		click: &engine.Click{
			ID: p.ID, By: i.User.person(), Channel: channel,
			MessageKey: view.KeyOf(a.BlockID), Action: view.ActionOf(a.ActionID), Value: value, At: p.At,
		},
		trigger: i.Trigger,
		answer:  address{URL: i.ResponseURL, Channel: channel, Thread: thread, User: i.User.ID},
	}, nil
}

func (i interaction) submission(p engine.Payload) (inbound, error) {
	var about subject
	if err := json.Unmarshal([]byte(i.View.Metadata), &about); err != nil {
		return inbound{}, fmt.Errorf("reading a modal's metadata: %w", err)
	}
	values := map[string]string{}
	for field, inputs := range i.View.State.Values {
		for _, input := range inputs {
			var several []string
			for _, c := range input.Choices {
				several = append(several, c.Value)
			}
			values[field] = cmp.Or(input.Value, input.Date, input.Choice.Value, strings.Join(several, ","))
		}
	}
	answer := about.Answer
	answer.User = i.User.ID
	return inbound{
		submission: &engine.Submission{
			ID: p.ID, By: i.User.person(), Form: i.View.CallbackID, Subject: about.Subject, Values: values, At: p.At,
		},
		trigger: i.Trigger,
		answer:  answer,
	}, nil
}

func decodeEvent(p engine.Payload) (inbound, error) {
	var e struct {
		Event struct {
			Type string `json:"type"`
			User string `json:"user"`
			Tab  string `json:"tab"`
		} `json:"event"`
	}
	// Events whose fields have other shapes than these are none that we ask for.
	if err := json.Unmarshal(p.Body, &e); err != nil {
		return inbound{}, fmt.Errorf("reading an event: %w", err)
	}
	if e.Event.Type != "app_home_opened" || e.Event.Tab != "home" || e.Event.User == "" {
		return inbound{}, nil
	}
	return inbound{home: &engine.Person{ID: e.Event.User}}, nil
}
