package bot

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// problemKind is what an answer of Slack's means for the one who asked.
type problemKind int

const (
	unknownOutcome problemKind = iota // it may have been done: a timeout, a 5xx, a broken connection
	neverSent                         // it was surely not done, and may be tried again: no connection
	slowDown                          // 429: again after the wait
	refusedToken                      // nothing works with this token
	messageGone                       // the message to be changed is not there any more
	threadGone                        // the thread to be answered in is not
	channelGone                       // the channel cannot be written to
	contentRefused                    // too long, or blocks that Slack does not take
	notPermitted                      // the app may not do this anywhere
	refusedCall                       // refused for any other reason; asking again unchanged is of little use
)

// problem is an error of a call, understood.
type problem struct {
	kind problemKind
	code string        // Slack's own word, or ""
	wait time.Duration // of slowDown
}

// certain tells whether the call surely changed nothing.
func (p problem) certain() bool { return p.kind != unknownOutcome }

var codeKinds = map[string]problemKind{
	"invalid_auth": refusedToken, "not_authed": refusedToken, "account_inactive": refusedToken, "token_revoked": refusedToken,
	"token_expired": refusedToken, "not_allowed_token_type": refusedToken, "org_login_required": refusedToken,
	"team_access_not_granted": refusedToken,

	"message_not_found": messageGone, "cant_update_message": messageGone, "edit_window_closed": messageGone,

	"thread_not_found": threadGone, "cannot_reply_to_message": threadGone, "thread_locked": threadGone,

	"channel_not_found": channelGone, "not_in_channel": channelGone, "is_archived": channelGone, "is_inactive": channelGone,
	"restricted_action": channelGone, "restricted_action_read_only_channel": channelGone,
	"restricted_action_thread_only_channel": channelGone, "restricted_action_non_threadable_channel": channelGone,
	"posting_to_general_channel_denied": channelGone, "user_not_in_channel": channelGone, "no_permission": channelGone,

	"msg_too_long": contentRefused, "msg_blocks_too_long": contentRefused, "invalid_blocks": contentRefused,
	"invalid_blocks_format": contentRefused, "invalid_attachments": contentRefused, "too_many_attachments": contentRefused,
	"metadata_too_large": contentRefused, "view_too_large": contentRefused,

	"missing_scope": notPermitted, "accesslimited": notPermitted, "ekm_access_denied": notPermitted,
	"enterprise_is_restricted": notPermitted, "not_allowed": notPermitted, "access_denied": notPermitted,

	// Slack says of these that something may have been done before they were raised.
	"internal_error": unknownOutcome, "fatal_error": unknownOutcome, "request_timeout": unknownOutcome,
	"service_unavailable": unknownOutcome,
}

// classify understands the error of a Web API call.
func classify(err error) problem {
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return problem{kind: slowDown, code: "ratelimited", wait: max(limited.RetryAfter, time.Second)}
	}
	if answer, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		if answer.Err == "ratelimited" || answer.Err == "rate_limited" {
			return problem{kind: slowDown, code: answer.Err, wait: 5 * time.Second}
		}
		kind, known := codeKinds[answer.Err]
		if !known {
			kind = refusedCall
		}
		return problem{kind: kind, code: answer.Err}
	}
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok {
		if status.Code >= http.StatusInternalServerError || status.Code == http.StatusRequestTimeout {
			return problem{kind: unknownOutcome, code: status.Status}
		}
		return problem{kind: refusedCall, code: status.Status}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return problem{kind: neverSent, code: "no connection"}
	}
	if _, ok := errors.AsType[*json.MarshalerError](err); ok {
		return problem{kind: contentRefused, code: "invalid_blocks"}
	}
	return problem{kind: unknownOutcome}
}

// explain puts an error of Slack's into words that help whoever reads doctor's table or the log.
func explain(err error) string {
	if answer, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		var more []string
		if answer.Needed != "" {
			more = append(more, "needs "+answer.Needed)
		}
		more = append(more, answer.ResponseMetadata.Messages...)
		if len(more) > 0 {
			return answer.Err + " (" + strings.Join(more, "; ") + ")"
		}
		return answer.Err
	}
	return err.Error()
}
