package slack

import (
	"encoding/json"
	"maps"
)

// View is Slack's view object: a modal or a Home tab.
type View struct {
	ID                 string    `json:"id"`
	TeamID             string    `json:"team_id"`
	Type               string    `json:"type"`
	Blocks             []Block   `json:"blocks"`
	PrivateMetadata    string    `json:"private_metadata"`
	CallbackID         string    `json:"callback_id"`
	State              ViewState `json:"state"`
	Hash               string    `json:"hash"`
	Title              Block     `json:"title,omitempty"`
	Submit             Block     `json:"submit"`
	Close              Block     `json:"close"`
	ClearOnClose       bool      `json:"clear_on_close"`
	NotifyOnClose      bool      `json:"notify_on_close"`
	SubmitDisabled     bool      `json:"submit_disabled"`
	PreviousViewID     *string   `json:"previous_view_id"`
	RootViewID         string    `json:"root_view_id"`
	AppID              string    `json:"app_id"`
	ExternalID         string    `json:"external_id"`
	AppInstalledTeamID string    `json:"app_installed_team_id"`
	BotID              string    `json:"bot_id"`
	owner              string
}

// ViewState holds what a person has put into a view or a message: block id, then action id, then the element's
// value as Slack gives it ({"type":"plain_text_input","value":"…"}).
type ViewState struct {
	Values map[string]map[string]Block `json:"values"`
}

// set records an element's value without writing to a map that an earlier payload may still hold.
func (s *ViewState) set(block, action string, value Block) {
	values := maps.Clone(s.Values)
	if values == nil {
		values = map[string]map[string]Block{}
	}
	actions := maps.Clone(values[block])
	if actions == nil {
		actions = map[string]Block{}
	}
	actions[action] = value
	values[block] = actions
	s.Values = values
}

// MarshalJSON writes {"values":{}} rather than null, as Slack does.
func (s ViewState) MarshalJSON() ([]byte, error) {
	values := s.Values
	if values == nil {
		values = map[string]map[string]Block{}
	}
	return json.Marshal(map[string]any{"values": values})
}
