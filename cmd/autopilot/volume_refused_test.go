package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	cloud "github.com/eks-autopilot/autopilot/test/aws"
)

// change changes a volume in AWS.
func (o *orphans) change(id string, do func(*cloud.Volume)) {
	o.aws.Change(func(w *cloud.World) {
		do(&w.Volumes[slices.IndexFunc(w.Volumes, func(v cloud.Volume) bool { return v.ID == id })])
	})
}

func attach(v *cloud.Volume) {
	v.Attachments = []cloud.Attachment{{Instance: "i-0back", At: v.Created}}
}

// bound has a cluster want a volume, or no longer.
func (o *orphans) bound(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cluster.Volumes = nil; id == "" {
		return
	}
	o.cluster.Volumes = []*corev1.PersistentVolume{{
		ObjectMeta: metav1.ObjectMeta{Name: "pv"},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: id}},
			ClaimRef:               &corev1.ObjectReference{Namespace: "shop", Name: "data"},
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeBound},
	}}
}

// Anything that is not as people approved it ends the removal: before the snapshot, while it is taken, and when it is complete. The volume
// stays, and so does a snapshot that was taken.
func TestRemovalIsRefusedWhenAnythingChanged(t *testing.T) {
	o := newOrphans(t, 30)
	whole := t
	n := 0
	for name, tc := range map[string]struct {
		change func(volume string)
		why    string
		gone   bool
	}{
		"attached again":    {func(v string) { o.change(v, attach) }, "attached to i-0back again", false},
		"another size":      {func(v string) { o.change(v, func(x *cloud.Volume) { x.GiB = 200 }) }, "200 GiB of gp3", false},
		"another type":      {func(v string) { o.change(v, func(x *cloud.Volume) { x.Type = "io2" }) }, "100 GiB of io2", false},
		"another tag":       {func(v string) { o.change(v, func(x *cloud.Volume) { x.Tags = map[string]string{"keep": "yes"} }) }, "tags of the volume are others", false},
		"in another state":  {func(v string) { o.change(v, func(x *cloud.Volume) { x.State = "error" }) }, "the volume is error", false},
		"wanted by a claim": {func(v string) { o.bound(v) }, "something still refers to it", false},
		"put off": {func(v string) {
			id := o.findingOf(v)
			_, err := o.st.Mute(t.Context(), engine.Decision{ID: "mute-" + v, Action: engine.ActionSnooze, By: engine.Person{ID: "U0ANA"}, At: o.now(), Allowed: true, GroupID: 1, FindingID: id, Until: o.now().Add(time.Hour), Reason: "the drill"})
			must(t, err)
		}, "the drill", false},
		"gone": {func(v string) { o.change(v, func(x *cloud.Volume) { x.State, x.Gone = "deleting", o.now() }) }, "gone already, and not by the bot", true},
	} {
		for _, when := range []struct {
			name      string
			steps     int // of the task before the change
			snapshots int
		}{{"at first", 0, 0}, {"while the snapshot is taken", 1, 1}} {
			t.Run(name+" "+when.name, func(t *testing.T) {
				n++
				volume := orphan(n)
				o.t = t
				defer func() { o.t = whole; o.bound("") }()
				p := o.approved(volume)
				for range when.steps {
					if more, err := o.step(p.ID); !more {
						t.Fatal(err)
					}
				}
				tc.change(volume)
				p = o.end(p.ID)
				if p.Status != engine.ProposalStale || !strings.Contains(p.Reason, tc.why) || !strings.Contains(p.Reason, volume) ||
					(when.snapshots == 1) != strings.Contains(p.Reason, "was taken and costs money") {
					t.Errorf("%s: %s", p.Status, p.Reason)
				}
				o.is(volume, !tc.gone, when.snapshots)
			})
		}
	}
}

// findingOf is the finding of a volume, also when its draft is in a proposal.
func (o *orphans) findingOf(volume string) int64 {
	o.t.Helper()
	g, err := o.st.FindingGroup(o.t.Context(), 1)
	must(o.t, err)
	return g.Findings[slices.IndexFunc(g.Findings, func(f engine.Finding) bool { return f.Target.Provider == volume })].ID
}

