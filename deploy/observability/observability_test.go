package observability

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func load(t *testing.T, file string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}

func at(t *testing.T, v map[string]any, keys ...string) any {
	t.Helper()
	var now any = v
	for _, k := range keys {
		m, ok := now.(map[string]any)
		if !ok || m[k] == nil {
			t.Fatalf("%s is not there", strings.Join(keys, "."))
		}
		now = m[k]
	}
	return now
}

// TestAlertmanagerIsTheShipped holds the chart's configuration of Alertmanager to the one that is tested with amtool, but for where the
// token is mounted.
func TestAlertmanagerIsTheShipped(t *testing.T) {
	shipped, err := os.ReadFile("../alerts/alertmanager.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := yaml.Unmarshal(bytes.ReplaceAll(shipped, []byte("secrets/autopilot/"), []byte("secrets/autopilot-webhook/")), &want); err != nil {
		t.Fatal(err)
	}
	values := load(t, "prometheus.yaml")
	if diff := cmp.Diff(any(want), at(t, values, "alertmanager", "config")); diff != "" {
		t.Errorf("deploy/alerts/alertmanager.yaml and the chart's values differ (-shipped +values):\n%s", diff)
	}
	if got := at(t, values, "alertmanager", "alertmanagerSpec", "alertmanagerConfigMatcherStrategy", "type"); got != "None" {
		t.Errorf("alerts without a namespace are routed nowhere with %v", got)
	}
	for _, kind := range []string{"rule", "serviceMonitor", "podMonitor", "probe", "scrapeConfig"} {
		if at(t, values, "prometheus", "prometheusSpec", kind+"SelectorNilUsesHelmValues") != false {
			t.Errorf("only %ss of the chart's own release would be seen", kind)
		}
	}
}

func TestValues(t *testing.T) {
	if at(t, load(t, "loki.yaml"), "loki", "auth_enabled") != false {
		t.Error("Loki wants a tenant that fluent-bit does not name")
	}
	outputs, _ := at(t, load(t, "fluent-bit.yaml"), "config", "outputs").(string)
	if !strings.Contains(outputs, "loki") || strings.Contains(outputs, "es\n") {
		t.Errorf("fluent-bit writes to:\n%s", outputs)
	}
	for _, of := range []string{"kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy"} {
		if at(t, load(t, "prometheus.yaml"), of, "enabled") != false {
			t.Errorf("EKS lets nobody scrape %s", of)
		}
	}
	if strings.Contains(string(read(t, "grafana.yaml")), "adminPassword") {
		t.Error("Grafana's password is among the values")
	}
}

