package chaos

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// aliases are other words for faults, which other tools use.
var aliases = map[string]engine.Fault{
	"pod-kill": engine.FaultKill, "pod-delete": engine.FaultKill, "evict": engine.FaultKill, "cpu": engine.FaultCPU, "memory": engine.FaultMemory,
	"mem-stress": engine.FaultMemory, "lag": engine.FaultLag, "network-delay": engine.FaultLag, "network-latency": engine.FaultLag,
	"loss": engine.FaultLoss, "packet-loss": engine.FaultLoss, "throttle": engine.FaultThrottle, "dns": engine.FaultDNS, "drain": engine.FaultDrain,
}

// Parse understands what follows `/autopilot chaos`: a fault, whom it hits, and flags, which may stand anywhere. What is left out is filled
// in by the fault's defaults. It fails with Invalid, and says what would be right.
func Parse(words []string) (Request, error) {
	line := slices.DeleteFunc(mapped(words, clean), func(w string) bool { return w == "" })
	q := Request{Command: strings.Join(line, " ")}
	plainWords, flags, err := split(line)
	if err != nil {
		return Request{}, err
	}
	if len(plainWords) > 0 && strings.EqualFold(plainWords[0], randomAll) {
		q.Everywhere = true
		plainWords = plainWords[1:]
	}
	s, rest, err := parseFault(plainWords, q.Everywhere)
	if err != nil {
		return Request{}, err
	}
	strike := engine.Strike{Fault: s.fault, Dose: s.dose, Duration: s.lasts}
	if err := whom(&strike, s, rest, q.Everywhere); err != nil {
		return Request{}, err
	}
	for _, f := range flags {
		if err := f.set(&q, &strike, s); err != nil {
			return Request{}, err
		}
	}
	if err := consistent(&strike, s, flags, q.Everywhere); err != nil {
		return Request{}, err
	}
	q.Strikes = []engine.Strike{strike}
	return q, nil
}

func mapped(words []string, f func(string) string) []string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		out = append(out, f(w))
	}
	return out
}

// parseFault takes the fault from the first word.
func parseFault(words []string, everywhere bool) (spec, []string, error) {
	var names []string
	for _, s := range specs {
		names = append(names, string(s.fault))
	}
	if len(words) == 0 {
		if everywhere {
			return spec{}, nil, engine.Errorf(engine.Invalid, "say which fault: `/autopilot chaos %s kill`; known: %s", randomAll, strings.Join(names, ", "))
		}
		return spec{}, nil, engine.Errorf(engine.Invalid, "say which fault and where: `/autopilot chaos kill shop/api`; known: %s, %s", strings.Join(names, ", "), randomAll)
	}
	word := strings.ToLower(words[0])
	fault := engine.Fault(word)
	if a, ok := aliases[word]; ok {
		fault = a
	}
	if s, ok := specFor(fault); ok {
		return s, words[1:], nil
	}
	if near := nearest(word, append(names, randomAll)); near != "" {
		return spec{}, nil, engine.Errorf(engine.Invalid, "`%s` is no fault; did you mean `%s`?", plain(words[0]), near)
	}
	return spec{}, nil, engine.Errorf(engine.Invalid, "`%s` is no fault; known: %s, %s", plain(words[0]), strings.Join(names, ", "), randomAll)
}

