package rca

import (
	"regexp"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// because adds a recent change to a finding: it makes it likelier, and the text says so. Where the change is of one of the kinds
// that can cause what was found, going back is the quickest remedy, and becomes part of the step.
func (m *finding) because(f *facts, kinds ...string) {
	e, ok := f.change(kinds...)
	if !ok {
		return
	}
	m.pro = append(m.pro, e.ID)
	m.strength = min(1, m.strength*1.15)
	if last := lastChange(f); last != nil && last.Text == changeText(e) && last.At.Equal(e.At) {
		m.text += " The last change fits that."
	} else {
		m.text += " Changed shortly before: " + quote(changeText(e), 160) + "."
	}
	if len(kinds) > 0 {
		m.goBack(f, e)
	}
	m.text = strings.TrimSpace(m.text)
}

// inGit matches those who put back whatever is changed in the cluster by hand.
var inGit = regexp.MustCompile(`^(argocd|kustomize-controller|helm-controller|flux)\S*`)

// takesBack names what undoes a change of a workload by hand, because it deploys the workload from Git; "" for nothing.
func takesBack(change engine.Evidence) string {
	return or(inGit.FindString(change.Fields["by"]), change.Fields["git"])
}

// goBack makes the way back part of the step: by a rollback, or in Git where a controller would undo that. An edit of a
// ConfigMap has no revision to go back to.
func (m *finding) goBack(f *facts, change engine.Evidence) {
	undo, back := f.undo(), "bring back the revision before"
	if change.Fields["what"] == "replicas" {
		undo, back = f.scaleBack(change), "scale it back"
	}
	if undo == "" || change.Fields["what"] == "configmap" {
		return
	}
	who := takesBack(change)
	if who != "" {
		back, undo = "revert the change in Git ("+who+" takes back what is done by hand)", ""
	}
	first, looks := strings.CutPrefix(m.step.Text, "Read ")
	switch {
	case looks:
		m.step.Text = strings.ToUpper(back[:1]) + back[1:] + "; then read " + first
	case undo != "":
		m.step.Text = strings.TrimSuffix(m.step.Text, ".") + "; until then " + back + ":"
	default:
		m.step.Text = strings.TrimSuffix(m.step.Text, ".") + "; until then " + back + "."
	}
	if undo != "" || !looks {
		m.step.Command = undo
	}
}

// otherwise gives the step a command when it has none yet.
func (m *finding) otherwise(command string) {
	if m.step.Command == "" {
		m.step.Command = command
	}
}

// undo is the command that rolls the workload back; "" for kinds that cannot be.
func (f *facts) undo() string {
	switch f.i.Workload.Kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		return f.kubectl("rollout undo %s/%s", f.resource(), f.i.Workload.Name)
	}
	return ""
}

// scaleBack is the command that gives a workload the number of replicas that it had before a change.
func (f *facts) scaleBack(change engine.Evidence) string {
	return f.kubectl("scale %s/%s --replicas %s", f.resource(), f.i.Workload.Name, change.Fields["from"])
}

// logs is the command that shows what a container wrote: of the run that failed, and of the pod in which it did. That of the
// workload would be any pod's, and that of a well one first.
func (f *facts) logs(container string) string {
	pod, previous := "", true
	for _, k := range []engine.EvidenceKind{engine.EvidenceTermination, engine.EvidenceLog, engine.EvidenceContainer, engine.EvidenceProbe, engine.EvidenceEvent} {
		of := func(e engine.Evidence) bool {
			return e.Object.Kind == "Pod" && (container == "" || e.Container == container)
		}
		e, ok := f.first(k, func(e engine.Evidence) bool {
			return of(e) && e.Fields["exit_code"] != "0" && e.Fields["ready"] != "true"
		})
		if !ok && k == engine.EvidenceTermination {
			e, ok = f.first(k, of) // ended well, and should not have ended
		}
		if ok {
			pod, previous = e.Object.Name, k == engine.EvidenceTermination || e.Fields["previous"] == "true"
			break
		}
	}
	_, over := f.first(engine.EvidenceContainer, func(e engine.Evidence) bool {
		return e.Object.Name == pod && e.Container == container && e.Fields["state"] == "terminated"
	})
	args := []string{"logs " + f.resource() + "/%s", f.i.Workload.Name}
	switch f.i.Workload.Kind {
	case "Deployment", "StatefulSet", "DaemonSet", "Job", "Pod":
	default:
		if pod == "" {
			return "" // kubectl reads no logs of such a kind
		}
	}
	if pod != "" {
		args = []string{"logs %s", pod}
	}
	if container != "" {
		args = append(args, container)
		args[0] += " -c %s"
	}
	if previous && !over && pod != "" {
		args[0] += " --previous"
	}
	return f.kubectl(args[0]+" --tail=100", args[1:]...)
}
