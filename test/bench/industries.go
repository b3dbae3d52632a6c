package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/stand"
)

// business is what the command line of industries says.
type business struct {
	names []string
	rate  int
	hold  time.Duration
}

// industries has the demo industries do their business on a real node, and watches that the bot finds nothing to say of it. It fails when the bot
// opened an incident.
func industries(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench industries", flag.ContinueOnError)
	var b business
	f.DurationVar(&b.hold, "for", 10*time.Minute, "how long it is watched once all pods are ready")
	f.IntVar(&b.rate, "rate", 2, "requests a second of the customers of each")
	only := f.String("only", "", "comma-separated `names` of the industries; default all")
	if err := parse(f, args); err != nil {
		return err
	}
	var err error
	if b.names, err = stand.IndustryNames(); err != nil {
		return err
	}
	if *only != "" {
		b.names = strings.Split(*only, ",")
	}
	if b.hold < time.Minute {
		return fmt.Errorf("for %s: want a minute or more, over which rates are formed", b.hold)
	}
	r, leave, err := enter(ctx, "bench-industries", cluster.Config{Metrics: true}, func(c *stand.Config) {
		c.Parts, c.Interval, c.Itself = stand.AllParts, 15*time.Second, true // as often as people scrape
	})
	if err != nil {
		return err
	}
	return quietly(leave, func() error {
		err := r.doBusiness(ctx, b, out)
		r.keep = err != nil
		return err
	})
}

func (r *room) doBusiness(ctx context.Context, b business, out io.Writer) error {
	began := time.Now()
	if err := r.OpenIndustries(ctx, b.names, b.rate); err != nil {
		return err
	}
	opened := time.Since(began)
	progress("all are ready after %s; traffic for %s", opened.Round(time.Second), b.hold)
	if err := r.watch(ctx, b.hold); err != nil {
		return err
	}
	raised, err := r.store.Incidents(ctx, engine.IncidentFilter{AnyStatus: true, Limit: 500})
	if err != nil {
		return err
	}
	figures, err := r.businessTable(ctx, b)
	if err != nil {
		return err
	}
	wrong := table{{"incident", "of", "classes", "what", "after"}}
	for _, i := range raised {
		wrong.add(fmt.Sprint(i.ID), i.Workload.String(), fmt.Sprint(i.Classes), firstCause(i), i.DetectedAt.Sub(began).Round(time.Second).String())
	}
	if len(raised) == 0 {
		wrong.add("none")
		err = nil
	} else {
		err = fmt.Errorf("%w: incidents: %d", errMissed, len(raised))
	}
	asked, missed := r.ask(ctx, b.names)
	return errors.Join(
		figures.print(out, fmt.Sprintf("%d industries, ready after %s, then %s with %d requests a second each (%s)", len(b.names), seconds(opened), b.hold, b.rate, machine())),
		wrong.print(out, "what the bot found"), err, asked.print(out, "what nothing came of, of all that is asked of Prometheus in rules, dashboards, runbooks and autoscalers"), missed,
	)
}

func firstCause(i engine.Incident) string {
	if len(i.Diagnosis.Causes) == 0 {
		return "-"
	}
	return i.Diagnosis.Causes[0].Rule
}

// watch lets time pass, and tells of incidents as they come.
func (r *room) watch(ctx context.Context, hold time.Duration) error {
	told := map[int64]bool{}
	for end := time.Now().Add(hold); time.Now().Before(end); {
		all, err := r.store.Incidents(ctx, engine.IncidentFilter{AnyStatus: true, Limit: 500})
		if err != nil {
			return err
		}
		for _, i := range all {
			if !told[i.ID] {
				told[i.ID] = true
				progress("incident %d of %s: %v", i.ID, i.Workload, i.Classes)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Second):
		}
	}
	return nil
}

// businessTable has a line for each industry: what its services answered over the time that was watched, and what they take.
func (r *room) businessTable(ctx context.Context, b business) (table, error) {
	window := fmt.Sprintf("%ds", int(b.hold.Seconds()))
	requests := fmt.Sprintf("rate(http_requests_total[%s])", window)
	columns := []struct {
		name, query string
		show        func(float64) string
	}{
		{"memory", `sum by (namespace) (container_memory_working_set_bytes{container!="",container!="POD"})`, func(v float64) string { return mebibytes(int64(v)) }},
		{"CPU", fmt.Sprintf(`sum by (namespace) (rate(container_cpu_usage_seconds_total{container!="",container!="POD"}[%s]))`, window), func(v float64) string { return fmt.Sprintf("%.0f m", 1000*v) }},
		{"answers a second", "sum by (namespace) (" + requests + ")", func(v float64) string { return fmt.Sprintf("%.1f", v) }},
		{"errors", `sum by (namespace) (rate(http_requests_total{code=~"5.."}[` + window + "])) / sum by (namespace) (" + requests + ")", func(v float64) string { return fmt.Sprintf("%.2f %%", 100*v) }},
	}
	for _, q := range []float64{0.5, 0.95, 0.99} {
		query := fmt.Sprintf("histogram_quantile(%g, sum by (namespace, le) (rate(http_request_duration_seconds_bucket[%s])))", q, window)
		columns = append(columns, struct {
			name, query string
			show        func(float64) string
		}{fmt.Sprintf("p%g", 100*q), query, func(v float64) string { return fmt.Sprintf("%.1f ms", 1000*v) }})
	}
	pods, restarts, err := r.running(ctx, b.names)
	if err != nil {
		return nil, err
	}
	t := table{{"industry", "pods", "restarts"}}
	rows := make(map[string][]string, len(b.names))
	for _, name := range b.names {
		rows[name] = []string{name, fmt.Sprint(pods[name]), fmt.Sprint(restarts[name])}
	}
	for _, c := range columns {
		values, err := r.Prometheus.ByNamespace(ctx, c.query)
		if err != nil {
			return nil, err
		}
		t[0] = append(t[0], c.name)
		for _, name := range b.names {
			cell := "-"
			if v, ok := values[name]; ok {
				cell = c.show(v)
			}
			rows[name] = append(rows[name], cell)
		}
	}
	for _, name := range slices.Sorted(slices.Values(b.names)) {
		t.add(rows[name]...)
	}
	return t, nil
}

// running counts the pods of namespaces, and how often their containers were started again.
func (r *room) running(ctx context.Context, names []string) (pods, restarts map[string]int, err error) {
	pods, restarts = map[string]int{}, map[string]int{}
	for _, name := range names {
		list, err := r.Cluster.Client().CoreV1().Pods(name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, nil, err
		}
		pods[name] = len(list.Items)
		for _, p := range list.Items {
			for _, c := range p.Status.ContainerStatuses {
				restarts[name] += int(c.RestartCount)
			}
		}
	}
	return pods, restarts, nil
}
