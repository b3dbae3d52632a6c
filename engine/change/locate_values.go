package change

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// layer is one of the places that a chart's values come from.
type layer struct {
	manifest      // whose root is the values' mapping
	own      bool // no other release uses it
}

// chart reads a chart, and the layers of its values: values.yaml, then what the search names, or what the release in the tree says.
func (s *search) chart(ctx context.Context, dir string) (*chart, error) {
	c := &chart{dir: dir}
	src, err := s.read(ctx, path.Join(dir, "Chart.yaml"))
	if err != nil {
		return nil, err
	}
	if text, err := parseYAML(src); err == nil && len(text.docs) > 0 && len(text.docs[0].Content) > 0 {
		c.name = textOf(text.docs[0].Content[0], "name")
	}
	releases, err := s.releases(ctx)
	if err != nil {
		return nil, err
	}
	files := s.valueFiles(dir)
	var mine []release
	for _, r := range releases {
		if r.chart == dir {
			mine = append(mine, r)
		}
	}
	if len(mine) == 1 {
		c.release = &mine[0]
	}
	if len(files) == 0 && len(mine) == 1 {
		files = mine[0].files
	}
	for i, p := range append([]string{path.Join(dir, "values.yaml")}, files...) {
		if !s.has(p) || i > 0 && slices.Contains(files[:i-1], p) {
			continue
		}
		if err := s.addLayer(ctx, c, p, i == len(files) && len(mine) <= 1); err != nil {
			return nil, err
		}
	}
	switch {
	case len(mine) == 1 && mine[0].values != nil:
		c.layers = append(c.layers, layer{*mine[0].values, true})
		c.unclear = append(c.unclear, mine[0].unclear...)
	case len(mine) == 1:
		c.unclear = append(c.unclear, mine[0].unclear...)
	case len(mine) > 1 && len(files) == 0:
		for _, r := range mine {
			c.unclear = append(c.unclear, r.place)
		}
	case len(files) == 0:
		if err := s.loose(ctx, c); err != nil {
			return nil, err
		}
	}
	return c, s.parents(ctx, c)
}

// addLayer reads a file of values. An empty one is left out.
func (s *search) addLayer(ctx context.Context, c *chart, p string, own bool) error {
	src, err := s.read(ctx, p)
	if err != nil {
		return err
	}
	text, err := parseYAML(src)
	if err != nil {
		c.unclear = append(c.unclear, s.at(p, 1, "values that are no YAML: %v", err))
		return nil
	}
	if len(text.docs) == 1 && len(text.docs[0].Content) == 1 && text.docs[0].Content[0].Kind == yaml.MappingNode {
		c.layers = append(c.layers, layer{manifest{path: p, text: text, doc: text.docs[0], root: text.docs[0].Content[0]}, own})
	}
	return nil
}

// valueFiles gives the files that the search names beside a chart's folder: an application's value files.
func (s *search) valueFiles(dir string) []string {
	var files []string
	for _, p := range s.paths {
		if isYAML(p) && s.has(p) && !s.isTemplate(p) && path.Base(p) != "Chart.yaml" && p != path.Join(dir, "values.yaml") {
			files = append(files, p)
		}
	}
	return files
}

// loose looks for value files beside values.yaml, of which nothing says whether they are used.
func (s *search) loose(ctx context.Context, c *chart) error {
	for _, p := range slices.Sorted(maps.Keys(s.files)) {
		if path.Dir(p) != c.dir || !isYAML(p) || !strings.HasPrefix(path.Base(p), "values") || path.Base(p) == "values.yaml" {
			continue
		}
		if _, err := s.read(ctx, p); err != nil {
			return err
		}
		c.unclear = append(c.unclear, s.at(p, 1, "values that may be used or not"))
	}
	return nil
}

// parents looks for charts that take in c as a dependency, and so may set its values.
func (s *search) parents(ctx context.Context, c *chart) error {
	for _, p := range slices.Sorted(maps.Keys(s.files)) {
		if path.Base(p) != "Chart.yaml" || path.Dir(p) == c.dir {
			continue
		}
		if within(c.dir, path.Join(path.Dir(p), "charts")) {
			c.unclear = append(c.unclear, engine.Place{Path: p, Line: 1, Note: "the chart around it, whose values win"})
			continue
		}
		src, err := s.read(ctx, p)
		if err != nil {
			return err
		}
		if !strings.Contains(string(src), "file://") {
			continue
		}
		text, err := parseYAML(src)
		if err != nil || len(text.docs) == 0 || len(text.docs[0].Content) == 0 {
			continue
		}
		for _, d := range itemsOf(text.docs[0].Content[0], "dependencies") {
			if file, ok := strings.CutPrefix(textOf(d, "repository"), "file://"); ok && path.Join(path.Dir(p), file) == c.dir {
				c.unclear = append(c.unclear, s.at(p, d.Line, "a chart that takes it in, whose values win"))
			}
		}
	}
	return nil
}

// value gives a single value of a chart, "" where there is none.
func (c *chart) value(names ...string) string {
	for _, l := range slices.Backward(c.layers) {
		if v := textOf(l.root, names...); v != "" {
			return v
		}
	}
	return ""
}

