package handlers

import (
	"context"

	"github.com/eks-autopilot/autopilot/engine"
)

// Mailer sends e-mail. It fails with Unavailable when trying again can help. A mail may be sent twice when the process dies right
// after it.
type Mailer interface {
	Send(ctx context.Context, to []string, from, subject, text, html string, attachments []engine.File) error
}

// Depot keeps files under keys. The same key again replaces what was there.
type Depot interface {
	Put(ctx context.Context, key, contentType string, body []byte) error
}
