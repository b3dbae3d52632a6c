package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	// A reader that has gone away must not end us before the fault has ended.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run does what the command line says and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, problems io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "clean":
			return cleanUp(args[1:], out, problems)
		case "version":
			fmt.Fprintln(out, version)
			return codeClean
		}
	}
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(problems, usage)
		return codeClean
	}
	if err != nil {
		fmt.Fprintf(problems, "chaosagent: %v\n", err)
		return codeUsage
	}
	if !o.network() {
		return hold(ctx, o, in, out)
	}
	if held, ok := inherited(); ok {
		return hold(held.watch(ctx), o, in, out)
	}
	return guard(ctx, o, args, in, out)
}
