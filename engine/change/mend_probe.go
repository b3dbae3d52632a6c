package change

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// What the evidence says of a probe: "liveness=GET http :8080/healthz every 10s, timeout 1s, fails after 3, first after 5s".
var (
	probeSaid = regexp.MustCompile(`^(liveness|readiness|startup)=(.+) every (\d+)s, timeout (\d+)s, fails after (\d+)(?:, first after (\d+)s)?$`)
	asksHTTP  = regexp.MustCompile(`^GET (https?) ([^ :/]*):([^/ ]+)(/\S*)$`)
	asksTCP   = regexp.MustCompile(`^connect to ([^ :]*):(\S+)$`)
	asksGRPC  = regexp.MustCompile(`^gRPC health check on port (\d+)$`)
)

// probeValue is one field of a probe, by its path within it.
type probeValue struct{ field, value string }

// probe goes back to what a probe asked before a revision changed it, and nothing of which the probe may be meant for.
func (d diagnosed) probe() (Mend, string) {
	suspect, ok := d.speaking(engine.EvidenceChange, func(e engine.Evidence) bool { return e.Fields["what"] == "probe" })
	if !ok || suspect.Container == "" {
		return Mend{}, "the evidence does not say which probe was changed"
	}
	for _, e := range d.revision() {
		if what := e.Fields["what"]; what != "probe" && what != "resources" && what != "placement" {
			return Mend{}, fmt.Sprintf("revision %s changed more than the probe: %s, which the probe may be made for", e.Fields["revision"], what)
		}
	}
	was, name, kind := readProbe(suspect.Fields["from"])
	is, after, kindAfter := readProbe(suspect.Fields["to"])
	switch {
	case was == nil || is == nil || name != after:
		return Mend{}, "the evidence does not name what the probe was and what it is"
	case kind != kindAfter:
		return Mend{}, "the probe asks in another way since, which is more than a value"
	}
	m := Mend{Risk: engine.RiskLow, Because: fmt.Sprintf("Revision %s changed the %s probe, and it fails since. This is what it was before.", suspect.Fields["revision"], name)}
	for k := range is {
		if was[k].value != is[k].value {
			m.Wishes = append(m.Wishes, d.wish(engine.WishProbe, suspect.Container, name+"Probe."+is[k].field, is[k].value, was[k].value))
		}
	}
	if len(m.Wishes) == 0 {
		return Mend{}, "what changed of the probe is no value that can be put back"
	}
	return m, ""
}

// readProbe reads what the evidence says of a probe; values is nil where it is not understood. Two of one way have the same fields.
func readProbe(said string) (values []probeValue, name, way string) {
	g := probeSaid.FindStringSubmatch(said)
	if g == nil {
		return nil, "", ""
	}
	values = []probeValue{
		{"periodSeconds", g[3]}, {"timeoutSeconds", g[4]}, {"failureThreshold", g[5]}, {"initialDelaySeconds", cmp.Or(g[6], "0")},
	}
	way = g[2] // what is not taken apart must be the same
	if h := asksHTTP.FindStringSubmatch(g[2]); h != nil {
		way = "GET " + h[2]
		values = slices.Concat([]probeValue{{"httpGet.path", h[4]}, {"httpGet.port", h[3]}, {"httpGet.scheme", strings.ToUpper(h[1])}}, values)
	} else if h := asksTCP.FindStringSubmatch(g[2]); h != nil {
		way = "connect " + h[1]
		values = slices.Concat([]probeValue{{"tcpSocket.port", h[2]}}, values)
	} else if h := asksGRPC.FindStringSubmatch(g[2]); h != nil {
		way = "gRPC"
		values = slices.Concat([]probeValue{{"grpc.port", h[1]}}, values)
	}
	return values, g[1], way
}
