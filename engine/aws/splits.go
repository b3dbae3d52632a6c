package aws

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
)

// Export says where a Data Export (CUR 2.0, with split cost allocation data and resource IDs) can be asked through Athena.
type Export struct {
	Workgroup string // "" for primary
	Database  string
	Table     string
	Output    string        // "s3://bucket/prefix/", where Athena puts answers; "" for the workgroup's own
	Poll      time.Duration // between two looks whether an answer is there; 0 for 2 s
}

// name is what a database and a table may be called: what they are goes into SQL, where no parameter can stand for them.
var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)

// Check says what is wrong with an export's configuration. It fails with Invalid.
func (e Export) Check() error {
	for what, value := range map[string]string{"database": e.Database, "table": e.Table} {
		if !name.MatchString(value) {
			return engine.Errorf(engine.Invalid, "%q is no %s of Athena; letters, digits and _ are right", value, what)
		}
	}
	return nil
}

// The exports are partitioned by billing_period; a pod's ARN names its cluster and its namespace.
const splitQuery = `SELECT date_format(line_item_usage_start_date, '%%Y-%%m-%%d') AS day,
  split_part(line_item_resource_id, '/', 2) AS cluster,
  split_part(line_item_resource_id, '/', 3) AS namespace,
  sum(split_line_item_split_cost) AS used,
  sum(split_line_item_unused_cost) AS unused
FROM "%s"."%s"
WHERE billing_period BETWEEN ? AND ?
  AND line_item_usage_start_date >= date(?) AND line_item_usage_start_date < date(?)
  AND line_item_resource_id LIKE 'arn:%%:eks:%%:pod/%%'
GROUP BY 1, 2, 3`

// Splits gives what split cost allocation of EKS gave each namespace on each day from the first to before the last (UTC). It fails with
// Invalid for a configuration or an answer that is wrong, and with Forbidden or Unavailable. When the context ends, the query is stopped.
func (a *Account) Splits(ctx context.Context, e Export, from, to time.Time) ([]price.SplitRow, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	if !from.Before(to) {
		return nil, engine.Errorf(engine.Invalid, "split costs from %s to before %s are none", from.Format(time.DateOnly), to.Format(time.DateOnly))
	}
	quoted := func(t time.Time, layout string) string { return "'" + t.Format(layout) + "'" }
	id, err := a.run(ctx, e, fmt.Sprintf(splitQuery, e.Database, e.Table), []string{
		quoted(from, "2006-01"), quoted(to, "2006-01"), quoted(from, time.DateOnly), quoted(to, time.DateOnly),
	})
	if err != nil {
		return nil, err
	}
	var out []price.SplitRow
	var wrong error
	head := true
	pages := athena.NewGetQueryResultsPaginator(a.athena, &athena.GetQueryResultsInput{QueryExecutionId: aws.String(id), MaxResults: aws.Int32(1000)})
	err = each(ctx, pages, "split costs", func(page *athena.GetQueryResultsOutput) {
		if page.ResultSet == nil {
			return
		}
		for _, r := range page.ResultSet.Rows {
			if head { // the first row names the columns
				head = false
				continue
			}
			row, err := splitRow(r)
			if err != nil {
				wrong = err
				continue
			}
			out = append(out, row)
		}
	})
	if err != nil {
		return nil, err
	}
	return out, wrong
}

// run starts a query and waits until it has succeeded.
func (a *Account) run(ctx context.Context, e Export, sql string, parameters []string) (id string, err error) {
	in := &athena.StartQueryExecutionInput{QueryString: aws.String(sql), ExecutionParameters: parameters}
	if e.Workgroup != "" {
		in.WorkGroup = aws.String(e.Workgroup)
	}
	if e.Output != "" {
		in.ResultConfiguration = &types.ResultConfiguration{OutputLocation: aws.String(e.Output)}
	}
	started, err := a.athena.StartQueryExecution(ctx, in)
	if err != nil {
		return "", failed(err, "Athena does not take the query")
	}
	id = aws.ToString(started.QueryExecutionId)
	wait := e.Poll
	if wait <= 0 {
		wait = 2 * time.Second
	}
	tick := time.NewTicker(wait)
	defer tick.Stop()
	for {
		got, err := a.athena.GetQueryExecution(ctx, &athena.GetQueryExecutionInput{QueryExecutionId: aws.String(id)})
		if err != nil {
			a.stop(ctx, id)
			return "", failed(err, "Athena does not say how the query goes")
		}
		if done, err := finished(got.QueryExecution); done || err != nil {
			return id, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			a.stop(ctx, id)
			return "", engine.Wrap(engine.Unavailable, ctx.Err(), "Athena took too long over the query")
		}
	}
}

// finished says whether a query has an answer. It fails when it never will.
func finished(q *types.QueryExecution) (bool, error) {
	if q == nil || q.Status == nil {
		return false, nil
	}
	switch q.Status.State {
	case types.QueryExecutionStateSucceeded:
		return true, nil
	case types.QueryExecutionStateFailed, types.QueryExecutionStateCancelled:
		return false, engine.Errorf(engine.Unavailable, "Athena says %s of the query: %.300s", q.Status.State, aws.ToString(q.Status.StateChangeReason))
	default:
		return false, nil
	}
}

// stop ends a query that nobody waits for any longer: what it reads is billed.
func (a *Account) stop(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// It ends by itself in time; there is nobody to tell that it goes on until then.
	_, _ = a.athena.StopQueryExecution(ctx, &athena.StopQueryExecutionInput{QueryExecutionId: aws.String(id)})
}

// splitRow reads a row of the answer.
func splitRow(r types.Row) (price.SplitRow, error) {
	if len(r.Data) != 5 {
		return price.SplitRow{}, engine.Errorf(engine.Invalid, "Athena gave a row of %d columns; 5 are expected", len(r.Data))
	}
	text := func(i int) string { return aws.ToString(r.Data[i].VarCharValue) }
	day, err := time.Parse(time.DateOnly, text(0))
	if err != nil {
		return price.SplitRow{}, engine.Wrap(engine.Invalid, err, "Athena gave a day that is none")
	}
	row := price.SplitRow{Day: day, Cluster: text(1), Namespace: text(2)}
	for i, amount := range []*engine.MicroUSD{&row.Used, &row.Unused} {
		if text(3+i) == "" {
			continue // NULL: nothing
		}
		v, err := strconv.ParseFloat(text(3+i), 64)
		if err != nil || math.IsNaN(v) || math.Abs(v) > 1e12 {
			return price.SplitRow{}, engine.Errorf(engine.Invalid, "Athena gave %.40q as a cost; a number is expected", text(3+i))
		}
		*amount = engine.Dollars(v)
	}
	return row, nil
}
