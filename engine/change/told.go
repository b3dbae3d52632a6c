package change

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// The Kinds of the events that Told makes.
const (
	EventOpened   = "pull_opened"
	EventChecks   = "pull_checks"
	EventReview   = "pull_review"
	EventConflict = "pull_conflict"
	EventTouched  = "pull_touched"
	EventMerged   = "pull_merged"
	EventClosed   = "pull_closed"
	EventReopened = "pull_reopened"
)

const maxFailing = 5 // names of checks in a line

// Told gives the lines that a thread gets when a proposal goes from before to after. It is empty when nothing happened that a
// person wants to know: checks that run again and come to what was told last are nothing. It knows what is seen of a pull request alone.
func Told(before, after engine.Proposal, now time.Time) []engine.Event {
	var lines []engine.Event
	say := func(kind, format string, args ...any) {
		line := engine.Event{At: now, Kind: kind, Text: fmt.Sprintf(format, args...)}
		if last := newest(before.Timeline, kind); last != line.Text {
			lines = append(lines, line)
		}
	}
	was, is := before.Pull, after.Pull
	if was.State == engine.PullNone && is.State != engine.PullNone {
		say(EventOpened, "Pull request %s is open: %s", pullName(after.Repo, is), is.URL)
	}
	if is.State == engine.PullOpen {
		tellOpen(was, is, say)
	}
	if before.Status == after.Status {
		return lines
	}
	switch after.Status {
	case engine.ProposalMerged:
		say(EventMerged, "Merged as %s. It is watched until the live objects have the new values.", short(is.MergedSHA))
	case engine.ProposalClosed:
		say(EventClosed, "Closed: %s. What it was for is put off with that reason.", after.Reason)
	case engine.ProposalPending, engine.ProposalApproved, engine.ProposalOpened, engine.ProposalDeployed, engine.ProposalVerified,
		engine.ProposalDenied, engine.ProposalExpired, engine.ProposalStale, engine.ProposalReversed: // whoever brings that about tells it
	}
	return lines
}

func tellOpen(was, is engine.Pull, say func(kind, format string, args ...any)) {
	switch {
	case is.Checks == "failing" && (was.Checks != "failing" || !slices.Equal(was.Failing, is.Failing)):
		say(EventChecks, "Checks fail: %s. See %s", names(is.Failing), is.URL)
	case is.Checks == "passing" && was.Checks != "passing":
		say(EventChecks, "All checks pass.")
	}
	if is.Review != was.Review {
		switch is.Review {
		case "approved":
			say(EventReview, "Reviewed and approved on GitHub.")
		case "changes_requested":
			say(EventReview, "A reviewer asks for changes: %s", is.URL)
		}
	}
	if is.Touched && !was.Touched {
		say(EventTouched, "Somebody pushed to its branch. From here on it is theirs: it is watched, and not rebuilt.")
	}
	switch {
	case is.Conflict && !was.Conflict && is.Touched:
		say(EventConflict, "It conflicts with the base. Whoever pushed to it must resolve that: %s", is.URL)
	case is.Conflict && !was.Conflict:
		say(EventConflict, "It conflicts with the base, and is made anew on the newest commit.")
	case was.Conflict && !is.Conflict:
		say(EventConflict, "It no longer conflicts with the base.")
	}
}

// newest gives the text of the last event of a kind.
func newest(timeline []engine.Event, kind string) string {
	for _, e := range slices.Backward(timeline) {
		if e.Kind == kind {
			return e.Text
		}
	}
	return ""
}

func names(failing []string) string {
	if more := len(failing) - maxFailing; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(failing[:maxFailing], ", "), more)
	}
	if len(failing) == 0 {
		return "GitHub does not say which"
	}
	return strings.Join(failing, ", ")
}

// short is a commit as people write it.
func short(sha string) string { return sha[:min(len(sha), 10)] }
