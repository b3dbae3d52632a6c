package kube

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

// Sink takes what a watch sees. The store fills it.
type Sink interface {
	// Observe takes all that the watch has on one workload. An error makes the watch derive it anew, later.
	Observe(ctx context.Context, o engine.Observation) error
	// Watching lists the workloads of a cluster that this source still holds firing.
	Watching(ctx context.Context, cluster string, source engine.Source) ([]engine.Workload, error)
}

const (
	debounce       = 200 * time.Millisecond // changes of a workload come in bursts
	observeTimeout = 30 * time.Second
	retryMin       = 200 * time.Millisecond
	retryMax       = 30 * time.Second
	recallEvery    = 10 * time.Minute
	workers        = 4
)

// watcher is one run of Watch.
type watcher struct {
	c       *Cluster
	sink    Sink
	objects *objects
	survey  *survey
	gone    *departures
	pulse   *pulse
	queue   workqueue.TypedRateLimitingInterface[engine.Workload]
	ready   atomic.Bool // the caches are complete, and changes count

	mu    sync.Mutex
	known map[engine.Workload]accepted
}

// accepted is what the Sink last took of a workload. A workload without one is well, and the Sink never heard of it.
type accepted struct {
	state [sha256.Size]byte // zero when we do not know what the Sink holds
	at    time.Time
}

// Watch observes the cluster until ctx ends, and then returns nil. It fails with Conflict when it runs already.
//
// Everything is derived anew after a start, together with what the Sink still holds firing, so that problems that began or
// ended while nobody watched are seen. When the API server goes away, it waits for it; Status says so.
func (c *Cluster) Watch(ctx context.Context, sink Sink) error {
	w := &watcher{c: c, sink: sink, objects: newObjects(c.client, c.now), gone: newDepartures(c.now), known: map[engine.Workload]accepted{}}
	w.survey = newSurvey(c, w.objects)
	w.pulse = newPulse(c.client, c.now, w.objects.health)
	if !c.begin(w) {
		return engine.Errorf(engine.Conflict, "cluster %s is watched already", c.name)
	}
	defer c.end()
	w.queue = workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[engine.Workload](retryMin, retryMax))
	w.listen()

	var wg sync.WaitGroup
	defer wg.Wait()
	defer w.queue.ShutDown()
	wg.Go(func() { w.objects.run(ctx) })
	if err := w.objects.wait(ctx); err != nil {
		return nil // ctx ended before there was anything to see
	}
	surveyed := w.survey.take(ctx)
	w.ready.Store(true)
	for _, workload := range surveyed {
		w.queue.Add(w.named(workload))
	}
	for _, workload := range w.objects.all() {
		w.queue.Add(w.named(workload))
	}
	wg.Go(func() { w.recall(ctx) })
	wg.Go(func() { w.rounds(ctx) })
	for range workers {
		wg.Go(func() { w.work(ctx) })
	}
	<-ctx.Done()
	return nil
}

func (c *Cluster) begin(w *watcher) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watch != nil {
		return false
	}
	c.watch = w
	return true
}

func (c *Cluster) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watch = nil
}

// current gives the caches when the cluster is watched here and they are complete.
func (c *Cluster) current() *objects {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watch == nil || !c.watch.ready.Load() {
		return nil
	}
	return c.watch.objects
}

// Status says until when what the watch knows was current, and what keeps it from being so now. While all is well, synced
// is the present and problem is "". A kind that we may not read is a problem, too, though the rest goes on.
func (c *Cluster) Status() (synced time.Time, problem string) {
	c.mu.Lock()
	w := c.watch
	c.mu.Unlock()
	if w == nil {
		return time.Time{}, "not watched here"
	}
	since, problem := w.objects.health.report()
	if !w.ready.Load() {
		if problem == "" {
			problem = "reading " + strings.Join(w.objects.unsynced(), ", ")
		}
		return time.Time{}, problem
	}
	if problem == "" {
		since = w.c.now()
	}
	return since, problem
}

// recall looks again at what the Sink holds firing and at what we told it, at the start and then from time to time: another
// replica that watched the same cluster for a moment may have had the last word, or the database may be an older one.
func (w *watcher) recall(ctx context.Context) {
	for {
		if !w.recollect(ctx) || !pause(ctx, recallEvery) {
			return
		}
		w.doubt()
	}
}

// rounds surveys the cluster from time to time, and has looked at again what that may have changed.
func (w *watcher) rounds(ctx context.Context) {
	for pause(ctx, w.c.every) {
		for _, workload := range w.survey.take(ctx) {
			w.queue.Add(w.named(workload))
		}
	}
}

// recollect asks the Sink what it still holds firing, until it answers. It is false when ctx ended.
func (w *watcher) recollect(ctx context.Context) bool {
	for wait := retryMin; ; wait = min(2*wait, retryMax) {
		held, err := w.watching(ctx)
		if err == nil {
			for _, workload := range held {
				w.owe(workload)
				w.queue.Add(workload)
			}
			return true
		}
		if ctx.Err() == nil {
			w.c.log.WarnContext(ctx, "cannot ask what is still firing", "error", err)
		}
		if !pause(ctx, wait) {
			return false
		}
	}
}

