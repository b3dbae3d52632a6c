package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/eks-autopilot/autopilot/store"
)

// verifyAudit reads the whole audit log, and prints how many of its rows hold and the hash of the last that does, to be compared with
// one that was kept elsewhere. It fails with what is wrong with the first that does not.
func verifyAudit(ctx context.Context, _ string, w io.Writer) error {
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
	return broken
}
