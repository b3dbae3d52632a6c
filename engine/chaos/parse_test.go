package chaos_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

func strike(f engine.Fault, namespace, workload string, change func(*engine.Strike)) engine.Strike {
	s := engine.Strike{Fault: f, Namespace: namespace, Workload: workload, Count: 1}
	if f.Lasts() {
		s.Duration = time.Minute
	}
	if change != nil {
		change(&s)
	}
	return s
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		want chaos.Request
	}{
		{"kill shop/api", request(strike(engine.FaultKill, "shop", "api", nil))},
		{"kill shop", request(strike(engine.FaultKill, "shop", "", nil))},
		{"KILL Shop/API", request(strike(engine.FaultKill, "shop", "api", nil))},
		{"kill shop/Deployment/api", request(strike(engine.FaultKill, "shop", "Deployment/api", nil))},
		{"-count 2 kill -force shop/api", request(strike(engine.FaultKill, "shop", "api", func(s *engine.Strike) { s.Count, s.Dose.Force = 2, true }))},
		{"kill shop/api --count=2", request(strike(engine.FaultKill, "shop", "api", func(s *engine.Strike) { s.Count = 2 }))},
		{"kill shop/api —count 2", request(strike(engine.FaultKill, "shop", "api", func(s *engine.Strike) { s.Count = 2 }))},
		{"kill shop/api –percent 50%", request(strike(engine.FaultKill, "shop", "api", func(s *engine.Strike) { s.Count, s.Percent = 0, 50 }))},
		{"`kill` “shop/api” −count '2'", request(strike(engine.FaultKill, "shop", "api", func(s *engine.Strike) { s.Count = 2 }))},
		{"kill <#C024BE91L|shop>/api", request(strike(engine.FaultKill, "shop", "api", nil))},
		{"kill <http://shop.svc/api|shop/api>", request(strike(engine.FaultKill, "shop", "api", nil))},
		{"kill *shop/api*", request(strike(engine.FaultKill, "shop", "api", nil))},
		{"kill shop/\u200bapi", request(strike(engine.FaultKill, "shop", "api", nil))},
		{"pod-kill shop/api", request(strike(engine.FaultKill, "shop", "api", nil))},
		{"kill shop -selector app=api,tier!=web", request(strike(engine.FaultKill, "shop", "", func(s *engine.Strike) { s.Selector = "app=api,tier!=web" }))},
		{"container-kill shop/api", request(strike(engine.FaultContainerKill, "shop", "api", nil))},
		{"cpu-stress shop/api -cpu 500m -duration 90s", request(strike(engine.FaultCPU, "shop", "api", func(s *engine.Strike) {
			s.Dose.CPU, s.Duration = 0.5, 90*time.Second
		}))},
		{"cpu-stress shop/api -cpu 1.5", request(strike(engine.FaultCPU, "shop", "api", func(s *engine.Strike) { s.Dose.CPU = 1.5 }))},
		{"memory-stress shop/api -memory 256Mi", request(strike(engine.FaultMemory, "shop", "api", func(s *engine.Strike) { s.Dose.Memory = 256 << 20 }))},
		{"memory-stress shop/api -memory 1GB", request(strike(engine.FaultMemory, "shop", "api", func(s *engine.Strike) { s.Dose.Memory = 1e9 }))},
		{"network-lag shop/api", request(strike(engine.FaultLag, "shop", "api", func(s *engine.Strike) { s.Dose.Delay = 200 * time.Millisecond }))},
		{"network-lag shop/api -delay 1s -jitter 100ms -duration 2m", request(strike(engine.FaultLag, "shop", "api", func(s *engine.Strike) {
			s.Dose.Delay, s.Dose.Jitter, s.Duration = time.Second, 100*time.Millisecond, 2*time.Minute
		}))},
		{"network-loss shop/api", request(strike(engine.FaultLoss, "shop", "api", func(s *engine.Strike) { s.Dose.Loss = 30 }))},
		{"network-loss shop/api -loss 12.5%", request(strike(engine.FaultLoss, "shop", "api", func(s *engine.Strike) { s.Dose.Loss = 12.5 }))},
		{"network-throttle shop/api", request(strike(engine.FaultThrottle, "shop", "api", func(s *engine.Strike) { s.Dose.Rate = 1_000_000 }))},
		{"network-throttle shop/api -rate 512Kbit/s", request(strike(engine.FaultThrottle, "shop", "api", func(s *engine.Strike) { s.Dose.Rate = 512_000 }))},
		{"dns-fail shop/api -names db.shop.svc,*.Example.com.", request(strike(engine.FaultDNS, "shop", "api", func(s *engine.Strike) {
			s.Dose.Names = []string{"db.shop.svc", "example.com"}
		}))},
		{"nothing shop/api -after 10s", request(strike(engine.FaultNothing, "shop", "api", func(s *engine.Strike) { s.After = 10 * time.Second }))},
		{"node-drain node/IP-10-0-1-23.eu-west-1.compute.internal", request(strike(engine.FaultDrain, "", "", func(s *engine.Strike) {
			s.Count, s.Node, s.Duration = 0, "ip-10-0-1-23.eu-west-1.compute.internal", 2*time.Minute
		}))},
		{"random-all kill -count 3", func() chaos.Request {
			q := request(strike(engine.FaultKill, "", "", func(s *engine.Strike) { s.Count = 3 }))
			q.Everywhere = true
			return q
		}()},
		{"random-all kill", func() chaos.Request {
			q := request(strike(engine.FaultKill, "", "", func(s *engine.Strike) { s.Count = 0 }))
			q.Everywhere = true
			return q
		}()},
		{"kill shop/api -cluster prod -seed 7", func() chaos.Request {
			q := request(strike(engine.FaultKill, "shop", "api", nil))
			q.Cluster, q.Seed = "prod", 7
			return q
		}()},
	} {
		got, err := chaos.Parse(strings.Fields(c.text))
		if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(chaos.Request{}, "Command")); err != nil || diff != "" {
			t.Errorf("Parse(%s): %v\n%s", c.text, err, diff)
		}
	}
}

