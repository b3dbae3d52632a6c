package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/eks-autopilot/autopilot/store"
)

// verifyAudit reads the whole audit log, and prints how many of its rows hold and the hash of the last that does, to be compared with
// one that was kept elsewhere. Where anchors are configured, it compares the log with them too. It fails with what is wrong with the
// first row that does not hold. Without a configuration file the log is all there is to read.
func verifyAudit(ctx context.Context, file string, w io.Writer) error {
	cfg, err := readConfig(file)
	if err != nil && (file != defaultConfig || !errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	secrets, err := readSecrets("DATABASE_URL")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	st, err := store.Open(ctx, secrets.DatabaseURL.Reveal(), store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.Check(ctx); err != nil {
		return err
	}
	rows, head, broken := st.CheckAudit(ctx)
	if _, err := fmt.Fprintf(w, "%d rows hold\nhead %s\n", rows, head); err != nil {
		return err
	}
	if broken != nil {
		return broken
	}
	return verifyAnchors(ctx, cfg, st, w)
}
