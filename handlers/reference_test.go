package handlers

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

//go:generate go test -run ^TestCommandReference$ -count=1 . -update

var update = flag.Bool("update", false, "write docs/commands.md anew")

const commandsPage = "../docs/commands.md"

// told is what the page says of a command beside its line of the help.
type told struct {
	may     engine.Action // the action that a role must allow; "" for who needs none
	answer  string
	example string // what follows /autopilot
}

// ofCommands is told of each command, by the first words of its usage.
var ofCommands = map[string]told{
	"status":         {engine.ActionView, "open incidents, the clusters and since when each is in sync, a pause", "status"},
	"incidents":      {engine.ActionView, "up to 20, newest first, with what the words were understood as", "incidents payments critical last=24h"},
	"show":           {engine.ActionView, "the incident; with export also a Markdown file by direct message", "show 42 export"},
	"savings":        {engine.ActionView, "findings with their owner, worth and confidence, and what could not be seen", "savings team=payments type=cpu"},
	"savings ledger": {engine.ActionView, "promised beside measured, cash apart from freed capacity", "savings ledger month by=team"},
	"savings export": {engine.ActionView, "a file by direct message", "savings export csv month"},
	"costs":          {engine.ActionView, "what was paid, divided, with what is idle, shared and nobody's", "costs week by=namespace"},
	"report":         {engine.ActionView, "the digest, and its page by direct message", "report weekly last payments"},
	"detect waste":   {engine.ActionScan, "that a scan was queued; cards come to their channels", "detect waste prod"},
	"chaos":          {engine.ActionChaos, "that a plan is being made; its card comes to the channel of experiments. list and report need view, stop needs chaos_stop, node-drain needs chaos_drain", "chaos kill shop/api -count 1"},
	"trust":          {engine.ActionView, "the scorecard, each share with its interval", "trust last=90d"},
	"audit":          {engine.ActionAudit, "the rows of the audit log about it", "audit proposal 7"},
	"pause":          {engine.ActionPause, "what goes on all the same", "pause change freeze"},
	"resume":         {engine.ActionResume, "that writes go on", "resume"},
	"help":           {"", "this list", "help"},
}

// ofActions is where each action of a role is asked for, beside the commands.
var ofActions = map[engine.Action]string{
	engine.ActionView: "commands that only show something; Details on a savings card", engine.ActionAcknowledge: "*Acknowledge* on an incident's card, *Acknowledge all* on that of a storm",
	engine.ActionAssign: "*Assign to me*", engine.ActionSilence: "*Silence* for 1, 4 or 24 hours: a real silence in Alertmanager, too",
	engine.ActionResolve: "*Resolve*; it opens again by itself if the problem is still there", engine.ActionLogs: "*Show logs*: redacted, to the asker alone",
	engine.ActionDiagnose: "*Diagnose again*", engine.ActionVerdict: "*Yes* and *No* below a cause, and below an anomaly",
	engine.ActionPause: "`/autopilot pause`", engine.ActionResume: "`/autopilot resume`", engine.ActionSnooze: "*Snooze* on a savings card, with a day and a reason",
	engine.ActionNotWaste: "*Not waste* on a savings card, with a reason", engine.ActionScan: "`/autopilot detect waste`",
	engine.ActionApprove: "*Approve* on a savings card or in a digest; again by a second person where two are needed", engine.ActionDeny: "*Deny* on a proposal",
	engine.ActionAudit: "`/autopilot audit`", engine.ActionUndo: "*Undo rollout*", engine.ActionRestart: "*Restart*", engine.ActionScale: "*Scale*", engine.ActionCordon: "*Cordon node*",
	engine.ActionChaos: "`/autopilot chaos …`, *Confirm* on the card of a plan", engine.ActionChaosDrain: "the same for `node-drain`",
	engine.ActionChaosDelete: "*Confirm* on a plan with `-force`", engine.ActionChaosStop: "*STOP* and *Cancel* on the card, `/autopilot chaos stop`",
}

