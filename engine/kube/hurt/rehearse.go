package hurt

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// Rehearse has the API server try each target in a dry run, rung by rung of the ladder, and fills in Mechanism, Container, Why and Refused.
// What has no dry run, a process in a container, is tried by a look: whether it is allowed, and whether the container has what it takes. In a
// namespace that has not opted in nothing is tried, since a look too is a process in a container of somebody who said no. It
// fails with Unavailable when the API server does not answer.
func (h *Injector) Rehearse(ctx context.Context, e engine.Experiment) (engine.Experiment, error) {
	f := chaos.Field{Cluster: h.Name, At: h.Now(), Meshes: h.meshes(), FIS: h.Cloud != nil}
	// How many agents a pod may hold is for a blocker to say.
	r := chaos.Rules{OptIn: h.OptIn, Deletes: h.Deletes, AgentImage: h.Agent, MaxAgents: math.MaxInt}
	known := map[string]bool{}
	e.Strikes = slices.Clone(e.Strikes)
	for i := range e.Strikes {
		s := &e.Strikes[i]
		s.Targets = slices.Clone(s.Targets)
		for k, t := range s.Targets {
			ns := t.Object.Namespace
			if ns != "" && !known[ns] {
				known[ns] = true
				n, err := h.Client.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
				if err != nil {
					return e, h.problem(err, "namespace "+ns+" cannot be read")
				}
				f.Namespaces = append(f.Namespaces, chaos.Namespace{Name: ns, OptedIn: h.optedIn(n.Labels), Security: n.Labels[securityLabel]})
			}
			if ns != "" && !slices.ContainsFunc(f.Namespaces, func(n chaos.Namespace) bool { return n.Name == ns && n.OptedIn }) {
				s.Targets[k].Mechanism, s.Targets[k].Why, s.Targets[k].Refused = "", "", "nothing is tried in "+ns+", which has not opted in"
				continue
			}
			var err error
			if s.Targets[k], err = h.rehearse(ctx, *s, t, f, r); err != nil {
				return e, err
			}
		}
	}
	return e, nil
}

// rehearse climbs the ladder for one target.
func (h *Injector) rehearse(ctx context.Context, s engine.Strike, t engine.Victim, f chaos.Field, r chaos.Rules) (engine.Victim, error) {
	t.Mechanism, t.Why, t.Refused = "", "", ""
	if t.Object.Kind == engine.KindNode {
		return h.rehearseNode(ctx, s, t)
	}
	p, err := h.pod(ctx, t)
	switch {
	case engine.CodeOf(err) == engine.NotFound:
		t.Refused = message(err)
		return t, nil
	case err != nil:
		return t, err
	}
	own := h.asPod(p, func(string, string, string) metav1.Object { return nil })
	var no []string
	for _, rung := range chaos.Ladder(s, own, f, r) {
		at := t
		at.Mechanism, at.Container = rung.Mechanism, rung.Container
		refused := rung.Refused
		if refused == "" {
			err := h.try(ctx, p, s, at)
			switch {
			case err == nil:
				at.Why = rung.Why
				if len(no) > 0 {
					at.Why += " (" + strings.Join(no, "; ") + ")"
				}
				return at, nil
			case engine.CodeOf(err) == engine.Unavailable:
				return t, err
			}
			refused = message(err)
		}
		if t.Mechanism == "" {
			t.Mechanism, t.Container = at.Mechanism, at.Container
		}
		no = append(no, fmt.Sprintf("not by %s: %s", rung.Mechanism, refused))
	}
	t.Refused = strings.Join(no, "; ")
	return t, nil
}

// try has the API server say whether it would take a mechanism on a pod.
func (h *Injector) try(ctx context.Context, p *corev1.Pod, s engine.Strike, t engine.Victim) error {
	switch t.Mechanism {
	case engine.ByNothing:
		return nil
	case engine.ByEviction:
		if s.Fault == engine.FaultDrain {
			// Its budget may let it go by and by, which a drain waits for; whether it may be asked for is another matter.
			return h.may(ctx, p.Namespace, "create", "pods", "eviction")
		}
		return h.evict(ctx, p, true)
	case engine.ByDelete:
		return h.remove(ctx, p, true)
	case engine.ByExec:
		if err := h.may(ctx, p.Namespace, "create", "pods", "exec"); err != nil {
			return err
		}
		if s.Fault == engine.FaultContainerKill {
			return h.trySignal(ctx, p, s, t)
		}
		return h.tryStress(ctx, p, s, t)
	case engine.ByAgent:
		if s.Fault == engine.FaultContainerKill {
			if err := ownProcesses(p); err != nil {
				return err
			}
		}
		if err := h.may(ctx, p.Namespace, "create", "pods", "attach"); err != nil {
			return err
		}
		return h.put(ctx, p, h.agentContainer(p, s, t, Prefix+"dry-run", h.agentArgs(s, p, t, s.Duration)), true)
	case engine.ByChaosMesh:
		return h.tryMesh(ctx, p, s, t)
	case engine.ByFIS:
		return h.tryCloud(ctx, p, s, t)
	}
	return engine.Errorf(engine.Invalid, "it cannot be done by %s here", t.Mechanism)
}

// rehearseNode tries the cordon of a drain; its pods are targets of their own.
func (h *Injector) rehearseNode(ctx context.Context, s engine.Strike, t engine.Victim) (engine.Victim, error) {
	t.Mechanism, t.Why = engine.ByNothing, "a control does nothing"
	if s.Fault == engine.FaultNothing {
		return t, nil
	}
	t.Mechanism, t.Why = engine.ByEviction, "the node is cordoned, and its pods are evicted as their budgets let them"
	b := blow{Injector: h, strike: s, target: t, handle: Prefix + "dry-run", deadline: h.Now().Add(s.Duration)}
	_, err := b.cordon(ctx, t.Object.Name, true)
	if engine.CodeOf(err) == engine.Unavailable {
		return t, err
	}
	if err != nil {
		t.Why, t.Refused = "", message(err)
	}
	return t, nil
}

// may asks whether the account may do something in a namespace. It fails with Forbidden when it may not.
func (h *Injector) may(ctx context.Context, namespace, verb, resource, sub string) error {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	review, err := h.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Resource: resource, Subresource: sub,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return h.problem(err, "it cannot be told what this account may do")
	}
	if !review.Status.Allowed {
		return engine.Errorf(engine.Forbidden, "this account may not %s %s/%s in %s; deploy/rbac/chaos.yaml grants it", verb, resource, sub, namespace)
	}
	return nil
}
