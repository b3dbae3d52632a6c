// Package deploy holds what is installed beside the bot, for the programs that install it: the demo and the tests.
package deploy

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
)

//go:embed rbac/*.yaml
var rbac embed.FS

//go:embed industries/base industries/small
var industries embed.FS

// Industries are the folders base and small of the demo industries, as kustomize reads them.
func Industries() fs.FS {
	sub, err := fs.Sub(industries, "industries")
	if err != nil {
		panic(err) // the name is a good one
	}
	return sub
}

//go:embed alerts/*.rules.yaml dashboards/*.json runbooks/*.md observability/objects.yaml
var asking embed.FS

// Asking are the files in which something is asked of Prometheus, below alerts, dashboards, runbooks and observability.
func Asking() fs.FS { return asking }

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
