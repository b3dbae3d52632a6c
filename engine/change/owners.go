package change

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// maxOwners is the size above which GitHub itself does not read a CODEOWNERS file.
const maxOwners = 3 << 20

// maxAsked is how many people and teams GitHub lets one ask for a review.
const maxAsked = 15

// Owners says who owns which files, as a CODEOWNERS file does. The zero Owners knows of nobody.
type Owners []ownersRule

type ownersRule struct {
	match  *regexp.Regexp
	owners []string // "@login", "@org/team" or an address; none: nobody owns it
}

// OwnersPath gives the file that GitHub reads: the first of .github/, the root and docs/ that has one. "" when there is none.
func OwnersPath(files []File) string {
	for _, path := range []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"} {
		if slices.ContainsFunc(files, func(f File) bool { return f.Path == path }) {
			return path
		}
	}
	return ""
}

// ParseOwners reads a CODEOWNERS file. Lines that GitHub would skip are skipped: it never fails.
func ParseOwners(data []byte) Owners {
	if len(data) > maxOwners {
		return nil
	}
	var rules Owners
	for line := range bytes.Lines(data) {
		fields := ownersFields(strings.TrimRight(string(line), "\r\n"))
		if len(fields) == 0 {
			continue
		}
		match, ok := ownersPattern(fields[0])
		if !ok || slices.ContainsFunc(fields[1:], func(owner string) bool { return !isOwner(owner) }) {
			continue
		}
		rules = append(rules, ownersRule{match, fields[1:]})
	}
	return rules
}

// Of gives the owners of a file: those of the last line that matches it.
func (o Owners) Of(path string) []string {
	for _, rule := range slices.Backward(o) {
		if rule.match.MatchString(path) {
			return rule.owners
		}
	}
	return nil
}

// Reviewers gives the logins and the slugs of teams that own any of the files, in their order, as many as may be asked. A team of
// another organisation than the repository's cannot be asked; nor can somebody who is known by an address alone.
func (o Owners) Reviewers(organisation string, paths []string) (logins, teams []string) {
	for _, path := range paths {
		for _, owner := range o.Of(path) {
			name, isName := strings.CutPrefix(owner, "@")
			org, team, isTeam := strings.Cut(name, "/")
			switch {
			case !isName || len(logins)+len(teams) >= maxAsked:
			case !isTeam && !slices.Contains(logins, name):
				logins = append(logins, name)
			case isTeam && strings.EqualFold(org, organisation) && !slices.Contains(teams, team):
				teams = append(teams, team)
			}
		}
	}
	return logins, teams
}

// ownersFields cuts a line at its blanks, but for those behind a backslash, and before a comment.
func ownersFields(line string) []string {
	var fields []string
	var field strings.Builder
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			field.WriteByte(c)
			i++
			field.WriteByte(line[i])
		case c == ' ' || c == '\t':
			if field.Len() > 0 {
				fields = append(fields, field.String())
				field.Reset()
			}
		case c == '#' && field.Len() == 0:
			return fields
		default:
			field.WriteByte(c)
		}
	}
	if field.Len() > 0 {
		fields = append(fields, field.String())
	}
	return fields
}

var (
	ownerName    = regexp.MustCompile(`^@[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$`)
	ownerAddress = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
)

func isOwner(text string) bool { return ownerName.MatchString(text) || ownerAddress.MatchString(text) }

// ownersPattern makes a regular expression of a pattern, which is one of .gitignore without negation and without ranges of
// letters. It is not ok where GitHub would take the line for wrong.
func ownersPattern(pattern string) (match *regexp.Regexp, ok bool) {
	if strings.HasPrefix(pattern, "!") || strings.HasPrefix(pattern, `\#`) || strings.ContainsAny(pattern, "[]") || strings.Contains(pattern, "***") || pattern == "/" {
		return nil, false
	}
	parts := strings.Split(pattern, "/")
	switch {
	case parts[0] == "":
		parts = parts[1:]
	case len(parts) == 1 || len(parts) == 2 && parts[1] == "":
		parts = append([]string{"**"}, parts...) // without a slash in it, it holds at any depth
	}
	folder := parts[len(parts)-1] == ""
	if folder {
		parts[len(parts)-1] = "**"
	}
	var b strings.Builder
	b.WriteString(`\A`)
	for n, part := range parts {
		last := n == len(parts)-1
		switch {
		case part == "**" && last:
			b.WriteString(`.+`)
		case part == "**":
			b.WriteString(`(?:.+/)?`)
		case part == "*" && last && len(parts) > 1 && parts[n-1] != "**":
			b.WriteString(`[^/]+`) // "docs/*" are the files in docs, not those further down
		default:
			b.WriteString(ownersPart(part))
			if last {
				b.WriteString(`(?:/.*)?`) // a folder's name stands for all that is in it
			} else {
				b.WriteString(`/`)
			}
		}
	}
	b.WriteString(`\z`)
	match, err := regexp.Compile(`(?s)` + b.String())
	return match, err == nil
}

func ownersPart(part string) string {
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		switch c := part[i]; {
		case c == '\\' && i+1 < len(part):
			i++
			b.WriteString(regexp.QuoteMeta(part[i : i+1]))
		case c == '*':
			b.WriteString(`[^/]*`)
		case c == '?':
			b.WriteString(`[^/]`)
		default:
			b.WriteString(regexp.QuoteMeta(part[i : i+1]))
		}
	}
	return b.String()
}
