package prom

import (
	"context"
	"encoding/hex"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	historyStep  = time.Minute   // rules are evaluated once or twice a minute
	historyChunk = 6 * time.Hour // of one query; halved where that is too much for Prometheus
	historyLeast = 30 * time.Minute
	historyWait  = time.Minute // for one answer
)

// AlertHistory gives the alerts that fired between two times, as Prometheus keeps them (the series ALERTS), by start and then by name: each
// time that one fired is an alert of its own, with the start and the end that were seen. What fires until the end of the time has no end.
// match chooses among the series of several clusters. Alerts have no annotations: Prometheus does not keep them.
//
// It asks for hours at a time, one query after the other. It fails with Unavailable, Invalid or Forbidden.
func (p *Prometheus) AlertHistory(ctx context.Context, match map[string]string, from, to time.Time) ([]engine.Alert, error) {
	m := matchers(nil).is("alertstate", "firing")
	for _, label := range slices.Sorted(maps.Keys(match)) {
		m = m.is(label, match[label])
	}
	h := alertHistory{last: map[string]int{}}
	chunk := historyChunk
	for at := from.Truncate(historyStep); !at.After(to); {
		end := at.Add(chunk - historyStep)
		if end.After(to) {
			end = to
		}
		asking, cancel := context.WithTimeout(ctx, historyWait)
		value, _, _, err := p.api.QueryRange(asking, m.of("ALERTS"), v1.Range{Start: at, End: end, Step: historyStep})
		cancel()
		if err != nil {
			err = asked(err)
			if ctx.Err() == nil && chunk > historyLeast && engine.CodeOf(err) == engine.Unavailable {
				chunk /= 2
				continue
			}
			return nil, err
		}
		matrix, ok := value.(model.Matrix)
		if !ok {
			return nil, engine.Errorf(engine.Invalid, "ALERTS is a %s, not a matrix", value.Type())
		}
		for _, series := range matrix {
			h.add(series)
		}
		at = end.Add(historyStep)
	}
	return h.done(to), nil
}

// alertHistory puts the points of alerts together to times that they fired.
type alertHistory struct {
	alerts []engine.Alert
	last   map[string]int // the newest of each alert, by its fingerprint
}

// gone is for how long an alert may have no points and still be the same time that it fired: Prometheus was restarted, or a point is late.
const gone = 5 * historyStep

func (h *alertHistory) add(series *model.SampleStream) {
	l := labels(series.Metric)
	delete(l, "__name__")
	delete(l, "alertstate")
	id := fingerprint(l)
	for _, v := range series.Values {
		at := v.Timestamp.Time().UTC()
		if k, ok := h.last[id]; ok && at.Sub(h.alerts[k].EndsAt) < gone {
			h.alerts[k].EndsAt = at.Add(historyStep)
			continue
		}
		h.last[id] = len(h.alerts)
		h.alerts = append(h.alerts, engine.Alert{Fingerprint: id, Labels: l, StartsAt: at, EndsAt: at.Add(historyStep)})
	}
}

func (h *alertHistory) done(to time.Time) []engine.Alert {
	for k := range h.alerts {
		if to.Sub(h.alerts[k].EndsAt) < historyStep {
			h.alerts[k].EndsAt = time.Time{}
		}
	}
	slices.SortStableFunc(h.alerts, func(a, b engine.Alert) int {
		if c := a.StartsAt.Compare(b.StartsAt); c != 0 {
			return c
		}
		if c := strings.Compare(a.Labels["alertname"], b.Labels["alertname"]); c != 0 {
			return c
		}
		return strings.Compare(a.Fingerprint, b.Fingerprint)
	})
	return h.alerts
}

// fingerprint is the identity of a set of labels.
func fingerprint(l map[string]string) string {
	sum := fnv.New64a()
	for _, k := range slices.Sorted(maps.Keys(l)) {
		_, _ = sum.Write([]byte(k + "\x00" + l[k] + "\x00"))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
