// Package install reads the shell blocks of docs/install.md; called by the tests of the chart, and by its own, which follows the document on a
// real node.
package install

import (
	"fmt"
	"regexp"
	"strings"
)

// Document is where the document stands, from a folder of a test.
const Document = "../../docs/install.md"

// Block is what a reader of the document copies into a shell.
type Block struct {
	Line      int    // of its first command
	Script    string // with its line breaks
	Elsewhere string // names what is done in its place where there is no AWS and no Slack; "" where it is run as it stands
	Then      string // names what must be true after it
}

var markRE = regexp.MustCompile(`^<!-- (elsewhere|then): ([a-z]+) -->$`)

// Blocks reads the shell blocks of a Markdown document. Comments that readers do not see mark them: "elsewhere" on the line before a
// block, "then" on a line after it. It fails for a mark without a block, and for a block without an end.
func Blocks(text string) ([]Block, error) {
	var all []Block
	var open *Block
	elsewhere, fence := "", ""
	for n, line := range strings.Split(text, "\n") {
		mark := markRE.FindStringSubmatch(line)
		switch {
		case fence != "" && line == "```":
			if open != nil {
				all, open = append(all, *open), nil
			}
			fence = ""
		case open != nil:
			open.Script += line + "\n"
		case fence != "":
		case strings.HasPrefix(line, "```"):
			fence = line
			if line == "```sh" {
				open = &Block{Line: n + 2, Elsewhere: elsewhere}
				elsewhere = ""
			}
		case mark != nil && mark[1] == "elsewhere":
			elsewhere = mark[2]
			continue
		case mark != nil && (len(all) == 0 || all[len(all)-1].Then != ""):
			return nil, fmt.Errorf("line %d: %s has no block of its own", n+1, line)
		case mark != nil:
			all[len(all)-1].Then = mark[2]
		case strings.HasPrefix(line, "<!--"):
			return nil, fmt.Errorf("line %d: what is %s", n+1, line)
		}
		if elsewhere != "" {
			return nil, fmt.Errorf("line %d: no shell block follows what is done elsewhere, %q", n+1, elsewhere)
		}
	}
	if fence != "" {
		return nil, fmt.Errorf("%s is not closed", fence)
	}
	return all, nil
}
