package view_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/slack-go/slack"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// units is how long Slack finds a text.
func units(s string) int { return len(utf16.Encode([]rune(s))) }

// crowd matches what wakes more people than the configuration names, and stranger whom it does not name.
var (
	crowd    = regexp.MustCompile(`<!(channel|here|everyone)|<!subteam\^S0EVIL`)
	stranger = regexp.MustCompile(`<@U0EVIL`)
)

// wakes tells whether a text would wake somebody it must not. A reply is ephemeral: a person named in it hears nothing.
func wakes(name, text string) bool {
	return crowd.MatchString(text) || !strings.Contains(name, "reply") && stranger.MatchString(text)
}

type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

// checkDrawing holds one drawing against Slack's documented limits.
func checkDrawing(t failer, name string, m view.Message) {
	t.Helper()
	if len(m.Blocks) == 0 || len(m.Blocks) > 50 {
		t.Errorf("%s: %d blocks", name, len(m.Blocks))
	}
	data, err := json.Marshal(m.Blocks)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if len(data) > 13_000 {
		t.Errorf("%s: blocks of %d bytes", name, len(data))
	}
	if w := weigh(m.Blocks); w > 13_200 {
		t.Errorf("%s: weighs %d, more than Slack takes", name, w)
	}
	if m.Text == "" || units(m.Text) > 4000 {
		t.Errorf("%s: a notification text of %d units", name, units(m.Text))
	}
	if wakes(name, m.Text) {
		t.Errorf("%s: the notification wakes a crowd: %q", name, m.Text)
	}
	ids := map[string]bool{}
	for n, b := range m.Blocks {
		checkBlock(t, fmt.Sprintf("%s block %d", name, n), b)
		if id := b.ID(); id != "" && ids[id] {
			t.Errorf("%s: block id %q twice", name, id)
		} else {
			ids[id] = true
		}
		if units(b.ID()) > 255 {
			t.Errorf("%s: a block id of %d units", name, units(b.ID()))
		}
	}
	for _, f := range m.Files {
		if f.Name == "" || f.Content == "" || units(f.Name) > 255 {
			t.Errorf("%s: file %q of %d bytes", name, f.Name, len(f.Content))
		}
	}
}

// weigh is a message's size as Slack seems to count it: the characters that it shows, and something for each block.
func weigh(blocks []slack.Block) int {
	total := 0
	for n, b := range blocks {
		var texts []*slack.TextBlockObject
		switch b := b.(type) {
		case *slack.HeaderBlock:
			total += 100
			texts = append(texts, b.Text)
		case *slack.SectionBlock:
			if texts = append(texts, b.Fields...); b.Text != nil {
				texts = append(texts, b.Text)
			}
			if b.Accessory != nil {
				total += 300
			}
		case *slack.ContextBlock:
			for _, e := range b.ContextElements.Elements {
				if text, ok := e.(*slack.TextBlockObject); ok {
					texts = append(texts, text)
				}
			}
		case *slack.ActionBlock:
			total += 300 // labels, placeholders and values, generously
		}
		if n > 0 {
			total += 45
		}
		for _, text := range texts {
			total += utf8.RuneCountInString(text.Text)
		}
	}
	return total
}

func checkBlock(t failer, name string, b slack.Block) {
	t.Helper()
	switch b := b.(type) {
	case *slack.SectionBlock:
		checkText(t, name, b.Text, 3000)
		if len(b.Fields) > 10 {
			t.Errorf("%s: %d fields", name, len(b.Fields))
		}
		for _, f := range b.Fields {
			checkText(t, name, f, 2000)
		}
		if b.Accessory != nil {
			checkActions(t, name, []slack.BlockElement{b.Accessory.ButtonElement})
		}
	case *slack.HeaderBlock:
		checkText(t, name, b.Text, 150)
	case *slack.ContextBlock:
		if n := len(b.ContextElements.Elements); n == 0 || n > 10 {
			t.Errorf("%s: %d context elements", name, n)
		}
		for _, e := range b.ContextElements.Elements {
			if text, ok := e.(*slack.TextBlockObject); ok {
				checkText(t, name, text, 3000)
			}
		}
	case *slack.ActionBlock:
		checkActions(t, name, b.Elements.ElementSet)
	case *slack.InputBlock:
		checkText(t, name, b.Label, 2000)
		checkText(t, name, b.Hint, 2000)
		input, ok := b.Element.(*slack.PlainTextInputBlockElement)
		if !ok || units(input.ActionID) > 255 || input.MaxLength < 0 || input.MaxLength > 3000 {
			t.Errorf("%s: input %+v", name, b.Element)
			return
		}
		checkText(t, name, input.Placeholder, 150)
	case *slack.DividerBlock:
	case *slack.DataVisualizationBlock:
		if err := b.Validate(); err != nil || units(b.Title) > 50 {
			t.Errorf("%s: chart %q: %v", name, b.Title, err)
		}
	default:
		t.Errorf("%s: a block of type %T, whose limits nobody checks", name, b)
	}
}

