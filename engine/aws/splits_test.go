package aws

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
)

var export = Export{Workgroup: "finops", Database: "cur", Table: "cost_and_usage", Output: "s3://answers/autopilot/", Poll: time.Millisecond}

func athenaRow(values ...string) string {
	var data []string
	for _, v := range values {
		if v == "NULL" {
			data = append(data, "{}")
			continue
		}
		data = append(data, fmt.Sprintf(`{"VarCharValue":%q}`, v))
	}
	return `{"Data":[` + strings.Join(data, ",") + `]}`
}

func athenaPage(next string, rows ...string) string {
	token := ""
	if next != "" {
		token = fmt.Sprintf(`,"NextToken":%q`, next)
	}
	return `{"UpdateCount":0,"ResultSet":{"Rows":[` + strings.Join(rows, ",") + `],"ResultSetMetadata":{"ColumnInfo":[]}}` + token + `}`
}

func execution(state, reason string) string {
	return fmt.Sprintf(`{"QueryExecution":{"QueryExecutionId":"q-1","Status":{"State":%q,"StateChangeReason":%q,"SubmissionDateTime":1.7637e9}}}`, state, reason)
}

func splitOps() map[string]func(call) reply {
	return map[string]func(call) reply{
		"StartQueryExecution": pagesOf(`{"QueryExecutionId":"q-1"}`),
		"GetQueryExecution":   pagesOf(execution("QUEUED", ""), execution("RUNNING", ""), execution("SUCCEEDED", "")),
		"GetQueryResults": pagesOf(
			athenaPage("two", athenaRow("day", "cluster", "namespace", "used", "unused"), athenaRow("2026-11-20", "prod", "payments", "1.5", "0.25")),
			athenaPage("", athenaRow("2026-11-20", "prod", "day", "2E-3", "NULL")),
		),
		"StopQueryExecution": pagesOf(`{}`),
	}
}

func TestSplits(t *testing.T) {
	ops := splitOps()
	start := ops["StartQueryExecution"]
	ops["StartQueryExecution"] = func(c call) reply {
		sql, _ := c.body["QueryString"].(string)
		if !strings.Contains(sql, `FROM "cur"."cost_and_usage"`) || !strings.Contains(sql, "'arn:%:eks:%:pod/%'") || !strings.Contains(sql, "'%Y-%m-%d'") {
			t.Errorf("query: %s", sql)
		}
		if diff := cmp.Diff([]any{"'2026-11'", "'2026-11'", "'2026-11-20'", "'2026-11-21'"}, c.body["ExecutionParameters"]); diff != "" {
			t.Errorf("parameters (-want +got):\n%s", diff)
		}
		if output, _ := c.body["ResultConfiguration"].(map[string]any); c.body["WorkGroup"] != "finops" || output["OutputLocation"] != export.Output {
			t.Errorf("asked as %v", c.body)
		}
		return start(c)
	}
	w, a := newWire(t, ops)
	got, err := a.Splits(t.Context(), export, from, to)
	want := []price.SplitRow{{Day: from, Cluster: "prod", Namespace: "payments", Used: 1_500_000, Unused: 250_000}, {Day: from, Cluster: "prod", Namespace: "day", Used: 2000}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if w.count("GetQueryExecution") != 3 || w.count("GetQueryResults") != 2 || w.count("StopQueryExecution") != 0 {
		t.Errorf("calls: %v", w.calls)
	}
}

func TestCheckSplits(t *testing.T) {
	ops := splitOps()
	_, a := newWire(t, ops)
	if got := a.CheckSplits(t.Context(), export); len(got) != 1 || !got[0].OK {
		t.Errorf("checks: %+v", got)
	}
	ops["StartQueryExecution"] = nil
	if got := a.CheckSplits(t.Context(), export); got[0].OK || got[0].Level != engine.CheckWarn || got[0].Fix == "" {
		t.Errorf("denied: %+v", got)
	}
}

func TestSplitsThatFail(t *testing.T) {
	for name, tt := range map[string]struct {
		op   string
		do   func(call) reply
		want engine.Code
		says string
	}{
		"not taken":       {"StartQueryExecution", nil, engine.Forbidden, "does not take"},
		"failed":          {"GetQueryExecution", pagesOf(execution("FAILED", "TABLE_NOT_FOUND: cur.cost_and_usage")), engine.Unavailable, "TABLE_NOT_FOUND"},
		"cancelled":       {"GetQueryExecution", pagesOf(execution("CANCELLED", "")), engine.Unavailable, "CANCELLED"},
		"not told":        {"GetQueryExecution", nil, engine.Forbidden, "how the query goes"},
		"no answer":       {"GetQueryResults", nil, engine.Forbidden, "cannot be listed"},
		"a short row":     {"GetQueryResults", pagesOf(athenaPage("", athenaRow("day"), athenaRow("2026-11-20", "x"))), engine.Invalid, "2 columns"},
		"no day":          {"GetQueryResults", pagesOf(athenaPage("", athenaRow("day"), athenaRow("soon", "x", "y", "1", "1"))), engine.Invalid, "day"},
		"no number":       {"GetQueryResults", pagesOf(athenaPage("", athenaRow("day"), athenaRow("2026-11-20", "x", "y", "1", "NaN"))), engine.Invalid, "number"},
		"without results": {"GetQueryResults", pagesOf(`{}`), "", ""},
	} {
		ops := splitOps()
		ops[tt.op] = tt.do
		w, a := newWire(t, ops)
		_, err := a.Splits(t.Context(), export, from, to)
		if engine.CodeOf(err) != tt.want || (err != nil && !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v; want %s", name, err, tt.want)
		}
		if name == "not told" && w.count("StopQueryExecution") != 1 {
			t.Errorf("%s: the query was not stopped", name)
		}
	}
	_, a := newWire(t, splitOps())
	for _, bad := range []Export{{}, {Database: "cur", Table: `x"; DROP TABLE y`}, {Database: "c-u-r", Table: "t"}, {Database: "cur", Table: ""}} {
		if _, err := a.Splits(t.Context(), bad, from, to); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := a.Splits(t.Context(), export, to, to); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("no days: %v", err)
	}
}

func TestAQueryThatNobodyWaitsForIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ops := splitOps()
	ops["GetQueryExecution"] = func(call) reply {
		cancel()
		return reply{body: execution("RUNNING", "")}
	}
	w, a := newWire(t, ops)
	slow := export
	slow.Poll = time.Hour
	if _, err := a.Splits(ctx, slow, from, to); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("cancelled: %v", err)
	}
	if n := w.count("StopQueryExecution"); n != 1 {
		t.Errorf("stopped %d times", n)
	}
}
