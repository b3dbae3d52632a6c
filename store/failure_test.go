package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestFailure(t *testing.T) {
	sql := func(code string) error { return fmt.Errorf("apply: %w", &pgconn.PgError{Code: code}) }
	for _, c := range []struct {
		name string
		err  error
		want engine.Code
	}{
		{"none", nil, ""},
		{"ours", fmt.Errorf("wrapped: %w", engine.Errorf(engine.Conflict, "acknowledged before")), engine.Conflict},
		{"deadlock", sql("40P01"), engine.Unavailable},
		{"serialization", sql("40001"), engine.Unavailable},
		{"statement timeout", sql("57014"), engine.Unavailable},
		{"shutting down", sql("57P01"), engine.Unavailable},
		{"starting up", sql("57P03"), engine.Unavailable},
		{"too many connections", sql("53300"), engine.Unavailable},
		{"disk full", sql("53100"), engine.Unavailable},
		{"a former primary", sql("25006"), engine.Unavailable},
		{"connection", sql("08006"), engine.Unavailable},
		{"no database", sql("3D000"), engine.Invalid},
		{"wrong password", sql("28P01"), engine.Forbidden},
		{"no table", sql("42P01"), engine.Internal},
		{"duplicate", sql("23505"), engine.Internal},
		{"no code at all", sql(""), engine.Internal},
		{"key too long", sql("54000"), engine.Invalid},
		{"deadline", context.DeadlineExceeded, engine.Unavailable},
		{"caller gave up", context.Canceled, engine.Unavailable},
		{"broken off", io.ErrUnexpectedEOF, engine.Unavailable},
		{"network", &net.OpError{Op: "read", Err: errors.New("reset")}, engine.Unavailable},
		{"closed", errors.New("conn closed"), engine.Unavailable},
		{"swallowed error", pgx.ErrTxCommitRollback, engine.Internal},
		{"something else", errors.New("boom"), engine.Internal},
	} {
		err := failure(c.err)
		if got := engine.CodeOf(err); got != c.want {
			t.Errorf("%s: code %q, want %q", c.name, got, c.want)
		}
		if c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: the cause is lost", c.name)
		}
	}
	for code, want := range map[string]bool{"40001": true, "40P01": true, "23505": false} {
		if got := lost(sql(code)); got != want {
			t.Errorf("lost(%s) = %v, want %v", code, got, want)
		}
	}
}
