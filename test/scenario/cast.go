package scenario

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
)

// variable is a place in a scenario's texts that is filled when it is cast or, for NOW, when it is played.
var variable = regexp.MustCompile(`\$\{([A-Za-z_]+)\}`)

// The variables that every scenario has: the namespace that it is played in, the name of the real node, and the time at which a
// step is played, for the states and events of simulated objects.
const (
	varNamespace = "NAMESPACE"
	varRealNode  = "REAL_NODE"
	varNow       = "NOW"
)

// Cast gives the scenario in a namespace of its own, with one of the values of each of its variables, which r chooses. Nil chooses
// the first of each.
func (s Scenario) Cast(namespace, realNode string, r *rand.Rand) (Scenario, error) {
	chosen := map[string]string{varNamespace: namespace, varRealNode: realNode}
	for _, name := range slices.Sorted(maps.Keys(s.Vary)) {
		k := 0
		if r != nil {
			k = r.IntN(len(s.Vary[name]))
		}
		chosen[name] = s.Vary[name][k]
	}
	data, err := json.Marshal(s)
	if err != nil {
		return Scenario{}, err
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return Scenario{}, err
	}
	if data, err = json.Marshal(each(tree, func(text string) string {
		return variable.ReplaceAllStringFunc(text, func(found string) string {
			if value, ok := chosen[found[2:len(found)-1]]; ok {
				return value
			}
			return found
		})
	})); err != nil {
		return Scenario{}, err
	}
	cast := Scenario{}
	if err := json.Unmarshal(data, &cast); err != nil {
		return Scenario{}, err
	}
	cast.Namespace, cast.Vary = namespace, nil
	return cast, nil
}

// each gives a tree of JSON with all of its texts replaced, names of fields among them.
func each(tree any, replace func(string) string) any {
	switch v := tree.(type) {
	case string:
		return replace(v)
	case []any:
		for k := range v {
			v[k] = each(v[k], replace)
		}
	case map[string]any:
		for _, key := range slices.Collect(maps.Keys(v)) {
			value := each(v[key], replace)
			delete(v, key)
			v[replace(key)] = value
		}
	}
	return tree
}

// checkVariables wants every variable to be known and to have values, and every value to be used.
func (s Scenario) checkVariables() error {
	declared := s.Vary
	s.Vary = nil
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, m := range variable.FindAllSubmatch(data, -1) {
		name := string(m[1])
		if used[name] = true; len(declared[name]) == 0 && !slices.Contains([]string{varNamespace, varRealNode, varNow}, name) {
			return fmt.Errorf("${%s} is not declared in vary", name)
		}
	}
	for name := range declared {
		if !used[name] {
			return fmt.Errorf("vary.%s is not used", name)
		}
	}
	return nil
}

// times are ${NOW}, and ${NOW-10m} and ${NOW+24h} too.
var times = regexp.MustCompile(`\$\{` + varNow + `([+-][0-9a-z]+)?\}`)

// now fills in the times. What is not a duration is left as it is.
func now(text string) string {
	return times.ReplaceAllStringFunc(text, func(found string) string {
		offset, err := time.ParseDuration(strings.TrimPrefix(cmp.Or(times.FindStringSubmatch(found)[1], "0s"), "+"))
		if err != nil {
			return found
		}
		return time.Now().Add(offset).UTC().Format(time.RFC3339)
	})
}
