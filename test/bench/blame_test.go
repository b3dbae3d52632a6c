package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// write makes the files of a small benchmark.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFloors holds the plain statistics to sums by hand.
func TestFloors(t *testing.T) {
	if got := sigmas([]float64{1, 3, 1, 3}, []float64{2, 5, 0}); got != 3 { // mean 2, deviation 1
		t.Errorf("5 is %v deviations from the mean, want 3", got)
	}
	if got, want := tail([]float64{1, 2, 3, 4}, []float64{3, 5}), math.Log(5.0/2); math.Abs(got-want) > 1e-12 { // of 1 to 4, only 1 is as far from 3
		t.Errorf("the tail is %v, want %v", got, want)
	}
	at := func(values ...float64) (points []engine.Point) {
		for i, v := range values {
			points = append(points, engine.Point{At: int64(i), Value: v})
		}
		return points
	}
	nodes := map[string]columns{
		"a": {"p50": at(1, 3, 1, 3, 5, 99), "p99": at(1, 3, 1, 3, 3, 99)},
		"b": {"p50": at(1, 3, 1, 3, 4, 99)},
		"c": {"p50": at(1)},
	}
	onset, now := time.Unix(4, 0), time.Unix(4, 0)
	if diff := cmp.Diff(map[string]float64{"a": 3, "b": 2}, scoreNodes(nodes, onset, now, sigmas, false)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{"a": 2, "b": 2}, scoreNodes(nodes, onset, now, sigmas, true)); diff != "" {
		t.Error(diff)
	}
	// Only by what it uses less of is b before a, whose other column is far off too; c has too short a past.
	less := map[string]columns{
		"a": {"cpu": at(5, 6, 7, 6, 60), "net": at(5, 5, 6, 6, 5)}, "b": {"cpu": at(5, 6, 7, 6, 20), "net": at(9, 8, 9, 8, 1)}, "c": {"cpu": at(1, 99)},
	}
	for cause, want := range map[string][]string{"a": {"a", "b"}, "b": {"b"}, "c": nil} {
		if diff := cmp.Diff(want, oracle(less, onset, now, cause)); diff != "" {
			t.Errorf("the oracle for %s:\n%s", cause, diff)
		}
	}
	scores := map[string]float64{"front": 9, "mid": 5, "leaf": 4, "other": 8, "calm": 1}
	if diff := cmp.Diff([]string{"front", "other", "mid", "leaf", "calm"}, byScore(scores)); diff != "" {
		t.Error(diff)
	}
	g := rca.Graph{"front": {"mid", "calm"}, "mid": {"leaf", "front"}}
	if diff := cmp.Diff([]string{"leaf", "front", "other", "mid", "calm"}, walked(scores, g, "front")); diff != "" {
		t.Errorf("only the leaf ends a walk along strange nodes:\n%s", diff)
	}
}

func TestPrintGuesses(t *testing.T) {
	some := func(names ...string) (out []suspicion) {
		for _, n := range names {
			out = append(out, suspicion{Node: n})
		}
		return out
	}
	all := []guess{
		{System: "S", Fault: "cpu", Cause: "a", Ranking: some("a", "b"), floors: [][]string{{"b", "a"}}},
		{System: "S", Fault: "cpu", Cause: "b", Ranking: some("a", "b"), floors: [][]string{{"b", "a"}}},
		{System: "S", Fault: "net", Cause: "c", Ranking: some(), floors: [][]string{{"a", "b", "c"}}},
	}
	var out bytes.Buffer
	if err := printGuesses(&out, "title", all, []string{"floor"}, []int{1, 2}, func(g guess) string { return g.Fault }, func(g guess) string { return g.System }); err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n")[2:] {
		rows = append(rows, strings.Fields(line))
	}
	want := [][]string{
		{"S,", "cpu", "2", "0.500", "1.000", "0.500", "1.000"},
		{"S,", "net", "1", "0.000", "0.000", "0.000", "0.000"},
		{"S:", "all", "3", "0.333", "0.667", "0.333", "0.667"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("%s\n%s", diff, &out)
	}
}

