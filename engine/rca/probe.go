package rca

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// specified is the port and path in the words of a probe.
var specified = regexp.MustCompile(`(?:GET https? \S*|connect to \S*)(:\S+)`)

var probeClasses = []engine.Class{engine.ClassProbeFailing, engine.ClassRolloutStuck, engine.ClassReplicasMissing, engine.ClassCrashLoop}

var probeRules = []rule{
	{name: "probe/after-change", classes: probeClasses, prior: 0.9, match: func(f *facts) (finding, bool) {
		p, ok := f.failingProbe()
		change, changed := f.change("probe")
		if !ok || !changed {
			return finding{}, false
		}
		m := p.finding(f)
		m.title = fmt.Sprintf("the %s probe fails since it was changed: %s", p.kind, probeEdit(change))
		m.text = "The container does not answer as the new probe asks."
		m.pro = append(m.pro, change.ID)
		m.step = engine.Step{Text: "Correct the probe, or let the container answer it.", Field: f.path(p.container, p.kind+"Probe")}
		m.goBack(f, change)
		return m, true
	}},
	probe("probe/slow-start", 0.72, func(f *facts, p failing) (string, string, engine.Step, bool) {
		return fmt.Sprintf("container %s is killed before it has started", p.container),
			fmt.Sprintf("Its %s probe gives up before it answers for the first time.", p.kind),
			engine.Step{Text: "Give it a startup probe that lasts as long as its slowest start.", Field: f.path(p.container, "startupProbe.failureThreshold")}, f.starts(p)
	}),
	probe("probe/status", 0.8, func(f *facts, p failing) (string, string, engine.Step, bool) {
		g := status.FindStringSubmatch(p.message)
		if g == nil {
			return "", "", engine.Step{}, false
		}
		text := "It answers, and says that it is not well."
		switch g[1][0] {
		case '4':
			text = "The path is not there, or the kubelet may not ask for it."
		case '3':
			text = "It redirects to another host, where the kubelet does not follow."
		}
		return fmt.Sprintf("the %s probe gets HTTP %s from %s", p.kind, g[1], or(p.target(), p.container)), text,
			engine.Step{Text: "Read what the container wrote while it was asked.", Command: f.logs(p.container), Field: f.path(p.container, p.kind+"Probe")}, true
	}),
	probe("probe/refused", 0.72, func(f *facts, p failing) (string, string, engine.Step, bool) {
		return fmt.Sprintf("nothing answers the %s probe at %s", p.kind, or(p.target(), "its address")),
			"The connection is refused: the program does not listen there, listens on localhost alone, or has not got so far.",
			engine.Step{Text: "Compare the probe's port and path with what the container listens on.", Field: f.path(p.container, p.kind+"Probe")}, refuses.MatchString(p.message) && !f.starts(p)
	}),
	probe("probe/timeout", 0.72, func(f *facts, p failing) (string, string, engine.Step, bool) {
		return fmt.Sprintf("the %s probe gets no answer in time", p.kind),
			"The program is there and answers late: it is overloaded, throttled at its CPU limit, or waits for another.",
			engine.Step{Text: "See whether it is at its CPU limit or waits for a dependency, before the timeout is raised.", Command: f.kubectl("top pods --containers"), Field: f.path(p.container, p.kind+"Probe.timeoutSeconds"), Runbook: runbooks + "high-cpu.md"}, late.MatchString(p.message)
	}),
	probe("probe/command", 0.65, func(f *facts, p failing) (string, string, engine.Step, bool) {
		return fmt.Sprintf("the command of the %s probe fails", p.kind), "The probe runs a command in the container, and that says no or is not there.",
			engine.Step{Text: "Run the probe's command in the container.", Field: f.path(p.container, p.kind+"Probe.exec.command")}, !refuses.MatchString(p.message) && !late.MatchString(p.message) && !status.MatchString(p.message)
	}),
}

var (
	status  = regexp.MustCompile(`(?i)HTTP probe failed with status ?code: (\d{3})`)
	refuses = regexp.MustCompile(`(?i)(?:connection refused|connect: no route|failed to connect service|EOF|connection reset)`)
	late    = regexp.MustCompile(`(?i)(?:context deadline exceeded|Client\.Timeout|timeout|timed out|i/o timeout)`)
	probed  = regexp.MustCompile(`^(Liveness|Readiness|Startup) probe (?:failed|errored)\S*:? *((?s:.*))`)
	asked   = regexp.MustCompile(`https?://[^\s":]*:(\d+[^\s":]*)`)
)

// failing is a probe that says no.
type failing struct {
	kind, container, message, spec string
	ids                            []string
}

