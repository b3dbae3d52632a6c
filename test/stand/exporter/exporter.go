// Package exporter shows a cluster's objects as the metrics of
// kube-state-metrics 2.20 that the alert rules read, under the same names and
// labels; called by the stand, where kube-state-metrics itself is not to be had.
package exporter

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// Exporter watches a cluster from Start to Stop and answers scrapes from what
// it has seen. It is a prometheus.Collector.
type Exporter struct {
	factory  informers.SharedInformerFactory
	registry *prometheus.Registry
	stop     context.CancelFunc

	pods         corelisters.PodLister
	nodes        corelisters.NodeLister
	claims       corelisters.PersistentVolumeClaimLister
	deployments  appslisters.DeploymentLister
	replicaSets  appslisters.ReplicaSetLister
	statefulSets appslisters.StatefulSetLister
	daemonSets   appslisters.DaemonSetLister
	jobs         batchlisters.JobLister
}

// New makes an exporter that reads with client, which needs get, list and watch
// on every kind that is shown.
func New(client kubernetes.Interface) *Exporter {
	factory := informers.NewSharedInformerFactory(client, 0)
	core, apps := factory.Core().V1(), factory.Apps().V1()
	e := &Exporter{
		factory:      factory,
		registry:     prometheus.NewRegistry(),
		pods:         core.Pods().Lister(),
		nodes:        core.Nodes().Lister(),
		claims:       core.PersistentVolumeClaims().Lister(),
		deployments:  apps.Deployments().Lister(),
		replicaSets:  apps.ReplicaSets().Lister(),
		statefulSets: apps.StatefulSets().Lister(),
		daemonSets:   apps.DaemonSets().Lister(),
		jobs:         factory.Batch().V1().Jobs().Lister(),
	}
	e.registry.MustRegister(e)
	return e
}

// Start begins to watch and returns when all that there is has been seen. It
// fails when ctx ends first. The watch itself lasts until Stop.
func (e *Exporter) Start(ctx context.Context) error {
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	e.factory.Start(watch.Done())
	for kind, synced := range e.factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			e.Stop()
			return fmt.Errorf("exporter: did not see all of %s: %w", kind, context.Cause(ctx))
		}
	}
	return nil
}

// Stop ends the watch and waits for it to be over. An exporter is not started
// again.
func (e *Exporter) Stop() {
	if e.stop == nil {
		return
	}
	e.stop()
	e.factory.Shutdown()
}

// Handler answers scrapes in the text format.
func (e *Exporter) Handler() http.Handler {
	return promhttp.HandlerFor(e.registry, promhttp.HandlerOpts{})
}

// Describe sends nothing: what there is depends on the cluster.
func (e *Exporter) Describe(chan<- *prometheus.Desc) {}

// Collect sends every series of every object.
func (e *Exporter) Collect(ch chan<- prometheus.Metric) {
	each(ch, e.pods.List, podSeries)
	each(ch, e.nodes.List, nodeSeries)
	each(ch, e.claims.List, claimSeries)
	each(ch, e.deployments.List, deploymentSeries)
	each(ch, e.replicaSets.List, replicaSetSeries)
	each(ch, e.statefulSets.List, statefulSetSeries)
	each(ch, e.daemonSets.List, daemonSetSeries)
	each(ch, e.jobs.List, jobSeries)
}

// each sends the series of all objects of one kind.
func each[T any](ch chan<- prometheus.Metric, list func(labels.Selector) ([]T, error), series func(T, emit)) {
	objects, err := list(labels.Everything())
	if err != nil {
		ch <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
		return
	}
	for _, object := range objects {
		series(object, func(f family, value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
		})
	}
}

// emit takes one sample; labels are the values of the family's labels in order.
type emit func(f family, value float64, labels ...string)

// family is a metric's name, its kind and the names of its labels.
type family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) family {
	return family{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue}
}

// number is 1 for true.
func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