// smallShop has a front and two callees, one of which is slow in one issue and fails in another.
func smallShop() map[string]string {
	head := "microservice,front,front,front,slow,slow,slow,calm,calm,calm\n,latency,availability,requests,latency,availability,requests,latency,availability,requests\n" +
		"statistic,Average,Average,Sum,Average,Average,Sum,Average,Average,Sum\nunix_timestamp,,,,,,,,,\n"
	var noissue strings.Builder
	noissue.WriteString(head)
	for i := range 50 {
		jitter := float64(i%5) / 1000
		fmt.Fprintf(&noissue, "%d.0,%v,100,300,%v,100,300,%v,100,300\n", 9_000_000+300*i, 0.2+jitter, 0.1+jitter, 0.05+jitter)
	}
	issue := func(front, slow string) string {
		return head + "1000,0.2,100,300,0.1,100,300,,,300\n1300," + front + ",300," + slow + ",300,0.05,100,300\n"
	}
	target := `{"target": {"node": "front", "metric": "%s", "agg": "Average", "timestamp": 1200}, "root_cause": {"node": "slow", "metric": null}}`
	return map[string]string{
		"petshop/low_traffic/graph.csv":                      ",front,slow,calm\nfront,0.0,1.0,1.0\nslow,0.0,0.0,0.0\ncalm,0.0,0.0,0.0\n",
		"petshop/low_traffic/noissue/metrics.csv":            noissue.String(),
		"petshop/low_traffic/train/issue_0/metrics.csv":      issue("0.7,100", "0.6,100"),
		"petshop/low_traffic/train/issue_0/target.json":      fmt.Sprintf(target, "latency"),
		"petshop/low_traffic/test/issue_10/metrics.csv":      issue("0.2,90", "0.1,90"),
		"petshop/low_traffic/test/issue_10/target.json":      fmt.Sprintf(target, "availability"),
		"petshop/temporal_traffic1/graph.csv":                ",a\na,0\n", // without a calm time, as the set has it
		"petshop/temporal_traffic1/test/issue_0/target.json": "",
	}
}

func TestPetShop(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "out.jsonl")
	write(t, dir, smallShop())
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"petshop", "-data", dir, "-out", file}, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	if !strings.Contains(out.String(), "PetShop, low_traffic, availability  1 ") || !strings.Contains(out.String(), "PetShop: all                        2 ") ||
		!strings.Contains(out.String(), "Left out: 1 incidents of temporal_traffic1, which has no noissue/metrics.csv") {
		t.Errorf("it said:\n%s", &out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var g guess
		if err := json.Unmarshal([]byte(line), &g); err != nil {
			t.Fatal(err)
		}
		want := []string{"low_traffic/train/issue_0", "low_traffic/test/issue_10"}[i]
		if g.Incident != want || g.Cause != "slow" || !slices.Equal(order(g.Ranking), []string{"slow"}) || g.Ranking[0].Since.Unix() != 1300 {
			t.Errorf("line %d: %s", i, line)
		}
	}
	for name, change := range map[string]func(map[string]string){
		"target.node":    func(f map[string]string) { f["petshop/low_traffic/train/issue_0/target.json"] = "{}" },
		"noissue":        func(f map[string]string) { delete(f, "petshop/low_traffic/noissue/metrics.csv") },
		"unix_timestamp": func(f map[string]string) { f["petshop/low_traffic/noissue/metrics.csv"] = "a,b\n" },
		"issue_10":       func(f map[string]string) { delete(f, "petshop/low_traffic/test/issue_10/metrics.csv") },
	} {
		dir, files := t.TempDir(), smallShop()
		change(files)
		write(t, dir, files)
		errs.Reset()
		if code := run(t.Context(), []string{"petshop", "-data", dir}, &out, &errs); code != 1 || !strings.Contains(errs.String(), name) {
			t.Errorf("%s: exit %d, %s", name, code, &errs)
		}
	}
}

