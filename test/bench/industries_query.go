package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/deploy"
	shipped "github.com/eks-autopilot/autopilot/test/query"
)

// momentary are series that are there only while something is the matter, or that this stand has no reason for: nothing is missed
// without them.
var momentary = []string{
	"ALERTS", "kube_pod_container_status_waiting_reason", "kube_pod_init_container_status_waiting_reason", "kube_pod_container_status_last_terminated_timestamp",
	"kube_pod_status_reason", "kube_node_spec_taint", "kube_pod_init_container_info", "kube_pod_init_container_resource_limits", "kube_job_owner",
	"autopilot:http_client_errors:ratio2m", "autopilot:http_errors:ratio2m", "autopilot:workload_replicas_spared:count",
	"kube_daemonset_status_desired_number_scheduled", "kube_daemonset_status_number_available", "kube_daemonset_status_updated_number_scheduled",
	// No scan is configured here, nothing was found, noticed or saved, and no task has been due for an instant.
	"autopilot_scan_", "autopilot_findings_", "autopilot_savings_", "autopilot_detection_delay_", "autopilot_tasks_due", "autopilot_slack_rest_seconds_total",
}

// ask asks the Prometheus of the stand all that is shipped, and lists what nothing comes of: selectors that give no series, and panels that would be
// empty. It fails for those that should show something here: of the industries that run, and of series that are always there.
func (r *room) ask(ctx context.Context, running []string) (table, error) {
	queries, recorded, err := shipped.Shipped(deploy.Asking())
	if err != nil {
		return nil, err
	}
	names, err := shipped.Names()
	if err != nil {
		return nil, err
	}
	t := table{{"what", "of", "exporter", "why"}}
	told, asked, missed := map[string]bool{}, 0, 0
	for _, q := range queries {
		if file, ok := strings.CutPrefix(q.Where, "dashboards/industry-"); strings.HasPrefix(q.Where, "runbooks/") || ok && !slices.Contains(running, file[:strings.IndexByte(file, '.')]) {
			continue // of an industry that does not run; runbooks stand for names that people put in
		}
		empty := false
		for _, s := range shipped.Selectors(q.Expr) {
			if none, known := told[s.Text]; known {
				empty = empty || none
				continue
			}
			asked++
			got, err := r.Prometheus.ByNamespace(ctx, "count("+s.Text+")")
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", q.Where, s.Text, err)
			}
			if told[s.Text] = len(got) == 0; len(got) > 0 {
				continue
			}
			empty = true
			why := "none now"
			if bare, err := r.Prometheus.ByNamespace(ctx, "count("+bareOf(s)+")"); err != nil {
				return nil, err
			} else if len(bare) == 0 && !slices.ContainsFunc(momentary, func(p string) bool { return strings.HasPrefix(s.Name, p) }) && s.Name != "" {
				why = "MISSING"
				missed++
			} else if len(bare) > 0 {
				why = "none with these labels now"
			}
			t.add(s.Text, q.Where, s.Exporter(names, recorded), why)
		}
		if q.Panel && !empty {
			asked++
			if got, err := r.Prometheus.ByNamespace(ctx, "count("+q.Expr+")"); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", q.Where, q.Expr, err)
			} else if len(got) == 0 {
				t.add(q.Expr, q.Where, "-", "its selectors have data, and it has none")
			}
		}
	}
	t.add(fmt.Sprint(asked), "asked", "", "")
	if missed > 0 {
		return t, fmt.Errorf("%w: series that should be there: %d", errMissed, missed)
	}
	return t, nil
}

// bareOf is a selector without its matchers, but for that of the name.
func bareOf(s shipped.Selector) string {
	if s.Name != "" {
		return s.Name
	}
	return s.Text
}
