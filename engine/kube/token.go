package kube

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// tokenSource keeps a token until it expires.
type tokenSource struct {
	fetch func(ctx context.Context) (string, time.Time, error)
	now   func() time.Time

	mu     sync.Mutex
	token  string
	expiry time.Time
}

func (s *tokenSource) get(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" && s.now().Before(s.expiry) {
		return s.token, nil
	}
	token, expiry, err := s.fetch(ctx)
	if err != nil {
		return "", engine.Wrap(engine.Unavailable, err, "no token for the cluster could be had")
	}
	s.token, s.expiry = token, expiry
	return token, nil
}

// refused forgets a token that the API server did not accept, so that the next request brings a new one.
func (s *tokenSource) refused(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.token = ""
	}
}

func (s *tokenSource) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		token, err := s.get(r.Context())
		if err != nil {
			if r.Body != nil {
				_ = r.Body.Close() // a RoundTripper must close it, also when it sends nothing
			}
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := next.RoundTrip(r)
		if err == nil && resp.StatusCode == http.StatusUnauthorized {
			s.refused(token)
		}
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
