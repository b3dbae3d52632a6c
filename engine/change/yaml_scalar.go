package change

import (
	"fmt"
	"iter"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// YAMLScalar is one value of a YAML file: that of a key, or an item of a list.
type YAMLScalar struct {
	Path       string // "spec.containers[0].image", of its document
	Value      string
	Line       int
	Start, End int    // of its bytes, quotes among them
	Refused    string // why it cannot be edited; "" when it can
	number     int    // among the scalars of the file
}

// ScalarsYAML lists the values of a file. It fails for what is no YAML, such as a Helm template.
func ScalarsYAML(src []byte) ([]YAMLScalar, error) {
	t, err := parseYAML(src)
	if err != nil {
		return nil, err
	}
	var all []YAMLScalar
	for _, doc := range t.docs {
		for v := range valuesBelow(doc) {
			s := t.scalarOf(doc, v)
			s.number = len(all)
			all = append(all, s)
		}
	}
	return all, nil
}

// SetYAML gives the file with one of its scalars replaced. It fails where that cannot be done without touching anything else.
func SetYAML(src []byte, s YAMLScalar, value string) ([]byte, error) {
	if s.Refused != "" {
		return nil, engine.Errorf(engine.Invalid, "%s is not edited: %s", s.Path, s.Refused)
	}
	t, err := parseYAML(src)
	if err != nil {
		return nil, err
	}
	for _, doc := range t.docs {
		for v := range valuesBelow(doc) {
			if s.number--; s.number < 0 {
				if v.path != s.Path || v.node.Value != s.Value {
					return nil, engine.Errorf(engine.Conflict, "the file has no %s where it was", s.Path)
				}
				return t.set(v.node, value)
			}
		}
	}
	return nil, engine.Errorf(engine.Conflict, "the file has no %s where it was", s.Path)
}

// yamlValue is a scalar, and how a document leads to it.
type yamlValue struct {
	node  *yaml.Node
	path  string
	way   []*yaml.Node // from the document to the scalar
	twice bool         // below a key that its mapping has twice
}

// valuesBelow goes through the values of a document in order. The way of each is good until the next.
func valuesBelow(doc *yaml.Node) iter.Seq[yamlValue] {
	return func(yield func(yamlValue) bool) {
		var visit func(v yamlValue) bool
		visit = func(v yamlValue) bool {
			v.way = append(v.way, v.node)
			switch v.node.Kind {
			case yaml.ScalarNode:
				return yield(v)
			case yaml.DocumentNode, yaml.SequenceNode:
				for i, child := range v.node.Content {
					at := v.path
					if v.node.Kind == yaml.SequenceNode {
						at = fmt.Sprintf("%s[%d]", v.path, i)
					}
					if !visit(yamlValue{child, at, v.way, v.twice}) {
						return false
					}
				}
			case yaml.MappingNode:
				times := map[string]int{}
				for i := 0; i+1 < len(v.node.Content); i += 2 {
					times[v.node.Content[i].Value]++
				}
				for i := 0; i+1 < len(v.node.Content); i += 2 {
					key := v.node.Content[i].Value
					at := strings.TrimPrefix(v.path+"."+key, ".")
					if !visit(yamlValue{v.node.Content[i+1], at, v.way, v.twice || times[key] > 1}) {
						return false
					}
				}
			case yaml.AliasNode:
			}
			return true
		}
		visit(yamlValue{node: doc})
	}
}

// scalarOf describes a value.
func (t *yamlText) scalarOf(doc *yaml.Node, v yamlValue) YAMLScalar {
	s := YAMLScalar{Path: v.path, Value: v.node.Value, Line: v.node.Line}
	start, end, err := t.span(v.node)
	s.Start, s.End = start, end
	switch {
	case err != nil:
		s.Refused = err.Error()
	case v.twice:
		s.Refused = "a key that is there twice"
	case v.node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		s.Refused = "a block of lines"
	case shared(doc, v.way, nowhere) != nil:
		s.Refused = "an anchor that is used elsewhere"
	}
	return s
}
