package collect

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
)

// edit is one difference of two templates. Either side is "" when there is nothing there.
type edit struct {
	what      string // image, env, envFrom, resources, probe, command, args, container, volume, mount, config, restart, account, placement, template; of what makes no revision: replicas
	container string
	from, to  string
}

// String says the edit in words: "image api:1.4.1 → api:1.4.2 (container api)".
func (e edit) String() string {
	text := e.what
	switch {
	case e.from == "" && e.to != "":
		text += " added: " + e.to
	case e.to == "" && e.from != "":
		text += " removed: " + e.from
	case e.from != "":
		text += " " + e.from + " → " + e.to
	}
	if e.container != "" {
		text += " (container " + e.container + ")"
	}
	return text
}

// diff lists what a template changed, in a fixed order: what breaks workloads most often comes first.
func diff(from, to *corev1.PodTemplateSpec) []edit {
	var out []edit
	was, is := byName(from.Spec), byName(to.Spec)
	for _, name := range union(was, is) {
		a, had := was[name]
		b, has := is[name]
		switch {
		case !had:
			out = append(out, edit{what: "container", container: name, to: b.Image})
		case !has:
			out = append(out, edit{what: "container", container: name, from: a.Image})
		default:
			out = append(out, diffContainer(a, b)...)
		}
	}
	out = append(out, compare("volume", "", volumes(from.Spec), volumes(to.Spec))...)
	out = append(out, single("account", "", from.Spec.ServiceAccountName, to.Spec.ServiceAccountName)...)
	out = append(out, compare("placement", "", placement(from.Spec), placement(to.Spec))...)
	out = append(out, diffAnnotations(from.Annotations, to.Annotations)...)
	if len(out) == 0 && !apiequality.Semantic.DeepEqual(from.Spec, to.Spec) {
		out = append(out, edit{what: "template", from: "the revision before", to: "a change of another field"})
	}
	return out
}

func diffContainer(a, b corev1.Container) []edit {
	name := b.Name
	out := single("image", name, a.Image, b.Image)
	out = append(out, single("command", name, strings.Join(a.Command, " "), strings.Join(b.Command, " "))...)
	out = append(out, single("args", name, strings.Join(a.Args, " "), strings.Join(b.Args, " "))...)
	out = append(out, compare("env", name, environment(a), environment(b))...)
	out = append(out, compare("envFrom", name, envFrom(a), envFrom(b))...)
	out = append(out, compare("resources", name, amounts(a.Resources), amounts(b.Resources))...)
	out = append(out, compare("probe", name, probesOf(a), probesOf(b))...)
	return append(out, compare("mount", name, mounts(a), mounts(b))...)
}

// diffAnnotations sees the annotations by which tools make a new revision of the same template.
func diffAnnotations(a, b map[string]string) []edit {
	var out []edit
	for _, key := range union(a, b) {
		switch {
		case a[key] == b[key]:
		case key == "kubectl.kubernetes.io/restartedAt":
			out = append(out, edit{what: "restart"})
		case strings.HasPrefix(key, "checksum/") || strings.Contains(key, "config-hash"):
			out = append(out, compare("config", "", pick(a, key), pick(b, key))...)
		}
	}
	return out
}

// pick gives one pair of a map, its value shortened as checksums are: nobody compares more than the first digits.
func pick(m map[string]string, key string) map[string]string {
	v, ok := m[key]
	if !ok {
		return nil
	}
	return map[string]string{key: cut(v, 16)}
}

func single(what, container, from, to string) []edit {
	if from == to {
		return nil
	}
	return []edit{{what: what, container: container, from: from, to: to}}
}

// compare lists the keys whose values differ. Both sides name the key: "DB_HOST=db" → "DB_HOST=database".
func compare(what, container string, a, b map[string]string) []edit {
	var out []edit
	for _, key := range union(a, b) {
		before, had := a[key]
		after, has := b[key]
		if had == has && before == after {
			continue
		}
		e := edit{what: what, container: container}
		if had {
			e.from = key + "=" + before
		}
		if has {
			e.to = key + "=" + after
		}
		out = append(out, e)
	}
	return out
}

