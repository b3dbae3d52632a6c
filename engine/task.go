package engine

import (
	"strconv"
	"strings"
)

// TaskKind names a piece of durable background work.
type TaskKind string

// The kinds of task.
const (
	TaskDiagnose      TaskKind = "diagnose"       // collect evidence, rank causes, save
	TaskSettle        TaskKind = "settle"         // resolve when the hold-down is over
	TaskEscalate      TaskKind = "escalate"       // repeat, then hand over to the pager
	TaskStorm         TaskKind = "storm"          // see whether a storm is over
	TaskPage          TaskKind = "page"           // tell the pager: trigger, acknowledge or resolve
	TaskSilence       TaskKind = "silence"        // make the Alertmanager silence that was decided
	TaskExpireSilence TaskKind = "expire_silence" // end the silences of an incident that are not, or no longer, wanted
	TaskPollAlerts    TaskKind = "poll_alerts"    // ask Alertmanager what still fires
	TaskSweep         TaskKind = "sweep"          // retention, and work that was left behind
	TaskScan          TaskKind = "scan"           // look for waste, save what was found
	TaskScanDue       TaskKind = "scan_due"       // see whether the schedule wants a scan
	TaskCosts         TaskKind = "costs"          // divide the bills of the last days, close the month that is over
	TaskDraft         TaskKind = "draft"          // find the files of a finding group and draft the edits
	TaskPropose       TaskKind = "propose"        // make the pull request of an approved proposal
	TaskFollow        TaskKind = "follow"         // see where a pull request, its deployment and its savings stand
	TaskMeasure       TaskKind = "measure"        // measure yesterday against the baselines
	TaskRemedy        TaskKind = "remedy"         // do to a cluster what a person asked for
	TaskAnchor        TaskKind = "anchor"         // keep the audit log's head elsewhere when that is due
	TaskMend          TaskKind = "mend"           // offer the change that mends an incident, or withdraw it
	TaskReportDue     TaskKind = "report_due"     // see which digests are due, and close the months that are over
	TaskReportSend    TaskKind = "report_send"    // bring a digest to where Slack is not: e-mail, S3
	TaskCount         TaskKind = "count"          // count yesterday's units of work
)

// The Details of diagnoses that are due later, when there is more to be read. They are done besides those that came before.
const (
	LookAgain    = "again"
	LookIfUnsure = "unsure" // unless a likely cause is known by then
)

// Task is a piece of durable background work. It may run twice: doing it again must change nothing.
type Task struct {
	Kind       TaskKind
	IncidentID int64
	Detail     string // page: see PageDetail; silence: the silence's end as RFC 3339; scan: the scan's id; draft: the finding group's; propose: the proposal's; follow: see FollowDetail; remedy: the decision's; storm: the storm's id; report_send: the sending's
	Attempt    int
}

// PageDetail is the Detail of a page: trigger, acknowledge or resolve, and how often the incident had been reopened. What a pager
// is to be told late is about the time that the incident was open then.
func PageDetail(what string, reopened int) string {
	if reopened == 0 {
		return what
	}
	return what + "/" + strconv.Itoa(reopened)
}

// ReadPageDetail is the reverse of PageDetail.
func ReadPageDetail(detail string) (what string, reopened int) {
	what, digits, ok := strings.Cut(detail, "/")
	if !ok {
		return what, 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return detail, 0
	}
	return what, n
}

// FollowDetail is the Detail of a follow. Of a proposal one waits, and is done again and again; one that looks once leaves the rest to it.
func FollowDetail(proposal int64, once bool) string {
	detail := strconv.FormatInt(proposal, 10)
	if once {
		return detail + "/once"
	}
	return detail
}

// ReadFollowDetail is the reverse of FollowDetail. It fails with Invalid.
func ReadFollowDetail(detail string) (proposal int64, once bool, err error) {
	digits, once := strings.CutSuffix(detail, "/once")
	proposal, err = strconv.ParseInt(digits, 10, 64)
	if err != nil || proposal <= 0 {
		return 0, false, Errorf(Invalid, "%q is not the id of a proposal", detail)
	}
	return proposal, once, nil
}
