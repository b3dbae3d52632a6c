package handlers

import (
	"context"

	"github.com/eks-autopilot/autopilot/engine"
)

// Tasks gives the handler of every kind of durable background work. Each may run twice for the same task.
func (h *Handlers) Tasks() map[engine.TaskKind]func(context.Context, engine.Task) error {
	tasks := map[engine.TaskKind]func(context.Context, engine.Task) error{
		engine.TaskDiagnose:      h.diagnose,
		engine.TaskSettle:        func(ctx context.Context, t engine.Task) error { return h.Progress.Settle(ctx, t.IncidentID) },
		engine.TaskEscalate:      h.escalate,
		engine.TaskStorm:         h.calm,
		engine.TaskPage:          h.page,
		engine.TaskSilence:       h.silence,
		engine.TaskExpireSilence: h.expireSilence,
		engine.TaskPollAlerts:    h.pollAlerts,
		engine.TaskMend:          h.mend,
	}
	if h.Waste != nil {
		tasks[engine.TaskScan], tasks[engine.TaskScanDue] = h.scan, h.scanDue
	}
	if h.Waste != nil && h.Waste.Costs != nil {
		tasks[engine.TaskCosts] = h.costs
	}
	if h.Waste != nil && h.Waste.Ledger != nil {
		tasks[engine.TaskMeasure] = h.measure
	}
	if h.Waste != nil && h.Changes != nil {
		tasks[engine.TaskDraft], tasks[engine.TaskPropose], tasks[engine.TaskFollow] = h.draft, h.propose, h.follow
	}
	if h.Remedies.Log != nil {
		tasks[engine.TaskRemedy] = h.remedy
	}
	if h.Anchoring != nil {
		tasks[engine.TaskAnchor] = h.anchor
	}
	if len(h.Reports.Deliveries) > 0 {
		tasks[engine.TaskReportDue], tasks[engine.TaskReportSend] = h.reportDue, h.reportSend
	}
	if len(h.Reports.Units) > 0 {
		tasks[engine.TaskCount] = h.count
	}
	return tasks
}

func (h *Handlers) escalate(ctx context.Context, t engine.Task) error {
	_, err := h.Progress.Escalate(ctx, t.IncidentID)
	return err
}
