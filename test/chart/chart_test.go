// Package chart_test holds the Helm chart: it is linted and rendered over a matrix of values, and each object is taken by a real API
// server, strictly and with the definitions of the operators that it uses, in a dry run.
package chart_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/test/cluster"
)

const (
	chartDir = "../../deploy/helm/autopilot"
	helmTool = "helm.sh/helm/v4/cmd/helm@v4.3.1"
)

// definitions are the operators' own, from their source.
var definitions = map[string][]string{
	"github.com/prometheus-operator/prometheus-operator@v0.85.0": {
		"example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
		"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
		"example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
	},
	"github.com/external-secrets/external-secrets@v1.3.2": {"config/crds/bases/external-secrets.io_externalsecrets.yaml"},
	"github.com/kedacore/keda/v2@v2.20.2":                 {"config/crd/bases/keda.sh_scaledobjects.yaml"},
}

const basic = `
config:
  clusters: [{name: prod, in_cluster: true, prometheus: "http://prometheus:9090"}]
  slack: {channels: {incidents: "#incidents"}}
  chaos: {enabled: true}
`

// matrix is what people install.
var matrix = map[string]string{
	"least": basic + "secrets: {existingSecret: autopilot}\n",
	"own ConfigMap and one replica": `
existingConfigMap: mine
secrets: {existingSecret: autopilot}
replicas: 1
`,
	"everything": basic + `
image: {digest: "sha256:` + strings.Repeat("ab", 32) + `"}
imagePullSecrets: [{name: registry}]
secrets: {externalSecret: {enabled: true, storeRef: {name: vault}, remoteKey: autopilot}}
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/autopilot"}}
rbac: {remedies: true}
chaos: {enabled: true, namespaces: [shop, payments], deletes: true, mesh: true, drain: true, serviceAccount: {annotations: {a: b}}}
service: {port: 80, annotations: {a: b}}
networkPolicy:
  ingressFrom: [{namespaceSelector: {matchLabels: {team: platform}}}]
  egress: [{ports: [{protocol: TCP, port: 443}]}]
serviceMonitor: {enabled: true, interval: 15s}
prometheusRule: {enabled: true}
podAnnotations: {a: b}
podLabels: {c: d}
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{operator: Exists}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}
priorityClassName: system-cluster-critical
extraEnv: [{name: HTTPS_PROXY, value: "http://proxy:3128"}]
files: [{path: /files/ca, configMap: authorities}, {path: /files/dev, secret: dev, in: [bot]}, {path: /files/schema, secret: schema, in: [migrate]}]
`,
	"bare": basic + `
secrets: {existingSecret: autopilot}
serviceAccount: {create: false, name: mine}
rbac: {create: false}
migration: {enabled: false}
podDisruptionBudget: {enabled: false}
networkPolicy: {enabled: false}
`,
}

// helm builds Helm once and gives what runs it.
func helm(t *testing.T) func(args ...string) (stdout, stderr string, err error) {
	t.Helper()
	dir := t.TempDir()
	install := exec.CommandContext(t.Context(), "go", "install", "-ldflags=-s -w", helmTool)
	install.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", helmTool, err, out)
	}
	return func(args ...string) (string, string, error) {
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "helm"), args...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+dir, "HELM_CONFIG_HOME="+dir, "HELM_DATA_HOME="+dir)
		err := cmd.Run()
		return stdout.String(), stderr.String(), err
	}
}

