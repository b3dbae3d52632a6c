package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// Proposal draws where a proposal stands, for the thread of its card: one message that is edited.
func Proposal(p engine.Proposal) Message {
	key := engine.ProposalKey(p.ID)
	c := newCanvas(proposalButtons(p, key)...)
	state := proposalState(p)
	c.section(state, "*"+outside(p.Title, 250)+"*")
	c.section(track(p)...)
	c.section(mendLines(p)...)
	if lines := pullLines(p); len(lines) > 0 {
		c.section(lines...)
	}
	if len(p.Items) > 1 {
		c.section(list(p.Items, planLines, func(i engine.ProposalItem) string { return "• " + outside(ItemLine(i), 250) })...)
	}
	if s := p.Saved; s.Days > 0 {
		c.section(savedLines(p)...)
	}
	if p.Reason != "" && !p.Status.IsOver() {
		c.section(":warning: " + outside(p.Reason, 1500))
	}
	c.context(fmt.Sprintf("Proposal %d · plan %s", p.ID, code(p.Hash[:min(12, len(p.Hash))], 20)))
	return Message{Blocks: c.done(), Text: state + ": " + outside(p.Title, 250)}
}

// proposalState is where it stands in one sentence.
func proposalState(p engine.Proposal) string {
	pull := pullLink(p)
	reason := ""
	if p.Reason != "" {
		reason = ": " + outside(p.Reason, 600)
	}
	switch p.Status {
	case engine.ProposalPending:
		return fmt.Sprintf(":hourglass_flowing_sand: %d of %d approvals", len(p.Approved), max(p.Need.People, len(p.Approved)))
	case engine.ProposalApproved:
		if isRemoval(p) {
			return ":white_check_mark: Approved; the volume is being removed, a snapshot first"
		}
		return ":white_check_mark: Approved; the pull request is on its way"
	case engine.ProposalOpened:
		return ":large_purple_circle: " + pull + " is open"
	case engine.ProposalMerged:
		return ":large_purple_circle: " + pull + " is merged; waiting for the live objects"
	case engine.ProposalDeployed:
		if p.IsMend() {
			return ":large_blue_circle: Deployed; the incident is watched"
		}
		return ":large_blue_circle: Deployed; what it saves is being measured"
	case engine.ProposalVerified:
		if p.IsMend() {
			return ":large_green_circle: Deployed, and the incident resolved after it"
		}
		return ":large_green_circle: Verified"
	case engine.ProposalDenied:
		return ":no_entry_sign: Denied" + reason
	case engine.ProposalExpired:
		return ":hourglass: Expired: nobody decided in time"
	case engine.ProposalStale:
		if p.IsMend() && len(p.Approved) == 0 {
			return ":arrows_counterclockwise: Withdrawn" + reason
		}
		return ":arrows_counterclockwise: Not done, for the plan changed" + reason
	case engine.ProposalClosed:
		return ":no_entry_sign: " + pull + " was closed" + reason
	case engine.ProposalReversed:
		return ":leftwards_arrow_with_hook: Taken back" + reason
	}
	return outside(string(p.Status), 60)
}

func pullLink(p engine.Proposal) string {
	if p.Pull.Number == 0 {
		return "The pull request"
	}
	return link(p.Pull.URL, fmt.Sprintf("Pull request #%d", p.Pull.Number)) + " in " + code(p.Repo, 120)
}

// track is the way from the click to the verified dollar, with what was reached.
func track(p engine.Proposal) []string {
	var lines []string
	for _, a := range p.Approved {
		lines = append(lines, "Approved by "+person(a.By)+" "+when(a.At))
	}
	if !p.MergedAt.IsZero() {
		lines = append(lines, "Merged "+when(p.MergedAt))
	}
	if !p.DeployedAt.IsZero() {
		what := "Live "
		if isRemoval(p) {
			what = "Deleted "
		}
		lines = append(lines, what+when(p.DeployedAt))
	}
	if p.Status == engine.ProposalPending && !p.ExpiresAt.IsZero() {
		who := "Another person"
		if len(p.Approved) == 0 {
			who = "Somebody"
		}
		lines = append(lines, who+" must approve before "+when(p.ExpiresAt)+".")
	}
	return lines
}

