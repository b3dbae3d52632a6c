package handlers

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/eks-autopilot/autopilot/engine"
)

// ForgeEvent says that something happened to a pull request, or to a branch. It is a hint to look, never what is believed.
type ForgeEvent struct {
	Repo   string // "" when it is about nothing of ours
	Number int    // of the pull request; 0 when only the branch is known
	Branch string
}

// maxForge bounds the body of a webhook: GitHub sends no larger ones.
const maxForge = 25 << 20

// ForgeWebhook takes the forge's webhooks: each makes the bot look at the pull request that it is about. decode checks who sent it, and
// fails with Forbidden for one that is forged, which is answered with 401. The look is kept before it answers 200; 503 when it cannot be.
// The forge does not send again what was not taken: the bot looks by itself every few minutes too.
func (h *Handlers) ForgeWebhook(decode func(http.Header, []byte) (ForgeEvent, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForge))
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			http.Error(w, "the body is larger than any of GitHub's", http.StatusRequestEntityTooLarge)
			h.Log.WarnContext(r.Context(), "forge webhook refused", "limit", tooLarge.Limit)
			return
		}
		if err != nil {
			http.Error(w, "the body ended early", http.StatusBadRequest)
			return
		}
		event, err := decode(r.Header, body)
		if err != nil {
			h.Log.WarnContext(r.Context(), "forge webhook refused", "from", r.RemoteAddr, "error", err)
			status := http.StatusBadRequest
			if engine.CodeOf(err) == engine.Forbidden {
				status = http.StatusUnauthorized
			}
			http.Error(w, engine.UserMessage(err, "-"), status)
			return
		}
		if err := h.lookAt(r.Context(), event); err != nil {
			h.Log.ErrorContext(r.Context(), "forge event not kept", "repo", event.Repo, "number", event.Number, "error", err)
			http.Error(w, "not kept; the bot looks by itself later", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
}

// lookAt has the proposal looked at that an event is about; nothing comes of one that is about none of ours.
func (h *Handlers) lookAt(ctx context.Context, e ForgeEvent) error {
	switch {
	case e.Repo == "" || h.Changes == nil:
		return nil
	case e.Number > 0:
		p, err := h.Changes.Proposals.ProposalByPull(ctx, e.Repo, e.Number)
		if engine.CodeOf(err) == engine.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		return h.Changes.Proposals.Follow(ctx, p.ID)
	}
	open, err := h.Changes.Proposals.Proposals(ctx, ProposalFilter{Repo: e.Repo, Statuses: []engine.ProposalStatus{engine.ProposalOpened}, Limit: 100})
	if err != nil {
		return err
	}
	for _, p := range open {
		if p.Pull.Branch != e.Branch {
			continue
		}
		if err := h.Changes.Proposals.Follow(ctx, p.ID); err != nil {
			return err
		}
	}
	return nil
}