// TestCommandReference holds docs/commands.md equal to the table that /autopilot help shows. Each command needs an example here that is
// understood as that command.
func TestCommandReference(t *testing.T) {
	page := commandReference(t)
	if *update {
		if err := os.WriteFile(commandsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(commandsPage)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), page); d != "" {
		t.Errorf("docs/commands.md is not what the code says; go generate ./handlers writes it anew (-page +code):\n%s", d)
	}
}

// commandName is what a command is known by: the words of its usage before the first argument.
func commandName(l engine.HelpLine) string {
	var name []string
	for w := range strings.FieldsSeq(strings.TrimPrefix(l.Usage, "/autopilot ")) {
		if strings.ContainsAny(w, "[<|=") {
			break
		}
		name = append(name, w)
	}
	return strings.Join(name, " ")
}

func commandReference(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Commands and buttons\n\nMade of the code by `make generate`. Answers are seen by the asker alone. *May* is the action that one of the asker's `roles` must allow\n" +
		"([configuration.md](configuration.md)); what is refused says so, and is a row of the audit log. Arguments in `[brackets]` may be left out, `<these>` may not.\n")
	for _, c := range commands {
		name := commandName(c)
		about, ok := ofCommands[name]
		if !ok {
			t.Errorf("nothing is told of /autopilot %s", name)
		}
		q, err := parse(about.example, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
		if err != nil || !strings.HasPrefix(about.example, name) || q.verb == "" {
			t.Errorf("the example %q is not understood as /autopilot %s: %v", about.example, name, err)
		}
		may := "everybody"
		if about.may != "" {
			may = "`" + string(about.may) + "`"
		}
		fmt.Fprintf(&b, "\n## %s\n\n`%s`: %s.\n\n- May: %s. Answer: %s.\n- Example: `/autopilot %s`\n", name, c.Usage, c.Text, may, about.answer, about.example)
		if name == "chaos" {
			b.WriteString("\n| command | what it does |\n|---|---|\n")
			for _, l := range chaosHelp().Commands {
				fmt.Fprintf(&b, "| `%s` | %s |\n", cell(l.Usage), cell(l.Text))
			}
		}
	}
	b.WriteString("\n## Buttons\n\nEach asks for a role when it is pressed, and acts once. By the action of `roles[].may`:\n\n| action | where |\n|---|---|\n")
	for _, a := range actionsInCode(t) {
		where, ok := ofActions[a]
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", a, where)
	}
	b.WriteString("\n*Details*, and the menus of the Home tab, ask for `view`.\n")
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// actionsInCode are the constants of type Action in their order. Each is told of, but those of the audit log alone.
func actionsInCode(t *testing.T) (all []engine.Action) {
	file, err := parser.ParseFile(token.NewFileSet(), "../engine/decision.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		a := engine.Action(strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))
		alone := strings.Contains(v.Comment.Text(), "audit log alone") || a == engine.ActionChaosCancel
		if _, told := ofActions[a]; !told && !alone {
			t.Errorf("nothing says where the action %s is asked for", a)
		}
		all = append(all, a)
		return true
	})
	return all
}

// TestUsageHint holds that Slack's hint names every command.
func TestUsageHint(t *testing.T) {
	data, err := os.ReadFile("../deploy/slack/manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Features struct {
			SlashCommands []struct {
				Hint string `yaml:"usage_hint"`
			} `yaml:"slash_commands"`
		}
	}
	if err := yaml.Unmarshal(data, &manifest); err != nil || len(manifest.Features.SlashCommands) != 1 {
		t.Fatalf("%+v, %v", manifest, err)
	}
	hint := manifest.Features.SlashCommands[0].Hint
	var named []string
	for part := range strings.SplitSeq(hint, "|") {
		named = append(named, strings.Fields(part)[0])
	}
	want := slices.Sorted(slices.Values(verbs))
	if d := cmp.Diff(want, slices.Sorted(slices.Values(named))); d != "" {
		t.Errorf("usage_hint (-commands +hint):\n%s", d)
	}
}
