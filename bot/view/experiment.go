package view

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// Threads are where incidents are told, by their ids, for links to them. One that is not there is named without a link.
type Threads map[int64]engine.Thread

// Experiment draws an experiment's card: before a yes, what would be hit and by what; while it runs, what is hit now and the button that
// ends it; then how it ended and what was noticed of it. base is the workspace's address, for links.
func Experiment(e engine.Experiment, found Threads, base string) Message {
	key := engine.ExperimentKey(e.ID)
	c := newCanvas(append(experimentButtons(e, key), experimentFooter(e))...)
	head := experimentHeading(e)
	c.header(head)
	var files []engine.File
	switch {
	case e.Grade != nil:
		graded(c, e, found, base)
	case e.Status == engine.ExperimentAsked:
		c.section(askedBy(e), "The plan is made first: who would be hit, by what, and whether the API server would let it. Nothing is done yet.")
		if e.Text != "" {
			c.section(remark(e))
		}
	case e.Status == engine.ExperimentPlanned:
		files = planned(c, e)
	case e.Status == engine.ExperimentRefused:
		refused(c, e)
	case e.Status == engine.ExperimentConfirmed:
		c.section(askedBy(e), "It begins as soon as the cluster was looked at once more. What is not as it was shown keeps it from beginning.")
		c.section(approvals(e)...)
		c.add(stopButtons(e, key))
	case e.Status == engine.ExperimentRunning:
		running(c, e, key)
	case e.Status == engine.ExperimentOver:
		c.section(askedBy(e), ending(e))
		c.section(remains(e)...)
		if e.Grade == nil {
			c.context("What was noticed of it is looked at next.")
		}
	}
	text := head
	if _, after, marked := strings.Cut(head, ": "); marked {
		text = after
	}
	return Message{Blocks: c.done(), Text: outside(text, 300), Files: files}
}

// experimentHeading is the card's first line, and after its mark the notification.
func experimentHeading(e engine.Experiment) string {
	const room = 105
	title := cut(tame(clip(experimentTitle(e), room)), room)
	mark, state := experimentState(e)
	return mark + " " + state + ": " + title
}

func experimentTitle(e engine.Experiment) string {
	switch {
	case e.Title != "":
		return e.Title
	case e.Command != "":
		return e.Command
	}
	return fmt.Sprintf("experiment %d", e.ID)
}

// experimentState is how far it is in a mark and a word or two.
func experimentState(e engine.Experiment) (mark, state string) {
	if g := e.Grade; g != nil && e.Status == engine.ExperimentOver {
		return gradeState(e, *g)
	}
	switch e.Status {
	case engine.ExperimentAsked:
		return ":hourglass_flowing_sand:", "Planning"
	case engine.ExperimentPlanned:
		return ":test_tube:", "Dry run"
	case engine.ExperimentRefused:
		return ":no_entry_sign:", "Not done"
	case engine.ExperimentConfirmed:
		return ":hourglass_flowing_sand:", "Beginning"
	case engine.ExperimentRunning:
		if !e.StopAt.IsZero() {
			return ":octagonal_sign:", "Stopping"
		}
		return ":boom:", "Running"
	case engine.ExperimentOver:
		if !allClean(e) {
			return ":warning:", "Over, not clean"
		}
		return ":checkered_flag:", "Over"
	}
	return ":test_tube:", tame(string(e.Status))
}

// askedBy is where it is and who wanted it.
func askedBy(e engine.Experiment) string {
	line := "cluster " + code(e.Cluster, 80) + " · asked by "
	switch {
	case e.Schedule != "":
		line = "cluster " + code(e.Cluster, 80) + " · by schedule " + code(e.Schedule, 80)
	default:
		line += person(e.By)
	}
	if !e.AskedAt.IsZero() {
		line += " " + when(e.AskedAt)
	}
	return line
}

// refused says why nothing was done, all of it, and what would be right.
func refused(c *canvas, e engine.Experiment) {
	var lines []string
	if e.Text != "" {
		lines = append(lines, "*"+remark(e)+"*")
	}
	c.section(append(lines, refusals(e)...)...)
	c.section(askedBy(e), "Nothing was done.")
	if e.Command != "" {
		c.context("Asked for with " + code("/autopilot chaos "+e.Command, 300))
	}
}

