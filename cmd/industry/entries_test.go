package main

import (
	"io"
	"slices"
	"strings"
	"testing"
)

func TestEntries(t *testing.T) {
	one, err := entries("travel")
	if err != nil || !slices.Equal(one, []string{"search.travel.svc:8080", "booking.travel.svc:8080"}) {
		t.Errorf("travel: %q, %v", one, err)
	}
	all, err := entries("all")
	if err != nil {
		t.Fatal(err)
	}
	namespaces := map[string]bool{}
	for _, e := range all {
		namespaces[strings.Split(e, ".")[1]] = true
		if _, err := parseCallees(e); err != nil {
			t.Error(err)
		}
	}
	if len(namespaces) != 19 || !slices.Contains(all, one[1]) {
		t.Errorf("all are of %d namespaces: %q", len(namespaces), all)
	}
}

func TestWhereTheLoadGoes(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-namespace nowhere", `-namespace "nowhere": want all, or one of agriculture,`},
		{"-namespace finance -targets a:80", "-targets or -namespace, not both"},
		{"-rate 5", "no targets: name one or more, such as -targets gateway:80 or -namespace all"},
	} {
		if err := loadCommand(t.Context(), strings.Fields(c.args), io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.args, err, c.want)
		}
	}
}
