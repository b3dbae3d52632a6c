package prom

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Family is a set of metrics that say how many requests pods served, how many of them failed, and how long they took.
type Family struct {
	Name     string
	Requests string            // counter of requests; its labels are those of Errors
	Match    map[string]string // labels that choose its series, and those of Latency
	Errors   []Match           // each chooses series of Requests that count failures
	Latency  string            // histogram or summary, without _sum and _count; "" for none
	Unit     float64           // seconds of a unit of Latency; 0 means 1

	Namespace, Pod string // the labels that name a pod; "" means namespace and pod
}

// Match is a label and a regular expression of all of its value.
type Match struct{ Label, Pattern string }

// fails are the codes of HTTP that are the server's fault.
const fails = "5.."

// Families are those that are looked for, the surest first: what stands before the pod saw every request, the pod's own word comes after.
func Families() []Family {
	http := []Match{{"code", fails}, {"status", fails}, {"status_code", fails}}
	return []Family{
		{
			Name: "istio", Requests: "istio_requests_total", Match: map[string]string{"reporter": "destination"},
			Errors: []Match{{"response_code", fails}, {"grpc_response_status", "2|4|13|14|15"}}, Latency: "istio_request_duration_milliseconds", Unit: 0.001,
		},
		{
			Name: "linkerd", Requests: "response_total", Match: map[string]string{"direction": "inbound"},
			Errors: []Match{{"classification", "failure"}}, Latency: "response_latency_ms", Unit: 0.001,
		},
		{
			Name: "envoy", Requests: "envoy_http_downstream_rq_xx", Errors: []Match{{"envoy_response_code_class", "5"}},
			Latency: "envoy_http_downstream_rq_time", Unit: 0.001,
		},
		{Name: "http", Requests: "http_requests_total", Errors: http, Latency: "http_request_duration_seconds"},
		{Name: "http duration", Requests: "http_request_duration_seconds_count", Errors: http, Latency: "http_request_duration_seconds"},
		{
			Name: "opentelemetry", Requests: "http_server_request_duration_seconds_count",
			Errors: []Match{{"http_response_status_code", fails}}, Latency: "http_server_request_duration_seconds",
		},
		{Name: "spring", Requests: "http_server_requests_seconds_count", Errors: []Match{{"status", fails}}, Latency: "http_server_requests_seconds"},
		{
			Name: "grpc", Requests: "grpc_server_handled_total", Errors: []Match{{"grpc_code", "Unknown|DeadlineExceeded|Internal|Unavailable|DataLoss"}},
			Latency: "grpc_server_handling_seconds",
		},
	}
}

// familyLabel is the label that says of which family a value is, where one query asks for several.
const familyLabel = "autopilot_family"

// selector begins the matchers of a family's series.
func (f Family) selector(base matchers) matchers {
	for _, label := range slices.Sorted(maps.Keys(f.Match)) {
		base = base.is(label, f.Match[label])
	}
	return base
}

func (f Family) labels() (namespace, pod string) {
	namespace, pod = f.Namespace, f.Pod
	if namespace == "" {
		namespace = "namespace"
	}
	if pod == "" {
		pod = "pod"
	}
	return namespace, pod
}

// byPod sums up by pod.
func (f Family) byPod(expression string) string {
	namespace, pod := f.labels()
	return "sum by (" + namespace + ", " + pod + ") (" + expression + ")"
}

// named puts the pod's labels where they are read, and says which family it is.
func (f Family) named(n int, expression string) string {
	namespace, pod := f.labels()
	for _, l := range [][2]string{{"namespace", namespace}, {"pod", pod}} {
		if l[0] != l[1] {
			expression = `label_replace(` + expression + `, "` + l[0] + `", "$1", "` + l[1] + `", "(.+)")`
		}
	}
	return `label_replace(` + expression + `, "` + familyLabel + `", "` + strconv.Itoa(n) + `", "", "")`
}

func (f Family) requests(base matchers, window string) string {
	return f.byPod("rate(" + f.selector(base).of(f.Requests) + window + ")")
}

// errors asks for the failures; a series that two matchers choose counts once.
func (f Family) errors(base matchers, window string) string {
	var parts []string
	for _, e := range f.Errors {
		parts = append(parts, "rate("+f.selector(base).with(e.Label, "=~", e.Pattern).of(f.Requests)+window+")")
	}
	return f.byPod(strings.Join(parts, " or "))
}

// latency asks for the mean: its two series a pod cost a tenth of what the buckets of a quantile do, and it does not jump between them.
func (f Family) latency(base matchers, window string) string {
	sum := f.byPod("rate(" + f.selector(base).of(f.Latency+"_sum") + window + ")")
	count := f.byPod("rate(" + f.selector(base).of(f.Latency+"_count") + window + ")")
	text := sum + " / " + count
	if f.Unit != 0 && f.Unit != 1 {
		text += " * " + strconv.FormatFloat(f.Unit, 'f', -1, 64)
	}
	return text
}

// Check fails with Invalid for a family that cannot be asked for.
func (f Family) Check() error {
	for what, name := range map[string]string{"requests": f.Requests, "latency": f.Latency} {
		if name != "" && !metricName.MatchString(name) {
			return engine.Errorf(engine.Invalid, "%s: %q is not the name of a metric", what, name)
		}
	}
	labels := []string{}
	for _, l := range []string{f.Namespace, f.Pod} {
		if l != "" {
			labels = append(labels, l)
		}
	}
	labels = slices.AppendSeq(labels, maps.Keys(f.Match))
	for _, e := range f.Errors {
		labels = append(labels, e.Label)
		if _, err := regexp.Compile("^(?:" + e.Pattern + ")$"); err != nil || e.Pattern == "" {
			return engine.Errorf(engine.Invalid, "errors: %q is not a regular expression", e.Pattern)
		}
	}
	for _, l := range labels {
		if !labelWord.MatchString(l) {
			return engine.Errorf(engine.Invalid, "%q is not the name of a label", l)
		}
	}
	if f.Requests == "" {
		return engine.Errorf(engine.Invalid, "requests: the counter of requests is missing, such as http_requests_total")
	}
	return nil
}
