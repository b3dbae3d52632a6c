package change

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Act is what is done with a pull request.
type Act string

// The acts.
const (
	ActNone    Act = ""        // nothing but to keep what was seen
	ActRebuild Act = "rebuild" // make the edits again on the base's newest commit, and the branch's one commit of them
	ActClose   Act = "close"   // close it: nobody wants the proposal any more
	ActSnooze  Act = "snooze"  // a person closed it: put its findings off, with that reason
	ActReopen  Act = "reopen"  // a person opened again what a person had closed: go on, and put its findings off no more
	ActMerged  Act = "merged"  // look whether the change arrives
)

// Step is what follows from a look at a pull request. Applied to a proposal it leads to one for which the same look says nothing
// more.
type Step struct {
	Act    Act
	Status engine.ProposalStatus // from now on
	Reason string                // of the status
	Pull   engine.Pull           // as it was seen, to be kept
	Tell   []engine.Event        // lines for the thread, in order
	Again  time.Duration         // when to look again, where no webhook comes before; 0 for not at all
}

// How often is looked again, and how long a pull request is left as it is before it is rebuilt for a base that moved alone:
// each rebuild runs all checks anew.
const (
	lookOpen    = 5 * time.Minute
	lookOld     = time.Hour // for one of more than a day
	lookMerged  = time.Minute
	lookClosed  = 6 * time.Hour // for one that was closed more than a day ago
	rebuildRest = time.Hour
	rebuildMost = 24 * time.Hour
	rebuildWait = 5 * time.Minute // after the one before, for a conflict
)

// ClosedFor is how long findings are put off whose pull request a person closed, and how long is looked whether it is opened again.
const ClosedFor = 30 * 24 * time.Hour

// EventRebuilt is the Kind of the event that whoever rebuilt a branch adds to the proposal; Next counts from it.
const EventRebuilt = "rebuilt"

// Next says what follows from what was seen of a proposal's pull request at now. base is the newest commit of the branch that it goes
// to, "" when it is not known. A pull request that a person pushed to is left to that person: it is watched, never rebuilt.
func Next(p engine.Proposal, seen engine.Pull, base string, now time.Time) Step {
	s := Step{Status: p.Status, Reason: p.Reason, Pull: seen}
	switch {
	case seen.State == engine.PullNone:
		s.Pull = p.Pull
		return s
	case p.Status == engine.ProposalClosed:
		return closed(p, s, now)
	case p.Status.IsOver(): // the bot itself takes it away
		if seen.State == engine.PullOpen && !seen.Touched {
			s.Act = ActClose
		}
		return s
	case !slices.Contains([]engine.ProposalStatus{engine.ProposalApproved, engine.ProposalOpened}, p.Status):
		return s // what follows after the merge is not seen here
	}
	switch seen.State {
	case engine.PullMerged:
		s.Act, s.Status, s.Reason, s.Again = ActMerged, engine.ProposalMerged, "", lookMerged
	case engine.PullClosed:
		s.Act, s.Status, s.Reason = ActSnooze, engine.ProposalClosed, closedBy(p, seen)
	case engine.PullOpen:
		s.Status, s.Reason, s.Again = engine.ProposalOpened, waitsFor(seen), lookOpen
		if openedAt := startOf(p); !openedAt.IsZero() && now.Sub(openedAt) > 24*time.Hour {
			s.Again = lookOld
		}
		if rebuild, rest := wantsRebuild(p, seen, base, now); rebuild {
			s.Act = ActRebuild
		} else if rest > 0 {
			s.Again = min(s.Again, rest)
		}
	case engine.PullNone:
	}
	after := p
	after.Status, after.Reason, after.Pull = s.Status, s.Reason, seen
	s.Tell = Told(p, after, now)
	return s
}

