package handlers

import (
	"context"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/narrate"
)

// writeFor is how long a model may take. The diagnosis is told before it is asked.
const writeFor = 20 * time.Second

// Narrator has a model put what was found out into words. Nothing waits for it, and nothing is missing without it.
type Narrator struct {
	Model   string
	Write   func(ctx context.Context, system, text string) (string, error)
	Save    func(ctx context.Context, incident int64, at time.Time, n engine.Narrative) error
	PerHour int // times that the model is asked, by this process

	mu    sync.Mutex
	asked []time.Time
}

// narrate asks the model about a diagnosis that was kept just now. What goes wrong is logged, and that is all.
func (h *Handlers) narrate(ctx context.Context, id int64, at time.Time) {
	w := h.Narrator
	if w == nil {
		return
	}
	i, err := h.Incidents.Incident(ctx, id)
	if err != nil || !i.Diagnosis.At.Equal(at.Truncate(time.Microsecond)) || i.Diagnosis.Narrative != nil {
		return // it said nothing new
	}
	q, ok := narrate.Ask(i)
	if !ok || !w.may(h.Now()) {
		return
	}
	asking, done := context.WithTimeout(ctx, writeFor)
	defer done()
	answer, err := w.Write(asking, narrate.System, q.Text)
	if err != nil {
		h.Log.WarnContext(ctx, "the model wrote nothing", "incident", id, "model", w.Model, "error", err)
		return
	}
	n, ok := q.Read(w.Model, answer)
	if !ok {
		h.Log.InfoContext(ctx, "nothing that the model wrote rests on evidence", "incident", id, "model", w.Model)
		return
	}
	if err := w.Save(ctx, id, i.Diagnosis.At, n); err != nil {
		h.Log.WarnContext(ctx, "what the model wrote was not kept", "incident", id, "error", err)
	}
}

// may tells whether the model may be asked once more within the hour.
func (w *Narrator) may(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.asked) > 0 && now.Sub(w.asked[0]) >= time.Hour {
		w.asked = w.asked[1:]
	}
	if len(w.asked) >= w.PerHour {
		return false
	}
	w.asked = append(w.asked, now)
	return true
}
