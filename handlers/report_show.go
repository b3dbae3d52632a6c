package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// reportKinds are the kinds of report as people type them.
var reportKinds = map[string]engine.PeriodKind{
	"weekly": engine.Weekly, "week": engine.Weekly, "monthly": engine.Monthly, "month": engine.Monthly,
}

// parseReport understands what follows report: a kind, a period, and a team or cluster.
func parseReport(args []string, now time.Time) (query, error) {
	q := query{verb: "report"}
	var kind engine.PeriodKind
	var period string
	for n, arg := range args {
		key, value, isPair := strings.Cut(arg, "=")
		word := strings.ToLower(arg)
		switch {
		case isPair && value == "":
			return query{}, engine.Errorf(engine.Invalid, "`%s=` wants a value behind it", plain(key))
		case isPair:
			switch strings.ToLower(key) {
			case "team":
				q.scope.Team = value
			case "cluster":
				q.scope.Cluster = value
			case "period":
				period = value
			default:
				return query{}, engine.Errorf(engine.Invalid, "I do not know the filter `%s`; known: team, cluster, period", plain(key))
			}
		case reportKinds[word] != "" && kind == "":
			kind = reportKinds[word] // "last month" says it too
		case reportKinds[word] != "" && kind != reportKinds[word]:
			return query{}, engine.Errorf(engine.Invalid, "`%s` is one word too many; a report is weekly or monthly", plain(arg))
		case reportKinds[word] != "":
		case isPeriodWord(word) && period == "":
			period = word
		case isPeriodWord(word):
			return query{}, engine.Errorf(engine.Invalid, "`%s` is one word too many; a period was named already", plain(arg))
		case q.bare != "":
			return query{}, engine.Errorf(engine.Invalid, "`%s` is one word too many; a team or cluster was named already", plain(arg))
		default:
			if near := nearestWord(word, []string{"weekly", "monthly"}); n == 0 && near != "" {
				return query{}, engine.Errorf(engine.Invalid, "I do not know the report `%s`; did you mean `/autopilot report %s`? A team is `team=%[1]s`", plain(arg), near)
			}
			q.bare = arg
		}
	}
	if kind == "" && (period == "" || period == "last" || period == "this") {
		kind = engine.Weekly
	}
	var err error
	q.period, err = digest.ParsePeriod(period, kind, now)
	return q, err
}

// isPeriodWord tells whether a word is meant to be a period, rather than the name of a team.
func isPeriodWord(word string) bool {
	return word == "last" || word == "this" || startsWithYear(word)
}

// showReport gives the digest of a period, and its page as a file. The one that was told is shown as it was told.
func (h *Handlers) showReport(ctx context.Context, q query) (engine.Reply, error) {
	scope := q.scope
	if q.bare != "" {
		if slices.ContainsFunc(h.Clusters, func(c Cluster) bool { return c.Name == q.bare }) {
			scope.Cluster = q.bare
		} else {
			scope.Team = q.bare
		}
	}
	if scope.Cluster != "" {
		if _, ok := h.cluster(scope.Cluster); !ok {
			return engine.Reply{}, engine.Errorf(engine.Invalid, "there is no cluster `%s`; %s", plain(scope.Cluster), h.clusterNames(scope.Cluster))
		}
	}
	d, err := h.Reports.Digest(ctx, q.period, scope, false)
	if err != nil {
		return engine.Reply{}, err
	}
	if digest.Empty(d) {
		return engine.Reply{}, h.Reports.Nothing(ctx, d)
	}
	page, err := Page(d)
	if err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{Digest: &d, File: &page}, nil
}

// Nothing says why a digest is empty, and what would be right: nobody has costs under that name, or none were known so early.
func (r *Reports) Nothing(ctx context.Context, d engine.Digest) error {
	teams, clusters, err := r.Book.Spenders(ctx)
	if err != nil {
		return err
	}
	for _, of := range []struct {
		what, name string
		known      []string
	}{{"team", d.Scope.Team, teams}, {"cluster", d.Scope.Cluster, clusters}} {
		if of.name == "" || len(of.known) == 0 || slices.Contains(of.known, of.name) {
			continue
		}
		return engine.Errorf(engine.NotFound, "no cost is known of a %s `%s`; %s", of.what, plain(of.name), rightName(of.name, teams, clusters, of.known))
	}
	what := d.Period.String() + scopeWords(engine.DigestScope{Team: plain(d.Scope.Team), Cluster: plain(d.Scope.Cluster)})
	since := d.Bills.Since
	if since.IsZero() {
		return engine.Errorf(engine.NotFound, "nothing is known of %s: there are no costs at all yet", what)
	}
	return engine.Errorf(engine.NotFound, "nothing is known of %s; the first day with costs is %s, in %s", what, since.Format("2 January 2006"), engine.PeriodOf(d.Period.Kind, since))
}

// rightName names a team or cluster that was probably meant, or those that there are.
func rightName(asked string, teams, clusters, known []string) string {
	const most = 12
	if near := nearestWord(asked, slices.Concat(known, teams, clusters)); near != "" {
		what := "cluster"
		if slices.Contains(teams, near) {
			what = "team"
		}
		return fmt.Sprintf("did you mean %s `%s`?", what, plain(near))
	}
	var names []string
	for _, name := range known[:min(most, len(known))] {
		names = append(names, "`"+plain(name)+"`")
	}
	if more := len(known) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return "known: " + strings.Join(names, ", ")
}
