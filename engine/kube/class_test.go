package kube

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
)

func storageClass(name string, mode storagev1.VolumeBindingMode) *storagev1.StorageClass {
	return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, VolumeBindingMode: &mode}
}

// failing gives a claim of a class that is pending for an hour, and the warning of a provisioner about it.
func failing(name, class string) []runtime.Object {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: meta(name), Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &class},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
	}
	return []runtime.Object{claim, &corev1.Event{
		ObjectMeta: meta(name + ".1"), Type: corev1.EventTypeWarning, Reason: "ProvisioningFailed", Message: "no capacity",
		InvolvedObject: corev1.ObjectReference{Kind: kindClaim, Namespace: "pay", Name: name, UID: claim.UID},
		LastTimestamp:  metav1.NewTime(time.Now().Add(-time.Minute)),
	}}
}

func TestAClaimThatWaitsForItsConsumerIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		objects := []runtime.Object{
			storageClass("late", storagev1.VolumeBindingWaitForFirstConsumer), storageClass("now", storagev1.VolumeBindingImmediate),
			&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "unsaid"}},
		}
		for name, class := range map[string]string{"a": "late", "b": "now", "c": "unsaid", "d": "gone"} {
			objects = append(objects, failing(name, class)...)
		}
		watching(t, s, objects...)
		settle()
		want(t, s, "PersistentVolumeClaim/b: claim_pending", "PersistentVolumeClaim/c: claim_pending", "PersistentVolumeClaim/d: claim_pending")
	})
}

func TestAClassIsReadOnceAndAgainWhenItWasNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		c, client := watching(t, s)
		settle()
		var read atomic.Int32
		var broken atomic.Bool
		broken.Store(true)
		client.PrependReactor("get", "storageclasses", func(clienttesting.Action) (bool, runtime.Object, error) {
			read.Add(1)
			if broken.Load() {
				return true, nil, errors.New("connection refused")
			}
			return false, nil, nil
		})
		add := func(objects ...runtime.Object) {
			t.Helper()
			for _, o := range objects {
				if err := client.Tracker().Add(o); err != nil {
					t.Fatal(err)
				}
			}
		}
		add(storageClass("late", storagev1.VolumeBindingWaitForFirstConsumer))
		add(failing("a", "late")...)
		settle()
		want(t, s, "PersistentVolumeClaim/a: claim_pending") // nobody knows better

		broken.Store(false)
		time.Sleep(classUnknown)
		settle()
		want(t, s, "PersistentVolumeClaim/a:")

		asked := read.Load()
		add(failing("b", "late")...)
		settle()
		want(t, s)
		if read.Load() != asked {
			t.Errorf("the class was read %d times more, although it is known", read.Load()-asked)
		}

		broken.Store(true)
		time.Sleep(classKept)
		if mode := c.classes.mode(t.Context(), "late"); mode != storagev1.VolumeBindingWaitForFirstConsumer || read.Load() != asked+1 {
			t.Errorf("mode %q after %d more reads; want what it was before", mode, read.Load()-asked)
		}
		for range 3 {
			c.classes.mode(t.Context(), "late")
		}
		if read.Load() != asked+1 {
			t.Errorf("%d more reads while the API server is away; want one a minute", read.Load()-asked)
		}
	})
}
