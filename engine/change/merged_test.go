package change

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// reviewed is a past whose second commit was merged late, after it had been written long before.
type reviewed struct {
	Tree
	merged time.Time
	fail   error
}

func (r reviewed) Pull(_ context.Context, commit string) (engine.Pull, error) {
	if commit == shaOf(1) {
		return engine.Pull{Number: 12, URL: "https://github.example.com/acme/deploy/pull/12", MergedAt: r.merged}, r.fail
	}
	return engine.Pull{}, r.fail
}

func TestMerged(t *testing.T) {
	const file = "apps/api.yaml"
	began := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	p := past{}.then("begin", memory{file: declaredAPI, "apps/other.yaml": "kind: Deployment\nmetadata: {name: other, namespace: payments}\n"}).
		replaced("more words", file, "level: info", "level: debug").
		then("of somebody else", memory{"apps/other.yaml": "kind: Deployment\nmetadata: {name: other, namespace: payments, labels: {a: b}}\n"})
	for name, c := range map[string]struct {
		of     string
		from   time.Duration // before it began
		merged time.Duration // the same
		want   []string
		paths  []string
	}{
		"a merge and the first push":    {"api", 2 * time.Hour, 10 * time.Minute, []string{"more words #12 09:20", "begin #0 09:00"}, []string{"apps"}},
		"written before, merged within": {"api", 15 * time.Minute, 10 * time.Minute, []string{"more words #12 09:20"}, nil},
		"merged too early":              {"api", 5 * time.Minute, 10 * time.Minute, nil, nil},
		"merged after it began":         {"api", 20 * time.Minute, -time.Minute, nil, nil},
		"of another":                    {"other", 2 * time.Hour, 10 * time.Minute, []string{"of somebody else #0 09:02", "begin #0 09:00"}, nil},
		"of nothing that is declared":   {"absent", 2 * time.Hour, 10 * time.Minute, nil, nil},
		"not in the folder":             {"api", 2 * time.Hour, 10 * time.Minute, nil, []string{"infra"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := api.Workload
			w.Name = c.of
			all, err := Merged(t.Context(), reviewed{p.tree(), began.Add(-c.merged), nil}, c.paths, w, began.Add(-c.from), began)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range all {
				got = append(got, fmt.Sprintf("%s #%d %s", m.Subject, m.Pull.Number, m.When.Format("15:04")))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	away := engine.Errorf(engine.Unavailable, "away")
	if _, err := Merged(t.Context(), reviewed{p.tree(), began, away}, nil, api.Workload, began.Add(-time.Hour), began); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("while the forge is away: %v", err)
	}
}
