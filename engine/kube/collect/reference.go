package collect

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

const (
	maxServices   = 5
	maxReferences = 20
)

// references shows whether the objects exist that the pods refer to: ConfigMaps and their keys, claims, the service account,
// and the services that the environment or the log names. Secrets are not read; what is missing of them the kubelet tells.
func references(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	spec := s.spec()
	if spec == nil {
		return nil, first(s.podsErr, s.objectErr)
	}
	var out []engine.Evidence
	var problem error
	for _, look := range []func(context.Context, *corev1.PodSpec) ([]engine.Evidence, error){s.configRefs, s.claimRefs, s.accountRef, s.serviceRefs} {
		found, err := look(ctx, spec)
		out = append(out, found...)
		problem = first(problem, err)
	}
	out = append(out, s.secretRefs()...)
	return out[:min(len(out), maxReferences)], problem
}

func (s *subject) reference(kind, name, key string, exists bool, detail, usedBy string) engine.Evidence {
	text := kind + " " + name
	if key != "" {
		text = fmt.Sprintf("key %s of %s %s", key, kind, name)
	}
	if exists {
		text += " exists"
	} else {
		text += " does not exist"
	}
	return engine.Evidence{
		ID: "reference/" + kind + "/" + joined("/", name, key), Kind: engine.EvidenceReference,
		Object: engine.ObjectRef{Kind: kind, Namespace: s.incident.Workload.Namespace, Name: name}, Text: joined(": ", text, detail),
		Fields: map[string]string{"kind": kind, "name": name, "key": key, "exists": yes(exists), "detail": detail, "used_by": usedBy},
	}
}

// use is one place where a pod asks for a ConfigMap; a key of "" is all of it.
type use struct {
	name, key, by string
}

func configUses(spec *corev1.PodSpec) []use {
	var out []use
	optional := func(o *bool) bool { return o != nil && *o }
	for _, c := range containers(spec) {
		for _, e := range c.EnvFrom {
			if r := e.ConfigMapRef; r != nil && !optional(r.Optional) {
				out = append(out, use{name: r.Name, by: "envFrom of container " + c.Name})
			}
		}
		for _, e := range c.Env {
			if e.ValueFrom == nil || e.ValueFrom.ConfigMapKeyRef == nil || optional(e.ValueFrom.ConfigMapKeyRef.Optional) {
				continue
			}
			r := e.ValueFrom.ConfigMapKeyRef
			out = append(out, use{r.Name, r.Key, fmt.Sprintf("env %s of container %s", e.Name, c.Name)})
		}
	}
	for _, v := range spec.Volumes {
		if v.ConfigMap == nil || optional(v.ConfigMap.Optional) {
			continue
		}
		out = append(out, use{name: v.ConfigMap.Name, by: "volume " + v.Name})
		for _, item := range v.ConfigMap.Items {
			out = append(out, use{v.ConfigMap.Name, item.Key, "volume " + v.Name})
		}
	}
	return out
}