// remark is why it was refused or ended as it did. It may name whoever the experiment knows of, and nobody else.
func remark(e engine.Experiment) string {
	text := outside(e.Text, 600)
	known := []engine.Person{e.By, e.StopBy}
	for _, a := range e.Approvals {
		known = append(known, a.By)
	}
	for _, p := range known {
		if slackID.MatchString(p.ID) {
			text = strings.ReplaceAll(text, "&lt;@"+p.ID+"&gt;", person(p))
		}
	}
	return upper(text)
}

// upper begins a sentence.
func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

const refusalLines = 12

// refusals are the reasons why it may not begin, and what the API server said of each target that it would not take.
func refusals(e engine.Experiment) []string {
	lines := list(e.Refusals, refusalLines, func(r engine.Refusal) string {
		line := ":no_entry: " + outside(r.Text, 400)
		if r.Blocker != "" {
			line += " (" + code(r.Blocker, 60) + ")"
		}
		return line
	})
	var said []string
	for _, v := range victims(e) {
		if v.Refused != "" {
			said = append(said, ":no_entry: "+code(v.Object.Name, 120)+": "+outside(v.Refused, 400))
		}
	}
	return append(lines, list(said, refusalLines, func(s string) string { return s })...)
}

func victims(e engine.Experiment) (all []engine.Victim) {
	for _, s := range e.Strikes {
		all = append(all, s.Targets...)
	}
	return all
}

// approvals are who said yes, and when.
func approvals(e engine.Experiment) []string {
	return list(e.Approvals, 5, func(a engine.Approval) string {
		line := ":white_check_mark: " + person(a.By) + " said yes " + when(a.At)
		if a.Role != "" {
			line += ", as " + outside(a.Role, 60)
		}
		return line
	})
}

func experimentFooter(e engine.Experiment) slack.Block {
	text := fmt.Sprintf("Experiment %d", e.ID)
	if e.Hash != "" {
		text += " · plan " + code(e.Hash[:min(12, len(e.Hash))], 20)
	}
	if e.Seed != 0 {
		text += fmt.Sprintf(" · seed %d", e.Seed)
	}
	return context(text)
}

// experimentButtons are those at the card's end. STOP is not among them: it stands above what may be long.
func experimentButtons(e engine.Experiment, key string) []slack.Block {
	if e.Status != engine.ExperimentPlanned && e.Status != engine.ExperimentAsked {
		return nil
	}
	value := engine.ExperimentButton{Experiment: e.ID, Hash: e.Hash}.Value()
	var elements []slack.BlockElement
	if e.Status == engine.ExperimentPlanned && len(refusals(e)) == 0 {
		ask := cut("It hits "+hitCount(e, plain)+". "+whenOver(e), 300)
		label := "Confirm"
		if forced(e) {
			label, ask = "Confirm…", "Plain deletes do not keep to disruption budgets. You are asked once more before anything is done."
		}
		elements = append(elements, slack.NewButtonBlockElement(string(engine.ActionChaos), value, plainText(label, 75)).WithStyle(slack.StyleDanger).
			WithConfirm(slack.NewConfirmationBlockObject(plainText("Break this on purpose?", 100), plainText(ask, 300), plainText("Yes, begin", 30), plainText("Not now", 30)).WithStyle(slack.StyleDanger)))
	}
	elements = append(elements, slack.NewButtonBlockElement(string(engine.ActionChaosCancel), value, plainText("Cancel", 75)))
	return []slack.Block{slack.NewActionBlock(blockID(key, "act"), elements...)}
}

func forced(e engine.Experiment) bool {
	return slices.ContainsFunc(e.Strikes, func(s engine.Strike) bool { return s.Dose.Force })
}

// stopButtons end one experiment, or all that run. Neither asks again: who presses them is in a hurry.
func stopButtons(e engine.Experiment, key string) slack.Block {
	one := engine.ExperimentButton{Experiment: e.ID}.Value()
	return slack.NewActionBlock(blockID(key, "stop"),
		slack.NewButtonBlockElement(string(engine.ActionChaosStop), one, plainText("STOP", 75)).WithStyle(slack.StyleDanger), stopAll())
}

func stopAll() slack.BlockElement {
	return slack.NewButtonBlockElement(string(engine.ActionChaosStop)+actionEnd+"all", engine.ExperimentButton{}.Value(), plainText("Stop all experiments", 75))
}

// length is how long it takes by plan, from the first strike to the end of the last.
func length(e engine.Experiment) (whole time.Duration) {
	for _, s := range e.Strikes {
		end := s.After
		if s.Fault.Lasts() {
			end += s.Duration
		}
		whole = max(whole, end)
	}
	return whole
}
