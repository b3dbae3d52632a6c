// Command industry is the demo's workload: an HTTP service that calls other
// copies of itself, shows its request durations as metrics, and can be told to
// be slow or to fail; and with `industry load` the traffic that such services
// get. The stand runs both in pods.
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

func main() {
	// As the first process of a container it gets no signal that it does not ask for.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "industry:", err)
		os.Exit(2)
	}
}

// run serves, or loads others when that is the first argument.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) > 0 && args[0] == "load" {
		return loadCommand(ctx, args[1:], stdout)
	}
	return serveCommand(ctx, args, stdout)
}

// parse reads flags. Asked for help, it lists them.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(os.Stderr)
		flags.PrintDefaults()
		return err
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: there are flags only, and load before them for the traffic", flags.Arg(0))
	}
	return nil
}
