package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
)

const (
	tries       = 3
	firstPause  = 300 * time.Millisecond // doubled each time, and more
	answerBytes = 2 << 20                // of an answer that is kept
	bodyBytes   = 100 << 20              // of any answer
)

// retry asks again where GitHub stumbled and asking twice does no more than asking once. What else fails is tried again by the
// task that wanted it.
type retry struct {
	next  http.RoundTripper
	pause func(context.Context, time.Duration) error
}

// objects are named by their content: making one twice makes one.
var objects = regexp.MustCompile(`/git/(blobs|trees|commits)$`)

// RoundTrip sends a request, up to three times.
func (r *retry) RoundTrip(req *http.Request) (*http.Response, error) {
	again := req.Method == http.MethodGet || req.Method == http.MethodPost && objects.MatchString(req.URL.Path) && req.GetBody != nil
	for try := 1; ; try++ {
		resp, err := r.next.RoundTrip(req)
		if !again || try == tries || err == nil && resp.StatusCode < 500 || req.Context().Err() != nil {
			return resp, err
		}
		if err := r.pause(req.Context(), firstPause<<(2*(try-1))); err != nil {
			return nil, err
		}
		if req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			req = req.Clone(req.Context())
			req.Body = body
		}
	}
}

// conditional asks only for what changed: an answer "not modified" costs nothing of GitHub's limit.
type conditional struct {
	next http.RoundTripper
	kept *cache[*answer]
}

type answer struct {
	header http.Header
	body   []byte
}

// RoundTrip sends a request, and answers it from what is kept where GitHub says that it still holds.
func (c *conditional) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet {
		return c.next.RoundTrip(req)
	}
	key := req.Header.Get("Accept") + " " + req.URL.String()
	old, known := c.kept.get(key)
	if known {
		req = req.Clone(req.Context())
		req.Header.Set("If-None-Match", old.header.Get("ETag"))
	}
	resp, err := c.next.RoundTrip(req)
	switch {
	case err != nil:
		return nil, err
	case known && resp.StatusCode == http.StatusNotModified:
		header := old.header.Clone()
		for name, values := range resp.Header {
			if name != "Content-Length" && name != "Content-Type" {
				header[name] = values // the limits as they are now
			}
		}
		resp.StatusCode, resp.Status, resp.Header = http.StatusOK, "200 OK", header
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(old.body)), int64(len(old.body))
		return resp, nil
	case resp.StatusCode != http.StatusOK || resp.Header.Get("ETag") == "" || resp.ContentLength > answerBytes:
		return resp, nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	c.kept.put(key, &answer{resp.Header.Clone(), body}, int64(len(body)+len(key)+512))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// whole gives each request its time, and reads its answer to the end within it.
type whole struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (w *whole) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), requestTimeout)
	defer cancel()
	resp, err := w.next.RoundTrip(req.WithContext(ctx))
	if refused, ok := errors.AsType[*ghinstallation.HTTPError](err); ok && refused.Response != nil {
		_ = refused.Response.Body.Close() // nobody else does; its status is all that is looked at
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > bodyBytes:
		return nil, fmt.Errorf("an answer of more than %d MiB", bodyBytes>>20)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}
