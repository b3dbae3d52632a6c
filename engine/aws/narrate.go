package aws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/eks-autopilot/autopilot/engine"
)

// modelTokens is how long an answer may be: four sentences need a fifth of it.
const modelTokens = 600

// Model is a text model on Amazon Bedrock. Its methods may be called at the same time.
type Model struct {
	runtime *bedrockruntime.Client
	id      string
}

// NewModel prepares it; id is that of a model or of an inference profile. It fails with Invalid without a region or an id, or where the
// configuration cannot be read.
func NewModel(ctx context.Context, cfg Config, id string) (*Model, error) {
	if cfg.Region == "" || id == "" {
		return nil, engine.Errorf(engine.Invalid, "a model needs its id and the region of Bedrock, such as eu-central-1")
	}
	sdk, err := load(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Model{runtime: bedrockruntime.NewFromConfig(sdk), id: id}, nil
}

// Write gives what the model makes of a text, as it is told to by system. It fails with Forbidden, with NotFound for a model that is not
// there, with Invalid for what Bedrock refuses, and with Unavailable.
func (m *Model) Write(ctx context.Context, system, text string) (string, error) {
	out, err := m.runtime.Converse(ctx, &bedrockruntime.ConverseInput{
		ModelId:         aws.String(m.id),
		System:          []types.SystemContentBlock{&types.SystemContentBlockMemberText{Value: system}},
		Messages:        []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}}},
		InferenceConfig: &types.InferenceConfiguration{MaxTokens: aws.Int32(modelTokens), Temperature: aws.Float32(0)},
	})
	message := "the model " + m.id + " does not answer"
	switch {
	case isAPI(err, "ResourceNotFoundException"):
		return "", engine.Wrap(engine.NotFound, err, message)
	case isAPI(err, "ValidationException"):
		return "", engine.Wrap(engine.Invalid, err, message)
	case err != nil:
		return "", failed(err, message)
	}
	answer, ok := out.Output.(*types.ConverseOutputMemberMessage)
	if !ok {
		return "", engine.Errorf(engine.Unavailable, "%s: there is no message in what came", message)
	}
	var said strings.Builder
	for _, block := range answer.Value.Content {
		if t, ok := block.(*types.ContentBlockMemberText); ok { // what else there may be, such as its reasoning, is not asked for
			said.WriteString(t.Value)
		}
	}
	return said.String(), nil
}
