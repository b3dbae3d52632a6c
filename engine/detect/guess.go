package detect

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// safe is the alphabet of the names that Kubernetes makes up: no vowels, nor what looks like one, so that no word comes out.
const safe = "[bcdfghjklmnpqrstvwxz2456789]"

var (
	replicaSetName = regexp.MustCompile(`^(.+)-(` + safe + `{8,10})$`)
	replicaSetPod  = regexp.MustCompile(`^(.+-` + safe + `{8,10})-` + safe + `{5}$`)
	cronJobName    = regexp.MustCompile(`^(.+)-(\d{8})$`)
	statefulPod    = regexp.MustCompile(`^(.+)-\d+$`)
)

// Guess says whose an object probably is, by the names that Kubernetes gives and the labels of an alert about it, for when nobody
// can be asked. What it gives is what the cluster would say, so that the same incident goes on when it can be asked again. ok is
// false when the names tell nothing.
func Guess(kind, namespace, name string, labels map[string]string) (w engine.Workload, ok bool) {
	of := func(kind, name string) (engine.Workload, bool) {
		return engine.Workload{Namespace: namespace, Kind: kind, Name: name}, name != ""
	}
	switch kind {
	case "ReplicaSet":
		return of("Deployment", deploymentOf(name))
	case "Job":
		return of("CronJob", cronJobOf(name))
	case "Pod":
	default:
		return engine.Workload{}, false
	}
	switch creator, by := labels["created_by_name"], labels["created_by_kind"]; {
	case creator == "" || creator == "<none>" || by == "":
	case by == engine.KindNode:
		return engine.Workload{Kind: engine.KindNode, Name: creator}, true
	case by == "ReplicaSet":
		if d := deploymentOf(creator); d != "" {
			return of("Deployment", d)
		}
		return of(by, creator)
	case by == "Job":
		if c := cronJobOf(creator); c != "" {
			return of("CronJob", c)
		}
		return of(by, creator)
	default:
		return of(by, creator)
	}
	// Many names end in a number: only the labels that a StatefulSet gives its pods tell that it is an ordinal.
	if cmp.Or(labels["statefulset_kubernetes_io_pod_name"], labels["label_statefulset_kubernetes_io_pod_name"]) == name || labels["apps_kubernetes_io_pod_index"] != "" {
		if m := statefulPod.FindStringSubmatch(name); m != nil {
			return of("StatefulSet", m[1])
		}
	}
	if m := replicaSetPod.FindStringSubmatch(name); m != nil {
		return of("Deployment", deploymentOf(m[1]))
	}
	return engine.Workload{}, false
}

// deploymentOf gives the Deployment by the name of its ReplicaSet; "" for a name that none gave. Digits alone are a CronJob's time.
func deploymentOf(replicaSet string) string {
	m := replicaSetName.FindStringSubmatch(replicaSet)
	if m == nil || strings.Trim(m[2], "0123456789") == "" {
		return ""
	}
	return m[1]
}

// cronJobOf gives the CronJob by the name of its Job, which ends in minutes since 1970: more than any date reads as.
func cronJobOf(job string) string {
	const someMinute = 26_000_000 // in 2019
	m := cronJobName.FindStringSubmatch(job)
	if m == nil {
		return ""
	}
	if minutes, err := strconv.Atoi(m[2]); err != nil || minutes < someMinute {
		return ""
	}
	return m[1]
}
