package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	planRoom     = 2400 // of a diff
	planPlaces   = 5
	planLines    = 8 // items that are shown in full
	maxChecks    = 10
	optionLength = 75
)

// PlanModal draws what a person is asked to approve. Its first line says it all; then come the lines to choose from, the exact
// diff of each, what it rests on, and who must say yes. There is nothing to send where nothing can be approved.
func PlanModal(p engine.Plan, private string) slack.ModalViewRequest {
	c := newCanvas()
	modal := slack.ModalViewRequest{Type: slack.VTModal, Title: plainText("Approve a change", maxModalTitle), Close: plainText("Cancel", maxModalTitle)}
	switch {
	case p.Wait:
		c.section("The plan is being made: the repository is searched for the file that declares it. Press Approve again in a moment.")
	case len(p.Items) == 0 && len(p.Others) == 0 && len(p.ByHand) == 0:
		c.section("There is nothing to approve any more.")
	default:
		c.section("*" + outside(planTitle(p), 250) + "*")
		planNeed(c, p)
		if len(p.Items)+len(p.Others) > 0 {
			modal.Submit, modal.CallbackID, modal.PrivateMetadata = plainText("Approve", maxModalTitle), engine.FormApprove, private
			modal.Close = plainText("Not now", maxModalTitle)
		}
		if p.Proposal == nil && len(p.Items)+len(p.Others) > 0 {
			c.add(choice(p))
		}
		planItems(c, p)
	}
	modal.Blocks = slack.Blocks{BlockSet: c.done()}
	return modal
}

// planTitle is the plan in one line, readable on a phone.
func planTitle(p engine.Plan) string {
	if p.Proposal != nil && p.Proposal.Title != "" {
		return p.Proposal.Title
	}
	switch items := p.Items; {
	case len(items) == 1:
		return ItemLine(items[0])
	case len(items) > 1:
		var sum engine.MicroUSD
		for _, i := range items {
			sum += i.Monthly
		}
		return fmt.Sprintf("%s: %d changes, %s, %s risk", cmp.Or(p.Group.Title, items[0].Repo), len(items), less(sum), riskiest(items))
	}
	return p.Group.Title
}

// ItemLine is an item in one line: "payments/api memory 2 → 1.2 GiB, −$41/month, low risk".
func ItemLine(i engine.ProposalItem) string {
	line := i.Title
	if i.Monthly != 0 {
		line += ", " + less(i.Monthly)
	}
	if i.Risk != "" {
		line += ", " + string(i.Risk) + " risk"
	}
	return line
}

// less is a saving as what the bill loses: "−$41.20/month".
func less(m engine.MicroUSD) string {
	if m < 0 {
		return "+" + (-m).String() + "/month"
	}
	return "−" + m.String() + "/month"
}

// riskiest is the highest risk among the items.
func riskiest(items []engine.ProposalItem) engine.Risk {
	order := []engine.Risk{engine.RiskLow, engine.RiskMedium, engine.RiskHigh}
	highest := 0
	for _, i := range items {
		highest = max(highest, slices.Index(order, i.Risk))
	}
	return order[highest]
}

func planNeed(c *canvas, p engine.Plan) {
	need := p.Need
	var proposer engine.Person
	if p.Proposal != nil {
		proposer = p.Proposal.Proposer
	}
	lines := []string{needed(need, "approve", proposer) + "."}
	lines = append(lines, list(need.Why, 4, func(s string) string { return "• " + outside(s, 200) })...)
	if p.Proposal != nil {
		for _, a := range p.Proposal.Approved {
			lines = append(lines, ":white_check_mark: "+person(a.By)+" approved "+when(a.At))
		}
	}
	c.section(lines...)
}

// needed is who must say yes: "One person must approve, who has the role `sre`; not @ana, who proposed it".
func needed(need engine.ApprovalNeed, verb string, proposer engine.Person) string {
	line, with := "One person must "+verb, ", who has the role "
	if need.People > 1 {
		line, with = fmt.Sprintf("*%d people* must %s", need.People, verb), ", each with the role "
	}
	if len(need.Roles) > 0 {
		line += with + strings.Join(list(need.Roles, 4, func(r string) string { return code(r, 60) }), " or ")
	}
	if need.NotProposer && !proposer.IsZero() {
		line += "; not " + person(proposer) + ", who proposed it"
	}
	return line
}

