package view

import (
	"regexp"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// heads is what stands before the point of an evidence line: which pod it is about, and the layers that an error came through.
var heads = []*regexp.Regexp{
	regexp.MustCompile(`^container \S+ of \S+ is \w*, (?:not )?ready, \d+ restarts?: `),
	regexp.MustCompile(`^container \S+ of \S+ (?:is|ended with) `),
	regexp.MustCompile(`^pod \S+ is \w+ on (?:no node|node \S+): `),
	regexp.MustCompile(`^(?:ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|CreateContainerConfigError|CreateContainerError|RunContainerError|Failed|Error|Unschedulable|Error creating): `),
	regexp.MustCompile(`^(?:Back-off pulling|Failed to pull|failed to pull and unpack) image "[^"]*": `),
	regexp.MustCompile(`^failed to resolve (?:image|reference "[^"]*"): `),
	regexp.MustCompile(`^rpc error: code = \w+ desc = `),
	regexp.MustCompile(`^failed to (?:do request|create containerd task|create shim task): `),
	regexp.MustCompile(`^(?:OCI runtime create failed|runc create failed|unable to start container process|error during container init): `),
	regexp.MustCompile(`^(?:Failed to create pod sandbox|failed to setup network for sandbox "[^"]*"): `),
}

// words is what an evidence line says, without its head. A log line is the program's own and stays as it is.
func words(e engine.Evidence) string {
	text := e.Text
	switch e.Kind {
	case engine.EvidenceLog:
		return strings.TrimSpace(text)
	case engine.EvidenceEvent, engine.EvidenceProbe:
		if said := e.Fields["message"]; said != "" {
			text = said
		}
	default: // all others read as they were written
	}
	for again := true; again; {
		again = false
		for _, head := range heads {
			// What is left must still be a sentence: "OOMKilled" alone says less than the state of the container does.
			if rest := head.ReplaceAllString(text, ""); rest != text && strings.Contains(strings.TrimSpace(rest), " ") {
				text, again = rest, true
			}
		}
	}
	return strings.TrimSpace(text)
}

// point is what makes two lines say the same: how long a container ran before it ended with the same code is no difference.
func point(e engine.Evidence) string {
	if code := e.Fields["exit_code"]; e.Kind == engine.EvidenceTermination && code != "" {
		return "exit " + code + " " + e.Fields["reason"]
	}
	return words(e)
}

// quote is evidence that several pods, or several witnesses, gave in the same words.
type quote struct {
	engine.Evidence // the first
	pods            []string
}

// fold makes one quote of all lines that say the same, in the order of the first of each.
func fold(all []engine.Evidence) []quote {
	var out []quote
	at := map[string]int{}
	for _, e := range all {
		key := point(e)
		n, seen := at[key]
		if !seen {
			n = len(out)
			at[key] = n
			out = append(out, quote{Evidence: e})
		}
		if q := &out[n]; e.Object.Kind == "Pod" && !slices.Contains(q.pods, e.Object.Name) {
			q.pods = append(q.pods, e.Object.Name)
		}
	}
	return out
}

// best chooses at most n quotes for a card: the first of each kind before a second of any. The last change has a line of its
// own, and what is missing that the workload refers to is what the cause itself says.
func best(all []quote, n int) []quote {
	var out, rest []quote
	kinds := map[engine.EvidenceKind]bool{engine.EvidenceChange: true, engine.EvidenceReference: true}
	for _, q := range all {
		switch {
		case !kinds[q.Kind]:
			kinds[q.Kind] = true
			out = append(out, q)
		case q.Kind != engine.EvidenceChange:
			rest = append(rest, q)
		}
	}
	out = append(out, rest...)
	return out[:min(n, len(out))]
}

// middle shortens a text to n units and keeps both its beginning and, more of it, its end, where errors say what they are.
func middle(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	head := n * 2 / 5
	return strings.TrimSpace(string(runes[:head])) + " … " + strings.TrimSpace(string(runes[len(runes)-(n-head-3):]))
}
