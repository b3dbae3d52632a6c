// Package e2e runs the bot as a process against the stand: a real Kubernetes, PostgreSQL, Prometheus and Alertmanager, and the
// stand-in for Slack. Each test does what a cluster or a person would do and asserts on what people see.
package e2e
