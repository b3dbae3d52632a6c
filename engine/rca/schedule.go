package rca

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

var scheduleClasses = []engine.Class{engine.ClassUnschedulable, engine.ClassReplicasMissing, engine.ClassRolloutStuck, engine.ClassClaimPending}

// scheduleRules read the scheduler's sentence: "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint {…}. preemption: …".
// How much a reason weighs is the share of nodes that it rules out.
var scheduleRules = []rule{
	{name: "schedule/too-big", classes: scheduleClasses, prior: 0.92, match: func(f *facts) (finding, bool) {
		v, ok := f.verdict()
		r, short := v.reason(insufficient)
		if !ok || !short || !v.hopeless() {
			return finding{}, false
		}
		resource := insufficient.FindStringSubmatch(r.text)[1]
		m := v.finding(1)
		m.title = fmt.Sprintf("the pod asks for more %s than any node has%s", resource, f.request(resource))
		m.text = "No node that it may run on could hold it, even if it were empty."
		m.step = engine.Step{Text: "Lower the request, or add a node type that is large enough.", Field: f.path(f.suspect(), "resources.requests."+resource), Command: "kubectl describe nodes"}
		m.because(f, "resources")
		return m, true
	}},
	{name: "schedule/insufficient", classes: scheduleClasses, prior: 0.85, match: func(f *facts) (finding, bool) {
		v, ok := f.verdict()
		if !ok || v.hopeless() {
			return finding{}, false
		}
		var names []string
		nodes := 0
		for _, r := range v.reasons {
			if g := insufficient.FindStringSubmatch(r.text); g != nil {
				names = append(names, g[1])
				nodes = max(nodes, r.nodes)
			}
		}
		if len(names) == 0 {
			return finding{}, false
		}
		m := v.finding(v.weight(nodes))
		m.title = "not enough " + strings.Join(names, " and ") + " free on the nodes" + f.request(names[0])
		m.text = v.extent(nodes)
		m.step = engine.Step{Text: "Add nodes (or see why the autoscaler does not), or lower requests that are larger than the use.", Command: "kubectl describe nodes", Field: f.path(f.suspect(), "resources.requests")}
		m.because(f, "resources", "replicas")
		return m, true
	}},
	placed("schedule/taint", 0.82, tainted, "the nodes have a taint that the pod does not tolerate", "tolerations",
		"Add a toleration, or take the taint off when it should not be there.", "kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints"),
	placed("schedule/affinity", 0.82, unselected, "no node matches the pod's node selector or affinity", "nodeSelector",
		"Correct the selector, or label nodes so that they match.", "kubectl get nodes --show-labels"),
	placed("schedule/spread", 0.8, regexp.MustCompile(`didn't (?:match|satisfy) (?:existing )?(?:pods? )?(?:pod )?(?:(?:anti-)?affinity|topology spread)[^,.]*`), "the pod's (anti-)affinity or spread towards other pods leaves no node", "",
		"Add nodes, or make the rule a preference.", "get pods -o wide"),
	placed("schedule/volume-zone", 0.88, regexp.MustCompile(`volume node affinity conflict|didn't match PersistentVolume's node affinity`), "the pod's volume is in another zone than the free nodes", "",
		"Add a node in the volume's zone: an EBS volume cannot leave its own.", "kubectl get nodes -L topology.kubernetes.io/zone"),
	generally(placed("schedule/volume-unbound", 0.8, regexp.MustCompile(`unbound immediate PersistentVolumeClaims|didn't find available persistent volumes to bind`), "the pod waits for a volume that is not bound", "",
		"See why the claim has no volume.", "get pvc")),
	placed("schedule/volume-count", 0.85, regexp.MustCompile(`exceed max volume count`), "the nodes cannot attach more volumes", "",
		"Add nodes, or use an instance type that attaches more.", "kubectl describe nodes"),
	placed("schedule/too-many-pods", 0.85, regexp.MustCompile(`Too many pods`), "the nodes hold as many pods as they may", "",
		"Add nodes, or raise the limit (on EKS: prefix delegation).", "kubectl get nodes -o custom-columns=NAME:.metadata.name,PODS:.status.allocatable.pods"),
	placed("schedule/ports", 0.85, regexp.MustCompile(`didn't have free ports`), "the host port that the pod wants is taken", "containers[*].ports",
		"Drop the host port, or run no more replicas than there are nodes.", "get pods -o wide"),
	placed("schedule/cordoned", 0.8, cordoned, "the nodes are cordoned, or there are none", "",
		"See why the nodes are cordoned; uncordon one, or add one.", "kubectl get nodes"),
}

