package view_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

// biggest is an incident of which there is more of everything than a message holds; text is what every sentence of it is made of.
func biggest(text string) engine.Incident {
	i := acknowledged()
	i.Status, i.Title, i.Verdicts = engine.Open, text, nil
	for n := range 60 {
		child := opened()
		child.ID, child.Title = int64(100+n), fmt.Sprint(n, " ", text)
		i.Children = append(i.Children, child)
		i.Considered = append(i.Considered, engine.Consideration{At: t0.Add(time.Duration(n) * time.Second), Signal: text, Verdict: "joined", Reason: text})
		i.Timeline = append(i.Timeline, engine.Event{ID: int64(10 + n), At: t0, Kind: "joined", Text: text})
	}
	d := &i.Diagnosis
	d.Causes, d.Evidence, d.Gaps = nil, nil, nil
	for n := range 8 {
		c := engine.Cause{
			Rule: fmt.Sprint("r", n), Title: fmt.Sprint(n, " ", text), Text: text, Basis: engine.Prior, Confidence: 0.5,
			Step: engine.Step{Text: text, Command: "kubectl get " + text, Field: text, Runbook: "https://example.com/" + strings.Repeat("r", 900)},
		}
		for k := range 20 {
			e := engine.Evidence{
				ID: fmt.Sprint(n, "/", k), Collector: "logs", Kind: engine.EvidenceLog, Object: engine.ObjectRef{Kind: "Pod", Name: fmt.Sprint("api-", k)},
				Container: "api", At: t0, Text: fmt.Sprint(n, k, " ", text),
			}
			d.Evidence = append(d.Evidence, e)
			c.For, c.Against = append(c.For, e.ID), append(c.Against, e.ID)
		}
		d.Causes = append(d.Causes, c)
		d.Gaps = append(d.Gaps, engine.Gap{Collector: text, Reason: text})
	}
	d.LastChange = &engine.Change{At: t0, By: text, Revision: text, Text: text, Details: []string{text, text, text, text, text, text, text, text, text, text}}
	return i
}

// TestSlackTakesTheBiggest posts the biggest drawings to the stand-in for Slack, whose validator counts as Slack does.
func TestSlackTakesTheBiggest(t *testing.T) {
	server := slack.New(slack.Config{RateScale: 1000})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	state, err := server.Control().State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	api := slackgo.New(server.BotToken(), slackgo.OptionAPIURL(server.APIURL()))
	for sort, text := range map[string]string{
		"short": "x", "prose": strings.Repeat("the database does not answer ", 40), "wide": strings.Repeat("界", 900), "escaped": strings.Repeat("<&> ", 400),
		"right-to-left": strings.Repeat("א *b* ", 300),
	} {
		i := biggest(text)
		o := dashboard()
		for n := range 60 {
			one := i
			one.ID, one.Severity = int64(n), []engine.Severity{engine.Critical, engine.Warning, engine.Info}[n%3]
			o.Open, o.Resolved = append(o.Open, one), append(o.Resolved, one)
			o.Clusters = append(o.Clusters, engine.ClusterState{Name: text, Error: text})
		}
		over := i
		over.Status, over.ResolvedAt = engine.Resolved, t0.Add(time.Hour)
		var lines []string
		for range 200 {
			lines = append(lines, text)
		}
		drawings := everyDigest(crowded(text))
		maps.Copy(drawings, map[string]view.Message{
			"card": view.Card(i, oncall, workspace), "resolved": view.Card(over, oncall, workspace), "diagnosis": view.Diagnosis(i), "summary": view.Summary(storyOf(over), workspace), "escalation": view.Escalation(i, 3, oncall),
			"shown":     view.Reply(engine.Reply{Incident: &i}, workspace),
			"logs":      view.Reply(engine.Reply{Logs: &engine.LogExcerpt{Pod: "p", Container: "c", Lines: lines}}, workspace),
			"incidents": view.Reply(engine.Reply{Incidents: &engine.IncidentList{Filter: text, Incidents: o.Open, More: true}}, workspace),
			"home":      view.Home(o, "U0ANA", workspace),
		})
		for name, m := range drawings {
			checkDrawing(t, sort+" "+name, m)
			_, _, err := api.PostMessageContext(t.Context(), state.Channels[0].ID, slackgo.MsgOptionText(m.Text, false), slackgo.MsgOptionBlocks(m.Blocks...))
			if err != nil {
				t.Errorf("%s %s: Slack says %v of %d blocks that weigh %d", sort, name, err, len(m.Blocks), weigh(m.Blocks))
			}
		}
	}
}
