package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
	"github.com/eks-autopilot/autopilot/engine/trust"
)

func TestTrialsAreSeededAndUnderstood(t *testing.T) {
	x := examination{runs: 60, controls: -1, lanes: 2, rate: 10, hold: time.Minute, seed: 1}
	all, err := x.trials()
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := x.trials(); !slices.Equal(all, again) {
		t.Error("the same seed gave other trials")
	}
	x.seed = 2
	if other, _ := x.trials(); slices.Equal(all, other) {
		t.Error("another seed gave the same trials")
	}
	faults, kinds, commands := map[engine.Fault]int{}, map[string]int{}, map[string]bool{}
	long, brief, nodes := make([]int, x.lanes), make([]int, x.lanes), make([]int, yards)
	for _, one := range all {
		switch {
		case one.fault == engine.FaultDrain && one.lane != x.lanes:
			t.Errorf("a drain in lane %d: there is one herd", one.lane)
		case one.lane >= x.lanes:
			nodes[one.lane-x.lanes]++
		case one.control == "" && one.fault.Lasts():
			long[one.lane]++
		default:
			brief[one.lane]++
		}
		if one.control == "" {
			faults[one.fault]++
		} else {
			kinds[one.control]++
		}
		if one.command == "" {
			continue
		}
		if commands[one.command] {
			t.Errorf("%q is asked twice, and cannot be told apart", one.command)
		}
		commands[one.command] = true
		q, err := chaos.Parse(strings.Fields(one.command))
		if err != nil || q.Strikes[0].Fault != one.fault || q.Seed != one.seed {
			t.Errorf("%q is understood as %+v, %v", one.command, q, err)
		} else if s := q.Strikes[0]; s.Fault != engine.FaultDrain && s.Namespace != shop(one.lane) {
			t.Errorf("%q is not in its lane %d", one.command, one.lane)
		}
	}
	for _, f := range engine.Faults {
		if n := faults[f]; f != engine.FaultNothing && (n < 60/9 || n > 60/9+1) {
			t.Errorf("%s is tried %d times of 60", f, n)
		}
	}
	for _, lanes := range [][]int{long, brief} {
		if slices.Max(lanes)-slices.Min(lanes) > 1 {
			t.Errorf("one lane has more to do than the other: %v", lanes)
		}
	}
	if slices.Min(nodes) < 12 {
		t.Errorf("what is done to nodes: %v", nodes)
	}
	if want := map[string]int{"nothing": 12, "rollout": 12, "scaling": 12, "drain": 12, "spot loss": 12}; !cmp.Equal(want, kinds) {
		t.Errorf("innocent: %s", cmp.Diff(want, kinds))
	}
}

func TestTrialsThatCannotBe(t *testing.T) {
	good := examination{runs: 1, controls: 0, lanes: 1, rate: 1, hold: time.Minute}
	if _, err := good.trials(); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*examination){
		"want something to do": func(x *examination) { x.runs = 0 },
		"1 to 6 lanes":         func(x *examination) { x.lanes = 7 },
		"5s or longer":         func(x *examination) { x.hold = time.Second },
		`fault "explode"`:      func(x *examination) { x.only = "kill,explode" },
		`fault "nothing"`:      func(x *examination) { x.only = "nothing" },
	} {
		x := good
		edit(&x)
		if _, err := x.trials(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want an error with %q", err, name)
		}
	}
}

// TestPassingBlockersAreThere has the names that are waited for be names of blockers.
func TestPassingBlockersAreThere(t *testing.T) {
	refused := func(names ...string) (e engine.Experiment) {
		for _, n := range names {
			e.Refusals = append(e.Refusals, engine.Refusal{Blocker: n})
		}
		return e
	}
	var passes []string
	for _, b := range chaos.Blockers() {
		if passing(refused(b.Name())) {
			passes = append(passes, b.Name())
		}
	}
	slices.Sort(passes)
	want := []string{"alarm", "disruption budget", "metrics", "minimum ready", "one experiment at a time", "steady state"}
	if diff := cmp.Diff(want, passes); diff != "" {
		t.Errorf("what passes (-want +got):\n%s", diff)
	}
	if passing(refused("alarm", "limits")) || passing(refused()) {
		t.Error("what stays is waited for")
	}
}

func TestWhatNothingExplains(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 5, 4, 10, minute, 0, 0, time.UTC) }
	in := func(id int64, namespace, name string, minute int) engine.Incident {
		return engine.Incident{ID: id, Workload: engine.Workload{Namespace: namespace, Kind: "Deployment", Name: name}, DetectedAt: at(minute)}
	}
	results := []result{
		{attempt: attempt{fault: engine.FaultKill, seed: 1}, from: at(10), to: at(12), spaces: []string{"shop-1"}, experiment: engine.Experiment{StartedAt: at(10)}},
		{attempt: attempt{control: controlRollout, seed: 2}, from: at(20), to: at(22), spaces: []string{"shop-1"}},
		{attempt: attempt{fault: engine.FaultNothing, control: controlNothing, seed: 3}, from: at(30), to: at(32), spaces: []string{"shop-1"}, experiment: engine.Experiment{StartedAt: at(30)}},
		{attempt: attempt{fault: engine.FaultDrain, seed: 4}, from: at(40), to: at(41), spaces: []string{herd, "kwok-000"}, experiment: engine.Experiment{StartedAt: at(40)}},
		{attempt: attempt{fault: engine.FaultKill, seed: 5}, from: at(50), to: at(51), spaces: []string{"shop-1"}, undone: "refused"},
	}
	found := unexplained(results, []engine.Incident{
		in(1, "shop-1", "api", 11),      // of the kill
		in(2, "shop-1", "gateway", 15),  // of its echo in the alerts
		in(3, "shop-1", "api", 21),      // during the rollout
		in(4, "shop-1", "api", 31),      // during an experiment that does nothing
		in(5, "shop-2", "api", 11),      // in another shop
		in(6, "", "kwok-000", 40),       // the drained node
		in(7, "shop-1", "payments", 50), // the kill was never done
		in(8, "shop-1", "payments", 9),  // before the kill
	}, at(59))
	var got []string
	for _, f := range found {
		during := ""
		if f.during != nil {
			during = f.during.control
		}
		got = append(got, fmt.Sprint(f.ID, " ", during))
	}
	if diff := cmp.Diff([]string{"3 rollout", "4 nothing", "5 ", "7 ", "8 "}, got); diff != "" {
		t.Errorf("unexplained (-want +got):\n%s", diff)
	}
	var kinds []string
	for _, row := range controlTable(results, found)[1:] {
		kinds = append(kinds, row[0]+" "+row[1]+" "+strings.Fields(row[2])[0])
	}
	if diff := cmp.Diff([]string{"nothing 1 1/1", "rollout 1 1/1", "all 2 2/2"}, kinds); diff != "" {
		t.Errorf("controls (-want +got):\n%s", diff)
	}
}