var (
	available    = regexp.MustCompile(`0/(\d+) nodes are available: ((?s:.*))`)
	counted      = regexp.MustCompile(`^(\d+) (.*)$`)
	tainted      = regexp.MustCompile(`untolerated taint(?:\(s\)|s)?(?: \{([^}]*)\})?`)
	unselected   = regexp.MustCompile(`didn't match Pod's node (?:affinity/selector|affinity|selector)|didn't match node selector`)
	insufficient = regexp.MustCompile(`Insufficient ([A-Za-z0-9./_-]+)`)
	cordoned     = regexp.MustCompile(`were unschedulable|no nodes available to schedule pods`)
	unhelpful    = regexp.MustCompile(`(\d+) Preemption is not helpful`)
)

// schedulerVerdict is the scheduler's sentence in parts.
type schedulerVerdict struct {
	ids     []string
	nodes   int // all of the cluster's
	useless int // those on which evicting others would not help
	reasons []reason
	text    string
}

type reason struct {
	nodes int
	text  string
}

// verdict finds what the scheduler said last of a pod that fits nowhere.
func (f *facts) verdict() (schedulerVerdict, bool) {
	var v schedulerVerdict
	for _, m := range f.messages() {
		parsed, ok := parseVerdict(m.text)
		if !ok {
			continue
		}
		if v.text == "" {
			v = parsed
			// A node that is cordoned is told so before anything else: of one that the pod's selector does not mean, that is beside the point.
			if f.field(engine.EvidencePod, "", "selected_cordoned") == "false" && f.field(engine.EvidencePod, "", "selected") == "true" {
				if rest := slices.DeleteFunc(slices.Clone(v.reasons), func(r reason) bool { return cordoned.MatchString(r.text) }); len(rest) > 0 {
					v.reasons = rest
				}
			}
		}
		if len(v.ids) < maxIDs {
			v.ids = append(v.ids, m.id)
		}
	}
	return v, v.text != ""
}

func parseVerdict(text string) (schedulerVerdict, bool) {
	g := available.FindStringSubmatch(text)
	if g == nil {
		if !strings.Contains(text, "no nodes available to schedule pods") {
			return schedulerVerdict{}, false
		}
		return schedulerVerdict{text: text, reasons: []reason{{0, text}}}, true
	}
	v := schedulerVerdict{text: text}
	v.nodes, _ = strconv.Atoi(g[1]) // digits; a number too large counts as none
	_, preemption, _ := strings.Cut(g[2], "preemption: ")
	body, _, _ := strings.Cut(g[2], ". ")
	if u := unhelpful.FindStringSubmatch(preemption); u != nil {
		v.useless, _ = strconv.Atoi(u[1])
	}
	for _, part := range splitReasons(strings.TrimRight(strings.TrimSpace(body), ".")) {
		r := reason{v.nodes, part} // a reason without a count is about the pod, and so rules out every node
		if c := counted.FindStringSubmatch(part); c != nil {
			r.nodes, _ = strconv.Atoi(c[1])
			r.text = c[2]
		}
		v.reasons = append(v.reasons, r)
	}
	return v, len(v.reasons) > 0
}

// splitReasons splits at commas outside of braces, where taints stand.
func splitReasons(s string) []string {
	var out []string
	depth, from := 0, 0
	for k := range len(s) {
		switch s[k] {
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth <= 0 {
				out = append(out, strings.TrimSpace(s[from:k]))
				from = k + 1
			}
		}
	}
	if last := strings.TrimSpace(s[from:]); last != "" {
		out = append(out, last)
	}
	return out
}