// smallCluster has a front that calls a worker over a network, and a day on which the worker's CPU and then its network was spoilt.
func smallCluster() map[string]string {
	day := time.Date(2022, 8, 22, 3, 0, 0, 0, time.UTC)
	header := "Time,TimeStamp,PodName,CpuUsage(m),MemoryUsage(Mi),PodServerLatencyP90(s),PodWorkload(Ops)\n"
	var front, worker, edges strings.Builder
	front.WriteString(header)
	worker.WriteString(header)
	edges.WriteString("time,timestamp,front_worker\n")
	for i := range 120 {
		at := day.Add(time.Duration(i) * time.Minute)
		cpu, latency, seen := 5.0, 0.01, 0.02
		if i >= 60 && i < 64 {
			cpu, latency, seen = 90, 0.5, 0.5
		}
		if i >= 90 && i < 94 {
			seen = 0.9
		}
		jitter := float64(i%7) / 1000
		fmt.Fprintf(&front, "%s,%d,front-57-x,%v,%v,%v,10\n", at.Format(time.DateTime), at.Unix(), 20+jitter, 100, 0.05+seen+jitter)
		fmt.Fprintf(&worker, "%s,%d,worker-57-x,%v,,%v,10\n", at.Format(time.DateTime), at.Unix(), cpu+jitter, latency+jitter)
		fmt.Fprintf(&edges, "%s,%d,%v\n", at.Format(time.DateTime), at.Unix(), seen+jitter)
	}
	return map[string]string{
		"nezha/2022-08-22/metric/front-57b-xx_metric.csv":  front.String(),
		"nezha/2022-08-22/metric/worker-57b-xx_metric.csv": worker.String(),
		"nezha/2022-08-22/metric/source_50.csv":            edges.String(),
		"nezha/2022-08-22/metric/dependency.csv":           "Source,Target,Weight\nloadgenerator,33.33.33.1,1\nfront,worker,1\n",
		"nezha/2022-08-22/2022-08-22-fault_list.json": `{"04": [
			{"inject_time": "2022-08-22 04:29:50", "inject_timestamp": "7", "inject_pod": "worker-57b-xx", "inject_type": "network_delay"},
			{"inject_time": "2022-08-22 03:59:50", "inject_timestamp": "7", "inject_pod": "worker-57b-xx", "inject_type": "cpu_contention"}]}`,
	}
}

func TestNezha(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "out.jsonl")
	write(t, dir, smallCluster())
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"nezha", "-data", dir, "-out", file}, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	if !strings.Contains(out.String(), "OnlineBoutique, network_delay   1 ") || !strings.Contains(out.String(), "4m0s into the fault") {
		t.Errorf("it said:\n%s", &out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var g guess
		if err := json.Unmarshal([]byte(line), &g); err != nil {
			t.Fatal(err)
		}
		if want := []string{"cpu_contention", "network_delay"}[i]; g.Fault != want || len(g.Ranking) == 0 || g.Ranking[0].Node != "worker" {
			t.Errorf("line %d: %s", i, line)
		}
	}
	for name, change := range map[string]func(map[string]string){
		"inject_pod": func(f map[string]string) {
			f["nezha/2022-08-22/2022-08-22-fault_list.json"] = `{"04": [{"inject_time": "2022-08-22 04:29:50"}]}`
		},
		"TimeStamp":            func(f map[string]string) { f["nezha/2022-08-22/metric/source_50.csv"] = "a,b\n1,2\n" },
		"fault_list.json":      func(f map[string]string) { delete(f, "nezha/2022-08-22/2022-08-22-fault_list.json") },
		"Source,Target,Weight": func(f map[string]string) { f["nezha/2022-08-22/metric/dependency.csv"] = "a\n" },
		"2022-08-22/metric has no <pod": func(f map[string]string) {
			delete(f, "nezha/2022-08-22/metric/front-57b-xx_metric.csv")
			delete(f, "nezha/2022-08-22/metric/worker-57b-xx_metric.csv")
		},
	} {
		dir, files := t.TempDir(), smallCluster()
		change(files)
		write(t, dir, files)
		errs.Reset()
		if code := run(t.Context(), []string{"nezha", "-data", dir}, &out, &errs); code != 1 || !strings.Contains(errs.String(), name) {
			t.Errorf("%s: exit %d, %s", name, code, &errs)
		}
	}
}

// TestNezhaUnseen takes away what comes after a fault's judgement: the ranking is the same.
func TestNezhaUnseen(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, smallCluster())
	days, err := readNezha(dir)
	if err != nil {
		t.Fatal(err)
	}
	whole := days[0].guess(0, 0, 4*time.Minute)
	now := days[0].faults[0].at.Add(4 * time.Minute)
	for service, table := range days[0].tables {
		for column, points := range table {
			days[0].tables[service][column] = until(points, now)
		}
	}
	for edge, points := range days[0].edges {
		days[0].edges[edge] = until(points, now)
	}
	if diff := cmp.Diff(whole.Ranking, days[0].guess(0, 0, 4*time.Minute).Ranking); diff != "" {
		t.Error(diff)
	}
}

