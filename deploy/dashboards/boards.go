package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// industry is what of a demo industry a dashboard shows.
type industry struct {
	name, title  string
	availability string // percent, promised
	latency      string // promised of 95 in 100 requests
}

var industries = []industry{
	{"finance", "Finance", "99.95", "250ms"},
	{"healthcare", "Healthcare", "99.95", "250ms"},
	{"retail", "Retail", "99.9", "500ms"},
	{"ecommerce", "E-commerce", "99.9", "500ms"},
	{"logistics", "Logistics", "99.9", "500ms"},
	{"manufacturing", "Manufacturing", "99.9", "500ms"},
	{"energy", "Energy", "99.9", "500ms"},
	{"telecom", "Telecom", "99.95", "250ms"},
	{"media", "Media", "99.9", "500ms"},
	{"gaming", "Gaming", "99.95", "250ms"},
	{"education", "Education", "99.9", "500ms"},
	{"government", "Government", "99.9", "500ms"},
	{"insurance", "Insurance", "99.9", "500ms"},
	{"travel", "Travel", "99.9", "500ms"},
	{"automotive", "Automotive", "99.9", "500ms"},
	{"agriculture", "Agriculture", "99.9", "500ms"},
	{"realestate", "Real estate", "99.9", "500ms"},
	{"pharma", "Pharma", "99.95", "250ms"},
	{"hospitality", "Hospitality", "99.9", "500ms"},
}

// boards gives every dashboard.
func boards() ([]*dashboard, error) {
	all := []*dashboard{bot(), savings(), overview()}
	for _, i := range industries {
		d, err := i.board()
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// board shows one industry by its four golden signals, and what it asks for beside what it takes.
func (i industry) board() (*dashboard, error) {
	promised, err := time.ParseDuration(i.latency)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.name, err)
	}
	availability, err := strconv.ParseFloat(i.availability, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.name, err)
	}
	d := board("autopilot-industry-"+i.name, "Industry: "+i.title, "A demo industry: its services, what was promised, and what it costs to run.", "industry")
	in := func(expr string) string { return strings.ReplaceAll(expr, "$in", `namespace="`+i.name+`"`) }
	d.number("Answered", "Share of requests without a server error in the last 5 minutes; "+i.availability+" % were promised.", "percentunit", -availability/100, 6,
		in(`1 - (sum(rate(http_requests_total{$in,code=~"5.."}[5m])) or vector(0)) / sum(rate(http_requests_total{$in}[5m]))`))
	d.number("95 in 100 answered within", i.latency+" were promised.", "s", promised.Seconds(), 6,
		in(`histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{$in}[5m])))`))
	d.number("Requests a second", "", "reqps", 0, 6, in(`sum(rate(http_requests_total{$in}[5m]))`))
	d.number("Pods not ready", "", "none", 1, 6, in(`sum(kube_pod_status_ready{$in,condition="false"} * on (namespace, pod) group_left () (kube_pod_status_phase{$in,phase="Running"} == 1)) or vector(0)`))
	d.series("Requests", "By service.", "reqps", 0, 12, query{in(`sum by (service) (rate(http_requests_total{$in}[$__rate_interval]))`), "{{service}}"})
	d.series("Errors", "Share of requests with a server error, by service.", "percentunit", 1-availability/100, 12,
		query{in(`sum by (service) (rate(http_requests_total{$in,code=~"5.."}[$__rate_interval])) / sum by (service) (rate(http_requests_total{$in}[$__rate_interval]))`), "{{service}}"})
	d.series("Latency", "95th percentile, by service.", "s", promised.Seconds(), 12,
		query{in(`histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket{$in}[$__rate_interval])))`), "{{service}}"})
	d.series("Latency of dependencies", "95th percentile as callers see it, by whom they call.", "s", 0, 12,
		query{in(`histogram_quantile(0.95, sum by (callee, le) (rate(http_client_request_duration_seconds_bucket{$in}[$__rate_interval])))`), "{{callee}}"})
	d.series("CPU", "Taken, and asked for.", "none", 0, 12,
		query{in(`sum(rate(container_cpu_usage_seconds_total{$in,container!=""}[$__rate_interval]))`), "taken"},
		query{in(`sum(kube_pod_container_resource_requests{$in,resource="cpu"})`), "asked for"})
	d.series("Memory", "Taken, and asked for.", "bytes", 0, 12,
		query{in(`sum(container_memory_working_set_bytes{$in,container!=""})`), "taken"},
		query{in(`sum(kube_pod_container_resource_requests{$in,resource="memory"})`), "asked for"})
	d.series("Restarts", "Of containers, in five minutes.", "none", 0, 12, query{in(`sum by (pod) (increase(kube_pod_container_status_restarts_total{$in}[5m])) > 0`), "{{pod}}"})
	d.series("Ready", "Share of the replicas that are wanted.", "percentunit", 0, 12,
		query{in(`sum by (deployment) (kube_deployment_status_replicas_available{$in}) / sum by (deployment) (kube_deployment_spec_replicas{$in} > 0)`), "{{deployment}}"})
	return d, nil
}

