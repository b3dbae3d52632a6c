package collect

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const maxProbes = 12

// probes shows what the probes of the most telling pod ask, and what the kubelet last said of each.
func probes(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	if len(s.pods) == 0 {
		return nil, s.podsErr
	}
	p := s.pods[0]
	said, err := s.listEvents(ctx, refOf("Pod", p))
	var out []engine.Evidence
	for _, c := range containers(&p.Spec) {
		for _, probe := range []struct {
			name string
			spec *corev1.Probe
		}{{"startup", c.StartupProbe}, {"liveness", c.LivenessProbe}, {"readiness", c.ReadinessProbe}} {
			if probe.spec == nil || len(out) == maxProbes {
				continue
			}
			message, at := lastFailure(said, probe.name, c.Name)
			words := probeWords(probe.spec)
			e := engine.Evidence{
				ID: fmt.Sprintf("probe/%s/%s/%s", p.Name, c.Name, probe.name), Kind: engine.EvidenceProbe, Object: refOf("Pod", p), Container: c.Name, At: at,
				Text:   joined(": ", fmt.Sprintf("%s probe of %s: %s", probe.name, c.Name, words), message),
				Fields: map[string]string{"probe": probe.name, "container": c.Name, "spec": words, "message": message},
			}
			out = append(out, e)
		}
	}
	return out, failed(err, "list events")
}

// lastFailure finds the newest Unhealthy event of a probe, such as "Liveness probe failed: HTTP probe failed with statuscode: 500".
func lastFailure(list []corev1.Event, probe, container string) (message string, at time.Time) {
	for n := range list {
		e := &list[n]
		if e.Reason != "Unhealthy" || !strings.HasPrefix(strings.ToLower(e.Message), probe+" probe") {
			continue
		}
		if named := containerOf(e.InvolvedObject.FieldPath); named != "" && named != container {
			continue
		}
		if when := Happened(e); message == "" || when.After(at) {
			message, at = e.Message, when
		}
	}
	return message, at
}

// probeWords says what a probe asks: "GET http :8080/healthz every 10s, timeout 1s, fails after 3".
func probeWords(p *corev1.Probe) string {
	what := "?"
	switch {
	case p.HTTPGet != nil:
		scheme := strings.ToLower(string(p.HTTPGet.Scheme))
		if scheme == "" {
			scheme = "http"
		}
		what = fmt.Sprintf("GET %s %s:%s%s", scheme, p.HTTPGet.Host, p.HTTPGet.Port.String(), p.HTTPGet.Path)
	case p.TCPSocket != nil:
		what = fmt.Sprintf("connect to %s:%s", p.TCPSocket.Host, p.TCPSocket.Port.String())
	case p.GRPC != nil:
		what = fmt.Sprintf("gRPC health check on port %d", p.GRPC.Port)
	case p.Exec != nil:
		what = "run " + strings.Join(p.Exec.Command, " ")
	}
	words := fmt.Sprintf("%s every %ds, timeout %ds, fails after %d", what, max(p.PeriodSeconds, 1), max(p.TimeoutSeconds, 1), max(p.FailureThreshold, 1))
	if p.InitialDelaySeconds > 0 {
		words += fmt.Sprintf(", first after %ds", p.InitialDelaySeconds)
	}
	return words
}
