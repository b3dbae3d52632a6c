// Package chaos decides what may be broken on purpose, whom it hits and how it went: a request becomes a plan, blockers say why it may
// not begin, a run has a next step, and what came of it is graded.
//
// Package handlers calls it with what the process that does experiments saw of the cluster. Everything here is pure; a choice takes a seed.
package chaos
