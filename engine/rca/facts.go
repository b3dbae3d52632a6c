package rca

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// changeBefore is how long before the onset a change is still suspected of it, changeAfter how long after: clocks differ a
	// little. What was changed later is a repair: within seconds, when a script or a quick hand made it.
	changeBefore = 30 * time.Minute
	changeAfter  = 3 * time.Second
	// passed is how long before the onset an event or a line of a log may be to still speak for a cause: what a pod met when it started, and
	// overcame, is not why it fails an hour later.
	passed = 15 * time.Minute
	// overSince is the same for a probe that failed, and for a line of a program that runs on and is ready: each container refuses the first
	// probes, before it listens, and complains of those who are not there yet when it starts.
	overSince = 2 * time.Minute
)

// facts is the evidence, as rules ask for it.
type facts struct {
	i    engine.Incident
	now  time.Time
	kind map[engine.EvidenceKind][]engine.Evidence
}

func newFacts(i engine.Incident, evidence []engine.Evidence, now time.Time) *facts {
	f := &facts{i: i, now: now, kind: map[engine.EvidenceKind][]engine.Evidence{}}
	for _, e := range evidence {
		f.kind[e.Kind] = append(f.kind[e.Kind], e)
	}
	return f
}

func (f *facts) of(k engine.EvidenceKind) []engine.Evidence { return f.kind[k] }

func (f *facts) is(c engine.Class) bool { return slices.Contains(f.i.Classes, c) }

// first gives the first evidence of a kind that a test accepts.
func (f *facts) first(k engine.EvidenceKind, test func(engine.Evidence) bool) (engine.Evidence, bool) {
	for _, e := range f.kind[k] {
		if test(e) {
			return e, true
		}
	}
	return engine.Evidence{}, false
}

// ids are the ids of the evidence of a kind that a test accepts.
func (f *facts) ids(k engine.EvidenceKind, test func(engine.Evidence) bool) []string {
	var out []string
	for _, e := range f.kind[k] {
		if test(e) {
			out = append(out, e.ID)
		}
	}
	return out[:min(len(out), maxIDs)]
}

// maxIDs is how many lines of one kind a cause names: they repeat one another.
const maxIDs = 3

// said is a text of the kubelet, the scheduler or a controller: an event's, or that of the state of a pod or container.
type said struct {
	id, text, container string
}

// messages are all such texts: those of states first, for they are of now.
func (f *facts) messages() []said {
	var out []said
	for _, k := range []engine.EvidenceKind{engine.EvidenceContainer, engine.EvidenceTermination, engine.EvidencePod, engine.EvidenceProbe, engine.EvidenceRollout, engine.EvidenceJob, engine.EvidenceNode, engine.EvidenceCondition, engine.EvidenceEvent} {
		for _, e := range f.kind[k] {
			if text := e.Fields["message"]; text != "" && !f.over(e) {
				out = append(out, said{e.ID, text, e.Container})
			}
		}
	}
	return out
}

// over tells whether what was said, once or for the last time, was long over when the trouble began.
func (f *facts) over(e engine.Evidence) bool {
	limit := passed
	if e.Kind == engine.EvidenceLog && e.Fields["previous"] == "false" && f.everReady(e.Container) {
		limit = overSince // whoever wrote it went on, and served
	}
	return (e.Kind == engine.EvidenceEvent || e.Kind == engine.EvidenceLog) && !e.At.IsZero() && !f.i.StartedAt.IsZero() && f.i.StartedAt.Sub(e.At) > limit
}

// heard finds the texts that match, and gives the groups of the first match.
func (f *facts) heard(re *regexp.Regexp) (groups []string, ids []string) {
	for _, m := range f.messages() {
		g := re.FindStringSubmatch(m.text)
		if g == nil {
			continue
		}
		if groups == nil {
			groups = g
		}
		if len(ids) < maxIDs {
			ids = append(ids, m.id)
		}
	}
	return groups, ids
}

// change finds an edit of one of the kinds that was made shortly before the trouble began.
func (f *facts) change(kinds ...string) (engine.Evidence, bool) {
	return f.first(engine.EvidenceChange, func(e engine.Evidence) bool {
		if len(kinds) > 0 && !slices.Contains(kinds, e.Fields["what"]) || e.Fields["what"] == "created" || takenBack(e) {
			return false
		}
		age, ok := f.age(e)
		return ok && age <= changeBefore && age >= -changeAfter
	})
}

// takenBack tells whether a change only put back what another one had changed minutes before.
func takenBack(e engine.Evidence) bool { return e.Fields["back_after"] != "" }