// overview shows all industries beside one another.
func overview() *dashboard {
	var names []string
	for _, i := range industries {
		names = append(names, i.name)
	}
	in := func(expr string) string {
		return strings.ReplaceAll(expr, "$in", `namespace=~"`+strings.Join(names, "|")+`"`)
	}
	d := board("autopilot-overview", "Industries", "All demo industries beside one another.", "overview")
	d.number("Requests a second", "", "reqps", 0, 6, in(`sum(rate(http_requests_total{$in}[5m]))`))
	d.number("Answered", "Share of requests without a server error.", "percentunit", -0.999, 6,
		in(`1 - (sum(rate(http_requests_total{$in,code=~"5.."}[5m])) or vector(0)) / sum(rate(http_requests_total{$in}[5m]))`))
	d.number("Pods running", "", "none", 0, 6, in(`sum(kube_pod_status_phase{$in,phase="Running"})`))
	d.number("Alerts", "That fire now.", "none", 1, 6, in(`count(ALERTS{$in,alertstate="firing"}) or vector(0)`))
	d.series("Requests", "By industry.", "reqps", 0, 12, query{in(`sum by (namespace) (rate(http_requests_total{$in}[$__rate_interval]))`), "{{namespace}}"})
	d.series("Errors", "Share of requests with a server error, by industry.", "percentunit", 0, 12,
		query{in(`sum by (namespace) (rate(http_requests_total{$in,code=~"5.."}[$__rate_interval])) / sum by (namespace) (rate(http_requests_total{$in}[$__rate_interval]))`), "{{namespace}}"})
	d.series("Latency", "95th percentile, by industry.", "s", 0, 12,
		query{in(`histogram_quantile(0.95, sum by (namespace, le) (rate(http_request_duration_seconds_bucket{$in}[$__rate_interval])))`), "{{namespace}}"})
	d.series("Asked for and not taken", "CPU that is requested and idle, by industry: what waste looks like before it is priced.", "none", 0, 12,
		query{in(`sum by (namespace) (kube_pod_container_resource_requests{$in,resource="cpu"}) - sum by (namespace) (rate(container_cpu_usage_seconds_total{$in,container!=""}[$__rate_interval]))`), "{{namespace}}"})
	return d
}

// bot shows the bot itself: what waits, what fails, how late it notices.
func bot() *dashboard {
	d := board("autopilot-bot", "Autopilot", "The bot itself: is it well, what waits, how soon does it notice?", "bot")
	d.number("Database", "Whether it answered when the metrics were asked for.", "bool_yes_no", -1, 4, `min(autopilot_database_up)`)
	d.number("Open incidents", "", "none", 0, 4, `sum(max by (severity) (autopilot_incidents_open))`)
	d.number("Noticed within", "Median from the start of a problem to its incident, in the last hour.", "s", 60, 4, `max(autopilot_detection_delay_median_seconds{step="incident"})`)
	d.number("Tasks due", "Background tasks that should have begun.", "none", 100, 4, `sum(max by (kind) (autopilot_tasks_due)) or vector(0)`)
	d.number("Messages waiting", "That Slack does not show yet as they should be.", "none", 50, 4, `max(autopilot_messages_waiting)`)
	d.number("Oldest command", "For how long somebody has waited for an answer.", "s", 5, 4, `max(autopilot_payloads_waiting_age_seconds)`)
	d.number("Sockets to Slack", "Of all replicas; two each.", "none", -1, 4, `sum(autopilot_slack_sockets)`)
	d.number("Clusters that nobody watches", "", "none", 1, 4, `sum(max by (cluster) (autopilot_cluster_watched) == bool 0)`)
	d.number("Oldest watchdog", "How long the alert that always fires has not come, of the cluster where that is longest.", "s", 300, 4, `max(min by (cluster) (autopilot_watchdog_age_seconds))`)
	d.number("Messages that fail", "Tried five times or more, in vain.", "none", 1, 4, `max(autopilot_messages_failing)`)
	d.number("Left by experiments", "Under way without a process that holds them, or ended without it being seen that nothing is left.", "none", 1, 4, `max(autopilot_experiments_stranded)`)
	d.number("Last scan took", "The scan for waste.", "s", 0, 4, `max(autopilot_scan_duration_seconds)`)
	d.series("Requests that the bot makes", "By whom it asks.", "reqps", 0, 12, query{`sum by (edge) (rate(autopilot_client_request_duration_seconds_count[$__rate_interval]))`, "{{edge}}"})
	d.series("Requests that fail", "Share without an answer, or with one of 429 or 5xx.", "percentunit", 0, 12,
		query{`sum by (edge) (rate(autopilot_client_request_duration_seconds_count{code=~"error|429|5.."}[$__rate_interval])) / sum by (edge) (rate(autopilot_client_request_duration_seconds_count[$__rate_interval]))`, "{{edge}}"})
	d.series("How long they take", "95th percentile until an answer begins.", "s", 0, 12,
		query{`histogram_quantile(0.95, sum by (edge, le) (rate(autopilot_client_request_duration_seconds_bucket[$__rate_interval])))`, "{{edge}}"})
	d.series("Webhooks and probes", "By route and answer.", "reqps", 0, 12, query{`sum by (route, code) (rate(autopilot_http_request_duration_seconds_count[$__rate_interval]))`, "{{route}} {{code}}"})
	d.series("Tasks", "Tries, by outcome.", "ops", 0, 12, query{`sum by (kind, outcome) (rate(autopilot_task_duration_seconds_count[$__rate_interval]))`, "{{kind}} {{outcome}}"})
	d.series("How long tasks take", "95th percentile of one try.", "s", 0, 12,
		query{`histogram_quantile(0.95, sum by (kind, le) (rate(autopilot_task_duration_seconds_bucket[$__rate_interval])))`, "{{kind}}"})
	d.series("What waits", "How long the oldest has waited.", "s", 0, 12,
		query{`max by (kind) (autopilot_tasks_due_age_seconds)`, "task {{kind}}"}, query{`max(autopilot_messages_waiting_age_seconds)`, "message"}, query{`max(autopilot_payloads_waiting_age_seconds)`, "command or click"})
	d.series("How soon it notices", "Of 95 in 100 incidents of the last hour: from the start of the problem to the incident, and from there to the card and to the cause.", "s", 0, 12,
		query{`max by (step) (autopilot_detection_delay_p95_seconds)`, "{{step}}"})
	d.series("Showing messages", "Tries, by what came of them.", "ops", 0, 12, query{`sum by (outcome) (rate(autopilot_slack_deliveries_total[$__rate_interval]))`, "{{outcome}}"})
	d.series("Slack's pace", "Share of the time that a method rests, by our own pace or because Slack asked for it; and refusals with 429.", "percentunit", 0, 12,
		query{`sum by (method) (rate(autopilot_slack_rest_seconds_total[$__rate_interval]))`, "{{method}} rests"},
		query{`sum(rate(autopilot_client_request_duration_seconds_count{edge="slack",code="429"}[$__rate_interval])) or vector(0)`, "429 a second"})
	d.series("What a scan asks", "Queries and samples of Prometheus, and what it could not have.", "short", 0, 12,
		query{`max(autopilot_scan_queries)`, "queries"}, query{`max(autopilot_scan_samples)`, "samples"}, query{`max(autopilot_scan_gaps)`, "gaps"})
	d.series("Clusters", "How old what is known of each is.", "s", 0, 12, query{`min by (cluster) (autopilot_cluster_synced_age_seconds)`, "{{cluster}}"})
	d.series("Memory", "Resident, by replica.", "bytes", 0, 12, query{`process_resident_memory_bytes * on (instance, job) group_left () autopilot_build_info`, "{{instance}}"})
	return d
}

