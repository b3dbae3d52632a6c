package change

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	bodyLimit  = 65_536 // GitHub's, in characters; we count bytes, which are at least as many
	maxLines   = 50     // rows of the table, and lines of a commit's message
	maxPeople  = 10
	maxSteps   = 30
	proseLimit = 300 // letters of a text from outside
	nameLimit  = 120
)

// Body is the text of a proposal's pull request: what it does and saves on the first line, then a line for each change, the
// evidence, who approved it, what is done afterwards, and how it is taken back. What does not fit is left out and counted, the
// evidence first. The marker is always there.
func Body(p engine.Proposal, o Options) string {
	foot := paragraphs(stepsText(p), approvedText(p, o), afterwardsText(p), rollbackText(p)) + "\n" + Marker(p) + "\n"
	b := &page{room: bodyLimit - len(foot)}
	b.add(headText(p, o))
	b.add(linesText(p, b.room/2))
	left := 0
	for _, i := range p.Items {
		if left > 0 || !b.add(itemText(i, o, len(p.Items) == 1)) {
			left++
		}
	}
	if left > 0 {
		b.add(fmt.Sprintf("_The evidence of %d more changes is left out: it is too long for one page. The savings cards in Slack have it._\n\n", left))
	}
	return b.text.String() + foot
}

// page takes what there is room for.
type page struct {
	text strings.Builder
	room int
}

// noteRoom is kept for saying that something was left out.
const noteRoom = 300

func (b *page) add(text string) bool {
	if len(text) > b.room-noteRoom && len(text) > noteRoom || len(text) > b.room {
		return false
	}
	b.room -= len(text)
	b.text.WriteString(text)
	return true
}

// paragraphs puts a blank line between sections.
func paragraphs(sections ...string) string {
	return strings.Join(slices.DeleteFunc(sections, func(s string) bool { return s == "" }), "\n")
}

func headText(p engine.Proposal, o Options) string {
	var b strings.Builder
	line := moneyLine(p.Monthly)
	switch {
	case p.Monthly != 0:
		line += " (estimate)"
	case p.IsMend():
		line = "mends an incident"
	}
	fmt.Fprintf(&b, "**%s%s, %s risk.** %s\n\n", strings.ToUpper(line[:1]), line[1:], riskOf(p.Items), prose(p.Title, titleLimit))
	if p.Reverts != 0 {
		taken := link("the pull request of proposal "+fmt.Sprint(p.Reverts), o.Reverts)
		if taken == "" {
			taken = fmt.Sprintf("proposal %d", p.Reverts)
		}
		fmt.Fprintf(&b, "This takes back %s.\n\n", taken)
	}
	if i := o.Incident; i != nil {
		fmt.Fprintf(&b, "It mends incident %d: %s.\n", i.ID, prose(i.Title, proseLimit))
		if causes := i.Diagnosis.Causes; len(causes) > 0 {
			fmt.Fprintf(&b, "Most likely cause: %s. %s\n", prose(causes[0].Title, proseLimit), prose(causes[0].Text, 2*proseLimit))
		}
		b.WriteString("\n")
	}
	if thread := link("the thread in Slack", o.ThreadURL); thread != "" {
		fmt.Fprintf(&b, "Proposal %d of Autopilot, for cluster %s; see %s.\n\n", p.ID, code(p.Cluster, nameLimit), thread)
	} else {
		fmt.Fprintf(&b, "Proposal %d of Autopilot, for cluster %s.\n\n", p.ID, code(p.Cluster, nameLimit))
	}
	return b.String()
}

// linesText is the table: what, from what to what, and what it saves.
func linesText(p engine.Proposal, room int) string {
	var b strings.Builder
	b.WriteString("| Change | Now | Proposed | Saves a month (estimate) | Risk | File |\n|---|---|---|---:|---|---|\n")
	shown := 0
	var sum, rest engine.MicroUSD
	for _, i := range p.Items {
		sum += i.Monthly
		row := rowText(i)
		if shown == maxLines || b.Len()+len(row) > room {
			rest += i.Monthly
			continue
		}
		shown++
		b.WriteString(row)
	}
	if more := len(p.Items) - shown; more > 0 {
		fmt.Fprintf(&b, "| and %d more | | | %s | | |\n", more, rest)
	}
	if len(p.Items) > 1 {
		fmt.Fprintf(&b, "| **All** | | | **%s** | **%s** | |\n", sum, riskOf(p.Items))
	}
	b.WriteString("\n")
	return b.String()
}

