package handlers

import (
	"io"
	"net/http"

	"github.com/eks-autopilot/autopilot/engine"
)

// PagerWebhook carries out what people did at a pager: acknowledged or resolved there is acknowledged or resolved here.
// decode checks who sent it. It answers 503 when a decision cannot be kept, so that the pager sends it again.
func (h *Handlers) PagerWebhook(decode func(http.Header, []byte) ([]engine.Decision, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "the body is larger than 1 MiB, or ended early", http.StatusBadRequest)
			return
		}
		decisions, err := decode(r.Header, body)
		if err != nil {
			h.Log.WarnContext(r.Context(), "pager webhook refused", "error", err)
			status := http.StatusBadRequest
			if engine.CodeOf(err) == engine.Forbidden {
				status = http.StatusForbidden
			}
			http.Error(w, engine.UserMessage(err, "-"), status)
			return
		}
		for _, d := range decisions {
			ctx := engine.WithID(r.Context(), engine.IncidentTrail(d.IncidentID))
			_, err := h.Decisions.Decide(ctx, d)
			switch engine.CodeOf(err) {
			case "", engine.Conflict, engine.NotFound: // done here already, or long gone
			default:
				h.Log.ErrorContext(ctx, "pager's decision not kept", "incident", d.IncidentID, "error", err)
				http.Error(w, "not kept; send it again", http.StatusServiceUnavailable)
				return
			}
		}
		w.WriteHeader(http.StatusOK)
	})
}
