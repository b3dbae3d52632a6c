package incident

import (
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// The kinds of event on a timeline. An event's text is a sentence without its subject's name, which stands in By.
const (
	EventOpened          = "opened"           // and told in the channel
	EventOpenedQuietly   = "opened_quietly"   // under a parent, or in a maintenance window: not told
	EventJoined          = "joined"           // a new class of problem, or a higher severity
	EventAdopted         = "adopted"          // put under a parent
	EventLinked          = "linked"           // follows from another, and keeps its card
	EventHurt            = "hurt"             // on a parent: what was put under it, in one line
	EventPromoted        = "promoted"         // no longer under a parent, and told in the channel
	EventAnnounced       = "announced"        // the maintenance window is over, the problem is not
	EventCleared         = "cleared"          // no signal fires
	EventRelapsed        = "relapsed"         // one fires again before the hold-down was over
	EventAcknowledged    = "acknowledged"     //
	EventAssigned        = "assigned"         //
	EventSilenced        = "silenced"         //
	EventMuted           = "muted"            // Alertmanager has the silence
	EventDiagnosed       = "diagnosed"        // the likeliest cause was found, or changed
	EventByHand          = "by_hand"          // what would mend it, where only a person can change that, and why
	EventVerdict         = "verdict"          //
	EventEscalated       = "escalated"        // repeated to the on-call
	EventPaging          = "paging"           // handed over to the pager
	EventPaged           = "paged"            // the pager has answered
	EventResolved        = "resolved"         //
	EventRecovered       = "recovered"        // on a parent: a child was resolved
	EventReopened        = "reopened"         // and told in the channel
	EventReopenedQuietly = "reopened_quietly" //
)

// told is the kinds of event that put an incident's card into the channel.
var told = map[string]bool{EventOpened: true, EventReopened: true, EventPromoted: true, EventAnnounced: true}

// hasCard tells whether the incident was ever told in a channel of its own.
func hasCard(i engine.Incident) bool {
	for _, e := range i.Timeline {
		if told[e.Kind] {
			return true
		}
	}
	return false
}

// quiet tells whether the incident is to be left out of the channel for now: it is under a parent, or it began in a
// maintenance window and has not been announced since. A card that it already has is still kept up to date.
func quiet(i engine.Incident) bool {
	return i.ParentID != 0 || unannounced(i)
}

func unannounced(i engine.Incident) bool {
	for _, e := range slices.Backward(i.Timeline) {
		switch kind := e.Kind; {
		case told[kind]:
			return false
		case kind == EventOpenedQuietly || kind == EventReopenedQuietly:
			return true
		}
	}
	return false
}

// episode is the timeline since the incident was last opened or reopened.
func episode(i engine.Incident) []engine.Event {
	for k, e := range slices.Backward(i.Timeline) {
		switch e.Kind {
		case EventOpened, EventOpenedQuietly, EventReopened, EventReopenedQuietly:
			return i.Timeline[k:]
		}
	}
	return i.Timeline
}

// latest gives the last line of a kind in this episode.
func latest(i engine.Incident, kind string) (engine.Event, bool) {
	for _, e := range slices.Backward(episode(i)) {
		if e.Kind == kind {
			return e, true
		}
	}
	return engine.Event{}, false
}

// paging tells whether the pager was called in this episode.
func paging(i engine.Incident) bool {
	_, yes := latest(i, EventPaging)
	return yes
}
