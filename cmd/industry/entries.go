package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// entriesJSON has, for each namespace of deploy/industries, what its customers ask: "gateway:8080".
//
//go:embed entries.json
var entriesJSON []byte

// entries gives what customers ask in a namespace, or, for "all", in all of them, as a pod of any namespace reaches it.
func entries(namespace string) ([]string, error) {
	var known map[string][]string
	if err := json.Unmarshal(entriesJSON, &known); err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(known))
	if namespace != "all" {
		if known[namespace] == nil {
			return nil, fmt.Errorf("-namespace %q: want all, or one of %s", namespace, strings.Join(names, ", "))
		}
		names = []string{namespace}
	}
	var all []string
	for _, n := range names {
		for _, e := range known[n] {
			host, port, _ := strings.Cut(e, ":")
			all = append(all, fmt.Sprintf("%s.%s.svc:%s", host, n, port))
		}
	}
	return all, nil
}