// What the record says is being deleted is attached at the last moment: AWS refuses, and so does the bot.
func TestRemovalOfWhatIsAttachedAtTheLastMoment(t *testing.T) {
	o := newOrphans(t, 2)
	p := o.approved(orphan(1))
	o.fault = &fault{on: "Delete false", kill: true} // between the record and the act
	for o.fault.on != "" {
		if more, err := o.step(p.ID); !more {
			t.Fatal(err)
		}
	}
	if r, err := o.st.Removal(t.Context(), p.ID); err != nil || r.Step != engine.RemovalDelete {
		t.Fatalf("the record says %+v, %v", r, err)
	}
	if _, err := o.st.Deny(t.Context(), engine.Decision{ID: "late", Action: engine.ActionDeny, ProposalID: p.ID, By: engine.Person{ID: "U0BEN"}, At: o.now(), Allowed: true, Reason: "wait"}); engine.CodeOf(err) != engine.Conflict || !strings.Contains(err.Error(), "too late") {
		t.Errorf("denied while it is being deleted: %v", err)
	}
	o.change(orphan(1), attach)
	if p = o.end(p.ID); p.Status != engine.ProposalStale || !strings.Contains(p.Reason, "attached to i-0back again. Snapshot snap-") {
		t.Errorf("%s: %s", p.Status, p.Reason)
	}
	o.is(orphan(1), true, 1)
}

// A pause stops the removal at whatever step it is, and what was looked at before the pause is looked at again.
func TestRemovalIsPaused(t *testing.T) {
	o := newOrphans(t, 3)
	p := o.approved(orphan(1))
	pause := func(id string, a engine.Action) {
		must(t, o.st.SetPause(t.Context(), engine.Decision{ID: id, Action: a, By: engine.Person{ID: "U0ANA"}, At: o.now(), Allowed: true}))
	}
	pause("one", engine.ActionPause)
	for range 5 {
		if more, err := o.step(p.ID); !more || !strings.Contains(err.Error(), "until writes are resumed") {
			t.Fatalf("%v, %v", more, err)
		}
	}
	o.is(orphan(1), true, 0)
	pause("two", engine.ActionResume)
	if more, err := o.step(p.ID); !more {
		t.Fatal(err)
	}
	o.is(orphan(1), true, 1)
	pause("three", engine.ActionPause)
	for range 20 {
		if more, err := o.step(p.ID); !more {
			t.Fatal(err)
		}
	}
	o.is(orphan(1), true, 1)
	pause("four", engine.ActionResume)
	o.removed(o.end(p.ID))
}

// A person may say no as long as nothing is being deleted.
func TestRemovalIsDeniedOnItsWay(t *testing.T) {
	o := newOrphans(t, 3)
	p := o.approved(orphan(1))
	if more, err := o.step(p.ID); !more {
		t.Fatal(err)
	}
	_, err := o.st.Deny(t.Context(), engine.Decision{ID: "no", Action: engine.ActionDeny, ProposalID: p.ID, By: engine.Person{ID: "U0BEN"}, At: o.now(), Allowed: true, Reason: "I need it"})
	must(t, err)
	if p = o.end(p.ID); p.Status != engine.ProposalDenied {
		t.Errorf("it is %s", p.Status)
	}
	o.is(orphan(1), true, 1)
}

// What AWS refuses is told in the thread, with what a person can do; then it goes on by itself.
func TestRemovalTellsWhatAWSRefuses(t *testing.T) {
	o := newOrphans(t, 10)
	whole := t
	n := 0
	for name, tc := range map[string]struct {
		fault     cloud.Fault
		told      string
		snapshots int
	}{
		"may not snapshot": {cloud.Fault{Action: "CreateSnapshot", Kind: cloud.Deny, Count: 1}, "a snapshot of VOL cannot be taken: AWS says UnauthorizedOperation. Allow it to the remover's role", 0},
		"may not delete":   {cloud.Fault{Action: "DeleteVolume", Kind: cloud.Deny, Count: 1}, "volume VOL cannot be deleted: AWS says UnauthorizedOperation", 0},
		"asked too much":   {cloud.Fault{Action: "CreateSnapshot", Kind: cloud.Throttle, Count: 1}, "AWS says RequestLimitExceeded. The account is asked too much", 0},
		"may not look":     {cloud.Fault{Action: "DescribeVolumes", Kind: cloud.Deny, Count: 1}, "volume VOL cannot be looked at: AWS says UnauthorizedOperation", 0},
	} {
		t.Run(name, func(t *testing.T) {
			n++
			volume := orphan(n)
			o.t = t
			defer func() { o.t = whole; o.aws.ClearFaults() }()
			p := o.approved(volume)
			o.aws.Fault(tc.fault)
			if more, err := o.step(p.ID); !more || engine.CodeOf(err) == engine.Internal {
				t.Fatalf("%v, %v", more, err)
			}
			want := strings.ReplaceAll(tc.told, "VOL", volume)
			after := o.proposal(p.ID)
			if !strings.Contains(after.Reason, want) || !slices.ContainsFunc(after.Timeline, func(e engine.Event) bool { return strings.Contains(e.Text, want) }) {
				t.Errorf("told %q, want %q; timeline %+v", after.Reason, want, after.Timeline)
			}
			o.is(volume, true, tc.snapshots)
			o.aws.ClearFaults()
			o.removed(o.end(p.ID))
		})
	}
}

