package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
	cloud "github.com/eks-autopilot/autopilot/test/aws"
)

const (
	volumeAccount, volumeRegion = "123456789012", "eu-central-1"

	volumeConfig = smallest + `roles:
  - {name: owner, members: [U0ANA, U0BEN], may: [approve, deny, snooze]}
waste: {}
volumes: {remove: true}
aws:
  accounts:
    - {id: "123456789012", regions: [eu-central-1], endpoint: %q, role_arn: "arn:aws:iam::123456789012:role/autopilot", remover_role_arn: "arn:aws:iam::123456789012:role/autopilot-volume-remover"}
`
)

// orphans is the bot without Slack: its store, its tasks, and an account with volumes that nobody wants. Time is the test's.
type orphans struct {
	t   *testing.T
	st  *store.Store
	h   *handlers.Handlers
	aws *cloud.Server

	mu      sync.Mutex
	clock   time.Time
	cluster waste.Cluster
	fault   *fault
}

func (o *orphans) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.clock
}

func (o *orphans) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock = o.clock.Add(d)
}

func (o *orphans) Groups(context.Context, string) ([]string, error) { return nil, nil }

func (o *orphans) Member(context.Context, string) (bool, error) { return true, nil }

func orphan(n int) string { return fmt.Sprintf("vol-%03x", n) }

// newOrphans has n volumes found and drafted.
func newOrphans(t *testing.T, n int) *orphans {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", cloud.DefaultIdentity.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", cloud.DefaultIdentity.Secret)
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	o := &orphans{t: t, clock: time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC), fault: &fault{}}
	var looks []string
	for _, g := range aws.Grants() {
		looks = append(looks, g.Actions...)
	}
	removes := aws.Removes()
	o.aws = cloud.New(cloud.Config{
		Now: o.now, SnapshotTakes: 20 * time.Second, DeletionTakes: 40 * time.Second,
		Roles: map[string]cloud.Role{
			"arn:aws:iam::123456789012:role/autopilot":                {Account: volumeAccount, May: looks},
			"arn:aws:iam::123456789012:role/autopilot-volume-remover": {Account: volumeAccount, May: slices.Concat(removes.Actions, removes.Behind)},
		},
	})
	must(t, o.aws.Start("127.0.0.1:0"))
	t.Cleanup(func() { _ = o.aws.Stop(context.Background()) })
	o.aws.Change(func(w *cloud.World) {
		for k := range n {
			w.Volumes = append(w.Volumes, cloud.Volume{
				Account: volumeAccount, Region: volumeRegion, ID: orphan(k + 1), Type: "gp3", Zone: volumeRegion + "a", GiB: 100, IOPS: 3000, Throughput: 125,
				Created: o.clock.Add(-90 * 24 * time.Hour), Tags: map[string]string{"Name": "of the old shop"},
			})
		}
	})
	cfg, err := parseConfig("f", fmt.Appendf(nil, volumeConfig, o.aws.URL()))
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	o.st = storetest.New(t, store.Options{Rules: func() incident.Rules { return cfg.rules() }, Cards: cfg.cards, Log: log, Now: o.now})
	changes, err := connectChanges(t.Context(), cfg, Secrets{}, o.st, nil, log)
	must(t, err)
	changes.Proposals = faultyProposals{changes.Proposals, o}
	changes.Removing.Steps = faultySteps{changes.Removing.Steps, o}
	for k := range changes.Removing.Accounts {
		changes.Removing.Accounts[k].Remover = faultyRemover{changes.Removing.Accounts[k].Remover, o}
	}
	regions, err := connectRegions(t.Context(), cfg.AWS)
	must(t, err)
	name := cfg.Clusters[0].Name
	o.cluster = waste.Cluster{Name: name, Account: volumeAccount, Region: volumeRegion, Complete: true}
	o.h = &handlers.Handlers{
		Incidents: o.st, Decisions: o.st, Progress: o.st, Diagnoses: o.st, Signals: o.st, Groups: o,
		Clusters: []handlers.Cluster{{Name: name}}, Changes: changes, Policy: cfg.policy(), Rules: cfg.rules(), Now: o.now, Log: log,
		Waste: &handlers.Waste{
			Scans: o.st, Memory: o.st, Savings: o.st, Rules: cfg.wasteRules(), Accounts: wasteAccounts(cfg, regions), Prices: pricing(regions, o.st, log).Book,
			Clusters: []handlers.WasteCluster{{Name: name, Account: volumeAccount, Region: volumeRegion, Inventory: func(context.Context) (waste.Cluster, []engine.Gap) {
				o.mu.Lock()
				defer o.mu.Unlock()
				return o.cluster, nil
			}}},
		},
	}
	for day := range 9 {
		o.scan(fmt.Sprint("day ", day))
		o.pass(24 * time.Hour)
	}
	must(t, o.task(engine.TaskDraft, 1))
	return o
}