func checkActions(t failer, name string, elements []slack.BlockElement) {
	t.Helper()
	if len(elements) == 0 || len(elements) > 25 {
		t.Errorf("%s: %d elements", name, len(elements))
	}
	ids := map[string]bool{}
	one := func(id, value string, text *slack.TextBlockObject) {
		if ids[id] || id == "" || units(id) > 255 {
			t.Errorf("%s: action id %q is empty, too long or there twice", name, id)
		}
		ids[id] = true
		if units(value) > 2000 {
			t.Errorf("%s: a value of %d units", name, units(value))
		}
		checkText(t, name, text, 75)
	}
	for _, e := range elements {
		switch e := e.(type) {
		case *slack.ButtonBlockElement:
			one(e.ActionID, e.Value, e.Text)
			if units(e.AccessibilityLabel) > 75 {
				t.Errorf("%s: an accessibility label of %d units", name, units(e.AccessibilityLabel))
			}
			if c := e.Confirm; c != nil {
				checkText(t, name, c.Title, 100)
				checkText(t, name, c.Text, 300)
				checkText(t, name, c.Confirm, 30)
				checkText(t, name, c.Deny, 30)
			}
		case *slack.SelectBlockElement:
			one(e.ActionID, "", e.Placeholder)
			for _, o := range e.Options {
				if units(o.Value) > 150 {
					t.Errorf("%s: an option value of %d units", name, units(o.Value))
				}
				checkText(t, name, o.Text, 75)
			}
		default:
			t.Errorf("%s: an element of type %T, whose limits nobody checks", name, e)
		}
	}
}

// checkText holds one text against its limit, and mrkdwn against what text from outside must not become.
func checkText(t failer, name string, text *slack.TextBlockObject, most int) {
	t.Helper()
	if text == nil {
		return
	}
	if n := units(text.Text); n == 0 || n > most {
		t.Errorf("%s: a text of %d units, at most %d", name, n, most)
	}
	if !utf8.ValidString(text.Text) {
		t.Errorf("%s: invalid UTF-8 in %q", name, text.Text)
	}
	if strings.ContainsAny(text.Text, "\u202e\u2066\x00\x1b") {
		t.Errorf("%s: control characters in %q", name, text.Text)
	}
	if text.Type != slack.MarkdownType {
		return
	}
	if wakes(name, text.Text) {
		t.Errorf("%s: wakes a crowd: %q", name, text.Text)
	}
	if strings.Count(text.Text, "```")%2 != 0 || strings.Count(fenced.ReplaceAllString(text.Text, ""), "`")%2 != 0 {
		t.Errorf("%s: an open code block in %q", name, text.Text)
	}
	if rest := markup.ReplaceAllString(text.Text, ""); strings.ContainsAny(rest, "<") {
		t.Errorf("%s: foreign markup in %q", name, rest)
	}
	if rest := entity.ReplaceAllString(text.Text, ""); strings.Contains(rest, "&") {
		t.Errorf("%s: a cut entity in %q", name, rest)
	}
}

var (
	markup = regexp.MustCompile(`<(!date\^-?\d+\^[^|<>]*\|[^<>]*|!subteam\^[A-Z0-9]+|[@#][A-Z0-9]+|https?://[^|<>\s]+\|[^<>]*)>`)
	fenced = regexp.MustCompile("(?s)```.*?```")
	entity = regexp.MustCompile(`&(amp|lt|gt);`)
)

// every draws everything that can be drawn of these values.
func every(i engine.Incident, o engine.Overview, r []engine.Reply, who []engine.Mention, f engine.Form) map[string]view.Message {
	out := map[string]view.Message{
		"card":       view.Card(i, who, workspace),
		"diagnosis":  view.Diagnosis(i),
		"summary":    view.Summary(storyOf(i), workspace),
		"escalation": view.Escalation(i, 3, who),
		"home":       view.Home(o, i.Assignee.ID, workspace),
		"modal":      {Blocks: view.Modal(f, "{}").Blocks.BlockSet, Text: "modal"},
	}
	for _, e := range i.Timeline {
		if m, err := view.Event(i, e.ID, who); err == nil {
			out[fmt.Sprint("event ", e.ID)] = m
		}
	}
	for n, reply := range r {
		out[fmt.Sprint("reply ", n)] = view.Reply(reply, workspace)
	}
	for name, m := range out {
		out["plain "+name] = view.Plain(m)
	}
	return out
}

