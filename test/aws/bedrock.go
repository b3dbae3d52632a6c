package aws

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Model is a text model of Bedrock that an account may call in a region.
type Model struct {
	Account, Region, ID string
	Says                string // whatever it is asked
	Asked               []Conversation
}

// Conversation is what a model was asked.
type Conversation struct{ System, Text string }

// bedrockAction finds an operation of the Bedrock runtime by method and path. Converse asks for the permission to invoke a model.
func (c *call) bedrockAction(r *http.Request) {
	c.action = r.Method
	if id, of := strings.CutPrefix(r.URL.EscapedPath(), "/model/"); of && r.Method == http.MethodPost {
		if id, of = strings.CutSuffix(id, "/converse"); of {
			if plain, err := url.PathUnescape(id); err == nil {
				c.action, c.path, c.do, c.needs = "Converse", []string{plain}, converse, []string{"bedrock:InvokeModel"}
			}
		}
	}
}

type bedrockText struct {
	Text string `json:"text"`
}

type converseRequest struct {
	System   []bedrockText `json:"system"`
	Messages []struct {
		Role    string        `json:"role"`
		Content []bedrockText `json:"content"`
	} `json:"messages"`
	InferenceConfig *struct {
		MaxTokens   *int     `json:"maxTokens"`
		Temperature *float64 `json:"temperature"`
	} `json:"inferenceConfig"`
}

func converse(s *Server, c *call) (any, *refusal) {
	var in converseRequest
	if problem := c.decode(&in); problem != nil {
		return nil, problem
	}
	k := slices.IndexFunc(s.world.Models, func(m Model) bool { return m.Account == c.who.Account && m.Region == c.region && m.ID == c.path[0] })
	switch {
	case k < 0:
		return nil, refuse(http.StatusBadRequest, "ValidationException", "The provided model identifier is invalid.")
	case len(in.Messages) == 0 || in.Messages[0].Role != "user":
		return nil, refuse(http.StatusBadRequest, "ValidationException", "A conversation must start with a user message. Try again with a conversation that starts with a user message.")
	}
	var asked Conversation
	for _, t := range in.System {
		asked.System += t.Text
	}
	for _, t := range in.Messages[0].Content {
		asked.Text += t.Text
	}
	if strings.TrimSpace(asked.Text) == "" {
		return nil, refuse(http.StatusBadRequest, "ValidationException", "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and try again.")
	}
	m := &s.world.Models[k]
	m.Asked = append(m.Asked, asked)
	in1, out1 := len(asked.System+asked.Text)/4, len(m.Says)/4
	return map[string]any{
		"output":     map[string]any{"message": map[string]any{"role": "assistant", "content": []bedrockText{{m.Says}}}},
		"stopReason": "end_turn", "metrics": map[string]int{"latencyMs": 800},
		"usage": map[string]int{"inputTokens": in1, "outputTokens": out1, "totalTokens": in1 + out1},
	}, nil
}
