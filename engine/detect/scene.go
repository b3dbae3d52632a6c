// Package detect decides which problems a workload has now, from its Kubernetes objects, and what an alert is about.
//
// Everything here is pure and level-triggered: the same objects give the same signals, whatever was seen before.
package detect

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine"
)

// Scene is all that a watch knows of one workload. The objects are read only, and may be trimmed to what is used here.
type Scene struct {
	Workload    engine.Workload
	Deployment  *appsv1.Deployment
	StatefulSet *appsv1.StatefulSet
	DaemonSet   *appsv1.DaemonSet
	ReplicaSets []*appsv1.ReplicaSet // of the Deployment
	Job         *batchv1.Job
	Pods        []*corev1.Pod
	Claims      []*corev1.PersistentVolumeClaim
	Node        *corev1.Node            // when the workload is a node
	Nodes       map[string]*corev1.Node // the nodes that the pods are on
	Events      []*corev1.Event         // about the workload and its objects, of the last hour
	Now         time.Time

	// BindingModes say when storage classes bind a claim, by the class's name. Of a class that is not there, nobody knows.
	BindingModes map[string]storagev1.VolumeBindingMode

	Departures []Departure             // pods that were deleted lately
	Served     map[types.UID]time.Time // when pods that came since then were first ready, of those that were seen to become so
	Lowered    time.Time               // when fewer replicas were last asked for; zero when that was not seen

	Outage Outage // when the API server was last away

	Facts      []Fact // what the estate shows of the workload
	Autoscaled bool   // something adds nodes for pods that fit on none
}

// Outage is a time in which the API server was away from those who watch. The zero value is none.
type Outage struct {
	From  time.Time
	Until time.Time // zero while it lasts
}

// Result is what a scene shows.
type Result struct {
	Signals []engine.Signal
	Health  *engine.Health // nil for what has no replicas
	Recheck time.Duration  // when a rule that depends on time may change its mind; 0 for never
}
