package waste

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

var scanned = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

// wasted is a finding of a kind about a target of that name in cluster c.
func wasted(kind engine.FindingKind, name string) engine.Finding {
	f := engine.Finding{
		Kind: kind, Key: string(kind) + "/" + name, Group: name, Monthly: 20 * engine.USD,
		Target: engine.Target{Workload: engine.Workload{Cluster: "c", Namespace: "n", Kind: "Deployment", Name: name}},
	}
	switch kind {
	case engine.IdleNode:
		f.Node = &engine.NodeRemoval{Group: "workers"}
	case engine.OrphanVolume:
		f.Volume = &engine.VolumeRemoval{GiB: 10}
	default:
		f.Sizing = &engine.Sizing{Old: 1000, New: 100}
	}
	return f
}

func with(f engine.Finding, change func(*engine.Finding)) engine.Finding {
	change(&f)
	return f
}

func all(engine.Finding) bool { return true }

func TestLive(t *testing.T) {
	x := wasted(engine.OverRequestedCPU, "x")
	past, future := scanned.Add(-time.Hour), scanned.Add(time.Hour)
	closed := with(x, func(f *engine.Finding) { f.ID, f.Status, f.Reason, f.ClosedAt = 7, engine.FindingClosed, "gone", past })
	open := with(x, func(f *engine.Finding) {
		f.ID, f.Status, f.FirstSeen, f.Prediction = 7, engine.FindingOpen, past, engine.USD
	})
	snoozed := with(open, func(f *engine.Finding) {
		f.Status, f.Until, f.Reason, f.By = engine.FindingSnoozed, future, "later", engine.Person{ID: "U1"}
	})
	awake := with(snoozed, func(f *engine.Finding) { f.Until = scanned })
	never := with(open, func(f *engine.Finding) { f.Status, f.Reason = engine.FindingNotWaste, "standby" })
	dearer := with(x, func(f *engine.Finding) { f.Monthly *= 2 })
	skip := []Skip{{Key: x.Key, Reason: "an autoscaler sets it", Detail: "VPA x"}, {Key: x.Key, Reason: "another"}}

	for name, c := range map[string]struct {
		known  []engine.Finding
		found  []engine.Finding
		skips  []Skip
		event  string // "none" when nothing is written at all
		status engine.FindingStatus
		reason string
	}{
		"new":                               {nil, []engine.Finding{x}, nil, EventOpened, engine.FindingOpen, ""},
		"new, told twice":                   {nil, []engine.Finding{x, dearer}, nil, EventOpened, engine.FindingOpen, ""},
		"seen":                              {[]engine.Finding{open}, []engine.Finding{x}, nil, "", engine.FindingOpen, ""},
		"seen, dearer":                      {[]engine.Finding{open}, []engine.Finding{dearer}, nil, EventUpdated, engine.FindingOpen, ""},
		"gone":                              {[]engine.Finding{open}, nil, nil, EventClosed, engine.FindingClosed, Gone},
		"gone for a reason":                 {[]engine.Finding{open}, nil, skip, EventClosed, engine.FindingClosed, "an autoscaler sets it: VPA x"},
		"back":                              {[]engine.Finding{closed}, []engine.Finding{x}, nil, EventReopened, engine.FindingOpen, ""},
		"still closed":                      {[]engine.Finding{closed}, nil, skip, "none", "", ""},
		"asleep":                            {[]engine.Finding{snoozed}, []engine.Finding{x}, nil, "", engine.FindingSnoozed, "later"},
		"asleep and gone":                   {[]engine.Finding{snoozed}, nil, nil, "none", "", ""},
		"awake":                             {[]engine.Finding{awake}, []engine.Finding{x}, nil, EventAwoke, engine.FindingOpen, ""},
		"awake and gone":                    {[]engine.Finding{awake}, nil, nil, EventClosed, engine.FindingClosed, Gone},
		"not waste":                         {[]engine.Finding{never}, []engine.Finding{x}, nil, "", engine.FindingNotWaste, "standby"},
		"not waste and gone":                {[]engine.Finding{never}, nil, skip, "none", "", ""},
		"not waste, though it costs double": {[]engine.Finding{never}, []engine.Finding{dearer}, nil, EventUpdated, engine.FindingNotWaste, "standby"},
	} {
		changes := Live(c.known, Outcome{Findings: c.found, Skips: c.skips}, all, scanned)
		if c.event == "none" {
			if len(changes) != 0 {
				t.Errorf("%s: %+v, want no change", name, changes)
			}
			continue
		}
		if len(changes) != 1 {
			t.Errorf("%s: %d changes, want 1", name, len(changes))
			continue
		}
		got := changes[0]
		if got.Event != c.event || got.Finding.Status != c.status || got.Finding.Reason != c.reason || got.Shown != (c.event != "") {
			t.Errorf("%s: %q, %s, %q, shown %v; want %q, %s, %q", name, got.Event, got.Finding.Status, got.Finding.Reason, got.Shown, c.event, c.status, c.reason)
		}
		if len(c.known) > 0 && got.Finding.ID != 7 {
			t.Errorf("%s: it lost its identity", name)
		}
	}
}

