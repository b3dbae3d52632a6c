package collect

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	keepReading = 2 * time.Second  // collectors that run side by side share one reading
	readTimeout = 15 * time.Second // of a reading, whoever waits for it
	maxListed   = 500              // pods of one workload that are looked at
	maxNamed    = 3                // pods that are fetched because a signal names them
)

// subject is the workload of an incident and what it owns, as the API server has it now.
type subject struct {
	Source
	incident engine.Incident

	object      metav1.Object // the workload itself; nil when it is gone, or its kind is not read
	template    *corev1.PodTemplateSpec
	deployment  *appsv1.Deployment
	statefulSet *appsv1.StatefulSet
	daemonSet   *appsv1.DaemonSet
	replicaSets []*appsv1.ReplicaSet // of the Deployment, newest revision first
	jobs        []*batchv1.Job       // whose outcome counts, newest first
	pods        []*corev1.Pod        // the most telling first

	objectErr, podsErr error // why they could not be read
}

// desk reads subjects and shares each reading for a short while.
type desk struct {
	Source
	mu       sync.Mutex
	readings map[string]*reading // by the workload's fingerprint
}

type reading struct {
	began time.Time
	done  chan struct{}
	s     *subject
}

func (d *desk) subject(ctx context.Context, i engine.Incident) (*subject, error) {
	r := d.reading(ctx, i)
	select {
	case <-r.done:
		return r.s, nil
	case <-ctx.Done():
		return nil, engine.Wrap(engine.Unavailable, ctx.Err(), "the cluster did not answer in time")
	}
}

func (d *desk) reading(ctx context.Context, i engine.Incident) *reading {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, key := d.Now(), i.Workload.Fingerprint()
	for k, r := range d.readings {
		if now.Sub(r.began) > keepReading {
			delete(d.readings, k)
		}
	}
	if r, ok := d.readings[key]; ok {
		return r
	}
	r := &reading{began: now, done: make(chan struct{})}
	d.readings[key] = r
	// The others must not fail because the first of them gave up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	go func() {
		defer cancel()
		defer close(r.done)
		r.s = read(ctx, d.Source, i)
	}()
	return r
}

func read(ctx context.Context, src Source, i engine.Incident) *subject {
	s := &subject{Source: src, incident: i}
	selector, err := s.readObject(ctx)
	s.objectErr = failed(err, "read "+i.Workload.Kind+" "+i.Workload.String())
	s.podsErr = failed(s.readPods(ctx, selector), "list pods of "+i.Workload.String())
	s.readNamed(ctx)
	slices.SortStableFunc(s.pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(s.telling(b), s.telling(a)), b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return s
}

// readObject reads the workload, and gives the selector of its pods: nil when it has none.
func (s *subject) readObject(ctx context.Context) (*metav1.LabelSelector, error) {
	w, opts, apps := s.incident.Workload, metav1.GetOptions{}, s.Client.AppsV1()
	switch w.Kind {
	case "Deployment":
		o, err := apps.Deployments(w.Namespace).Get(ctx, w.Name, opts)
		if err != nil {
			return nil, err
		}
		s.object, s.deployment, s.template = o, o, &o.Spec.Template
		return o.Spec.Selector, s.readReplicaSets(ctx, o.Spec.Selector)
	case "StatefulSet":
		o, err := apps.StatefulSets(w.Namespace).Get(ctx, w.Name, opts)
		if err != nil {
			return nil, err
		}
		s.object, s.statefulSet, s.template = o, o, &o.Spec.Template
		return o.Spec.Selector, nil
	case "DaemonSet":
		o, err := apps.DaemonSets(w.Namespace).Get(ctx, w.Name, opts)
		if err != nil {
			return nil, err
		}
		s.object, s.daemonSet, s.template = o, o, &o.Spec.Template
		return o.Spec.Selector, nil
	case "ReplicaSet":
		o, err := apps.ReplicaSets(w.Namespace).Get(ctx, w.Name, opts)
		if err != nil {
			return nil, err
		}
		s.object, s.replicaSets, s.template = o, []*appsv1.ReplicaSet{o}, &o.Spec.Template
		return o.Spec.Selector, nil
	case "Job":
		o, err := s.Client.BatchV1().Jobs(w.Namespace).Get(ctx, w.Name, opts)
		if err != nil {
			return nil, err
		}
		s.object, s.jobs, s.template = o, []*batchv1.Job{o}, &o.Spec.Template
		return o.Spec.Selector, nil
	case "CronJob":
		o, err := s.Client.BatchV1().CronJobs(w.Namespace).Get(ctx, w.Name, opts)
		if err != nil {
			return nil, err
		}
		s.object, s.template = o, &o.Spec.JobTemplate.Spec.Template
		return nil, s.readJobs(ctx)
	}
	return nil, nil // of other kinds, only the pods are read
}

func (s *subject) readReplicaSets(ctx context.Context, selector *metav1.LabelSelector) error {
	list, err := s.Client.AppsV1().ReplicaSets(s.incident.Workload.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(selector)})
	if err != nil {
		return err
	}
	for n := range list.Items {
		if controlledBy(&list.Items[n], s.incident.Workload.Kind, s.incident.Workload.Name) {
			s.replicaSets = append(s.replicaSets, &list.Items[n])
		}
	}
	slices.SortFunc(s.replicaSets, func(a, b *appsv1.ReplicaSet) int {
		return cmp.Or(cmp.Compare(revision(b), revision(a)), b.CreationTimestamp.Compare(a.CreationTimestamp.Time))
	})
	return nil
}

