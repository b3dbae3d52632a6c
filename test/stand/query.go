package stand

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
)

// ByNamespace asks for a vector as of now, and gives its values by their label namespace. What is no number, such as a percentile of nothing, is
// left out.
func (p *Prometheus) ByNamespace(ctx context.Context, query string) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+"/api/v1/query?"+url.Values{"query": {query}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := fresh.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Status != "success" {
		return nil, fmt.Errorf("prometheus does not answer %s: %s %w", query, answer.Error, err)
	}
	values := map[string]float64{}
	for _, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("prometheus answers %s with %q: %w", query, text, err)
		}
		if !math.IsNaN(v) {
			values[r.Metric["namespace"]] = v
		}
	}
	return values, nil
}
