package rca

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// What the kubelet, the scheduler, the storage and the API server write.
var (
	noKey       = regexp.MustCompile(`couldn't find key (\S+) in (ConfigMap|Secret) (?:(\S+)/)?(\S+)`)
	noVolumeKey = regexp.MustCompile(`(?:(?i:references? non-existent (?:config|secret) key): (\S+))`)
	noCommand   = regexp.MustCompile(`exec: \\?"([^"\\]+)\\?": (?:executable file not found|stat [^:]+: no such file)`)
	noExecute   = regexp.MustCompile(`exec: \\?"([^"\\]+)\\?": permission denied|exec (\S+): permission denied`)
	asRoot      = regexp.MustCompile(`(container has runAsNonRoot and image (?:will run as root|has non-numeric user[^,]*))`)
	noMount     = regexp.MustCompile(`(?:MountVolume\.\w+ failed for volume "([^"]+)"|Unable to attach or mount volumes: unmounted volumes=\[([^\]]+)\]|AttachVolume\.Attach failed for volume "([^"]+)")`)
	noAddress   = regexp.MustCompile(`(?i)failed to assign an IP address|no (?:available )?IP addresses|InsufficientFreeAddressesInSubnet`)
)

var configClasses = []engine.Class{engine.ClassConfigError, engine.ClassRolloutStuck, engine.ClassJobFailed, engine.ClassReplicasMissing}

// configRules read why a container could not be created.
var configRules = []rule{
	{name: "config/missing-key", classes: configClasses, prior: 0.95, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noKey)
		if g == nil {
			g, ids = f.heard(noVolumeKey)
			if g == nil {
				return f.missingKey()
			}
			return f.missing("key "+g[1]+" does not exist in a ConfigMap or Secret", "A volume names it.", ids, addKey, f.describe("pod", f.podOf(ids))), true
		}
		return f.missing(fmt.Sprintf("%s %s has no key %s", g[2], g[4], g[1]), "The container refers to it.", ids, addKey, f.describe(g[2], g[4])), true
	}},
	missingObject("config/missing-configmap", "ConfigMap", `(?i)configmaps? "([^"]+)" not found`),
	missingObject("config/missing-secret", "Secret", `(?i)secrets? "([^"]+)" not found`),
	missingObject("config/missing-claim", "PersistentVolumeClaim", `(?i)persistentvolumeclaims? "([^"]+)" not found`),
	missingObject("config/missing-account", "ServiceAccount", `(?i)serviceaccounts? "([^"]+)" not found`),
	{name: "config/command-not-found", classes: append([]engine.Class{engine.ClassCrashLoop}, configClasses...), prior: 0.93, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noCommand)
		if g == nil {
			return finding{}, false
		}
		return f.command("command "+quote(g[1], 80)+" is not in the image", "The runtime found no such program.", ids), true
	}},
	{name: "config/not-executable", classes: append([]engine.Class{engine.ClassCrashLoop}, configClasses...), prior: 0.9, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noExecute)
		if g == nil {
			return finding{}, false
		}
		return f.command("command "+quote(or(g[1], g[2]), 80)+" may not be executed", "The file has no executable bit, or its volume is mounted noexec.", ids), true
	}},
	{name: "config/run-as-root", classes: configClasses, prior: 0.93, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(asRoot)
		if g == nil {
			return finding{}, false
		}
		c := f.suspect()
		title, why := "the image runs as root, which the pod forbids", "The pod says runAsNonRoot and the image names no other user."
		if !strings.Contains(g[1], "as root") {
			title, why = "the image's user has a name, and the pod forbids root", "Only a number shows the kubelet that the user is not root."
		}
		return finding{
			strength: 1, pro: ids, title: title, text: why,
			step: engine.Step{Text: "Give the image a numeric user, or set runAsUser.", Field: f.path(c, "securityContext.runAsUser")},
		}, true
	}},
	{general: true, name: "config/mount", classes: configClasses, prior: 0.7, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noMount)
		if g == nil {
			return finding{}, false
		}
		volume := or(or(g[1], g[2]), g[3])
		e, _ := f.first(engine.EvidenceEvent, func(e engine.Evidence) bool { return e.ID == ids[0] })
		return finding{
			strength: 1, pro: ids, title: "volume " + quote(volume, 80) + " cannot be mounted: " + quote(core(e.Fields["message"]), 100), text: "The pod waits for it before it starts.",
			step: engine.Step{Text: "Read the whole error, and mend what it names.", Command: f.describe("pod", e.Object.Name)},
		}, true
	}},
	{name: "config/sandbox", classes: configClasses, prior: 0.75, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceEvent, func(e engine.Evidence) bool { return e.Fields["reason"] == "FailedCreatePodSandBox" })
		if !ok || noAddress.MatchString(e.Fields["message"]) {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "the pod's network cannot be set up", text: "The CNI plug-in of its node failed.",
			step: engine.Step{Text: "Look at the CNI plug-in on that node (on EKS: aws-node).", Command: "kubectl -n kube-system get pods -l k8s-app=aws-node -o wide"},
		}, true
	}},
	{general: true, name: "config/unknown", classes: []engine.Class{engine.ClassConfigError}, prior: 0.35, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceContainer, func(e engine.Evidence) bool {
			return e.Fields["message"] != "" && (e.Fields["reason"] == "CreateContainerConfigError" || e.Fields["reason"] == "CreateContainerError" || e.Fields["reason"] == "RunContainerError")
		})
		if !ok {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: []string{e.ID}, title: "the container cannot be created: " + quote(e.Fields["message"], 100), text: "The kubelet says no more.",
			step: engine.Step{Text: "Read the whole error, and mend what it names.", Command: f.describe("pod", e.Object.Name)},
		}
		m.because(f)
		return m, true
	}},
}

