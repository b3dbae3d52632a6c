package rca

import (
	"fmt"
	"regexp"

	"github.com/eks-autopilot/autopilot/engine"
)

var oomRules = []rule{
	{name: "oom/limit", classes: []engine.Class{engine.ClassOOMKilled, engine.ClassCrashLoop, engine.ClassJobFailed}, prior: 0.9, match: outOfMemory},
	{name: "oom/node", classes: []engine.Class{engine.ClassOOMKilled}, prior: 0.6, match: nodeOutOfMemory},
}

func killedForMemory(e engine.Evidence) bool { return e.Fields["reason"] == reasonOOM }

// virtualMachine are signs of a program that sizes its heap by itself.
var virtualMachine = regexp.MustCompile(`(?i)\b(?:java|jvm|jdk|jre|-Xmx|openjdk|spring|tomcat|kotlin)`)

// outOfMemory: the kernel killed a container at its own limit.
func outOfMemory(f *facts) (finding, bool) {
	e, ok := f.first(engine.EvidenceTermination, killedForMemory)
	if !ok {
		if e, ok = f.first(engine.EvidenceContainer, killedForMemory); !ok {
			return finding{}, false
		}
	}
	limit := f.field(engine.EvidenceContainer, e.Container, "memory_limit")
	m := finding{strength: 1, pro: []string{e.ID}}
	m.step = engine.Step{Text: "Raise the memory limit, after a look at how much it uses.", Field: f.path(e.Container, "resources.limits.memory"), Runbook: runbooks + "oom-killed.md"}
	if limit == "" {
		m.strength = 0.6
		m.title = fmt.Sprintf("container %s was killed for its memory", e.Container)
		m.text = "OOMKilled by the kernel: its limit is not known, or it has none and the node ran out."
		m.step.Text = "Set a memory limit, and a request that the scheduler can plan with."
	} else {
		m.title = fmt.Sprintf("container %s needs more memory than its limit of %s", e.Container, limit)
		m.text = "The kernel killed it (OOMKilled) when it reached the limit."
		if c, ok := f.first(engine.EvidenceContainer, func(c engine.Evidence) bool { return c.Container == e.Container }); ok {
			m.pro = append(m.pro, c.ID)
		}
	}
	for _, a := range f.kind[engine.EvidenceAlert] {
		if a.Fields["alertname"] == "AutopilotHighMemory" || a.Fields["alertname"] == "AutopilotOOMKilled" {
			m.pro = append(m.pro, a.ID)
			m.text += " " + quote(a.Text, 140) + "."
		}
	}
	for _, l := range f.kind[engine.EvidenceLog] {
		if l.Container == e.Container && virtualMachine.MatchString(l.Text) {
			m.text += " It looks like a Java program: its heap (-XX:MaxRAMPercentage) must leave room below the limit."
			break
		}
	}
	m.because(f, "resources", "image", "env")
	m.otherwise(f.kubectl("top pods --containers"))
	return m, true
}

// nodeOutOfMemory: the node ran out, and the kernel chose this container although it was below its limit.
func nodeOutOfMemory(f *facts) (finding, bool) {
	e, ok := f.first(engine.EvidenceTermination, killedForMemory)
	n, pressed := f.first(engine.EvidenceNode, func(n engine.Evidence) bool { return regexpMemory.MatchString(n.Fields["pressure"]) })
	if !ok || !pressed {
		return finding{}, false
	}
	return finding{
		strength: 1, pro: []string{n.ID, e.ID}, title: fmt.Sprintf("node %s ran out of memory", n.Object.Name),
		text: "The node reports memory pressure: the kernel may have killed this container for the sake of others.",
		step: engine.Step{Text: "See what uses the node's memory, and set requests that add up to what it has.", Command: "kubectl top pods -A --sort-by=memory", Runbook: runbooks + "high-memory.md"},
	}, true
}

var regexpMemory = regexp.MustCompile(`\bMemoryPressure\b`)
