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

// Confirmable says why a person's yes does not count: Conflict when the plan is another one by now, is over, or was said yes to already,
// Forbidden when it is not this person's to say. Who has which role is for the caller to know.
func Confirmable(e engine.Experiment, by engine.Person, hash string, now time.Time, r Rules) error {
	switch {
	case e.Status == engine.ExperimentConfirmed || e.Status == engine.ExperimentRunning || e.Status == engine.ExperimentOver:
		return engine.Errorf(engine.Conflict, "experiment %d was confirmed already", e.ID)
	case e.Status == engine.ExperimentAsked:
		return engine.Errorf(engine.Conflict, "experiment %d is still being planned; its card changes when it is done", e.ID)
	case e.Status == engine.ExperimentRefused || len(e.Refusals) > 0:
		return engine.Errorf(engine.Conflict, "experiment %d was refused; ask for a new one", e.ID)
	case !e.StopAt.IsZero():
		return engine.Errorf(engine.Conflict, "experiment %d was stopped before it began; ask for a new one", e.ID)
	case !now.Before(e.Expires):
		return engine.Errorf(engine.Conflict, "the plan of experiment %d was good until %s UTC; ask for it again", e.ID, e.Expires.UTC().Format("2006-01-02 15:04"))
	case hash == "" || hash != e.Hash || hash != Hash(e):
		return engine.Errorf(engine.Conflict, "the plan of experiment %d changed since this card was drawn; read it again", e.ID)
	case by.IsZero():
		return engine.Errorf(engine.Forbidden, "only a person can confirm an experiment")
	case (r.TwoPeople || e.Need.NotProposer) && by.ID == e.By.ID:
		return engine.Errorf(engine.Forbidden, "you asked for experiment %d; somebody else has to confirm it", e.ID)
	}
	for _, a := range e.Approvals {
		if a.By.ID == by.ID && a.Hash == hash {
			return engine.Errorf(engine.Conflict, "you confirmed experiment %d already", e.ID)
		}
	}
	return nil
}

// Agreed tells whether enough different people said yes to the plan as it is.
func Agreed(e engine.Experiment) bool {
	people := map[string]bool{}
	for _, a := range e.Approvals {
		if a.Hash == e.Hash && (!e.Need.NotProposer || a.By.ID != e.By.ID) {
			people[a.By.ID] = true
		}
	}
	return len(people) >= max(e.Need.People, 1)
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
