package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/test/cluster"
)

const stormNamespace = "storm"

// storm has many pods of one Deployment crash together: people want one card, not one a pod.
func storm(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench storm", flag.ContinueOnError)
	pods := f.Int("pods", 200, "pods of the workload")
	watch := f.Duration("watch", time.Minute, "how long to look on after the first card; the pods restart every 30 s")
	if err := parse(f, args); err != nil {
		return err
	}
	r, leave, err := enter(ctx, "bench-storm", cluster.Config{Mode: cluster.KWOK, KWOKNodes: 1 + *pods/100})
	if err != nil {
		return err
	}
	return quietly(leave, func() error { return r.storm(ctx, *pods, *watch, out) })
}

func (r *room) storm(ctx context.Context, pods int, watch time.Duration, out io.Writer) error {
	if err := r.crowd(ctx, pods); err != nil {
		return err
	}
	_, _, first, err := r.calls(ctx, 0)
	if err != nil {
		return err
	}
	progress("%d pods run; breaking all of them", pods)
	began := time.Now()
	if err := r.breakAll(ctx); err != nil {
		return err
	}
	broken := time.Since(began)
	card, _, err := r.card(ctx, 2*time.Minute, stormNamespace+"/crowd")
	if err != nil {
		return err
	}
	at, err := posted(card)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(watch):
	}
	if err := r.rest(ctx); err != nil {
		return err
	}
	cards, err := r.reader.Cards(ctx, stormNamespace+"/")
	if err != nil {
		return err
	}
	incidents, err := r.incidents(ctx, stormNamespace)
	if err != nil {
		return err
	}
	accepted, refused, _, err := r.calls(ctx, first)
	if err != nil {
		return err
	}
	t := table{{"figure", "value", "wanted"}}
	t.add("cards", fmt.Sprint(len(cards)), "1")
	t.add("incidents", fmt.Sprint(len(incidents)), "1")
	t.add("from the first pod told to crash to the card", seconds(at.Sub(began)), "")
	t.add("telling all pods to crash took", seconds(broken), "")
	t.add("posts in "+watch.String(), fmt.Sprint(accepted["chat.postMessage"]), "")
	t.add("edits in "+watch.String(), fmt.Sprint(accepted["chat.update"]), "")
	t.add("refused with 429", fmt.Sprint(refused), "")
	if err := t.print(out, fmt.Sprintf("%d pods of one workload crash together, on %s", pods, machine())); err != nil {
		return err
	}
	if len(cards) != 1 || len(incidents) != 1 {
		return fmt.Errorf("%w: %d cards and %d incidents, want one of each", errMissed, len(cards), len(incidents))
	}
	return nil
}

// crowd makes the Deployment and waits until all its pods run.
func (r *room) crowd(ctx context.Context, pods int) error {
	client := r.Cluster.Client()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: stormNamespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return err
	}
	d := deployment(stormNamespace, "crowd", pods)
	if _, err := client.AppsV1().Deployments(stormNamespace).Create(ctx, d, metav1.CreateOptions{}); err != nil {
		return err
	}
	return r.until(ctx, 5*time.Minute, "all pods to run", func(ctx context.Context) (bool, error) {
		d, err := client.AppsV1().Deployments(stormNamespace).Get(ctx, "crowd", metav1.GetOptions{})
		return err == nil && int(d.Status.AvailableReplicas) == pods, err
	})
}

// breakAll tells every pod to crash.
func (r *room) breakAll(ctx context.Context) error {
	pods := r.Cluster.Client().CoreV1().Pods(stormNamespace)
	list, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{
		cluster.FailAnnotation: cluster.FailCrash, cluster.ExitCodeAnnotation: "3",
		cluster.LogAnnotation: "starting\nFATAL: cannot connect to db:5432: connection refused",
	}}})
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, p := range list.Items {
		g.Go(func() error {
			_, err := pods.Patch(gctx, p.Name, types.MergePatchType, patch, metav1.PatchOptions{})
			return err
		})
	}
	return g.Wait()
}

// until asks twice a second whether something is so.
func (r *room) until(ctx context.Context, within time.Duration, what string, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		ok, err := done(ctx)
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waiting %s for %s: %w", within, what, ctx.Err()), err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// deployment is a Deployment whose pods weigh what pods weigh: two containers with probes, variables, mounts and annotations.
func deployment(namespace, name string, replicas int) *appsv1.Deployment {
	n := int32(replicas) //nolint:gosec // tens
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: podTemplate(name, labels),
		},
	}
}
