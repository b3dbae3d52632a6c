package rca

import (
	"regexp"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// inLogs are the classes for which a container's own words may be the cause.
var inLogs = []engine.Class{
	engine.ClassCrashLoop, engine.ClassProbeFailing, engine.ClassReplicasMissing, engine.ClassJobFailed, engine.ClassRolloutStuck, engine.ClassConfigError, engine.ClassHighLatency, engine.ClassAlert,
}

// crashRules read what a container wrote before it ended.
var crashRules = []rule{
	fromLog("crash/port-in-use", "port-in-use", 0.85, func(f *facts, container, port string) (string, string, engine.Step) {
		return "port already in use" + naming(port), "The container cannot listen: another container of its pod has the port, or the host when hostNetwork is on.",
			engine.Step{Text: "Give the container another port, or remove what holds this one.", Field: f.path(container, "ports")}
	}),
	fromLog("crash/dns", "dns", 0.82, func(_ *facts, _, host string) (string, string, engine.Step) {
		return "cannot resolve " + or(host, "a host name"), "The cluster's DNS does not know the name: nothing is called so, it is in another namespace, or DNS does not answer.",
			engine.Step{Text: "Look at the cluster's DNS.", Command: dnsPods}
	}, "env", "envFrom", "configmap", "config"),
	fromLog("crash/tls", "tls", 0.75, func(f *facts, container, what string) (string, string, engine.Step) {
		return "TLS fails: " + quote(what, 80), "One side does not accept the other's certificate.",
			engine.Step{Text: "Read which certificate it refuses; check its dates and names, and the CA bundle that the container trusts.", Command: f.logs(container)}
	}),
	fromLog("crash/dependency-auth", "dependency-auth", 0.82, func(f *facts, container, what string) (string, string, engine.Step) {
		if ofAWS.MatchString(what) {
			return "AWS refuses the credentials: " + quote(what, 80), "The role that the pod has may not do this, or the pod has none or an old one.",
				engine.Step{Text: "Check the IAM role of the pod's service account (IRSA or Pod Identity) and its policy.", Command: f.kubectl("describe serviceaccounts")}
		}
		return "a dependency refuses the credentials: " + quote(what, 80), "The other side answers, and does not accept who is asking.",
			engine.Step{Text: "See which Secret the credentials come from, and whether they were changed there or on the other side.", Command: f.describe(f.resource(), f.i.Workload.Name), Field: f.path(container, "env")}
	}, "env", "envFrom", "account"),
	fromLog("crash/rbac", "rbac", 0.88, func(f *facts, _, what string) (string, string, engine.Step) {
		return "Kubernetes refuses what it asks for: " + quote(what, 100), "The service account that the pod runs as has no role that allows it.",
			engine.Step{Text: "Bind a role that allows just that to the pod's service account.", Command: f.kubectl("get rolebindings"), Field: f.podField("serviceAccountName")}
	}, "account", "image"),
	fromLog("crash/dependency-refused", "dependency-refused", 0.85, func(f *facts, container, addr string) (string, string, engine.Step) {
		return "cannot reach " + or(addr, "a dependency") + ": connection refused", "Nothing listens at the address: the other side is down, not ready, or listens on another port.",
			engine.Step{Text: "Read what it could not reach, and see whether that is up.", Command: f.logs(container)}
	}, "env", "envFrom", "configmap", "config"),
	fromLog("crash/dependency-timeout", "dependency-timeout", 0.75, func(f *facts, container, addr string) (string, string, engine.Step) {
		return "cannot reach " + or(addr, "a dependency") + ": no answer in time", "The other side is down or overloaded, or a network policy or security group drops the packets.",
			engine.Step{Text: "Read what it could not reach; see whether that is up, and whether a network policy is in the way.", Command: f.logs(container)}
	}, "env", "envFrom", "configmap", "config"),
	fromLog("crash/heap", "heap", 0.78, func(f *facts, container, what string) (string, string, engine.Step) {
		return "the program's own heap is full: " + quote(what, 60), "It gave up before the container reached its memory limit.",
			engine.Step{Text: "Raise the program's heap and the container's limit together, or find what fills it.", Field: f.path(container, "resources.limits.memory"), Runbook: runbooks + "high-memory.md"}
	}, "image", "resources", "env"),
	fromLog("crash/disk-full", "disk-full", 0.85, func(f *facts, _, _ string) (string, string, engine.Step) {
		return "no space left on a volume", "A write failed because the file system is full.",
			engine.Step{Text: "See which volume or node disk is full, then free space or enlarge it.", Command: f.describe(f.resource(), f.i.Workload.Name)}
	}),
	fromLog("crash/exec-format", "exec-format", 0.9, func(f *facts, container, _ string) (string, string, engine.Step) {
		return "the image is for another processor (exec format error)", "The node cannot run the image's binary: it was built for another architecture, or the entry point is a script without its first line.",
			engine.Step{Text: "Build the image for the node's architecture, or pin the pods to nodes that fit.", Command: archs, Field: f.path(container, "image")}
	}, "image", "placement"),
	fromLog("crash/command-not-found", "command-not-found", 0.85, func(f *facts, container, cmd string) (string, string, engine.Step) {
		return "command not found" + naming(cmd), "The image has no such program, or it is not in the PATH.",
			engine.Step{Text: "Correct the command, or the image that should have it.", Field: f.path(container, "command")}
	}, "command", "args", "image"),
	fromLog("crash/missing-module", "missing-module", 0.82, func(f *facts, container, module string) (string, string, engine.Step) {
		return "a library is missing" + naming(module), "The program starts, and a part of it is not in the image.",
			engine.Step{Text: "Correct the build of the image.", Field: f.path(container, "image")}
	}, "image"),
	fromLog("crash/missing-env", "missing-env", 0.85, func(f *facts, container, name string) (string, string, engine.Step) {
		return "an environment variable is missing" + naming(name), "The program says that it needs it.",
			engine.Step{Text: "Set the variable " + quote(or(name, "that it names"), 80) + ".", Field: f.path(container, "env")}
	}, "env", "envFrom", "image", "configmap"),
	fromLog("crash/permission", "permission", 0.78, func(f *facts, container, what string) (string, string, engine.Step) {
		return "permission denied" + naming(what), "The user that the container runs as may not do this; a low port, a volume of another owner or a read-only root are usual.",
			engine.Step{Text: "Correct the container's user, the volume's fsGroup or the file's mode.", Field: f.path(container, "securityContext")}
	}, "image", "volume", "mount", "template"),
	fromLog("crash/missing-file", "missing-file", 0.78, func(f *facts, container, file string) (string, string, engine.Step) {
		return "a file is missing" + naming(file), "The program looked for it and did not find it: it is not in the image, or not mounted.",
			engine.Step{Text: "Mount the file, or correct its path.", Field: f.path(container, "volumeMounts")}
	}, "image", "volume", "mount", "args", "command", "env"),
	fromLog("crash/bad-config", "bad-config", 0.78, func(f *facts, container, what string) (string, string, engine.Step) {
		return "the configuration is wrong: " + quote(what, 90), "The program could not use what it was given.",
			engine.Step{Text: "Read which part it refuses, and correct that.", Command: f.logs(container), Field: f.path(container, "args")}
	}, "configmap", "config", "args", "command", "env", "envFrom", "image"),
	fromLog("crash/panic", "panic", 0.6, func(f *facts, container, what string) (string, string, engine.Step) {
		return "the program crashed: " + quote(or(what, "panic"), 90), "An error that it did not handle ended it.",
			engine.Step{Text: "Read the stack trace.", Command: f.logs(container)}
	}, "image"),
}

// ofAWS matches what AWS's APIs say to those who may not.
var ofAWS = regexp.MustCompile(`(?i)AccessDeniedException|UnrecognizedClient|InvalidClientTokenId|ExpiredToken|not authorized to perform`)

// archs is the command that shows which processor each node has.
const archs = "kubectl get nodes -L kubernetes.io/arch"

// fromLog makes a rule of a log signature. say gives title, text and step for a container and what the line is about;
// changes are the kinds of edit that make the cause likelier when they came shortly before.
func fromLog(name, signature string, prior float64, say func(f *facts, container, detail string) (string, string, engine.Step), changes ...string) rule {
	return rule{name: name, classes: inLogs, prior: prior, match: func(f *facts) (finding, bool) {
		l, ok := f.spoken(signature)
		if !ok {
			return finding{}, false
		}
		title, text, step := say(f, l.container, l.detail)
		m := finding{strength: l.weight, pro: l.ids, title: title, text: text, step: step}
		if step.Runbook == "" {
			m.step.Runbook = runbooks + "crash-loop.md"
		}
		switch signature {
		case "dns", "dependency-refused", "dependency-timeout":
			m.meet(f.otherSide(signature, l.detail))
		}
		m.pro = append(m.pro, f.ids(engine.EvidenceTermination, func(e engine.Evidence) bool {
			code, ok := exitCode(e)
			return ok && code != 0 && e.Container == l.container && !killedForMemory(e)
		})...)
		m.because(f, changes...)
		if e, ok := f.first(engine.EvidenceTermination, func(e engine.Evidence) bool { return killedForMemory(e) && e.Container == l.container }); ok && signature != "heap" {
			m.strength *= 0.4 // it was killed in the middle of what it wrote
			m.contra = append(m.contra, e.ID)
		}
		if f.killedByProbe() != nil && f.is(engine.ClassProbeFailing) && signature != "dependency-refused" {
			m.strength *= 0.8 // it was killed, and did not end by itself
		}
		return m, true
	}}
}

// line is what a log says of the cause.
type line struct {
	container, line, detail string
	ids                     []string
	weight                  float64
}

// quiet are the levels of lines that a program writes while it goes on; loud those of its last words.
var (
	quietLevel = regexp.MustCompile(`(?i)^\W*(?:\S+\s+){0,3}\W*(?:level=)?"?(?:debug|trace|info|warn|warning)\b`)
	trace      = regexp.MustCompile(`^\s*(?:goroutine \d+|Traceback )`)
	loudLevel  = regexp.MustCompile(`(?i)\b(?:fatal|panic|error|critical|emerg|err)\b`)
)

// spoken finds the newest log line of a signature. The line weighs most when it is the last telling one of its log and sounds like an end:
// programs complain of much that they survive.
func (f *facts) spoken(signature string) (line, bool) {
	var found line
	logs := f.kind[engine.EvidenceLog]
	for k, e := range logs {
		text := or(e.Fields["line"], e.Text)
		name, detail := recognise(text)
		if name != signature || f.over(e) {
			continue
		}
		found.ids = append(found.ids, e.ID)
		weight := 0.95
		switch {
		case loudLevel.MatchString(text):
			weight = 1
		case quietLevel.MatchString(text):
			weight = 0.6
		}
		if later := slices.ContainsFunc(logs[k+1:], func(o engine.Evidence) bool {
			other, _ := recognise(or(o.Fields["line"], o.Text))
			return o.Object == e.Object && o.Container == e.Container && other != "" && other != signature && other != "panic"
		}); later {
			weight *= 0.75
		}
		if found.line != "" && trace.MatchString(text) {
			continue // the head of a trace; the error itself stands beside it and says more
		}
		found = line{e.Container, text, or(detail, found.detail), found.ids, weight}
	}
	if n := len(found.ids); n > maxIDs {
		found.ids = found.ids[n-maxIDs:]
	}
	slices.Reverse(found.ids)
	return found, len(found.ids) > 0
}

// telling tells whether any line of the logs says why.
func (f *facts) telling() bool {
	return slices.ContainsFunc(f.kind[engine.EvidenceLog], func(e engine.Evidence) bool { return Signature(or(e.Fields["line"], e.Text)) != "" })
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// naming appends what something is about, if that is known.
func naming(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + quote(detail, 80)
}