func TestScoreTable(t *testing.T) {
	card := engine.Scorecard{
		All:   engine.ScoreLine{Detected: trust.Wilson(19, 20)},
		Lines: []engine.ScoreLine{{Fault: engine.FaultKill, Detected: trust.Wilson(10, 10), Median: 2500 * time.Millisecond}},
	}
	got := scoreTable(card)
	if len(got) != 3 || got[1][0] != "kill" || got[1][1] != "10/10 = 100 % [72–100]" || got[1][7] != "2.50 s" || got[2][0] != "all" || got[2][2] != "-" {
		t.Errorf("%q", got)
	}
}

func TestGoals(t *testing.T) {
	graded := func(fault engine.Fault, g engine.Grade) engine.Experiment {
		g.Counts, g.Clean = true, true
		return engine.Experiment{StartedAt: time.Unix(100, 0), Status: engine.ExperimentOver, Strikes: []engine.Strike{{Fault: fault}}, Grade: &g}
	}
	after := func(seconds int) engine.Grade {
		return engine.Grade{Detected: true, Rank: 1, DetectAfter: time.Duration(seconds) * time.Second, WatchAfter: time.Second}
	}
	whole := func(edit func([]engine.Experiment)) (all []engine.Experiment) {
		for k := range 20 {
			all = append(all, graded(engine.FaultKill, after(k%5)), graded(engine.FaultLag, after(30+k)))
		}
		edit(all)
		return all
	}
	done := []result{{}}
	for _, c := range []struct {
		name    string
		all     []engine.Experiment
		results []result
		wrong   []raised
		missed  string // what is said of it; "" for all that is wanted
	}{
		{"all is well", whole(func([]engine.Experiment) {}), done, nil, ""},
		{"two of forty are not noticed", whole(func(all []engine.Experiment) {
			*all[0].Grade, *all[2].Grade = engine.Grade{Counts: true}, engine.Grade{Counts: true}
		}), done, nil, ""},
		{"three of forty are not noticed", whole(func(all []engine.Experiment) {
			for k := range 3 {
				*all[k].Grade = engine.Grade{Counts: true, Clean: true}
			}
		}), done, nil, "noticed: 37/40"},
		{"causes are wrong", whole(func(all []engine.Experiment) {
			for k := range 5 {
				all[k].Grade.Rank = 2
			}
		}), done, nil, "right cause first: 35/40"},
		{"kills come late", whole(func(all []engine.Experiment) {
			for _, e := range all {
				if e.Strikes[0].Fault == engine.FaultKill {
					e.Grade.DetectAfter += 14 * time.Second
				}
			}
		}), done, nil, "median time to notice, kills: 16.00 s"},
		{"degradations come late", whole(func(all []engine.Experiment) {
			for _, e := range all {
				if e.Strikes[0].Fault == engine.FaultLag {
					e.Grade.DetectAfter += 30 * time.Second
				}
			}
		}), done, nil, "median time to notice, degradations: 69.00 s"},
		{"too few to say", []engine.Experiment{graded(engine.FaultKill, engine.Grade{})}, []result{{undone: "refused"}}, nil, ""},
		{"a false incident", nil, done, []raised{{}}, "false incidents: 1"},
		{"left behind", nil, []result{{stranded: []string{"process 7"}}}, nil, "left behind: 1"},
		{"much was not done", nil, append(slices.Repeat([]result{{undone: "refused"}}, 2), slices.Repeat(done, 18)...), nil, "really done: 18/20"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := goals(c.results, c.all, trust.Score(c.all, time.Unix(0, 0), time.Unix(1000, 0)), c.wrong)
			err := verdictOf(all)
			if c.missed == "" && err != nil || c.missed != "" && (err == nil || !strings.Contains(err.Error(), c.missed) || !errors.Is(err, errMissed) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%v, want %q missed and nothing else", err, c.missed)
			}
		})
	}
	var rows []string
	for _, row := range timesTable(whole(func([]engine.Experiment) {}))[1:] {
		rows = append(rows, strings.Join(row, " "))
	}
	want := []string{
		"kills noticed 20 20 2.00 s 4.00 s 0.00 s 4.00 s", "kills by watching 20 20 1.00 s 1.00 s 1.00 s 1.00 s", "kills by alert 20 0 - - - -",
		"degradations noticed 20 20 39.00 s 48.00 s 30.00 s 49.00 s", "degradations by watching 20 20 1.00 s 1.00 s 1.00 s 1.00 s", "degradations by alert 20 0 - - - -",
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
}
