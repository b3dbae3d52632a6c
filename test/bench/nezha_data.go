package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// nezhaDay is a day of faults in one system.
type nezhaDay struct {
	name   string             // "2022-08-22"
	system string             // "OnlineBoutique", "TrainTicket"
	graph  rca.Graph          // who calls whom, where the metrics tell
	tables map[string]columns // by service
	edges  columns            // of calls, "caller_callee": how long they took the caller, median
	faults []nezhaFault
}

// nezhaFault is a fault that somebody injected.
type nezhaFault struct {
	at            time.Time
	service, kind string
}

// readNezha reads each day of the folder. It fails when a day has faults and no metrics.
func readNezha(folder string) ([]nezhaDay, error) {
	for _, inner := range []string{"nezha", "rca_data"} {
		if _, err := os.Stat(filepath.Join(folder, inner)); err == nil {
			folder = filepath.Join(folder, inner)
			break
		}
	}
	lists, err := filepath.Glob(filepath.Join(folder, "*", "*-fault_list.json"))
	if err != nil {
		return nil, fmt.Errorf("nezha: %w", err)
	}
	slices.Sort(lists)
	var days []nezhaDay
	for _, path := range lists {
		day, err := readNezhaDay(path)
		if err != nil {
			return nil, fmt.Errorf("nezha: %w", err)
		}
		days = append(days, day)
	}
	if len(days) == 0 {
		return nil, fmt.Errorf("nezha: %s has no <day>/<day>-fault_list.json", folder)
	}
	return days, nil
}

func readNezhaDay(list string) (nezhaDay, error) {
	folder := filepath.Dir(list)
	day := nezhaDay{name: filepath.Base(folder), system: "OnlineBoutique", graph: rca.Graph{}, tables: map[string]columns{}}
	var err error
	if day.faults, err = fromFile(list, parseNezhaFaults); err != nil {
		return day, err
	}
	paths, err := filepath.Glob(filepath.Join(folder, "metric", "*.csv"))
	if err != nil {
		return day, err
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".csv")
		switch pod, ok := strings.CutSuffix(name, "_metric"); {
		case ok:
			service := serviceOf(pod)
			table, err := fromFile(path, parseNezhaMetrics)
			if err != nil {
				return day, err
			}
			day.add(service, table)
			if strings.HasPrefix(service, "ts-") {
				day.system = "TrainTicket"
			}
		case name == "source_50":
			day.edges, err = fromFile(path, parseNezhaMetrics)
		case name == "dependency":
			day.graph, err = fromFile(path, parseNezhaCalls)
		}
		if err != nil {
			return day, err
		}
	}
	if len(day.tables) == 0 {
		return day, fmt.Errorf("%s has no <pod>_metric.csv", filepath.Join(folder, "metric"))
	}
	return day, nil
}

// add puts a pod's values to those of its service. Of two pods there are two values a minute.
func (d *nezhaDay) add(service string, table columns) {
	if d.tables[service] == nil {
		d.tables[service] = table
		return
	}
	for column, points := range table {
		all := append(d.tables[service][column], points...)
		slices.SortStableFunc(all, func(a, b engine.Point) int { return cmp.Compare(a.At, b.At) })
		d.tables[service][column] = all
	}
}

// serviceOf is the name of a pod without what a Deployment's ReplicaSet adds.
func serviceOf(pod string) string {
	for range 2 {
		if i := strings.LastIndexByte(pod, '-'); i > 0 {
			pod = pod[:i]
		}
	}
	return pod
}

// parseNezhaFaults reads hour → faults. The times are those of the metrics' Time column; the Unix seconds beside them are a time zone off on one of the days.
func parseNezhaFaults(r io.Reader) ([]nezhaFault, error) {
	var hours map[string][]struct {
		Time string `json:"inject_time"`
		Pod  string `json:"inject_pod"`
		Kind string `json:"inject_type"`
	}
	if err := json.NewDecoder(r).Decode(&hours); err != nil {
		return nil, err
	}
	var faults []nezhaFault
	for _, hour := range hours {
		for _, x := range hour {
			at, err := time.Parse(time.DateTime, x.Time)
			if err != nil {
				return nil, err
			}
			if x.Pod == "" {
				return nil, fmt.Errorf("the fault at %s has no inject_pod", x.Time)
			}
			faults = append(faults, nezhaFault{at, serviceOf(x.Pod), x.Kind})
		}
	}
	slices.SortFunc(faults, func(a, b nezhaFault) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.service, b.service), strings.Compare(a.kind, b.kind))
	})
	return faults, nil
}

// parseNezhaMetrics reads a table with a column TimeStamp in Unix seconds; cells that are no numbers are left out.
func parseNezhaMetrics(r io.Reader) (columns, error) {
	lines, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, errors.New("it is empty")
	}
	at := slices.IndexFunc(lines[0], func(s string) bool { return strings.EqualFold(s, "timestamp") })
	if at < 0 {
		return nil, errors.New("it has no column TimeStamp")
	}
	out := columns{}
	for n, line := range lines[1:] {
		sec, err := strconv.ParseFloat(line[at], 64)
		if err != nil || math.IsNaN(sec) || math.Abs(sec) > 1<<40 {
			return nil, fmt.Errorf("line %d: TimeStamp is %q, not Unix seconds", n+2, line[at])
		}
		for k, cell := range line {
			if v, err := strconv.ParseFloat(cell, 64); k != at && err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
				out[lines[0][k]] = append(out[lines[0][k]], engine.Point{At: int64(sec), Value: v})
			}
		}
	}
	return out, nil
}

// parseNezhaCalls reads Source,Target,Weight.
func parseNezhaCalls(r io.Reader) (rca.Graph, error) {
	lines, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, err
	}
	g := rca.Graph{}
	for n, line := range lines {
		if len(line) < 2 {
			return nil, fmt.Errorf("line %d has %d columns; Source,Target,Weight are wanted", n+1, len(line))
		}
		if n > 0 {
			g[line[0]] = append(g[line[0]], line[1])
		}
	}
	return g, nil
}
