// Package arch holds the tests that keep the import graph and the layout as docs/architecture.md describes them.
package arch