func (o *orphans) task(kind engine.TaskKind, id int64) error {
	return o.h.Tasks()[kind](o.t.Context(), engine.Task{Kind: kind, Detail: fmt.Sprint(id), Attempt: 5})
}

func (o *orphans) scan(id string) {
	o.t.Helper()
	s, err := o.st.RequestScan(o.t.Context(), engine.Decision{ID: id, Action: engine.ActionScan, By: engine.Person{ID: "U0ANA"}, At: o.now(), Allowed: true}, "", "")
	must(o.t, err)
	must(o.t, o.task(engine.TaskScan, s.ID))
}

// draft gives the draft of a volume.
func (o *orphans) draft(volume string) engine.ProposalItem {
	o.t.Helper()
	own, _, err := o.st.Drafts(o.t.Context(), 1)
	must(o.t, err)
	at := slices.IndexFunc(own, func(i engine.ProposalItem) bool { return i.Wish.Target.Provider == volume })
	if at < 0 {
		o.t.Fatalf("no draft of %s among %d", volume, len(own))
	}
	return own[at]
}

func (o *orphans) submit(id, who, subject string, refs ...string) (engine.Reply, error) {
	return o.h.Submit(o.t.Context(), engine.Submission{
		ID: id, By: engine.Person{ID: who, Name: who}, Form: engine.FormApprove, Subject: subject, At: o.now(),
		Values: map[string]string{engine.FieldItems: strings.Join(refs, ",")},
	})
}

// approved has two people approve the removal of a volume, and gives the proposal.
func (o *orphans) approved(volume string) engine.Proposal {
	o.t.Helper()
	_, err := o.submit("ana-"+volume, "U0ANA", "g1", o.draft(volume).Ref())
	must(o.t, err)
	all, err := o.st.Proposals(o.t.Context(), store.ProposalFilter{Statuses: []engine.ProposalStatus{engine.ProposalPending}})
	must(o.t, err)
	if len(all) != 1 || all[0].Need.People != 2 || len(all[0].Need.Why) == 0 {
		o.t.Fatalf("one person approved: %+v", all)
	}
	_, err = o.submit("ben-"+volume, "U0BEN", engine.ProposalButton{Proposal: all[0].ID, Hash: all[0].Hash}.Value())
	must(o.t, err)
	return o.proposal(all[0].ID)
}

func (o *orphans) proposal(id int64) engine.Proposal {
	o.t.Helper()
	p, err := o.st.Proposal(o.t.Context(), id)
	must(o.t, err)
	return p
}

// step does the task once as the queue would, and lets the time pass until it is done again; more tells that it is.
func (o *orphans) step(id int64) (more bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); !ok || !errors.Is(err, errKilled) {
				panic(p)
			}
			more, err = true, errKilled
			o.pass(90 * time.Second) // until the queue finds the task of a process that died
		}
	}()
	err = o.task(engine.TaskPropose, id)
	if wait, ok := errors.AsType[*engine.Waiting](err); ok {
		o.pass(wait.For)
		return true, err
	}
	o.pass(time.Second)
	return err != nil, err
}

// end does the task until nothing is left to do.
func (o *orphans) end(id int64) engine.Proposal {
	o.t.Helper()
	for range 200 {
		if more, _ := o.step(id); !more {
			return o.proposal(id)
		}
	}
	o.t.Fatalf("it does not end: %+v", o.proposal(id))
	return engine.Proposal{}
}

// is asserts what there is of a volume in AWS.
func (o *orphans) is(volume string, there bool, snapshots int) {
	o.t.Helper()
	volumes, taken := 0, 0
	o.aws.Change(func(w *cloud.World) {
		for _, v := range w.Volumes {
			if v.ID == volume && v.Gone.IsZero() {
				volumes++
			}
		}
		for _, s := range w.Snapshots {
			if s.VolumeID == volume {
				taken++
			}
		}
	})
	if (volumes == 1) != there || taken != snapshots {
		o.t.Errorf("%s: there %v, %d snapshots; want %v, %d", volume, volumes == 1, taken, there, snapshots)
	}
}

// fault breaks one call, counted over everything that is asked of AWS and written to the store.
type fault struct {
	calls []string
	at    int    // which call, from 1; 0 for none
	on    string // or the first of this name
	after bool   // it is done all the same
	kill  bool   // the process ends there; otherwise the call fails
}

var errKilled = errors.New("killed")

func (o *orphans) call(name string, do func() error) error {
	f := o.fault
	f.calls = append(f.calls, name)
	hit := f.at == len(f.calls) || f.on == name
	if hit {
		f.on = ""
	}
	if hit && !f.after {
		return f.strike()
	}
	err := do()
	if hit {
		return f.strike()
	}
	return err
}

func (f *fault) strike() error {
	if f.kill {
		panic(errKilled)
	}
	return engine.Errorf(engine.Unavailable, "it does not answer")
}