// savings shows what is wasted and what was saved, in dollars as the ledger has them.
func savings() *dashboard {
	step := func(name string) string {
		return `sum(max by (kind, cluster) (autopilot_savings_dollars{step="` + name + `"})) or vector(0)`
	}
	d := board("autopilot-savings", "Savings", "What is wasted, what was approved and done about it, and what was measured to be saved. The ledger is the source; the bot's own report has the proof.", "savings")
	d.number("Could be saved", "A month, of findings that are open.", "currencyUSD", 0, 6, `sum(max by (kind, cluster) (autopilot_findings_monthly_dollars)) or vector(0)`)
	d.number("Approved", "A month, as it was predicted.", "currencyUSD", 0, 6, step("approved"))
	d.number("Done", "A month, of what was merged and deployed.", "currencyUSD", 0, 6, step("implemented"))
	d.number("Saved", "In all, as measured day by day, with corrections.", "currencyUSD", 0, 6, step("verified"))
	d.series("Could be saved, by kind", "A month.", "currencyUSD", 0, 12, query{`sum by (kind) (max by (kind, cluster) (autopilot_findings_monthly_dollars))`, "{{kind}}"})
	d.series("Could be saved, by cluster", "A month.", "currencyUSD", 0, 12, query{`sum by (cluster) (max by (kind, cluster) (autopilot_findings_monthly_dollars))`, "{{cluster}}"})
	d.series("Saved, by kind", "In all.", "currencyUSD", 0, 12, query{`sum by (kind) (max by (kind, cluster) (autopilot_savings_dollars{step="verified"}))`, "{{kind}}"})
	d.series("From approval to proof", "A month for what was approved and done; in all for what was saved.", "currencyUSD", 0, 12,
		query{`sum by (step) (max by (step, kind, cluster) (autopilot_savings_dollars))`, "{{step}}"})
	d.series("Findings", "That are open, by kind.", "none", 0, 12, query{`sum by (kind) (max by (kind, cluster) (autopilot_findings_open))`, "{{kind}}"})
	d.series("Asked for and not taken", "CPU that is requested and idle, by namespace; the ten with most of it.", "none", 0, 12,
		query{`topk(10, sum by (namespace) (kube_pod_container_resource_requests{resource="cpu"}) - sum by (namespace) (rate(container_cpu_usage_seconds_total{container!=""}[$__rate_interval])))`, "{{namespace}}"})
	return d
}
