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