func rowText(i engine.ProposalItem) string {
	from, to := codeCell(i.Wish.Old, nameLimit), codeCell(i.Wish.New, nameLimit)
	for _, with := range i.Wish.With {
		from += "<br>" + codeCell(with.Old, nameLimit)
		to += "<br>" + codeCell(with.New, nameLimit)
	}
	if i.Wish.Kind == engine.WishRevert {
		from, to = revertCells(i.Wish)
	}
	if i.Wish.Kind == engine.WishVolume {
		from, to = codeCell(i.Wish.Target.Provider, nameLimit), "removed"
	}
	money := i.Monthly.String()
	switch {
	case i.Because != "":
		money = "–"
	case i.Basis.Source == engine.PriceUnknown && i.Monthly == 0:
		money = "not known"
	}
	var files []string
	for n, e := range i.Edits {
		if n == 3 {
			files = append(files, fmt.Sprintf("and %d more", len(i.Edits)-n))
			break
		}
		files = append(files, codeCell(fmt.Sprintf("%s:%d", e.Path, e.Line), 2*nameLimit))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", prose(i.Title, nameLimit), from, to, money, prose(string(i.Risk), 20), strings.Join(files, "<br>"))
}

// revertCells are what is taken back, and what comes instead, as far as the live object shows it.
func revertCells(w engine.Wish) (from, to string) {
	var now, then []string
	for _, one := range Values(w) {
		is, was := cmp.Or(one.Old, "not set"), cmp.Or(one.New, "not set")
		switch what, name, _ := strings.Cut(one.Field, " "); what {
		case FieldRevision:
			is, was = "revision "+one.Old, "as it was before"
		case FieldConfigMap:
			is, was = "ConfigMap "+name, "as it was before"
		}
		now, then = append(now, codeCell(is, nameLimit)), append(then, codeCell(was, nameLimit))
	}
	return strings.Join(now, "<br>"), strings.Join(then, "<br>")
}

// stepsText lists what a person does outside of the files, and what must be edited by hand.
func stepsText(p engine.Proposal) string {
	var b strings.Builder
	var steps []string
	for _, i := range p.Items {
		for _, step := range i.Steps {
			if step = code(step, proseLimit); step != "" {
				steps = append(steps, step)
			}
		}
	}
	if len(steps) > 0 {
		b.WriteString("### Before the merge\n\nDo these, in this order:\n\n")
		for n, step := range steps[:min(len(steps), maxSteps)] {
			fmt.Fprintf(&b, "%d. %s\n", n+1, step)
		}
		if more := len(steps) - maxSteps; more > 0 {
			fmt.Fprintf(&b, "\nand %d more, which the savings card in Slack lists.\n", more)
		}
	}
	return b.String()
}

func approvedText(p engine.Proposal, o Options) string {
	if len(p.Approved) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("### Approved in Slack\n\n")
	for n, a := range p.Approved {
		if n == maxPeople {
			fmt.Fprintf(&b, "- and %d more\n", len(p.Approved)-n)
			break
		}
		fmt.Fprintf(&b, "- %s, %s", personText(a.By, o.Logins), timeText(a.At))
		if a.Role != "" {
			fmt.Fprintf(&b, ", as %s", prose(a.Role, nameLimit))
		}
		b.WriteString("\n")
	}
	if p.Hash != "" {
		fmt.Fprintf(&b, "\nThey approved the plan with the hash %s. The approval is a row of the audit log. Merging stays with the people who review here: the bot never merges its own pull requests.\n", code(p.Hash, 64))
	}
	return b.String()
}

func afterwardsText(p engine.Proposal) string {
	var b strings.Builder
	b.WriteString("### What is verified afterwards\n\n")
	b.WriteString("1. After the merge, that the live objects have the new values; a change that does not arrive is told in the thread.\n")
	switch {
	case p.IsMend():
		b.WriteString("2. Whether the incident resolves after it.\n")
		return b.String()
	case p.Monthly > 0:
		b.WriteString("2. Each day, what a unit of work costs against the baseline that was frozen at the approval. The difference, with its uncertainty, goes to the ledger; cash is kept apart from freed capacity.\n")
	default:
		b.WriteString("2. Whether the problem that it is for comes back.\n")
	}
	b.WriteString("3. For seven days, whether its targets are killed for memory, crash, fail their probes or become slow. If so, the thread says it and offers the way back.\n")
	return b.String()
}

// rollbackText finds the commit by its trailer: that works for a merge, a squash and a rebase alike.
func rollbackText(p engine.Proposal) string {
	base, branch := shellWord(p.Base), Branch(p)
	back := "revert-" + pullKey(p)
	var b strings.Builder
	b.WriteString("### Rollback\n\nOnce it is merged, press **Revert** below, or:\n\n")
	b.WriteString(fenced("sh", fmt.Sprintf(`git fetch origin %s
git switch -c %s FETCH_HEAD
git revert --no-edit "$(git log -1 --format=%%H --grep='^%s$')"
git push -u origin %s`, base, back, Trailer(branch), back)))
	b.WriteString("\n")
	if slices.ContainsFunc(p.Items, func(i engine.ProposalItem) bool { return i.Wish.Kind == engine.WishVolume }) {
		b.WriteString("A revert brings back the declaration of a volume, not its data: those come from the snapshot.\n")
	}
	return b.String()
}

// shellWord quotes a word for a POSIX shell.
func shellWord(word string) string {
	if word != "" && strings.IndexFunc(word, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._/-", r)
	}) < 0 && word[0] != '-' {
		return word
	}
	return "'" + strings.ReplaceAll(oneLine(word), "'", `'\''`) + "'"
}
