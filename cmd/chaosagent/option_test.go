package main

import (
	"errors"
	"flag"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	base := options{last: time.Minute, silence: 15 * time.Second, answer: answerFail}
	with := func(change func(*options)) options {
		o := base
		change(&o)
		return o
	}
	for line, want := range map[string]options{
		"cpu -cores 0.5":            with(func(o *options) { o.fault, o.cores = faultCPU, 0.5 }),
		"cpu -for 90s -silence 5s":  with(func(o *options) { o.fault, o.cores, o.last, o.silence = faultCPU, 1, 90*time.Second, 5*time.Second }),
		"memory -bytes 64Mi -force": with(func(o *options) { o.fault, o.bytes, o.force = faultMemory, 64<<20, true }),
		"memory -upto 90Mi":         with(func(o *options) { o.fault, o.upto = faultMemory, 90<<20 }),
		"memory -bytes 123456":      with(func(o *options) { o.fault, o.bytes = faultMemory, 123456 }),
		"lag -delay 200ms -jitter 20ms -interface eth1": with(func(o *options) {
			o.fault, o.delay, o.jitter, o.iface = faultLag, 200*time.Millisecond, 20*time.Millisecond, "eth1"
		}),
		"loss -percent 12.5 -seed 4 -by nfqueue": with(func(o *options) { o.fault, o.percent, o.seed, o.by = faultLoss, 12.5, 4, byQueue }),
		"throttle -rate 1.5mbit":                 with(func(o *options) { o.fault, o.rate = faultThrottle, 1_500_000 }),
		"throttle -rate 1Gbit":                   with(func(o *options) { o.fault, o.rate = faultThrottle, 1_000_000_000 }),
		"throttle -rate 9600":                    with(func(o *options) { o.fault, o.rate = faultThrottle, 9600 }),
		"signal -silence 15s":                    with(func(o *options) { o.fault = faultSignal }),
		"dns":                                    with(func(o *options) { o.fault = faultDNS }),
		"dns -names b.svc.,A.example,b.svc -answer drop": with(func(o *options) {
			o.fault, o.names, o.answer = faultDNS, []string{"a.example", "b.svc"}, answerDrop
		}),
	} {
		got, err := parse(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	for line, want := range map[string]string{
		"":                                 "name a fault: cpu, memory",
		"flood":                            `there is no fault "flood"`,
		"cpu -cores 0":                     "want more than 0",
		"cpu -cores NaN":                   "want more than 0",
		"cpu -cores 4096":                  "what this machine has",
		"cpu -percent 3":                   "not defined",
		"cpu now":                          `unexpected argument "now"`,
		"cpu -for 0s":                      "want more than 0 and at most 24h",
		"cpu -for 25h":                     "at most 24h",
		"cpu -silence 1ms":                 "want 100ms to 1h",
		"memory":                           "want how much to hold",
		"memory -bytes 1Mi -upto 2Mi":      "want one of them",
		"memory -upto 5":                   "at least 4096",
		"memory -bytes -5":                 "want 67108864, 64Mi",
		"memory -bytes 5Zi":                "want 67108864, 64Mi",
		"memory -bytes 99999999999Gi":      "want 67108864, 64Mi",
		"lag":                              "-delay 0s: want 1ms to 1m",
		"lag -delay 2m":                    "want 1ms to 1m",
		"lag -delay 20ms -jitter 30ms":     "at most the delay",
		"lag -delay 20ms -by magic":        "want netem or nfqueue",
		"loss":                             "-percent 0: want more than 0",
		"loss -percent 101":                "at most 100",
		"throttle":                         "want 8kbit to 100gbit",
		"throttle -rate 1tbit":             "want 1000000, 100kbit",
		"throttle -rate 1kbit":             "want 8kbit",
		"dns -names a..b":                  "want host names",
		"dns -names a -answer NXDOMAIN":    "want servfail or drop",
		"throttle -rate 1mbit -by nfqueue": "not defined",
	} {
		_, err := parse(strings.Fields(line))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", line, err, want)
		}
	}
	if _, err := parse([]string{"help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("help: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("lag -delay 200ms -jitter 20ms")
	f.Add("dns -names a.example,b")
	f.Add("memory -bytes 1.5Gi")
	f.Add("throttle -rate 1e6")
	f.Fuzz(func(t *testing.T, line string) {
		o, err := parse(strings.Fields(line))
		if err != nil {
			return
		}
		if o.last <= 0 || o.last > longest || o.bytes < 0 || o.rate < 0 || o.delay > longestLag || o.percent > 100 {
			t.Errorf("%q is taken as %+v", line, o)
		}
	})
}