// closed is what follows from a look at a pull request that a person closed. It is that person's: it may be opened again, and even be
// merged before anybody looks.
func closed(p engine.Proposal, s Step, now time.Time) Step {
	switch s.Pull.State {
	case engine.PullOpen:
		s.Act, s.Status, s.Reason, s.Again = ActReopen, engine.ProposalOpened, waitsFor(s.Pull), lookOpen
	case engine.PullMerged:
		s.Act, s.Status, s.Reason, s.Again = ActReopen, engine.ProposalMerged, "", lookMerged
	case engine.PullNone, engine.PullClosed:
		switch since := now.Sub(closedAt(p)); {
		case since < 24*time.Hour:
			s.Again = lookOld
		case since < ClosedFor:
			s.Again = lookClosed
		}
		return s
	}
	after := p
	after.Status, after.Reason, after.Pull = s.Status, s.Reason, s.Pull
	s.Tell = append([]engine.Event{{
		At: now, Kind: EventReopened, Text: "Opened again on GitHub. It is followed again, and what it is for is put off no more.",
	}}, Told(p, after, now)...)
	return s
}

// closedAt is when a proposal was closed last.
func closedAt(p engine.Proposal) time.Time {
	for _, e := range slices.Backward(p.Timeline) {
		if e.Kind == string(engine.ProposalClosed) {
			return e.At
		}
	}
	return time.Time{}
}

// wantsRebuild tells whether the branch is to be made anew, or else how long until it may be.
func wantsRebuild(p engine.Proposal, seen engine.Pull, base string, now time.Time) (bool, time.Duration) {
	on := cmp.Or(seen.Parent, commitOf(p))
	urgent := seen.Conflict || seen.Behind
	moved := base != on
	if base == "" || on == "" {
		moved = urgent // nobody knows, but GitHub does
	}
	switch {
	case seen.Touched || !moved: // on the newest commit there is nothing to be had from doing it again
		return false, 0
	case !urgent && (seen.Checks == "pending" || seen.Review == "approved"):
		return false, 0 // a rebuild would throw away what is done, and it can be merged as it is
	}
	rest := restBetween(p)
	if urgent {
		rest = rebuildWait
	}
	if wait := rest - now.Sub(startOf(p)); wait > 0 {
		return false, wait
	}
	return true, 0
}

// restBetween is how long a branch rests before it is made anew for nothing but a base that moved: twice as long each time, up to a
// day, for a pull request that nobody reviews would otherwise run its checks, and say so, every hour for weeks.
func restBetween(p engine.Proposal) time.Duration {
	rest := rebuildRest
	for k, e := range p.Timeline {
		if e.Kind == EventRebuilt && slices.ContainsFunc(p.Timeline[:k], func(b engine.Event) bool { return b.Kind == EventRebuilt }) {
			rest = min(2*rest, rebuildMost)
		}
	}
	return rest
}

// startOf is when the branch was last made.
func startOf(p engine.Proposal) time.Time {
	at := p.ApprovedAt
	for _, e := range p.Timeline {
		if (e.Kind == EventRebuilt || e.Kind == EventOpened) && e.At.After(at) {
			at = e.At
		}
	}
	return at
}

func commitOf(p engine.Proposal) string {
	for _, i := range p.Items {
		if i.Commit != "" {
			return i.Commit
		}
	}
	return ""
}

func closedBy(p engine.Proposal, seen engine.Pull) string {
	who := "a person"
	if seen.ClosedBy != "" {
		who = seen.ClosedBy
	}
	return fmt.Sprintf("%s closed pull request %s without merging it", who, pullName(p.Repo, seen))
}

// waitsFor says what an open pull request waits for, the most pressing first.
func waitsFor(seen engine.Pull) string {
	switch {
	case seen.Touched && seen.Conflict:
		return "somebody pushed to its branch, which now conflicts with the base: whoever pushed must resolve that"
	case seen.Conflict:
		return "its branch conflicts with the base"
	case seen.Checks == "failing":
		return "checks fail: " + strings.Join(seen.Failing, ", ")
	case seen.Review == "changes_requested":
		return "a reviewer asked for changes"
	case seen.Checks == "pending":
		return "checks are running"
	case seen.Review == "approved":
		return "reviewed: it can be merged"
	}
	return "waits for a review"
}

func pullName(repo string, seen engine.Pull) string {
	if seen.Number == 0 {
		return repo
	}
	return fmt.Sprintf("%s#%d", repo, seen.Number)
}
