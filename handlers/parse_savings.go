package handlers

import (
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// kindWords are the kinds of finding as people type them.
var kindWords = map[string]engine.FindingKind{
	"cpu": engine.OverRequestedCPU, "memory": engine.OverRequestedMemory, "node": engine.IdleNode, "volume": engine.OrphanVolume,
	"nodes": engine.IdleNode, "volumes": engine.OrphanVolume,
}

func kindOf(word string) (engine.FindingKind, bool) {
	word = strings.ReplaceAll(strings.ToLower(word), "-", "_")
	for _, k := range engine.FindingKinds() {
		if string(k) == word {
			return k, true
		}
	}
	k, ok := kindWords[word]
	return k, ok
}

// parseSavings understands what follows savings: a team, a cluster or a type, alone or as pairs.
func parseSavings(args []string) (query, error) {
	q := query{verb: "savings"}
	for _, arg := range args {
		key, value, isPair := strings.Cut(arg, "=")
		if !isPair {
			if k, ok := kindOf(arg); ok {
				q.findings.Kind = k
				continue
			}
			if q.bare != "" {
				return query{}, engine.Errorf(engine.Invalid, "`%s` is one word too many; a team or cluster was named already", plain(arg))
			}
			q.bare = arg
			continue
		}
		if value == "" {
			return query{}, engine.Errorf(engine.Invalid, "`%s=` wants a value behind it", plain(key))
		}
		switch strings.ToLower(key) {
		case "team":
			q.findings.Team = value
		case "cluster":
			q.findings.Cluster = value
		case "namespace", "ns":
			q.findings.Namespace = value
		case "type", "kind":
			k, ok := kindOf(value)
			if !ok {
				return query{}, engine.Errorf(engine.Invalid, "`%s` is not a type of waste; cpu, memory, node or volume", plain(value))
			}
			q.findings.Kind = k
		default:
			return query{}, engine.Errorf(engine.Invalid, "I do not know the filter `%s`; known: team, cluster, namespace, type", plain(key))
		}
	}
	return q, nil
}

// parseDetect understands what follows detect: waste and, if wanted, a cluster or a namespace.
func parseDetect(args []string) (query, error) {
	q := query{verb: "detect"}
	if len(args) == 0 || !strings.EqualFold(args[0], "waste") {
		return query{}, engine.Errorf(engine.Invalid, "`detect` finds waste: `/autopilot detect waste`, and a cluster or namespace behind it if you like")
	}
	for _, arg := range args[1:] {
		key, value, isPair := strings.Cut(arg, "=")
		switch {
		case !isPair && q.bare != "":
			return query{}, engine.Errorf(engine.Invalid, "`%s` is one word too many; name one cluster or one namespace", plain(arg))
		case !isPair:
			q.bare = arg
		case value == "":
			return query{}, engine.Errorf(engine.Invalid, "`%s=` wants a value behind it", plain(key))
		case strings.EqualFold(key, "cluster"):
			q.findings.Cluster = value
		case strings.EqualFold(key, "namespace"), strings.EqualFold(key, "ns"):
			q.findings.Namespace = value
		default:
			return query{}, engine.Errorf(engine.Invalid, "I do not know the filter `%s`; known: cluster, namespace", plain(key))
		}
	}
	if q.bare != "" && q.findings != (engine.FindingFilter{}) {
		return query{}, engine.Errorf(engine.Invalid, "name the cluster or namespace once: `%s`, or as a pair", plain(q.bare))
	}
	return q, nil
}
