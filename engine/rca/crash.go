package rca

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// inLogs are the classes for which a container's own words may be the cause.
var inLogs = []engine.Class{
	engine.ClassCrashLoop, engine.ClassProbeFailing, engine.ClassReplicasMissing, engine.ClassJobFailed, engine.ClassRolloutStuck, engine.ClassConfigError, engine.ClassHighLatency,
}

// crashRules read what a container wrote before it ended.
var crashRules = []rule{
	fromLog("crash/port-in-use", "port-in-use", 0.85, func(f *facts, container, port string) (string, string, engine.Step) {
		return "port already in use" + naming(port), "The container cannot listen because something in its pod or on its host network has the port.",
			engine.Step{Text: "Give the container another port, or remove what holds this one.", Field: f.path(container, "ports")}
	}),
	fromLog("crash/dns", "dns", 0.82, func(f *facts, _, host string) (string, string, engine.Step) {
		return "cannot resolve " + or(host, "a host name"), "The name is not known to the cluster's DNS: the service does not exist, has another name or namespace, or DNS does not answer.",
			engine.Step{Text: "Look whether a service of that name exists in the namespace that the name means.", Command: f.service(host)}
	}),
	fromLog("crash/tls", "tls", 0.75, func(f *facts, container, what string) (string, string, engine.Step) {
		return "TLS fails: " + quote(what, 80), "The other side's certificate is not accepted.",
			engine.Step{Text: "Check the certificate's dates and names, and the CA bundle that the container trusts.", Command: f.logs(container)}
	}),
	fromLog("crash/dependency-auth", "dependency-auth", 0.82, func(f *facts, container, what string) (string, string, engine.Step) {
		return "a dependency refuses the credentials: " + quote(what, 80), "The other side answers, and does not accept who is asking.",
			engine.Step{Text: "Compare the Secret that the container gets its credentials from with what the other side expects.", Field: f.path(container, "env")}
	}, "env", "envFrom", "account"),
	fromLog("crash/dependency-refused", "dependency-refused", 0.85, func(f *facts, _, addr string) (string, string, engine.Step) {
		return "cannot reach " + or(addr, "a dependency") + ": connection refused", "The address answers that nothing listens there: the other side is down, not ready, or listens on another port.",
			engine.Step{Text: "Look whether the service has ready endpoints.", Command: f.service(addr)}
	}, "env", "envFrom", "configmap", "config"),
	fromLog("crash/dependency-timeout", "dependency-timeout", 0.75, func(f *facts, _, addr string) (string, string, engine.Step) {
		return "cannot reach " + or(addr, "a dependency"), "No answer comes from there: the other side is down or overloaded, or a network policy or security group drops the packets.",
			engine.Step{Text: "Look whether the service has ready endpoints, and whether a network policy is in the way.", Command: f.service(addr)}
	}, "env", "envFrom", "configmap", "config"),
	fromLog("crash/heap", "heap", 0.78, func(f *facts, container, what string) (string, string, engine.Step) {
		return "the program ran out of memory by itself: " + quote(what, 60), "Its own heap was full before the container's limit was reached.",
			engine.Step{Text: "Raise the program's heap and the container's limit together, or find what fills it.", Field: f.path(container, "resources.limits.memory"), Runbook: runbooks + "high-memory.md"}
	}, "image", "resources", "env"),
	fromLog("crash/disk-full", "disk-full", 0.85, func(f *facts, container, _ string) (string, string, engine.Step) {
		return "no space left on a volume", "A write failed because the file system is full.",
			engine.Step{Text: "See which file system is full, then free space or enlarge the volume.", Command: f.kubectl("exec %s/%s -- df -h", f.resource(), f.i.Workload.Name)}
	}),
	fromLog("crash/exec-format", "exec-format", 0.9, func(f *facts, container, _ string) (string, string, engine.Step) {
		return "the image is for another processor (exec format error)", "The node cannot run the image's binary: it was built for another architecture, or the entry point is a script without its first line.",
			engine.Step{Text: "Build the image for the node's architecture, or pin the pods to nodes that fit.", Field: f.path(container, "image")}
	}, "image", "placement"),
	fromLog("crash/command-not-found", "command-not-found", 0.85, func(f *facts, container, cmd string) (string, string, engine.Step) {
		return "command not found" + naming(cmd), "The image has no such program, or it is not in the PATH.",
			engine.Step{Text: "Correct the command, or the image that should have it.", Field: f.path(container, "command")}
	}, "command", "args", "image"),
	fromLog("crash/missing-module", "missing-module", 0.82, func(f *facts, container, module string) (string, string, engine.Step) {
		return "a library is missing" + naming(module), "The program starts, and a part of it is not in the image.",
			engine.Step{Text: "Go back to the image that had it, and correct the build.", Command: f.undo(), Field: f.path(container, "image")}
	}, "image"),
	fromLog("crash/missing-env", "missing-env", 0.85, func(f *facts, container, name string) (string, string, engine.Step) {
		return "an environment variable is missing" + naming(name), "The program says that it needs it.",
			engine.Step{Text: "Set the variable.", Field: f.path(container, "env")}
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
			engine.Step{Text: "Correct the configuration that it names.", Command: f.logs(container), Field: f.path(container, "args")}
	}, "configmap", "config", "args", "command", "env", "envFrom", "image"),
	fromLog("crash/panic", "panic", 0.6, func(f *facts, container, what string) (string, string, engine.Step) {
		return "the program crashed: " + quote(or(what, "panic"), 90), "An error that it did not handle ended it.",
			engine.Step{Text: "Read the stack trace; if the image is new, go back to the last one.", Command: f.logs(container)}
	}, "image"),
}

