package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// settle is for how long after the last fault an incident may still be one of the experiment's, or a false one.
const settle = 30 * time.Second

// Judge grades how the bot itself did. incidents are those of the cluster that were detected, or open, since the experiment began, with
// their lists, without those that another experiment explains (see Explains); alerts are the alerts that fired since; recoveredAt is when
// all that was hit was well again, zero for never. Nothing that was decided before the experiment counts.
//
// Whether the step was right is read from a table: the cause that was ranked first is one of those which name the fault, says what to do,
// and is one whose step helps against that fault. Nobody carried the step out.
func Judge(e engine.Experiment, incidents []engine.Incident, alerts []engine.Signal, recoveredAt, now time.Time) engine.Grade {
	g := engine.Grade{At: now, Clean: true}
	first, last := span(e)
	for _, b := range e.Blows {
		if !b.Began.IsZero() && !b.Clean {
			g.Clean = false
		}
	}
	if g.Counts = !first.IsZero(); !g.Counts {
		g.Text = "no fault began, so there was nothing to notice"
		return g
	}
	if !recoveredAt.IsZero() {
		g.Recovered = true
		g.RecoverAfter = max(recoveredAt.Sub(last), 0)
	}
	noticed, unexplained := sift(e, incidents, first)
	g.False = unexplained
	if e.Expect.Nothing {
		g.Text = "a control: nothing was raised"
		if len(g.False) > 0 {
			g.Text = fmt.Sprintf("a control: %s raised, and should not have been", were(len(g.False)))
		}
		return g
	}
	paths(&g, e, noticed, alerts, first)
	if k := slices.IndexFunc(noticed, func(n notice) bool { return n.at.Sub(first) <= e.Expect.Within }); k >= 0 {
		n := noticed[k]
		g.Detected, g.IncidentID, g.DetectAfter = true, n.incident.ID, max(n.at.Sub(first), 0)
		rank(&g, e, n.incident)
	}
	g.Text = summary(e, g, noticed)
	return g
}

// GradeDue tells whether it is time to judge: as soon as all is seen, with some time for false incidents to come, or when waiting longer
// shows nothing more. An experiment is graded once.
func GradeDue(e engine.Experiment, incidents []engine.Incident, recoveredAt, now time.Time) bool {
	if e.Status != engine.ExperimentOver || e.Grade != nil {
		return false
	}
	first, last := span(e)
	if first.IsZero() {
		return true
	}
	if e.OverAt.After(last) {
		last = e.OverAt
	}
	last = last.Add(settle)
	late := first.Add(e.Expect.Within)
	if now.Before(last) {
		return false
	}
	if now.After(last.Add(patience)) {
		return true
	}
	if recoveredAt.IsZero() {
		return false
	}
	if !now.Before(late) && !e.Expect.Nothing {
		return true
	}
	noticed, _ := sift(e, incidents, first)
	return e.Expect.Nothing || len(noticed) > 0 && len(noticed[0].incident.Diagnosis.Causes) > 0
}

// patience is for how long after its end an experiment waits for what it hit to be well.
const patience = 10 * time.Minute

// aftermath is for how long after a fault its rates and the alerts of them may still be told: rates look back two minutes, and alerts wait.
const aftermath = 4 * time.Minute

// Explains tells whether an incident, as it was last opened or reopened, is one that an experiment brought about, or may have: on what it
// hits or what may feel it, while it ran or in its aftermath. Who judges another experiment leaves such an incident out. Where both may have
// brought it about it is the other's from the grade of the first one on.
func Explains(e, judged engine.Experiment, i engine.Incident) bool {
	first, last := span(e)
	if first.IsZero() || e.Expect.Nothing || !excused(e, i.Workload) {
		return false
	}
	until := last.Add(max(settle+e.Expect.Within, aftermath))
	if e.Grade != nil && e.Grade.At.Before(until) && !judged.Expect.Nothing && excused(judged, i.Workload) {
		until = e.Grade.At
	}
	at := i.DetectedAt
	for _, ev := range i.Timeline {
		if reopened(ev) && ev.At.After(at) {
			at = ev.At
		}
	}
	return !at.Before(first.Add(-slack)) && !at.After(until)
}

// span is from when the first fault was in place to when the last one ended, as far as it was seen; zero when none ever was.
func span(e engine.Experiment) (first, last time.Time) {
	for _, b := range e.Blows {
		if b.Began.IsZero() {
			continue
		}
		if first.IsZero() || b.Began.Before(first) {
			first = b.Began
		}
		for _, at := range []time.Time{b.Began, b.Ended} {
			if at.After(last) {
				last = at
			}
		}
	}
	return first, last
}

// notice is an incident that shows what the experiment did, and when it was opened or reopened.
type notice struct {
	incident engine.Incident
	at       time.Time
}

// sift tells the incidents that show the experiment, soonest first, from those that nothing explains.
func sift(e engine.Experiment, incidents []engine.Incident, first time.Time) (noticed []notice, unexplained []int64) {
	_, last := span(e)
	until := last.Add(settle)
	if over := e.OverAt.Add(settle); over.After(until) {
		until = over
	}
	shown := map[int64]bool{}
	for _, i := range incidents {
		at := episode(i, first.Add(-slack))
		if at.IsZero() || e.Expect.Nothing || !slices.Contains(e.Expect.Workloads, i.Workload) {
			continue
		}
		noticed = append(noticed, notice{i, at})
		shown[i.ID] = true
	}
	slices.SortStableFunc(noticed, func(a, b notice) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.incident.ID, b.incident.ID)) })
	for _, i := range incidents {
		at := episode(i, first.Add(-slack))
		switch {
		case at.IsZero() || at.After(until):
		case !e.Expect.Nothing && (excused(e, i.Workload) || shown[i.ParentID]):
		case knownDrain(e, i): // what a drain leaves short for a while is told as just that
		case slices.Contains(unexplained, i.ID):
		default:
			unexplained = append(unexplained, i.ID)
		}
	}
	slices.Sort(unexplained)
	return noticed, unexplained
}

// knownDrain tells whether an incident says by itself that it comes of a drain, of an experiment that has one.
func knownDrain(e engine.Experiment, i engine.Incident) bool {
	first, ok := i.Diagnosis.Cause("")
	return ok && right(first.Rule, causes[engine.FaultDrain]) &&
		slices.ContainsFunc(e.Strikes, func(s engine.Strike) bool { return s.Fault == engine.FaultDrain })
}

// excused tells whether an incident of a workload is the experiment's doing: it is hit, meant, or may feel it.
func excused(e engine.Experiment, w engine.Workload) bool {
	if slices.Contains(e.Expect.Workloads, w) || slices.Contains(e.Expect.MayFeel, w) {
		return true
	}
	for _, v := range victims(e) {
		if v.Workload == w {
			return true
		}
	}
	return false
}

// episode is when an incident was opened, or first reopened, at or after a time; zero when it was neither.
func episode(i engine.Incident, from time.Time) time.Time {
	if !i.DetectedAt.Before(from) {
		return i.DetectedAt
	}
	for _, ev := range i.Timeline {
		if reopened(ev) && !ev.At.Before(from) {
			return ev.At
		}
	}
	return time.Time{}
}

// reopened tells the lines of a timeline that begin another episode.
func reopened(e engine.Event) bool { return e.Kind == "reopened" || e.Kind == "reopened_quietly" }
