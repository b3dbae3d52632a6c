package report

import (
	"fmt"
	"html"
	"io"

	"github.com/eks-autopilot/autopilot/engine"
)

// HTML writes the page of a digest. It fails when w does.
func HTML(w io.Writer, d engine.Digest) error {
	_, err := fmt.Fprintf(w, "<!doctype html><html lang=\"en\"><title>%s</title><h1>Spend: %s</h1></html>\n", html.EscapeString(d.Period.String()), d.Spend.Total)
	return err
}
