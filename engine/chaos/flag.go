package chaos

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// flag is one flag as it was written.
type flag struct{ name, value string }

// split tells flags and their values from the other words. A flag's value stands behind it or behind an equals sign.
func split(words []string) (rest []string, flags []flag, err error) {
	for k := 0; k < len(words); k++ {
		w := words[k]
		if !isFlag(w) {
			rest = append(rest, w)
			continue
		}
		name, value, has := strings.Cut(strings.TrimLeft(w, "-"), "=")
		name = strings.ToLower(name)
		if _, ok := examples[name]; !ok {
			return nil, nil, unknownFlag(name, slices.Sorted(maps.Keys(examples)))
		}
		switch {
		case name == "force" && has && value != "true":
			return nil, nil, engine.Errorf(engine.Invalid, "-force takes no value; leave it out for an eviction")
		case name == "force":
		case has && value != "":
		case !has && k+1 < len(words) && !isFlag(words[k+1]):
			k++
			value = words[k]
		default:
			return nil, nil, engine.Errorf(engine.Invalid, "-%s wants a value behind it, such as -%s %s", name, name, examples[name])
		}
		flags = append(flags, flag{name, value})
	}
	return rest, flags, nil
}

// isFlag tells a flag from a value that is a negative number.
func isFlag(w string) bool {
	return len(w) > 1 && w[0] == '-' && (w[1] >= 'a' && w[1] <= 'z' || w[1] >= 'A' && w[1] <= 'Z')
}

func unknownFlag(name string, known []string) error {
	if near := nearest(name, known); near != "" {
		return engine.Errorf(engine.Invalid, "I do not know -%s; did you mean -%s?", plain(name), near)
	}
	return engine.Errorf(engine.Invalid, "I do not know -%s; known: -%s", plain(name), strings.Join(known, ", -"))
}

// The bounds of what a flag may say. What is allowed may be less: the rules know.
const (
	shortest, longestRun = 5 * time.Second, time.Hour
	latest               = 2 * time.Hour
	leastDelay, maxDelay = time.Millisecond, 30 * time.Second
	leastRate, maxRate   = 8_000, 10_000_000_000
	leastMem, maxMem     = 1 << 20, 1 << 40
	maxCPU               = 256
	maxCount             = 1000
)

// set writes a flag into what is asked for. It fails with Invalid when the fault has no such flag, or the value is out of bounds.
func (f flag) set(q *Request, s *engine.Strike, of spec) (err error) {
	if !slices.Contains(of.takes(), f.name) {
		return engine.Errorf(engine.Invalid, "%s takes no -%s; it takes -%s", of.fault, f.name, strings.Join(of.takes(), ", -"))
	}
	switch f.name {
	case "count":
		s.Count, err = f.whole(1, maxCount)
	case "percent":
		f.value = strings.TrimSuffix(f.value, "%")
		s.Percent, err = f.whole(1, 100)
	case "selector":
		s.Selector = f.value
		_, err = parseSelector(f.value)
	case "duration":
		s.Duration, err = f.span(shortest, longestRun)
	case "after":
		s.After, err = f.span(0, latest)
	case "delay":
		s.Dose.Delay, err = f.span(leastDelay, maxDelay)
	case "jitter":
		s.Dose.Jitter, err = f.span(0, maxDelay)
	case "loss":
		s.Dose.Loss, err = f.number(strings.TrimSuffix(f.value, "%"), 0.01, 100, "percent of the packets")
	case "cpu":
		s.Dose.CPU, err = f.cores()
	case "memory":
		s.Dose.Memory, err = f.scaled(memoryUnits, leastMem, maxMem, "1Mi to 1Ti, such as 256Mi")
	case "rate":
		s.Dose.Rate, err = f.scaled(rateUnits, leastRate, maxRate, "8kbit to 10gbit, such as 1mbit")
	case "names":
		s.Dose.Names, err = f.names()
	case "force":
		s.Dose.Force = true
	case "cluster":
		q.Cluster = f.value
		if len(f.value) > 100 {
			err = engine.Errorf(engine.Invalid, "-cluster wants the name of a cluster, as `/autopilot status` shows it")
		}
	case "seed":
		q.Seed, err = strconv.ParseUint(f.value, 10, 63)
		if err != nil || q.Seed == 0 {
			err = engine.Errorf(engine.Invalid, "-seed %s is no seed; a whole number from 1 on", plain(f.value))
		}
	}
	return err
}

func (f flag) whole(least, top int) (int, error) {
	n, err := strconv.Atoi(f.value)
	if err != nil || n < least || n > top {
		return 0, engine.Errorf(engine.Invalid, "-%s %s is not possible; a whole number from %d to %d", f.name, plain(f.value), least, top)
	}
	return n, nil
}

func (f flag) number(text string, least, top float64, unit string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || n < least || n > top {
		return 0, engine.Errorf(engine.Invalid, "-%s %s is not possible; %v to %v %s", f.name, plain(f.value), least, top, unit)
	}
	return n, nil
}

func (f flag) cores() (float64, error) {
	if m, ok := strings.CutSuffix(f.value, "m"); ok {
		n, err := f.number(m, 10, maxCPU*1000, "thousandths of a core")
		return n / 1000, err
	}
	return f.number(f.value, 0.01, maxCPU, "cores, such as 0.5 or 500m")
}

func (f flag) span(least, top time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(strings.ToLower(f.value))
	if err != nil || d < least || d > top {
		return 0, engine.Errorf(engine.Invalid, "-%s %s is not possible; %s to %s, such as %s", f.name, plain(f.value), short(least), short(top), examples[f.name])
	}
	return d, nil
}

// short gives a time without what is zero at its end: 1h, not 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var (
	quantity    = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([a-z]*)$`)
	memoryUnits = map[string]float64{
		"": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "ki": 1 << 10, "kib": 1 << 10, "mi": 1 << 20, "mib": 1 << 20,
		"gi": 1 << 30, "gib": 1 << 30,
	}
	rateUnits = map[string]float64{"bit": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9}
)

// scaled reads a number with its unit. "1mbps" is no rate: to some it is a million bits a second, and to tc a million bytes.
func (f flag) scaled(units map[string]float64, least, top float64, want string) (int64, error) {
	m := quantity.FindStringSubmatch(strings.TrimSuffix(strings.ToLower(f.value), "/s"))
	if m != nil {
		unit, known := units[m[2]]
		n, err := strconv.ParseFloat(m[1], 64)
		if n *= unit; known && err == nil && n >= least && n <= top {
			return int64(math.Round(n)), nil
		}
	}
	return 0, engine.Errorf(engine.Invalid, "-%s %s is not possible; %s", f.name, plain(f.value), want)
}

// names reads host names by commas. All that ends with one of them fails, too.
func (f flag) names() ([]string, error) {
	var all []string
	for n := range strings.SplitSeq(f.value, ",") {
		n = strings.Trim(strings.TrimPrefix(strings.ToLower(n), "*."), ".")
		if !isName(n) {
			return nil, engine.Errorf(engine.Invalid, "-names %s is not possible; host names by commas, such as db.shop.svc,api.example.com; without -names no name resolves", plain(f.value))
		}
		all = append(all, n)
	}
	if len(all) > 20 {
		return nil, engine.Errorf(engine.Invalid, "-names takes 20 names at most; without it no name resolves")
	}
	return all, nil
}
