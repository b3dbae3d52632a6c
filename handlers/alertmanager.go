package handlers

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// ownersWithin is how long all alerts of one call may ask whose pods they are about. An API server that is gone, which makes
// alerts fire, must not keep them from being told.
const ownersWithin = 5 * time.Second

// maxWebhook bounds a webhook's body. Alertmanager's own groups stay far below it.
const maxWebhook = 8 << 20

// webhook is Alertmanager's payload, version 4. Fields that are not named here are passed over: newer versions add some.
type webhook struct {
	Version         string         `json:"version"`
	TruncatedAlerts uint64         `json:"truncatedAlerts"`
	Alerts          []webhookAlert `json:"alerts"`
}

type webhookAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// decodeWebhook reads a payload that came at now. Errors have the code invalid.
func decodeWebhook(body []byte, now time.Time) ([]engine.Alert, uint64, error) {
	var w webhook
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, 0, engine.Errorf(engine.Invalid, "the body is not Alertmanager's JSON: %v", err)
	}
	if w.Version != "4" {
		return nil, 0, engine.Errorf(engine.Invalid, "version %q is not known; Alertmanager's webhook version 4 is wanted", cut(w.Version, 20))
	}
	alerts := make([]engine.Alert, 0, len(w.Alerts))
	for n, a := range w.Alerts {
		if a.Fingerprint == "" || a.Labels["alertname"] == "" {
			return nil, 0, engine.Errorf(engine.Invalid, "alert %d has no fingerprint or no alertname", n)
		}
		alert := engine.Alert{
			Fingerprint: a.Fingerprint, Labels: a.Labels, Annotations: a.Annotations,
			StartsAt: a.StartsAt, GeneratorURL: a.GeneratorURL,
		}
		// A group that fires may hold alerts that are resolved: only the alert's own status counts.
		switch a.Status {
		case "firing":
		case "resolved":
			// One that does not say when it ended was over when it came. An end that is no later than the start would end nothing.
			if alert.EndsAt = a.EndsAt; !alert.EndsAt.After(a.StartsAt) {
				alert.EndsAt = now
			}
		default:
			return nil, 0, engine.Errorf(engine.Invalid, "alert %d has the status %q; firing or resolved is wanted", n, cut(a.Status, 20))
		}
		alerts = append(alerts, alert)
	}
	return alerts, w.TruncatedAlerts, nil
}

// AlertmanagerWebhook takes alerts at /webhooks/alertmanager and /webhooks/alertmanager/{cluster}.
// Alertmanager tries again after 5xx only, so everything that may pass by itself answers 503; it answers 200 when every alert is kept.
func (h *Handlers) AlertmanagerWebhook(token engine.Secret) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !bearer(r, token) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a bearer token is wanted, as in http_config.authorization of the receiver", http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhook))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			h.Log.ErrorContext(r.Context(), "alerts lost: webhook body too large", "limit", maxWebhook)
			http.Error(w, "the body is larger than 8 MiB; set max_alerts on the receiver", http.StatusRequestEntityTooLarge)
			return
		case err != nil:
			http.Error(w, "the body ended early", http.StatusBadRequest)
			return
		}
		alerts, truncated, err := decodeWebhook(body, h.Now())
		if err != nil {
			h.Log.WarnContext(r.Context(), "webhook refused", "error", err)
			http.Error(w, engine.UserMessage(err, "-"), http.StatusBadRequest)
			return
		}
		if truncated > 0 {
			h.Log.WarnContext(r.Context(), "Alertmanager left alerts out of a notification; the poll will find them", "alerts", truncated)
		}
		if err := h.TakeAlerts(r.Context(), r.PathValue("cluster"), alerts); err != nil {
			h.Log.ErrorContext(r.Context(), "webhook not taken", "error", err)
			status := http.StatusServiceUnavailable
			if engine.CodeOf(err) == engine.Invalid {
				status = http.StatusBadRequest
			}
			http.Error(w, engine.UserMessage(err, "-"), status)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
}

func bearer(r *http.Request, token engine.Secret) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && !token.IsZero() && subtle.ConstantTimeCompare([]byte(given), []byte(token.Reveal())) == 1
}

