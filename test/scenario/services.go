package scenario

import (
	_ "embed"
	"strconv"
	"strings"
)

//go:embed services.yaml
var services string

// IndustryImage is the image of the services that serve requests; whoever plays them on a real node gives it one of cmd/industry.
const IndustryImage = "autopilot.local/industry:1"

// Served are the services that Services makes, those that are asked first before those that they ask, as Kind/name.
var Served = []string{"Deployment/gateway", "Deployment/api", "Deployment/payments", "StatefulSet/store"}

// Services are services that call each other and customers who ask them so many times a second, in a namespace with one label more, as
// "key=value". Nothing breaks and nothing is expected: it is the setup of what is broken on purpose.
func Services(namespace, label string, rate int) Scenario {
	key, value, _ := strings.Cut(label, "=")
	s := Scenario{Name: namespace, Title: "services that call each other", Namespace: namespace}
	s.Setup = []Step{{Apply: strings.NewReplacer(
		"${NAMESPACE}", namespace, "${LABEL}", key, "${VALUE}", value, "${RATE}", strconv.Itoa(rate),
	).Replace(services)}}
	for _, workload := range Served {
		s.Setup = append(s.Setup, Step{WaitReady: workload})
	}
	s.Setup = append(s.Setup, Step{WaitReady: "Deployment/customers"})
	return s
}

// Rollout gives one of the services a new revision, which differs by an annotation alone.
func Rollout(namespace, workload, revision string) Scenario {
	template := map[string]any{"metadata": map[string]any{"annotations": map[string]any{"example.com/revision": revision}}}
	return beside(namespace, workload, map[string]any{"template": template})
}

// Scaling gives one of the services four replicas for a while, and takes them again.
func Scaling(namespace, workload string) Scenario {
	s := beside(namespace, workload, map[string]any{"replicas": 4})
	s.Beside = append(s.Beside, Step{Sleep: "5s"})
	s.Beside = append(s.Beside, beside(namespace, workload, map[string]any{"replicas": replicas[workload]}).Beside...)
	return s
}

// replicas are how many there are of each service.
var replicas = map[string]int{"Deployment/gateway": 2, "Deployment/api": 3, "Deployment/payments": 2, "StatefulSet/store": 2}

func beside(namespace, workload string, spec map[string]any) Scenario {
	return Scenario{Name: namespace, Title: "something innocent", Namespace: namespace, Beside: []Step{
		{Patch: &Patch{Object: workload, With: map[string]any{"spec": spec}}}, {WaitReady: workload},
	}}
}

//go:embed herd.yaml
var herd string

// Herd is a workload on simulated nodes, of which a node can be drained, in a namespace with one label more.
func Herd(namespace, label string) Scenario {
	key, value, _ := strings.Cut(label, "=")
	return Scenario{Name: namespace, Title: "simulated pods", Namespace: namespace, Setup: []Step{
		{Apply: strings.NewReplacer("${NAMESPACE}", namespace, "${LABEL}", key, "${VALUE}", value).Replace(herd)}, {WaitReady: "Deployment/sheep"},
	}}
}
