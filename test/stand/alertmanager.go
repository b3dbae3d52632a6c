package stand

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/deploy/alerts"
)

// Alertmanager is a real Alertmanager with the shipped configuration, in which
// only the bot's address, the token's file and, if set, the timings differ.
// After Stop it may be started again, with its silences and notification log.
type Alertmanager struct {
	Dir  string
	Port int
	// Webhook is the bot's address for alerts, Token what it wants to see.
	Webhook, Token string
	// GroupWait and GroupInterval replace those of all routes but the watchdog's, and Watchdog the interval
	// at which that one repeats; the shipped ones when zero.
	GroupWait, GroupInterval, Watchdog time.Duration

	proc *Process
}

// Start writes the configuration and runs Alertmanager until it is ready. It
// fails when Debian's package is missing.
func (a *Alertmanager) Start(ctx context.Context) error {
	bin, err := program("prometheus-alertmanager", "prometheus-alertmanager")
	if err != nil {
		return err
	}
	config, err := a.config(alerts.Alertmanager)
	if err != nil {
		return err
	}
	if err := writeFiles(a.Dir, map[string][]byte{"alertmanager.yaml": config, "token": []byte(a.Token)}); err != nil {
		return err
	}
	a.proc = &Process{Dir: a.Dir, Name: "alertmanager", Path: bin, Args: []string{
		"--config.file=alertmanager.yaml", "--storage.path=data",
		"--web.listen-address=127.0.0.1:" + strconv.Itoa(a.Port), "--cluster.listen-address=",
	}}
	return startReady(ctx, a.proc, a.Healthy)
}

// Healthy fails unless Alertmanager is ready.
func (a *Alertmanager) Healthy(ctx context.Context) error { return ready(ctx, a.URL()+"/-/ready") }

// Stop ends Alertmanager and keeps its data.
func (a *Alertmanager) Stop(ctx context.Context) error {
	if a.proc == nil {
		return nil
	}
	return a.proc.Stop(ctx)
}

// URL is where it answers, without a trailing slash.
func (a *Alertmanager) URL() string { return "http://127.0.0.1:" + strconv.Itoa(a.Port) }

// Process is the running program; nil before the first Start.
func (a *Alertmanager) Process() *Process { return a.proc }

// config is the shipped configuration with our addresses and timings.
func (a *Alertmanager) config(shipped []byte) ([]byte, error) {
	var config object
	if err := yaml.Unmarshal(shipped, &config); err != nil {
		return nil, fmt.Errorf("shipped Alertmanager configuration: %w", err)
	}
	if err := a.substitute(config); err != nil {
		return nil, fmt.Errorf("shipped Alertmanager configuration: %w", err)
	}
	return yaml.Marshal(config)
}

func (a *Alertmanager) substitute(config object) error {
	receivers, _ := config["receivers"].([]any)
	if len(receivers) == 0 {
		return errors.New("no receivers")
	}
	for _, r := range receivers {
		if itself, ok := r.(object); ok {
			delete(itself, "slack_configs") // there is no incoming webhook here
		}
		hooks, _ := at(r, "webhook_configs").([]any)
		if len(hooks) == 0 {
			return fmt.Errorf("receiver %v has no webhook", at(r, "name"))
		}
		for _, hook := range hooks {
			authorization, ok := at(at(hook, "http_config"), "authorization").(object)
			if !ok {
				return fmt.Errorf("receiver %v has no authorization", at(r, "name"))
			}
			authorization["credentials_file"] = "token"
			hook.(object)["url"] = a.Webhook
		}
	}
	route, ok := config["route"].(object)
	if !ok {
		return errors.New("no route")
	}
	set := func(route object, key string, to time.Duration) {
		if to != 0 {
			route[key] = duration(to)
		}
	}
	set(route, "group_wait", a.GroupWait)
	set(route, "group_interval", a.GroupInterval)
	children, _ := route["routes"].([]any)
	for _, child := range children {
		if at(child, "receiver") != "autopilot-watchdog" {
			continue
		}
		// Just below the interval, so that each interval repeats it.
		set(child.(object), "group_interval", a.Watchdog)
		set(child.(object), "repeat_interval", a.Watchdog*9/10)
	}
	return nil
}

// at is a key of v, or nil when v is no object.
func at(v any, key string) any {
	o, _ := v.(object)
	return o[key]
}
