package query

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/deploy"
)

func TestSelectors(t *testing.T) {
	for expr, want := range map[string]string{
		`vector(1)`:                          "",
		`up == 0`:                            "up",
		`sum by (a, b) (rate(x{c="}"}[5m]))`: `x{c="}"}`,
		`a:b:c and on (pod) group_left () d offset 3m`:                                "a:b:c d",
		`{__name__=~"a_(b_)?c", d="e"} > 1e6`:                                         `{__name__=~"a_(b_)?c", d="e"}`,
		"label_replace(m, \"x\", \"not_a_metric\", \"\", \"\") # nor this":            "m",
		`a unless ignoring (b) c{d="\"e"} or bool_x`:                                  `a c{d="\"e"} bool_x`,
		`time() - max(t_seconds) > 0.5 * quantile_over_time(0.9, q[1h:1m] offset 3m)`: "t_seconds q",
	} {
		var got []string
		for _, s := range Selectors(expr) {
			got = append(got, s.Text)
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expr, diff)
		}
	}
}

func FuzzSelectors(f *testing.F) {
	all, _, err := Shipped(deploy.Asking())
	if err != nil {
		f.Fatal(err)
	}
	for _, q := range all {
		f.Add(q.Expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		for _, s := range Selectors(expr) {
			if s.Text == "" || s.Name != "" && !strings.HasPrefix(s.Text, s.Name) {
				t.Errorf("%q: %+v", expr, s)
			}
		}
	})
}

// TestEveryMetricIsThere holds what is asked for to what exporters have: the bot's own and the demo workload's names are scraped from them.
func TestEveryMetricIsThere(t *testing.T) {
	all, recorded, err := Shipped(deploy.Asking())
	if err != nil {
		t.Fatal(err)
	}
	names, err := Names()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]int{}
	for _, q := range all {
		for _, s := range Selectors(q.Expr) {
			exporter := s.Exporter(names, recorded)
			if exporter == "" {
				t.Errorf("%s asks for %s, which no exporter has", q.Where, s.Text)
			}
			used[exporter]++
		}
	}
	for exporter := range names {
		if used[exporter] == 0 {
			t.Errorf("nothing is asked of %s", exporter)
		}
	}
	if (Selector{Name: "kube_pod_inof"}).Exporter(names, recorded) != "" || (Selector{Text: `{__name__=~"kube_pod_(x"}`}).Exporter(names, recorded) != "" {
		t.Error("a name that is misspelt was found")
	}
}

// TestEveryQueryIsRead has Prometheus' own tool read what no rule file holds.
func TestEveryQueryIsRead(t *testing.T) {
	all, _, err := Shipped(deploy.Asking())
	if err != nil {
		t.Fatal(err)
	}
	type rule struct{ Record, Expr string }
	var rules []rule
	for _, q := range all {
		rules = append(rules, rule{"x:x:" + strings.Repeat("x", len(rules)%100+1) + string(rune('a'+len(rules)/100)), strings.TrimSpace(q.Expr)})
	}
	data, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "queries", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "promtool", "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool (apt-get install prometheus): %v\n%s", err, out)
	}
}

func TestAnotherFolderIsRefused(t *testing.T) {
	if _, _, err := Shipped(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "alerts/*.rules.yaml") {
		t.Errorf("%v, want it to say what is not there", err)
	}
	broken := fstest.MapFS{"alerts/a.rules.yaml": {Data: []byte("groups: {")}}
	if _, _, err := Shipped(broken); err == nil || !strings.Contains(err.Error(), "a.rules.yaml") {
		t.Errorf("%v, want it to name the file", err)
	}
}