// missingObject makes the rule for an object that a pod refers to and that does not exist.
func missingObject(name, kind, pattern string) rule {
	re := regexp.MustCompile(pattern)
	return rule{name: name, classes: append([]engine.Class{engine.ClassUnschedulable}, configClasses...), prior: 0.95, match: func(f *facts) (finding, bool) {
		missing := func(e engine.Evidence) bool {
			return e.Fields["kind"] == kind && e.Fields["exists"] == "false" && e.Fields["key"] == ""
		}
		g, ids := f.heard(re)
		object, strength := "", 1.0
		if g != nil {
			if object = g[1]; f.exists(kind, object) {
				return finding{}, false // it was said before it was made
			}
		} else if e, ok := f.first(engine.EvidenceReference, missing); ok {
			object, strength = e.Fields["name"], 0.85
		} else {
			return finding{}, false
		}
		ids = append(ids, f.ids(engine.EvidenceReference, func(e engine.Evidence) bool { return missing(e) && e.Fields["name"] == object })...)
		m := f.missing(fmt.Sprintf("%s %s does not exist", kind, object), fmt.Sprintf("The pod refers to it, and namespace %s has none of that name.", f.i.Workload.Namespace), ids,
			fmt.Sprintf("Create %s %s, or correct the reference.", kind, quote(object, 80)), f.kubectl("get "+strings.ToLower(kind)+"s"))
		m.strength *= strength
		return m, true
	}}
}

// exists tells whether an object was seen.
func (f *facts) exists(kind, name string) bool {
	_, seen := f.first(engine.EvidenceReference, func(e engine.Evidence) bool {
		return e.Fields["kind"] == kind && e.Fields["name"] == name && e.Fields["exists"] == "true"
	})
	if kind == "PersistentVolumeClaim" && !seen {
		_, seen = f.first(engine.EvidenceClaim, func(e engine.Evidence) bool { return e.Object.Name == name && e.Fields["exists"] != "false" })
	}
	return seen
}

const addKey = "Add the key, or correct the reference."

// podOf is the pod that evidence is about; "" when it is about none.
func (f *facts) podOf(ids []string) string {
	for _, all := range f.kind {
		for _, e := range all {
			if e.Object.Kind == "Pod" && len(ids) > 0 && e.ID == ids[0] {
				return e.Object.Name
			}
		}
	}
	return ""
}

// missingKey finds a key that a pod refers to and that its ConfigMap does not have, before the kubelet says so.
func (f *facts) missingKey() (finding, bool) {
	e, ok := f.first(engine.EvidenceReference, func(e engine.Evidence) bool { return e.Fields["exists"] == "false" && e.Fields["key"] != "" })
	if !ok {
		return finding{}, false
	}
	kind, name := e.Fields["kind"], e.Fields["name"]
	return f.missing(fmt.Sprintf("%s %s has no key %s", kind, name, e.Fields["key"]), "The container refers to it.", []string{e.ID}, addKey, f.describe(kind, name)), true
}

func (f *facts) missing(title, text string, ids []string, step, look string) finding {
	m := finding{strength: 1, pro: ids, title: title, text: text, step: engine.Step{Text: step}}
	m.because(f, "env", "envFrom", "volume", "mount", "account")
	m.otherwise(look)
	return m
}

func (f *facts) command(title, text string, ids []string) finding {
	m := finding{strength: 1, pro: ids, title: title, text: text, step: engine.Step{
		Text: "Correct the command, or the image that should have it.", Field: f.path(f.suspect(), "command"),
	}}
	m.because(f, "command", "args", "image")
	return m
}
