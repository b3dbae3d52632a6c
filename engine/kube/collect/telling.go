package collect

import "regexp"

var credential = regexp.MustCompile(`(?i)((?:password|passwd|secret|token|api[-_]?key|authorization)["']?\s*[:=]\s*)\S+`)

func redact(s string) (string, int) {
	n := len(credential.FindAllStringIndex(s, -1))
	return credential.ReplaceAllString(s, "${1}***"), n
}

var failure = regexp.MustCompile(`(?i)\b(fatal|panic|error|exception|refused|denied|no such file)\b`)

func signature(s string) string { return failure.FindString(s) }