// While a cluster does not answer, nobody knows what it wants.
func TestRemovalWaitsForEverybody(t *testing.T) {
	o := newOrphans(t, 3)
	p := o.approved(orphan(1))
	o.mu.Lock()
	o.cluster.Complete = false
	o.mu.Unlock()
	for range 3 {
		if more, err := o.step(p.ID); !more || engine.CodeOf(err) != engine.Unavailable {
			t.Fatalf("%v, %v", more, err)
		}
	}
	if after := o.proposal(p.ID); !strings.Contains(after.Reason, "could be asked: cluster "+o.cluster.Name) {
		t.Errorf("told %q", after.Reason)
	}
	o.is(orphan(1), true, 0)
	o.mu.Lock()
	o.cluster.Complete = true
	o.mu.Unlock()
	o.removed(o.end(p.ID))
}

// A snapshot that is not what it should be deletes nothing.
func TestRemovalNeedsItsSnapshot(t *testing.T) {
	o := newOrphans(t, 5)
	whole := t
	n := 0
	for name, tc := range map[string]struct {
		change func(*cloud.Snapshot)
		why    string
	}{
		"it failed":            {func(s *cloud.Snapshot) { s.State = "error" }, "is in state error"},
		"of another size":      {func(s *cloud.Snapshot) { s.GiB = 1 }, "is one of 1 GiB"},
		"without its tag":      {func(s *cloud.Snapshot) { s.Tags = nil }, "is gone"},
		"another proposal's":   {func(s *cloud.Snapshot) { s.Tags = map[string]string{engine.RemovalTag: "999"} }, "is gone"},
		"of another's account": {func(s *cloud.Snapshot) { s.Account = "1" }, "is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			n++
			o.t = t
			defer func() { o.t = whole }()
			p := o.approved(orphan(n))
			if more, err := o.step(p.ID); !more {
				t.Fatal(err)
			}
			o.aws.Change(func(w *cloud.World) { tc.change(&w.Snapshots[len(w.Snapshots)-1]) })
			if p = o.end(p.ID); p.Status != engine.ProposalStale || !strings.Contains(p.Reason, tc.why) {
				t.Errorf("%s: %s", p.Status, p.Reason)
			}
			o.is(orphan(n), true, 1)
		})
	}
}

// A click has two people see exactly what is done; nothing is done for one, nor without the configuration.
func TestRemovalIsWhatPeopleSaw(t *testing.T) {
	o := newOrphans(t, 2)
	r, err := o.h.Click(t.Context(), engine.Click{ID: "open", By: engine.Person{ID: "U0ANA"}, Action: string(engine.ActionApprove), Value: "g1"})
	if err != nil || r.Plan == nil || len(r.Plan.Items) != 1 || len(r.Plan.ByHand) != 0 || r.Plan.Need.People != 2 {
		t.Fatalf("%+v, %v", r.Plan, err)
	}
	item := r.Plan.Items[0]
	if len(item.Steps) != 3 || !strings.Contains(item.Steps[0], "create-snapshot --region eu-central-1 --volume-id "+item.Wish.Target.Provider) ||
		!strings.Contains(item.Steps[2], "delete-volume --region eu-central-1 --volume-id "+item.Wish.Target.Provider) ||
		item.Removal == nil || item.Removal.Whole-item.Removal.Snapshot != item.Monthly || item.Removal.Snapshot <= 0 || !item.Cash {
		t.Errorf("%+v, %+v", item, item.Removal)
	}
	if why := strings.Join(r.Plan.Need.Why, "; "); !strings.Contains(why, "two people") || !strings.Contains(why, "one volume at a time: 1 more") {
		t.Errorf("why: %s", why)
	}
	if _, err := o.submit("both", "U0ANA", "g1", o.draft(orphan(1)).Ref(), o.draft(orphan(2)).Ref()); engine.CodeOf(err) != engine.Invalid && err == nil {
		t.Errorf("two volumes at once: %v", err)
	}
	p := o.approved(orphan(1))
	o.h.Changes.Removing = nil
	if more, err := o.step(p.ID); !more || !strings.Contains(err.Error(), "volumes: {remove: true}") {
		t.Errorf("switched off meanwhile: %v, %v", more, err)
	}
	must(t, o.task(engine.TaskDraft, 1))
	if i := o.draft(orphan(2)); i.Removal != nil || !strings.Contains(i.Why, "`volumes: {remove: true}`") || len(i.Steps) != 3 {
		t.Errorf("switched off: %+v", i)
	}
	o.is(orphan(1), true, 0)
}
