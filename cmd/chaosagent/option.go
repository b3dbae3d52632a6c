package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

const usage = `chaosagent holds one fault in the pod that it runs in, and ends it again.

  chaosagent cpu      -cores 1.5
  chaosagent memory   -bytes 64Mi | -upto 90Mi [-force]
  chaosagent lag      -delay 200ms [-jitter 20ms] [-by netem|nfqueue] [-interface eth0]
  chaosagent loss     -percent 30  [-seed 1]      [-by netem|nfqueue] [-interface eth0]
  chaosagent throttle -rate 1mbit                 [-interface eth0]
  chaosagent dns      [-names a.example,b.svc] [-answer servfail|drop] [-interface eth0]
  chaosagent signal   asks process 1 of the container whose processes it shares to end
  chaosagent clean    removes what an agent that was killed left behind
  chaosagent version

Every fault: -for 60s (how long at most), -silence 15s (ends when no line "beat" was read for so long).
It begins with the first line that is read, answers each line with one of JSON, and ends on the line "stop".
`

// The faults, by the names that they have on the command line.
const (
	faultCPU      = "cpu"
	faultMemory   = "memory"
	faultLag      = "lag"
	faultLoss     = "loss"
	faultThrottle = "throttle"
	faultDNS      = "dns"
	faultSignal   = "signal"
)

var faults = []string{faultCPU, faultMemory, faultLag, faultLoss, faultThrottle, faultDNS, faultSignal}

// The ways to hurt packets, and to answer questions.
const (
	byNetem     = "netem"
	byQueue     = "nfqueue"
	byTBF       = "tbf"
	answerFail  = "servfail"
	answerDrop  = "drop"
	longest     = 24 * time.Hour
	longestLag  = time.Minute
	slowest     = 8_000           // bits a second; below it a single packet takes more than a second
	fastest     = 100_000_000_000 // bits a second
	leastMemory = 1 << 12
)

// options is one fault as the command line says it.
type options struct {
	fault   string
	last    time.Duration // how long at most
	silence time.Duration // without a beat, after which it ends

	cores float64

	bytes int64
	upto  int64 // memory: so much with what the processes hold that are seen; 0 for bytes
	force bool  // memory: more than there seems to be room for

	delay, jitter time.Duration
	percent       float64
	rate          int64 // bits a second
	seed          uint64

	names  []string // lower case, without the dot at the end
	answer string

	by    string // "" for the best that the kernel has
	iface string // "" for the one of the default route
}

// network tells whether the fault is in the network namespace, which outlives the agent.
func (o options) network() bool {
	return o.fault == faultLag || o.fault == faultLoss || o.fault == faultThrottle || o.fault == faultDNS
}

// parse reads a command line. Its error says what would be right.
func parse(args []string) (options, error) {
	if len(args) == 0 {
		return options{}, fmt.Errorf("name a fault: %s; or clean", strings.Join(faults, ", "))
	}
	o := options{fault: args[0], answer: answerFail}
	flags := flag.NewFlagSet(o.fault, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it
	flags.DurationVar(&o.last, "for", time.Minute, "")
	flags.DurationVar(&o.silence, "silence", 15*time.Second, "")
	var check func() error
	switch o.fault {
	case faultCPU:
		flags.Float64Var(&o.cores, "cores", 1, "")
		check = o.checkCPU
	case faultMemory:
		flags.Func("bytes", "", func(s string) (err error) { o.bytes, err = parseBytes(s); return err })
		flags.Func("upto", "", func(s string) (err error) { o.upto, err = parseBytes(s); return err })
		flags.BoolVar(&o.force, "force", false, "")
		check = o.checkMemory
	case faultLag:
		flags.DurationVar(&o.delay, "delay", 0, "")
		flags.DurationVar(&o.jitter, "jitter", 0, "")
		check = o.checkLag
	case faultLoss:
		flags.Float64Var(&o.percent, "percent", 0, "")
		flags.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "") //nolint:gosec // Any bits will do.
		check = o.checkLoss
	case faultThrottle:
		flags.Func("rate", "", func(s string) (err error) { o.rate, err = parseRate(s); return err })
		check = o.checkRate
	case faultDNS:
		flags.Func("names", "", func(s string) (err error) { o.names, err = parseNames(s); return err })
		flags.StringVar(&o.answer, "answer", o.answer, "")
		check = o.checkAnswer
	case faultSignal:
		check = func() error { return nil }
	case "-h", "-help", "--help", "help":
		return options{}, flag.ErrHelp
	default:
		return options{}, fmt.Errorf("there is no fault %q: want one of %s", o.fault, strings.Join(faults, ", "))
	}
	if o.network() {
		flags.StringVar(&o.iface, "interface", "", "")
	}
	if o.fault == faultLag || o.fault == faultLoss {
		flags.StringVar(&o.by, "by", "", "")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q: after the fault there are flags only", flags.Arg(0))
	}
	if o.last <= 0 || o.last > longest {
		return options{}, fmt.Errorf("-for %v: want more than 0 and at most %v", o.last, longest)
	}
	if o.silence < 100*time.Millisecond || o.silence > time.Hour {
		return options{}, fmt.Errorf("-silence %v: want 100ms to 1h", o.silence)
	}
	if o.by != "" && o.by != byNetem && o.by != byQueue {
		return options{}, fmt.Errorf("-by %s: want %s or %s", o.by, byNetem, byQueue)
	}
	return o, check()
}

