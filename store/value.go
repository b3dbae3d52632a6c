package store

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// stamp cuts a time to what PostgreSQL keeps, so that what was written compares equal to what is read.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// orNull writes a zero time as NULL.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = stamp(t)
	return &t
}

// zeroTime reads NULL as the zero time.
type zeroTime struct{ t *time.Time }

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (z zeroTime) ScanTimestamptz(v pgtype.Timestamptz) error {
	*z.t = time.Time{}
	if v.Valid {
		*z.t = v.Time.UTC()
	}
	return nil
}

// clean makes a text one that PostgreSQL takes: valid UTF-8 without NUL. Log lines and labels can hold anything.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// cleanTx is a transaction in which every string among the arguments is cleaned on its way in. A codec could not do it:
// pgx sends strings past the codecs.
type cleanTx struct{ pgx.Tx }

// Exec implements pgx.Tx.
func (tx cleanTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return tx.Tx.Exec(ctx, sql, cleanArgs(args)...)
}

// Query implements pgx.Tx.
func (tx cleanTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return tx.Tx.Query(ctx, sql, cleanArgs(args)...)
}

// QueryRow implements pgx.Tx.
func (tx cleanTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return tx.Tx.QueryRow(ctx, sql, cleanArgs(args)...)
}

// SendBatch implements pgx.Tx.
func (tx cleanTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	for _, q := range b.QueuedQueries {
		q.Arguments = cleanArgs(q.Arguments)
	}
	return tx.Tx.SendBatch(ctx, b)
}

// cleanArgs cleans the arguments whose kind is string, be their type string or one of ours.
func cleanArgs(args []any) []any {
	cleaned := slices.Clone(args)
	for k, a := range args {
		if v := reflect.ValueOf(a); v.Kind() == reflect.String {
			cleaned[k] = clean(v.String())
		}
	}
	return cleaned
}

// marshalClean is json.Marshal without NUL characters, which jsonb refuses. json.Marshal itself replaces bad UTF-8.
func marshalClean(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil || !bytes.Contains(b, []byte(`\u0000`)) {
		return b, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	return json.Marshal(cleanTree(tree))
}

func cleanTree(v any) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case []any:
		for i := range v {
			v[i] = cleanTree(v[i])
		}
	case map[string]any:
		cleaned := make(map[string]any, len(v))
		for k, e := range v {
			cleaned[clean(k)] = cleanTree(e)
		}
		return cleaned
	}
	return v
}
