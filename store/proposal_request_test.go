package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequestDrafts(t *testing.T) {
	w := newSavers(t)
	w.scan(sizing("api", 50), sizing("web", 40))
	waiting := func() (all []string) {
		var n int
		for _, name := range []string{"api", "web"} {
			if _, err := fmt.Sscan(w.sql(`SELECT count(*) FROM river_job j JOIN finding f ON f.group_id::text = j.args ->> 'detail'
				WHERE j.kind = 'draft' AND f.workload = $1`, name), &n); err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprint(name, " ", n))
		}
		return all
	}
	for range 2 { // one that waits is enough
		w.must(w.RequestDrafts(t.Context()))
	}
	if d := cmp.Diff([]string{"api 1", "web 1"}, waiting()); d != "" {
		t.Error(d)
	}
	w.sql(`UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() WHERE kind = 'draft' RETURNING id`)
	w.scan(sizing("api", 50)) // web is found no more
	w.must(w.RequestDrafts(t.Context()))
	if d := cmp.Diff([]string{"api 2", "web 1"}, waiting()); d != "" {
		t.Errorf("what runs may have looked before, and what is closed needs none: %s", d)
	}
}

func TestFollowBesideOneThatRuns(t *testing.T) {
	w := newSavers(t)
	all := func() string {
		return w.sql(`SELECT coalesce(string_agg(args ->> 'detail', ' ' ORDER BY id), '') FROM river_job WHERE kind = 'follow'`)
	}
	w.must(w.Follow(t.Context(), 7))
	if got := all(); got != "7" {
		t.Fatalf("follows %q, want one", got)
	}
	w.sql(`UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() WHERE kind = 'follow' RETURNING id`)
	for range 3 {
		w.must(w.Follow(t.Context(), 7))
	}
	if got := all(); got != "7 7/once" {
		t.Errorf("follows %q; want the one that runs, and one that looks once", got)
	}
}
