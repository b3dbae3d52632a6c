package slack

import (
	"fmt"
	"slices"
)

// The published limits of the data visualization block.
const (
	maxCharts      = 2 // in a message
	maxChartSeries = 6
	maxChartPoints = 20
)

var (
	chartLabel  = text(1, 20)
	chartNumber = number(-1e15, 1e15)
	chartPoint  = object(fields{"label": must(chartLabel), "value": must(chartNumber)})
	chartSeries = object(fields{"name": must(chartLabel), "data": must(list(1, maxChartPoints, chartPoint))})
	chartAxis   = object(fields{
		"categories": must(list(1, maxChartPoints, chartLabel)), "x_label": may(text(1, 50)), "y_label": may(text(1, 50)),
	})
	drawn = fields{"series": must(list(1, maxChartSeries, chartSeries)), "axis_config": must(chartAxis)}

	chartRules = map[string]fields{
		"pie": {"segments": must(list(1, maxChartSeries, object(fields{
			"label": must(chartLabel), "value": must(number(1e-15, 1e15)),
		})))},
		"bar": drawn, "area": drawn, "line": drawn,
	}
)

// chart is the chart of a data visualization block: every series has its own name and one point for each category.
func chart(v *checker, at string, value any) {
	before := len(v.problems)
	typed(chartRules, "pie", "bar", "area", "line")(v, at, value)
	c, _ := value.(map[string]any)
	if len(v.problems) > before || c["type"] == "pie" {
		return
	}
	categories := labelsOf(c["axis_config"], "categories", "")
	var names []string
	series, _ := c["series"].([]any)
	for i, s := range series {
		o, _ := s.(map[string]any)
		name, _ := o["name"].(string)
		if slices.Contains(names, name) {
			v.fail(fmt.Sprintf("%s/series/%d/name", at, i), "series names must be unique")
		}
		names = append(names, name)
		labels := labelsOf(s, "data", "label")
		slices.Sort(labels)
		if sorted := slices.Sorted(slices.Values(categories)); !slices.Equal(labels, sorted) {
			v.fail(fmt.Sprintf("%s/series/%d/data", at, i), "must have exactly one data point for each category")
		}
	}
}

// labelsOf gives the texts of a list in an object: the items themselves, or a field of each.
func labelsOf(o any, list, field string) []string {
	m, _ := o.(map[string]any)
	items, _ := m[list].([]any)
	out := make([]string, len(items))
	for i, item := range items {
		if field != "" {
			point, _ := item.(map[string]any)
			item = point[field]
		}
		out[i], _ = item.(string)
	}
	return out
}
