package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/scenario"
)

// steady is how long the right cause must stand first before it counts as found.
const steady = 8 * time.Second

// performance is one play of one scenario.
type performance struct {
	scenario.Scenario           // as it was cast
	play              string    // its name
	began             time.Time // of its setup
	broke             time.Time // zero for what is innocent, or has not broken yet
}

// telling is what came of one thing that should be noticed.
type telling struct {
	Play     string        `json:"play"` // the scenario; for one of several, all of them and it
	Class    string        `json:"class"`
	Nodes    string        `json:"nodes"`
	Workload string        `json:"workload"`
	Want     []string      `json:"want"` // the rules that are right
	Causes   []string      `json:"causes"`
	Seen     time.Duration `json:"seen,omitempty"`    // from the action to the incident; 0 for never
	Right    time.Duration `json:"right,omitempty"`   // from the action to the right cause, which stayed; 0 for never
	Because  []string      `json:"because,omitempty"` // the evidence for the first cause, when that is wrong
	Lacks    []string      `json:"lacks,omitempty"`   // classes and children that the incident should have and has not
}

// among tells whether a right cause is one of the first k.
func (o telling) among(k int) bool {
	return slices.ContainsFunc(o.Causes[:min(k, len(o.Causes))], func(c string) bool { return slices.Contains(o.Want, c) })
}

// about tells whether an incident is about a workload that is named Kind/name, in a namespace or in none.
func about(w engine.Workload, namespace, named string) bool {
	return w.Kind+"/"+w.Name == named && (w.Namespace == namespace || w.Namespace == "")
}

// judge says what came of one expectation, by what was seen.
func (p performance) judge(e scenario.Expect, seen []sighting) telling {
	o := telling{
		Play: p.play, Class: p.Class(), Nodes: cmp.Or(p.Nodes, "real"), Workload: p.Namespace + " " + e.Workload, Want: append([]string{e.Cause}, e.Causes...),
	}
	if p.play != p.Name {
		o.Play += "/" + p.Name
	}
	if e.Workload != p.Expect.Workload && len(e.Classes) > 0 {
		o.Class = e.Classes[0]
	}
	k := slices.IndexFunc(seen, func(s sighting) bool {
		return about(s.Workload, p.Namespace, e.Workload) && !s.DetectedAt.Before(p.broke)
	})
	if k < 0 || p.broke.IsZero() {
		return o
	}
	i := seen[k]
	o.Seen, o.Causes = max(1, i.DetectedAt.Sub(p.broke)), i.causes()
	for _, r := range slices.Backward(i.rankings) {
		if len(r.causes) == 0 || !slices.Contains(o.Want, r.causes[0]) {
			break
		}
		o.Right = max(1, r.at.Sub(p.broke))
	}
	if causes := i.Diagnosis.Causes; len(causes) > 0 && !o.among(1) {
		o.Because = append(o.Because, causes[0].Title)
		for _, id := range causes[0].For {
			if e, ok := i.Diagnosis.Find(id); ok {
				o.Because = append(o.Because, e.Text)
			}
		}
	}
	for _, c := range e.Classes {
		if !slices.Contains(i.Classes, engine.Class(c)) {
			o.Lacks = append(o.Lacks, c)
		}
	}
	for _, child := range e.Children {
		if !slices.ContainsFunc(seen, func(s sighting) bool { return s.ParentID == i.ID && about(s.Workload, p.Namespace, child) }) {
			o.Lacks = append(o.Lacks, child+" under it")
		}
	}
	return o
}

// settled tells whether all is found and has stayed.
func (p performance) settled(seen []sighting, now time.Time) bool {
	for _, e := range p.Expects() {
		o := p.judge(e, seen)
		if o.Right == 0 || len(o.Lacks) > 0 || now.Sub(p.broke.Add(o.Right)) < steady {
			return false
		}
	}
	return true
}

// deadline is when nothing more is waited for.
func (p performance) deadline() time.Time {
	var d time.Duration
	for _, e := range p.Expects() {
		d = max(d, e.Deadline())
	}
	return p.broke.Add(d)
}

// falseAlarm is an incident that nothing explains.
type falseAlarm struct {
	at   time.Time
	text string
}

// falseAlarms are the incidents that nothing explains: no scenario expects them, and they follow from none that is expected. What was
// told before a fault began, or a second time, is one too.
func falseAlarms(played []performance, seen []sighting) []falseAlarm {
	expected := map[int64]bool{}
	taken := map[string]bool{}
	for _, s := range seen {
		for _, p := range played {
			for _, e := range p.Expects() {
				key := p.Namespace + " " + e.Workload
				if !about(s.Workload, p.Namespace, e.Workload) || p.broke.IsZero() || s.DetectedAt.Before(p.broke) || taken[key] {
					continue
				}
				taken[key], expected[s.ID] = true, true
			}
		}
	}
	parents := map[int64]int64{}
	for _, s := range seen {
		parents[s.ID] = s.ParentID
	}
	explained := func(id int64) bool {
		for hops := 0; id != 0 && hops < len(seen)+1; hops++ {
			if expected[id] {
				return true
			}
			id = parents[id]
		}
		return false
	}
	var alarms []falseAlarm
	for _, s := range seen {
		if explained(s.ID) {
			continue
		}
		where := "in no scenario"
		for _, p := range played {
			if s.Workload.Namespace == p.Namespace || s.Workload.Namespace == "" && strings.HasPrefix(s.Workload.Name, p.Namespace) {
				where = "in " + p.play
				if s.DetectedAt.Before(p.broke) {
					where += ", before it broke"
				}
			}
		}
		first := "no cause"
		if c := s.causes(); len(c) > 0 {
			first = c[0]
		}
		alarms = append(alarms, falseAlarm{s.DetectedAt, fmt.Sprintf("%s %s/%s at %s: %s (%s; %s)", s.Workload.Namespace, s.Workload.Kind, s.Workload.Name, s.DetectedAt.Format("15:04:05"), s.Title, first, where)})
	}
	return alarms
}
