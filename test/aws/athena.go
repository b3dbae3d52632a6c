package aws

import (
	"fmt"
	"net/http"
	"strings"
)

// query is one run of Athena's.
type query struct {
	sql   string
	asked int // how often its state was asked: queued, running, then done
}

type startRequest struct {
	QueryString              string
	ClientRequestToken       string
	QueryExecutionContext    map[string]string
	ResultConfiguration      map[string]any
	WorkGroup                string
	ExecutionParameters      []string
	ResultReuseConfiguration map[string]any
}

func startQuery(s *Server, c *call) (any, *refusal) {
	var r startRequest
	if problem := c.decode(&r); problem != nil {
		return nil, problem
	}
	if strings.TrimSpace(r.QueryString) == "" {
		return nil, refuse(http.StatusBadRequest, "InvalidRequestException", "queryString must not be empty")
	}
	s.serial++
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", s.serial)
	s.queries[id] = &query{sql: r.QueryString}
	return map[string]string{"QueryExecutionId": id}, nil
}

type queryRequest struct {
	QueryExecutionId string //nolint:revive,staticcheck // AWS spells it so
	NextToken        string
	MaxResults       int
	QueryResultType  string
}

func (s *Server) query(c *call) (queryRequest, *query, *refusal) {
	var r queryRequest
	if problem := c.decode(&r); problem != nil {
		return r, nil, problem
	}
	q, ok := s.queries[r.QueryExecutionId]
	if !ok {
		return r, nil, refuse(http.StatusBadRequest, "InvalidRequestException", "QueryExecution %s was not found", r.QueryExecutionId)
	}
	return r, q, nil
}

// table is what a query answers: the one whose name stands in it.
func (s *Server) table(q *query) (Table, bool) {
	for _, name := range sortedKeys(s.world.Tables) {
		if strings.Contains(q.sql, name) {
			return s.world.Tables[name], true
		}
	}
	return Table{}, false
}

func (s *Server) stateOf(q *query) (state, reason string) {
	if _, ok := s.table(q); !ok && q.asked > 1 {
		return "FAILED", "SYNTAX_ERROR: line 1:15: Table does not exist"
	}
	return []string{"QUEUED", "RUNNING", "SUCCEEDED"}[min(q.asked, 2)], ""
}

func getQuery(s *Server, c *call) (any, *refusal) {
	r, q, problem := s.query(c)
	if problem != nil {
		return nil, problem
	}
	state, reason := s.stateOf(q)
	q.asked++
	return map[string]any{"QueryExecution": map[string]any{
		"QueryExecutionId": r.QueryExecutionId, "Query": q.sql, "Status": map[string]string{"State": state, "StateChangeReason": reason},
	}}, nil
}

func getQueryResults(s *Server, c *call) (any, *refusal) {
	r, q, problem := s.query(c)
	if problem != nil {
		return nil, problem
	}
	t, ok := s.table(q)
	if state, _ := s.stateOf(q); !ok || state != "SUCCEEDED" {
		return nil, refuse(http.StatusBadRequest, "InvalidRequestException", "Query has not yet finished. Current state: %s", state)
	}
	// The first page begins with the names of the columns.
	rows := append([][]string{t.Columns}, t.Rows...)
	items, next, problem := page(s, rows, r.NextToken, r.MaxResults, 1000)
	if problem != nil {
		return nil, problem
	}
	var columns, data []any
	for _, name := range t.Columns {
		columns = append(columns, map[string]string{"Name": name, "Type": "varchar"})
	}
	for _, row := range items {
		var cells []map[string]string
		for _, v := range row {
			cells = append(cells, map[string]string{"VarCharValue": v})
		}
		data = append(data, map[string]any{"Data": cells})
	}
	out := map[string]any{"ResultSet": map[string]any{"Rows": data, "ResultSetMetadata": map[string]any{"ColumnInfo": columns}}}
	if next != "" {
		out["NextToken"] = next
	}
	return out, nil
}
