package rca

import (
	"regexp"
	"strings"
)

// mask stands where a secret stood.
const mask = "***"

// secrets are what is taken out of a line whatever stands before it. A group named keep stays.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)`),
	regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?`),                         // JSON web token
	regexp.MustCompile(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`),                                                          // AWS access key id
	regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})`), // GitHub, GitLab
	regexp.MustCompile(`\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{8,}`),                                               // Slack
	regexp.MustCompile(`\b(?:[sr]k_(?:live|test)_[A-Za-z0-9]{8,}|AIza[0-9A-Za-z_-]{35}|npm_[A-Za-z0-9]{30,})`),   // Stripe, Google, npm
	regexp.MustCompile(`(?i)(?P<keep>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/-]{8,}=*`),                             // Authorization headers
	regexp.MustCompile(`(?i)(?P<keep>\bX-Amz-(?:Signature|Credential|Security-Token)=)[^\s&"']+`),                // presigned URLs
	regexp.MustCompile(`(?P<keep>\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@]*:)[^\s/@]+@`),                              // user:password@host
	regexp.MustCompile(`(?P<keep>\b[A-Za-z0-9_.-]+:)[^\s:/@()]{3,}@tcp\(`),                                       // the same as Go's MySQL driver writes it
	fullKeyLine,
}

// fullKeyLine is a line of a key or certificate, but for its last.
var fullKeyLine = regexp.MustCompile(`^[A-Za-z0-9+/]{64,}={0,2}$`)

// assignment is a name that promises a secret, and its value: password=…, "api_key": "…", --token …
var assignment = regexp.MustCompile(`(?i)([\w.-]*(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization)[\w.-]*)` +
	`(\\?["']?\s*(?:=|:)\s*)(\\"(?:[^"\\]|\\[^"])*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\s,;&"'{}\[\]()<>\\]|\\[^"'\s])+)`)

// about are the endings of names that promise a secret and give something about it.
var about = []string{"name", "ref", "path", "file", "dir", "type", "ttl", "expiry", "expires", "count", "length", "policy", "version", "url", "uri", "endpoint"}

// Redact puts *** in the place of what looks like a secret, and tells how many there were: private keys, tokens, credentials in
// URLs, and the values of names such as password, secret and api_key. It takes one line; what may run over several is for
// RedactLines. What it gives redacts to itself.
func Redact(line string) (string, int) {
	n := 0
	for _, re := range secrets {
		keep := re.SubexpIndex("keep")
		line = re.ReplaceAllStringFunc(line, func(found string) string {
			kept, tail := "", ""
			if keep > 0 {
				kept = re.FindStringSubmatch(found)[keep]
			}
			for _, end := range []string{"@tcp(", "@"} { // what follows the password stays
				if strings.HasSuffix(found, end) && keep > 0 {
					tail = end
					break
				}
			}
			if kept+mask+tail == found {
				return found
			}
			n++
			return kept + mask + tail
		})
	}
	line = assignment.ReplaceAllStringFunc(line, func(found string) string {
		m := assignment.FindStringSubmatch(found)
		if harmless(m[1], m[3]) {
			return found
		}
		n++
		return m[1] + m[2] + quoted(m[3])
	})
	return line, n
}

// harmless tells whether a value is none, is hidden already, or only tells something about a secret.
func harmless(name, value string) bool {
	value = strings.Trim(value, `"'\`)
	switch strings.ToLower(value) {
	case "", mask, "null", "nil", "none", "true", "false", "undefined", "redacted", "bearer", "basic":
		return true
	}
	if strings.Contains(value, mask) || len(value) < 3 || strings.HasPrefix(value, "$") {
		return true
	}
	name = strings.ToLower(name)
	for _, end := range about {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// quoted masks a value inside the quotes that it has.
func quoted(value string) string {
	for _, q := range []string{`\"`, `"`, `'`} {
		if strings.HasPrefix(value, q) && strings.HasSuffix(value, q) && len(value) >= 2*len(q) {
			return q + mask + q
		}
	}
	return mask
}