// failingProbe finds the probe that fails: a liveness or startup probe before a readiness probe, for those kill.
func (f *facts) failingProbe() (failing, bool) {
	var best failing
	take := func(e engine.Evidence, message string) {
		g := probed.FindStringSubmatch(message)
		if age, known := f.age(e); g == nil || known && age > overSince {
			return
		}
		kind := strings.ToLower(g[1])
		container := or(e.Container, e.Fields["container"])
		switch {
		case best.kind == "", best.kind == "readiness" && kind != "readiness":
			best = failing{kind: kind, container: container, message: message, ids: []string{e.ID}}
		case best.kind == kind && len(best.ids) < maxIDs:
			best.ids = append(best.ids, e.ID)
		}
		if e.Fields["spec"] != "" && best.kind == kind {
			best.spec = e.Fields["spec"]
		}
	}
	for _, e := range f.kind[engine.EvidenceProbe] {
		take(e, e.Fields["message"])
	}
	for _, e := range f.kind[engine.EvidenceEvent] {
		if e.Fields["reason"] == "Unhealthy" {
			take(e, e.Fields["message"])
		}
	}
	return best, best.kind != ""
}

// target is the port and path that the probe asks: ":8081/healthz".
func (p failing) target() string {
	for _, text := range []string{p.message, p.spec} {
		if g := asked.FindStringSubmatch(text); g != nil {
			return ":" + g[1]
		}
	}
	if g := specified.FindStringSubmatch(p.spec); g != nil {
		return g[1]
	}
	return ""
}

func (p failing) finding(f *facts) finding {
	m := finding{strength: 1, pro: p.ids}
	if p.kind != "readiness" {
		m.pro = append(m.pro, f.ids(engine.EvidenceTermination, func(e engine.Evidence) bool { return e.Container == p.container })...)
	}
	if !f.is(engine.ClassProbeFailing) {
		m.strength = 0.45 // it fails beside another problem, and may follow from it
	}
	return m
}

func probe(name string, prior float64, say func(*facts, failing) (title, text string, step engine.Step, ok bool)) rule {
	return rule{name: name, classes: probeClasses, prior: prior, match: func(f *facts) (finding, bool) {
		p, ok := f.failingProbe()
		if _, changed := f.change("probe"); !ok || changed {
			return finding{}, false
		}
		title, text, step, ok := say(f, p)
		if !ok {
			return finding{}, false
		}
		m := p.finding(f)
		m.title, m.step = title, step
		m.text = text
		m.because(f, "image", "env", "resources", "command", "args")
		return m, true
	}}
}

// killedByProbe gives the evidence that a liveness or startup probe failed: such a container is killed by the kubelet.
func (f *facts) killedByProbe() []string {
	if p, ok := f.failingProbe(); ok && p.kind != "readiness" {
		return p.ids
	}
	return nil
}

// starts tells whether a probe kills a container that has not got so far as to answer it once.
func (f *facts) starts(p failing) bool {
	ran, ok := f.ran(p.container)
	early := p.kind == "startup" || (p.kind == "liveness" && ok && ran < 3*time.Minute && !f.everReady(p.container))
	return early && refuses.MatchString(p.message)
}

// ran is how long a container ran before it ended last.
func (f *facts) ran(container string) (time.Duration, bool) {
	for _, e := range f.kind[engine.EvidenceTermination] {
		if e.Container != container {
			continue
		}
		from, err1 := time.Parse(time.RFC3339, e.Fields["started_at"])
		to, err2 := time.Parse(time.RFC3339, e.Fields["finished_at"])
		return to.Sub(from), err1 == nil && err2 == nil
	}
	return 0, false
}

// everReady tells whether a container is ready now in any pod.
func (f *facts) everReady(container string) bool {
	return slices.ContainsFunc(f.kind[engine.EvidenceContainer], func(e engine.Evidence) bool {
		return e.Container == container && e.Fields["ready"] == "true"
	})
}

// probeEdit says what about a probe was changed, without the words that both sides share.
func probeEdit(e engine.Evidence) string {
	from, to := strings.Fields(e.Fields["from"]), strings.Fields(e.Fields["to"])
	var was, is []string
	for _, w := range from {
		if !slices.Contains(to, w) {
			was = append(was, w)
		}
	}
	for _, w := range to {
		if !slices.Contains(from, w) {
			is = append(is, w)
		}
	}
	if len(was) == 0 || len(is) == 0 {
		return quote(changeText(e), 120)
	}
	return quote(strings.Join(was, " ")+" → "+strings.Join(is, " "), 120)
}
