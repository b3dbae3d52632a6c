// Package page wakes people through PagerDuty and Opsgenie, and reads in their webhooks who took an incident over there.
//
// A pager learns of an incident only when nobody in Slack took it; the handlers send, acknowledge and resolve by its id, so
// that sending twice changes nothing.
package page

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// What a pager is told. They are the Detail of an engine.TaskPage.
const (
	Trigger     = "trigger"
	Acknowledge = "acknowledge"
	Resolve     = "resolve"
)

// Config says how a pager is reached.
type Config struct {
	URL       string            // "" for the vendor's own
	Key       engine.Secret     // PagerDuty's routing key, or Opsgenie's API key
	Timeout   time.Duration     // of one request; 0 means 10 s
	Transport http.RoundTripper // nil means http.DefaultTransport
}

const (
	maxAnswer = 64 << 10
	keyPrefix = "autopilot-incident-"
)

// key is the pager's name for an incident: PagerDuty's dedup_key, Opsgenie's alias. After a reopening it is another one: what a
// pager holds of the time before, be it still open there, must not swallow the new call.
func key(i engine.Incident) string {
	k := keyPrefix + strconv.FormatInt(i.ID, 10)
	if i.Reopened > 0 {
		k += "-" + strconv.Itoa(i.Reopened)
	}
	return k
}

// incidentOf is the reverse of key: the incident, and how often it had been reopened. ok is false for what is not one of ours.
func incidentOf(k string) (id int64, reopened int, ok bool) {
	digits, ok := strings.CutPrefix(k, keyPrefix)
	if !ok {
		return 0, 0, false
	}
	digits, times, again := strings.Cut(digits, "-")
	id, err := strconv.ParseInt(digits, 10, 64)
	if err == nil && again {
		reopened, err = strconv.Atoi(times)
	}
	i := engine.Incident{ID: id, Reopened: reopened}
	return id, reopened, err == nil && id > 0 && reopened >= 0 && key(i) == k
}

// sender posts JSON to a vendor.
type sender struct {
	vendor, base string
	client       *http.Client
	secret       engine.Secret
	header       http.Header
}

func (cfg Config) sender(vendor, base string) (*sender, error) {
	if cfg.URL != "" {
		base = cfg.URL
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, engine.Errorf(engine.Invalid, "%s needs an address like https://…, not %q", vendor, base)
	}
	if cfg.Key.IsZero() {
		return nil, engine.Errorf(engine.Invalid, "%s needs a key", vendor)
	}
	timeout := cfg.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	return &sender{
		vendor: vendor, base: strings.TrimRight(base, "/"), secret: cfg.Key, header: http.Header{"Content-Type": {"application/json"}},
		client: &http.Client{Timeout: timeout, Transport: cfg.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect would carry the key elsewhere
		}},
	}, nil
}

func (s *sender) post(ctx context.Context, path string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode a request to %s: %w", s.vendor, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("make a request to %s: %w", s.vendor, err)
	}
	req.Header = s.header.Clone()
	resp, err := s.client.Do(req)
	if err != nil {
		return engine.Wrap(engine.Unavailable, err, s.vendor+" does not answer")
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode == http.StatusAccepted || resp.StatusCode == http.StatusOK {
		return nil // it has the event, whatever became of the answer
	}
	if err != nil {
		return engine.Wrap(engine.Unavailable, err, s.vendor+" broke off its answer")
	}
	return s.refused(resp, answer)
}

// refused turns an answer into an error. It never repeats the key, which a vendor may have quoted.
func (s *sender) refused(resp *http.Response, answer []byte) error {
	said := strings.ReplaceAll(strings.TrimSpace(string(answer)), s.secret.Reveal(), "***")
	said = shorten(strings.ToValidUTF8(said, "\uFFFD"), 300) // only now, or a cut key would not be known as one
	text := fmt.Sprintf("%s answered %d: %s", s.vendor, resp.StatusCode, said)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return engine.Errorf(engine.Unavailable, "%s", text)
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return engine.Errorf(engine.Forbidden, "%s", text)
	case resp.StatusCode == http.StatusNotFound:
		return engine.Errorf(engine.NotFound, "%s", text)
	}
	return engine.Errorf(engine.Invalid, "%s", text)
}

// shorten cuts s to n characters, ending in an ellipsis when something was lost.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// facts are the lines that a page tells beside its title.
func facts(i engine.Incident) map[string]string {
	out := map[string]string{"cluster": i.Workload.Cluster, "workload": i.Workload.Kind + " " + i.Workload.String(), "started_at": i.StartedAt.UTC().Format(time.RFC3339)}
	if len(i.Diagnosis.Causes) > 0 {
		out["likeliest_cause"] = i.Diagnosis.Causes[0].Title
		out["next_step"] = i.Diagnosis.Causes[0].Step.Text
	}
	if i.Health != nil {
		out["ready"] = fmt.Sprintf("%d of %d", i.Health.Ready, i.Health.Desired)
	}
	return out
}

// title is the incident's, or one made from what it is about.
func title(i engine.Incident) string {
	if i.Title != "" {
		return i.Title
	}
	return i.Workload.String() + " has a problem"
}
