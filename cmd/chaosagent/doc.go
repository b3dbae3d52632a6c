// Command chaosagent holds one fault of an experiment in the pod into which it was put, and ends it again: CPU or memory that is used up,
// packets that are late, lost or slow, names that do not resolve. It runs as an ephemeral container; engine/kube/hurt starts it and speaks
// with it over its standard input and output.
//
// The fault begins with the first line that is read, so that there is none before somebody listens. It ends at its deadline, on the line
// "stop", when no line "beat" came for a while, when the input ends, on a signal, or when it fails. In every case it is undone once, and
// what is left is looked for, before the agent ends.
package main

// The exit codes.
const (
	codeClean   = 0 // the fault was held, has ended, and nothing of it is left
	codeRefused = 1 // the fault could not be begun, or failed while it was held; nothing of it is left
	codeUsage   = 2 // the command line is wrong; nothing was done
	codeLeft    = 3 // something of the fault is left, or may be
)