func TestGoldenValuesKeepLimits(t *testing.T) {
	form := engine.Form{Title: "t", Text: "x", Fields: []engine.Field{{Name: "f", Label: "l"}}}
	replies := []engine.Reply{{Text: "hello"}, {Incident: new(acknowledged())}, {Overview: new(dashboard())}}
	for _, i := range []engine.Incident{opened(), diagnosed(), acknowledged(), resolved(), nodeDown()} {
		for name, m := range every(i, dashboard(), replies, oncall, form) {
			checkDrawing(t, name, m)
		}
	}
}

var nasty = []string{
	"", " ", "x", "<!channel>", "<!subteam^S0EVIL>", "<@U0EVIL>", "`", "```", "*bold*", "_", "~", "&&&&&&", "&amp;", "a\nb\r\n\tc",
	"\u202eevil", "שלום עולם 12", "مدفوعات/api", "a א b א c א d", "\u2068א", "אב ", strings.Repeat("א a ", 2000), strings.Repeat("ש", 5000), "\x00\x1b[31m", "\xff\xfe", "👩‍👩‍👧‍👦", ":fire:", "https://x|y>", "<https://evil|payments>", "|", "> quote",
	strings.Repeat("&", 4000), strings.Repeat("<", 9000), strings.Repeat("`", 5000), strings.Repeat("界", 3000), strings.Repeat("😀 ", 3000),
	strings.Repeat("word ", 4000), strings.Repeat("line\n", 2000),
}

func text(t *rapid.T) string {
	if rapid.Bool().Draw(t, "nasty") {
		return rapid.SampledFrom(nasty).Draw(t, "text")
	}
	return rapid.String().Draw(t, "text")
}

func some[T any](t *rapid.T, most int, one func(*rapid.T) T) []T {
	out := make([]T, rapid.IntRange(0, most).Draw(t, "n"))
	for n := range out {
		out[n] = one(t)
	}
	return out
}

func moment(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "zero") {
		return time.Time{}
	}
	return time.Unix(rapid.Int64Range(-1e9, 1e11).Draw(t, "at"), 0)
}

func somebody(t *rapid.T) engine.Person {
	return engine.Person{ID: rapid.SampledFrom([]string{"", "U0ANA", "<!channel>", "x|y"}).Draw(t, "id"), Name: text(t)}
}

func hostileIncident(t *rapid.T, depth int) engine.Incident {
	i := engine.Incident{
		ID:         rapid.Int64().Draw(t, "incident"),
		Workload:   engine.Workload{Cluster: text(t), Namespace: text(t), Kind: text(t), Name: text(t)},
		Severity:   engine.Severity(rapid.SampledFrom([]string{"critical", "warning", "info", "", "<!here>"}).Draw(t, "severity")),
		Status:     rapid.SampledFrom([]engine.Status{engine.Open, engine.Acknowledged, engine.Resolved}).Draw(t, "status"),
		Title:      text(t),
		StartedAt:  moment(t),
		ResolvedAt: moment(t), AcknowledgedAt: moment(t), AcknowledgedBy: somebody(t), Assignee: somebody(t), ResolvedBy: somebody(t),
		Reopened: rapid.IntRange(0, 3).Draw(t, "reopened"),
		Silence:  engine.Silence{Until: moment(t), By: somebody(t)},
		Thread:   engine.Thread{Channel: text(t), TS: text(t)},
	}
	if rapid.Bool().Draw(t, "health") {
		i.Health = &engine.Health{Desired: rapid.Int().Draw(t, "desired"), Ready: rapid.Int().Draw(t, "ready")}
	}
	if depth == 0 {
		return i
	}
	i.Children = slices.Repeat(some(t, 3, func(t *rapid.T) engine.Incident { return hostileIncident(t, 0) }), 5)
	i.Timeline = some(t, 6, func(t *rapid.T) engine.Event {
		return engine.Event{ID: rapid.Int64Range(1, 20).Draw(t, "event"), At: moment(t), Kind: text(t), By: somebody(t), Text: text(t)}
	})
	i.Considered = some(t, 6, func(t *rapid.T) engine.Consideration {
		return engine.Consideration{At: moment(t), Signal: text(t), Verdict: text(t), Reason: text(t)}
	})
	i.Verdicts = some(t, 2, func(t *rapid.T) engine.Verdict {
		return engine.Verdict{By: somebody(t), Rule: "r", Right: rapid.Bool().Draw(t, "right"), Correction: text(t)}
	})
	i.Diagnosis = hostileDiagnosis(t)
	return i
}

