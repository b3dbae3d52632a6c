package rca

import (
	"regexp"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// What the API server, its aggregator and the load balancer controllers write.
var (
	hookDown    = regexp.MustCompile(`failed calling webhook "([^"]+)": (?:failed to call webhook: )?(.*)`)
	noBackend   = regexp.MustCompile(`(?i)(no endpoints available for service "[^"]+"|service "[^"]+" not found|service/\S+ in "[^"]+" is not present|endpointslices? for service/\S+ in "[^"]+" have no addresses[^"]*|cannot find endpointslices for service/\S+ in "[^"]+")`)
	badTrust    = regexp.MustCompile(`(?i)(x509: [^"]{3,100}|tls: failed to verify certificate[^"]{0,100}|certificate has expired[^"]{0,60})`)
	noWay       = regexp.MustCompile(`(?i)(context deadline exceeded|i/o timeout|no route to host|Client\.Timeout exceeded)`)
	notAnswered = regexp.MustCompile(`(?i)(connect(?:ion)?(?:: connection)? refused|the server is currently unable to handle the request|failing or missing response from \S+)`)
	noSubnet    = regexp.MustCompile(`(?i)(couldn't auto-discover subnets[^"]{0,120}|unable to resolve at least one subnet[^"]{0,80}|no matching subnets[^"]{0,80})`)
	noACM       = regexp.MustCompile(`(?i)(no certificate found for host: \S+|CertificateNotFound[^"]{0,80})`)
	notAllowed  = regexp.MustCompile(`(?i)(AccessDenied[^"]{0,120}|is not authorized to perform: \S+|UnauthorizedOperation[^"]{0,80})`)
)

var (
	refusing = []engine.Class{engine.ClassReplicasMissing, engine.ClassRolloutStuck, engine.ClassJobFailed, engine.ClassScheduleMissed, engine.ClassAPIDown}
	routing  = []engine.Class{engine.ClassRouteBroken}
	calling  = []engine.Class{engine.ClassAPIDown}
)

// reachRules say why traffic, or a call of the API server, reaches nothing.
var reachRules = []rule{
	{name: "api/webhook-down", classes: refusing, prior: 0.95, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(hookDown)
		if g == nil {
			return finding{}, false
		}
		why := "What should answer it is not there."
		switch {
		case badTrust.MatchString(g[2]):
			why = "The API server does not trust its certificate: " + quote(badTrust.FindString(g[2]), 120) + "."
		case noWay.MatchString(g[2]):
			why = "It does not answer in time: its pods hang, or a security group keeps the control plane from them."
		}
		return finding{
			strength: 1, pro: ids, title: "webhook " + quote(g[1], 80) + " does not answer, and so the API server refuses", text: why,
			step: engine.Step{Text: "Bring back the pods behind the webhook; if that cannot be done at once, take its configuration away and put it back later.", Command: "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"},
		}, true
	}},
	{name: "api/no-backend", classes: calling, prior: 0.92, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noBackend)
		e, ok := f.first(engine.EvidenceReference, func(e engine.Evidence) bool {
			return e.Fields["kind"] == "Service" && (e.Fields["exists"] == "false" || strings.HasPrefix(e.Fields["detail"], "0 of "))
		})
		if g == nil && !ok {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: ids, title: "no pod answers for it", text: "The API server passes these calls to a service of the cluster, and nothing ready stands behind that.",
			step: engine.Step{Text: "See why the pods behind the service are not ready.", Command: "kubectl get apiservices,validatingwebhookconfigurations,mutatingwebhookconfigurations"},
		}
		if ok {
			m.pro = append(m.pro, e.ID)
			m.title = "no pod behind service " + e.Fields["name"] + " answers"
			if e.Fields["exists"] == "false" {
				m.title = "service " + e.Fields["name"] + ", which should answer, does not exist"
			}
			if ns := e.Object.Namespace; nameRE.MatchString(ns) && nameRE.MatchString(e.Fields["name"]) {
				m.step.Command = "kubectl -n " + ns + " describe service " + e.Fields["name"]
			}
		}
		return m, true
	}},
	{name: "api/certificate", classes: calling, prior: 0.93, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(badTrust)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "the API server does not trust its certificate", text: quote(g[1], 160) + ".",
			step: engine.Step{Text: "Renew the certificate of the service, and see that the caBundle is that of who signed it."},
		}, true
	}},
	{name: "api/no-way", classes: calling, prior: 0.86, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noWay)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "the control plane does not reach its pods in time", text: "On EKS, the security group of the nodes must let the control plane in at the port of the pods; or they hang.",
			step: engine.Step{Text: "Check the security groups between the control plane and the nodes, then the pods.", Command: "kubectl get apiservices"},
		}, true
	}},
	generally(rule{name: "api/refused", classes: calling, prior: 0.6, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(notAnswered)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "its pods refuse the API server: " + quote(g[1], 80), text: "They run and do not serve.",
			step: engine.Step{Text: "Read what they write."},
		}, true
	}}),
	{name: "route/no-pods", classes: routing, prior: 0.92, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceReference, func(e engine.Evidence) bool {
			return e.Fields["kind"] == "Service" && e.Fields["exists"] == "true" && strings.HasPrefix(e.Fields["detail"], "0 of 0 ") && e.Fields["name"] == f.i.Workload.Name
		})
		if !ok {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: []string{e.ID}, title: "its selector matches no pod", text: "No workload of the namespace makes pods with such labels.",
			step: engine.Step{Text: "Compare the selector with the labels of the pods that it should have.", Command: f.kubectl("get service %s --show-labels", f.i.Workload.Name), Field: "spec.selector"},
		}
		if near, ok := f.first(engine.EvidenceReference, func(e engine.Evidence) bool { return e.Fields["used_by"] == "labels of its pods" }); ok {
			m.pro = append(m.pro, near.ID)
			m.text = near.Fields["kind"] + " " + near.Fields["name"] + " makes pods with " + quote(near.Fields["detail"], 120) + "."
		}
		return m, true
	}},
	{name: "route/missing-service", classes: routing, prior: 0.95, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceReference, func(e engine.Evidence) bool { return e.Fields["kind"] == "Service" && e.Fields["exists"] == "false" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "service " + e.Fields["name"] + " does not exist", text: "It sends traffic there.",
			step: engine.Step{Text: "Create the service, or correct the backend.", Command: f.kubectl("get services"), Field: "spec.rules"},
		}, true
	}},
	{name: "route/port", classes: routing, prior: 0.93, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceReference, func(e engine.Evidence) bool { return e.Fields["kind"] == "Port" && e.Fields["exists"] == "false" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "port " + quote(e.Fields["key"], 40) + " is not there", text: quote(e.Text, 200) + ".",
			step: engine.Step{Text: "Make the two names or numbers the same.", Command: f.describe("service", e.Fields["name"]), Field: "spec.ports"},
		}, true
	}},
	{name: "route/class-missing", classes: routing, prior: 0.94, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceReference, func(e engine.Evidence) bool {
			return e.Fields["kind"] == "IngressClass" && e.Fields["exists"] == "false"
		})
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "ingress class " + quote(e.Fields["name"], 60) + " does not exist", text: "No controller takes up the ingress.",
			step: engine.Step{Text: "Name a class that exists, or install the controller.", Command: "kubectl get ingressclasses", Field: "spec.ingressClassName"},
		}, true
	}},
	refusedBalancer("route/subnets", noSubnet, "the load balancer controller finds no subnet for it", "Tag the subnets for load balancers (kubernetes.io/role/elb or internal-elb), or name them."),
	refusedBalancer("route/certificate", noACM, "there is no certificate for its host", "Ask ACM for a certificate of that name, or name one."),
	refusedBalancer("route/permission", notAllowed, "the load balancer controller may not do it", "Give the controller's IAM role the permissions of its release."),
	generally(rule{name: "route/controller", classes: routing, prior: 0.6, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceEvent, func(e engine.Evidence) bool {
			return e.Fields["type"] == "Warning" && (strings.HasPrefix(e.Fields["reason"], "Failed") || e.Fields["reason"] == "SyncLoadBalancerFailed")
		})
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "its controller fails: " + quote(core(e.Fields["message"]), 100), text: "It tries again and again.",
			step: engine.Step{Text: "Mend what the controller names.", Command: f.describe(f.resource(), f.i.Workload.Name)},
		}, true
	}}),
	generally(rule{name: "route/not-accepted", classes: routing, prior: 0.7, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceCondition, func(e engine.Evidence) bool { return e.Fields["status"] != "True" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "its controller says " + e.Fields["type"] + "=" + e.Fields["status"] + ": " + quote(or(e.Fields["message"], e.Fields["reason"]), 100),
			text: "Until it is accepted, nothing is sent.",
			step: engine.Step{Text: "Mend what it names; where nothing is said, see whether its controller is installed.", Command: f.describe(f.resource(), f.i.Workload.Name)},
		}, true
	}}),
}

func refusedBalancer(name string, re *regexp.Regexp, title, step string) rule {
	return rule{name: name, classes: routing, prior: 0.92, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(re)
		if g == nil {
			return finding{}, false
		}
		return finding{strength: 1, pro: ids, title: title, text: quote(g[1], 160) + ".", step: engine.Step{Text: step, Command: f.describe(f.resource(), f.i.Workload.Name)}}, true
	}}
}
