// Command vpahistory loads the histories of a cluster as the Vertical Pod Autoscaler's recommender does when it starts: with its own
// package and its own defaults. It says what that took as a line of JSON. It is a module of its own, so that the VPA's
// dependencies are nobody else's.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	promapi "github.com/prometheus/client_golang/api"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/input/history"
)

// said is the line.
type said struct {
	Containers, Queries int
	Samples, Most, Held int64
	Slowest, Load       time.Duration
	Resident            int64 // bytes, at the most
}

func main() {
	address := flag.String("url", "", "of the Prometheus")
	end := flag.Int64("end", 0, "Unix time at which the histories end")
	flag.Parse()
	s, err := load(*address, time.Unix(*end, 0))
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vpahistory:", err)
		os.Exit(1)
	}
}

func load(address string, end time.Time) (said, error) {
	gate := &past{next: promapi.DefaultRoundTripper, back: time.Since(end)}
	promapi.DefaultRoundTripper = gate
	provider, err := history.NewPrometheusHistoryProvider(history.PrometheusHistoryProviderConfig{
		Address: address, QueryTimeout: 5 * time.Minute, HistoryLength: "8d", HistoryResolution: "1h",
		PodLabelPrefix: "pod_label_", PodLabelsMetricName: `up{job="kubernetes-pods"}[8d]`, PodNamespaceLabel: "kubernetes_namespace", PodNameLabel: "kubernetes_pod_name",
		CPUMetricName: "container_cpu_usage_seconds_total", MemoryMetricName: "container_memory_working_set_bytes",
		CtrNamespaceLabel: "namespace", CtrPodNameLabel: "pod", CtrNameLabel: "container", CadvisorMetricsJobName: "kubelet",
	})
	if err != nil {
		return said{}, err
	}
	began := time.Now()
	pods, err := provider.GetClusterHistory()
	if err != nil {
		return said{}, err
	}
	s := gate.said
	s.Load = time.Since(began)
	for _, p := range pods {
		s.Containers += len(p.Samples)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return said{}, err
	}
	if m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status); m != nil {
		kib, err := strconv.ParseInt(string(m[1]), 10, 64)
		if err != nil {
			return said{}, err
		}
		s.Resident = kib << 10
	}
	return s, nil
}

// past asks for a time that is over where the recommender asks for now, and counts what that makes Prometheus read.
type past struct {
	next http.RoundTripper
	back time.Duration
	said said
}

// RoundTrip sends a query.
func (p *past) RoundTrip(r *http.Request) (*http.Response, error) {
	form, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(form))
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"start", "end", "time"} {
		if t, err := strconv.ParseFloat(values.Get(key), 64); err == nil {
			values.Set(key, strconv.FormatFloat(t-p.back.Seconds(), 'f', 3, 64))
		}
	}
	values.Set("stats", "all")
	r = r.Clone(r.Context())
	body := values.Encode()
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	began := time.Now()
	resp, err := p.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &tail{ReadCloser: resp.Body, done: func(end []byte) {
		p.said.Queries++
		p.said.Slowest = max(p.said.Slowest, time.Since(began))
		read := number(end, "totalQueryableSamples")
		p.said.Samples += read
		p.said.Most, p.said.Held = max(p.said.Most, read), max(p.said.Held, number(end, "peakSamples"))
	}}
	return resp, nil
}

func number(text []byte, key string) int64 {
	m := regexp.MustCompile(`"` + key + `":(\d+)`).FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// tail keeps the end of an answer, where Prometheus puts its statistics.
type tail struct {
	io.ReadCloser
	last []byte
	done func([]byte)
}

const kept = 1 << 10

// Read notes what passes.
func (t *tail) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	t.last = append(t.last, b[:n]...)
	if len(t.last) > kept {
		t.last = bytes.Clone(t.last[len(t.last)-kept:])
	}
	if err == io.EOF && t.done != nil {
		t.done(t.last)
		t.done = nil
	}
	return n, err
}
