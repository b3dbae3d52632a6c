// Package alerts_test checks the shipped alert rules, Alertmanager
// configuration and runbooks with the programs that will read them.
package alerts_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const (
	configFile  = "alertmanager.yaml"
	runbooksURL = "https://github.com/eks-autopilot/autopilot/blob/main/deploy/runbooks/"
	runbooksDir = "../runbooks"
)

// ruleFiles are by the names of what they are about; each has its unit tests beside it.
var ruleFiles = []string{"autopilot", "bot"}

// command is the named program with args; the test fails, and says what to
// install, when the program is missing.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	debian := map[string]string{
		"promtool": "prometheus", "amtool": "prometheus-alertmanager", "prometheus-alertmanager": "prometheus-alertmanager",
	}
	bin, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: apt-get install %s", name, debian[name])
	}
	return exec.CommandContext(t.Context(), bin, args...)
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := command(t, name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return strings.TrimSpace(string(out))
}

type rule struct {
	Record, Alert, Expr string
	For                 time.Duration
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) []rule {
	t.Helper()
	var found []rule
	for _, name := range ruleFiles {
		var file struct {
			Groups []struct{ Rules []rule }
		}
		readYAML(t, name+".rules.yaml", &file)
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				if r.Alert != "" {
					found = append(found, r)
				}
			}
		}
	}
	return found
}

