package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/test/cluster"
)

// pace is the time between two posts in one channel that Slack asks for.
const pace = time.Second

// alerts posts alerts as Alertmanager does, each about a workload of its own. One at a time shows what the bot needs; all at once
// shows what Slack's pace makes of it.
func alerts(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench alerts", flag.ContinueOnError)
	runs := f.Int("runs", 50, "alerts, one after the other")
	burst := f.Int("burst", 20, "alerts afterwards, all at once; 0 for none")
	if err := parse(f, args); err != nil {
		return err
	}
	r, leave, err := enter(ctx, "bench-alerts", cluster.Config{Mode: cluster.KWOK, KWOKNodes: 1})
	if err != nil {
		return err
	}
	return quietly(leave, func() error {
		var kept, shown []time.Duration
		for n := range *runs {
			name := fmt.Sprintf("one-%03d", n)
			k, s, err := r.alert(ctx, name)
			if err != nil {
				return err
			}
			kept, shown = append(kept, k), append(shown, s)
			if err := r.rest(ctx); err != nil {
				return err
			}
		}
		t := table{append([]string{"from", "to"}, spreadHead...)}
		t.add(append([]string{"POST", "200 (kept in PostgreSQL)"}, spread(kept)...)...)
		t.add(append([]string{"POST", "card"}, spread(shown)...)...)
		if err := t.print(out, "From alert to card, one at a time, on "+machine()); err != nil || *burst == 0 {
			return err
		}
		return r.burst(ctx, *burst, out)
	})
}

// burst sends alerts at once. Slack takes a message a second in a channel, so the last of n cards cannot stand before n-1 seconds,
// less the few that Slack lets through beyond its pace.
func (r *room) burst(ctx context.Context, n int, out io.Writer) error {
	_, _, first, err := r.calls(ctx, 0)
	if err != nil {
		return err
	}
	shown := make([]time.Duration, n)
	g, gctx := errgroup.WithContext(ctx)
	for k := range n {
		g.Go(func() (err error) {
			_, shown[k], err = r.alert(gctx, fmt.Sprintf("all-%03d", k))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	accepted, refused, _, err := r.calls(ctx, first)
	if err != nil {
		return err
	}
	t := table{append([]string{"from", "to"}, spreadHead...)}
	t.add(append([]string{"POST", "card"}, spread(shown)...)...)
	if err := t.print(out, fmt.Sprintf("%d alerts at once; Slack's pace alone is %s for the last card", n, seconds(time.Duration(n-1)*pace))); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "  posts %d, edits %d, refused with 429: %d\n", accepted["chat.postMessage"], accepted["chat.update"], refused)
	return err
}

// alert posts an alert about a Deployment of this name and waits for its card: the time until it was kept, and until it was shown.
func (r *room) alert(ctx context.Context, name string) (kept, shown time.Duration, err error) {
	began := time.Now()
	body, err := json.Marshal(map[string]any{
		"version": "4", "status": "firing", "receiver": "autopilot", "groupKey": name,
		"alerts": []any{map[string]any{
			"status": "firing", "fingerprint": name, "startsAt": began,
			"labels": map[string]string{
				"alertname": "AutopilotHighLatency", "severity": "warning", "cluster": "bench-alerts",
				"namespace": "alerts", "workload": name, "workload_kind": "Deployment",
			},
			"annotations": map[string]string{"summary": "alerts/" + name + " answers slowly"},
		}},
	})
	if err != nil {
		return 0, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Bot.URL()+"/webhooks/alertmanager", bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+r.WebhookToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	answer, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return 0, 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("alert %s: %s: %s", name, resp.Status, answer)
	}
	kept = time.Since(began)
	m, _, err := r.card(ctx, 5*time.Minute, "alerts/"+name)
	if err != nil {
		return 0, 0, err
	}
	at, err := posted(m)
	return kept, at.Sub(began), err
}

// rest waits until Slack shows all that is wanted, and its pace lets the next message through at once.
func (r *room) rest(ctx context.Context) error {
	for {
		waiting, err := r.waiting(ctx)
		if err != nil {
			return err
		}
		pause := 3 * pace
		if waiting > 0 {
			pause = pace / 5
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if waiting == 0 {
			return nil
		}
	}
}
