// Package engine is Autopilot's vocabulary: what the product speaks about, and nothing that it does.
//
// Every other package imports it and it imports only the standard library. A type enters this package when two
// packages need it; its behaviour stays with the package that decides or acts.
package engine
