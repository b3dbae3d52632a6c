package kube

import (
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// ChaosNeeds are the permissions that experiments use in each namespace that opted in, beyond reading. deploy/rbac/chaos.yaml grants these to
// an account of its own, which the bot does not have.
var ChaosNeeds = []Need{
	{"", "pods/eviction", []string{"create"}, engine.CheckFail, "experiments: kill, and node-drain"},
	{"", "pods/exec", []string{"create"}, engine.CheckWarn, "experiments: stress and signals by a process in the container"},
	{"", "pods/ephemeralcontainers", []string{"patch"}, engine.CheckWarn, "experiments: faults by the agent"},
	{"", "pods/attach", []string{"create"}, engine.CheckWarn, "experiments: the stream that an agent is stopped by"},
}

// mostNamespaces is in how many of those that opted in permissions are tried.
const mostNamespaces = 20

// CheckChaos tries what experiments need by the account for it: every permission in the namespaces that opted in by a label such as
// "autopilot.dev/chaos=enabled", and counts these.
func (c *Cluster) CheckChaos(ctx context.Context, optIn string, needs []Need) []engine.Check {
	area := "experiments " + c.name
	list, err := c.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: optIn})
	if err != nil {
		return []engine.Check{engine.Missed("chaos-namespaces-unknown", engine.CheckFail, area, "namespaces", why(err), "a list of those that opted in", "bind the ClusterRole of deploy/rbac/chaos.yaml in cluster "+c.name)}
	}
	if len(list.Items) == 0 {
		return []engine.Check{engine.Missed("chaos-no-namespace", engine.CheckWarn, area, "namespaces", "none opted in", "at least one", "kubectl label namespace <name> "+optIn)}
	}
	checks := []engine.Check{engine.Passed(area, "namespaces", fmt.Sprintf("%d opted in by %s", len(list.Items), optIn))}
	for _, need := range needs {
		name := strings.Join(need.Verbs, ", ") + " " + need.Resource
		var denied []string
		for _, n := range list.Items[:min(len(list.Items), mostNamespaces)] {
			for _, verb := range need.Verbs {
				ok, err := c.asked(ctx, n.Name, need, verb)
				if err != nil {
					denied = append(denied, n.Name+" ("+why(err)+")")
				} else if !ok {
					denied = append(denied, n.Name)
				}
			}
		}
		if len(denied) > 0 {
			checks = append(checks, engine.Missed("chaos-permission", need.Level, area, name, "denied in "+strings.Join(denied, ", "), "allowed: "+need.Why,
				"bind the role of deploy/rbac/chaos.yaml in these namespaces of cluster "+c.name))
			continue
		}
		checks = append(checks, engine.Passed(area, name, "allowed"))
	}
	return checks
}

// CheckHarmless warns when the account that only watches may do what experiments do.
func (c *Cluster) CheckHarmless(ctx context.Context) engine.Check {
	area, name := "kubernetes "+c.name, "no chaos"
	var may []string
	for _, need := range ChaosNeeds {
		for _, verb := range need.Verbs {
			if ok, err := c.asked(ctx, "", need, verb); err == nil && ok {
				may = append(may, verb+" "+need.Resource)
			}
		}
	}
	if len(may) > 0 {
		return engine.Missed("chaos-bot-may-hurt", engine.CheckWarn, area, name, "the bot may "+strings.Join(may, ", "), "only the account of experiments may",
			"take these from the bot's account in cluster "+c.name+"; clusters[].chaos names the other one")
	}
	return engine.Passed(area, name, "the bot's account may not hurt")
}

// asked tells whether this account may do something in a namespace, "" for all of them.
func (c *Cluster) asked(ctx context.Context, namespace string, need Need, verb string) (bool, error) {
	resource, sub, _ := strings.Cut(need.Resource, "/")
	review, err := c.client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Group: need.Group, Resource: resource, Subresource: sub, Verb: verb,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}