func (o *options) checkCPU() error {
	if most := float64(runtime.NumCPU()); !(o.cores > 0 && o.cores <= most) {
		return fmt.Errorf("-cores %v: want more than 0 and at most %v, which is what this machine has", o.cores, most)
	}
	return nil
}

func (o *options) checkMemory() error {
	if o.bytes != 0 && o.upto != 0 {
		return errors.New("-bytes and -upto: want one of them")
	}
	if max(o.bytes, o.upto) < leastMemory {
		return fmt.Errorf("-bytes or -upto: want how much to hold, at least %d, such as 64Mi", leastMemory)
	}
	return nil
}

func (o *options) checkLag() error {
	if o.delay < time.Millisecond || o.delay > longestLag {
		return fmt.Errorf("-delay %v: want 1ms to %v", o.delay, longestLag)
	}
	if o.jitter < 0 || o.jitter > o.delay {
		return fmt.Errorf("-jitter %v: want at most the delay, %v", o.jitter, o.delay)
	}
	return nil
}

func (o *options) checkLoss() error {
	if !(o.percent > 0 && o.percent <= 100) {
		return fmt.Errorf("-percent %v: want more than 0 and at most 100", o.percent)
	}
	return nil
}

func (o *options) checkRate() error {
	if o.rate < slowest || o.rate > fastest {
		return fmt.Errorf("-rate: want 8kbit to 100gbit, such as 1mbit")
	}
	return nil
}

func (o *options) checkAnswer() error {
	if o.answer != answerFail && o.answer != answerDrop {
		return fmt.Errorf("-answer %s: want %s or %s", o.answer, answerFail, answerDrop)
	}
	return nil
}

var byteUnits = map[string]float64{"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "k": 1e3, "M": 1e6, "G": 1e9}

// parseBytes reads "64Mi" as Kubernetes writes it, or plain bytes.
func parseBytes(s string) (int64, error) { return parseUnits(s, byteUnits, "67108864, 64Mi or 1.5Gi") }

var rateUnits = map[string]float64{"": 1, "bit": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9}

// parseRate reads "1mbit" as tc writes it, or plain bits a second.
func parseRate(s string) (int64, error) {
	return parseUnits(strings.ToLower(s), rateUnits, "1000000, 100kbit, 1mbit or 1gbit")
}

func parseUnits(s string, units map[string]float64, example string) (int64, error) {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit, known := units[s[len(digits):]]
	n, err := strconv.ParseFloat(digits, 64)
	if n *= unit; err != nil || !known || !(n >= 0 && n < math.MaxInt64) {
		return 0, fmt.Errorf("%q: want %s", s, example)
	}
	return int64(n), nil
}

// parseNames reads the names whose questions fail. An empty list stands for all.
func parseNames(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	names := strings.Split(strings.ToLower(s), ",")
	for i, name := range names {
		names[i] = strings.TrimSuffix(strings.TrimSpace(name), ".")
		for label := range strings.SplitSeq(names[i], ".") {
			if len(label) == 0 || len(label) > 63 {
				return nil, errors.New("want host names with commas between them, such as db.shop.svc.cluster.local,example.com")
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
