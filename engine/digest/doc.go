// Package digest decides what a week or a month came to: rows in, an engine.Digest out. Package store reads the rows, package handlers
// asks for the digest when its time has come.
//
// Everything here is pure. The same facts and rules give the same digest; each sum is a sum of the rows, to the micro-dollar.
package digest