func (s *subject) readJobs(ctx context.Context) error {
	list, err := s.Client.BatchV1().Jobs(s.incident.Workload.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var own []*batchv1.Job
	for n := range list.Items {
		if controlledBy(&list.Items[n], s.incident.Workload.Kind, s.incident.Workload.Name) {
			own = append(own, &list.Items[n])
		}
	}
	_, s.jobs = Runs(own)
	return nil
}

// Runs chooses among the Jobs of one owner: the one whose outcome stands is the newest that ended, or the newest if none did;
// what counts is that one and later ones, newest first. Older failures are history, kept by failedJobsHistoryLimit.
func Runs(jobs []*batchv1.Job) (stands *batchv1.Job, count []*batchv1.Job) {
	slices.SortFunc(jobs, func(a, b *batchv1.Job) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Name, a.Name))
	})
	for i, job := range jobs {
		if ended(job) {
			return job, jobs[:i+1]
		}
	}
	if len(jobs) > 0 {
		return jobs[0], jobs
	}
	return nil, nil
}

func ended(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed)
	})
}

func (s *subject) readPods(ctx context.Context, selector *metav1.LabelSelector) error {
	w := s.incident.Workload
	switch {
	case w.Kind == engine.KindNode:
		return nil // its pods have incidents of their own
	case w.Namespace == "", readers[w.Kind] != nil:
		return nil // it has none
	case w.Kind == "Pod":
		return s.fetchPod(ctx, w.Name)
	case selector == nil && s.object == nil && s.objectErr == nil && isBuiltIn(w.Kind):
		return nil // it is gone, and what it owned goes with it
	case w.Kind == "CronJob" && len(s.jobs) == 0:
		return nil // it has not run
	}
	opts := metav1.ListOptions{Limit: maxListed}
	if selector != nil {
		opts.LabelSelector = metav1.FormatLabelSelector(selector)
	} else if len(s.jobs) > 0 {
		var names []string
		for _, job := range s.jobs {
			names = append(names, job.Name)
		}
		opts.LabelSelector = "batch.kubernetes.io/job-name in (" + strings.Join(names, ",") + ")"
	}
	list, err := s.Client.CoreV1().Pods(w.Namespace).List(ctx, opts)
	if err != nil {
		return err
	}
	for n := range list.Items {
		if p := &list.Items[n]; s.owns(p) {
			s.pods = append(s.pods, p)
		}
	}
	return nil
}

