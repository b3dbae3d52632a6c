package handlers

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// silence makes the Alertmanager silence that a person decided on. The Alertmanager client finds a silence that an earlier try made.
func (h *Handlers) silence(ctx context.Context, t engine.Task) error {
	i, err := h.Incidents.Incident(ctx, t.IncidentID)
	if err != nil {
		return err
	}
	until := i.Silence.Until
	if !i.IsOpen() { // an earlier try may have made it, and died before that was recorded
		return h.expireSilence(ctx, t)
	}
	// A newer decision has a task of its own, and a late one of this must not undo it.
	if t.Detail != until.UTC().Format(time.RFC3339) || !until.After(h.Now()) {
		return nil
	}
	m, ok := silenceMatchers(i)
	if !ok {
		h.Log.WarnContext(ctx, "no silence made: its alerts have no labels that name this incident's workload and no other's", "incident", i.ID)
		return nil
	}
	if err := h.resumed(ctx); err != nil {
		return err
	}
	am, err := h.alertmanager(i)
	if err != nil {
		return err
	}
	id, err := am.Silence(ctx, i.ID, m, until, cmp.Or(i.Silence.By.Name, i.Silence.By.ID))
	if err != nil {
		return err
	}
	return h.Progress.Silenced(ctx, i.ID, id)
}

// expireSilence ends what was silenced for an incident: all of it when the incident is over, else all but what was decided last.
func (h *Handlers) expireSilence(ctx context.Context, t engine.Task) error {
	i, err := h.Incidents.Incident(ctx, t.IncidentID)
	if err != nil {
		return err
	}
	keep := ""
	if i.IsOpen() && i.Silence.Until.After(h.Now()) {
		if keep = i.Silence.AlertmanagerID; keep == "" {
			return nil // it is being made, perhaps out of one that is there; the end of the incident ends the others
		}
	}
	am, err := h.alertmanager(i)
	if engine.CodeOf(err) == engine.NotFound {
		return nil // nor was any made
	}
	if err != nil {
		return err
	}
	if err := h.resumed(ctx); err != nil {
		return err
	}
	return am.Expire(ctx, i.ID, keep)
}

// pauseLook is how soon after the end of a pause what waited for it is done.
const pauseLook = 30 * time.Second

// resumed lets a task that writes wait for the end of a pause: it was decided, so it is not to be dropped.
func (h *Handlers) resumed(ctx context.Context) error {
	err := h.writable(ctx)
	if engine.CodeOf(err) == engine.Forbidden {
		return &engine.Waiting{For: pauseLook, Err: engine.Wrap(engine.Unavailable, err, "this waits until writes are resumed")}
	}
	return err
}

func (h *Handlers) alertmanager(i engine.Incident) (Silencer, error) {
	c, ok := h.cluster(i.Workload.Cluster)
	if !ok || c.Alertmanager == nil {
		return nil, engine.Errorf(engine.NotFound, "cluster %s has no alertmanager in the configuration", i.Workload.Cluster)
	}
	return c.Alertmanager, nil
}

// perPod are labels that differ from one pod of a workload to the next: with them, the next pod would not be silenced.
var perPod = []string{"pod", "instance", "node", "container_id", "uid", "endpoint", "prometheus"}

// silenceMatchers say what the incident's alerts share, if that hits this workload and nothing else. Where no label names the
// workload, the names of its pods do. ok is false when neither does.
func silenceMatchers(i engine.Incident) (m Matchers, ok bool) {
	var alerts []map[string]string
	for _, s := range i.Signals {
		if s.Source == engine.SourceAlert && s.Firing() {
			alerts = append(alerts, s.Labels)
		}
	}
	if len(alerts) == 0 {
		return Matchers{}, false
	}
	m.Labels = maps.Clone(alerts[0])
	for _, other := range alerts[1:] {
		maps.DeleteFunc(m.Labels, func(k, v string) bool { return other[k] != v })
	}
	maps.DeleteFunc(m.Labels, func(k, v string) bool {
		return slices.Contains(perPod, k) && (k != "node" || i.Workload.Kind != engine.KindNode)
	})
	if names(m.Labels, i.Workload) {
		return m, true
	}
	var pods []string
	for _, a := range alerts {
		pods = append(pods, a["pod"])
	}
	if slices.Contains(pods, "") || m.Labels["namespace"] != i.Workload.Namespace {
		return Matchers{}, false
	}
	m.Patterns = map[string]string{"pod": podPattern(i.Workload, pods)}
	return m, true
}

// names tells whether one of the labels is the workload's name, by the same labels as package detect finds it.
func names(labels map[string]string, w engine.Workload) bool {
	keys := []string{"workload", "deployment", "statefulset", "daemonset", "cronjob", "job_name", "replicaset", "persistentvolumeclaim"}
	switch w.Kind {
	case engine.KindNode:
		keys = []string{"workload", "node"}
	case "Service":
		keys = []string{"service", "app", "job"}
	case "Alert":
		keys = []string{"alertname"}
	}
	return (w.Namespace == "" || labels["namespace"] == w.Namespace) && slices.ContainsFunc(keys, func(k string) bool { return labels[k] == w.Name })
}

// suffixes are what Kubernetes puts behind a workload's name to name its pods.
var suffixes = map[string]string{
	"Deployment": "-[b-z2-9]{6,10}-[b-z2-9]{5}", "ReplicaSet": "-[b-z2-9]{5}", "DaemonSet": "-[b-z2-9]{5}",
	"StatefulSet": "-[0-9]+", "Job": "-([0-9]+-)?[b-z2-9]{5}", "CronJob": "-[0-9]+-([0-9]+-)?[b-z2-9]{5}",
}

// podPattern matches the names of the workload's pods, of those to come too; of a kind that names its pods in a way of its own,
// only these.
func podPattern(w engine.Workload, pods []string) string {
	if suffix, ok := suffixes[w.Kind]; ok {
		pattern := regexp.QuoteMeta(w.Name) + suffix
		re := regexp.MustCompile("^(?:" + pattern + ")$")
		if !slices.ContainsFunc(pods, func(p string) bool { return !re.MatchString(p) }) {
			return pattern
		}
	}
	pods = slices.Clone(pods)
	slices.Sort(pods)
	pods = slices.Compact(pods)
	for k := range pods {
		pods[k] = regexp.QuoteMeta(pods[k])
	}
	return strings.Join(pods, "|")
}
