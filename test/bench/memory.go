package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/test/cluster"
)

// memory loads a simulated cluster and reads what the bot weighs, before and after, beside a bare informer of the same pods.
func memory(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench memory", flag.ContinueOnError)
	pods := f.Int("pods", 10_000, "simulated pods")
	nodes := f.Int("nodes", 500, "simulated nodes")
	settle := f.Duration("settle", time.Minute, "how long to wait before memory is read")
	if err := parse(f, args); err != nil {
		return err
	}
	r, leave, err := enter(ctx, "bench-memory", cluster.Config{Mode: cluster.KWOK, KWOKNodes: *nodes, NodeGrace: 2 * time.Minute})
	if err != nil {
		return err
	}
	return quietly(leave, func() error { return r.memory(ctx, *pods, *nodes, *settle, out) })
}

func (r *room) memory(ctx context.Context, pods, nodes int, settle time.Duration, out io.Writer) error {
	empty, err := r.settled(ctx, settle)
	if err != nil {
		return err
	}
	// The bot is away meanwhile: a cluster on a small machine that takes in so many pods has troubles worth an incident.
	if err := r.Bot.Stop(ctx); err != nil {
		return err
	}
	began := time.Now()
	if err := r.load(ctx, pods); err != nil {
		return err
	}
	loaded := time.Since(began)
	weight, err := r.podWeight(ctx)
	if err != nil {
		return err
	}
	back, err := r.restart(ctx)
	if err != nil {
		return err
	}
	full, err := r.settled(ctx, settle)
	if err != nil {
		return err
	}
	if err := r.Bot.Stop(ctx); err != nil {
		return err
	}
	bare, seen, synced, err := r.bare(ctx, settle)
	if err != nil {
		return err
	}
	if seen != pods {
		return fmt.Errorf("the informer saw %d pods, want %d", seen, pods)
	}

	t := table{{"process", "state", "resident", "peak"}}
	row := func(process, state string, r resident) { t.add(process, state, mebibytes(r.now), mebibytes(r.peak)) }
	row("bot", fmt.Sprintf("%d nodes, no pods", nodes), empty)
	row("bot", fmt.Sprintf("%d nodes, %d pods", nodes, pods), full)
	row("bare informer of pods", "the same pods, whole", bare)
	if err := t.print(out, fmt.Sprintf("Memory with %d pods on %d nodes, on %s", pods, nodes, machine())); err != nil {
		return err
	}
	g := table{{"figure", "value"}}
	g.add("a pod on the wire (protobuf)", fmt.Sprintf("%d bytes", weight))
	g.add("the bot's growth for each pod", fmt.Sprintf("%d bytes", (full.now-empty.now)/int64(pods)))
	g.add("a bare informer's memory for each pod", fmt.Sprintf("%d bytes", bare.now/int64(pods)))
	g.add("the bot against the bare informer", fmt.Sprintf("%.2f", float64(full.now)/float64(bare.now)))
	g.add("the informer's time to read all pods", seconds(synced))
	g.add("from the bot's start to the card of a pod that broke while it was down", seconds(back))
	g.add("loading the cluster took", seconds(loaded))
	return g.print(out, "What that comes to")
}

// settled is the bot's memory after a while, in which the collector has given back what is free.
func (r *room) settled(ctx context.Context, settle time.Duration) (resident, error) {
	progress("waiting %s for the bot's memory to settle", settle)
	select {
	case <-ctx.Done():
		return resident{}, ctx.Err()
	case <-time.After(settle):
	}
	return residentOf(r.Bot.Process().Pid())
}

// restart breaks a pod while the bot is down, and gives the time from the bot's start to the card about it.
func (r *room) restart(ctx context.Context) (time.Duration, error) {
	pods := r.Cluster.Client().CoreV1().Pods("team-000")
	list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: "app=service-000", Limit: 1})
	if err != nil || len(list.Items) == 0 {
		return 0, fmt.Errorf("no pod to break: %w", err)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{cluster.FailAnnotation: cluster.FailCrash}}})
	if err != nil {
		return 0, err
	}
	if _, err := pods.Patch(ctx, list.Items[0].Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return 0, err
	}
	err = r.until(ctx, time.Minute, "the pod to crash", func(ctx context.Context) (bool, error) {
		p, err := pods.Get(ctx, list.Items[0].Name, metav1.GetOptions{})
		return err == nil && exit(p) != nil, err
	})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := r.Bot.Start(ctx); err != nil {
		return 0, err
	}
	m, _, err := r.card(ctx, 5*time.Minute, "team-000/service-000")
	if err != nil {
		return 0, err
	}
	at, err := posted(m)
	return at.Sub(began), err
}

// podWeight is what a pod of the load weighs on the wire, on average.
func (r *room) podWeight(ctx context.Context) (int, error) {
	list, err := r.Cluster.Client().CoreV1().Pods("").List(ctx, metav1.ListOptions{Limit: 100})
	if err != nil || len(list.Items) == 0 {
		return 0, fmt.Errorf("no pods to weigh: %w", err)
	}
	sum := 0
	for _, p := range list.Items {
		sum += p.Size()
	}
	return sum / len(list.Items), nil
}

// bare runs the informer as a process of its own with the bot's rights.
func (r *room) bare(ctx context.Context, settle time.Duration) (mem resident, pods int, synced time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return mem, 0, 0, err
	}
	progress("running the bare informer for %s", settle)
	cmd := exec.CommandContext(ctx, self, "informer", "-kubeconfig", r.BotKubeconfig, "-settle", settle.String())
	cmd.Stderr = os.Stderr
	line, err := cmd.Output()
	if err != nil {
		return mem, 0, 0, fmt.Errorf("the informer: %w", err)
	}
	var s float64
	if _, err := fmt.Sscanf(string(line), informerLine, &pods, &s, &mem.now, &mem.peak); err != nil {
		return mem, 0, 0, fmt.Errorf("the informer said %q: %w", line, err)
	}
	return mem, pods, time.Duration(s * float64(time.Second)), nil
}
