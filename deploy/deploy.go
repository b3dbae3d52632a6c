// Package deploy holds what is installed beside the bot, for the programs that install it: the demo and the tests.
package deploy

import (
	"bytes"
	"embed"
	"fmt"
)

//go:embed rbac/*.yaml
var rbac embed.FS

// RBAC is a file of rbac, such as "chaos": roles and their bindings, as YAML. It fails when there is none of that name.
func RBAC(name string) ([]byte, error) {
	file, err := rbac.ReadFile("rbac/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("deploy: %w", err)
	}
	return file, nil
}

// ReaderRole is the ClusterRole that the bot needs, as YAML.
func ReaderRole() []byte {
	file, err := RBAC("reader")
	if err != nil {
		panic(err) // it is in the program
	}
	role, _, _ := bytes.Cut(file, []byte("\n---"))
	return role
}
