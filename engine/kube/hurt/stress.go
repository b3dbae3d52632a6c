package hurt

import (
	"context"
	_ "embed"
	"math"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// The scripts that hold a fault in a container with a shell: one joins what is said to it and the time, the other holds the fault.
var (
	//go:embed stress.sh
	stressScript string
	//go:embed hold.sh
	holdScript string
)

// lookScript lists the processes that carry a handle in their environment, ends them, and says at last that it has seen all.
const lookScript = `for p in /proc/[0-9]*; do
  case "$(cat "$p/environ" 2>/dev/null | tr '\000' ' ')" in *"AUTOPILOT_CHAOS=$0 "*) kill -9 "${p#/proc/}" 2>/dev/null && echo "${p#/proc/}" ;; esac
done; echo seen`

// amount is how much a stress takes, in cores or bytes.
func amount(s engine.Strike, c corev1.Container) float64 {
	if s.Fault == engine.FaultCPU {
		if s.Dose.CPU > 0 {
			return s.Dose.CPU
		}
		return cores(c)
	}
	if s.Dose.Memory > 0 {
		return float64(s.Dose.Memory)
	}
	return math.Floor(full * float64(c.Resources.Limits.Memory().Value()))
}

// full is the share of its limit up to which memory is filled, with what is used of it anyhow: enough to be noticed, and not to be killed for.
const full = 0.9

// likely is what a container may be taken to use where nobody looks: what it asks for, and half its limit at most.
func likely(c corev1.Container) float64 {
	return min(float64(c.Resources.Requests.Memory().Value()), float64(c.Resources.Limits.Memory().Value())/2)
}

// filled tells whether a stress fills memory up, rather than taking what its dose says.
func filled(s engine.Strike) bool { return s.Fault == engine.FaultMemory && s.Dose.Memory == 0 }

// stressCommand is what the container runs. A shell burns whole cores, which the container's limit cuts to what it allows.
func (b *blow) stressCommand(c corev1.Container) []string {
	kind, much := "memory", amount(b.strike, c)
	if b.strike.Fault == engine.FaultCPU {
		kind, much = "cpu", math.Ceil(much)
	}
	if filled(b.strike) {
		kind = "upto"
	}
	seconds := int(math.Ceil(b.lasts().Seconds()))
	return []string{
		"sh", "-c", stressScript, holdScript, b.handle, strconv.Itoa(seconds), strconv.Itoa(int(b.silence.Seconds())), kind,
		strconv.FormatInt(int64(much), 10),
	}
}

// stress uses up CPU or memory by processes in the container, which end themselves.
func (b *blow) stress(ctx context.Context) (string, bool) {
	p, err := b.pod(ctx, b.target)
	if err != nil {
		return "not begun: " + message(err), true
	}
	c, err := container(p, b.target)
	if err != nil {
		return "not begun: " + message(err), true
	}
	was := running(p, c.Name)
	if was == nil {
		return "not begun: container " + c.Name + " does not run", true
	}
	keep := context.WithoutCancel(ctx)
	params := &corev1.PodExecOptions{Container: c.Name, Command: b.stressCommand(c), Stdin: true, Stdout: true}
	s := b.open(keep, "exec", b.target.Object, params)
	defer s.cancel()
	var why string
	b.attend(ctx, s, func(line string) {
		switch {
		case line == "begun":
			b.begin()
		case strings.HasPrefix(line, "ended"):
			why = line
		}
	})
	if s.err == nil && why != "" {
		return why, true
	}
	return b.lost(keep, c.Name, was.ContainerID, s.err)
}

// lost sees to the end of a stress whose stream broke: it ends by itself when it hears nothing, and what did not is ended.
func (b *blow) lost(ctx context.Context, container, was string, cause error) (string, bool) {
	text := "the stream that held it ended early"
	if b.began.IsZero() {
		text = "not begun"
	}
	if cause != nil {
		text += ": " + b.told(cause)
	}
	var found string
	var err error
	gone := b.until(ctx, b.silence+endWithin, func(ctx context.Context) bool {
		var ended bool
		if ended, err = b.ended(ctx, container, was); ended || err != nil {
			return ended
		}
		found, err = b.sought(ctx, b.target.Object, container, b.handle)
		return err == nil && found == ""
	})
	switch {
	case gone:
		return text + "; none of its processes is left", true
	case err != nil:
		return text + "; it cannot be seen whether its processes have ended: " + message(err), false
	}
	return text + "; its processes do not end: " + found, false
}

// sought ends the processes in a container that carry a handle, and lists those that there were; "" when there were none.
func (h *Injector) sought(ctx context.Context, of engine.ObjectRef, container, handle string) (string, error) {
	text, err := h.run(ctx, of, container, "sh", "-c", lookScript, handle)
	if err != nil {
		return "", err
	}
	found, all := strings.CutSuffix(text, "seen")
	if !all {
		return "", engine.Errorf(engine.Unavailable, "the processes of container %s could not all be seen", container)
	}
	return strings.Join(strings.Fields(found), ", "), nil
}

// ended tells whether a container has ended since, and all processes in it with it.
func (b *blow) ended(ctx context.Context, container, was string) (bool, error) {
	p, err := b.pod(ctx, b.target)
	if engine.CodeOf(err) == engine.NotFound {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	now := running(p, container)
	return now == nil || now.ContainerID != was, nil
}

// tryStress says whether a container can be stressed by processes in it.
func (h *Injector) tryStress(ctx context.Context, p *corev1.Pod, s engine.Strike, t engine.Victim) error {
	c, err := container(p, t)
	if err != nil {
		return err
	}
	if much := amount(s, c); s.Fault == engine.FaultCPU && much != math.Ceil(much) && much < cores(c) {
		return engine.Errorf(engine.Invalid, "a shell burns whole cores, and not %g of %g", much, cores(c))
	}
	tools := "command -v sleep && command -v date && command -v cat && command -v tr"
	if s.Fault == engine.FaultMemory {
		tools += " && command -v dd"
	}
	_, err = h.run(ctx, reference(p), c.Name, "sh", "-c", tools)
	return err
}
