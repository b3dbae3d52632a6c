package rca

import (
	"fmt"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// exitRules read the exit code, when the container said nothing that we understand. Their priors are low: a code says how, not why.
var exitRules = []rule{
	exit("exit/not-executable", 126, 0.7, "the command cannot be executed", "Exit code 126: the file is there and may not be run.", "command"),
	exit("exit/command-not-found", 127, 0.7, "the command was not found", "Exit code 127: the shell found no such program in the image.", "command"),
	exit("exit/segfault", 139, 0.65, "the program crashed with a segmentation fault", "Exit code 139: it touched memory that is not its own.", ""),
	exit("exit/aborted", 134, 0.6, "the program aborted itself", "Exit code 134: it found itself in a state that it does not allow.", ""),
	exit("exit/interrupted", 130, 0.5, "the program was interrupted", "Exit code 130: it got SIGINT, as from a terminal or a script around it.", ""),
	exit("exit/out-of-range", 255, 0.4, "the program ended with a code out of range", "Exit code 255: a script's exit -1, or a runtime that lost its process.", ""),
	exit("exit/killed", 137, 0.45, "the container was killed, and not for its memory", "Exit code 137 without OOMKilled: something sent SIGKILL, such as the kubelet when the grace period was over.", ""),
	exit("exit/terminated", 143, 0.45, "the container was asked to end", "Exit code 143: SIGTERM came from outside, as after a failed liveness probe, a drain or a preemption.", ""),
	exit("exit/completed", 0, 0.75, "the program ends by itself and is started again", "Exit code 0: it has finished its work. It should run on, or be a Job.", "command"),
	{general: true, name: "exit/error", classes: []engine.Class{engine.ClassCrashLoop, engine.ClassJobFailed, engine.ClassRolloutStuck}, prior: 0.3, match: func(f *facts) (finding, bool) {
		e, code, ok := f.end(func(code int) bool {
			return !slices.Contains(codes, code)
		})
		if !ok || e.Fields["reason"] == reasonOOM || f.telling() {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: []string{e.ID}, title: fmt.Sprintf("the program ends with exit code %d", code),
			text: "What the code means is the program's own; its log names no known cause.",
			step: engine.Step{Text: "Read what it wrote before it ended.", Command: f.logs(e.Container), Runbook: runbooks + "crash-loop.md"},
		}
		m.because(f)
		return m, true
	}},
}

// codes are those that mean the same in every program.
var codes = []int{0, 126, 127, 130, 134, 137, 139, 143, 255}

// reasonOOM is the kubelet's word for a container that the kernel killed for its memory.
const reasonOOM = "OOMKilled"

func exit(name string, code int, prior float64, title, text, field string) rule {
	return rule{general: true, name: name, classes: []engine.Class{engine.ClassCrashLoop, engine.ClassJobFailed, engine.ClassRolloutStuck}, prior: prior, match: func(f *facts) (finding, bool) {
		e, _, ok := f.end(func(c int) bool { return c == code })
		if !ok || e.Fields["reason"] == reasonOOM {
			return finding{}, false
		}
		if _, _, failed := f.end(func(c int) bool { return c != 0 }); failed && code == 0 {
			return finding{}, false // a container beside the one that fails
		}
		m := finding{
			strength: 1, pro: []string{e.ID}, title: title, text: text,
			step: engine.Step{Text: "Read what it wrote before it ended.", Command: f.logs(e.Container), Runbook: runbooks + "crash-loop.md"},
		}
		if field != "" {
			m.step.Field = f.path(e.Container, field)
		}
		if (code == 137 || code == 143) && f.killedByProbe() != nil {
			m.strength = 0.4
			m.contra = f.killedByProbe()
		}
		m.because(f, "image", "command", "args", "env", "probe")
		return m, true
	}}
}

// end gives the first end of a container whose exit code a test accepts.
func (f *facts) end(test func(code int) bool) (engine.Evidence, int, bool) {
	for _, e := range f.kind[engine.EvidenceTermination] {
		if code, ok := exitCode(e); ok && test(code) {
			return e, code, true
		}
	}
	return engine.Evidence{}, 0, false
}
