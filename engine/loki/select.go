package loki

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// selector is LogQL's selector of the streams of this cluster that have labels with exactly these values, and values that match these
// patterns, which Loki anchors at both ends. A value may be anything: it is quoted as Loki unquotes it.
func (l *Loki) selector(equal, like map[string]string) string {
	var b strings.Builder
	write := func(labels map[string]string, operator string) {
		for _, name := range slices.Sorted(maps.Keys(labels)) {
			if b.Len() > 0 {
				b.WriteString(", ")
			}
			b.WriteString(name + operator + strconv.Quote(strings.ToValidUTF8(labels[name], "�")))
		}
	}
	all := maps.Clone(l.cfg.Match)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, equal)
	write(all, "=")
	write(like, "=~")
	return "{" + b.String() + "}"
}

// What Kubernetes puts behind a name: a hash of the template, and five characters by chance, both of an alphabet without vowels. A pod of
// "api-gateway" is none of "api".
const (
	chance = `[bcdfghjklmnpqrstvwxz2456789]{5}`
	hash   = `[bcdfghjklmnpqrstvwxz2456789]{1,10}`
	// longName is how long a name may be so that Kubernetes cuts nothing of what it makes of it.
	longName = 40
)

// podsLike is the pattern of the names of a workload's pods, of those too that are gone; "" for what has none by its name.
func podsLike(w engine.Workload) string {
	name := regexp.QuoteMeta(w.Name)
	if len(w.Name) > longName && w.Kind != "Pod" {
		return regexp.QuoteMeta(w.Name[:longName]) + `[a-z0-9.-]*`
	}
	switch w.Kind {
	case "Pod":
		return name
	case "Deployment":
		return name + "-" + hash + "-" + chance
	case "StatefulSet":
		return name + `-[0-9]+`
	case "DaemonSet", "ReplicaSet":
		return name + "-" + chance
	case "Job":
		return name + `(-[0-9]+)?-` + chance
	case "CronJob":
		return name + `-[0-9]+(-[0-9]+)?-` + chance
	}
	return ""
}

// crio is how a container runtime writes a line to the node's disk.
var crio = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\S+ (?:stdout|stderr) [FP] `)

// unwrap gives what the container wrote, where what brought it to Loki left the node's or its own wrapping around it.
func unwrap(text string) string {
	text = strings.TrimRight(text, "\r\n")
	if strings.HasPrefix(text, "{") {
		var record struct {
			Log *string `json:"log"`
		}
		if json.Unmarshal([]byte(text), &record) == nil && record.Log != nil {
			text = strings.TrimRight(*record.Log, "\r\n")
		}
	}
	return text[len(crio.FindString(text)):]
}
