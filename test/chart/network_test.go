package chart_test

import (
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// reaching is a bot that asks all that a cluster may have.
const reaching = `
secrets: {existingSecret: autopilot}
config:
  clusters:
    - name: prod
      in_cluster: true
      prometheus: http://prometheus.monitoring:9090
      alertmanager: http://alertmanager.monitoring:9093
      loki: {url: "http://loki.monitoring:3100", username: reader}
  slack: {channels: {incidents: "#incidents"}}
  chaos: {enabled: true}
`

// stack: the API server takes what deploy/observability adds to its charts, with the definitions of the operators that read it.
func stack(t *testing.T, w *world) {
	data, err := os.ReadFile("../../deploy/observability/objects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, o := range objects(t, string(data)) {
		kinds = append(kinds, o.GetKind())
		w.dryRun(t, o)
	}
	if want := []string{"PodMonitor", "ScaledObject"}; !slices.Equal(kinds, want) {
		t.Errorf("deploy/observability/objects.yaml has %q, want %q", kinds, want)
	}
}

// network: what the bot calls is open until it is closed, and then the example of docs/security.md lets it reach all that it is told of
// in the cluster, and nothing else there.
func network(t *testing.T, run func(...string) (string, string, error)) {
	if p := policy(t, run, reaching); !slices.Equal(p.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}) || p.Egress != nil {
		t.Errorf("nobody closed anything: %v, %+v", p.PolicyTypes, p.Egress)
	}
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```yaml\nnetworkPolicy:\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("docs/security.md has no example of a closed network")
	}
	var given struct {
		Egress []networkingv1.NetworkPolicyEgressRule `json:"egress"`
	}
	if err := yaml.UnmarshalStrict([]byte(example), &given); err != nil {
		t.Fatal(err)
	}
	p := policy(t, run, reaching+"networkPolicy:\n"+example)
	if diff := cmp.Diff(given.Egress, p.Egress); diff != "" || !slices.Contains(p.PolicyTypes, networkingv1.PolicyTypeEgress) {
		t.Errorf("%v, and (-given +rendered)\n%s", p.PolicyTypes, diff)
	}
	var v struct {
		Config struct {
			Clusters []struct {
				Prometheus, Alertmanager string
				Loki                     struct{ URL string }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(reaching), &v); err != nil {
		t.Fatal(err)
	}
	c := v.Config.Clusters[0]
	for address, want := range map[string]bool{
		c.Prometheus: true, c.Alertmanager: true, c.Loki.URL: true,
		"http://loki.elsewhere:3100": false, "http://loki.monitoring:3101": false,
	} {
		if got := lets(t, p, address); got != want {
			t.Errorf("%s is reached: %t, want %t", address, got, want)
		}
	}
}

// scraped: Prometheus finds both processes by one ServiceMonitor, each under a Service of its own name, and the network lets it ask them.
func scraped(t *testing.T, run func(...string) (string, string, error)) {
	values := reaching + "serviceMonitor: {enabled: true}\nchaos: {enabled: true, namespaces: [shop]}\n"
	out, errs, err := run("template", "ap", chartDir, "-n", "autopilot", "-f", valuesFile(t, values))
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	all := objects(t, out)
	monitor := one(t, all, "ServiceMonitor", "ap")
	wanted, _, err := unstructured.NestedStringMap(monitor.Object, "spec", "selector", "matchLabels")
	if err != nil || len(wanted) == 0 {
		t.Fatalf("the ServiceMonitor selects %v, %v", wanted, err)
	}
	open := map[int32]bool{}
	for _, port := range policy(t, run, values).Ingress[0].Ports {
		open[port.Port.IntVal] = true
	}
	for _, name := range []string{"ap", "ap-chaos"} {
		var s corev1.Service
		var d appsv1.Deployment
		decode(t, one(t, all, "Service", name), &s)
		decode(t, one(t, all, "Deployment", name), &d)
		template := d.Spec.Template
		ports := template.Spec.Containers[0].Ports
		switch {
		case !labels.SelectorFromSet(wanted).Matches(labels.Set(s.Labels)):
			t.Errorf("the Service %s has the labels %v; %v are asked for", name, s.Labels, wanted)
		case !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(template.Labels)):
			t.Errorf("the Service %s is of pods with %v, and its own have %v", name, s.Spec.Selector, template.Labels)
		case s.Spec.Ports[0].Name != "http" || len(ports) != 1 || ports[0].Name != s.Spec.Ports[0].TargetPort.StrVal || !open[ports[0].ContainerPort]:
			t.Errorf("%s: the ports %+v of %+v; the network opens %v", name, s.Spec.Ports, ports, open)
		}
	}
	if p := policy(t, run, reaching).Ingress[0].Ports; len(p) != 1 || p[0].Port.IntVal != 8080 {
		t.Errorf("without experiments the network opens %+v", p)
	}
}

// policy is the NetworkPolicy of a release.
func policy(t *testing.T, run func(...string) (string, string, error), values string) networkingv1.NetworkPolicySpec {
	t.Helper()
	out, errs, err := run("template", "ap", chartDir, "-n", "autopilot", "-f", valuesFile(t, values))
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	var p networkingv1.NetworkPolicy
	decode(t, one(t, objects(t, out), "NetworkPolicy", "ap"), &p)
	return p.Spec
}

// lets says whether a policy lets its pods reach a Service of a namespace, by an address as the configuration has it.
func lets(t *testing.T, p networkingv1.NetworkPolicySpec, address string) bool {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	_, namespace, _ := strings.Cut(host, ".")
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(p.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
		to := len(r.To) == 0 || slices.ContainsFunc(r.To, func(peer networkingv1.NetworkPolicyPeer) bool {
			return peer.NamespaceSelector != nil && peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName] == namespace
		})
		return to && slices.ContainsFunc(r.Ports, func(p networkingv1.NetworkPolicyPort) bool {
			return p.Port.IntValue() == number && *p.Protocol == corev1.ProtocolTCP
		})
	})
}

// secrets: the bot has every key of the Secret, Loki's among them, and who does experiments the two that it needs.
func secrets(t *testing.T, run func(...string) (string, string, error)) {
	out, errs, err := run("template", "ap", chartDir, "-n", "autopilot", "-f", valuesFile(t, reaching+"chaos: {enabled: true, namespaces: [shop]}\n"))
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	all := objects(t, out)
	var config corev1.ConfigMap
	decode(t, one(t, all, "ConfigMap", "ap"), &config)
	var file struct {
		Clusters []struct{ Loki map[string]string }
	}
	if err := yaml.Unmarshal([]byte(config.Data["autopilot.yaml"]), &file); err != nil || len(file.Clusters) != 1 || file.Clusters[0].Loki["username"] != "reader" {
		t.Errorf("the configuration says of Loki %+v, %v", file, err)
	}
	for name, want := range map[string][]string{"ap": {"all of autopilot"}, "ap-chaos": {"AUTOPILOT_DATABASE_URL of autopilot", "AUTOPILOT_PROMETHEUS_TOKEN of autopilot"}} {
		var d appsv1.Deployment
		decode(t, one(t, all, "Deployment", name), &d)
		containers := d.Spec.Template.Spec.Containers
		if len(containers) != 1 || len(d.Spec.Template.Spec.InitContainers) != 0 {
			t.Fatalf("%s has the containers %+v", name, containers)
		}
		if got := known(containers[0]); !slices.Equal(got, want) {
			t.Errorf("%s knows %q, want %q", name, got, want)
		}
	}
}

// known is what a container knows of Secrets.
func known(c corev1.Container) (keys []string) {
	for _, from := range c.EnvFrom {
		if from.SecretRef != nil {
			keys = append(keys, "all of "+from.SecretRef.Name)
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			keys = append(keys, e.ValueFrom.SecretKeyRef.Key+" of "+e.ValueFrom.SecretKeyRef.Name)
		}
	}
	return keys
}

func one(t *testing.T, all []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	i := slices.IndexFunc(all, func(o *unstructured.Unstructured) bool { return o.GetKind() == kind && o.GetName() == name })
	if i < 0 {
		t.Fatalf("there is no %s %s", kind, name)
	}
	return all[i]
}

func decode(t *testing.T, o *unstructured.Unstructured, into any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, into, true); err != nil {
		t.Fatal(err)
	}
}
