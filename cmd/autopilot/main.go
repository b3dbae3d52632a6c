// Command autopilot is the bot: it watches clusters, opens incident threads in Slack and carries out what people decide there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/eks-autopilot/autopilot/engine"
)

// version is set by the linker.
var version = ""

const usage = `autopilot watches clusters, tells incidents in Slack and carries out what people decide there.

Usage:
  autopilot serve  [-config FILE]         run the bot
  autopilot chaos  [-config FILE]         do the experiments that people confirm; the only process with the accounts for it
  autopilot migrate                       bring the database's schema up to this version
  autopilot doctor [-config FILE]         try every permission, scope and endpoint that the configuration needs
  autopilot config check [-config FILE]   check the configuration file, and nothing else
  autopilot audit verify [-config FILE]   check that no row of the audit log was changed or removed, and that its anchors agree
  autopilot report [-period 2026-W47]     write the report of a week or a month as a page, tables or a PDF; -h lists the options
  autopilot export incidents [-o FILE]    write incidents with causes, answers and remedies as JSON lines; -h lists the options
  autopilot export audit [-after N]       write the audit log as JSON lines, for a SIEM; -h lists the options
  autopilot calibrate [-in FILE]          compare the confidences that were shown with what people answered
  autopilot rehearse [-days 14] [-post]   say what the bot would have told of the last days, by what Prometheus still holds
  autopilot version                       print the version

The configuration is autopilot.yaml, or FILE, or what AUTOPILOT_CONFIG names.
Secrets come from the environment, or from files:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program but for the process: it gives the exit code, 2 for a call that cannot be understood.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		printUsage(stdout)
		return 0
	}
	verb, rest := args[0], args[1:]
	own, known := map[string]func(context.Context, []string, io.Writer, io.Writer) int{
		"report": reportCommand, "export": exportCommand, "calibrate": calibrateCommand, "rehearse": rehearseCommand,
	}[verb]
	if known {
		return own(ctx, rest, stdout, stderr)
	}
	if only := map[string]string{"config": "check", "audit": "verify"}[verb]; only != "" {
		if len(rest) == 0 || rest[0] != only {
			_, _ = fmt.Fprintf(stderr, "autopilot %[1]s: %[2]s is the only thing to do with it: autopilot %[1]s %[2]s\n", verb, only)
			return 2
		}
		verb, rest = verb+" "+only, rest[1:]
	}
	do, known := map[string]func(context.Context, string, io.Writer) error{
		"serve": serve, "chaos": experiment, "migrate": migrate, "doctor": doctor, "config check": checkConfig, "audit verify": verifyAudit,
		"version": printVersion,
	}[verb]
	if !known {
		_, _ = fmt.Fprintf(stderr, "autopilot: %q is not a command%s; run autopilot help\n", verb, suggestion(verb))
		return 2
	}
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := flags.String("config", configFile(), "the configuration file")
	if err := flags.Parse(rest); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		_, _ = fmt.Fprintf(stderr, "autopilot %s takes no argument %q\n", verb, flags.Arg(0))
		return 2
	}
	if err := do(ctx, *config, stdout); err != nil {
		_, _ = fmt.Fprintf(stderr, "autopilot %s: %v\n", verb, err)
		return 1
	}
	return 0
}

func suggestion(verb string) string {
	if near := nearest(verb, []string{"serve", "chaos", "migrate", "doctor", "config", "audit", "report", "export", "calibrate", "rehearse", "version"}); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

func printUsage(w io.Writer) {
	_, _ = io.WriteString(w, usage)
	var s Secrets
	for _, n := range s.secretNames() {
		_, _ = fmt.Fprintf(w, "  AUTOPILOT_%-26s %s\n", n.name+"[_FILE]", n.what)
	}
}

// defaultConfig is the configuration file where nobody names one.
const defaultConfig = "autopilot.yaml"

func configFile() string {
	if f := os.Getenv("AUTOPILOT_CONFIG"); f != "" {
		return f
	}
	return defaultConfig
}

func readConfig(file string) (Config, error) {
	data, err := os.ReadFile(file) //nolint:gosec // The operator names the file.
	if err != nil {
		return Config{}, engine.Wrap(engine.NotFound, err, "the configuration cannot be read; -config or AUTOPILOT_CONFIG says where it is")
	}
	return parseConfig(file, data)
}

func checkConfig(_ context.Context, file string, w io.Writer) error {
	c, err := readConfig(file)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(c.Clusters))
	for _, cl := range c.Clusters {
		names = append(names, cl.Name)
	}
	_, err = fmt.Fprintf(w, "%s is right: %d cluster(s) (%s), incidents in %s\n", file, len(names), strings.Join(names, ", "), c.Slack.Channels.Incidents)
	for _, warning := range c.warnings() {
		if err == nil {
			_, err = fmt.Fprintf(w, "warning: %s\n", warning)
		}
	}
	return err
}

func printVersion(_ context.Context, _ string, w io.Writer) error {
	_, err := fmt.Fprintln(w, "autopilot", programVersion())
	return err
}

func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		return info.Main.Version
	}
	return version
}
