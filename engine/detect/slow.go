package detect

import (
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// startAfter is how long the run of a CronJob may be late.
	startAfter = 10 * time.Minute
	// goneAfter is how long what was deleted may take to go, beyond its own grace.
	goneAfter = 10 * time.Minute
	// emptyAfter is the same for a namespace and all that is in it.
	emptyAfter = 15 * time.Minute
)

// unrunnable are the words of the CronJob controller for a schedule that never comes due.
var unrunnable = []string{"UnparseableSchedule", "UnParseableCronJobSchedule", "InvalidSchedule", "UnknownTimeZone"}

// cronJobs finds CronJobs that do not run when they should. One that is suspended is as somebody wants it.
func cronJobs(e *estate) {
	for _, c := range e.CronJobs {
		if c.DeletionTimestamp != nil || c.Spec.Suspend != nil && *c.Spec.Suspend {
			continue
		}
		f := Fact{Class: engine.ClassScheduleMissed, Severity: engine.Warning}
		if w := e.warned("CronJob", c.ObjectMeta, unrunnable...); w != nil && !firstSeen(w).Before(edited(c.ObjectMeta).Add(-skew)) {
			f.Since, f.Text = firstSeen(w), fmt.Sprintf("never runs: its schedule %q cannot be used", c.Spec.Schedule)
			e.about("CronJob", c.ObjectMeta, f)
			continue
		}
		due := c.due()
		if due.IsZero() || due.After(e.Now) {
			continue
		}
		f.Since, f.After = due, startAfter
		f.Text = fmt.Sprintf("has not started its run of %s", due.UTC().Format("15:04 UTC"))
		switch {
		case len(c.Status.Active) > 0 && c.Spec.ConcurrencyPolicy == batchv1.ForbidConcurrent:
			f.Text += fmt.Sprintf(": job %s of an earlier one still runs", c.Status.Active[0].Name)
		case e.warned("CronJob", c.ObjectMeta, "FailedCreate") != nil:
			f.Text += ": its job cannot be made"
		}
		e.about("CronJob", c.ObjectMeta, f)
	}
}

// due is the first run that was wanted since the last one that was started, or since the schedule was written.
func (c CronJob) due() time.Time {
	if c.Next == nil {
		return time.Time{}
	}
	after := edited(c.ObjectMeta)
	if last := c.Status.LastScheduleTime; last != nil && last.After(after) {
		after = last.Time
	}
	return c.Next(after)
}

// namespaces finds namespaces that were deleted and do not go.
func namespaces(e *estate) {
	for _, n := range e.Namespaces {
		if n.DeletionTimestamp == nil {
			continue
		}
		text := "does not go"
		for _, c := range n.Status.Conditions {
			if c.Status != corev1.ConditionTrue {
				continue
			}
			switch c.Type {
			case corev1.NamespaceDeletionDiscoveryFailure:
				text = "does not go: an API of the cluster does not say what is left in it"
			case corev1.NamespaceFinalizersRemaining:
				text = "does not go: " + strings.ToLower(c.Message[:min(1, len(c.Message))]) + c.Message[min(1, len(c.Message)):]
			}
		}
		e.about("Namespace", n.ObjectMeta, Fact{
			Class: engine.ClassStuckTerminating, Severity: engine.Warning, Since: n.DeletionTimestamp.Time, After: emptyAfter, Text: text,
		})
	}
}

// volumes finds volumes that could not be given back.
func volumes(e *estate) {
	for _, p := range e.Volumes {
		if p.Status.Phase != corev1.VolumeFailed || p.DeletionTimestamp != nil {
			continue
		}
		since := p.CreationTimestamp.Time
		if at := p.Status.LastPhaseTransitionTime; at != nil {
			since = at.Time
		}
		e.about("PersistentVolume", p.ObjectMeta, Fact{
			Class: engine.ClassVolumeFailing, Severity: engine.Warning, Since: since, After: goneAfter, Text: "could not be given back after its claim went",
		})
	}
}
