package kube

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-autopilot/autopilot/engine/detect"
)

const (
	classKept     = 10 * time.Minute // a class cannot change how it binds, but can be made anew under its name
	classUnknown  = time.Minute      // before a class that could not be read is asked for again
	classDeadline = 5 * time.Second
)

// classes remembers how storage classes bind volumes. It reads a class when a pending claim asks for it: most clusters never have
// one, and a watch of classes would want more rights than this.
type classes struct {
	client kubernetes.Interface
	now    func() time.Time

	mu   sync.Mutex
	seen map[string]class
}

type class struct {
	mode  storagev1.VolumeBindingMode // "" for one that could not be read
	until time.Time
}

// complete adds to a scene how the classes of its pending claims bind. again is when to look once more, as one could not be read;
// 0 for never.
func (k *classes) complete(ctx context.Context, s *detect.Scene) (again time.Duration) {
	for _, c := range s.Claims {
		name := c.Spec.StorageClassName
		if c.Status.Phase != corev1.ClaimPending || name == nil || *name == "" || s.BindingModes[*name] != "" {
			continue
		}
		mode := k.mode(ctx, *name)
		if mode == "" {
			again = classUnknown
			continue
		}
		if s.BindingModes == nil {
			s.BindingModes = map[string]storagev1.VolumeBindingMode{}
		}
		s.BindingModes[*name] = mode
	}
	return again
}

// mode is how a class binds; "" when it does not exist, may not be read, or the API server does not answer.
func (k *classes) mode(ctx context.Context, name string) storagev1.VolumeBindingMode {
	k.mu.Lock()
	known := k.seen[name]
	k.mu.Unlock()
	if k.now().Before(known.until) {
		return known.mode
	}
	ctx, cancel := context.WithTimeout(ctx, classDeadline)
	defer cancel()
	c, err := k.client.StorageV1().StorageClasses().Get(ctx, name, metav1.GetOptions{})
	now := k.now()
	switch {
	case err == nil && c.VolumeBindingMode != nil:
		known = class{mode: *c.VolumeBindingMode, until: now.Add(classKept)}
	case err == nil:
		known = class{mode: storagev1.VolumeBindingImmediate, until: now.Add(classKept)} // the API's default
	case known.mode != "" && !apierrors.IsNotFound(err):
		known.until = now.Add(classUnknown) // how it bound before is the best guess
	default:
		known = class{until: now.Add(classUnknown)}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen[name] = known
	return known.mode
}
