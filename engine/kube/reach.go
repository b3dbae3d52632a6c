package kube

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	findTimeout = 10 * time.Second
	findMin     = time.Second // after the first failure to find a cluster, doubled with each further one
	findMax     = time.Minute // at most
	findAgain   = time.Minute // between two looks whether a cluster that does not answer is somewhere else by now
)

// reach sends requests to a cluster whose address is found when the first of them is sent, so that a cluster which cannot be
// found fails its own requests and nothing else, and is there as soon as it can be found. One that was found and then does not
// answer is looked for again: its kubeconfig may have been written anew, or the EKS cluster been made anew under its name.
type reach struct {
	name string
	find func(ctx context.Context) (*rest.Config, error)
	now  func() time.Time

	looking chan struct{} // held by the one who looks

	mu       sync.Mutex
	place    *place    // nil until the cluster was found
	found    time.Time // when place was
	silent   bool      // place did not answer
	failure  error     // of the last look, nil when it found the cluster
	failures int       // in a row
	next     time.Time // when to look again after a failure
}

func newReach(name string, now func() time.Time, find func(ctx context.Context) (*rest.Config, error)) *reach {
	return &reach{name: name, find: find, now: now, looking: make(chan struct{}, 1)}
}

// place is where a cluster is and how to speak to it.
type place struct {
	base *url.URL
	send http.RoundTripper
}

// RoundTrip sends a request to where the cluster is. It fails with Unavailable when that cannot be found out.
func (r *reach) RoundTrip(req *http.Request) (*http.Response, error) {
	p, err := r.at(req.Context())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper must close it, also when it sends nothing
		}
		return nil, err
	}
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host = p.base.Scheme, p.base.Host
	if prefix := strings.TrimSuffix(p.base.Path, "/"); prefix != "" { // a proxy's, before many clusters
		req.URL.Path, req.URL.RawPath = prefix+req.URL.Path, ""
	}
	req.Host = ""
	resp, err := p.send.RoundTrip(req)
	if err != nil && req.Context().Err() == nil {
		r.missed(p)
	}
	return resp, err
}

// CloseIdleConnections lets go of connections that no request uses.
func (r *reach) CloseIdleConnections() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.place != nil {
		utilnet.CloseIdleConnectionsFor(r.place.send)
	}
}

// at gives where the cluster is, and looks for it when that is not known, or when it does not answer there. One looks at a time.
func (r *reach) at(ctx context.Context) (*place, error) {
	if p, err := r.known(); p != nil || err != nil {
		return p, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r.looking <- struct{}{}:
	}
	defer func() { <-r.looking }()
	if p, err := r.known(); p != nil || err != nil {
		return p, err // found by the one before us
	}
	began := r.now()
	p, err := r.look(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, err // a caller whose time is over says nothing of the cluster
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.next = r.now().Add(min(findMin<<min(r.failures, 10), findMax))
		r.failure, r.failures = err, r.failures+1
		if r.place != nil {
			return r.place, nil // where it was before is the best guess
		}
		return nil, err
	}
	if r.place != nil {
		utilnet.CloseIdleConnectionsFor(r.place.send)
	}
	r.place, r.found, r.silent, r.failure, r.failures = p, began, false, nil, 0
	return p, nil
}

// known gives where the cluster is, or why that is not known; neither when it is time to look.
func (r *reach) known() (*place, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	switch {
	case now.Before(r.next) && r.place == nil:
		return nil, r.failure
	case now.Before(r.next), r.place != nil && (!r.silent || now.Sub(r.found) < findAgain):
		return r.place, nil
	}
	return nil, nil
}

func (r *reach) look(ctx context.Context) (*place, error) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	rc, err := r.find(ctx)
	if err != nil {
		// Whatever its code was: that a cluster is not found must not read as that a pod is not.
		return nil, engine.Wrap(engine.Unavailable, err, "cluster "+r.name+" cannot be found")
	}
	base, _, err := rest.DefaultServerUrlFor(rc)
	if err != nil {
		return nil, engine.Wrap(engine.Unavailable, err, "the address of cluster "+r.name+" is none")
	}
	send, err := rest.TransportFor(rc)
	if err != nil {
		return nil, engine.Wrap(engine.Unavailable, err, "cluster "+r.name+" cannot be spoken to")
	}
	return &place{base: base, send: send}, nil
}

// missed notes that the cluster did not answer where it was found.
func (r *reach) missed(p *place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.place == p {
		r.silent = true
	}
}

// host is the address of the API server, for people; "the API server" while it is not known.
func (r *reach) host() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.place == nil {
		return "the API server"
	}
	return r.place.base.String()
}