// doubt has everything that the Sink took told to it once more. What it holds already changes nothing there.
func (w *watcher) doubt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for workload := range w.known {
		w.known[workload] = accepted{}
		w.queue.Add(workload)
	}
}

// pause waits. It is false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (w *watcher) watching(ctx context.Context) ([]engine.Workload, error) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	return w.sink.Watching(ctx, w.c.name, engine.SourceWatch)
}

// owe makes the next derivation of a workload reach the Sink, unless one of this run did already.
func (w *watcher) owe(workload engine.Workload) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.known[workload]; !ok {
		w.known[workload] = accepted{}
	}
}

func (w *watcher) work(ctx context.Context) {
	for {
		workload, stop := w.queue.Get()
		if stop {
			return
		}
		if ctx.Err() == nil {
			w.process(ctx, workload)
		}
		w.queue.Done(workload)
	}
}

func (w *watcher) process(ctx context.Context, workload engine.Workload) {
	ctx = engine.WithID(ctx, workload.Fingerprint())
	now := w.c.now()
	last, known := w.last(workload)
	if rest := debounce - now.Sub(last.at); known && rest > 0 {
		w.queue.AddAfter(workload, rest)
		return
	}
	var result detect.Result
	scene, ok := w.objects.scene(workload, now)
	scene.Outage = w.objects.health.away()
	surveyed, told := w.survey.add(&scene)
	if !told {
		w.queue.AddAfter(workload, w.c.every)
		return
	}
	if ok || surveyed {
		var unsaid time.Duration
		if ok {
			w.gone.add(w.objects, &scene)
			unsaid = w.gone.excuse(ctx, w.c, &scene)
		}
		unread := w.c.classes.complete(ctx, &scene)
		result = w.c.derive(scene)
		for _, again := range []time.Duration{unsaid, unread} {
			if again > 0 && (result.Recheck == 0 || again < result.Recheck) {
				result.Recheck = again
			}
		}
	}
	held, err := w.observe(ctx, workload, result, last, known, now)
	if err != nil {
		if ctx.Err() == nil {
			w.c.log.WarnContext(ctx, "an observation was not accepted", "workload", workload.String(), "error", err)
		}
		w.queue.AddRateLimited(workload)
		return
	}
	if held {
		w.queue.AddAfter(workload, holdFor)
		return
	}
	w.queue.Forget(workload)
	if result.Recheck > 0 {
		w.queue.AddAfter(workload, result.Recheck)
	}
}

func (w *watcher) last(workload engine.Workload) (accepted, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.known[workload]
	return a, ok
}

// observe hands a result to the Sink unless it is what the Sink holds. It is held back while the caches may not be how things are.
func (w *watcher) observe(ctx context.Context, workload engine.Workload, r detect.Result, last accepted, known bool, now time.Time) (held bool, err error) {
	if len(r.Signals) == 0 && !known {
		return false, nil
	}
	state, err := fingerprint(r)
	if err != nil {
		return false, err
	}
	if known && state == last.state {
		return false, nil
	}
	if !w.pulse.current(ctx) {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	err = w.sink.Observe(ctx, engine.Observation{
		Source: engine.SourceWatch, Workload: workload, Signals: r.Signals, Complete: true, Health: r.Health, At: now,
	})
	if err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(r.Signals) == 0 && (r.Health == nil || r.Health.Ready >= r.Health.Desired) {
		delete(w.known, workload) // well again, in full: there is nothing more to tell
	} else {
		w.known[workload] = accepted{state: state, at: now}
	}
	return false, nil
}

func fingerprint(r detect.Result) ([sha256.Size]byte, error) {
	body, err := json.Marshal(struct {
		Signals []engine.Signal
		Health  *engine.Health
	}{r.Signals, r.Health})
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return sha256.Sum256(body), nil
}

func (w *watcher) named(workload engine.Workload) engine.Workload {
	workload.Cluster = w.c.name
	return workload
}

// listen turns changes of objects into workloads to look at.
func (w *watcher) listen() {
	for _, i := range w.objects.informers {
		// It fails only for an informer that was stopped.
		_, _ = i.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(obj any) {
				w.pulse.hear()
				w.changed(nil, obj)
			},
			UpdateFunc: func(old, obj any) {
				w.pulse.hear()
				w.gone.note(w.objects, old, obj)
				w.changed(old, obj)
			},
			DeleteFunc: func(obj any) {
				w.pulse.hear()
				if unseen, ok := obj.(cache.DeletedFinalStateUnknown); ok {
					obj = unseen.Obj // it went while nobody listened, and nobody knows how
				} else {
					w.gone.note(w.objects, obj, nil)
				}
				w.changed(nil, obj)
			},
		})
	}
}

func (w *watcher) changed(old, obj any) {
	if !w.ready.Load() || same(old, obj) {
		return // before the caches are complete, everything is going to be derived anyway
	}
	wait := debounce
	if urgent(old, obj) {
		wait = 0
	}
	for _, workload := range w.objects.touched(old, obj) {
		w.queue.AddAfter(w.named(workload), wait)
	}
}