func union[V any](a, b map[string]V) []string {
	keys := slices.Collect(maps.Keys(a))
	for key := range b {
		if _, ok := a[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func byName(spec corev1.PodSpec) map[string]corev1.Container {
	out := map[string]corev1.Container{}
	for _, c := range containers(&spec) {
		out[c.Name] = c
	}
	return out
}

func environment(c corev1.Container) map[string]string {
	out := map[string]string{}
	for _, e := range c.Env {
		out[e.Name] = e.Value
		from := e.ValueFrom
		switch {
		case from == nil:
		case from.SecretKeyRef != nil:
			out[e.Name] = fmt.Sprintf("(Secret %s, key %s)", from.SecretKeyRef.Name, from.SecretKeyRef.Key)
		case from.ConfigMapKeyRef != nil:
			out[e.Name] = fmt.Sprintf("(ConfigMap %s, key %s)", from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Key)
		case from.FieldRef != nil:
			out[e.Name] = "(field " + from.FieldRef.FieldPath + ")"
		case from.ResourceFieldRef != nil:
			out[e.Name] = "(resource " + from.ResourceFieldRef.Resource + ")"
		}
	}
	return out
}

func envFrom(c corev1.Container) map[string]string {
	out := map[string]string{}
	for _, e := range c.EnvFrom {
		switch {
		case e.ConfigMapRef != nil:
			out["ConfigMap "+e.ConfigMapRef.Name] = "all"
		case e.SecretRef != nil:
			out["Secret "+e.SecretRef.Name] = "all"
		}
	}
	return out
}

func amounts(r corev1.ResourceRequirements) map[string]string {
	out := map[string]string{}
	for name, q := range r.Limits {
		out["limits."+string(name)] = q.String()
	}
	for name, q := range r.Requests {
		out["requests."+string(name)] = q.String()
	}
	return out
}

func probesOf(c corev1.Container) map[string]string {
	out := map[string]string{}
	for name, p := range map[string]*corev1.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		if p != nil {
			out[name] = probeWords(p)
		}
	}
	return out
}

func mounts(c corev1.Container) map[string]string {
	out := map[string]string{}
	for _, m := range c.VolumeMounts {
		out[m.MountPath] = joined("/", m.Name, m.SubPath)
	}
	return out
}

func volumes(spec corev1.PodSpec) map[string]string {
	out := map[string]string{}
	for _, v := range spec.Volumes {
		switch {
		case v.ConfigMap != nil:
			out[v.Name] = "ConfigMap " + v.ConfigMap.Name
		case v.Secret != nil:
			out[v.Name] = "Secret " + v.Secret.SecretName
		case v.PersistentVolumeClaim != nil:
			out[v.Name] = "claim " + v.PersistentVolumeClaim.ClaimName
		case v.HostPath != nil:
			out[v.Name] = "host path " + v.HostPath.Path
		case v.EmptyDir != nil:
			out[v.Name] = "empty directory"
		default:
			out[v.Name] = "another kind"
		}
	}
	return out
}

func placement(spec corev1.PodSpec) map[string]string {
	out := maps.Clone(spec.NodeSelector)
	if out == nil {
		out = map[string]string{}
	}
	if spec.PriorityClassName != "" {
		out["priorityClassName"] = spec.PriorityClassName
	}
	if spec.Affinity != nil {
		out["affinity"] = cut(spec.Affinity.String(), 200)
	}
	for _, t := range spec.Tolerations {
		out["toleration "+t.Key] = joined(" ", string(t.Operator), t.Value, string(t.Effect))
	}
	return out
}

// Differences says in words what one template has that is not as in another: "image api:1.4.2 → api:1.4.1 (container api)".
func Differences(from, to *corev1.PodTemplateSpec) []string {
	var lines []string
	for _, e := range diff(from, to) {
		lines = append(lines, e.String())
	}
	return lines
}

// Setting says what a template has where an edit of its kind names it: "env LEVEL" of a container is "LEVEL=debug". It is written, and
// redacted, as in the evidence of a change; "" where the template has nothing there.
func Setting(t *corev1.PodTemplateSpec, container, field string) string {
	what, key, _ := strings.Cut(field, " ")
	c, ok := byName(t.Spec)[container]
	if !ok && container != "" {
		return ""
	}
	var all map[string]string
	value := ""
	switch what {
	case "image", "container":
		value = c.Image
	case "command":
		value = strings.Join(c.Command, " ")
	case "args":
		value = strings.Join(c.Args, " ")
	case "env":
		all = environment(c)
	case "envFrom":
		all = envFrom(c)
	case "resources":
		all = amounts(c.Resources)
	case "probe":
		all = probesOf(c)
	case "mount":
		all = mounts(c)
	case "volume":
		all = volumes(t.Spec)
	case "account":
		value = t.Spec.ServiceAccountName
	case "placement":
		all = placement(t.Spec)
	case "config":
		all = pick(t.Annotations, key)
	}
	if in, ok := all[key]; ok {
		value = key + "=" + in
	}
	return clean(value, maxField)
}
