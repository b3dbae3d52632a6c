package rca

import (
	"regexp"
	"slices"
	"strings"
)

// mostKeyLines is how far apart the first and the last line of one key may be; one of 16,384 bits has 200 lines.
const mostKeyLines = 250

var (
	keyBegins = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----`)
	keyEnds   = regexp.MustCompile(`-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----`)
	keyText   = regexp.MustCompile(`^\s*(?:[A-Za-z0-9+/=]*|(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset): .*)\s*$`)
)

// RedactLines does to lines that follow each other what Redact does to one, and takes out private keys that run over several of
// them, also when the key's begin or end was cut off. It gives the lines, and how many secrets there were in each.
func RedactLines(lines []string) (redacted []string, counts []int) {
	redacted, counts = slices.Clone(lines), make([]int, len(lines))
	hide := func(k int) {
		if strings.TrimSpace(redacted[k]) != "" && redacted[k] != mask {
			redacted[k], counts[k] = mask, counts[k]+1
		}
	}
	next := 0 // the first line that is not known to be in a key
	for k := range lines {
		if k < next {
			continue
		}
		if end := closes(redacted[k]); end > 0 { // the key began before it, perhaps before what we have
			for j := k - 1; j >= max(0, k-mostKeyLines) && keyText.MatchString(redacted[j]); j-- {
				hide(j)
			}
			redacted[k], counts[k] = mask+redacted[k][end:], counts[k]+1
		}
		switch {
		case opens(redacted[k]):
			next = keyEnd(redacted, k)
		case fullKeyLine.MatchString(lines[k]): // of a key that has neither begin nor end here, the last line is a short one
			if next = k + 1; next < len(lines) && keyText.MatchString(lines[next]) && !fullKeyLine.MatchString(lines[next]) {
				next++
			}
		}
		for j := k + 1; j < next; j++ {
			hide(j)
		}
	}
	for k := range redacted {
		var n int
		redacted[k], n = Redact(redacted[k])
		counts[k] += n
	}
	return redacted, counts
}

// opens tells whether a key begins in a line and does not end in it.
func opens(line string) bool {
	all := keyBegins.FindAllStringIndex(line, -1)
	return len(all) > 0 && !keyEnds.MatchString(line[all[len(all)-1][1]:])
}

// closes gives where a key ends in a line that it did not begin in; 0 when none does.
func closes(line string) int {
	end := keyEnds.FindStringIndex(line)
	if end == nil || keyBegins.MatchString(line[:end[0]]) {
		return 0
	}
	return end[1]
}

// keyEnd gives the line with the end of the key that begins in line k, or, if that was cut off, the first that cannot be of it.
func keyEnd(lines []string, k int) int {
	for j := k + 1; j < min(len(lines), k+mostKeyLines); j++ {
		if closes(lines[j]) > 0 {
			return j
		}
		if keyBegins.MatchString(lines[j]) {
			break
		}
	}
	j := k + 1
	for j < len(lines) && keyText.MatchString(lines[j]) {
		j++
	}
	return j
}
