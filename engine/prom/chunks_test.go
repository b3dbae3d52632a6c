package prom

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// stale is how Prometheus marks the end of a series.
var stale = math.Float64frombits(0x7ff0000000000002)

// transport is a function that sends a request.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// through sends the requests for chunks another way than the rest.
func through(p *Prometheus, read func(r *http.Request, next http.RoundTripper) (*http.Response, error)) *Prometheus {
	other, client := *p, *p.long
	next := client.Transport
	client.Transport = transport(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/api/v1/read") {
			return read(r, next)
		}
		return next.RoundTrip(r)
	})
	other.long = &client
	return &other
}

// refusing refuses to give chunks.
func refusing(p *Prometheus, status int) *Prometheus {
	return through(p, func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("no such path")), Request: r}, nil
	})
}

// TestChunksTellWhatQueriesTell reads histories with everything in them that can be odd, by chunks and by queries, from a real
// Prometheus that splits a series over many frames: the usage is the same, to the bit.
func TestChunksTellWhatQueriesTell(t *testing.T) {
	since := usageEnd.Add(-9 * day)
	rng := rand.New(rand.NewPCG(5, 6))
	var all []past
	// odd makes a series whose samples come with an offset, are missing now and then for minutes or hours, stop being told of, begin
	// again at zero, and are NaN or stale.
	odd := func(metric, namespace, pod, id string, offset time.Duration, every time.Duration, from, to time.Time, next func() float64) {
		var gone time.Time
		value := in(from, to, func(at time.Time) float64 {
			v := next()
			switch {
			case at.Before(gone):
				return math.NaN()
			case rng.IntN(400) == 0:
				gone = at.Add(time.Duration(rng.IntN(40)) * time.Minute)
				return stale
			case rng.IntN(400) == 0:
				gone = at.Add(time.Duration(rng.IntN(14)) * time.Minute)
				return math.NaN()
			case rng.IntN(4000) == 0:
				gone = at.Add(time.Duration(rng.IntN(30)) * time.Hour)
			}
			return v
		})
		s := series(every, func(at time.Time) float64 { return value(at) }, "__name__", metric, "namespace", namespace, "pod", pod, "container", "app", "id", id)
		s.offset = offset
		all = append(all, s)
	}
	count := func(cores float64, every time.Duration) func() float64 {
		total := 1000 * rng.Float64()
		return func() float64 {
			if rng.IntN(1500) == 0 {
				total = 0
			}
			total += cores * rng.Float64() * every.Seconds()
			return total
		}
	}
	for i, pod := range []string{"web-66666ccccc-aaaaa", "web-66666ccccc-bbbbb", "db-66666ccccc-aaaaa"} {
		for _, id := range []string{"a", "b"}[:1+i%2] { // two series of one container at once
			offset := []time.Duration{0, 4321 * time.Millisecond, 29_999 * time.Millisecond}[i]
			odd(cpuMetric, "shop", pod, id, offset, 30*time.Second, since, usageEnd.Add(time.Hour), count(2, 30*time.Second))
			odd(memoryMetric, "shop", pod, id, offset, 30*time.Second, since, usageEnd.Add(time.Hour), func() float64 { return math.Floor(1e9 * rng.Float64()) })
		}
	}
	// A scrape every five minutes, on the minute of the steps and just beside it; and one every two.
	for i, offset := range []time.Duration{0, time.Millisecond, 299_999 * time.Millisecond} {
		pod := fmt.Sprintf("queue-66666ccccc-%s", []string{"aaaaa", "bbbbb", "ccccc"}[i])
		odd(cpuMetric, "back", pod, "a", offset, 5*time.Minute, since, usageEnd.Add(time.Hour), count(1, 5*time.Minute))
		odd(memoryMetric, "back", pod, "a", offset, 5*time.Minute, since, usageEnd.Add(time.Hour), func() float64 { return math.Floor(1e9 * rng.Float64()) })
	}
	// A container that is replaced on the minute of a step, and one that ends there.
	odd(memoryMetric, "shop", "db-66666ccccc-bbbbb", "1", 0, time.Minute, since, usageEnd.Add(-50*time.Hour+time.Second), func() float64 { return 2e9 })
	odd(memoryMetric, "shop", "db-66666ccccc-bbbbb", "2", 0, time.Minute, usageEnd.Add(-50*time.Hour), usageEnd.Add(-20*time.Hour+time.Second), func() float64 { return 1e9 })

	p := serveHistoryWith(t, []string{"--storage.remote.read-max-bytes-in-frame=5000"}, 9, all...)
	// Sizes at which requests end within chunks, and within the 8 days.
	for _, pieces := range []int{1, 7} {
		w := UsageWanted{Cluster: shop(), At: usageEnd.Add(-time.Duration(pieces-1) * 5 * time.Minute), PeakDays: 8}
		chunks, queries := p.Usage(t.Context(), w), refusing(p, http.StatusMethodNotAllowed).Usage(t.Context(), w)
		if chunks.NoChunks != "" || len(chunks.Usage) != 3 || queries.NoChunks == "" {
			t.Fatalf("usage of %d, gaps %v; %q, %q", len(chunks.Usage), chunks.Gaps, chunks.NoChunks, queries.NoChunks)
		}
		if chunks.Peak > 8000 {
			t.Errorf("%d samples in a frame, of 23,040 that a series has: it was not split", chunks.Peak)
		}
		if diff := cmp.Diff(queries.Usage, chunks.Usage, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("by chunks (+) something else is told than by queries (-):\n%.3000s", diff)
		}
		for k, u := range chunks.Usage {
			if n := u.CPU.Count(); n < 500 || n == fineSteps && k.Namespace == "shop" {
				t.Errorf("%v: %d of %d steps are known: there is little odd about that", k, n, fineSteps)
			}
		}
	}
}
