// Package stand starts what the bot talks to, on one machine and for real:
// PostgreSQL, Prometheus with the shipped alert rules, Alertmanager with the
// shipped configuration, and around them a Kubernetes cluster, Slack and the
// bot itself. Each part has a Start, a Healthy and a Stop of its own; called by
// the demo, by the end-to-end tests and by the benchmarks.
package stand
