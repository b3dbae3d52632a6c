// Package query reads what is asked of Prometheus: every expression that is shipped, and the series that each selects; called by the tests,
// which hold the names to those that exporters have, and by the benchmarks, which ask a real Prometheus.
package query

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Query is an expression that is shipped.
type Query struct {
	Where string // its file, and the rule or panel
	Expr  string // what stands for a variable is put in
	Panel bool   // of a dashboard: it should show something at any time
}

// Selector is a vector selector of an expression.
type Selector struct {
	Name string // "" where a matcher says it
	Text string // with its matchers
}

// names are the metrics that an exporter has, by exporter: those of the bot and of the demo workload are scraped from them, those of others
// are taken from their modules.
//
//go:embed names/*.txt
var names embed.FS

// Names gives the metrics of each exporter.
func Names() (map[string][]string, error) {
	files, err := fs.Glob(names, "names/*.txt")
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for _, f := range files {
		data, err := names.ReadFile(f)
		if err != nil {
			return nil, err
		}
		for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
			if line := lines.Text(); line != "" && !strings.HasPrefix(line, "#") {
				exporter := strings.TrimSuffix(path.Base(f), ".txt")
				all[exporter] = append(all[exporter], line)
			}
		}
	}
	return all, nil
}

// Exporter is who has the metrics that a selector selects; "" for nobody. recorded are the names of recording rules.
func (s Selector) Exporter(names map[string][]string, recorded []string) string {
	is := func(name string) bool { return name == s.Name }
	if m := nameMatcher.FindStringSubmatch(s.Text); s.Name == "" && m != nil {
		pattern, err := regexp.Compile("^(?:" + m[1] + ")$")
		if err != nil {
			return ""
		}
		is = pattern.MatchString
	}
	for exporter, all := range names {
		if slices.ContainsFunc(all, is) {
			return exporter
		}
	}
	if slices.ContainsFunc(recorded, is) {
		return "rules"
	}
	return ""
}

var nameMatcher = regexp.MustCompile(`__name__=~?"([^"]*)"`)

// variables are what Grafana puts in before it asks.
var variables = strings.NewReplacer("$__rate_interval", "2m")

// Shipped gives the queries of the rules, dashboards, runbooks and autoscalers below deploy, and the names that recording rules give.
func Shipped(files fs.FS) (all []Query, recorded []string, err error) {
	for _, kind := range []struct {
		glob string
		read func(file string, data []byte) ([]Query, error)
	}{
		{"alerts/*.rules.yaml", func(file string, data []byte) ([]Query, error) {
			found, more, err := ofRules(file, data)
			recorded = append(recorded, more...)
			return found, err
		}},
		{"dashboards/*.json", ofDashboard},
		{"runbooks/*.md", ofRunbook},
		{"observability/objects.yaml", ofAutoscaler},
	} {
		found, err := fs.Glob(files, kind.glob)
		if err != nil {
			return nil, nil, err
		}
		before := len(all)
		for _, f := range found {
			data, err := fs.ReadFile(files, f)
			if err != nil {
				return nil, nil, err
			}
			read, err := kind.read(f, data)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", f, err)
			}
			all = append(all, read...)
		}
		if len(all) == before {
			return nil, nil, fmt.Errorf("no query in %s: these are not the files of deploy", kind.glob)
		}
	}
	return all, recorded, nil
}

func ofRules(file string, data []byte) (all []Query, recorded []string, err error) {
	var rules struct {
		Groups []struct {
			Rules []struct{ Record, Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(data, &rules); err != nil {
		return nil, nil, err
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			all = append(all, Query{Where: file + ": " + r.Record + r.Alert, Expr: r.Expr})
			if r.Record != "" {
				recorded = append(recorded, r.Record)
			}
		}
	}
	return all, recorded, nil
}

func ofDashboard(file string, data []byte) (all []Query, err error) {
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &board); err != nil {
		return nil, err
	}
	for _, p := range board.Panels {
		for _, t := range p.Targets {
			all = append(all, Query{Where: file + ": " + p.Title, Expr: variables.Replace(t.Expr), Panel: true})
		}
	}
	return all, nil
}

var promql = regexp.MustCompile("(?s)```promql\n(.*?)```")

func ofRunbook(file string, data []byte) (all []Query, err error) {
	for _, block := range promql.FindAllSubmatch(data, -1) {
		for line := range strings.Lines(string(block[1])) {
			switch line = strings.TrimSpace(line); {
			case line == "":
			case strings.ContainsRune("/*+-<>=", rune(line[0])) && len(all) > 0: // it goes on
				all[len(all)-1].Expr += "\n" + line
			default:
				all = append(all, Query{Where: file, Expr: line})
			}
		}
	}
	return all, nil
}

func ofAutoscaler(file string, data []byte) (all []Query, err error) {
	for docs := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var o struct {
			Kind string
			Spec struct {
				Triggers []struct {
					Metadata struct{ Query string }
				}
			}
		}
		if docs.Decode(&o) != nil {
			return all, nil // the end: that it is YAML is held where it is applied
		}
		for _, t := range o.Spec.Triggers {
			all = append(all, Query{Where: file + ": " + o.Kind, Expr: t.Metadata.Query, Panel: true})
		}
	}
}