func isBuiltIn(kind string) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"}, kind)
}

// owns tells whether a pod is the workload's: controlled by it, or by a ReplicaSet or Job of it, or a user of the claim.
func (s *subject) owns(p *corev1.Pod) bool {
	w := s.incident.Workload
	if w.Kind == "PersistentVolumeClaim" {
		return slices.Contains(claimNames(p), w.Name)
	}
	owner := metav1.GetControllerOfNoCopy(p)
	if s.deployment != nil && s.objectErr != nil && owner != nil { // its ReplicaSets may not be read
		return owner.Kind == "ReplicaSet" && strings.HasPrefix(owner.Name, w.Name+"-")
	}
	return controlledBy(p, w.Kind, w.Name) ||
		slices.ContainsFunc(s.replicaSets, func(rs *appsv1.ReplicaSet) bool { return controlledBy(p, "ReplicaSet", rs.Name) }) ||
		slices.ContainsFunc(s.jobs, func(job *batchv1.Job) bool { return controlledBy(p, "Job", job.Name) })
}

// readNamed fetches pods that signals name and that the list did not have: of kinds whose chain of owners is not read.
func (s *subject) readNamed(ctx context.Context) {
	fetched := 0
	for _, sig := range s.incident.Signals {
		if sig.Object.Kind != "Pod" || sig.Object.Namespace != s.incident.Workload.Namespace || fetched == maxNamed {
			continue
		}
		if !slices.ContainsFunc(s.pods, func(p *corev1.Pod) bool { return p.Name == sig.Object.Name }) {
			fetched++
			if err := s.fetchPod(ctx, sig.Object.Name); err != nil && s.podsErr == nil {
				s.podsErr = failed(err, "read pod "+sig.Object.Name)
			}
		}
	}
}

// fetchPod adds one pod. That it is gone is no failure: pods are replaced.
func (s *subject) fetchPod(ctx context.Context, name string) error {
	p, err := s.Client.CoreV1().Pods(s.incident.Workload.Namespace).Get(ctx, name, metav1.GetOptions{})
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	s.pods = append(s.pods, p)
	return nil
}

func controlledBy(m metav1.Object, kind, name string) bool {
	owner := metav1.GetControllerOfNoCopy(m)
	return owner != nil && owner.Kind == kind && owner.Name == name
}

// telling orders pods by how much their state says about a problem.
func (s *subject) telling(p *corev1.Pod) int {
	score := 0
	for _, sig := range s.incident.Signals {
		if sig.Firing() && sig.Object.Kind == "Pod" && sig.Object.Name == p.Name {
			score += 100
			break
		}
	}
	for _, c := range statuses(p) {
		switch {
		case bad(c.status):
			score += 50
		case c.status.RestartCount > 0:
			score += 20
		case !c.status.Ready && !c.init:
			score += 10
		}
	}
	if p.Spec.NodeName == "" || p.Status.Phase == corev1.PodFailed {
		score += 40
	}
	if p.DeletionTimestamp != nil {
		score -= 30
	}
	return score
}

// bad tells whether a container is in a state that is no part of a normal start or end.
func bad(c corev1.ContainerStatus) bool {
	if w := c.State.Waiting; w != nil {
		return w.Reason != "" && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing"
	}
	return c.State.Terminated != nil && c.State.Terminated.ExitCode != 0
}

// focus gives the pods that are shown.
func (s *subject) focus() []*corev1.Pod { return s.pods[:min(len(s.pods), maxPods)] }

// spec gives what the workload's pods are asked to be: of the newest template, or of a pod when there is no template.
func (s *subject) spec() *corev1.PodSpec {
	if s.template != nil {
		return &s.template.Spec
	}
	if len(s.pods) > 0 {
		return &s.pods[0].Spec
	}
	return nil
}
