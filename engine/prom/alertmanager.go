package prom

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Alertmanager is an Alertmanager, spoken to by its API v2. Its methods may be called at the same time.
type Alertmanager struct {
	url      string
	client   *http.Client
	cluster  string
	receiver string // that is the bot
	now      func() time.Time
}

// ConnectAlertmanager prepares an Alertmanager. It fails with Invalid for an address that cannot be one; it does not speak to it.
func ConnectAlertmanager(cfg Config) (*Alertmanager, error) {
	base, client, err := cfg.connect()
	if err != nil {
		return nil, err
	}
	a := &Alertmanager{url: strings.TrimRight(base, "/"), client: client, cluster: cfg.Cluster, receiver: cmp.Or(cfg.Receiver, "autopilot"), now: cfg.Now}
	if a.now == nil {
		a.now = time.Now
	}
	return a, nil
}

// Alerts lists all that fires, also what is silenced or inhibited. It fails with Unavailable or Forbidden.
func (a *Alertmanager) Alerts(ctx context.Context) ([]engine.Alert, error) {
	var list []struct {
		Fingerprint  string            `json:"fingerprint"`
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		StartsAt     time.Time         `json:"startsAt"`
		GeneratorURL string            `json:"generatorURL"`
		Status       struct {
			SilencedBy  []string `json:"silencedBy"`
			InhibitedBy []string `json:"inhibitedBy"`
		} `json:"status"`
		Receivers []struct {
			Name string `json:"name"`
		} `json:"receivers"`
	}
	if err := a.call(ctx, http.MethodGet, "/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true", nil, &list); err != nil {
		return nil, err
	}
	alerts := make([]engine.Alert, len(list))
	for i, l := range list {
		// Their endsAt is when they would time out; a listed alert has not ended.
		alerts[i] = engine.Alert{
			Fingerprint: l.Fingerprint, Labels: l.Labels, Annotations: l.Annotations, StartsAt: l.StartsAt,
			GeneratorURL: l.GeneratorURL, Silenced: len(l.Status.SilencedBy)+len(l.Status.InhibitedBy) > 0,
		}
		for _, r := range l.Receivers {
			alerts[i].Receivers = append(alerts[i].Receivers, r.Name)
		}
	}
	return alerts, nil
}

// Started tells since when Alertmanager runs. It keeps no alerts over a restart: what it does not list soon after is not known to
// have ended. It fails with Unavailable or Forbidden.
func (a *Alertmanager) Started(ctx context.Context) (time.Time, error) {
	var status struct {
		Uptime time.Time `json:"uptime"` // in spite of its name, the time of the start
	}
	err := a.call(ctx, http.MethodGet, "/api/v2/status", nil, &status)
	return status.Uptime, err
}

// Check tries whether Alertmanager answers, whether a Watchdog alert fires, and whether the bot hears of alerts, and not it alone.
func (a *Alertmanager) Check(ctx context.Context) []engine.Check {
	const area = "alertmanager"
	var status struct {
		VersionInfo struct {
			Version string `json:"version"`
		} `json:"versionInfo"`
	}
	name := "reach " + a.url
	if err := a.call(ctx, http.MethodGet, "/api/v2/status", nil, &status); err != nil {
		return []engine.Check{engine.Missed("alertmanager-unreachable", engine.CheckFail, area, name, err.Error(), "an answer", "check the address, the network path and the token")}
	}
	checks := []engine.Check{engine.Passed(area, name, status.VersionInfo.Version)}
	return append(checks, a.checkReceivers(ctx, area), a.checkWatchdog(ctx, area))
}

func (a *Alertmanager) checkReceivers(ctx context.Context, area string) engine.Check {
	const name, want = "receivers", "a second way for critical alerts"
	var receivers []struct {
		Name string `json:"name"`
	}
	if err := a.call(ctx, http.MethodGet, "/api/v2/receivers", nil, &receivers); err != nil {
		return engine.Missed("alertmanager-receivers-unknown", engine.CheckWarn, area, name, err.Error(), want, "check the permissions of the token")
	}
	var ours, others []string
	for _, r := range receivers {
		if a.isBot(r.Name) {
			ours = append(ours, r.Name)
		} else {
			others = append(others, r.Name)
		}
	}
	switch {
	case len(ours) == 0:
		return engine.Missed("alertmanager-not-routed", engine.CheckWarn, area, name, strings.Join(others, ", "), "a receiver "+a.receiver,
			"add the receiver of deploy/alerts/alertmanager.yaml, or name yours in clusters[].receiver")
	case len(others) == 0:
		return engine.Missed("alertmanager-bot-alone", engine.CheckWarn, area, name, "the bot alone", want,
			"route critical alerts to a pager as well: when the bot is down, its own receiver tells nobody")
	}
	return engine.Passed(area, name, "the bot, and "+strings.Join(others, ", "))
}

// isBot tells whether a receiver leads to the bot: by its name, as the shipped configuration names the Watchdog's beside it, or
// as the Prometheus operator writes it, behind the namespace and the object.
func (a *Alertmanager) isBot(name string) bool {
	name = name[strings.LastIndexByte(name, '/')+1:]
	return name == a.receiver || name == a.receiver+"-watchdog"
}

func (a *Alertmanager) checkWatchdog(ctx context.Context, area string) engine.Check {
	const name, want = "Watchdog", "an alert named Watchdog that always fires"
	alerts, err := a.Alerts(ctx)
	if err != nil {
		return engine.Missed("alertmanager-watchdog-unknown", engine.CheckWarn, area, name, err.Error(), want, "check the permissions of the token")
	}
	if !slices.ContainsFunc(alerts, func(l engine.Alert) bool { return l.Labels["alertname"] == "Watchdog" }) {
		return engine.Missed("alertmanager-watchdog", engine.CheckWarn, area, name, "it does not fire", want, "load deploy/alerts, whose Watchdog proves that alerts arrive at all")
	}
	return engine.Passed(area, name, "it fires")
}

// call sends a request with a JSON body, if in is not nil, and decodes the answer into out, if that is not nil.
func (a *Alertmanager) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode a request to Alertmanager: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, body)
	if err != nil {
		return fmt.Errorf("make a request to Alertmanager: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return engine.Wrap(engine.Unavailable, err, "Alertmanager does not answer")
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return engine.Wrap(engine.Unavailable, err, "Alertmanager broke off its answer")
	}
	if resp.StatusCode/100 != 2 {
		return refused("Alertmanager", resp, bytes.TrimSpace(answer))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return engine.Wrap(engine.Unavailable, err, "Alertmanager answered something that is not its API")
	}
	return nil
}
