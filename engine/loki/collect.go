package loki

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// The window that is read: what a container wrote before the trouble began, and while it was noticed.
const (
	before   = time.Hour
	after    = 2 * time.Minute
	maxLogs  = 3  // containers whose logs are shown of one incident
	maxNamed = 20 // pods that are asked for by name
)

// Name is the collector's name, as evidence and gaps carry it.
func (*Loki) Name() string { return "loki" }

// Collect gives the last lines of the incident's containers from before its onset, also of pods that are gone. No lines are no error.
func (l *Loki) Collect(ctx context.Context, i engine.Incident) ([]engine.Evidence, error) {
	streams, _, err := l.logsOf(ctx, i)
	if err != nil {
		return nil, err
	}
	var out []engine.Evidence
	for _, s := range streams[:min(len(streams), maxLogs)] {
		of := engine.ObjectRef{Kind: "Pod", Namespace: i.Workload.Namespace, Name: s.pod}
		out = append(out, rca.LogEvidence("loki/"+s.pod+"/"+s.container, of, s.container, "", s.lines)...)
	}
	for n := range out {
		out[n].Collector = l.Name()
	}
	return out, nil
}

// Tail gives the log that tells most about an incident: at most lines of its end. It fails with NotFound when Loki has none.
func (l *Loki) Tail(ctx context.Context, i engine.Incident, lines int) (engine.LogExcerpt, error) {
	streams, more, err := l.logsOf(ctx, i)
	if err != nil {
		return engine.LogExcerpt{}, err
	}
	if len(streams) == 0 {
		return engine.LogExcerpt{}, engine.Errorf(engine.NotFound, "Loki has no log of %s from before it began", i.Workload)
	}
	s := streams[0]
	first := max(0, len(s.lines)-lines)
	e := engine.LogExcerpt{Pod: s.pod, Container: s.container, Store: "Loki", Truncated: more || first > 0}
	for _, line := range s.lines[first:] {
		e.Lines = append(e.Lines, line.Text)
		e.Redactions += line.Redactions
	}
	return e, nil
}

// logsOf reads the logs of an incident's containers, the most telling first: of the pods that its signals name, else of all pods that the
// workload had.
func (l *Loki) logsOf(ctx context.Context, i engine.Incident) (streams []stream, more bool, err error) {
	w := i.Workload
	if w.Namespace == "" {
		return nil, false, nil
	}
	select {
	case l.turns <- struct{}{}:
		defer func() { <-l.turns }()
	case <-ctx.Done():
		return nil, false, engine.Errorf(engine.Unavailable, "too many incidents at once for Loki to be asked about each")
	}
	began := onset(i)
	from, to := began.Add(-before), began.Add(after)
	if now := l.cfg.Now(); now.Before(to) {
		to = now
	}
	within := map[string]string{l.cfg.Labels.Namespace: w.Namespace}
	for _, like := range wanted(i) {
		patterns := map[string]string{l.cfg.Labels.Pod: like.pods}
		if like.containers != "" {
			patterns[l.cfg.Labels.Container] = like.containers
		}
		streams, more, err = l.read(ctx, l.selector(within, patterns), from, to, maxLines)
		if err != nil || len(streams) > 0 {
			break
		}
	}
	slices.SortStableFunc(streams, func(a, b stream) int {
		return cmp.Or(telling(b)-telling(a), ended(a).Compare(ended(b)))
	})
	return streams, more, err
}

// onset is when the trouble of now began: of one that came back, not the first time.
func onset(i engine.Incident) time.Time {
	first := time.Time{}
	for _, s := range i.Signals {
		if s.Firing() && !s.StartsAt.IsZero() && (first.IsZero() || s.StartsAt.Before(first)) {
			first = s.StartsAt
		}
	}
	if first.Before(i.StartedAt) {
		return i.StartedAt
	}
	return first
}

// like are patterns of names.
type like struct{ pods, containers string }

// wanted says whose logs are asked for, until some are found: first those that the signals name, since beside a hundred pods that serve the
// last words of the one that failed are few.
func wanted(i engine.Incident) []like {
	pods, containers := map[string]bool{}, map[string]bool{}
	for _, s := range i.Signals {
		named := strings.FieldsFunc(s.Labels[engine.LabelLost], func(r rune) bool { return r == ',' })
		if s.Object.Kind == "Pod" && s.Object.Namespace == i.Workload.Namespace {
			named = append(named, s.Object.Name)
			if s.Container != "" {
				containers[s.Container] = true
			}
		}
		for _, name := range named {
			if len(pods) < maxNamed {
				pods[name] = true
			}
		}
	}
	var all []like
	if len(pods) > 0 {
		if len(containers) > 0 {
			all = append(all, like{oneOf(pods), oneOf(containers)})
		}
		all = append(all, like{oneOf(pods), ""})
	}
	if of := podsLike(i.Workload); of != "" {
		all = append(all, like{of, ""})
	}
	return all
}

func oneOf(names map[string]bool) string {
	quoted := slices.Sorted(maps.Keys(names))
	for k := range quoted {
		quoted[k] = regexp.QuoteMeta(quoted[k])
	}
	return strings.Join(quoted, "|")
}

// telling is 1 for a log that says why.
func telling(s stream) int {
	if slices.ContainsFunc(s.lines, func(l rca.LogLine) bool { return rca.Signature(l.Text) != "" }) {
		return 1
	}
	return 0
}

// ended is when the last line of a log was written: of two, the one that fell silent first is that of the container that died.
func ended(s stream) time.Time {
	if len(s.lines) == 0 {
		return time.Time{}
	}
	return s.lines[len(s.lines)-1].At
}

// Check tries whether Loki answers, and whether it has logs of containers under the labels that the configuration names.
func (l *Loki) Check(ctx context.Context) []engine.Check {
	const area = "loki"
	name, now := "query "+l.base, l.cfg.Now()
	some := map[string]string{l.cfg.Labels.Namespace: ".+", l.cfg.Labels.Pod: ".+", l.cfg.Labels.Container: ".+"}
	selector := l.selector(nil, some)
	streams, _, err := l.read(ctx, selector, now.Add(-time.Hour), now, 1)
	switch {
	case engine.CodeOf(err) == engine.Forbidden:
		return []engine.Check{engine.Missed("loki-refused", engine.CheckFail, area, name, err.Error(), "an answer",
			"set AUTOPILOT_LOKI_TOKEN, clusters[].loki.username where it is a password, and clusters[].loki.tenant where Loki has several")}
	case err != nil:
		return []engine.Check{engine.Missed("loki-unreachable", engine.CheckFail, area, name, err.Error(), "an answer", "check clusters[].loki.url, the network path and the certificate")}
	case len(streams) == 0:
		return []engine.Check{engine.Missed("loki-empty", engine.CheckWarn, area, name, "no line of the last hour for "+selector, "logs of containers",
			"set clusters[].loki.labels to the labels that your streams have, and clusters[].loki.match to what those of this cluster have")}
	}
	return []engine.Check{engine.Passed(area, name, "has logs of containers")}
}
