package chaos

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// brief is for how long a fault that is done in a moment may take: the deadline of its blow.
const brief = 30 * time.Second

// Seal makes a plan of what Draft gave and the API server rehearsed: it looks at every blocker again, says until when somebody may say yes,
// and binds that yes to all that is shown. It is pure: the same plan in the same world at the same time has the same hash.
func Seal(e engine.Experiment, f Field, r Rules) engine.Experiment {
	e.Steady = Steady(e, f)
	e.Refusals = Refusals(e, f, r)
	e.Status = engine.ExperimentPlanned
	e.Text = ""
	if len(e.Refusals) > 0 {
		e.Status = engine.ExperimentRefused
		e.Text = e.Refusals[0].Text
	}
	e.Expires = f.At.Add(r.Shown).UTC().Truncate(time.Second)
	e.Hash = Hash(e)
	return e
}

// Hash is what a person's yes is bound to: all of a plan that is shown.
func Hash(e engine.Experiment) string {
	shown := engine.Experiment{
		ID: e.ID, Cluster: e.Cluster, Title: e.Title, Strikes: e.Strikes, Expect: e.Expect, StopOn: e.StopOn, Seed: e.Seed,
		Refusals: e.Refusals, Steady: e.Steady, Need: e.Need, Expires: e.Expires.UTC(), Schedule: e.Schedule,
	}
	data, err := json.Marshal(shown)
	if err != nil { // a number that JSON has no word for
		data = fmt.Appendf(nil, "%+v", shown)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Changed says what a second look would do otherwise than was shown and said yes to: by another mechanism, or in another container. It is ""
// for none; what the second look refuses is for a blocker to tell.
func Changed(shown, look engine.Experiment) string {
	for k, s := range look.Strikes {
		for n, t := range s.Targets {
			was := shown.Strikes[k].Targets[n]
			switch {
			case t.Refused != "":
			case t.Mechanism != was.Mechanism:
				return fmt.Sprintf("%s was shown as by %s, and would be by %s now: ask for it again", refKey(t.Object), was.Mechanism, t.Mechanism)
			case t.Container != was.Container:
				return fmt.Sprintf("%s was shown as in container %s, and would be in %s now: ask for it again", refKey(t.Object), was.Container, t.Container)
			}
		}
	}
	return ""
}

// Wish is a blow that is to begin.
type Wish struct {
	Strike   int // index
	Target   engine.Victim
	Deadline time.Time // by when it has ended, whatever happens
}

// Due lists the blows that are to begin now and have not yet: none for one that does not run or is to stop, and none whose time is over.
func Due(e engine.Experiment, now time.Time) []Wish {
	if e.Status != engine.ExperimentRunning || e.StartedAt.IsZero() || !e.StopAt.IsZero() {
		return nil
	}
	type key struct {
		strike int
		uid    string
	}
	begun := map[key]bool{}
	for _, b := range e.Blows {
		begun[key{b.Strike, uid(b.Target)}] = true
	}
	var due []Wish
	for k, s := range e.Strikes {
		at := e.StartedAt.Add(s.After)
		deadline := at.Add(lasts(s))
		if now.Before(at) || !now.Before(deadline) {
			continue
		}
		for _, t := range s.Targets {
			if s.Fault == engine.FaultDrain && t.Workload.Kind != engine.KindNode {
				continue // the node's blow takes its pods away
			}
			if !begun[key{k, uid(t)}] {
				due = append(due, Wish{Strike: k, Target: t, Deadline: deadline})
			}
		}
	}
	return due
}

// Next is when the next strike begins; zero when none is left. A process that holds an experiment sleeps no longer.
func Next(e engine.Experiment, now time.Time) time.Time {
	var next time.Time
	for _, s := range e.Strikes {
		if at := e.StartedAt.Add(s.After); at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// EndsAt is when an experiment that begins at start is over by plan: no fault outlives it.
func EndsAt(e engine.Experiment, start time.Time) time.Time {
	end := start
	for _, s := range e.Strikes {
		if at := start.Add(s.After + lasts(s)); at.After(end) {
			end = at
		}
	}
	return end
}

// lasts is how long a strike may take: of a drain, for how long the node stays cordoned.
func lasts(s engine.Strike) time.Duration {
	if s.Fault.Lasts() || s.Fault == engine.FaultDrain {
		return s.Duration
	}
	return brief
}

// uid names a target: the one of a control on a node has none.
func uid(t engine.Victim) string {
	if t.Object.UID != "" {
		return t.Object.UID
	}
	return t.Object.Kind + "/" + t.Object.Namespace + "/" + t.Object.Name
}