func hostileDiagnosis(t *rapid.T) engine.Diagnosis {
	d := engine.Diagnosis{At: moment(t)}
	var ids []string
	d.Evidence = some(t, 12, func(t *rapid.T) engine.Evidence {
		ids = append(ids, fmt.Sprint(len(ids)))
		return engine.Evidence{ID: ids[len(ids)-1], Collector: text(t), Object: engine.ObjectRef{Kind: text(t), Name: text(t)}, Container: text(t), At: moment(t), Text: text(t)}
	})
	d.Causes = some(t, 5, func(t *rapid.T) engine.Cause {
		return engine.Cause{
			Rule: "r", Title: text(t), Text: text(t), Basis: rapid.SampledFrom([]engine.Basis{engine.Prior, engine.Calibrated}).Draw(t, "basis"),
			Confidence: rapid.Float64().Draw(t, "confidence"), For: ids, Against: ids,
			Step: engine.Step{Text: text(t), Command: text(t), Field: text(t), Runbook: text(t)},
		}
	})
	d.Gaps = some(t, 12, func(t *rapid.T) engine.Gap { return engine.Gap{Collector: text(t), Reason: text(t)} })
	if rapid.Bool().Draw(t, "change") {
		d.LastChange = &engine.Change{At: moment(t), By: text(t), Revision: text(t), Text: text(t), Details: some(t, 12, text)}
	}
	return d
}

func TestHostileValuesKeepLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := hostileIncident(t, 1)
		list := slices.Repeat(some(t, 3, func(t *rapid.T) engine.Incident { return hostileIncident(t, 0) }), 12)
		o := engine.Overview{
			At: moment(t), Open: list, Resolved: list, BySev: map[engine.Severity]int{engine.Critical: 1},
			Clusters: some(t, 6, func(t *rapid.T) engine.ClusterState {
				return engine.ClusterState{Name: text(t), SyncedAt: moment(t), Error: text(t), Watched: rapid.Bool().Draw(t, "watched")}
			}),
			Paused: engine.Pause{On: true, By: somebody(t), At: moment(t), Reason: text(t)}, Watchdog: moment(t),
		}
		replies := []engine.Reply{
			{Text: text(t) + "."},
			{Help: &engine.Help{Commands: slices.Repeat(some(t, 5, func(t *rapid.T) engine.HelpLine { return engine.HelpLine{Usage: text(t), Text: text(t)} }), 9)}},
			{Overview: &o},
			{Incidents: &engine.IncidentList{Filter: text(t), Incidents: list, More: true}},
			{Incident: &i},
			{Text: text(t), Logs: &engine.LogExcerpt{Pod: text(t), Container: text(t), Lines: slices.Repeat(some(t, 5, text), 20)}},
		}
		who := []engine.Mention{{Group: text(t)}, {User: text(t)}, {Group: "S0ONCALL"}}
		form := engine.Form{
			Name: "f", Title: text(t), Text: text(t), Submit: text(t),
			Fields: []engine.Field{{Name: "cause", Label: text(t) + ".", Hint: text(t), Placeholder: text(t), MaxLength: rapid.Int().Draw(t, "max")}},
		}
		for name, m := range every(i, o, replies, who, form) {
			checkDrawing(t, name, m)
		}
	})
}

// FuzzDrawing puts one text everywhere.
func FuzzDrawing(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		i := acknowledged()
		i.Title, i.Workload, i.Status = s, engine.Workload{Cluster: s, Namespace: s, Kind: s, Name: s}, engine.Open
		i.Assignee, i.AcknowledgedBy = engine.Person{ID: s, Name: s}, engine.Person{Name: s}
		for n := range i.Diagnosis.Evidence {
			e := &i.Diagnosis.Evidence[n]
			e.Text, e.Container, e.Object.Name, e.Collector = s, s, s, s
		}
		for n := range i.Diagnosis.Causes {
			c := &i.Diagnosis.Causes[n]
			c.Title, c.Text, c.Step = s, s, engine.Step{Text: s, Command: s, Field: s, Runbook: s}
		}
		i.Diagnosis.Gaps = []engine.Gap{{Collector: s, Reason: s}}
		i.Diagnosis.LastChange = &engine.Change{At: t0, By: s, Text: s, Revision: s, Details: []string{s, s}}
		i.Timeline = []engine.Event{{ID: 1, At: t0, Kind: "joined", Text: s}}
		o := dashboard()
		o.Open = []engine.Incident{i, i}
		o.Paused.Reason = s
		form := engine.Form{Title: s, Text: s, Fields: []engine.Field{{Name: "cause", Label: "l", Hint: s, Placeholder: s}}}
		replies := []engine.Reply{{Text: "You asked for " + s}, {Incident: &i}, {Logs: &engine.LogExcerpt{Pod: s, Container: s, Lines: []string{s, s}}}}
		for name, m := range every(i, o, replies, []engine.Mention{{Group: s}, {User: s}}, form) {
			checkDrawing(t, name, m)
		}
	})
}