// fromLog makes a rule of a log signature. say gives title, text and step for a container and what the line is about;
// changes are the kinds of edit that make the cause likelier when they came shortly before.
func fromLog(name, signature string, prior float64, say func(f *facts, container, detail string) (string, string, engine.Step), changes ...string) rule {
	return rule{name: name, classes: inLogs, prior: prior, match: func(f *facts) (finding, bool) {
		l, ok := f.spoken(signature)
		if !ok {
			return finding{}, false
		}
		title, text, step := say(f, l.container, l.detail)
		m := finding{strength: l.weight, pro: l.ids, title: title, text: fmt.Sprintf("It wrote: “%s”. %s", quote(l.line, 160), text), step: step}
		if step.Runbook == "" {
			m.step.Runbook = runbooks + "crash-loop.md"
		}
		m.pro = append(m.pro, f.ids(engine.EvidenceTermination, func(e engine.Evidence) bool {
			code, ok := exitCode(e)
			return ok && code != 0 && e.Container == l.container && !killedForMemory(e)
		})...)
		f.endpoints(&m, l.detail)
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
		if name != signature {
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

// serviceOf is the service that an address means, and its namespace; "" when it is outside the cluster.
func (f *facts) serviceOf(addr string) (namespace, name string) {
	host := addr
	if k := strings.LastIndexByte(addr, ':'); k > 0 {
		host = addr[:k]
	}
	parts := strings.Split(strings.ToLower(host), ".")
	switch {
	case !nameRE.MatchString(parts[0]) || host == "localhost" || (len(parts) == 4 && strings.Trim(host, "0123456789.") == ""):
		return "", ""
	case len(parts) == 1:
		return f.i.Workload.Namespace, parts[0]
	case len(parts) == 2, len(parts) > 2 && parts[2] == "svc":
		return parts[1], parts[0]
	}
	return "", ""
}

// service is the command that shows whether anything stands behind an address.
func (f *facts) service(addr string) string {
	ns, name := f.serviceOf(addr)
	if name == "" || !nameRE.MatchString(ns) {
		return f.kubectl("get endpointslices")
	}
	return fmt.Sprintf("kubectl -n %s get endpointslices -l kubernetes.io/service-name=%s", ns, name)
}

// endpoints adds what is known of the service that an address means.
func (f *facts) endpoints(m *finding, addr string) {
	_, name := f.serviceOf(addr)
	if name == "" {
		return
	}
	e, ok := f.first(engine.EvidenceReference, func(e engine.Evidence) bool {
		return e.Fields["kind"] == "Service" && e.Fields["name"] == name
	})
	if !ok {
		return
	}
	detail := e.Fields["detail"]
	switch {
	case e.Fields["exists"] == "false":
		m.pro = append(m.pro, e.ID)
		m.text += fmt.Sprintf(" There is no service %s.", name)
	case strings.HasPrefix(detail, "0 of "):
		m.pro = append(m.pro, e.ID)
		m.text += fmt.Sprintf(" Service %s has no ready endpoint.", name)
	case detail != "":
		m.contra = append(m.contra, e.ID)
		m.strength *= 0.9
	}
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