// One side of a cluster that could not be judged keeps the other from taking its dollars.
func TestLiveCountsNoDollarTwice(t *testing.T) {
	request, node := wasted(engine.OverRequestedCPU, "x"), wasted(engine.IdleNode, "n1")
	elsewhere := with(wasted(engine.IdleNode, "n2"), func(f *engine.Finding) { f.Target.Cluster = "d" })
	open := func(f engine.Finding) engine.Finding {
		return with(f, func(f *engine.Finding) { f.ID, f.Status = 1, engine.FindingOpen })
	}
	not := func(kind engine.FindingKind) func(engine.Finding) bool {
		return func(f engine.Finding) bool { return f.Kind != kind }
	}
	events := func(changes []Change) (all []string) {
		for _, c := range changes {
			all = append(all, c.Finding.Target.Name+" "+c.Event)
		}
		return all
	}
	for name, c := range map[string]struct {
		known, found []engine.Finding
		judged       func(engine.Finding) bool
		want         []string
	}{
		"a node waits for the requests":                {[]engine.Finding{open(request)}, []engine.Finding{node, elsewhere}, not(engine.OverRequestedCPU), []string{"n2 opened"}},
		"and does not when there are none":             {nil, []engine.Finding{node}, not(engine.OverRequestedCPU), []string{"n1 opened"}},
		"requests wait for a node":                     {[]engine.Finding{open(node)}, []engine.Finding{request}, not(engine.IdleNode), nil},
		"and do not when it was taken into account":    {[]engine.Finding{open(node)}, []engine.Finding{request, node}, not(engine.IdleNode), []string{"x opened"}},
		"what waits is not closed either":              {[]engine.Finding{open(node), open(request)}, nil, not(engine.IdleNode), nil},
		"a muted one owns nothing and holds back none": {[]engine.Finding{with(open(node), func(f *engine.Finding) { f.Status = engine.FindingNotWaste })}, []engine.Finding{request}, not(engine.IdleNode), []string{"x opened"}},
	} {
		got := events(Live(c.known, Outcome{Findings: c.found}, c.judged, scanned))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Whatever scans find and cannot judge: a finding is made once, closes only where it was judged, and the counts of a life agree.
func TestLiveProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		known := map[string]engine.Finding{}
		now, closings := scanned, map[string]int{}
		for n := range rapid.IntRange(1, 12).Draw(t, "scans") {
			now = now.Add(time.Duration(rapid.IntRange(1, 48).Draw(t, "hours")) * time.Hour)
			blind := rapid.SampledFrom([]string{"", "x1", "x2"}).Draw(t, "blind")
			judged := func(f engine.Finding) bool { return f.Target.Name != blind }
			var found []engine.Finding
			for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"x1", "x2", "x3"}), rapid.ID).Draw(t, "found") {
				f := wasted(engine.OrphanVolume, name)
				f.Monthly = engine.MicroUSD(rapid.IntRange(1, 1000).Draw(t, "monthly")) * engine.USD
				found = append(found, f)
			}
			var before []engine.Finding
			for _, f := range known {
				before = append(before, f)
			}
			for _, c := range Live(before, Outcome{Findings: found}, judged, now) {
				f, old := c.Finding, known[c.Finding.Key]
				switch {
				case !judged(f):
					t.Fatalf("scan %d changed what it could not judge: %+v", n, c)
				case (c.Event == EventOpened) != (old.ID == 0):
					t.Fatalf("scan %d: %q of what was known as %d", n, c.Event, old.ID)
				case old.ID != 0 && (f.FirstSeen != old.FirstSeen || f.Prediction != old.Prediction || f.ID != old.ID):
					t.Fatalf("scan %d: its beginning changed: %+v", n, f)
				case (f.Status == engine.FindingClosed) != !f.ClosedAt.IsZero(), f.Status == engine.FindingClosed && f.Reason == "":
					t.Fatalf("scan %d: closed without a time or a reason: %+v", n, f)
				}
				if f.Status == engine.FindingClosed {
					closings[f.Key]++
				}
				if f.ID == 0 {
					f.ID = int64(len(known) + 1)
				}
				known[f.Key] = f
			}
			for _, f := range found {
				if judged(f) && known[f.Key].Status != engine.FindingOpen {
					t.Fatalf("scan %d: what was found is %s", n, known[f.Key].Status)
				}
			}
		}
		for key, f := range known {
			open := 0
			if f.Status == engine.FindingOpen {
				open = 1
			}
			if f.Reopened+1-open != closings[key] {
				t.Fatalf("%s was closed %d times and reopened %d times, and is %s", key, closings[key], f.Reopened, f.Status)
			}
		}
	})
}

