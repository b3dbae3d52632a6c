package aws_test

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/engine/chaos"
	standin "github.com/eks-autopilot/autopilot/test/aws"
)

var _ chaos.Cloud = (*aws.FIS)(nil)

// faults is the stand-in with a template that somebody made by hand, a clock, and the way to it that may do what is granted and no more.
type faults struct {
	*testing.T
	s     *standin.Server
	clock *atomic.Int64
}

func newFaults(t *testing.T, change func(*standin.FaultTemplate)) faults {
	t.Helper()
	byHand := standin.FaultTemplate{
		Account: standin.DefaultIdentity.Account, Region: "eu-central-1", ID: "EXTbyhand", Description: "pods of prod", Role: "arn:aws:iam::123456789012:role/fis", Token: "by hand",
		Stops:   []standin.FaultStop{{Source: "aws:cloudwatch:alarm", Value: "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop"}},
		Targets: map[string]standin.FaultTarget{"any": {ResourceType: "aws:eks:pod", SelectionMode: "COUNT(1)", Parameters: map[string]string{"clusterIdentifier": "prod", "namespace": "shop", "selectorType": "labelSelector", "selectorValue": "app=api"}}},
		Actions: map[string]standin.FaultAction{"lag": {ActionID: "aws:eks:pod-network-latency", Targets: map[string]string{"Pods": "any"}, Parameters: map[string]string{"duration": "PT5M", "kubernetesServiceAccount": "fis"}}},
	}
	if change != nil {
		change(&byHand)
	}
	grant := aws.Injects()
	id := standin.DefaultIdentity
	id.May = slices.Concat(grant.Actions, grant.Behind)
	f := faults{T: t, clock: new(atomic.Int64)}
	from := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f.s = standin.New(standin.Config{
		Identities: []standin.Identity{id}, Page: 1, World: standin.World{FaultTemplates: []standin.FaultTemplate{byHand}},
		Now: func() time.Time { return from.Add(time.Duration(f.clock.Load())) },
	})
	if err := f.s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.s.Stop(t.Context()) })
	return f
}

// process is one that does experiments, as it is when it has just begun.
func (f faults) process() *aws.FIS {
	f.Helper()
	made, err := aws.NewFIS(f.Context(), aws.Config{
		Region: "eu-central-1", Endpoint: f.s.URL(), Backoff: time.Millisecond,
		Credentials: credentials.NewStaticCredentialsProvider(standin.DefaultIdentity.AccessKey, standin.DefaultIdentity.Secret, ""),
	}, "EXTbyhand")
	if err != nil {
		f.Fatal(err)
	}
	return made
}

// there gives the templates and the experiments, but the template that was made by hand.
func (f faults) there() (templates []standin.FaultTemplate, runs []standin.FaultRun) {
	f.s.Change(func(w *standin.World) {
		templates, runs = slices.Clone(w.FaultTemplates), slices.Clone(w.FaultRuns)
	})
	return slices.DeleteFunc(templates, func(t standin.FaultTemplate) bool { return t.ID == "EXTbyhand" }), runs
}

func (f faults) state(p *aws.FIS, handle string) chaos.CloudState {
	f.Helper()
	s, err := p.Look(f.Context(), handle)
	if err != nil {
		f.Fatal(err)
	}
	return s
}

var (
	lag    = engine.Strike{Fault: engine.FaultLag, Duration: time.Minute, Dose: engine.Dose{Delay: 200 * time.Millisecond, Jitter: 20 * time.Millisecond}}
	victim = engine.Victim{Object: engine.ObjectRef{Kind: "Pod", Namespace: "shop", Name: "api-7", UID: "u7"}}
)

const handle = "autopilot-chaos-1-0-abcdef01"