// TestAutoscaler holds what KEDA takes without a word: a fallback beyond the bounds, a query about another service, and a missing rate that
// counts as none.
func TestAutoscaler(t *testing.T) {
	var o struct {
		Metadata struct{ Namespace string }
		Spec     struct {
			Target struct{ Name string } `json:"scaleTargetRef"`
			Least  int                   `json:"minReplicaCount"`
			Most   int                   `json:"maxReplicaCount"`
			Fall   struct {
				After    int `json:"failureThreshold"`
				Replicas int
			} `json:"fallback"`
			Triggers []struct {
				Type     string
				Metadata map[string]string
			}
		}
	}
	_, scaled, found := strings.Cut(string(read(t, "objects.yaml")), "\n---\n")
	if err := yaml.Unmarshal([]byte(scaled), &o); err != nil || !found {
		t.Fatal(err)
	}
	s := o.Spec
	if s.Least < 2 || s.Most > 10 || s.Fall.After < 1 || s.Fall.Replicas < s.Least || s.Fall.Replicas > s.Most || len(s.Triggers) != 1 {
		t.Fatalf("%+v", s)
	}
	m := s.Triggers[0].Metadata
	if of := `{namespace="` + o.Metadata.Namespace + `",service="` + s.Target.Name + `"}`; !strings.Contains(m["query"], of) || m["ignoreNullValues"] != "false" {
		t.Errorf("%s is scaled by %v", s.Target.Name, m)
	}
	declared := "../industries/base/" + o.Metadata.Namespace + "/all.yaml"
	if !strings.Contains(string(read(t, declared)), "kind: Deployment\nmetadata:\n  annotations:") || !strings.Contains(string(read(t, declared)), "  name: "+s.Target.Name+"\n") {
		t.Errorf("%s has no Deployment %s", declared, s.Target.Name)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// recorder stands for kubectl and helm: it writes down what it is asked, and answers from a folder of facts.
const recorder = `#!/bin/bash
name=$(basename "$0")
input=""
case "$*" in *stdin*|*"-f -"*) input=" <<<$(cat | head -c 90 | tr '\n' '|')" ;; esac
echo "$name $*$input" >> "$FACTS/log"
case "$name $*" in
  "kubectl version"*) [ ! -e "$FACTS/down" ] ;;
  "kubectl get storageclass"*) [ -e "$FACTS/no-storage" ] || echo true ;;
  *"get secret grafana-admin -o jsonpath"*) base64 <"$FACTS/grafana-admin" ;;
  *"get secret grafana-admin"*) [ -e "$FACTS/grafana-admin" ] ;;
  *"create secret generic grafana-admin"*) printf %s "${input#* <<<}" >"$FACTS/grafana-admin" ;;
  *"get secret autopilot-webhook"*) [ -e "$FACTS/autopilot-webhook" ] ;;
  *"create secret generic autopilot-webhook"*) touch "$FACTS/autopilot-webhook" ;;
  "helm upgrade --install loki"*) [ ! -e "$FACTS/loki-fails" ] ;;
  *"get pods"*) [ -e "$FACTS/crashing" ] && echo "grafana-1 0/1 CrashLoopBackOff 3 1m"; echo "loki-0 1/1 Running 0 1m" ;;
  *"proxy/api/v1/query?query=count(up)") echo '{"data":{"result":[{"value":[1,"7"]}]}}' ;;
  *"proxy/api/v1/query?query=count(up%3D"*) echo '{"data":{"result":[{"value":[1,"0"]}]}}' ;;
  *"proxy/api/v1/rules?type=alert") [ -e "$FACTS/strangers" ] || echo '{"rules":[{"name":"AutopilotNodeNotReady"},{"name":"AutopilotBotDown"}]}'
    echo '{"rules":[{"name":"Watchdog"}]}' ;;
  *"get deployment autopilot") [ ! -e "$FACTS/no-bot" ] ;;
  *"exec deployment/autopilot"*"/autopilot export incidents"*)
    run=$(grep -o '"run":"[^"]*"' "$FACTS/log")
    echo '{"id":6,"slack":{"channel":"C1","ts":"1.1"},"signals":[{"labels":{"alertname":"AutopilotTest","run":"of another day"}}]}'
    [ -e "$FACTS/unposted" ] && posted='' || posted='"slack":{"channel":"C1","ts":"1.2"},'
    [ -e "$FACTS/unrouted" ] || echo "{\"id\":7,$posted\"signals\":[{\"labels\":{\"alertname\":\"AutopilotTest\",$run}}]}" ;;
esac
`

// play runs the script with programs that record, and gives what it printed and what it asked of them.
func play(t *testing.T, facts string, env []string, args ...string) (printed string, asked []string, err error) {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"kubectl", "helm"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(recorder), 0o700); err != nil { //nolint:gosec // It is run.
			t.Fatal(err)
		}
	}
	log := filepath.Join(facts, "log")
	if err := os.RemoveAll(log); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "./observability", args...)
	cmd.Env = append([]string{"PATH=" + bin + ":/usr/bin:/bin", "FACTS=" + facts, "PAUSE=0", "TRIES=3", "HOME=" + facts}, env...)
	out, err := cmd.CombinedOutput()
	data, readErr := os.ReadFile(log)
	if readErr != nil && !os.IsNotExist(readErr) {
		t.Fatal(readErr)
	}
	return string(out), strings.Split(string(data), "\n"), err
}

