package rca

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// lostRules say who took pods away that were well and wanted, and who ended a container that ran well.
var lostRules = []rule{
	gone("evict/api", "EvictionByEvictionAPI", "was evicted through the API", "were evicted through the API",
		"The API server marked it so (EvictionByEvictionAPI). No node is being emptied, so it was a person, a script or a tool that leaves no other mark."),
	gone("evict/deleted", "", "was deleted through the API", "were deleted through the API",
		"Its controller wanted it, and no node was being emptied: a person or a program deleted it."),
	{name: "evict/preempted", classes: []engine.Class{engine.ClassReplicasMissing, engine.ClassUnschedulable}, prior: 0.85, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidencePod, func(e engine.Evidence) bool { return e.Fields["disruption"] == "PreemptionByScheduler" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "pod " + e.Object.Name + " had to give way to one of higher priority", text: "There was no room for both, and the scheduler chose by priority.",
			step: engine.Step{Text: "Add room, or give the workload a priority that says what it is worth.", Command: "kubectl get priorityclasses", Field: f.podField("priorityClassName")},
		}, true
	}},
	{name: "exit/signalled", classes: []engine.Class{engine.ClassCrashLoop, engine.ClassProbeFailing}, prior: 0.85, match: signalled},
}

// replaced is how long a pod that was lost may explain that others are not ready.
const replaced = 45 * time.Second

// gone makes a rule of pods that were lost for a reason of the API server's.
func gone(name, reason, one, many, text string) rule {
	return rule{name: name, classes: []engine.Class{engine.ClassReplicasMissing}, prior: 0.93, match: func(f *facts) (finding, bool) {
		was := func(e engine.Evidence) bool { return e.Fields["lost"] == "true" && e.Fields["disruption"] == reason }
		ids := f.ids(engine.EvidencePod, was)
		e, ok := f.first(engine.EvidencePod, was)
		if !ok {
			return finding{}, false
		}
		title := "pod " + e.Object.Name + " " + one
		if len(ids) > 1 {
			title = fmt.Sprintf("pod %s and others %s", e.Object.Name, many)
		}
		m := finding{
			strength: 1, pro: ids, title: title, text: text,
			step: engine.Step{
				Text:    "Find out who in the audit log of the API server (on EKS: CloudWatch, verb " + verb(reason) + "); its controller makes another pod by itself.",
				Command: f.kubectl("get pods -o wide"), Runbook: runbooks + "replicas-missing.md",
			},
		}
		// Another pod comes within seconds. What fails long after that fails by itself.
		if p, failing := f.first(engine.EvidenceProbe, func(p engine.Evidence) bool { return p.At.Sub(e.At) > replaced }); failing && !e.At.IsZero() {
			m.strength, m.contra = 0.3, []string{p.ID}
		}
		return m, true
	}}
}

// verb is how the audit log calls what took a pod away.
func verb(reason string) string {
	if reason == "" {
		return "delete of pods"
	}
	return "create of pods/eviction"
}

const (
	// ranWell is how long a container must have run for its end not to be its own failure to start.
	ranWell = 20 * time.Second
	// fewEnds is how often it may have ended: what ends over and over, each time after less than ranLong, does so by itself.
	fewEnds = 2
	ranLong = 2 * time.Minute
)

// toldToEnd matches what programs write when they are told to end.
var toldToEnd = regexp.MustCompile(`(?i)\b(?:SIG(?:TERM|INT|QUIT|HUP|KILL|ABRT|USR[12])|received (?:a )?(?:signal|terminat\w+|interrupt)|(?:caught|got) signal|signal: (?:terminated|killed|quit)|shutting down|graceful(?:ly)? (?:shutdown|stop)\w*|stopping|terminating)\b`)

// signalCodes are the exit codes of a program that a signal ended, as a shell and a container runtime count them, and what the signal is.
var signalCodes = map[string]string{"129": "SIGHUP", "130": "SIGINT", "131": "SIGQUIT", "137": "SIGKILL", "138": "SIGUSR1", "140": "SIGUSR2", "143": "SIGTERM"}