// A fault is of one pod, says of role, alarm, cluster and account what the template says that was made by hand, and goes when it is over.
func TestFIS(t *testing.T) {
	f := newFaults(t, nil)
	p := f.process()
	if err := p.Try(t.Context(), lag, victim); err != nil {
		t.Fatal(err)
	}
	if templates, runs := f.there(); len(templates)+len(runs) > 0 {
		t.Fatalf("trying made %v %v", templates, runs)
	}
	for range 2 { // whoever asks again makes no second
		if err := p.Begin(t.Context(), lag, victim, handle, 90*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.process().Begin(t.Context(), lag, victim, handle, 90*time.Second); err != nil {
		t.Fatal(err)
	}
	templates, runs := f.there()
	if len(templates) != 1 || len(runs) != 1 {
		t.Fatalf("%d templates, %d experiments", len(templates), len(runs))
	}
	got := templates[0]
	want := map[string]any{
		"role": "arn:aws:iam::123456789012:role/fis", "stops": []standin.FaultStop{{Source: "aws:cloudwatch:alarm", Value: "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop"}},
		"targets": map[string]standin.FaultTarget{"pod": {ResourceType: "aws:eks:pod", SelectionMode: "ALL", Parameters: map[string]string{"clusterIdentifier": "prod", "namespace": "shop", "selectorType": "podName", "selectorValue": "api-7"}}},
		"actions": map[string]standin.FaultAction{"fault": {ActionID: "aws:eks:pod-network-latency", Targets: map[string]string{"Pods": "pod"}, Parameters: map[string]string{"duration": "PT90S", "kubernetesServiceAccount": "fis", "delayMilliseconds": "200", "jitterMilliseconds": "20"}}},
		"tags":    map[string]string{aws.FaultTag: handle}, "of the experiment": map[string]string{aws.FaultTag: handle},
	}
	if diff := cmp.Diff(want, map[string]any{"role": got.Role, "stops": got.Stops, "targets": got.Targets, "actions": got.Actions, "tags": got.Tags, "of the experiment": runs[0].Tags}); diff != "" {
		t.Errorf("template (-want +got):\n%s", diff)
	}
	if s := f.state(p, handle); s.Holds || s.Over {
		t.Errorf("at once: %+v", s)
	}
	f.clock.Store(int64(10 * time.Second))
	if s := f.state(p, handle); !s.Holds || s.Over {
		t.Errorf("while it holds: %+v", s)
	}
	f.clock.Store(int64(2 * time.Minute))
	if s := f.state(p, handle); s.Holds || !s.Over || !strings.HasPrefix(s.Text, "completed") {
		t.Errorf("after its time: %+v", s)
	}
	if err := p.End(t.Context(), handle); err != nil {
		t.Error(err)
	}
	if templates, _ := f.there(); len(templates) > 0 {
		t.Errorf("templates are left: %v", templates)
	}
}

// Another process finds, stops and takes away what one left that died, wherever on the way that was.
func TestFISOfAProcessThatDied(t *testing.T) {
	f := newFaults(t, nil)
	other := victim
	other.Object.Name = "api-8"
	for handle, v := range map[string]engine.Victim{handle: victim, handle + "-other": other} {
		if err := f.process().Begin(t.Context(), lag, v, handle, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	f.clock.Store(int64(10 * time.Second))
	heir := f.process()
	if err := heir.End(t.Context(), handle); engine.CodeOf(err) != engine.Conflict {
		t.Errorf("it ends at once: %v", err)
	}
	f.clock.Store(int64(12 * time.Second))
	if err := heir.End(t.Context(), handle); err != nil {
		t.Error(err)
	}
	if templates, _ := f.there(); len(templates) != 1 || templates[0].Tags[aws.FaultTag] != handle+"-other" {
		t.Errorf("templates: %+v", templates)
	}
	if s := f.state(heir, handle+"-other"); !s.Holds {
		t.Errorf("another's was touched: %+v", s)
	}
	// A template whose experiment never began.
	f.s.Change(func(w *standin.World) {
		w.FaultRuns = slices.DeleteFunc(w.FaultRuns, func(r standin.FaultRun) bool { return r.Tags[aws.FaultTag] == handle+"-other" })
	})
	if err := f.process().End(t.Context(), handle+"-other"); err != nil {
		t.Error(err)
	}
	if templates, _ := f.there(); len(templates) > 0 {
		t.Errorf("templates are left: %+v", templates)
	}
	if err := heir.End(t.Context(), "autopilot-chaos-9-9"); err != nil {
		t.Errorf("of nothing: %v", err)
	}
	if _, err := heir.Look(t.Context(), "autopilot-chaos-9-9"); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("of nothing: %v", err)
	}
}

// What AWS refuses is told in its own words, with a code, and leaves nothing.
func TestFISRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		strike engine.Strike
		change func(*standin.FaultTemplate)
		fault  *standin.Fault
		runs   int
		code   engine.Code
		says   string
	}{
		"no such fault":      {strike: engine.Strike{Fault: engine.FaultDNS}, code: engine.Invalid, says: "no dns-fail for pods"},
		"no such template":   {strike: lag, change: func(t *standin.FaultTemplate) { t.ID = "EXTother" }, code: engine.NotFound, says: "template EXTbyhand cannot be read"},
		"not for pods":       {strike: lag, change: func(t *standin.FaultTemplate) { t.Targets = nil }, code: engine.Invalid, says: "clusterIdentifier"},
		"too many":           {strike: lag, runs: 5, code: engine.Conflict, says: "ServiceQuotaExceededException: You have exceeded"},
		"denied":             {strike: lag, fault: &standin.Fault{Service: "fis", Action: "StartExperiment", Kind: standin.Deny}, code: engine.Forbidden, says: "fault-injector"},
		"not made":           {strike: lag, fault: &standin.Fault{Service: "fis", Action: "CreateExperimentTemplate", Kind: standin.Deny}, code: engine.Forbidden, says: "the template of this fault cannot be made"},
		"throttled for long": {strike: lag, fault: &standin.Fault{Service: "fis", Action: "GetExperimentTemplate", Kind: standin.Throttle}, code: engine.Unavailable, says: "ThrottlingException"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFaults(t, c.change)
			if c.fault != nil {
				f.s.Fault(*c.fault)
			}
			f.s.Change(func(w *standin.World) {
				for range c.runs {
					w.FaultRuns = append(w.FaultRuns, standin.FaultRun{
						Account: standin.DefaultIdentity.Account, Region: "eu-central-1", ID: "EXPother", Template: w.FaultTemplates[0], Started: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
					})
				}
			})
			err := f.process().Begin(t.Context(), c.strike, victim, handle, time.Minute)
			if engine.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %s and %q", err, c.code, c.says)
			}
			if templates, runs := f.there(); name != "no such template" && len(templates) > 0 || len(runs) != c.runs {
				t.Errorf("left: %+v %+v", templates, runs)
			}
		})
	}
}

