package aws

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// call is a request of the SDK, as AWS reads it.
type call struct {
	op   string         // "DescribeVolumes", "GET /clusters/prod/node-groups"
	form url.Values     // of the query protocols
	body map[string]any // of the JSON protocols
	n    int            // how often it was called before
}

// reply is what AWS answers.
type reply struct {
	status int // 0 means 200
	kind   string
	body   string
}

// wire plays AWS: a function for each operation. What is not there is denied.
type wire struct {
	t     *testing.T
	mu    sync.Mutex
	ops   map[string]func(call) reply
	calls map[string]int
}

func newWire(t *testing.T, ops map[string]func(call) reply) (*wire, *Account) {
	t.Helper()
	w := &wire{t: t, ops: ops, calls: map[string]int{}}
	if ops["GetCallerIdentity"] == nil {
		ops["GetCallerIdentity"] = always(reply{body: `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
  <Arn>arn:aws:sts::123456789012:assumed-role/autopilot/autopilot</Arn><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`})
	}
	cfg := standIn(t, w.serve)
	cfg.Backoff = time.Millisecond
	cfg.Now = func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
	return w, connect(t, cfg)
}

func always(r reply) func(call) reply { return func(call) reply { return r } }

// pagesOf answers with one reply after another.
func pagesOf(bodies ...string) func(call) reply {
	return func(c call) reply { return reply{body: bodies[min(c.n, len(bodies)-1)]} }
}

// thrice fails twice with an error of AWS, and then answers.
func thrice(r reply, body string) func(call) reply {
	return func(c call) reply {
		if c.n < 2 {
			return r
		}
		return reply{body: body}
	}
}

func (w *wire) serve(out http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	c := call{op: r.Method + " " + r.URL.Path}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, c.op, _ = strings.Cut(target, ".")
		if err := json.Unmarshal(data, &c.body); err != nil {
			w.t.Errorf("%s: %v", c.op, err)
		}
		out.Header().Set("Content-Type", "application/x-amz-json-1.1")
	} else if r.Method == http.MethodPost {
		if c.form, err = url.ParseQuery(string(data)); err != nil {
			w.t.Error(err)
		}
		c.op = c.form.Get("Action")
	} else {
		out.Header().Set("Content-Type", "application/json")
		c.form = r.URL.Query()
	}
	w.mu.Lock()
	c.n = w.calls[c.op]
	w.calls[c.op]++
	w.mu.Unlock()
	answer := reply{status: 403, kind: "AccessDeniedException"}
	if do := w.ops[c.op]; do != nil {
		answer = do(c)
	}
	if answer.status == 0 {
		answer.status = 200
	}
	if answer.kind != "" && answer.body == "" {
		answer.body = fmt.Sprintf(`{"__type":%q,"message":"no"}`, answer.kind)
		if c.op == c.form.Get("Action") && c.form != nil {
			answer.body = fmt.Sprintf(`<Response><Errors><Error><Code>%s</Code><Message>no</Message></Error></Errors><RequestID>1</RequestID></Response>`, answer.kind)
			if strings.HasPrefix(c.op, "DescribeAutoScaling") || strings.HasPrefix(c.op, "GetCaller") {
				answer.body = fmt.Sprintf(`<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>`, answer.kind)
			}
		}
		out.Header().Set("X-Amzn-ErrorType", answer.kind)
	}
	out.WriteHeader(answer.status)
	fmt.Fprint(out, answer.body)
}

func (w *wire) count(op string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[op]
}
