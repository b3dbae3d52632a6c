package incident

import (
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// deeds are the kinds of event in which people do something, in words.
var deeds = map[string]string{
	EventAcknowledged: "acknowledged", EventAssigned: "took it", EventSilenced: "silenced", EventVerdict: "judged the cause",
	EventResolved: "resolved", engine.EventRemedyAsked: "asked for a remedy",
}

// attends are those with which somebody takes an incident.
var attends = []string{EventAcknowledged, EventAssigned, engine.EventRemedyAsked}

// Story tells an incident: how long what took, who did what, and what fixed it; merged are the pull requests that mend it. What is
// open lasts until now.
func Story(i engine.Incident, merged []engine.Fix, now time.Time) engine.Story {
	s := engine.Story{Incident: i, Fixes: Fixes(i, merged)}
	// The start of an earlier episode is not kept when it is opened again.
	if i.Reopened == 0 && !i.StartedAt.After(i.DetectedAt) {
		s.Detect = engine.Took{Known: true, For: i.DetectedAt.Sub(i.StartedAt)}
		s.Lasted = s.Detect.For
	}
	open, since := true, i.DetectedAt
	for _, e := range i.Timeline {
		switch {
		case open && e.Kind == EventResolved:
			s.Lasted += max(0, e.At.Sub(since))
			open = false
		case !open && begins(e.Kind):
			open, since = true, e.At
		}
		if !s.Acknowledge.Known && slices.Contains(attends, e.Kind) {
			s.Acknowledge = engine.Took{Known: true, For: max(0, e.At.Sub(i.DetectedAt))}
		}
		if did := deeds[e.Kind]; did != "" && !e.By.IsZero() {
			s.People = take(s.People, e.By, did)
		}
	}
	if end := i.ResolvedAt; open {
		if i.IsOpen() {
			end = now
		}
		s.Lasted += max(0, end.Sub(since))
	}
	return s
}

// begins tells whether a kind of event opens an incident.
func begins(kind string) bool {
	switch kind {
	case EventOpened, EventOpenedQuietly, EventReopened, EventReopenedQuietly:
		return true
	}
	return false
}

func take(parts []engine.Part, by engine.Person, did string) []engine.Part {
	k := slices.IndexFunc(parts, func(p engine.Part) bool { return p.By.ID == by.ID })
	if k < 0 {
		return append(parts, engine.Part{By: by, Did: []string{did}})
	}
	if !slices.Contains(parts[k].Did, did) {
		parts[k].Did = append(parts[k].Did, did)
	}
	return parts
}
