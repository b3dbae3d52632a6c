package bot

import (
	"maps"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Slack takes some fifty edits a minute from an app, whatever the channel. A workload whose hundred pods crash changes its card
// with each of them: without a rest between such edits, one storm would use up what all other incidents need.

const (
	calmStep = 3 * time.Second  // a message that says the same rests so long after its edit, twice so long after the next, ...
	calmMost = 10 * time.Second // ... and at most so long
	calmLook = time.Second      // meanwhile it is looked at so often, for something new that it says
)

// headline is what on-call acts on in a message about an incident. A change of it is shown at once.
type headline struct {
	status                          engine.Status
	severity                        engine.Severity
	classes                         int
	cause, title                    string // the first one's rule, and what it says, which evidence that comes later makes more precise
	assignee                        string
	silenced                        int64
	silence                         string // Alertmanager's
	reopened, escalations, verdicts int
	offers                          int // of remedies
	remedy                          engine.Event
	version                         int64 // of a message that says something new each time
}

func headlineOf(i engine.Incident) headline {
	first, _ := i.Diagnosis.Cause("")
	remedy, _ := i.LastRemedy()
	return headline{
		offers: len(i.Offers()), remedy: remedy,
		status: i.Status, severity: i.Severity, classes: len(i.Classes), cause: first.Rule, title: first.Title, assignee: i.Assignee.ID,
		silenced: i.Silence.Until.Unix(), silence: i.Silence.AlertmanagerID,
		reopened: i.Reopened, escalations: i.Escalations, verdicts: len(i.Verdicts),
	}
}

// calm spaces the edits of a message that go on saying the same. It knows of this process's alone: more replicas edit a little more
// often.
type calm struct {
	mu   sync.Mutex
	last map[string]edit // by the message's key
}

type edit struct {
	at   time.Time
	says headline
	row  int // how many edits in a row said it
}

// rest is how long the message waits before it is looked at again; 0 when it may be edited now.
func (c *calm) rest(key string, says headline, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.last[key]
	if !ok || e.says != says {
		return 0
	}
	due := e.at.Add(min(time.Duration(e.row)*calmStep, calmMost))
	return max(0, min(due.Sub(now), calmLook))
}

// shown remembers what the message says from now on.
func (c *calm) shown(key string, says headline, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.last, func(_ string, e edit) bool { return now.Sub(e.at) > 2*calmMost })
	if c.last == nil {
		c.last = map[string]edit{}
	}
	e := edit{at: now, says: says, row: 1}
	if before, ok := c.last[key]; ok && before.says == says {
		e.row = min(before.row, int(calmMost/calmStep)) + 1
	}
	c.last[key] = e
}