// age is how long before the onset a change was made.
func (f *facts) age(e engine.Evidence) (time.Duration, bool) {
	if d, err := time.ParseDuration(e.Fields["age"]); err == nil {
		return d, true
	}
	if e.At.IsZero() || f.i.StartedAt.IsZero() {
		return 0, false
	}
	return f.i.StartedAt.Sub(e.At), true
}

// changeText says an edit in words: "image api:1 → api:2 (container api)".
func changeText(e engine.Evidence) string {
	what, from, to := e.Fields["what"], e.Fields["from"], e.Fields["to"]
	if what == "" {
		return e.Text
	}
	text := what
	switch {
	case what == "configmap":
		return "ConfigMap " + or(from, to) + " was edited"
	case from == "" && to != "":
		text += " added: " + to
	case to == "" && from != "":
		text += " removed: " + from
	case from != "":
		text += " " + from + " → " + to
	}
	if c := e.Fields["container"]; c != "" {
		text += " (container " + c + ")"
	}
	if takenBack(e) {
		text += ", back to what it was " + e.Fields["back_after"] + " before"
	}
	return text
}

// field gives a named field of the first evidence of a kind about a container; "" when it is not known. A container of "" is any.
func (f *facts) field(k engine.EvidenceKind, container, name string) string {
	for _, e := range f.kind[k] {
		if (container == "" || e.Container == container) && e.Fields[name] != "" {
			return e.Fields[name]
		}
	}
	return ""
}

// suspect is the container that is in trouble: the one that ended badly, or waits, or that a signal names.
func (f *facts) suspect() string {
	for _, e := range f.kind[engine.EvidenceTermination] {
		if code, ok := exitCode(e); ok && code != 0 {
			return e.Container
		}
	}
	for _, e := range f.kind[engine.EvidenceContainer] {
		if e.Fields["state"] == "waiting" || e.Fields["ready"] == "false" {
			return e.Container
		}
	}
	for _, s := range f.i.Signals {
		if s.Container != "" {
			return s.Container
		}
	}
	for _, e := range f.kind[engine.EvidenceContainer] {
		return e.Container
	}
	return ""
}

func exitCode(e engine.Evidence) (int, bool) {
	n, err := strconv.Atoi(e.Fields["exit_code"])
	return n, err == nil
}

// name is what Kubernetes allows in names. Commands are built of nothing else.
var nameRE = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// kubectl builds a command to be copied. It is "" unless every name in it is a Kubernetes name, so that nothing from outside
// can reach a shell. In format, every verb is a %s of a name.
func (f *facts) kubectl(format string, names ...string) string {
	args := make([]any, len(names))
	for k, n := range names {
		if !nameRE.MatchString(n) {
			return ""
		}
		args[k] = n
	}
	prefix := "kubectl "
	if ns := f.i.Workload.Namespace; ns != "" {
		if !nameRE.MatchString(ns) {
			return ""
		}
		prefix += "-n " + ns + " "
	}
	return prefix + fmt.Sprintf(format, args...)
}

// resource is the workload's kind as kubectl writes it.
func (f *facts) resource() string { return strings.ToLower(f.i.Workload.Kind) }

// describe is the command that shows all that Kubernetes knows of an object.
func (f *facts) describe(kind, name string) string {
	return f.kubectl("describe %s %s", strings.ToLower(kind), name)
}

// path is the field of a container in the workload's manifest.
func (f *facts) path(container, rest string) string {
	list := "containers"
	for _, e := range f.kind[engine.EvidenceContainer] {
		if e.Container == container && e.Fields["init"] == "true" {
			list = "initContainers"
		}
	}
	if container == "" {
		return f.podField(list + "[*]." + rest)
	}
	return f.podField(fmt.Sprintf("%s[name=%s].%s", list, container, rest))
}

// podField is a field of the pod's spec in the workload's manifest.
func (f *facts) podField(rest string) string {
	switch f.i.Workload.Kind {
	case "CronJob":
		return "spec.jobTemplate.spec.template.spec." + rest
	case "Pod":
		return "spec." + rest
	}
	return "spec.template.spec." + rest
}

const runbooks = "https://github.com/eks-autopilot/autopilot/blob/main/deploy/runbooks/"

// quote shortens a text from outside for a title.
func quote(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// core is what a gRPC error says, without the layers that it came through.
func core(message string) string {
	if k := strings.LastIndex(message, "desc = "); k >= 0 {
		return message[k+len("desc = "):]
	}
	return message
}
