// Package deploy holds what is installed beside the bot, for the programs that install it: the demo and the tests.
package deploy

import (
	"bytes"
	_ "embed"
)

//go:embed rbac/reader.yaml
var reader []byte

// ReaderRole is the ClusterRole that the bot needs, as YAML.
func ReaderRole() []byte {
	role, _, _ := bytes.Cut(reader, []byte("\n---"))
	return role
}