// TestNezhaTwoPods has two pods of one service on one day: both speak for it.
func TestNezhaTwoPods(t *testing.T) {
	d := nezhaDay{tables: map[string]columns{}}
	d.add("api", columns{"cpu": {{At: 1, Value: 1}, {At: 3, Value: 3}}})
	d.add("api", columns{"cpu": {{At: 2, Value: 2}, {At: 3, Value: 4}}, "memory": {{At: 2, Value: 9}}})
	want := map[string]columns{"api": {"cpu": {{At: 1, Value: 1}, {At: 2, Value: 2}, {At: 3, Value: 3}, {At: 3, Value: 4}}, "memory": {{At: 2, Value: 9}}}}
	if diff := cmp.Diff(want, d.tables); diff != "" {
		t.Error(diff)
	}
}

func TestServiceOf(t *testing.T) {
	for pod, want := range map[string]string{"ts-food-service-f5756978c-k8vqf": "ts-food-service", "frontend-579b9bff58-t2dbm": "frontend", "a": "a", "a-b": "a", "": ""} {
		if got := serviceOf(pod); got != want {
			t.Errorf("%q is of %q, want %q", pod, got, want)
		}
	}
}

func TestRank(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"rank", "-workloads", "40", "-series", "10", "-values", "60", "-runs", "2"}, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	if !strings.Contains(out.String(), "40 workloads with 10 series of 60 values") {
		t.Errorf("it said:\n%s", &out)
	}
	if code := run(t.Context(), []string{"rank", "-workloads", "1"}, &out, &errs); code != 2 {
		t.Errorf("one workload: exit %d", code)
	}
}

// TestBlameFigures asks the figures without data.
func TestBlameFigures(t *testing.T) {
	for _, figure := range []string{"petshop", "nezha"} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{figure}, &out, &errs); code != 2 {
			t.Errorf("%s without -data: exit %d", figure, code)
		}
		if code := run(t.Context(), []string{figure, "-data", t.TempDir()}, &out, &errs); code != 1 {
			t.Errorf("%s with nothing there: exit %d", figure, code)
		}
	}
}

func FuzzParsePetMetrics(f *testing.F) {
	for _, text := range []string{"", smallShop()["petshop/low_traffic/noissue/metrics.csv"], "a,b\nc,d\ne,f\nunix_timestamp,\n1,2\n", "a,b\nc,d\ne,f\nunix_timestamp,\nnan,2\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parsePetMetrics(strings.NewReader(text))
		for c, points := range m {
			for _, p := range points {
				if math.IsNaN(p.Value) {
					t.Errorf("%v has a value that is none", c)
				}
			}
		}
		if err == nil && m == nil {
			t.Error("no error, and no metrics")
		}
	})
}

func FuzzParsePetGraph(f *testing.F) {
	f.Add(",a,b\na,0,1\n")
	f.Add("a\n")
	f.Add(",a\na,x\n")
	f.Fuzz(func(t *testing.T, text string) {
		if g, err := parsePetGraph(strings.NewReader(text)); err == nil && g == nil {
			t.Error("no error, and no graph")
		}
	})
}

func FuzzParsePetTarget(f *testing.F) {
	f.Add(smallShop()["petshop/low_traffic/train/issue_0/target.json"])
	f.Add("{}")
	f.Fuzz(func(t *testing.T, text string) {
		if i, err := parsePetTarget(strings.NewReader(text)); err == nil && (i.target == "" || i.cause == "" || i.at.Unix() == 0) {
			t.Errorf("%+v is no target", i)
		}
	})
}

func FuzzParseNezha(f *testing.F) {
	for _, text := range smallCluster() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if faults, err := parseNezhaFaults(strings.NewReader(text)); err == nil {
			for _, x := range faults {
				if x.service == "" || x.at.IsZero() && !strings.Contains(text, "0001-01-01") {
					t.Errorf("%+v is no fault", x)
				}
			}
		}
		if table, err := parseNezhaMetrics(strings.NewReader(text)); err == nil {
			for c, points := range table {
				for _, p := range points {
					if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
						t.Errorf("%s has a value that is none", c)
					}
				}
			}
		}
		if g, err := parseNezhaCalls(strings.NewReader(text)); err == nil && g == nil {
			t.Error("no error, and no graph")
		}
	})
}
