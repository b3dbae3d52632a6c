package hurt

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// scripted is a service that does what a test says.
type scripted struct {
	try, begin error
	states     []chaos.CloudState // one after another; the last one stays
	ending     int                // looks at the end before it has ended; negative for never
	ended      int
	last       time.Duration
}

func (c *scripted) Try(context.Context, engine.Strike, engine.Victim) error { return c.try }

func (c *scripted) Begin(_ context.Context, _ engine.Strike, _ engine.Victim, _ string, last time.Duration) error {
	c.last = last
	return c.begin
}

func (c *scripted) Look(context.Context, string) (chaos.CloudState, error) {
	if len(c.states) == 0 {
		return chaos.CloudState{}, engine.Errorf(engine.NotFound, "there is none")
	}
	s := c.states[0]
	if len(c.states) > 1 {
		c.states = c.states[1:]
	}
	return s, nil
}

func (c *scripted) End(context.Context, string) error {
	if c.ended++; c.ending < 0 || c.ended <= c.ending {
		return engine.Errorf(engine.Conflict, "it is stopping")
	}
	return nil
}

func TestCloudHolds(t *testing.T) {
	wait, holds := chaos.CloudState{Text: "initiating"}, chaos.CloudState{Holds: true, Text: "running"}
	for name, c := range map[string]struct {
		cloud scripted
		stop  bool
		begun int
		clean bool
		ended int
		says  string
	}{
		"in time":          {scripted{states: []chaos.CloudState{wait, wait, holds}, ending: 2}, false, 1, true, 3, "AWS FIS held it, and it has ended"},
		"stopped":          {scripted{states: []chaos.CloudState{holds}}, true, 1, true, 1, "AWS FIS held it, and it has ended"},
		"it fails":         {scripted{states: []chaos.CloudState{wait, {Over: true, Text: "failed: no pod found"}}}, false, 0, true, 1, "AWS FIS says: failed: no pod found"},
		"it ends too soon": {scripted{states: []chaos.CloudState{holds, {Over: true, Text: "stopped: an alarm"}}}, false, 1, true, 1, "AWS FIS says: stopped: an alarm"},
		"it is refused":    {scripted{begin: engine.Errorf(engine.Forbidden, "fis:StartExperiment is denied")}, false, 0, true, 0, "not begun: fis:StartExperiment is denied"},
		"nobody knows":     {scripted{begin: engine.Errorf(engine.Unavailable, "no answer"), states: []chaos.CloudState{holds}}, false, 1, true, 1, "AWS FIS held it"},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := hurting(t, map[string]func([]byte) (int, any){"GET " + podPath: says(200, aPod(""))})
			h.Cloud = &c.cloud
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			begun := 0
			lasts := 30 * time.Millisecond
			if c.stop {
				lasts = time.Hour
			}
			got := h.Inject(ctx, engine.Strike{Fault: engine.FaultLag, Duration: lasts}, by(engine.ByFIS), Prefix+"1-1", time.Now().Add(2*time.Hour), func() {
				if begun++; c.stop {
					cancel()
				}
			})
			if begun != c.begun || got.Clean != c.clean || c.cloud.ended != c.ended || !strings.Contains(got.Outcome, c.says) || c.cloud.last != lasts {
				t.Errorf("%+v, begun %d times, ended %d times, for %s", got, begun, c.cloud.ended, c.cloud.last)
			}
		})
	}
}

// stopping is a service that is asked for a fault while somebody stops it.
type stopping struct {
	scripted
	stop context.CancelFunc
	gone error
}

func (c *stopping) Begin(ctx context.Context, _ engine.Strike, _ engine.Victim, _ string, _ time.Duration) error {
	c.stop()
	c.gone = ctx.Err()
	return c.begin
}

// Who stops while a fault is asked for does not keep the answer away, and what nobody knows is not called clean.
func TestCloudIsStoppedWhileItIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		cloud stopping
		clean bool
		says  string
	}{
		"nobody knows":  {stopping{scripted: scripted{begin: engine.Errorf(engine.Unavailable, "no answer")}}, false, "not begun: no answer; whether it came nobody knows: it is looked for again"},
		"it came":       {stopping{}, true, "and it has ended"},
		"it is refused": {stopping{scripted: scripted{begin: engine.Errorf(engine.Forbidden, "denied")}}, true, "not begun: denied"},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := hurting(t, map[string]func([]byte) (int, any){"GET " + podPath: says(200, aPod(""))})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.cloud.stop, h.Cloud = cancel, &c.cloud
			got := h.Inject(ctx, engine.Strike{Fault: engine.FaultLag, Duration: time.Hour}, by(engine.ByFIS), Prefix+"1-1", time.Now().Add(2*time.Hour), func() { t.Error("begun") })
			if got.Clean != c.clean || !strings.Contains(got.Outcome, c.says) || c.cloud.gone != nil {
				t.Errorf("%+v; the wish was given up: %v", got, c.cloud.gone)
			}
		})
	}
}

// Whoever looks after a death has what runs end, and tells what does not.
func TestLeftInTheCloud(t *testing.T) {
	h, _ := hurting(t, map[string]func([]byte) (int, any){"GET /api/v1/nodes": says(200, corev1.NodeList{TypeMeta: metav1.TypeMeta{Kind: "NodeList", APIVersion: "v1"}})})
	e := engine.Experiment{
		Strikes: []engine.Strike{{Fault: engine.FaultLag}},
		Blows:   []engine.Blow{{Target: by(engine.ByFIS), Handle: Prefix + "1-1"}, {Target: by(engine.ByFIS), Handle: Prefix + "1-2", Ended: time.Now(), Clean: true}},
	}
	if left, err := h.Left(t.Context(), e); err != nil || len(left) != 1 || !strings.Contains(left[0], "not configured") {
		t.Errorf("without a way to it: %v, %v", left, err)
	}
	c := &scripted{ending: 3}
	h.Cloud = c
	if left, err := h.Left(t.Context(), e); err != nil || len(left) != 0 || c.ended != 4 {
		t.Errorf("left %v, %v; asked %d times", left, err, c.ended)
	}
}

func TestRehearseInTheCloud(t *testing.T) {
	locked, yes := aPod(""), true
	locked.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{ReadOnlyRootFilesystem: &yes}
	for name, c := range map[string]struct {
		pod   *corev1.Pod
		cloud *scripted
		no    string
	}{
		"it can":                       {aPod(""), &scripted{}, ""},
		"it refuses":                   {aPod(""), &scripted{try: engine.Errorf(engine.NotFound, "there is no template EXT1")}, "there is no template EXT1"},
		"nothing may be written there": {locked, &scripted{}, "may write its root filesystem"},
		"it is not there":              {aPod(""), nil, "AWS FIS is not configured for this cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := hurting(t, map[string]func([]byte) (int, any){
				"GET " + podPath:              says(200, c.pod),
				"GET /api/v1/namespaces/shop": says(200, willing()),
			})
			h.Agent = ""
			if c.cloud != nil {
				h.Cloud = c.cloud
			}
			e, err := h.Rehearse(t.Context(), engine.Experiment{Strikes: []engine.Strike{{Fault: engine.FaultLag, Duration: time.Minute, Targets: []engine.Victim{target}}}})
			if err != nil {
				t.Fatal(err)
			}
			v := e.Strikes[0].Targets[0]
			if c.no == "" && (v.Mechanism != engine.ByFIS || !strings.HasPrefix(v.Why, "AWS FIS is configured")) || c.no != "" && !strings.Contains(v.Refused, c.no) {
				t.Errorf("%+v", v)
			}
		})
	}
}
