// Package observability is the stack that the bot looks at: pinned charts, their values, and a script that installs, verifies and removes
// them. There is nothing to import; its tests hold the values to what is shipped elsewhere, and play the script against a cluster that records.
package observability