type faultyRemover struct {
	handlers.Remover
	o *orphans
}

func (r faultyRemover) Volume(ctx context.Context, id string) (v waste.Volume, err error) {
	err = r.o.call("Volume", func() error { v, err = r.Remover.Volume(ctx, id); return err })
	return v, err
}

func (r faultyRemover) Snapshots(ctx context.Context, id string, proposal int64) (all []waste.VolumeSnapshot, err error) {
	err = r.o.call("Snapshots", func() error { all, err = r.Remover.Snapshots(ctx, id, proposal); return err })
	return all, err
}

func (r faultyRemover) TakeSnapshot(ctx context.Context, id string, proposal int64, dry bool) (s waste.VolumeSnapshot, err error) {
	err = r.o.call(fmt.Sprint("TakeSnapshot ", dry), func() error { s, err = r.Remover.TakeSnapshot(ctx, id, proposal, dry); return err })
	return s, err
}

func (r faultyRemover) Delete(ctx context.Context, id string, dry bool) error {
	return r.o.call(fmt.Sprint("Delete ", dry), func() error { return r.Remover.Delete(ctx, id, dry) })
}

type faultySteps struct {
	handlers.RemovalSteps
	o *orphans
}

func (s faultySteps) SaveRemoval(ctx context.Context, was, is engine.RemovalState, reason, line string) (kept engine.RemovalState, err error) {
	err = s.o.call("SaveRemoval "+string(is.Step), func() error { kept, err = s.RemovalSteps.SaveRemoval(ctx, was, is, reason, line); return err })
	return kept, err
}

type keeper = handlers.Proposals // embedded by its own name, it would hide the method of that name

type faultyProposals struct {
	keeper
	o *orphans
}

func (p faultyProposals) Deployed(ctx context.Context, id int64, line string) (after engine.Proposal, err error) {
	err = p.o.call("Deployed", func() error { after, err = p.keeper.Deployed(ctx, id, line); return err })
	return after, err
}

func (p faultyProposals) Hold(ctx context.Context, id int64, reason string) (after engine.Proposal, err error) {
	err = p.o.call("Hold", func() error { after, err = p.keeper.Hold(ctx, id, reason); return err })
	return after, err
}

// removed asserts that one snapshot was taken, one volume deleted, and that the ledger has one chain of it.
func (o *orphans) removed(p engine.Proposal) {
	o.t.Helper()
	volume := p.Items[0].Wish.Target.Provider
	if p.Status != engine.ProposalDeployed {
		o.t.Errorf("the proposal is %s: %s", p.Status, p.Reason)
	}
	o.is(volume, false, 1)
	entries, err := o.st.LedgerEntries(o.t.Context(), engine.LedgerFilter{})
	must(o.t, err)
	var kinds []string
	for _, e := range entries {
		if e.Target.Provider == volume {
			kinds = append(kinds, string(e.Kind))
			if e.Cash != e.Amount || e.Amount <= 0 {
				o.t.Errorf("%s of %s: %s, of it %s cash", e.Kind, volume, e.Amount, e.Cash)
			}
		}
	}
	if got := strings.Join(kinds, " "); got != "detected approved implemented" {
		o.t.Errorf("the ledger has %q of %s", got, volume)
	}
}

// TestRemovalSurvives kills the process, or fails the call, before and after each call to AWS and each write: there is one snapshot, one
// deletion and one chain in the ledger each time. What calls there are, the first removal tells.
func TestRemovalSurvives(t *testing.T) {
	o := newOrphans(t, 90)
	o.removed(o.end(o.approved(orphan(1)).ID))
	calls := o.fault.calls
	for _, want := range []string{"TakeSnapshot true", "Delete true", "SaveRemoval snapshot", "TakeSnapshot false", "SaveRemoval wait", "SaveRemoval delete", "Delete false", "SaveRemoval done", "Deployed"} {
		if !slices.Contains(calls, want) {
			t.Fatalf("there is no %s among %v", want, calls)
		}
	}
	n := 1
	for k := range calls {
		for _, f := range []fault{{at: k + 1}, {at: k + 1, after: true}, {at: k + 1, kill: true}, {at: k + 1, after: true, kill: true}} {
			n++
			if n > 90 {
				t.Fatalf("too few volumes for %d calls: %v", len(calls), calls)
			}
			t.Run(fmt.Sprintf("%d %s after=%v kill=%v", k+1, calls[k], f.after, f.kill), func(t *testing.T) {
				defer func(was *testing.T) { o.t = was }(o.t)
				o.t, o.fault = t, &f
				o.removed(o.end(o.approved(orphan(n)).ID))
				if len(f.calls) < f.at {
					t.Errorf("call %d never came", f.at)
				}
			})
		}
	}
	must(t, o.st.VerifyAudit(t.Context()))
}
