package rca

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// publicDomains are last labels of names that are not namespaces: api.example.com, and example.com too, is outside the cluster.
var publicDomains = []string{"com", "org", "net", "io", "dev", "app", "cloud", "co", "ai", "eu", "de", "uk", "local", "internal"}

// serviceOf is the service that an address means, and its namespace; "" when it is outside the cluster.
func (f *facts) serviceOf(addr string) (namespace, name string) {
	host := hostOf(addr)
	parts := strings.Split(strings.ToLower(host), ".")
	switch {
	case !nameRE.MatchString(parts[0]) || host == "localhost" || isAddress(host):
		return "", ""
	case len(parts) == 1:
		return f.i.Workload.Namespace, parts[0]
	case len(parts) == 2 && !slices.Contains(publicDomains, parts[1]), len(parts) > 2 && parts[2] == "svc":
		return parts[1], parts[0]
	}
	return "", ""
}

// hostOf takes the port, and the brackets of an IPv6 address, off an address.
func hostOf(addr string) string { return (&url.URL{Host: addr}).Hostname() }

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// other is the other side of a connection that failed: what is known of it, and what to do.
type other struct {
	why, step, command, field string
	pro, contra               []string
	root                      engine.Workload // the workload behind the service, or the Service
}

// envUse is how the collector of references says where a host is named.
var envUse = regexp.MustCompile(`^env (\S+) of container (\S+)$`)

// otherSide tells what stands behind an address that a container could not reach. signature says how it failed.
func (f *facts) otherSide(signature, addr string) other {
	ns, name := f.serviceOf(addr)
	if name == "" || !nameRE.MatchString(ns) {
		return f.outside(signature, hostOf(addr))
	}
	e, ok := f.first(engine.EvidenceReference, func(e engine.Evidence) bool {
		return e.Fields["kind"] == "Service" && e.Fields["name"] == name && (e.Object.Namespace == "" || e.Object.Namespace == ns)
	})
	detail := e.Fields["detail"]
	on := "kubectl -n " + ns + " "
	switch {
	case !ok:
		return other{
			step:    fmt.Sprintf("See whether service %s exists in namespace %s and has ready endpoints.", name, ns),
			command: on + "get endpointslices -l kubernetes.io/service-name=" + name,
		}
	case e.Fields["exists"] == "false":
		o := other{
			why:     fmt.Sprintf("Service %s does not exist in namespace %s.", name, ns),
			step:    fmt.Sprintf("Create service %s, or correct the address that the container uses.", name),
			command: on + "get services", pro: []string{e.ID},
		}
		if g := envUse.FindStringSubmatch(e.Fields["used_by"]); g != nil {
			o.field = f.path(g[2], "env[name="+g[1]+"]")
		}
		return o
	case strings.HasPrefix(detail, "0 of 0 "):
		return other{
			why:     fmt.Sprintf("Service %s selects no pod, so nothing answers there.", name),
			step:    "Compare the service's selector with the labels of the pods that it should have.",
			command: on + "describe service " + name, pro: []string{e.ID},
		}
	case strings.HasPrefix(detail, "0 of "):
		return other{
			why:     fmt.Sprintf("Service %s has no ready endpoint, so nothing answers there.", name),
			step:    fmt.Sprintf("See why the pods behind service %s are not ready.", name),
			command: on + "describe service " + name, pro: []string{e.ID}, root: selected(e, ns, name),
		}
	}
	o := other{contra: []string{e.ID}}
	switch signature {
	case "dns":
		o.why = fmt.Sprintf("Service %s exists: the cluster's DNS did not answer, or not in time.", name)
		o.step, o.command = "Look at the cluster's DNS.", dnsPods
	case "dependency-timeout":
		o.why = fmt.Sprintf("Service %s has ready endpoints (%s): they are overloaded, or a network policy drops the packets.", name, strings.TrimSuffix(detail, " endpoints ready"))
		o.step, o.command = "See whether a network policy is in the way.", on+"get networkpolicies"
	default:
		o.why = fmt.Sprintf("Service %s has ready endpoints (%s): it listens on another port, or was away for a while.", name, strings.TrimSuffix(detail, " endpoints ready"))
		o.step, o.command = fmt.Sprintf("Compare the port with that of service %s.", name), on+"get service "+name
	}
	return o
}

// selected is the workload that a service selects, or the Service where that is not known.
func selected(e engine.Evidence, namespace, service string) engine.Workload {
	if kind, name, ok := strings.Cut(e.Fields["selects"], "/"); ok {
		return engine.Workload{Namespace: namespace, Kind: kind, Name: name}
	}
	return engine.Workload{Namespace: namespace, Kind: engine.KindService, Name: service}
}

const dnsPods = "kubectl -n kube-system get pods -l k8s-app=kube-dns"

// outside is the other side when no service of the cluster is meant, or nobody knows which.
func (f *facts) outside(signature, host string) other {
	shown := quote(host, 80)
	switch {
	case signature == "dns" && host != "":
		return other{step: "Check how " + shown + " is written; if it is right, look at the cluster's DNS.", command: dnsPods}
	case host == "" || host == "localhost":
		return other{} // the rule's own step must do
	case isAddress(host):
		return other{step: "See what has the address " + shown + ", and whether it is up.", command: "kubectl get services -A -o wide"}
	case signature == "dependency-timeout":
		return other{step: "See whether " + shown + " is up, and whether security groups and network policies let the pods reach it.", command: f.kubectl("get networkpolicies")}
	}
	return other{step: "See whether " + shown + " is up and listens on that port."}
}

// meet adds what is known of the other side to a finding.
func (m *finding) meet(o other) {
	m.pro, m.contra = append(m.pro, o.pro...), append(m.contra, o.contra...)
	if len(o.contra) > 0 {
		m.strength *= 0.9
	}
	if m.root.Name == "" {
		m.root = o.root
	}
	if o.why != "" {
		m.text = o.why
	}
	if o.step != "" {
		m.step.Text, m.step.Command, m.step.Field = o.step, o.command, o.field
	}
}