// editTemplated makes a wish in the values of a chart.
func (s *search) editTemplated(t templated, f field, w engine.Wish) (map[string][]byte, error) {
	steps, w, err := s.valuesPath(t, f, w)
	if err != nil {
		return nil, err
	}
	if len(t.chart.unclear) > 0 {
		return nil, refuse(append(t.chart.unclear, s.valuePlaces(t.chart, steps)...),
			"the value comes from values.%s of the chart %s, and which values are used is not known", pathOf(steps), t.chart.name)
	}
	f = field{ways: [][]step{steps}, keep: 1}
	for i, l := range slices.Backward(t.chart.layers) {
		at := s.placer(l.manifest)
		way, err := walk(l.root, steps, at)
		if err != nil {
			return nil, err
		}
		if way.node == nil {
			if way.last.Tag == "!!null" {
				return nil, refuse([]engine.Place{at(way.last.Line, "%s", f)}, "the values take %s away", f)
			}
			continue
		}
		if l.own || i == len(t.chart.layers)-1 {
			return s.editLayer(l, f, w, way)
		}
		if err := agrees(w, way.node, at(way.node.Line, "%s", f)); err != nil {
			return nil, err
		}
		return s.overrideLayer(t.chart, f, w)
	}
	return s.overrideLayer(t.chart, f, w)
}

func (s *search) editLayer(l layer, f field, w engine.Wish, way walked) (map[string][]byte, error) {
	after, err := s.setField(l.manifest, f, w, way)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{l.path: after}, nil
}

// overrideLayer puts a value into the last of a chart's layers, which is what is most its own.
func (s *search) overrideLayer(c *chart, f field, w engine.Wish) (map[string][]byte, error) {
	if len(c.layers) == 0 {
		return nil, refuse([]engine.Place{{Path: path.Join(c.dir, "Chart.yaml"), Line: 1}}, "the chart %s has no values", c.name)
	}
	l := c.layers[len(c.layers)-1]
	at := s.placer(l.manifest)
	way, err := walk(l.root, f.ways[0], at)
	if err != nil {
		return nil, err
	}
	if err := own(l.manifest, way, at); err != nil {
		return nil, err
	}
	after, err := s.insertValue(l.manifest, w, way, at(way.last.Line, "%s", f))
	if err != nil {
		return nil, err
	}
	return map[string][]byte{l.path: after}, nil
}

// valuePlaces gives the lines of all layers that have a value.
func (s *search) valuePlaces(c *chart, steps []step) []engine.Place {
	var places []engine.Place
	for _, l := range c.layers {
		at := s.placer(l.manifest)
		if way, err := walk(l.root, steps, at); err == nil && way.node != nil {
			places = append(places, at(way.node.Line, "values.%s", pathOf(steps)))
		}
	}
	return places
}

// valuesPath follows a field in a template to the one value that feeds it. The wish is then for that value, which may be the tag of
// an image alone.
func (s *search) valuesPath(t templated, f field, w engine.Wish) ([]step, engine.Wish, error) {
	root, ways := t.root, f.ways
	if w.Target.Container != "" && w.Kind != engine.WishTarget {
		root = s.container(t, w.Target.Kind, w.Target.Container)
		ways = [][]step{f.ways[0][len(podOf(w.Target.Kind))+2:]} // behind the container's name
	}
	for _, steps := range ways {
		way, err := walk(root, steps, nowhere)
		if err != nil {
			return nil, w, refuse([]engine.Place{s.at(t.path, 1, "the template")}, "the template is not followed: %v", err)
		}
		text := filledBy(way.last)
		if way.last.Kind == yaml.ScalarNode && mark.MatchString(way.last.Value) {
			text = way.last.Value
		}
		switch {
		case text != "":
			if path, tag, ok := s.tagPath(t, text, w); ok && w.Kind == engine.WishImage {
				return path, tag, nil
			}
			path, err := s.fedBy(t, text, way.missing)
			return path, w, err
		case way.node != nil:
			return nil, w, refuse([]engine.Place{s.at(t.path, s.literalLine(t, way.node), "%s", f)},
				"the value %s stands in a Helm template, which is no YAML", bounded(way.node.Value))
		}
	}
	return nil, w, refuse([]engine.Place{s.at(t.path, s.lineOf(t, "metadata", "name"), "the template")}, "the Helm template has no %s", f)
}

// filledBy gives the mark that is the only key of a mapping, "" when there is none.
func filledBy(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 && mark.FindString(n.Content[0].Value) == n.Content[0].Value {
		return n.Content[0].Value
	}
	return ""
}

// fedBy gives the path in the values of a mark that is all of a value.
func (s *search) fedBy(t templated, text string, rest []step) ([]step, error) {
	if mark.FindString(text) != text {
		return nil, refuse([]engine.Place{s.at(t.path, t.origin(mark.FindString(text)).line, "put together")}, "the template puts the value together out of several")
	}
	from := t.origin(text)
	line := s.at(t.path, from.line, "the template")
	if len(from.path) == 0 {
		places := []engine.Place{line}
		for _, p := range from.paths {
			if names := strings.Split(p, "."); names[0] == "Values" {
				places = append(places, s.valuePlaces(t.chart, append(keys(names[1:]...), rest...))...)
			}
		}
		return nil, refuse(places, "the template does not take the value from one of the chart's values: %s", from.text)
	}
	return append(keys(from.path...), rest...), nil
}

// literalLine finds the line of a literal value in a template: that of the same text nearest below the object's kind.
func (s *search) literalLine(t templated, n *yaml.Node) int {
	for i, line := range strings.Split(string(s.texts[t.path]), "\n") {
		if i+1 >= n.Line-maxIndent && strings.Contains(line, n.Value) && !strings.Contains(line, "{{") {
			return i + 1
		}
	}
	return 1
}
