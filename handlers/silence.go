package handlers

import (
	"cmp"
	"context"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// silence makes the Alertmanager silence that a person decided on. The Alertmanager client finds a silence that an earlier try made.
func (h *Handlers) silence(ctx context.Context, t engine.Task) error {
	i, err := h.Incidents.Incident(ctx, t.IncidentID)
	if err != nil {
		return err
	}
	until, err := time.Parse(time.RFC3339, t.Detail)
	if err != nil {
		return engine.Errorf(engine.Invalid, "the silence of incident %d has no end: %q", i.ID, t.Detail)
	}
	matchers := silenceMatchers(i)
	if !i.IsOpen() || !until.After(h.Now()) || len(matchers) == 0 {
		return nil
	}
	if err := h.writable(ctx); err != nil {
		return err
	}
	am, err := h.alertmanager(i)
	if err != nil {
		return err
	}
	id, err := am.Silence(ctx, i.ID, matchers, until, cmp.Or(i.Silence.By.Name, i.Silence.By.ID))
	if err != nil {
		return err
	}
	return h.Progress.Silenced(ctx, i.ID, id)
}

func (h *Handlers) expireSilence(ctx context.Context, t engine.Task) error {
	i, err := h.Incidents.Incident(ctx, t.IncidentID)
	if err != nil {
		return err
	}
	id := t.Detail
	if id == "" {
		id = i.Silence.AlertmanagerID
	}
	if id == "" {
		return nil
	}
	am, err := h.alertmanager(i)
	if err != nil {
		return err
	}
	return am.Expire(ctx, id)
}

func (h *Handlers) alertmanager(i engine.Incident) (Silencer, error) {
	c, ok := h.cluster(i.Workload.Cluster)
	if !ok || c.Alertmanager == nil {
		return nil, engine.Errorf(engine.NotFound, "cluster %s has no alertmanager in the configuration", i.Workload.Cluster)
	}
	return c.Alertmanager, nil
}

// silenceMatchers gives the labels that the incident's alerts share: what is silenced is what the incident is about, and no more.
// Labels of a single pod are left out, or the next pod of the workload would not be silenced.
func silenceMatchers(i engine.Incident) map[string]string {
	var shared map[string]string
	for _, s := range i.Signals {
		if s.Source != engine.SourceAlert || !s.Firing() {
			continue
		}
		if shared == nil {
			shared = map[string]string{}
			for k, v := range s.Labels {
				switch k {
				case "pod", "instance", "container_id", "uid", "endpoint", "prometheus":
				default:
					shared[k] = v
				}
			}
			continue
		}
		for k, v := range shared {
			if s.Labels[k] != v {
				delete(shared, k)
			}
		}
	}
	// Without a name or a place left, the silence would hit more than this incident.
	if shared["namespace"] == "" && shared["node"] == "" {
		return nil
	}
	return shared
}