func (v schedulerVerdict) reason(re *regexp.Regexp) (reason, bool) {
	var found reason
	for _, r := range v.reasons {
		if re.MatchString(r.text) && (found.text == "" || r.nodes > found.nodes) {
			found = r
		}
	}
	return found, found.text != ""
}

// hopeless tells whether the pod would not fit even if others made room: the scheduler says so of every node.
func (v schedulerVerdict) hopeless() bool { return v.nodes > 0 && v.useless >= v.nodes }

// byDesign tells whether a reason rules out nodes that were never meant: those that are set apart by a taint refuse ordinary pods, and a pod
// with a selector refuses the others. A taint that Kubernetes gave says that something is wrong with the node.
func (r reason) byDesign() bool {
	return unselected.MatchString(r.text) || tainted.MatchString(r.text) && !strings.Contains(r.text, "{node.kubernetes.io/")
}

// beside tells whether a reason by design is not the cause: what the nodes lack that the pod may run on is. Where there is no other reason, it
// depends on whether any node has the labels that the pod asks for: then the taint of those is the cause, and else the selector.
func (v schedulerVerdict) beside(f *facts, r reason) bool {
	if !r.byDesign() || r.nodes >= v.nodes {
		return false
	}
	if slices.ContainsFunc(v.reasons, func(r reason) bool { return !r.byDesign() }) {
		return true
	}
	return (f.field(engine.EvidencePod, "", "selected") == "true") == unselected.MatchString(r.text)
}

// weight is between a half and one: the more nodes a reason rules out, the more it explains.
func (v schedulerVerdict) weight(nodes int) float64 {
	if v.nodes <= 0 {
		return 1
	}
	return 0.5 + 0.5*min(1, float64(nodes)/float64(v.nodes))
}

func (v schedulerVerdict) finding(strength float64) finding {
	return finding{strength: strength, pro: append([]string(nil), v.ids...)}
}

// extent says how many nodes a reason rules out.
func (v schedulerVerdict) extent(nodes int) string {
	switch {
	case v.nodes <= 0:
		return "The scheduler finds no node for the pod."
	case v.nodes == 1:
		return "This rules out the only node."
	case nodes >= v.nodes:
		return fmt.Sprintf("This rules out all %d nodes.", v.nodes)
	}
	return fmt.Sprintf("This rules out %d of %d nodes; the others have other reasons.", nodes, v.nodes)
}

// request says how much a container asks for, when that is known.
func (f *facts) request(resource string) string {
	if resource != "cpu" && resource != "memory" {
		return ""
	}
	if q := f.field(engine.EvidenceContainer, "", resource+"_request"); q != "" {
		return " (it asks for " + q + ")"
	}
	return ""
}

// placed makes the rule for a reason that rules out nodes. A command that begins with "get" is about the workload's namespace.
func placed(name string, prior float64, re *regexp.Regexp, title, field, step, command string) rule {
	return rule{name: name, classes: scheduleClasses, prior: prior, match: func(f *facts) (finding, bool) {
		v, ok := f.verdict()
		r, hit := v.reason(re)
		if !ok || !hit {
			return finding{}, false
		}
		m := v.finding(v.weight(r.nodes))
		m.title = title
		if g := re.FindStringSubmatch(r.text); len(g) > 1 && g[1] != "" {
			m.title += ": " + quote(strings.TrimSuffix(g[1], ": "), 80)
		}
		if v.beside(f, r) {
			m.strength *= 0.5
		}
		m.text = v.extent(r.nodes)
		m.step = engine.Step{Text: step, Command: command}
		if strings.HasPrefix(command, "get ") {
			m.step.Command = f.kubectl(command)
		}
		if re == tainted && strings.Contains(r.text, "{node.kubernetes.io/") {
			m.step = engine.Step{Text: "See what is wrong with the nodes: Kubernetes gave them the taint itself.", Command: "kubectl describe nodes"}
		} else if field != "" {
			m.step.Field = f.podField(field)
		}
		m.because(f, "placement", "volume")
		return m, true
	}}
}
