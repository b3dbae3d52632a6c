package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// manager is the name under which manifests are applied; the bot names it as who changed what.
const manager = "scenario"

// Nodes stops and starts the kubelet of the real node, and the heartbeat of simulated ones.
type Nodes interface {
	NodeName() string
	KillNode(ctx context.Context, node string) error
	RestoreNode(ctx context.Context, node string) error
}

// Player plays scenarios on one cluster.
type Player struct {
	*Applier
	// Alertmanager is the URL to which alerts go; "" when there is none.
	Alertmanager string

	client kubernetes.Interface
	config *rest.Config
	nodes  Nodes

	mu          sync.Mutex
	clusterwide map[string]string // what a namespace's scenario applied that is in none
}

// NewPlayer prepares a player. nodes may be nil when no scenario touches a node.
func NewPlayer(cfg *rest.Config, nodes Nodes) (*Player, error) {
	applier, err := NewApplier(cfg, manager)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	return &Player{Applier: applier, client: client, config: cfg, nodes: nodes, clusterwide: map[string]string{}}, nil
}

// made marks the namespaces that players made. No other is ever removed.
const made = "autopilot.local/scenario"

// Begin makes the namespace and what runs well beforehand. It waits for what is left of an earlier play to be gone, and fails when
// the namespace is somebody else's.
func (p *Player) Begin(ctx context.Context, s Scenario) error {
	err := p.until(ctx, "the end of the old namespace "+s.Namespace, func(ctx context.Context) (bool, error) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Namespace, Labels: map[string]string{made: s.Name}}}
		_, err := p.client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
		if !apierrors.IsAlreadyExists(err) {
			return err == nil, err
		}
		switch ns, err = p.client.CoreV1().Namespaces().Get(ctx, s.Namespace, metav1.GetOptions{}); {
		case apierrors.IsNotFound(err):
			return false, nil
		case err != nil:
			return false, err
		case ns.Labels[made] == "":
			return false, fmt.Errorf("the cluster has a namespace %s, which no scenario made and none will touch: play another scenario, or use another cluster", s.Namespace)
		}
		return ns.DeletionTimestamp == nil, nil
	})
	if err != nil {
		return err
	}
	// Pods are refused until the namespace has its service account.
	err = p.until(ctx, "the default service account", func(ctx context.Context) (bool, error) {
		_, err := p.client.CoreV1().ServiceAccounts(s.Namespace).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	return p.play(ctx, s, s.Setup)
}

// Break does what goes wrong.
func (p *Player) Break(ctx context.Context, s Scenario) error { return p.play(ctx, s, s.Break) }

// Beside does what is innocent.
func (p *Player) Beside(ctx context.Context, s Scenario) error { return p.play(ctx, s, s.Beside) }

// Fix does what a person would do to mend it.
func (p *Player) Fix(ctx context.Context, s Scenario) error { return p.play(ctx, s, s.Fix) }

// End removes the namespace, if a player made it, and what this player applied for it that is in none. It does not wait for them to be gone.
func (p *Player) End(ctx context.Context, s Scenario) error {
	p.mu.Lock()
	rest := p.clusterwide[s.Namespace]
	delete(p.clusterwide, s.Namespace)
	p.mu.Unlock()
	return errors.Join(p.removeNamespace(ctx, s), p.Remove(ctx, "", rest))
}

func (p *Player) removeNamespace(ctx context.Context, s Scenario) error {
	ns, err := p.client.CoreV1().Namespaces().Get(ctx, s.Namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && ns.Labels[made] == "" {
		return nil
	}
	if err != nil {
		return err
	}
	zero := int64(0)
	err = p.client.CoreV1().Namespaces().Delete(ctx, s.Namespace, metav1.DeleteOptions{GracePeriodSeconds: &zero})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (p *Player) play(ctx context.Context, s Scenario, steps []Step) error {
	for n, step := range steps {
		if err := p.step(ctx, s, step); err != nil {
			return fmt.Errorf("scenario %s, step %d: %w", s.Name, n+1, err)
		}
	}
	return nil
}

func (p *Player) step(ctx context.Context, s Scenario, step Step) error {
	switch {
	case step.Apply != "":
		rest, err := p.Clusterwide(ctx, step.Apply)
		if err != nil {
			return err
		}
		if rest != "" {
			p.mu.Lock()
			p.clusterwide[s.Namespace] += "---\n" + rest
			p.mu.Unlock()
		}
		return p.Apply(ctx, s.Namespace, step.Apply)
	case step.Delete != "":
		return p.Remove(ctx, s.Namespace, step.Delete)
	case step.WaitReady != "":
		return p.waitReady(ctx, s.Namespace, step.WaitReady)
	case step.Patch != nil:
		return p.patch(ctx, s.Namespace, *step.Patch)
	case step.Exec != nil:
		return p.exec(ctx, s.Namespace, *step.Exec)
	case step.Post != nil:
		return p.post(ctx, s.Namespace, *step.Post)
	case step.DeletePod != "":
		return p.deletePod(ctx, s.Namespace, step.DeletePod)
	case step.Drain != "":
		return p.drain(ctx, step.Drain)
	case step.Alert != nil:
		return p.alert(ctx, *step.Alert)
	case step.StopNode != "":
		return p.nodes.KillNode(ctx, step.StopNode)
	case step.StartNode != "":
		return p.nodes.RestoreNode(ctx, step.StartNode)
	case step.KillNode:
		return p.nodes.KillNode(ctx, p.nodes.NodeName())
	case step.MendNode:
		return p.nodes.RestoreNode(ctx, p.nodes.NodeName())
	}
	d, err := time.ParseDuration(step.Sleep)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// until asks every half second, for two minutes at most.
func (p *Player) until(ctx context.Context, what string, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-time.After(500 * time.Millisecond):
		}
	}
}
