package kube

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// What a cache holds is how things were when the API server was last heard. Much becomes a problem by time alone (a pod that is not ready for
// two minutes), and more is mended while nobody listens, so that what was derived is told only while the caches are known to be current.
const (
	hearing     = 10 * time.Second // silence of all watches after which the API server is asked whether it is there
	askDeadline = 3 * time.Second
	askAgain    = 2 * time.Second // after it did not answer
	settling    = 3 * time.Second // what happened meanwhile comes within that, when a watch is back
	lagging     = time.Minute     // how long a kind that alone is not listened to holds the others up
	holdFor     = 5 * time.Second // what is held is looked at again then
)

// pulse knows whether the API server is there.
type pulse struct {
	client kubernetes.Interface
	now    func() time.Time
	health *health

	asking chan struct{} // held by the one who asks

	mu        sync.Mutex
	heard     time.Time // when anything last came from it
	silent    time.Time // when it last did not answer a question
	answering time.Time // since when it answers although kinds are not listened to; zero while it does not
}

func newPulse(client kubernetes.Interface, now func() time.Time, h *health) *pulse {
	return &pulse{client: client, now: now, health: h, asking: make(chan struct{}, 1)}
}

// hear notes that something came from the API server.
func (p *pulse) hear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = p.now()
}

// current tells whether what the caches hold is how things are now.
func (p *pulse) current(ctx context.Context) bool {
	deaf, recovered := p.health.deaf()
	now := p.now()
	if !deaf {
		p.mu.Lock()
		p.answering = time.Time{}
		fresh := now.Sub(p.heard) <= hearing
		p.mu.Unlock()
		return now.Sub(recovered) >= settling && (fresh || p.answers(ctx))
	}
	if !p.answers(ctx) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.answering = time.Time{}
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answering.IsZero() {
		p.answering = now
	}
	return p.now().Sub(p.answering) >= lagging
}

// answers asks the API server for something small that it must read anew. One asks at a time.
func (p *pulse) answers(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case p.asking <- struct{}{}:
	}
	defer func() { <-p.asking }()
	now := p.now()
	p.mu.Lock()
	heard, silent := p.heard, p.silent
	p.mu.Unlock()
	switch {
	case now.Sub(silent) < askAgain:
		return false
	case now.Sub(heard) < askAgain: // the one before us has asked
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, askDeadline)
	defer cancel()
	_, err := p.client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if unanswered(err) {
		p.silent = p.now()
		return false
	}
	p.heard = p.now()
	return true
}

// unanswered tells whether a request had no answer that says anything of what was asked for: the API server was not reached, did not answer
// in time, cannot now, or does not know us any more.
func unanswered(err error) bool {
	if err == nil {
		return false
	}
	var status apierrors.APIStatus
	return !errors.As(err, &status) || status.Status().Code >= http.StatusInternalServerError || apierrors.IsTooManyRequests(err) || apierrors.IsUnauthorized(err)
}
