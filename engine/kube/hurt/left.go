package hurt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// Left ends what is still there of the blows of an experiment, and lists what does not end: after the process that held them died, nearly all
// have ended by themselves. It fails when it cannot be seen, with Unavailable or Forbidden; then the list may be short of something.
func (h *Injector) Left(ctx context.Context, e engine.Experiment) ([]string, error) {
	type found struct {
		text string
		err  error
	}
	all := make([]found, len(e.Blows))
	var group sync.WaitGroup
	for i, b := range e.Blows {
		if b.Clean && !b.Ended.IsZero() || b.Strike < 0 || b.Strike >= len(e.Strikes) || !strings.HasPrefix(b.Handle, Prefix) {
			continue
		}
		group.Go(func() { all[i].text, all[i].err = h.leftOf(ctx, e.Strikes[b.Strike], b) })
	}
	group.Wait()
	var left []string
	var errs []error
	for _, f := range all {
		if f.text != "" {
			left = append(left, f.text)
		}
		errs = append(errs, f.err)
	}
	return left, errors.Join(errs...)
}

// leftOf ends what is left of one blow; "" when nothing is.
func (h *Injector) leftOf(ctx context.Context, s engine.Strike, b engine.Blow) (string, error) {
	t := b.Target
	switch {
	case s.Fault == engine.FaultDrain && t.Object.Kind == engine.KindNode:
		if err := h.uncordon(ctx, t.Object.Name, b.Handle); err != nil {
			return fmt.Sprintf("node %s is still cordoned", t.Object.Name), err
		}
	case t.Mechanism == engine.ByAgent:
		return h.leftAgent(ctx, s, t, b.Handle)
	case t.Mechanism == engine.ByExec && s.Fault.Lasts():
		return h.leftProcesses(ctx, t, b.Handle)
	case t.Mechanism == engine.ByFIS:
		if err := h.endCloud(ctx, b.Handle); err != nil {
			return "AWS FIS: " + message(err), nil
		}
	case t.Mechanism == engine.ByChaosMesh:
		if err := h.takeBack(ctx, s.Fault, t.Object.Namespace, b.Handle); err != nil {
			return message(err), nil
		}
	}
	return "", nil
}

// leftAgent has an agent stop, and sees to what one that was killed left.
func (h *Injector) leftAgent(ctx context.Context, s engine.Strike, t engine.Victim, handle string) (string, error) {
	now := h.look(ctx, t, handle)
	where := t.Object.Namespace + "/" + t.Object.Name
	switch {
	case now.gone():
		return "", nil
	case now.err != nil:
		return "", now.err
	case now.status == nil: // never put there, or not started: it begins nothing when nobody speaks to it
		return "", nil
	}
	if now.runs() {
		stop := h.open(ctx, "attach", t.Object, &corev1.PodAttachOptions{Container: handle, Stdin: true, Stdout: true})
		go stop.say(wordStop)
		ended := h.until(ctx, h.silence+endWithin, func(ctx context.Context) bool {
			now = h.look(ctx, t, handle)
			return now.over()
		})
		stop.cancel()
		<-stop.done
		if !ended {
			return fmt.Sprintf("agent %s in pod %s does not end", handle, where), now.err
		}
	}
	if now.gone() || now.status.State.Terminated == nil || now.status.State.Terminated.ExitCode == 0 || !network(s.Fault) {
		return "", nil
	}
	if h.lastWord(ctx, t, handle).Clean {
		return "", nil
	}
	if text, whole := h.mend(ctx, t, handle); !whole {
		return fmt.Sprintf("pod %s: %s", where, text), nil
	}
	return "", nil
}

// leftProcesses ends the processes of a stress, which end themselves when they hear nothing.
func (h *Injector) leftProcesses(ctx context.Context, t engine.Victim, handle string) (string, error) {
	p, err := h.pod(ctx, t)
	if engine.CodeOf(err) == engine.NotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	c, err := container(p, t)
	if err != nil || running(p, c.Name) == nil {
		return "", nil
	}
	var found string
	if h.until(ctx, h.silence, func(ctx context.Context) bool {
		found, err = h.sought(ctx, t.Object, c.Name, handle)
		return err == nil && found == ""
	}) {
		return "", nil
	}
	return fmt.Sprintf("pod %s/%s: processes of %s do not end: %s", p.Namespace, p.Name, handle, found), err
}

// Sweep uncordons the nodes whose drain is over by the time that is noted on them, whoever drained them. It fails when one cannot be.
func (h *Injector) Sweep(ctx context.Context) error {
	nodes, err := h.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return h.problem(err, "the nodes cannot be listed")
	}
	var errs []error
	for _, n := range nodes.Items {
		handle, until, ok := strings.Cut(n.Annotations[cordonKey], " until ")
		at, err := time.Parse(time.RFC3339, until)
		if ok && err == nil && h.Now().After(at) {
			errs = append(errs, h.uncordon(ctx, n.Name, handle))
		}
	}
	return errors.Join(errs...)
}
