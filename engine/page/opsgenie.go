package page

import (
	"context"

	"github.com/eks-autopilot/autopilot/engine"
)

// Opsgenie makes alerts in Opsgenie, by its Alerts API.
type Opsgenie struct{ send *sender }

// NewOpsgenie prepares a pager. Accounts in the EU need Config.URL https://api.eu.opsgenie.com. It fails with Invalid
// without an API key, or for an address that cannot be one.
func NewOpsgenie(cfg Config) (*Opsgenie, error) {
	s, err := cfg.sender("Opsgenie", "https://api.opsgenie.com")
	if err != nil {
		return nil, err
	}
	s.header.Set("Authorization", "GenieKey "+cfg.Key.Reveal())
	return &Opsgenie{send: s}, nil
}

// Name is "Opsgenie".
func (*Opsgenie) Name() string { return "Opsgenie" }

const ourSource = "autopilot" // by which we know our own doing in a webhook

type ogAlert struct {
	Message     string            `json:"message"` // at most 130 characters
	Alias       string            `json:"alias"`
	Description string            `json:"description,omitempty"`
	Details     map[string]string `json:"details,omitempty"`
	Entity      string            `json:"entity,omitempty"`
	Source      string            `json:"source"`
	Priority    string            `json:"priority"`
	Tags        []string          `json:"tags,omitempty"`
}

type ogAction struct {
	Source string `json:"source"`
	Note   string `json:"note,omitempty"`
	User   string `json:"user,omitempty"`
}

// Send tells Opsgenie to make, acknowledge or close the incident's alert; link leads to its thread and may be "".
// It fails with Unavailable, Invalid or Forbidden.
func (o *Opsgenie) Send(ctx context.Context, what string, i engine.Incident, link string) error {
	byAlias := func(verb string) string { return "/v2/alerts/" + key(i) + "/" + verb + "?identifierType=alias" }
	switch what {
	case Acknowledge:
		return o.send.post(ctx, byAlias("acknowledge"), ogAction{Source: ourSource, User: shorten(i.AcknowledgedBy.Name, 100)})
	case Resolve:
		return o.send.post(ctx, byAlias("close"), ogAction{Source: ourSource, User: shorten(i.ResolvedBy.Name, 100)})
	case Trigger:
		a := ogAlert{
			Message: shorten(title(i), 130), Alias: key(i), Description: shorten(title(i)+"\n"+link, 15000), Details: facts(i),
			Entity: shorten(i.Workload.String(), 512), Source: ourSource, Priority: ogPriority(i.Severity),
		}
		for _, c := range i.Classes {
			a.Tags = append(a.Tags, string(c))
		}
		return o.send.post(ctx, "/v2/alerts", a)
	}
	return engine.Errorf(engine.Invalid, "a pager can trigger, acknowledge or resolve, not %q", what)
}

func ogPriority(s engine.Severity) string {
	switch s {
	case engine.Critical:
		return "P1"
	case engine.Warning:
		return "P3"
	case engine.Info:
		return "P5"
	}
	return "P2"
}
