package store

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/eks-autopilot/autopilot/engine"
)

// failure gives a database error its code: Unavailable for what may be gone at the next try, Internal for the rest.
// Errors that have a code keep it.
func failure(err error) error {
	var coded *engine.Error
	var sql *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &coded):
		return err
	case errors.As(err, &sql):
		return engine.Wrap(codeOfSQL(sql), err, messageOfSQL(sql))
	case unreachable(err):
		return engine.Wrap(engine.Unavailable, err, "the database does not answer")
	}
	return engine.Wrap(engine.Internal, err, "the database call failed")
}

// unreachable tells whether err is about the connection, not about what was said on it.
func unreachable(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		strings.HasSuffix(err.Error(), "conn closed")
}

// SQLSTATE codes that are named here, from PostgreSQL's appendix A.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	queryCanceled        = "57014"
	lockNotAvailable     = "55P03"
	readOnlyTransaction  = "25006" // a standby that was promoted away from, during a fail-over
	undefinedTable       = "42P01"
	undefinedColumn      = "42703"
	databaseMissing      = "3D000"
	limitExceeded        = "54000" // a text too long to be a key
)

// lost tells whether a transaction failed only because another one ran.
func lost(err error) bool {
	var sql *pgconn.PgError
	return errors.As(err, &sql) && (sql.Code == serializationFailure || sql.Code == deadlockDetected)
}

func codeOfSQL(e *pgconn.PgError) engine.Code {
	switch e.Code {
	case serializationFailure, deadlockDetected, queryCanceled, lockNotAvailable, readOnlyTransaction:
		return engine.Unavailable
	case databaseMissing, limitExceeded:
		return engine.Invalid
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "53", "57", "58": // connection, resources, operator intervention, system
		return engine.Unavailable
	case "28": // refused login
		return engine.Forbidden
	}
	return engine.Internal
}

func messageOfSQL(e *pgconn.PgError) string {
	switch e.Code {
	case undefinedTable, undefinedColumn:
		return "the database's schema is not the one that this program knows; run autopilot migrate"
	case databaseMissing:
		return "the database does not exist; create it, for example with createdb"
	case limitExceeded:
		return "a name or an id is too long; right would be at most 2,000 characters"
	}
	switch codeOfSQL(e) {
	case engine.Unavailable:
		return "the database cannot do that now"
	case engine.Forbidden:
		return "the database refuses this account"
	default:
		return "the database refused a statement"
	}
}