func readYAML(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func TestRulesPassTheirUnitTests(t *testing.T) {
	for _, name := range ruleFiles {
		run(t, "promtool", "check", "rules", name+".rules.yaml")
		run(t, "promtool", "test", "rules", name+".rules.test.yaml")
	}
	if files, err := filepath.Glob("*.rules.yaml"); err != nil || len(files) != len(ruleFiles) {
		t.Errorf("rules in %q, and those that are tested are %q; %v", files, ruleFiles, err)
	}
}

func TestTheAlertsAreThere(t *testing.T) {
	var names []string
	for _, a := range alerts(t) {
		if !slices.Contains(names, a.Alert) {
			names = append(names, a.Alert)
		}
	}
	want := []string{
		"AutopilotCrashLoopBackOff", "AutopilotOOMKilled", "AutopilotPodEvicted", "AutopilotHighCPU", "AutopilotCPUThrottled",
		"AutopilotHighMemory", "AutopilotNodeNotReady", "AutopilotReplicasMissing", "AutopilotHighLatency", "AutopilotSlowDependency",
		"AutopilotHighErrorRate", "AutopilotDependencyErrors", "Watchdog",
		"AutopilotBotDown", "AutopilotBotNoSocket", "AutopilotBotQueueOld", "AutopilotBotDeliveriesFail", "AutopilotBotEdgeFails", "AutopilotBotDatabaseErrors",
		"AutopilotBotClusterUnwatched", "AutopilotBotWatchdogMissing", "AutopilotBotScanFailing", "AutopilotBotChaosStranded",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

func TestEachAlertIsComplete(t *testing.T) {
	for _, a := range alerts(t) {
		severities := []string{"warning", "critical"}
		if a.Alert == "Watchdog" {
			severities = []string{"none"}
		}
		if !slices.Contains(severities, a.Labels["severity"]) {
			t.Errorf("%s: severity %q, want one of %v", a.Alert, a.Labels["severity"], severities)
		}
		if a.For > 2*time.Minute {
			t.Errorf("%s: waits %s, want at most 2m", a.Alert, a.For)
		}
		for _, name := range []string{"summary", "description"} {
			if a.Annotations[name] == "" {
				t.Errorf("%s: no annotation %s", a.Alert, name)
			}
		}
		page, ours := strings.CutPrefix(a.Annotations["runbook_url"], runbooksURL)
		if !ours {
			t.Errorf("%s: runbook_url %q is not under %s", a.Alert, a.Annotations["runbook_url"], runbooksURL)
			continue
		}
		text, err := os.ReadFile(filepath.Join(runbooksDir, page))
		if err != nil {
			t.Errorf("%s: %v", a.Alert, err)
		} else if !strings.HasPrefix(string(text), "# "+a.Alert+"\n") {
			t.Errorf("%s: %s is headed otherwise", a.Alert, page)
		}
	}
}

// TestEachAlertIsSeenFiringAndSilent keeps an alert from being added without
// both of its unit tests.
func TestEachAlertIsSeenFiringAndSilent(t *testing.T) {
	fires, silent := map[string]bool{}, map[string]bool{"Watchdog": true}
	for _, name := range ruleFiles {
		var file struct {
			Tests []struct {
				Cases []struct {
					Alert string      `yaml:"alertname"`
					Want  []yaml.Node `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		readYAML(t, name+".rules.test.yaml", &file)
		for _, test := range file.Tests {
			for i, c := range test.Cases {
				if len(c.Want) > 0 {
					fires[c.Alert] = true
				}
				// Silent after it fired in the same test: it resolves. HighLatency
				// is silent for one service while it stays for another.
				if i > 0 && len(c.Want) < len(test.Cases[i-1].Want) {
					silent[c.Alert] = true
				}
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !silent[a.Alert] {
			t.Errorf("%s: seen firing %t, seen to resolve %t; want both", a.Alert, fires[a.Alert], silent[a.Alert])
		}
	}
}

func TestRunbooksHaveTheSameHeadings(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(runbooksDir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{}
	for _, a := range alerts(t) {
		linked[path.Base(a.Annotations["runbook_url"])] = true
	}
	want := []string{"What it means", "Impact", "First look", "Likely causes", "Fix", "Escalate"}
	heading := regexp.MustCompile(`(?m)^## (.+)$`)
	link := regexp.MustCompile(`\]\(([^)#]+\.md)\)`)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range heading.FindAllStringSubmatch(string(text), -1) {
			got = append(got, m[1])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: headings (-want +got):\n%s", page, diff)
		}
		if !linked[filepath.Base(page)] {
			t.Errorf("%s: no alert links to it", page)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(runbooksDir, m[1])); err != nil {
				t.Errorf("%s: dead link: %v", page, err)
			}
		}
	}
}

func TestAmtoolAcceptsTheConfiguration(t *testing.T) {
	run(t, "amtool", "check-config", configFile)
}

func TestRouting(t *testing.T) {
	tests := []struct {
		labels, receiver string
	}{
		{"alertname=Watchdog", "autopilot-watchdog"},
		{"alertname=SomebodyElses severity=info", "autopilot"},
		{"alertname=SomebodyElses severity=info namespace=shop", "autopilot"},
	}
	for _, a := range alerts(t) {
		receiver := "autopilot"
		switch {
		case a.Alert == "Watchdog":
			receiver = "autopilot-watchdog"
		case strings.HasPrefix(a.Alert, "AutopilotBot"):
			receiver = "autopilot-itself"
		}
		// With a namespace and without: that of a node, and one about nothing that is left, have none.
		for _, where := range []string{" cluster=prod", " namespace=shop pod=cart-1"} {
			tests = append(tests, struct{ labels, receiver string }{fmt.Sprintf("alertname=%s severity=%s%s", a.Alert, a.Labels["severity"], where), receiver})
		}
	}
	for _, tt := range tests {
		args := append([]string{"config", "routes", "test", "--config.file=" + configFile}, strings.Fields(tt.labels)...)
		if got := run(t, "amtool", args...); got != tt.receiver {
			t.Errorf("%s goes to %q, want %q", tt.labels, got, tt.receiver)
		}
	}
}

// TestReceivers holds what amtool does not judge: whoever gets an alert gets
// its end, with the bot's token from a file, and nobody is sent to nowhere.
func TestReceivers(t *testing.T) {
	var config struct {
		Receivers []struct {
			Name  string
			Slack []struct {
				File         string `yaml:"api_url_file"`
				SendResolved bool   `yaml:"send_resolved"`
			} `yaml:"slack_configs"`
			Webhooks []struct {
				SendResolved bool `yaml:"send_resolved"`
				HTTP         struct {
					Authorization struct {
						Type string
						File string `yaml:"credentials_file"`
					}
				} `yaml:"http_config"`
			} `yaml:"webhook_configs"`
		}
	}
	readYAML(t, configFile, &config)
	if len(config.Receivers) != 3 {
		t.Fatalf("%d receivers, want 3", len(config.Receivers))
	}
	for _, r := range config.Receivers {
		// That the bot is down, people must hear of without it.
		if itself := r.Name == "autopilot-itself"; itself != (len(r.Slack) == 1 && r.Slack[0].File != "" && r.Slack[0].SendResolved) {
			t.Errorf("receiver %s posts to Slack by %+v", r.Name, r.Slack)
		}
		if len(r.Webhooks) != 1 {
			t.Fatalf("receiver %s has %d webhooks, want 1", r.Name, len(r.Webhooks))
		}
		hook := r.Webhooks[0]
		if !hook.SendResolved || hook.HTTP.Authorization.Type != "Bearer" || hook.HTTP.Authorization.File == "" {
			t.Errorf("receiver %s: %+v, want resolved alerts sent with a bearer token from a file", r.Name, hook)
		}
	}
}

func TestAlertmanagerLoadsTheConfiguration(t *testing.T) {
	cmd := command(t, "prometheus-alertmanager", "--config.file="+configFile, "--storage.path="+t.TempDir(),
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer late.Stop()
	var log []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		log = append(log, lines.Text())
		if strings.Contains(lines.Text(), "Completed loading of configuration file") {
			return
		}
	}
	t.Fatalf("Alertmanager did not load the configuration:\n%s", strings.Join(log, "\n"))
}
