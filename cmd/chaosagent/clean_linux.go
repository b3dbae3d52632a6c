package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// cleanUp removes what an agent that was killed left in this network namespace, and says what it was. It does nothing while one is at work.
func cleanUp(args []string, out, problems io.Writer) int {
	if len(args) > 0 {
		fmt.Fprintf(problems, "chaosagent: unexpected argument %q: clean takes none\n", args[0])
		return codeUsage
	}
	say := newSpeaker(out)
	defer say.close()
	taken, err := sit()
	if err != nil {
		say.line(line{State: stateEnded, Reason: endFailed, Text: "not cleaned: " + err.Error()})
		return codeRefused
	}
	defer shut(taken)
	gone, err := sweep()
	if err != nil {
		say.line(line{State: stateEnded, Reason: endFailed, Text: err.Error()})
		return codeLeft
	}
	text := "nothing was left"
	if len(gone) > 0 {
		text = "removed " + strings.Join(gone, ", ")
	}
	say.line(line{State: stateEnded, Clean: true, Text: text})
	return codeClean
}

// sweep removes what is ours from this network namespace, says what it was, and fails when something is left.
func sweep() ([]string, error) {
	c, err := speak(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer shut(c)
	shaped, err := removeQdiscs(c)
	rules, ruleErr := removeRules()
	return append(shaped, rules...), errors.Join(err, ruleErr)
}
