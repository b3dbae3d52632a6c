package engine

import (
	"errors"
	"fmt"
	"time"
)

// Code says what kind of failure an error is, and so what a caller may do about it.
type Code string

// The six codes. Unavailable is the only one that is worth trying again unchanged.
const (
	Invalid     Code = "invalid"     // the input is wrong; the message says what would be right
	NotFound    Code = "not_found"   // the thing named does not exist
	Conflict    Code = "conflict"    // the thing changed meanwhile, or was already done
	Forbidden   Code = "forbidden"   // this person or account may not do that
	Unavailable Code = "unavailable" // something outside does not answer; try again later
	Internal    Code = "internal"    // our fault; the message is for the log, not for the user
)

// Error is a failure with a code and a message that a user may read.
// The wrapped error, if any, is for the log only.
type Error struct {
	Code    Code
	Message string
	Err     error
}

// Error gives the message and, behind it, the wrapped error.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap gives the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error. An argument of a %w verb is kept for errors.Is and is part of the log, not of the message.
func Errorf(code Code, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: wrapped.Error(), Err: errors.Unwrap(wrapped)}
}

// Wrap gives err a code and a message for people. It returns nil for a nil err.
func Wrap(code Code, err error, message string) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Message: message, Err: err}
}

// Waiting says that nothing failed: what was to be done waits for something, such as the end of a pause, and is to be tried again
// after For. It is no failed try, however often it comes.
type Waiting struct {
	For time.Duration
	Err error // what it waits for
}

// Error gives what it waits for.
func (w *Waiting) Error() string { return w.Err.Error() }

// Unwrap gives what it waits for.
func (w *Waiting) Unwrap() error { return w.Err }

// CodeOf gives the code of the first Error in err's chain: Internal when there is none, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// UserMessage turns an error into what a person sees. Only our own errors speak for themselves;
// anything else reads "internal error, ref <ref>", and ref finds the log line.
func UserMessage(err error, ref string) string {
	var e *Error
	if errors.As(err, &e) && e.Code != Internal {
		return e.Message
	}
	return "internal error, ref " + ref
}
