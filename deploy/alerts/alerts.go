// Package alerts carries the shipped alert rules and Alertmanager configuration
// to programs that run them; called by the stand.
package alerts

import _ "embed"

// Rules is autopilot.rules.yaml, a Prometheus rule file.
//
//go:embed autopilot.rules.yaml
var Rules []byte

// Alertmanager is alertmanager.yaml, a whole Alertmanager configuration.
//
//go:embed alertmanager.yaml
var Alertmanager []byte
