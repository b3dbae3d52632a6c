package rca

import (
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// The limits of what is shown of a log.
const (
	maxLogLine  = 1000 // bytes of a line
	maxTelling  = 10   // lines with a known signature, of one log
	maxLast     = 20   // the last lines of a log are shown whatever they say
	sameLogLine = time.Second
)

// LogLine is one line of a log.
type LogLine struct {
	At         time.Time
	Text       string
	Redactions int // secrets that were in it
}

// CleanLines makes lines that follow each other, as they came, fit to be kept: printable, redacted, at most 1,000 bytes each.
func CleanLines(lines []LogLine) {
	texts := make([]string, len(lines))
	for k, l := range lines {
		texts[k] = Printable(l.Text)
	}
	texts, counts := RedactLines(texts)
	for k := range lines {
		lines[k].Text, lines[k].Redactions = cutLine(texts[k]), counts[k]
	}
}

func cutLine(s string) string {
	if len(s) <= maxLogLine {
		return s
	}
	return strings.ToValidUTF8(s[:maxLogLine-len("…")], "") + "…"
}

// Printable drops colour codes and other control characters.
func Printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '[' { // an ANSI sequence ends with a byte from @ to ~
			for i += 2; i < len(s) && (s[i] < 0x40 || s[i] > 0x7e); i++ {
			}
			continue
		}
		if s[i] >= 0x20 || s[i] == '\t' {
			b.WriteByte(s[i])
		}
	}
	return strings.ToValidUTF8(b.String(), "�")
}

// LogEvidence chooses what to show of a clean log, in its order: the last line of each known signature, and the end. The ids begin
// with id. previous is "true" for a run before the last restart, "false" for the present one, "" where nobody knows.
func LogEvidence(id string, of engine.ObjectRef, container, previous string, lines []LogLine) []engine.Evidence {
	chosen := map[int]string{} // line number to signature
	for n := max(0, len(lines)-maxLast); n < len(lines); n++ {
		chosen[n] = ""
	}
	seen := map[string]bool{}
	for n := len(lines) - 1; n >= 0 && len(seen) < maxTelling; n-- {
		sig := Signature(lines[n].Text)
		if sig == "" {
			continue
		}
		if _, last := chosen[n]; last || !seen[sig] {
			chosen[n] = sig
		}
		seen[sig] = true
	}
	var out []engine.Evidence
	for n, l := range lines {
		sig, ok := chosen[n]
		if !ok || l.Text == "" {
			continue
		}
		fields := map[string]string{"line": l.Text}
		if sig != "" {
			fields["signature"] = sig
		}
		if previous != "" {
			fields["previous"] = previous
		}
		out = append(out, engine.Evidence{
			ID: id + "/" + strconv.Itoa(n), Kind: engine.EvidenceLog, Object: of, Container: container, At: l.At, Text: l.Text, Fields: fields,
		})
	}
	return out
}

// once leaves out log lines that an earlier collector has told of the same container: the node and a log store keep the same log.
func once(evidence []engine.Evidence) []engine.Evidence {
	type place struct{ namespace, pod, container, line string }
	told := map[place][]engine.Evidence{}
	out := evidence[:0:0]
	for _, e := range evidence {
		if e.Kind == engine.EvidenceLog {
			at := place{e.Object.Namespace, e.Object.Name, e.Container, e.Fields["line"]}
			if again(told[at], e) {
				continue
			}
			told[at] = append(told[at], e)
		}
		out = append(out, e)
	}
	return out
}

func again(told []engine.Evidence, e engine.Evidence) bool {
	for _, o := range told {
		if o.Collector != e.Collector && e.At.Sub(o.At).Abs() <= sameLogLine {
			return true
		}
	}
	return false
}
