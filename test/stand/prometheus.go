package stand

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/deploy/alerts"
)

// Prometheus is a real Prometheus with the shipped alert rules. After Stop it
// may be started again, with its data.
type Prometheus struct {
	Dir  string
	Port int
	// Interval is how often targets are scraped and rules evaluated; default 2 s. The rules
	// themselves, their windows and their waits, are as shipped.
	Interval time.Duration
	// Cluster is the label cluster of every alert; none when empty.
	Cluster string
	Targets []Target
	// Alertmanager is the URL to send alerts to; none when empty.
	Alertmanager string
	// Retention is how far back it remembers; default a day. What is put into Data before Start is older.
	Retention time.Duration

	proc *Process
}

// Target is one page of metrics, or a page that lists where they are.
type Target struct {
	Job, URL string
	// Listed says that URL answers Prometheus' HTTP discovery and holds no metrics itself.
	Listed bool
	// Token is a bearer token for the metrics; none when empty. A server's certificate is not
	// verified, as test servers sign for themselves.
	Token string
	// OwnLabels lets a series' own labels win over its target's: right for an exporter, whose
	// series are about others.
	OwnLabels bool
}

// Start writes the configuration and runs Prometheus until it is ready. It
// fails when Debian's package is missing or a setting is refused.
func (p *Prometheus) Start(ctx context.Context) error {
	bin, err := program("prometheus", "prometheus")
	if err != nil {
		return err
	}
	config, err := p.config()
	if err != nil {
		return err
	}
	if err := writeFiles(p.Dir, map[string][]byte{"prometheus.yaml": config, "autopilot.rules.yaml": alerts.Rules}); err != nil {
		return err
	}
	p.proc = &Process{Dir: p.Dir, Name: "prometheus", Path: bin, Args: []string{
		"--config.file=prometheus.yaml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=" + duration(cmp.Or(p.Retention, 24*time.Hour)),
		"--web.listen-address=127.0.0.1:" + strconv.Itoa(p.Port), "--web.enable-lifecycle", "--log.level=warn",
		// By default an alert that Alertmanager missed, because it was down or not yet found, comes again after a minute.
		"--rules.alert.resend-delay=10s",
	}}
	return startReady(ctx, p.proc, p.Healthy)
}

// Healthy fails unless Prometheus is ready to answer queries.
func (p *Prometheus) Healthy(ctx context.Context) error { return ready(ctx, p.URL()+"/-/ready") }

// Stop ends Prometheus and keeps its data.
func (p *Prometheus) Stop(ctx context.Context) error {
	if p.proc == nil {
		return nil
	}
	return p.proc.Stop(ctx)
}

// Data is the folder of its storage.
func (p *Prometheus) Data() string { return filepath.Join(p.Dir, "data") }

// URL is where it answers, without a trailing slash.
func (p *Prometheus) URL() string { return "http://127.0.0.1:" + strconv.Itoa(p.Port) }

// Process is the running program; nil before the first Start.
func (p *Prometheus) Process() *Process { return p.proc }

type object = map[string]any

func (p *Prometheus) config() ([]byte, error) {
	interval := p.Interval
	if interval == 0 {
		interval = 2 * time.Second
	}
	global := object{"scrape_interval": duration(interval), "scrape_timeout": duration(interval), "evaluation_interval": duration(interval)}
	if p.Cluster != "" {
		global["external_labels"] = object{"cluster": p.Cluster}
	}
	var scrape []object
	for _, t := range p.Targets {
		u, err := url.Parse(t.URL)
		if err != nil || u.Host == "" || t.Job == "" {
			return nil, fmt.Errorf("prometheus target %q at %q: want a job and an http or https URL: %w", t.Job, t.URL, err)
		}
		c := object{"job_name": t.Job, "honor_labels": t.OwnLabels, "tls_config": object{"insecure_skip_verify": true}}
		if t.Listed {
			c["http_sd_configs"] = []object{{"url": t.URL, "refresh_interval": duration(max(interval, time.Second))}}
		} else {
			c["scheme"], c["metrics_path"] = u.Scheme, u.Path
			c["static_configs"] = []object{{"targets": []string{u.Host}}}
		}
		if t.Token != "" {
			c["authorization"] = object{"credentials": t.Token}
		}
		scrape = append(scrape, c)
	}
	config := object{"global": global, "rule_files": []string{"autopilot.rules.yaml"}, "scrape_configs": scrape}
	if p.Alertmanager != "" {
		u, err := url.Parse(p.Alertmanager)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("alertmanager %q: want a URL: %w", p.Alertmanager, err)
		}
		config["alerting"] = object{"alertmanagers": []object{{"scheme": u.Scheme, "static_configs": []object{{"targets": []string{u.Host}}}}}}
	}
	return yaml.Marshal(config)
}

// duration is d as Prometheus and Alertmanager read it: they take no fractions.
func duration(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

// program finds a program of a Debian package.
func program(name, debian string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed: apt-get install %s", name, debian)
	}
	return path, nil
}

// writeFiles writes files that only we may read into dir, which it makes.
func writeFiles(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// fresh opens a connection for each request: a kept one may be to a server that
// was restarted since.
var fresh = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ready fails unless url answers 200 within two seconds.
func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := fresh.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
