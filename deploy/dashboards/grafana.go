package main

import "encoding/json"

// What follows is the part of Grafana's dashboard model (schema 39) that the dashboards here use.
type dashboard struct {
	UID         string     `json:"uid"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Tags        []string   `json:"tags"`
	Timezone    string     `json:"timezone"`
	Editable    bool       `json:"editable"`
	Schema      int        `json:"schemaVersion"`
	Version     int        `json:"version"`
	Refresh     string     `json:"refresh"`
	Time        span       `json:"time"`
	Templating  templating `json:"templating"`
	Links       []link     `json:"links"`
	Panels      []panel    `json:"panels"`
}

type span struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type templating struct {
	List []variable `json:"list"`
}

type variable struct {
	Name       string      `json:"name"`
	Label      string      `json:"label"`
	Type       string      `json:"type"`
	Query      any         `json:"query"`
	Datasource *datasource `json:"datasource,omitempty"`
	Multi      bool        `json:"multi,omitempty"`
	IncludeAll bool        `json:"includeAll,omitempty"`
	AllValue   string      `json:"allValue,omitempty"`
	Refresh    int         `json:"refresh,omitempty"`
	Current    *current    `json:"current,omitempty"`
}

type current struct {
	Text  string `json:"text"`
	Value string `json:"value"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type link struct {
	Title    string   `json:"title"`
	Type     string   `json:"type"`
	Tags     []string `json:"tags"`
	Dropdown bool     `json:"asDropdown"`
	KeepTime bool     `json:"keepTime"`
}

type panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Description string      `json:"description,omitempty"`
	Datasource  *datasource `json:"datasource,omitempty"`
	Grid        grid        `json:"gridPos"`
	Targets     []target    `json:"targets,omitempty"`
	Field       field       `json:"fieldConfig"`
	Options     any         `json:"options,omitempty"`
}

type grid struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type target struct {
	RefID      string      `json:"refId"`
	Datasource *datasource `json:"datasource"`
	Expr       string      `json:"expr"`
	Legend     string      `json:"legendFormat"`
	Instant    bool        `json:"instant,omitempty"`
	Format     string      `json:"format,omitempty"`
}

type field struct {
	Defaults  defaults `json:"defaults"`
	Overrides []any    `json:"overrides"`
}

type defaults struct {
	Unit       string      `json:"unit,omitempty"`
	Min        *float64    `json:"min,omitempty"`
	Max        *float64    `json:"max,omitempty"`
	Decimals   *int        `json:"decimals,omitempty"`
	Thresholds *thresholds `json:"thresholds,omitempty"`
	Custom     any         `json:"custom,omitempty"`
}

type thresholds struct {
	Mode  string `json:"mode"`
	Steps []step `json:"steps"`
}

type step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// source is whichever Prometheus the viewer chose: nothing is bound to the data source of whoever made the dashboard.
var source = &datasource{Type: "prometheus", UID: "${datasource}"}

// board begins a dashboard whose variables are the data source and the cluster.
func board(uid, title, description string, tags ...string) *dashboard {
	return &dashboard{
		UID: uid, Title: title, Description: description, Tags: append([]string{"autopilot"}, tags...), Timezone: "browser", Schema: 39, Version: 1, Refresh: "30s",
		Time: span{"now-3h", "now"},
		Templating: templating{[]variable{{
			Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Current: &current{"default", "default"},
		}}},
		Links:  []link{{Title: "Autopilot", Type: "dashboards", Tags: []string{"autopilot"}, Dropdown: true, KeepTime: true}},
		Panels: []panel{},
	}
}

// query is one line of a panel.
type query struct{ expr, legend string }

// add puts a panel into the next free place of the row: 24 columns wide.
func (d *dashboard) add(p panel, width, height int) {
	at := grid{H: height, W: width}
	if n := len(d.Panels); n > 0 {
		last := d.Panels[n-1].Grid
		at.X, at.Y = last.X+last.W, last.Y
		if at.X+width > 24 {
			at.X, at.Y = 0, last.Y+last.H
		}
	}
	p.ID, p.Grid = len(d.Panels)+1, at
	if p.Field.Overrides == nil {
		p.Field.Overrides = []any{}
	}
	d.Panels = append(d.Panels, p)
}

func targets(instant bool, queries []query) []target {
	var all []target
	for n, q := range queries {
		all = append(all, target{RefID: string(rune('A' + n)), Datasource: source, Expr: q.expr, Legend: q.legend, Instant: instant})
	}
	return all
}

// series draws lines over time. promised, where it is not 0, is drawn as a line too.
func (d *dashboard) series(title, description, unit string, promised float64, width int, queries ...query) {
	f := field{Defaults: defaults{Unit: unit, Min: new(0.0), Custom: map[string]any{"fillOpacity": 8, "showPoints": "never", "spanNulls": false}}}
	if promised != 0 {
		f.Defaults.Custom = map[string]any{"fillOpacity": 8, "showPoints": "never", "spanNulls": false, "thresholdsStyle": map[string]any{"mode": "dashed"}}
		f.Defaults.Thresholds = &thresholds{"absolute", []step{{"green", nil}, {"red", &promised}}}
	}
	d.add(panel{
		Type: "timeseries", Title: title, Description: description, Datasource: source, Targets: targets(false, queries), Field: f,
		Options: map[string]any{"legend": map[string]any{"displayMode": "list", "placement": "bottom"}, "tooltip": map[string]any{"mode": "multi", "sort": "desc"}},
	}, width, 8)
}

// number shows one figure. It turns red from bad on, or below it where bad is negative; 0 colours nothing.
func (d *dashboard) number(title, description, unit string, bad float64, width int, expr string) {
	f := field{Defaults: defaults{Unit: unit, Thresholds: &thresholds{"absolute", []step{{"green", nil}}}}}
	switch {
	case bad > 0:
		f.Defaults.Thresholds.Steps = append(f.Defaults.Thresholds.Steps, step{"red", &bad})
	case bad < 0:
		f.Defaults.Thresholds.Steps = []step{{"red", nil}, {"green", new(-bad)}}
	}
	d.add(panel{
		Type: "stat", Title: title, Description: description, Datasource: source, Targets: targets(true, []query{{expr, ""}}), Field: f,
		Options: map[string]any{"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}}, "colorMode": "value", "graphMode": "none"},
	}, width, 4)
}

func (d *dashboard) json() ([]byte, error) {
	data, err := json.MarshalIndent(d, "", "  ")
	return append(data, '\n'), err
}
