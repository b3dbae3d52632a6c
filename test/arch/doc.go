// Package arch holds the tests that keep the import graph and the layout as docs/architecture.md describes them, the links between the pages of
// docs/, docs/troubleshooting.md beside the findings of doctor, and deploy/Dockerfile.
package arch