var (
	label     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	kind      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,62}$`)
)

// longest is how long a name may be in Kubernetes.
const longest = 253

func isName(s string) bool { return len(s) <= longest && subdomain.MatchString(s) }

// whom reads the place that a strike is for. Names in Kubernetes have no capitals, and phones begin each message with one.
func whom(s *engine.Strike, of spec, words []string, everywhere bool) error {
	example := "`/autopilot chaos " + string(of.fault) + " " + of.where + "`"
	switch {
	case everywhere && of.fault == engine.FaultDrain:
		return engine.Errorf(engine.Invalid, "a node is drained by its name alone: %s", example)
	case everywhere && len(words) > 0:
		return engine.Errorf(engine.Invalid, "`%s` is one word too many: %s hits every namespace that has opted in; for one of them write %s", plain(words[0]), randomAll, example)
	case everywhere:
		return nil
	case len(words) == 0:
		return engine.Errorf(engine.Invalid, "say where: %s", example)
	case len(words) > 1:
		return engine.Errorf(engine.Invalid, "`%s` is one word too many; write %s, and -flags with their values", plain(words[1]), example)
	}
	place := strings.TrimSuffix(words[0], "/")
	if of.fault == engine.FaultDrain {
		if s.Node = strings.TrimPrefix(strings.ToLower(place), "node/"); !isName(s.Node) {
			return engine.Errorf(engine.Invalid, "`%s` is no name of a node; such as ip-10-0-1-23.eu-west-1.compute.internal", plain(words[0]))
		}
		return nil
	}
	ns, workload, _ := strings.Cut(place, "/")
	if s.Namespace = strings.ToLower(ns); !label.MatchString(s.Namespace) {
		return engine.Errorf(engine.Invalid, "`%s` is no name of a namespace; write %s, such as shop/api", plain(ns), of.where)
	}
	k, name, typed := strings.Cut(workload, "/")
	if !typed {
		k, name = "", workload
	}
	name = strings.ToLower(name)
	if workload != "" && (!isName(name) || typed && !kind.MatchString(k)) {
		return engine.Errorf(engine.Invalid, "`%s` is no name of a workload; such as api, or Deployment/api", plain(workload))
	}
	if s.Workload = name; typed {
		s.Workload = k + "/" + name
	}
	return nil
}

// given tells whether a flag was written.
func given(flags []flag, name string) bool {
	return slices.ContainsFunc(flags, func(f flag) bool { return f.name == name })
}

// consistent checks what no single flag can say, and fills in how many are hit.
func consistent(s *engine.Strike, of spec, flags []flag, everywhere bool) error {
	if s.Dose.Jitter > s.Dose.Delay {
		return engine.Errorf(engine.Invalid, "-jitter %s is more than -delay %s; a packet cannot come before it was sent", s.Dose.Jitter, s.Dose.Delay)
	}
	if s.Count > 0 && s.Percent > 0 {
		return engine.Errorf(engine.Invalid, "-count and -percent say the same thing twice; keep one of them")
	}
	if s.Count == 0 && s.Percent == 0 && of.fault != engine.FaultDrain && !everywhere {
		s.Count = 1
	}
	for k, f := range flags {
		if given(flags[:k], f.name) {
			return engine.Errorf(engine.Invalid, "-%s stands there twice; keep one of them", f.name)
		}
	}
	return nil
}

// most is how many strikes one experiment has at most.
const most = 10

var bullet = regexp.MustCompile(`^(?:[-*•◦]\s+|\d{1,2}[.)]\s+)`)

// ParseSteps understands the strikes of a larger experiment: one a line, in the words of the command, each with -after for when it begins.
// Empty lines, and what follows a #, are left out. It fails with Invalid, and names the line.
func ParseSteps(text string) (Request, error) {
	var q Request
	var lines []string
	for n, raw := range strings.Split(text, "\n") {
		raw, _, _ = strings.Cut(raw, "#")
		raw = bullet.ReplaceAllString(strings.TrimSpace(raw), "")
		raw = strings.TrimPrefix(strings.TrimPrefix(raw, "/autopilot "), "chaos ")
		words := strings.Fields(raw)
		if len(words) == 0 {
			continue
		}
		at := "line " + strconv.Itoa(n+1) + ": "
		one, err := Parse(words)
		switch {
		case err != nil:
			return Request{}, engine.Errorf(engine.Invalid, "%s%s", at, engine.UserMessage(err, ""))
		case one.Everywhere:
			return Request{}, engine.Errorf(engine.Invalid, "%s%s stands alone, as a command; name the namespaces here", at, randomAll)
		case q.Cluster != "" && one.Cluster != "" && q.Cluster != one.Cluster:
			return Request{}, engine.Errorf(engine.Invalid, "%sone experiment is for one cluster; this is for %s and %s", at, q.Cluster, one.Cluster)
		case q.Seed != 0 && one.Seed != 0 && q.Seed != one.Seed:
			return Request{}, engine.Errorf(engine.Invalid, "%sone experiment has one seed; write -seed once", at)
		case len(q.Strikes) == most:
			return Request{}, engine.Errorf(engine.Invalid, "%san experiment has at most %d strikes; make two of it", at, most)
		}
		if drains := func(s engine.Strike) bool { return s.Fault == engine.FaultDrain }; slices.ContainsFunc(q.Strikes, drains) && slices.ContainsFunc(one.Strikes, drains) {
			return Request{}, engine.Errorf(engine.Invalid, "%sone experiment drains one node; its pods need another one to go to: make two of it", at)
		}
		q.Strikes = append(q.Strikes, one.Strikes...)
		if one.Cluster != "" {
			q.Cluster = one.Cluster
		}
		if one.Seed != 0 {
			q.Seed = one.Seed
		}
		lines = append(lines, one.Command)
	}
	if len(q.Strikes) == 0 {
		return Request{}, engine.Errorf(engine.Invalid, "write one strike a line, such as `network-lag shop/api -delay 200ms` and then `kill shop/db -after %s`", 30*time.Second)
	}
	q.Command = strings.Join(lines, "\n")
	return q, nil
}
