package kube

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/kube/hurt"
)

// Hurt gives what breaks things on purpose in the cluster. Only the process that does experiments asks for it.
func (c *Cluster) Hurt(o hurt.Options) *hurt.Injector {
	return hurt.New(hurt.Source{
		Name: c.name, Client: c.client, Dynamic: c.dynamic, Reach: c.find, Why: why, Now: c.now, Log: c.log,
		Owner: func(m metav1.Object, kind string, next func(kind, namespace, name string) metav1.Object) (engine.Workload, bool) {
			return climb(m, kind, next)
		},
	}, o)
}
