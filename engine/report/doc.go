// Package report draws a digest as the page that people who pay read, and as tables: one self-contained HTML file with its charts in it,
// and one CSV file a table. Package handlers sends them, cmd/autopilot writes them to files.
//
// It is pure: the same digest gives the same bytes. Whatever the digest holds, names from outside stay text, amounts are rounded so that
// they still add up, an estimate is called one, and what is not known is shown as missing, never as 0.
package report
