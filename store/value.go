package store

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

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

// cleanText is the text type with every string cleaned on its way in.
type cleanText struct{ pgtype.TextCodec }

// PlanEncode implements pgtype.Codec.
func (c cleanText) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(string); ok {
		return encodeClean{}
	}
	return c.TextCodec.PlanEncode(m, oid, format, value)
}

type encodeClean struct{}

// Encode implements pgtype.EncodePlan.
func (encodeClean) Encode(value any, buf []byte) ([]byte, error) {
	return append(buf, clean(value.(string))...), nil
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
