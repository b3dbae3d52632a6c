package change

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// chart is a Helm chart in the tree.
type chart struct {
	dir, name string
	layers    []layer        // that its values come from, of which the later win
	release   *release       // the one in the tree that installs it
	unclear   []engine.Place // what else may set values
}

// chartOf gives the folder of the Helm chart that a file belongs to, "" when there is none.
func (s *search) chartOf(p string) string {
	for dir := path.Dir(p); ; dir = path.Dir(dir) {
		if s.has(path.Join(dir, "Chart.yaml")) {
			return dir
		}
		if dir == "." || dir == "/" {
			return ""
		}
	}
}

// isTemplate tells whether a file is a template of a Helm chart, and so no YAML.
func (s *search) isTemplate(p string) bool {
	dir := s.chartOf(p)
	return dir != "" && within(p, path.Join(dir, "templates"))
}

// templated is an object in a template of a chart.
type templated struct {
	chart *chart
	path  string
	t     *template
	root  *yaml.Node
}

// helm finds the templates that may make an object.
func (s *search) helm(ctx context.Context, o object, container string) ([]declared, error) {
	var all []declared
	charts := map[string]*chart{}
	for _, p := range s.scope(isYAML) {
		if !s.isTemplate(p) {
			continue
		}
		src, err := s.read(ctx, p)
		if err != nil {
			return nil, err
		}
		if !strings.Contains(string(src), o.kind) {
			continue
		}
		t, err := parseTemplate(src)
		if err != nil {
			continue
		}
		dir := s.chartOf(p)
		if charts[dir] == nil {
			if charts[dir], err = s.chart(ctx, dir); err != nil {
				return nil, err
			}
		}
		for _, doc := range t.docs {
			if len(doc.Content) == 0 || textOf(doc.Content[0], "kind") != o.kind {
				continue
			}
			one := templated{charts[dir], p, t, doc.Content[0]}
			if !s.mayBe(one, o, container) {
				continue
			}
			all = append(all, declared{
				place: s.at(p, s.lineOf(one, "metadata", "name"), "a template that makes a %s", o.kind),
				parts: s.partsOfTemplate(one, o),
				edit: func(_ context.Context, f field, w engine.Wish) (map[string][]byte, error) {
					return s.editTemplated(one, f, w)
				},
			})
		}
	}
	return all, nil
}

// mayBe tells whether a template may make an object: its name and its container's may be what is asked for.
func (s *search) mayBe(t templated, o object, container string) bool {
	if !s.fits(t, textOf(t.root, "metadata", "name"), o.name) {
		return false
	}
	if have := textOf(t.root, "metadata", "namespace"); have != "" && !s.fits(t, have, o.namespace) {
		return false
	}
	if container == "" {
		return true
	}
	return s.container(t, o.kind, container) != nil
}

// container finds the one container of a template that may have a name: the one that says it, or else the one that may.
func (s *search) container(t templated, kind, name string) *yaml.Node {
	var said, may []*yaml.Node
	for _, list := range []string{"containers", "initContainers"} {
		way, err := walk(t.root, append(podOf(kind), step{key: list}), nowhere)
		if err != nil || way.node == nil {
			continue
		}
		for _, c := range way.node.Content {
			switch have := s.resolved(t, textOf(c, "name")); {
			case have == name:
				said = append(said, c)
			case s.fits(t, textOf(c, "name"), name):
				may = append(may, c)
			}
		}
	}
	if len(said) == 1 {
		return said[0]
	}
	if len(said) == 0 && len(may) == 1 {
		return may[0]
	}
	return nil
}

// fits tells whether a text with marks may come out as a value. An empty one fits nothing.
func (s *search) fits(t templated, text, value string) bool {
	text = s.resolved(t, text)
	if !mark.MatchString(text) {
		return text == value
	}
	parts := mark.Split(text, -1)
	if !strings.HasPrefix(value, parts[0]) || !strings.HasSuffix(value, parts[len(parts)-1]) {
		return false
	}
	rest := value[len(parts[0]):]
	for _, part := range parts[1:] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return t.chart.likely(value)
}

// likely tells whether a name that a chart makes up may be a value: by custom it has the chart's name in it, or is set outright.
func (c *chart) likely(value string) bool {
	known := []string{c.name}
	for _, key := range []string{"nameOverride", "fullnameOverride"} {
		if set := c.value(key); set != "" {
			known = append(known, set)
		}
	}
	return slices.ContainsFunc(known, func(k string) bool { return strings.Contains(value, k) })
}

// resolved puts in for marks what is known of them: the chart's name, and single values.
func (s *search) resolved(t templated, text string) string {
	return mark.ReplaceAllStringFunc(text, func(m string) string {
		from := t.origin(m)
		switch {
		case from.object == "Chart.Name":
			return t.chart.name
		case len(from.path) > 0:
			if v := t.chart.value(from.path...); v != "" {
				return v
			}
		}
		return m
	})
}

// origin gives where a mark's value comes from.
func (t templated) origin(m string) origin {
	n, err := strconv.Atoi(strings.Trim(m, "⟦⟧"))
	if err != nil || n >= len(t.t.from) {
		return origin{}
	}
	return t.t.from[n]
}

// lineOf gives the line of a value of a template. Actions may have made the lines of its YAML others than the file's.
func (s *search) lineOf(t templated, names ...string) int {
	n := t.root
	for _, name := range names {
		n = valueOf(n, name)
	}
	if n != nil {
		if m := mark.FindString(n.Value); m != "" {
			return t.origin(m).line
		}
	}
	return 1
}