func fact(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range names {
		name, content, _ := strings.Cut(n, "=")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const goodPassword = "correct horse battery"

func TestInstall(t *testing.T) {
	facts := fact(t)
	const hook = "https://hooks.slack.example/T0/B0/x"
	secrets := []string{"GRAFANA_ADMIN_PASSWORD=" + goodPassword, "WEBHOOK_TOKEN=hook-token", "ALERT_SLACK_URL=" + hook}
	printed, asked, err := play(t, facts, secrets, "up")
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	all := strings.Join(asked, "\n")
	for _, want := range []string{
		"helm upgrade --install prometheus kube-prometheus-stack --repo https://prometheus-community.github.io/helm-charts --version 88.5.3 --namespace monitoring --values prometheus.yaml --wait",
		"helm upgrade --install loki loki --repo https://grafana-community.github.io/helm-charts --version 18.11.0",
		"helm upgrade --install fluent-bit fluent-bit --repo https://fluent.github.io/helm-charts --version 0.58.1",
		"helm upgrade --install grafana grafana --repo https://grafana-community.github.io/helm-charts --version",
		"helm upgrade --install keda keda --repo https://kedacore.github.io/charts --version 2.20.2",
		"apply --server-side --force-conflicts -f - <<<apiVersion: monitoring.coreos.com/v1|kind: PrometheusRule",
		"apply --server-side --force-conflicts -k ../dashboards",
		"kind: PrometheusRule|metadata: {name: autopilot-bot,", "--from-file=slack-url=/dev/fd/",
		"--from-file=admin-password=/dev/stdin <<<" + goodPassword, "--from-file=token=/dev/stdin <<<hook-token",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("it never asked for %q", want)
		}
	}
	for _, line := range asked {
		command, _, _ := strings.Cut(line, " <<<")
		if strings.Contains(command, goodPassword) || strings.Contains(command, "hook-token") || strings.Contains(command, hook) {
			t.Errorf("a secret stands in the list of processes: %s", command)
		}
	}
	if strings.Contains(printed, goodPassword) {
		t.Error("the password was printed")
	}

	// Again, and without the secrets, which are there.
	printed, asked, err = play(t, facts, nil, "up")
	if err != nil || strings.Contains(strings.Join(asked, "\n"), "create secret") {
		t.Errorf("the second time: %v\n%s", err, printed)
	}

	printed, _, err = play(t, facts, nil, "verify")
	if err != nil || !strings.Contains(printed, "its incident is in Slack") {
		t.Errorf("verify: %v\n%s", err, printed)
	}

	printed, asked, err = play(t, fact(t, "no-bot"), nil, "verify")
	if err != nil || !strings.Contains(printed, "when it is, make observability-verify tries") || strings.Contains(strings.Join(asked, "\n"), "api/v2/alerts") {
		t.Errorf("verify before the bot is there: %v\n%s", err, printed)
	}

	printed, asked, err = play(t, facts, nil, "down")
	all = strings.Join(asked, "\n")
	if err != nil || !strings.Contains(all, "helm -n monitoring uninstall prometheus") || strings.Contains(all, "delete pvc") || strings.Contains(all, "delete namespace") {
		t.Errorf("down without a word about the data: %v\n%s\n%s", err, printed, all)
	}
	printed, asked, err = play(t, facts, []string{"DELETE_DATA=yes"}, "down")
	if all = strings.Join(asked, "\n"); err != nil || !strings.Contains(all, "delete pvc --all") || !strings.Contains(all, "delete namespace monitoring") {
		t.Errorf("down with the data: %v\n%s\n%s", err, printed, all)
	}
}

func TestRefusals(t *testing.T) {
	hook := "WEBHOOK_TOKEN=x"
	for name, c := range map[string]struct {
		facts []string
		env   []string
		args  []string
		want  string
	}{
		"no password":        {nil, []string{hook}, []string{"up"}, "GRAFANA_ADMIN_PASSWORD is not set"},
		"the chart's own":    {nil, []string{hook, "GRAFANA_ADMIN_PASSWORD=prom-operator"}, []string{"up"}, "a default that everybody knows"},
		"admin":              {nil, []string{hook, "GRAFANA_ADMIN_PASSWORD=admin"}, []string{"up"}, "a default that everybody knows"},
		"in capitals":        {nil, []string{hook, "GRAFANA_ADMIN_PASSWORD=Prom-Operator"}, []string{"up"}, "a default that everybody knows"},
		"one that is there":  {[]string{"grafana-admin=prom-operator"}, []string{hook}, []string{"up"}, "in the Secret monitoring/grafana-admin is a default that everybody knows"},
		"none in the Secret": {[]string{"grafana-admin"}, []string{hook}, []string{"up"}, "in the Secret monitoring/grafana-admin is not set"},
		"only their rules":   {[]string{"strangers"}, nil, []string{"verify"}, "our rules are loaded: not so"},
		"it goes elsewhere":  {[]string{"unrouted"}, nil, []string{"verify"}, "its incident is in Slack: not so"},
		"Slack lacks it":     {[]string{"unposted"}, nil, []string{"verify"}, "its incident is in Slack: not so"},
		"a short one":        {nil, []string{hook, "GRAFANA_ADMIN_PASSWORD=abc123"}, []string{"up"}, "has 6 characters: choose one of 12"},
		"no token":           {nil, []string{"GRAFANA_ADMIN_PASSWORD=" + goodPassword}, []string{"up"}, "WEBHOOK_TOKEN is not set"},
		"no cluster":         {[]string{"down"}, nil, []string{"up"}, "does not answer"},
		"no storage":         {[]string{"no-storage"}, []string{hook}, []string{"up"}, "no default StorageClass"},
		"Loki does not come": {[]string{"loki-fails", "grafana-admin=" + goodPassword, "autopilot-webhook"}, nil, []string{"up"}, "loki did not become ready"},
		"a pod crashes":      {[]string{"crashing"}, nil, []string{"verify"}, "pods are ready: not so"},
		"nothing asked":      {nil, nil, nil, "observability up "},
		"something else":     {nil, nil, []string{"install"}, "observability up "},
	} {
		printed, asked, err := play(t, fact(t, c.facts...), c.env, c.args...)
		if err == nil || !strings.Contains(printed, c.want) {
			t.Errorf("%s: %v, %s; want it to say %q", name, err, printed, c.want)
		}
		if name != "Loki does not come" && strings.Contains(strings.Join(asked, "\n"), "helm upgrade") {
			t.Errorf("%s: something was installed all the same: %q", name, asked)
		}
	}
}