// TakeAlerts turns alerts into observations, one a workload, and has them kept. It may be called twice with the same alerts.
//
// One that cannot be kept does not keep the others from it. The error is of code invalid when trying again is of no use: for
// alerts of a cluster that is not configured, and for those that the store will never take.
func (h *Handlers) TakeAlerts(ctx context.Context, path string, alerts []engine.Alert) error {
	var refused, failed error
	order := []engine.Workload{}
	byWorkload := map[engine.Workload][]engine.Signal{}
	held := map[string]map[string]engine.Workload{}
	asking, done := context.WithTimeout(ctx, ownersWithin)
	defer done()
	for _, a := range alerts {
		c, err := h.alertCluster(path, a)
		if err != nil {
			refused = err
			continue
		}
		if detect.IsWatchdog(a) && a.EndsAt.IsZero() {
			if err := h.Signals.SawWatchdog(ctx, c.Name, h.Now()); err != nil {
				return err
			}
		}
		if !detect.IsSignal(a) {
			continue
		}
		if held[c.Name] == nil {
			firing, err := h.Signals.FiringAlerts(ctx, c.Name)
			if err != nil {
				return err
			}
			held[c.Name] = workloads(firing)
		}
		s := signal(asking, c, a, held[c.Name])
		if _, seen := byWorkload[s.Workload]; !seen {
			order = append(order, s.Workload)
		}
		byWorkload[s.Workload] = append(byWorkload[s.Workload], s)
	}
	for _, w := range order {
		err := h.observe(ctx, w, byWorkload[w]...)
		switch engine.CodeOf(err) {
		case "":
		case engine.Invalid:
			refused = errors.Join(refused, err)
		case engine.Unavailable:
			return err // nor will the next be kept
		default:
			failed = errors.Join(failed, err)
		}
	}
	return cmp.Or(failed, refused)
}

func (h *Handlers) observe(ctx context.Context, w engine.Workload, signals ...engine.Signal) error {
	ctx = engine.WithID(ctx, w.Fingerprint())
	err := h.Signals.Observe(ctx, engine.Observation{Source: engine.SourceAlert, Workload: w, Signals: signals, At: h.Now()})
	if err != nil {
		h.Log.ErrorContext(ctx, "alerts not kept", "workload", w.String(), "cluster", w.Cluster, "error", err)
		return fmt.Errorf("keep alerts of %s: %w", w, err)
	}
	return nil
}

// signal says what an alert is about. One that is held already stays with the workload that it was put to: by now its pod may
// be gone, or nobody answer whose it is, and its end would be the end of something else.
func signal(ctx context.Context, c Cluster, a engine.Alert, held map[string]engine.Workload) engine.Signal {
	known, isHeld := held[a.Fingerprint]
	s := detect.Alert(c.Name, a, func(kind, namespace, name string) (engine.Workload, bool) {
		if isHeld {
			return known, true
		}
		w, err := c.Owner(ctx, kind, namespace, name)
		if err != nil && engine.CodeOf(err) != engine.NotFound {
			return detect.Guess(kind, namespace, name, a.Labels) // or each pod of one Deployment would be an incident
		}
		return w, err == nil
	})
	if isHeld {
		s.Workload = known
	}
	s.Summary, _ = rca.Redact(s.Summary) // rules over logs quote lines of them
	return s
}

// workloads gives the workload of each alert by its fingerprint.
func workloads(firing []engine.Signal) map[string]engine.Workload {
	held := make(map[string]engine.Workload, len(firing))
	for _, s := range firing {
		held[s.ID] = s.Workload
	}
	return held
}

// alertCluster says which cluster an alert is about: its own label, else the webhook's path, else the only cluster there is.
func (h *Handlers) alertCluster(path string, a engine.Alert) (Cluster, error) {
	for _, name := range []string{a.Labels["cluster"], path} {
		if c, ok := h.cluster(name); ok {
			return c, nil
		}
	}
	if path == "" && len(h.Clusters) == 1 {
		return h.Clusters[0], nil
	}
	return Cluster{}, engine.Errorf(engine.Invalid,
		"alert %s names no configured cluster; use /webhooks/alertmanager/<cluster> as the receiver's URL, or an external label cluster (%s)",
		cut(a.Labels["alertname"], 80), h.clusterNames(path))
}
