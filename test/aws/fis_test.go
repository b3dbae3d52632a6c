package aws_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/aws"
)

const faultRole = "arn:aws:iam::123456789012:role/fis"

// faultInput is a template as the AWS CLI takes it.
func faultInput(t *testing.T, token string, change func(map[string]any)) string {
	t.Helper()
	in := map[string]any{
		"clientToken": token, "description": "lag", "roleArn": faultRole, "stopConditions": []any{map[string]any{"source": "none"}},
		"targets": map[string]any{"pod": map[string]any{"resourceType": "aws:eks:pod", "selectionMode": "ALL", "parameters": map[string]any{
			"clusterIdentifier": "prod", "namespace": "shop", "selectorType": "podName", "selectorValue": "api-1",
		}}},
		"actions": map[string]any{"fault": map[string]any{"actionId": "aws:eks:pod-network-latency", "targets": map[string]any{"Pods": "pod"}, "parameters": map[string]any{
			"duration": "PT60S", "kubernetesServiceAccount": "fis", "delayMilliseconds": "200",
		}}},
		"tags": map[string]any{"autopilot:experiment": token},
	}
	if change != nil {
		change(in)
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "template.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + file
}

// TestCLIFaults makes an experiment of AWS FIS, watches it and stops it, as the AWS CLI sees it; then another to its end.
func TestCLIFaults(t *testing.T) {
	var at atomic.Int64
	s := start(t, aws.Config{Now: func() time.Time { return t0.Add(time.Duration(at.Load())) }})
	c := newCLI(t, s)
	make := func(token string) string {
		return strings.Trim(c.query("experimentTemplate.id", "fis", "create-experiment-template", "--cli-input-json", faultInput(t, token, nil)), `"`)
	}
	begin := func(token, template string) string {
		return strings.Trim(c.query("experiment.id", "fis", "start-experiment", "--client-token", token, "--experiment-template-id", template, "--tags", "autopilot:experiment="+token), `"`)
	}
	first, second := make("h1"), make("h2")
	if again := make("h1"); again != first || first == second {
		t.Errorf("templates %s, %s; asked again %s", first, second, again)
	}
	one, two := begin("h1", first), begin("h2", second)
	if again := begin("h1", first); again != one || one == two {
		t.Errorf("experiments %s, %s; asked again %s", one, two, again)
	}
	state := func(id string) string {
		return c.query("experiment.[state.status,actions.fault.state.status]", "fis", "get-experiment", "--id", id)
	}
	for _, step := range []struct {
		at       time.Duration
		stop     bool
		one, two string
	}{
		{0, false, `["initiating","initiating"]`, `["initiating","initiating"]`},
		{10 * time.Second, true, `["stopping","stopping"]`, `["running","running"]`},
		{12 * time.Second, false, `["stopped","stopped"]`, `["running","running"]`},
		{70 * time.Second, false, `["stopped","stopped"]`, `["completed","completed"]`},
	} {
		at.Store(int64(step.at))
		if step.stop {
			if got := c.query("experiment.state.status", "fis", "stop-experiment", "--id", one); got != `"stopping"` {
				t.Errorf("stopped: %s", got)
			}
		}
		if got := []string{state(one), state(two)}; got[0] != step.one || got[1] != step.two {
			t.Errorf("after %s: %v, want %s and %s", step.at, got, step.one, step.two)
		}
	}
	want := fmt.Sprintf(`[["%s","h1","stopped"],["%s","h2","completed"]]`, one, two)
	if got := c.query(`experiments[].[id,tags."autopilot:experiment",state.status]`, "fis", "list-experiments"); got != want {
		t.Errorf("listed: %s, want %s", got, want)
	}
	token := strings.Trim(c.query("nextToken", "fis", "list-experiments", "--max-results", "1"), `"`)
	if got := c.query("experiments[].id", "fis", "list-experiments", "--next-token", token); got != `["`+two+`"]` {
		t.Errorf("the second page: %s", got)
	}
	if got := c.query("experimentTemplate.[roleArn,targets.pod.parameters.selectorValue,actions.fault.parameters.delayMilliseconds,stopConditions[0].source]", "fis", "get-experiment-template", "--id", first); got != `["`+faultRole+`","api-1","200","none"]` {
		t.Errorf("the template is %s", got)
	}
	c.query("experimentTemplate.id", "fis", "delete-experiment-template", "--id", first)
	if got := c.query("experimentTemplates[].id", "fis", "list-experiment-templates"); got != `["`+second+`"]` {
		t.Errorf("templates %s, want only %s", got, second)
	}
}

// TestCLIFaultErrors sees each error that AWS documents as the AWS CLI words it.
func TestCLIFaultErrors(t *testing.T) {
	s := start(t, aws.Config{})
	c := newCLI(t, s)
	template := strings.Trim(c.query("experimentTemplate.id", "fis", "create-experiment-template", "--cli-input-json", faultInput(t, "h1", nil)), `"`)
	run := func(token string) []string {
		return []string{"fis", "start-experiment", "--client-token", token, "--experiment-template-id", template}
	}
	other := strings.Trim(c.query("experimentTemplate.id", "fis", "create-experiment-template", "--cli-input-json", faultInput(t, "h2", nil)), `"`)
	for k := range 5 {
		c.query("experiment.id", run(fmt.Sprintf("run%d", k))...)
	}
	input := func(token string, change func(map[string]any)) []string {
		return []string{"fis", "create-experiment-template", "--cli-input-json", faultInput(t, token, change)}
	}
	at := func(v any, keys ...string) map[string]any {
		m := v.(map[string]any)
		for _, k := range keys {
			m = m[k].(map[string]any)
		}
		return m
	}
	for name, q := range map[string]struct {
		args  []string
		want  string
		fault *aws.Fault
	}{
		"too many":             {run("run9"), "(ServiceQuotaExceededException)", nil},
		"the token of another": {[]string{"fis", "start-experiment", "--client-token", "run1", "--experiment-template-id", other}, "(ConflictException)", nil},
		"no such template":     {[]string{"fis", "start-experiment", "--client-token", "x", "--experiment-template-id", "EXTnone"}, "(ResourceNotFoundException)", nil},
		"no such experiment":   {[]string{"fis", "get-experiment", "--id", "EXPnone"}, "(ResourceNotFoundException)", nil},
		"nothing to stop":      {[]string{"fis", "stop-experiment", "--id", "EXPnone"}, "(ResourceNotFoundException)", nil},
		"nothing to delete":    {[]string{"fis", "delete-experiment-template", "--id", "EXTnone"}, "(ResourceNotFoundException)", nil},
		"no such action":       {input("h3", func(in map[string]any) { at(in, "actions", "fault")["actionId"] = "aws:eks:pod-dance" }), "(ValidationException)", nil},
		"no such parameter":    {input("h3", func(in map[string]any) { at(in, "actions", "fault", "parameters")["colour"] = "red" }), "unknown parameter colour", nil},
		"no duration":          {input("h3", func(in map[string]any) { at(in, "actions", "fault", "parameters")["duration"] = "60s" }), "PT1M", nil},
		"no cluster":           {input("h3", func(in map[string]any) { delete(at(in, "targets", "pod", "parameters"), "clusterIdentifier") }), "clusterIdentifier", nil},
		"no account":           {input("h3", func(in map[string]any) { delete(at(in, "actions", "fault", "parameters"), "kubernetesServiceAccount") }), "(ValidationException)", nil},
		"throttled":            {run("run8"), "(ThrottlingException)", &aws.Fault{Service: "fis", Kind: aws.Throttle, Count: 4}},
		"denied":               {run("run8"), "(AccessDeniedException)", &aws.Fault{Service: "fis", Kind: aws.Deny, Count: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			c := c
			c.t = t
			if q.fault != nil {
				s.Fault(*q.fault)
			}
			if out, errs, code := c.run(q.args...); code == 0 || !strings.Contains(errs, q.want) {
				t.Errorf("got %q %q, exit %d, want an error with %q", out, errs, code, q.want)
			}
		})
	}
}
