package engine

import (
	"encoding/json"
	"log/slog"
)

// Secret is a value that must not be seen. However it is printed, logged or encoded it reads "***"; only Reveal gives it away.
type Secret string

// Reveal gives the value.
func (s Secret) Reveal() string { return string(s) }

// IsZero tells whether there is no value.
func (s Secret) IsZero() bool { return s == "" }

func (Secret) hidden() string { return "***" }

// String gives "***".
func (s Secret) String() string { return s.hidden() }

// GoString gives "***".
func (s Secret) GoString() string { return s.hidden() }

// LogValue gives "***".
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.hidden()) }

// MarshalJSON gives "***".
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.hidden()) }

// MarshalText gives "***".
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.hidden()), nil }