// choice lets a person leave lines out, or take in others that would go into the same pull request.
func choice(p engine.Plan) slack.Block {
	var options, chosen []*slack.OptionBlockObject
	for n, i := range slices.Concat(p.Items, p.Others) {
		option := slack.NewOptionBlockObject(i.Ref(), plainText(ItemLine(i), optionLength), nil)
		if n >= len(p.Items) {
			option.Description = plainText("another of "+i.Repo, optionLength)
		}
		options = append(options, option)
		if n < len(p.Items) {
			chosen = append(chosen, option)
		}
	}
	var hint *slack.TextBlockObject
	if len(p.Others) > 0 {
		hint = plainText("Lines of the same repository and team can go with it.", maxLabel)
	}
	var element slack.BlockElement
	if len(options) <= maxChecks {
		checks := slack.NewCheckboxGroupsBlockElement(engine.FieldItems, options...)
		checks.InitialOptions = chosen
		element = checks
	} else {
		options = options[:min(maxOptions, len(options))]
		menu := slack.NewOptionsMultiSelectBlockElement(slack.MultiOptTypeStatic, plainText("Lines", maxPlaceholder), engine.FieldItems, options...)
		menu.InitialOptions = chosen[:min(maxOptions, len(chosen))]
		element = menu
	}
	label := "What goes into the pull request"
	if len(p.Items) > 0 && p.Items[0].Removal != nil {
		label = "What is done"
	}
	return slack.NewInputBlock(engine.FieldItems, plainText(label, maxLabel), hint, element)
}

func planItems(c *canvas, p engine.Plan) {
	for n, i := range slices.Concat(p.Items, p.Others) {
		if n == planLines {
			c.context(fmt.Sprintf("The diffs of %d more are in the pull request.", len(p.Items)+len(p.Others)-planLines))
			break
		}
		c.divider()
		c.section(itemHead(i)...)
		for _, e := range i.Edits {
			c.section(fence(e.Diff, planRoom))
		}
	}
	for _, i := range p.ByHand[:min(planLines, len(p.ByHand))] {
		c.divider()
		c.section(byHand(i)...)
	}
	if c.full {
		c.context("There is more than a window of Slack's can show; the pull request has all of it.")
	}
}

// itemHead is what is changed where, and what that rests on.
func itemHead(i engine.ProposalItem) []string {
	lines := []string{"*" + outside(i.Title, 200) + "*"}
	lines = append(lines, grounds(i)+" Risk: *"+outside(cmp.Or(string(i.Risk), "not known"), 20)+"*.")
	switch b := i.Backtest; {
	case b != nil && b.Samples > 0:
		line := fmt.Sprintf("Applied over your last %.0f days: above the request in *%s* of samples", b.Days, percent(b.Over))
		if i.Kind == engine.OverRequestedMemory {
			line += ", " + plural(b.Kills, "OOM kill", "OOM kills")
		}
		lines = append(lines, line+".")
	case i.Kind == engine.OverRequestedMemory || i.Kind == engine.OverRequestedCPU:
		lines = append(lines, noBacktest+".")
	}
	for _, e := range i.Edits {
		lines = append(lines, fmt.Sprintf("%s %s, line %d", code(i.Repo, 120), code(e.Path, 300), e.Line))
	}
	lines = append(lines, removalLines(i)...)
	return append(lines, steps(i.Steps)...)
}

// grounds is what an item saves or, where it is for an incident, why it is this value.
func grounds(i engine.ProposalItem) string {
	switch {
	case i.Because != "":
		return outside(i.Because, 600)
	case i.Monthly == 0 && i.Basis.Source == engine.PriceUnknown:
		return "Price not known."
	}
	money := "Saves " + monthly(i.Monthly, i.Basis) + ", " + priced(i.Basis)
	if !i.Cash {
		money += "; frees capacity, the bill falls when a node goes"
	}
	return money + "."
}

func steps(all []string) []string {
	var lines []string
	for n, step := range all[:min(planLines, len(all))] {
		lines = append(lines, fmt.Sprintf("%d. %s", n+1, code(step, 400)))
	}
	return lines
}

// byHand is what the bot must not guess: why, and where a person would edit.
func byHand(i engine.ProposalItem) []string {
	lines := []string{"*By hand:* " + outside(ItemLine(i), 250), outside(i.Why, 600)}
	lines = append(lines, list(i.ByHand, planPlaces, func(p engine.Place) string {
		line := "• " + code(fmt.Sprintf("%s:%d", p.Path, p.Line), 300)
		if p.Text != "" {
			line += " " + code(p.Text, 160)
		}
		if p.Note != "" {
			line += " " + outside(p.Note, 160)
		}
		return line
	})...)
	return append(lines, steps(i.Steps)...)
}
