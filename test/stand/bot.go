package stand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Bot is the bot as a process. After Stop, or Kill, it may be started again.
type Bot struct {
	Dir    string
	Binary string
	Config []byte // its configuration file
	Env    []string
	Listen string // host:port of its HTTP server, as Config says

	proc *Process
}

// Start brings the database's schema up to date, runs the bot and waits until
// it is ready. It fails with the end of the bot's log when the bot ends.
func (b *Bot) Start(ctx context.Context) error {
	if err := writeFiles(b.Dir, map[string][]byte{"autopilot.yaml": b.Config}); err != nil {
		return err
	}
	env := append([]string{"AUTOPILOT_CONFIG=" + filepath.Join(b.Dir, "autopilot.yaml")}, b.Env...)
	migrate := exec.CommandContext(ctx, b.Binary, "migrate")
	migrate.Dir, migrate.Env = b.Dir, append(os.Environ(), env...)
	if text, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("autopilot migrate: %w\n%s", err, text)
	}
	if b.proc == nil {
		b.proc = &Process{Dir: b.Dir, Name: "autopilot", Path: b.Binary, Args: []string{"serve"}, Env: env}
	}
	return startReady(ctx, b.proc, b.Healthy)
}

// Healthy fails unless the bot runs and says that it is ready.
func (b *Bot) Healthy(ctx context.Context) error {
	if b.proc == nil {
		return errors.New("the bot was not started")
	}
	if err := b.proc.Running(); err != nil {
		return err
	}
	return ready(ctx, b.URL()+"/readyz")
}

// Stop lets the bot finish what it is at, for ten seconds.
func (b *Bot) Stop(ctx context.Context) error {
	if b.proc == nil {
		return nil
	}
	return b.proc.Stop(ctx)
}

// Kill ends the bot as kill -9 does.
func (b *Bot) Kill() error {
	if b.proc == nil {
		return errors.New("the bot was not started")
	}
	return b.proc.Kill()
}

// Restart stops the bot in good order and starts it again.
func (b *Bot) Restart(ctx context.Context) error {
	if err := b.Stop(ctx); err != nil {
		return err
	}
	return b.Start(ctx)
}

// URL is the bot's HTTP server, without a trailing slash.
func (b *Bot) URL() string { return "http://" + b.Listen }

// Process is the running program; nil before the first Start.
func (b *Bot) Process() *Process { return b.proc }