func TestDiffers(t *testing.T) {
	x, n, v := wasted(engine.OverRequestedCPU, "x"), wasted(engine.IdleNode, "n"), wasted(engine.OrphanVolume, "v")
	for name, c := range map[string]struct {
		a, b engine.Finding
		want bool
	}{
		"the same":          {x, x, false},
		"cents":             {x, with(x, func(f *engine.Finding) { f.Monthly += engine.USD / 2 }), false},
		"a little of much":  {with(x, func(f *engine.Finding) { f.Monthly = 1000 * engine.USD }), with(x, func(f *engine.Finding) { f.Monthly = 1010 * engine.USD }), false},
		"dearer":            {x, with(x, func(f *engine.Finding) { f.Monthly += 2 * engine.USD }), true},
		"another owner":     {x, with(x, func(f *engine.Finding) { f.Owner.Team = "t" }), true},
		"another request":   {x, with(x, func(f *engine.Finding) { f.Sizing = &engine.Sizing{Old: 900, New: 100} }), true},
		"a little less":     {x, with(x, func(f *engine.Finding) { f.Sizing = &engine.Sizing{Old: 1000, New: 102} }), false},
		"another node":      {n, with(n, func(f *engine.Finding) { f.Node = &engine.NodeRemoval{Group: "others"} }), true},
		"a snapshot":        {v, with(v, func(f *engine.Finding) { f.Volume = &engine.VolumeRemoval{GiB: 10, Snapshot: "snap-1"} }), true},
		"the same volume":   {v, with(v, func(f *engine.Finding) { f.Volume = &engine.VolumeRemoval{GiB: 10} }), false},
		"no proof any more": {v, with(v, func(f *engine.Finding) { f.Volume = nil }), true},
	} {
		if got := Differs(c.a, c.b); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestMute(t *testing.T) {
	group := engine.FindingGroup{Title: "n/x"}
	for k, status := range []engine.FindingStatus{engine.FindingOpen, engine.FindingSnoozed, engine.FindingNotWaste, engine.FindingClosed} {
		f := wasted(engine.OverRequestedCPU, fmt.Sprint(k+1))
		f.ID, f.Status = int64(k+1), status
		group.Findings = append(group.Findings, f)
	}
	ada := engine.Person{ID: "U1"}
	snooze := engine.Decision{Action: engine.ActionSnooze, Until: scanned.Add(time.Hour), Reason: " launch ", By: ada}
	never := engine.Decision{Action: engine.ActionNotWaste, Reason: "standby", By: ada}
	undo := func(d engine.Decision) engine.Decision { d.Undo, d.Reason = true, ""; return d }
	one := func(d engine.Decision, id int64) engine.Decision { d.FindingID = id; return d }
	for name, c := range map[string]struct {
		d    engine.Decision
		ids  []int64
		to   engine.FindingStatus
		code engine.Code
	}{
		"snooze":             {snooze, []int64{1}, engine.FindingSnoozed, ""},
		"not waste":          {never, []int64{1, 2}, engine.FindingNotWaste, ""},
		"wake":               {undo(snooze), []int64{2}, engine.FindingOpen, ""},
		"is waste after all": {undo(never), []int64{3}, engine.FindingOpen, ""},
		"one":                {one(never, 2), []int64{2}, engine.FindingNotWaste, ""},
		"one that is closed": {one(snooze, 4), nil, "", engine.Conflict},
		"one that is not":    {one(snooze, 9), nil, "", engine.NotFound},
		"no reason":          {engine.Decision{Action: engine.ActionNotWaste, Reason: " "}, nil, "", engine.Invalid},
		"until now":          {engine.Decision{Action: engine.ActionSnooze, Reason: "x", Until: scanned}, nil, "", engine.Invalid},
		"for ever":           {engine.Decision{Action: engine.ActionSnooze, Reason: "x", Until: scanned.Add(MaxSnooze + 1)}, nil, "", engine.Invalid},
		"what is none":       {engine.Decision{Action: engine.ActionResolve, Reason: "x"}, nil, "", engine.Invalid},
	} {
		changes, err := Mute(group, c.d, scanned)
		if engine.CodeOf(err) != c.code {
			t.Errorf("%s: error %v, want code %q", name, err, c.code)
		}
		var ids []int64
		for _, change := range changes {
			f := change.Finding
			ids = append(ids, f.ID)
			if f.Status != c.to || !change.Shown || (f.Status == engine.FindingOpen) != (f.By.IsZero() && f.Until.IsZero() && f.Reason == "") {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if diff := cmp.Diff(c.ids, ids); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