func request(s ...engine.Strike) chaos.Request { return chaos.Request{Strikes: s} }

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                          "say which fault and where",
		"random-all":                                "say which fault",
		"kil shop/api":                              "did you mean `kill`",
		"network-lagg shop":                         "did you mean `network-lag`",
		"randomall kill":                            "did you mean `random-all`",
		"explode shop":                              "known: kill, container-kill",
		"kill":                                      "say where: `/autopilot chaos kill <namespace>[/workload]`",
		"kill shop api":                             "one word too many",
		"kill shop/api -coutn 2":                    "did you mean -count",
		"kill shop/api -zzzzzz 2":                   "known: -after",
		"kill shop/api -count":                      "-count wants a value behind it, such as -count 1",
		"kill shop/api -count -force":               "-count wants a value",
		"kill shop/api -count=":                     "-count wants a value",
		"kill shop/api -count 0":                    "a whole number from 1 to 1000",
		"kill shop/api -count -3":                   "a whole number from 1 to 1000",
		"kill shop/api -count 1 -percent 50":        "keep one of them",
		"kill shop/api -count 1 -count 2":           "-count stands there twice",
		"kill shop/api -percent 101%":               "from 1 to 100",
		"kill shop/api -duration 60s":               "kill takes no -duration",
		"kill shop/api -force=false":                "-force takes no value",
		"kill shop/api -selector ,":                 "labels by commas",
		"kill shop/api -selector app==a==b":         "labels by commas",
		"kill shop/api -seed 0":                     "a whole number from 1",
		"kill shop/api -seed -1":                    "a whole number from 1",
		"kill sh_op":                                "no name of a namespace",
		"kill /api":                                 "no name of a namespace",
		"kill shop/a_b":                             "no name of a workload",
		"kill shop/9/api":                           "no name of a workload",
		"network-lag shop -duration 1s":             "5s to 1h",
		"network-lag shop -duration 1000h":          "5s to 1h",
		"network-lag shop -duration -60s":           "5s to 1h",
		"network-lag shop -duration sixty":          "such as 60s",
		"network-lag shop -delay 0s":                "1ms to 30s",
		"network-lag shop -delay 999999999999999h":  "1ms to 30s",
		"network-lag shop -delay 10ms -jitter 20ms": "more than -delay",
		"network-lag shop -loss 3":                  "network-lag takes no -loss",
		"network-loss shop -loss 0":                 "0.01 to 100",
		"network-loss shop -loss NaN":               "0.01 to 100",
		"network-loss shop -loss 100.1%":            "0.01 to 100",
		"network-throttle shop -rate 1mbps":         "such as 1mbit",
		"network-throttle shop -rate 1":             "8kbit to 10gbit",
		"network-throttle shop -rate 11gbit":        "8kbit to 10gbit",
		"memory-stress shop -memory 1Pi":            "1Mi to 1Ti",
		"memory-stress shop -memory -1Mi":           "1Mi to 1Ti",
		"cpu-stress shop -cpu 0":                    "cores, such as 0.5",
		"cpu-stress shop -cpu Inf":                  "cores",
		"dns-fail shop -names a..b":                 "host names by commas",
		"node-drain":                                "say where: `/autopilot chaos node-drain <node>`",
		"node-drain shop/api":                       "no name of a node",
		"node-drain n1 -count 2":                    "node-drain takes no -count",
		"random-all node-drain":                     "by its name alone",
		"random-all kill shop":                      "hits every namespace that has opted in",
		"kill <script>alert(1)</script>":            "no name",
	} {
		got, err := chaos.Parse(strings.Fields(text))
		if engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%s) = %+v, %v; want invalid with %q", text, got, err, want)
		}
	}
}