// signalled finds a container that ran well until it was told to end, by nobody who would have had to: no probe, no want of memory, no end of
// its pod.
func signalled(f *facts) (finding, bool) {
	for _, e := range f.kind[engine.EvidenceTermination] {
		long, _ := lived(e)
		if !f.ranWell(e) || killedForMemory(e) || f.probeEnded(e) || !f.is(engine.ClassCrashLoop) && f.endedBefore(e) {
			continue
		}
		said := f.ids(engine.EvidenceLog, func(l engine.Evidence) bool {
			return l.Container == e.Container && l.Fields["previous"] == "true" && toldToEnd.MatchString(or(l.Fields["line"], l.Text))
		})
		name, code := signalCodes[e.Fields["exit_code"]], e.Fields["exit_code"]
		switch {
		case name == "" && e.Fields["signal"] != "" && e.Fields["signal"] != "0":
			name = "signal " + e.Fields["signal"]
		case name == "" && len(said) > 0 && (code == "0" || code == "2" || code == "1"):
			name = "a signal" // the program heard it, and chose its code itself
		case name == "":
			continue
		}
		m := finding{
			strength: 0.95, pro: append([]string{e.ID}, said...), title: fmt.Sprintf("container %s was ended by %s from outside", e.Container, name),
			text: "It ran well for " + long.Round(time.Second).String() + ", no probe failed, and its memory was not the reason: somebody signalled its first process, by exec or on the node.",
			step: engine.Step{Text: "Find out who: exec shows in the API server's audit log (pods/exec, pods/ephemeralcontainers), the rest on the node.", Command: f.previous(e), Runbook: runbooks + "crash-loop.md"},
		}
		if len(said) > 0 {
			m.strength = 1
		}
		if c, changed := f.change(); changed {
			m.strength *= 0.8
			m.contra = []string{c.ID}
		}
		return m, true
	}
	return finding{}, false
}

// endedBefore tells whether a container ended too long before the onset for the end to be what is told of.
func (f *facts) endedBefore(e engine.Evidence) bool {
	end, err := time.Parse(time.RFC3339, e.Fields["finished_at"])
	return err != nil || end.Before(f.i.StartedAt.Add(-time.Minute))
}

// probeEnded tells whether a container may have ended since a liveness or startup probe failed. One that failed once, as it ended or after,
// found nobody who answers.
func (f *facts) probeEnded(e engine.Evidence) bool {
	if f.killedByProbe() == nil {
		return false
	}
	end, err := time.Parse(time.RFC3339, e.Fields["finished_at"])
	once := false
	for _, v := range f.kind[engine.EvidenceEvent] {
		text := v.Fields["message"]
		switch {
		case v.Object.Name != e.Object.Name || !strings.Contains(text, "probe") || strings.HasPrefix(text, "Readiness"):
		case v.Fields["reason"] == "Killing", v.Fields["count"] != "1", err != nil, v.At.Before(end.Add(-time.Second)):
			return true
		default:
			once = true
		}
	}
	return !once
}

func (f *facts) ranWell(e engine.Evidence) bool {
	long, ok := lived(e)
	restarts, err := strconv.Atoi(e.Fields["restarts"])
	return ok && long >= ranWell && (long >= ranLong || err == nil && restarts <= fewEnds)
}

// lived is how long a container ran before it ended.
func lived(e engine.Evidence) (time.Duration, bool) {
	began, err := time.Parse(time.RFC3339, e.Fields["started_at"])
	end, err2 := time.Parse(time.RFC3339, e.Fields["finished_at"])
	return end.Sub(began), err == nil && err2 == nil
}

// previous is the command that shows what a container wrote before its end.
func (f *facts) previous(e engine.Evidence) string {
	return f.kubectl("logs %s -c %s --previous", e.Object.Name, e.Container)
}
