package aws_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	stand "github.com/eks-autopilot/autopilot/test/aws"
)

const (
	writer   = "arn:aws:iam::123456789012:role/autopilot-narrator"
	profile  = "eu.vendor.model-v1:0"
	sentence = "The connection is refused [1]."
)

func TestModel(t *testing.T) {
	for name, c := range map[string]struct {
		id, role string
		fault    *stand.Fault
		code     engine.Code
	}{
		"well":             {},
		"an ARN":           {id: "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.vendor.model-v1:0"},
		"busy for a while": {fault: &stand.Fault{Kind: stand.Throttle, Service: "bedrock", Count: 2}},
		"busy":             {fault: &stand.Fault{Kind: stand.Throttle, Service: "bedrock"}, code: engine.Unavailable},
		"down":             {fault: &stand.Fault{Kind: stand.HTTP500, Service: "bedrock"}, code: engine.Unavailable},
		"cut off":          {fault: &stand.Fault{Kind: stand.Malformed, Service: "bedrock"}, code: engine.Unavailable},
		"denied":           {role: writer + "-weak", code: engine.Forbidden},
		"unknown":          {id: "no-such-model", code: engine.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			s := stand.New(stand.Config{
				World: stand.World{Models: []stand.Model{
					{Account: owner, Region: "eu-central-1", ID: profile, Says: sentence},
					{Account: owner, Region: "eu-central-1", ID: "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/" + profile, Says: sentence},
				}},
				Roles: map[string]stand.Role{writer: {Account: owner, May: aws.Invokes().Actions}, writer + "-weak": {Account: owner, May: []string{}}},
			})
			if err := s.Start("127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Stop(context.WithoutCancel(t.Context())) })
			t.Setenv("AWS_CONFIG_FILE", "/dev/null")
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
			id, role := profile, writer
			if c.id != "" {
				id = c.id
			}
			if c.role != "" {
				role = c.role
			}
			m, err := aws.NewModel(t.Context(), as(s, role), id)
			if err != nil {
				t.Fatal(err)
			}
			if c.fault != nil {
				s.Fault(*c.fault)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			got, err := m.Write(ctx, "be brief", "[1] connection refused")
			if c.code != "" {
				if engine.CodeOf(err) != c.code || got != "" {
					t.Fatalf("%q, %v; want %s", got, err, c.code)
				}
				return
			}
			if err != nil || got != sentence {
				t.Fatalf("%q, %v", got, err)
			}
			var asked []stand.Conversation
			s.Change(func(w *stand.World) { asked = append(w.Models[0].Asked, w.Models[1].Asked...) })
			if d := cmp.Diff([]stand.Conversation{{System: "be brief", Text: "[1] connection refused"}}, asked); d != "" {
				t.Error(d)
			}
		})
	}
	if _, err := aws.NewModel(t.Context(), aws.Config{Region: "eu-central-1"}, ""); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("a model without an id: %v", err)
	}
}
