//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "chaosagent: works on Linux only, as it changes what its kernel does; build it with GOOS=linux")
	os.Exit(codeUsage)
}