// mendLines is why an offer asks for these values, for as long as somebody has to decide.
func mendLines(p engine.Proposal) []string {
	if p.Status != engine.ProposalPending || len(p.Items) == 0 || p.Items[0].Because == "" {
		return nil
	}
	return []string{outside(p.Items[0].Because, 600)}
}

// pullLines is what the pull request waits for.
func pullLines(p engine.Proposal) []string {
	if p.Status != engine.ProposalOpened {
		return nil
	}
	var lines []string
	switch p.Pull.Checks {
	case "failing":
		lines = append(lines, ":x: Checks fail: "+strings.Join(list(p.Pull.Failing, 5, func(s string) string { return code(s, 80) }), ", "))
	case "pending":
		lines = append(lines, ":hourglass_flowing_sand: Checks run")
	case "passing":
		lines = append(lines, ":heavy_check_mark: Checks pass")
	}
	switch p.Pull.Review {
	case "approved":
		lines = append(lines, ":heavy_check_mark: Reviewed; somebody may merge it")
	case "changes_requested":
		lines = append(lines, ":speech_balloon: A reviewer asks for changes")
	default:
		lines = append(lines, "It waits for a review and a merge; the bot does neither.")
	}
	if p.Pull.Conflict {
		lines = append(lines, ":warning: It conflicts with "+code(cmp.Or(p.Base, "its base"), 80))
	}
	if p.Pull.Touched {
		lines = append(lines, "A person pushed to the branch, so the bot leaves it alone.")
	}
	return lines
}

// savedLines is what the ledger says of it.
func savedLines(p engine.Proposal) []string {
	s := p.Saved
	line := fmt.Sprintf("*Saved %s* in %s (90 %% between %s and %s); %s was expected.", s.Verified, plural(s.Days, "day", "days"), s.Low, s.High, s.Estimated)
	cash := "All of it is freed capacity: the bill falls when a node goes."
	switch {
	case s.Cash >= s.Verified && s.Verified > 0:
		cash = "All of it is off the bill."
	case s.Cash > 0:
		cash = fmt.Sprintf("%s of it is off the bill; the rest is freed capacity.", s.Cash)
	}
	return []string{line, cash}
}

func proposalButtons(p engine.Proposal, key string) []slack.Block {
	if p.Status != engine.ProposalPending {
		return nil
	}
	return []slack.Block{slack.NewActionBlock(blockID(key, "act"), approveButtons(p)...)}
}

// approveButtons let a second person decide. Both carry the hash of what is shown.
func approveButtons(p engine.Proposal) []slack.BlockElement {
	value := engine.ProposalButton{Proposal: p.ID, Hash: p.Hash}.Value()
	return []slack.BlockElement{
		slack.NewButtonBlockElement(string(engine.ActionApprove)+actionEnd+"proposal", value, plainText("Approve", 75)).WithStyle(slack.StylePrimary),
		slack.NewButtonBlockElement(string(engine.ActionDeny), value, plainText("Deny", 75)),
	}
}

// ProposalEvent draws one line of a proposal's life. It fails with NotFound when there is no event of that number.
func ProposalEvent(p engine.Proposal, n int64) (Message, error) {
	at := slices.IndexFunc(p.Timeline, func(e engine.Event) bool { return e.ID == n })
	if at < 0 {
		return Message{}, engine.Errorf(engine.NotFound, "proposal %d has no event %d", p.ID, n)
	}
	text := eventText(p.Timeline[at], 1500)
	return Message{Blocks: []slack.Block{section(text)}, Text: text}, nil
}

// proposalLine is a proposal on the card of its findings.
func proposalLine(p engine.Proposal) string {
	line := proposalState(p)
	if s := p.Saved; p.Status == engine.ProposalVerified && s.Days > 0 {
		line += fmt.Sprintf(": saved %s in %s", s.Verified, plural(s.Days, "day", "days"))
	}
	return line + " · " + outside(p.Title, 160)
}