func valuesFile(t *testing.T, values string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestChart(t *testing.T) {
	run := helm(t)
	t.Run("refusals", func(t *testing.T) { refusals(t, run) })
	t.Run("document", func(t *testing.T) { documented(t, run) })
	t.Run("network", func(t *testing.T) { network(t, run) })
	t.Run("scraped", func(t *testing.T) { scraped(t, run) })
	t.Run("secrets", func(t *testing.T) { secrets(t, run) })
	t.Run("accounts", func(t *testing.T) { accounts(t, run) })
	t.Run("files", func(t *testing.T) { files(t, run) })
	c, err := cluster.Start(t.Context(), cluster.Config{Name: "chart", Mode: cluster.KWOK, KWOKNodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop(context.Background()) })
	w := newWorld(t, c)
	for name, values := range matrix {
		t.Run(name, func(t *testing.T) {
			file := valuesFile(t, values)
			if out, errs, err := run("lint", "--strict", chartDir, "-f", file); err != nil {
				t.Errorf("helm lint: %v\n%s%s", err, out, errs)
			}
			out, errs, err := run("template", "ap", chartDir, "-n", "autopilot", "-f", file)
			if err != nil {
				t.Fatalf("helm template: %v\n%s", err, errs)
			}
			for _, object := range objects(t, out) {
				w.dryRun(t, object)
				secure(t, object)
			}
		})
	}
	t.Run("observability", func(t *testing.T) { stack(t, w) })
	t.Run("rights", func(t *testing.T) { rights(t, run, w) })
	t.Run("rights of chaos", func(t *testing.T) { chaosRights(t, run, w) })
}

// world is the API server that objects are shown to.
type world struct {
	dynamic dynamic.Interface
	client  kubernetes.Interface
	config  *rest.Config
}

func newWorld(t *testing.T, c *cluster.Cluster) *world {
	t.Helper()
	w := &world{dynamic: dynamic.NewForConfigOrDie(c.RESTConfig()), client: c.Client(), config: c.RESTConfig()}
	for module, files := range definitions {
		out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module).Output()
		var at struct{ Dir, Error string }
		if jsonErr := json.Unmarshal(out, &at); err != nil || jsonErr != nil || at.Dir == "" {
			t.Fatalf("download %s: %v, %v, %s", module, err, jsonErr, at.Error)
		}
		for _, f := range files {
			data, err := os.ReadFile(filepath.Join(at.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			w.create(t, string(data))
		}
	}
	for _, namespace := range []string{"autopilot", "shop", "payments", "monitoring", "travel"} {
		w.create(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+"}\n")
	}
	return w
}

// plurals are the resources of the kinds that the chart and the operators have.
var plurals = map[string]string{"NetworkPolicy": "networkpolicies"}

func (w *world) resource(o *unstructured.Unstructured) dynamic.ResourceInterface {
	kind := o.GroupVersionKind()
	plural := plurals[kind.Kind]
	if plural == "" {
		plural = strings.ToLower(kind.Kind) + "s"
	}
	api := w.dynamic.Resource(schema.GroupVersionResource{Group: kind.Group, Version: kind.Version, Resource: plural})
	if o.GetNamespace() == "" {
		return api
	}
	return api.Namespace(o.GetNamespace())
}

// objects reads what was rendered. Everything that has a namespace says which.
func objects(t *testing.T, rendered string) (all []*unstructured.Unstructured) {
	t.Helper()
	for docs := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(rendered), 4096); ; {
		o := &unstructured.Unstructured{}
		err := docs.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
	if len(all) < 2 {
		t.Fatalf("%d objects were rendered", len(all))
	}
	return all
}

// create makes the objects of a manifest, each of which is there once its kind is served.
func (w *world) create(t *testing.T, manifest string) {
	t.Helper()
	for docs := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096); ; {
		o := &unstructured.Unstructured{}
		err := docs.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil && len(o.Object) > 0 {
			_, err = w.resource(o).Create(t.Context(), o, metav1.CreateOptions{})
		}
		if err != nil {
			t.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}

// dryRun has the API server take an object as it would, and refuse fields that it does not know. A kind that was defined a moment ago
// may not be served yet.
func (w *world) dryRun(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		_, err := w.resource(o).Create(ctx, o.DeepCopy(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
		if err == nil {
			return
		}
		if !apierrors.IsNotFound(err) || ctx.Err() != nil {
			t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// secure checks every pod that an object makes: Pod Security's strictest profile, bounds, no shell-like ways in.
func secure(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	template, found, _ := unstructured.NestedMap(o.Object, "spec", "template")
	if !found {
		return
	}
	var pod corev1.PodTemplateSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(template, &pod); err != nil {
		t.Fatal(err)
	}
	security := pod.Spec.SecurityContext
	if security == nil || !*security.RunAsNonRoot || security.SeccompProfile == nil || security.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s %s: its pod's security context is %+v", o.GetKind(), o.GetName(), security)
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		s := c.SecurityContext
		if s == nil || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Contains(s.Capabilities.Drop, "ALL") || len(s.Capabilities.Add) > 0 {
			t.Errorf("%s %s: the security context of %s is %+v", o.GetKind(), o.GetName(), c.Name, s)
		}
		if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s %s: the resources of %s are %+v", o.GetKind(), o.GetName(), c.Name, c.Resources)
		}
	}
}

// rights asks the API server what the rendered accounts may do: what the documents say, and nothing beyond.
func rights(t *testing.T, run func(...string) (string, string, error), w *world) {
	out, errs, err := run("template", "ap", chartDir, "-n", "autopilot", "-f", valuesFile(t, matrix["least"]))
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	for _, o := range objects(t, out) {
		if k := o.GetKind(); k == "ServiceAccount" || strings.HasPrefix(k, "ClusterRole") {
			if _, err := w.resource(o).Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	data, err := os.ReadFile("../../deploy/rbac/reader.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var reader rbacv1.ClusterRole
	first, _, _ := strings.Cut(string(data), "\n---")
	if err := yaml.UnmarshalStrict([]byte(first), &reader); err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, r := range reader.Rules {
		add(documented, r.APIGroups, r.Resources, r.Verbs)
	}
	own := w.mayIn(t, "system:serviceaccount:autopilot:ap", "shop", slices.Sorted(maps.Keys(documented))...)
	everybody := w.mayIn(t, "system:serviceaccount:autopilot:nobody", "shop")
	for right := range own {
		if !documented[right] && !everybody[right] {
			t.Errorf("the rendered account may %s, which is written nowhere", right)
		}
		verb, _, _ := strings.Cut(right, " ")
		if !everybody[right] && !slices.Contains([]string{"get", "list", "watch"}, verb) {
			t.Errorf("with everything off it may %s", right)
		}
	}
	for _, what := range []string{"pods/eviction", "pods/ephemeralcontainers", "pods/exec", "pods", "secrets"} {
		resource, sub, _ := strings.Cut(what, "/")
		for _, verb := range []string{"create", "patch", "delete", "get"} {
			if what == "pods" && verb == "get" {
				continue
			}
			review, err := w.client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User:               "system:serviceaccount:autopilot:ap",
				ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: "shop", Verb: verb, Resource: resource, Subresource: sub},
			}}, metav1.CreateOptions{})
			if err != nil || review.Status.Allowed {
				t.Errorf("with chaos off it may %s %s: %+v, %v", verb, what, review, err)
			}
		}
	}
}

// chaosRights: who does experiments may in the namespaces that were named what each mechanism needs, and elsewhere no more than look.
func chaosRights(t *testing.T, run func(...string) (string, string, error), w *world) {
	out, errs, err := run("template", "mad", chartDir, "-n", "autopilot", "-f", valuesFile(t, basic+"secrets: {existingSecret: a}\nchaos: {enabled: true, namespaces: [shop]}\n"))
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	for _, o := range objects(t, out) {
		if k := o.GetKind(); k == "ServiceAccount" || strings.Contains(k, "Role") {
			if _, err := w.resource(o).Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, rest, _ := strings.Cut(out, "name: mad-chaos\n"); !strings.Contains(rest, "AUTOPILOT_DATABASE_URL") {
		t.Error("who does experiments has no database")
	}
	if n := strings.Count(out, "secretRef:"); n != 1 {
		t.Errorf("%d containers get the whole Secret, want the bot's alone", n)
	}
	hurts := []string{"create /pods/eviction", "patch /pods/ephemeralcontainers", "create /pods/exec", "create /pods/attach"}
	w.mayIn(t, "system:serviceaccount:autopilot:mad-chaos", "shop", hurts...)
	for account, in := range map[string]map[string]bool{"mad-chaos": {"shop": true, "payments": false, "kube-system": false}, "mad": {"shop": false}} {
		for namespace, want := range in {
			may := w.mayIn(t, "system:serviceaccount:autopilot:"+account, namespace)
			for _, right := range hurts {
				if may[right] != want {
					t.Errorf("%s in %s: %s is %t, want %t", account, namespace, right, may[right], want)
				}
			}
			for _, never := range []string{"delete /pods", "patch /nodes", "create chaos-mesh.org/networkchaos", "get /secrets", "list /secrets"} {
				if may[never] {
					t.Errorf("%s in %s may %s, which nobody switched on", account, namespace, never)
				}
			}
		}
	}
}

// mayIn lists what an account may do in a namespace, as "verb group/resource". It waits for what the account must have:
// the API server's authorizer learns of a new rule only a moment after it was made.
func (w *world) mayIn(t *testing.T, account, namespace string, must ...string) map[string]bool {
	t.Helper()
	config := rest.CopyConfig(w.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: account, Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	client := kubernetes.NewForConfigOrDie(config)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		review, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(),
			&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}, metav1.CreateOptions{})
		if err != nil || review.Status.Incomplete {
			t.Fatalf("what %s may: %+v, %v", account, review, err)
		}
		all := map[string]bool{}
		for _, r := range review.Status.ResourceRules {
			add(all, r.APIGroups, r.Resources, r.Verbs)
		}
		missing := slices.DeleteFunc(slices.Clone(must), func(right string) bool { return all[right] })
		if len(missing) == 0 {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s in %s may not %s", account, namespace, strings.Join(missing, ", "))
		}
	}
}

func add(to map[string]bool, groups, resources, verbs []string) {
	for _, g := range groups {
		for _, r := range resources {
			for _, v := range verbs {
				to[v+" "+g+"/"+r] = true
			}
		}
	}
}

// refusals are values that people get wrong.
func refusals(t *testing.T, run func(...string) (string, string, error)) {
	for name, c := range map[string]struct{ values, want string }{
		"no Secret":                 {basic, "secrets.existingSecret names the Secret with AUTOPILOT_DATABASE_URL"},
		"no configuration":          {"secrets: {existingSecret: a}\n", "config is the configuration file, or existingConfigMap names"},
		"a key that is none":        {basic + "secrets: {existingSecret: a}\nreplica: 2\n", "replica"},
		"a word for a number":       {basic + "secrets: {existingSecret: a}\nreplicas: two\n", "replicas"},
		"chaos nowhere":             {basic + "secrets: {existingSecret: a}\nchaos: {enabled: true}\n", "namespaces"},
		"chaos half on":             {"secrets: {existingSecret: a}\nconfig: {read_only: true}\nchaos: {enabled: true, namespaces: [shop]}\n", "config.chaos.enabled: true"},
		"chaos on the cluster":      {basic + "secrets: {existingSecret: a}\nchaos: {enabled: true, namespaces: [kube-system]}\n", "namespaces"},
		"files of nothing":          {basic + "secrets: {existingSecret: a}\nfiles: [{path: /files/a}]\n", "files"},
		"files in a wrong place":    {basic + "secrets: {existingSecret: a}\nfiles: [{path: /etc/autopilot/a, secret: a}]\n", "files"},
		"files of a part unknown":   {basic + "secrets: {existingSecret: a}\nfiles: [{path: /files/a, secret: a, in: [agent]}]\n", "files"},
		"half a digest":             {basic + "secrets: {existingSecret: a}\nimage: {digest: sha256:abc}\n", "digest"},
		"a store without a name":    {basic + "secrets: {externalSecret: {enabled: true, remoteKey: a}}\n", "secrets.externalSecret.storeRef.name is the SecretStore"},
		"a secret without an entry": {basic + "secrets: {externalSecret: {enabled: true, storeRef: {name: a}}}\n", "secrets.externalSecret.remoteKey is the entry"},
	} {
		_, errs, err := run("template", "ap", chartDir, "-f", valuesFile(t, c.values))
		if err == nil || !strings.Contains(errs, c.want) {
			t.Errorf("%s: %v, %s; want it to say %q", name, err, errs, c.want)
		}
	}
}