// configMaps names the ConfigMaps that a pod needs.
func configMaps(spec *corev1.PodSpec) []string {
	if spec == nil {
		return nil
	}
	var names []string
	for _, u := range configUses(spec) {
		names = append(names, u.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// keys is a ConfigMap without its values.
type keys struct {
	metav1.ObjectMeta
	names map[string]bool
}

// Edited says when an object was written last, and by whom.
func Edited(o metav1.Object) (at time.Time, by string) {
	for _, m := range o.GetManagedFields() {
		if m.Time != nil && m.Time.After(at) {
			at, by = m.Time.Time, m.Manager
		}
	}
	return at, by
}

// configMap reads which keys a ConfigMap has; nil when there is none of that name. The values are dropped here.
func (s *subject) configMap(ctx context.Context, name string) (*keys, error) {
	m, err := s.Client.CoreV1().ConfigMaps(s.incident.Workload.Namespace).Get(ctx, name, metav1.GetOptions{})
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, failed(err, "read ConfigMap "+name)
	}
	k := &keys{ObjectMeta: m.ObjectMeta, names: map[string]bool{}}
	for key := range m.Data {
		k.names[key] = true
	}
	for key := range m.BinaryData {
		k.names[key] = true
	}
	return k, nil
}

func (s *subject) configRefs(ctx context.Context, spec *corev1.PodSpec) ([]engine.Evidence, error) {
	var out []engine.Evidence
	uses := configUses(spec)
	for _, name := range configMaps(spec) {
		m, err := s.configMap(ctx, name)
		if err != nil {
			return out, err
		}
		var by []string
		for _, u := range uses {
			if u.name != name {
				continue
			}
			by = append(by, u.by)
			if m != nil && u.key != "" && !m.names[u.key] {
				out = append(out, s.reference("ConfigMap", name, u.key, false, "", u.by))
			}
		}
		out = append(out, s.reference("ConfigMap", name, "", m != nil, "", strings.Join(by, ", ")))
	}
	return out, nil
}

func (s *subject) claimRefs(ctx context.Context, spec *corev1.PodSpec) ([]engine.Evidence, error) {
	var out []engine.Evidence
	for _, v := range spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		name, detail := v.PersistentVolumeClaim.ClaimName, ""
		claim, err := s.Client.CoreV1().PersistentVolumeClaims(s.incident.Workload.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil && !gone(err) {
			return out, failed(err, "read claim "+name)
		}
		if err == nil {
			detail = "it is " + string(claim.Status.Phase)
		}
		out = append(out, s.reference("PersistentVolumeClaim", name, "", err == nil, detail, "volume "+v.Name))
	}
	return out, nil
}

func (s *subject) accountRef(ctx context.Context, spec *corev1.PodSpec) ([]engine.Evidence, error) {
	name := spec.ServiceAccountName
	if name == "" || name == "default" {
		return nil, nil
	}
	_, err := s.Client.CoreV1().ServiceAccounts(s.incident.Workload.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil && !gone(err) {
		return nil, failed(err, "read service account "+name)
	}
	return []engine.Evidence{s.reference("ServiceAccount", name, "", err == nil, "", "serviceAccountName")}, nil
}

var missingSecret = regexp.MustCompile(`secret "([^"]+)" not found|(?:couldn't find key|references non-existent secret key:?) (\S+) in Secret [^/\s]+/(\S+)`)

// secretRefs reads from the kubelet's messages which Secret or key of one is missing.
func (s *subject) secretRefs() []engine.Evidence {
	var out []engine.Evidence
	seen := map[string]bool{}
	for _, p := range s.focus() {
		for _, n := range statuses(p) {
			w := n.status.State.Waiting
			if w == nil {
				continue
			}
			m := missingSecret.FindStringSubmatch(w.Message)
			if m == nil || seen[m[0]] {
				continue
			}
			seen[m[0]] = true
			name, key := m[1], ""
			if name == "" {
				name, key = m[3], m[2]
			}
			out = append(out, s.reference("Secret", name, key, false, "the kubelet says: "+w.Message, "container "+n.status.Name))
		}
	}
	return out
}

// host is a service that a pod means to reach, and where that was read.
type host struct {
	name, namespace, by string
}

func (s *subject) serviceRefs(ctx context.Context, spec *corev1.PodSpec) ([]engine.Evidence, error) {
	var out []engine.Evidence
	hosts := s.environmentHosts(spec)
	said, err := s.logHosts(ctx)
	for _, h := range append(said, hosts...) {
		if len(out) == maxServices {
			break
		}
		e, ok, lookErr := s.service(ctx, h)
		if lookErr != nil {
			return out, lookErr
		}
		if ok && !slices.ContainsFunc(out, func(have engine.Evidence) bool { return have.ID == e.ID }) {
			out = append(out, e)
		}
	}
	return out, err
}

func (s *subject) service(ctx context.Context, h host) (engine.Evidence, bool, error) {
	_, err := s.Client.CoreV1().Services(h.namespace).Get(ctx, h.name, metav1.GetOptions{})
	if gone(err) {
		e := s.reference("Service", h.name, "", false, "in namespace "+h.namespace, h.by)
		e.Object.Namespace = h.namespace
		return e, true, nil
	}
	if err != nil {
		return engine.Evidence{}, false, failed(err, "read service "+h.name)
	}
	slicesOf, err := s.Client.DiscoveryV1().EndpointSlices(h.namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + h.name})
	if err != nil {
		return engine.Evidence{}, false, failed(err, "list endpoints of service "+h.name)
	}
	ready, all, selects := 0, 0, ""
	for _, slice := range slicesOf.Items {
		for _, endpoint := range slice.Endpoints {
			all++
			if ref := endpoint.TargetRef; selects == "" && ref != nil && ref.Kind == "Pod" {
				if w, ok := detect.Guess("Pod", h.namespace, ref.Name, nil); ok {
					selects = w.Kind + "/" + w.Name
				}
			}
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				ready++
			}
		}
	}
	e := s.reference("Service", h.name, "", true, fmt.Sprintf("%d of %d endpoints ready", ready, all), h.by)
	if selects != "" {
		e.Fields["selects"] = selects
	}
	e.Object.Namespace = h.namespace
	return e, true, nil
}

// address matches host:port where the port is a number, such as "db:5432" or "db.payments.svc.cluster.local:5432".
var address = regexp.MustCompile(`\b([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?):([0-9]{2,5})\b`)

// hostVariable matches the names of variables whose whole value is a host.
var hostVariable = regexp.MustCompile(`(?:^|_)(?:HOST|HOSTNAME|ADDR|ADDRESS|SERVER|ENDPOINT)$`)

func (s *subject) environmentHosts(spec *corev1.PodSpec) []host {
	var out []host
	for _, c := range containers(spec) {
		for _, e := range c.Env {
			by := fmt.Sprintf("env %s of container %s", e.Name, c.Name)
			names := hostsIn(e.Value)
			if len(names) == 0 && hostVariable.MatchString(e.Name) {
				names = []string{e.Value}
			}
			for _, name := range names {
				out = s.addHost(out, name, by)
			}
		}
	}
	return out
}

// logHosts finds hosts in the last lines of the log that tells most: "cannot connect to db:5432".
func (s *subject) logHosts(ctx context.Context) ([]host, error) {
	targets := s.logTargets()
	if len(targets) == 0 {
		return nil, nil
	}
	lines, _, err := targets[0].read(ctx, s.Client, hostLines)
	if err != nil {
		return nil, nil // the collector of logs tells that they cannot be read
	}
	var out []host
	for _, l := range lines {
		for _, name := range hostsIn(l.Text) {
			out = s.addHost(out, name, "log of container "+targets[0].container)
		}
	}
	return out, nil
}

func hostsIn(text string) []string {
	var out []string
	for _, m := range address.FindAllStringSubmatch(text, -1) {
		if net.ParseIP(m[1]) == nil {
			out = append(out, m[1])
		}
	}
	return out
}

var label = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

// addHost adds a name that can be a service's: "db", or "db.payments.svc" with whatever domain follows. Other names with dots
// are outside the cluster, and a bare one must stand in a place that says it is a host.
func (s *subject) addHost(to []host, name, by string) []host {
	parts := strings.Split(name, ".")
	h := host{name: parts[0], namespace: s.incident.Workload.Namespace, by: by}
	switch {
	case len(parts) == 1:
	case len(parts) >= 3 && parts[2] == "svc":
		h.namespace = parts[1]
	default:
		return to
	}
	if h.name == "localhost" || !label.MatchString(h.name) || !label.MatchString(h.namespace) {
		return to
	}
	if slices.ContainsFunc(to, func(have host) bool { return have.name == h.name && have.namespace == h.namespace }) {
		return to
	}
	return append(to, h)
}