// AWS throttles now and then; an answer that was lost is asked for again, and is of the same experiment.
func TestFISOnABadDay(t *testing.T) {
	f := newFaults(t, nil)
	f.s.Fault(standin.Fault{Service: "fis", Action: "StartExperiment", Kind: standin.HTTP500, Count: 2})
	f.s.Fault(standin.Fault{Service: "fis", Action: "CreateExperimentTemplate", Kind: standin.Throttle, Count: 3})
	p := f.process()
	if err := p.Begin(t.Context(), lag, victim, handle, time.Minute); err != nil {
		t.Fatal(err)
	}
	f.s.Fault(standin.Fault{Service: "fis", Action: "StartExperiment", Kind: standin.Lost, Count: 1})
	err := p.Begin(t.Context(), lag, victim, handle+"-lost", time.Minute)
	if err != nil && engine.CodeOf(err) != engine.Unavailable {
		t.Fatal(err)
	}
	if _, runs := f.there(); len(runs) != 2 {
		t.Errorf("%d experiments", len(runs))
	}
	f.clock.Store(int64(5 * time.Second))
	if s := f.state(p, handle+"-lost"); !s.Holds {
		t.Errorf("what was started is not found: %+v", s)
	}
}

func TestFISDoses(t *testing.T) {
	for name, c := range map[string]struct {
		strike engine.Strike
		id     string
		want   map[string]string
	}{
		"loss":             {engine.Strike{Fault: engine.FaultLoss, Dose: engine.Dose{Loss: 12.5}}, "aws:eks:pod-network-packet-loss", map[string]string{"lossPercent": "13"}},
		"a little loss":    {engine.Strike{Fault: engine.FaultLoss, Dose: engine.Dose{Loss: 0.1}}, "aws:eks:pod-network-packet-loss", map[string]string{"lossPercent": "1"}},
		"cores":            {engine.Strike{Fault: engine.FaultCPU, Dose: engine.Dose{CPU: 2.5}}, "aws:eks:pod-cpu-stress", map[string]string{"percent": "83", "workers": "3"}},
		"all of the limit": {engine.Strike{Fault: engine.FaultCPU}, "aws:eks:pod-cpu-stress", map[string]string{"percent": "100"}},
	} {
		f := newFaults(t, nil)
		if err := f.process().Begin(t.Context(), c.strike, victim, handle, 1500*time.Millisecond); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		templates, _ := f.there()
		want := maps.Clone(c.want)
		want["duration"], want["kubernetesServiceAccount"] = "PT2S", "fis"
		if a := templates[0].Actions["fault"]; a.ActionID != c.id || !cmp.Equal(want, a.Parameters) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestCheckFIS(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*standin.FaultTemplate)
		fault  *standin.Fault
		level  engine.CheckLevel
		fix    string
	}{
		"all is well": {nil, nil, engine.CheckOK, ""},
		"no alarm":    {func(t *standin.FaultTemplate) { t.Stops = []standin.FaultStop{{Source: "none"}} }, nil, engine.CheckWarn, "stop condition"},
		"not there":   {func(t *standin.FaultTemplate) { t.ID = "EXTother" }, nil, engine.CheckFail, "clusters[].chaos.fis.template"},
		"no lists":    {nil, &standin.Fault{Service: "fis", Action: "ListExperiments", Kind: standin.Deny}, engine.CheckFail, "fault-injector"},
	} {
		f := newFaults(t, c.change)
		if c.fault != nil {
			f.s.Fault(*c.fault)
		}
		checks := f.process().CheckFIS(t.Context(), "experiments prod")
		if len(checks) != 1 || checks[0].Level != c.level || checks[0].OK != (c.level == engine.CheckOK) || !strings.Contains(checks[0].Fix, c.fix) {
			t.Errorf("%s: %+v", name, checks)
		}
	}
}