func TestParseSteps(t *testing.T) {
	got, err := chaos.ParseSteps("# first the network\nnetwork-lag shop/api -delay 1s -seed 7\n\n• kill shop/db —after 30s # then the pods\r\n2. /autopilot chaos cpu-stress shop/web -after 1m")
	want := chaos.Request{Seed: 7, Strikes: []engine.Strike{
		strike(engine.FaultLag, "shop", "api", func(s *engine.Strike) { s.Dose.Delay = time.Second }),
		strike(engine.FaultKill, "shop", "db", func(s *engine.Strike) { s.After = 30 * time.Second }),
		strike(engine.FaultCPU, "shop", "web", func(s *engine.Strike) { s.After = time.Minute }),
	}, Command: "network-lag shop/api -delay 1s -seed 7\nkill shop/db -after 30s\ncpu-stress shop/web -after 1m"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("ParseSteps: %v\n%s", err, diff)
	}
	again, err := chaos.ParseSteps(got.Command)
	if diff := cmp.Diff(got, again); err != nil || diff != "" {
		t.Errorf("what was understood reads differently: %v\n%s", err, diff)
	}
	for text, want := range map[string]string{
		"":                                     "one strike a line",
		"# nothing\n":                          "one strike a line",
		"kill shop\n\nkil shop":                "line 3: `kil` is no fault; did you mean `kill`?",
		"random-all kill":                      "line 1: random-all stands alone",
		"kill a -cluster x\nkill b -cluster y": "line 2: one experiment is for one cluster",
		"kill a -seed 1\nkill b -seed 2":       "line 2: one experiment has one seed",
		"node-drain a\nkill b\ndrain c":        "line 3: one experiment drains one node",
		strings.Repeat("kill a\n", 11):         "line 11: an experiment has at most 10 strikes",
	} {
		if got, err := chaos.ParseSteps(text); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSteps(%q) = %+v, %v; want invalid with %q", text, got, err, want)
		}
	}
}

// Each usage that the help shows is one that Parse takes, and so is each flag's example.
func TestHelp(t *testing.T) {
	lines := chaos.Help()
	if n := len(lines); n != len(engine.Faults)+1 {
		t.Errorf("Help() has %d lines, want one for each fault and random-all", n)
	}
	for k, u := range lines[:len(engine.Faults)] {
		if u.Text == "" {
			t.Errorf("%s says nothing", u.Usage)
		}
		text := strings.NewReplacer("/autopilot chaos ", "", "<namespace>[/workload]", "shop/api", "<node>", "n1", "[-percent 50] ", "", "[", "", "]", "").Replace(u.Usage)
		if q, err := chaos.Parse(strings.Fields(text)); err != nil || q.Strikes[0].Fault != engine.Faults[k] {
			t.Errorf("Parse(%s), of the help: %+v, %v; want %s", text, q, err, engine.Faults[k])
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"kill shop/api -count 2", "network-lag shop —delay 200ms", "random-all kill", "node-drain n1", "`kill` <#C1|shop>", "-count", "cpu-stress a -cpu 1e309",
		"kill a -selector !x,y=z", "dns-fail a -names *.b", "--- kill", "kill <|>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := chaos.Parse(strings.Fields(text))
		if err != nil {
			if engine.CodeOf(err) != engine.Invalid || err.Error() == "" || strings.Count(err.Error(), "`")%2 != 0 {
				t.Fatalf("Parse(%q): %v; want invalid, with whole code spans", text, err)
			}
			return
		}
		s := q.Strikes[0]
		if len(q.Strikes) != 1 || s.Count < 0 || s.Percent < 0 || s.Percent > 100 || s.Fault.Lasts() && s.Duration < 5*time.Second || s.After < 0 {
			t.Fatalf("Parse(%q) = %+v", text, q)
		}
		again, err := chaos.Parse(strings.Fields(q.Command))
		if diff := cmp.Diff(q, again); err != nil || diff != "" {
			t.Fatalf("Parse(%q) does not read its own words %q: %v\n%s", text, q.Command, err, diff)
		}
	})
}

func FuzzParseSteps(f *testing.F) {
	f.Add("kill shop\nnetwork-lag shop -after 10s")
	f.Add("1. kill a\n\n# b\n- kill b")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := chaos.ParseSteps(text)
		if err == nil && (len(q.Strikes) == 0 || len(q.Strikes) > 10 || q.Everywhere) || err != nil && engine.CodeOf(err) != engine.Invalid {
			t.Fatalf("ParseSteps(%q) = %+v, %v", text, q, err)
		}
	})
}
