package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// over is a resolved incident, with its likeliest cause; rule "" is none.
func over(id int64, of engine.Workload, rule string, at time.Time, classes ...engine.Class) engine.Incident {
	i := engine.Incident{ID: id, Workload: of, Status: engine.Resolved, ResolvedAt: at, DetectedAt: at.Add(-time.Hour), Classes: classes}
	if rule != "" {
		i.Diagnosis.Causes = []engine.Cause{{Rule: rule, Title: "cause " + rule}}
	}
	return i
}

func now(rule string) engine.Incident {
	i := over(100, api, rule, time.Time{}, engine.ClassCrashLoop)
	i.Status, i.DetectedAt = engine.Open, start
	return i
}

func TestMostAlike(t *testing.T) {
	day := func(n int) time.Time { return start.AddDate(0, 0, -n) }
	elsewhere := api
	elsewhere.Cluster = "dev"
	cases := map[string]struct {
		i      engine.Incident
		before []engine.Incident
		want   int64
	}{
		"nothing": {now("a"), nil, 0},
		"the same cause before the same class, though it is older": {now("a"), []engine.Incident{
			over(1, api, "a", day(9), engine.ClassOOMKilled), over(2, api, "b", day(1), engine.ClassCrashLoop),
		}, 1},
		"the newest of two":                         {now("a"), []engine.Incident{over(2, api, "a", day(1)), over(1, api, "a", day(9))}, 2},
		"the class where the cause is not kept":     {now("a"), []engine.Incident{over(1, api, "", day(9), engine.ClassCrashLoop)}, 1},
		"another workload with the very same cause": {now("a"), []engine.Incident{over(1, web, "a", day(9), engine.ClassOOMKilled)}, 1},
		"its own class before another's cause": {now("a"), []engine.Incident{
			over(1, web, "a", day(1)), over(2, api, "b", day(9), engine.ClassCrashLoop),
		}, 2},
		"another workload, another cause":     {now("a"), []engine.Incident{over(1, web, "b", day(9), engine.ClassCrashLoop)}, 0},
		"no cause on either side is no cause": {now(""), []engine.Incident{over(1, web, "", day(9), engine.ClassCrashLoop)}, 0},
		"another cluster":                     {now("a"), []engine.Incident{over(1, elsewhere, "a", day(9), engine.ClassCrashLoop)}, 0},
		"resolved after this one began":       {now("a"), []engine.Incident{over(1, api, "a", start.Add(time.Second))}, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := incident.MostAlike(c.i, c.before)
			equal(t, "which", got.ID, c.want)
			equal(t, "found", ok, c.want != 0)
		})
	}
}

func TestMostAlikeWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var before []engine.Incident
		for n := range rapid.IntRange(0, 8).Draw(t, "n") {
			before = append(before, over(int64(n+1), rapid.SampledFrom([]engine.Workload{api, web}).Draw(t, "workload"),
				rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "rule"), start.AddDate(0, 0, -rapid.IntRange(1, 3).Draw(t, "day")),
				rapid.SampledFrom([]engine.Class{engine.ClassCrashLoop, engine.ClassOOMKilled}).Draw(t, "class")))
		}
		i := now(rapid.SampledFrom([]string{"", "a"}).Draw(t, "its rule"))
		first, ok := incident.MostAlike(i, before)
		again, okToo := incident.MostAlike(i, rapid.Permutation(before).Draw(t, "another order"))
		if first.ID != again.ID || ok != okToo {
			t.Fatalf("incident %d, in another order %d", first.ID, again.ID)
		}
		if ok && first.Workload != i.Workload && slices.ContainsFunc(before, func(b engine.Incident) bool {
			return b.Workload == i.Workload && slices.Contains(b.Classes, engine.ClassCrashLoop)
		}) {
			t.Fatal("another workload's comes before its own")
		}
	})
}

func TestStory(t *testing.T) {
	w := newWorld(t)
	late := w.signal(api, engine.ClassCrashLoop)
	late.StartsAt = start.Add(-20 * time.Second)
	w.watch(api, late)
	w.pass(3 * time.Minute)
	w.must(w.decide(41, ana, engine.ActionAcknowledge))
	w.must(w.decide(41, ben, engine.ActionAssign))
	equal(t, "so far", incident.Story(w.full(41), nil, w.now).Lasted, 3*time.Minute+20*time.Second)
	equal(t, "no fix of what is open", len(incident.Story(w.full(41), nil, w.now).Fixes), 0)
	w.pass(time.Minute)
	w.must(w.decide(41, ben, engine.ActionResolve, func(d *engine.Decision) { d.Reason = "db is back" }))
	w.watch(api)
	w.pass(10 * time.Minute)

	merged := engine.Fix{Kind: engine.FixChange, At: start.Add(2 * time.Minute), Text: "Merged: more memory"}
	afterwards := engine.Fix{Kind: engine.FixChange, At: w.now, Text: "Merged: too late"}
	s := incident.Story(w.full(41), []engine.Fix{afterwards, merged}, w.now)
	equal(t, "detected", s.Detect, engine.Took{Known: true, For: 20 * time.Second})
	equal(t, "acknowledged", s.Acknowledge, engine.Took{Known: true, For: 3 * time.Minute})
	equal(t, "lasted", s.Lasted, 4*time.Minute+20*time.Second)
	if diff := cmp.Diff([]engine.Part{{By: ana, Did: []string{"acknowledged"}}, {By: ben, Did: []string{"took it", "resolved"}}}, s.People); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
	end := engine.Fix{
		Kind: engine.FixPerson, At: start.Add(4 * time.Minute), By: ben,
		Text: "Resolved while it still fires; it stays resolved until something new begins: db is back",
	}
	if diff := cmp.Diff([]engine.Fix{merged, end}, s.Fixes); diff != "" {
		t.Errorf("fixes (-want +got):\n%s", diff)
	}

	// Back again: what lay between does not count, and since when it was there at first is not kept.
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	w.pass(time.Minute)
	w.watch(api)
	w.pass(2 * time.Minute)
	w.apply(incident.Settle(w.full(41), w.r, w.now))
	s = incident.Story(w.full(41), nil, w.now.Add(time.Hour))
	equal(t, "lasted both times", s.Lasted, 4*time.Minute+3*time.Minute)
	equal(t, "detected", s.Detect.Known, false)
	equal(t, "ended", s.Fixes[0].Kind, engine.FixItself)
}
