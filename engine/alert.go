package engine

import "time"

// Alert is one alert of Alertmanager, as its webhook sends it or its API lists it.
type Alert struct {
	Fingerprint  string
	Labels       map[string]string
	Annotations  map[string]string
	StartsAt     time.Time
	EndsAt       time.Time // zero while it fires
	GeneratorURL string
	Silenced     bool     // or inhibited; known only to the API
	Receivers    []string // that it is routed to; known only to the API
}
