package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// problem is one thing wrong with the configuration, at a line of the file.
type problem struct {
	line int
	text string
}

// parseConfig reads a whole configuration. Every problem is reported at once, each with its line and what would be right;
// the error then has the code invalid.
func parseConfig(name string, data []byte) (Config, error) {
	var c Config
	var problems []problem
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return c, configError(name, []problem{yamlProblem(err.Error())})
	}
	if len(root.Content) == 0 {
		return c, configError(name, []problem{{1, "the file is empty; it needs at least clusters and slack.channels.incidents"}})
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var typeErr *yaml.TypeError
	switch err := dec.Decode(&c); {
	case errors.As(err, &typeErr):
		for _, e := range typeErr.Errors {
			problems = append(problems, yamlProblem(e))
		}
	case err != nil:
		problems = append(problems, yamlProblem(err.Error()))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		problems = append(problems, problem{lastLine(data), "only one YAML document is read; remove what follows the first ---"})
	}
	c = c.withDefaults()
	v := validator{root: root.Content[0]}
	v.config(c)
	// A key of the wrong type is reported once, by the decoder, not again as a missing value.
	mistyped := map[int]bool{}
	for _, p := range problems {
		mistyped[p.line] = true
	}
	for _, p := range v.problems {
		if !mistyped[p.line] {
			problems = append(problems, p)
		}
	}
	if len(problems) > 0 {
		return c, configError(name, problems)
	}
	return c.shadowed(), nil
}

func configError(name string, problems []problem) error {
	slices.SortFunc(problems, func(a, b problem) int { return cmp.Or(a.line-b.line, strings.Compare(a.text, b.text)) })
	var b strings.Builder
	fmt.Fprintf(&b, "%s has %d problem", name, len(problems))
	if len(problems) > 1 {
		b.WriteByte('s')
	}
	for _, p := range problems {
		fmt.Fprintf(&b, "\n  line %d: %s", p.line, p.text)
	}
	return engine.Errorf(engine.Invalid, "%s", b.String())
}

var (
	lineRE    = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\n\s*)?line (\d+): (.*)`)
	unknownRE = regexp.MustCompile(`^field (\S+) not found in type \S*?\.?(\w+)$`)
	typeRE    = regexp.MustCompile("(?s)^cannot unmarshal !!(\\w+)(?: `(.*)`)? into (.+)$")
	dupRE     = regexp.MustCompile(`^mapping key "(.*)" already defined at line (\d+)$`)
)

// yamlProblem puts a decoder's message into words for people who do not know the decoder.
func yamlProblem(msg string) problem {
	p := problem{line: 1, text: strings.TrimPrefix(msg, "yaml: ")}
	if m := lineRE.FindStringSubmatch(msg); m != nil {
		p.line, _ = strconv.Atoi(m[1])
		p.text = m[2]
	}
	switch {
	case unknownRE.MatchString(p.text):
		m := unknownRE.FindStringSubmatch(p.text)
		known := keysOf(m[2])
		p.text = fmt.Sprintf("unknown key %q; known here: %s", m[1], strings.Join(known, ", "))
		if near := nearest(m[1], known); near != "" {
			p.text = fmt.Sprintf("unknown key %q; did you mean %q?", m[1], near)
		}
	case typeRE.MatchString(p.text):
		m := typeRE.FindStringSubmatch(p.text)
		p.text = fmt.Sprintf("wrong type: %s, but %s is wanted", yamlKind(m[1], m[2]), goKind(m[3]))
	case dupRE.MatchString(p.text):
		m := dupRE.FindStringSubmatch(p.text)
		p.text = fmt.Sprintf("key %q stands twice; the first is on line %s", m[1], m[2])
	}
	return p
}

func yamlKind(tag, value string) string {
	switch tag {
	case "seq":
		return "this is a list"
	case "map":
		return "this is a mapping"
	}
	return fmt.Sprintf("%q is not right", value)
}

func goKind(t string) string {
	switch {
	case t == "time.Duration":
		return "a duration such as 30s, 5m or 1h"
	case t == "time.Time":
		return "a time such as 2026-01-31T22:00:00Z"
	case t == "bool":
		return "true or false"
	case t == "float64":
		return "a number"
	case t == "int":
		return "a whole number"
	case t == "string":
		return "a text"
	case strings.HasPrefix(t, "[]"):
		return "a list"
	}
	return "a mapping"
}

// keysOf lists the YAML keys of a configuration type by the type's name.
func keysOf(typeName string) []string {
	var keys []string
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(t.Elem())
		case reflect.Struct:
			if t.PkgPath() != reflect.TypeFor[Config]().PkgPath() {
				return
			}
			for f := range t.Fields() {
				if t.Name() == typeName {
					keys = append(keys, strings.Split(f.Tag.Get("yaml"), ",")[0])
				}
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
	slices.Sort(keys)
	return slices.Compact(keys)
}

// nearest gives the known word that is at most two edits from word, or "".
func nearest(word string, known []string) string {
	best, bestDistance := "", 3
	for _, k := range known {
		if d := engine.EditDistance(word, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

func lastLine(data []byte) int { return bytes.Count(data, []byte("\n")) + 1 }
