package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/test/cluster/ports"
	"github.com/eks-autopilot/autopilot/test/stand"
)

// What is wanted of a scan of 2,700 workloads.
const (
	wantQueries = 60
	wantSamples = 2_000_000
	wantSeconds = 9
	wantMemory  = 300 << 20
)

// fleetFlags choose a fleet.
type fleetFlags struct {
	workloads, containers, pods, days int
	scrape                            time.Duration
	seed                              uint64
	queries                           bool
}

func (c *fleetFlags) bind(f *flag.FlagSet) {
	f.IntVar(&c.workloads, "workloads", 2700, "Deployments of the fleet")
	f.IntVar(&c.containers, "containers", 0, "instead: so many containers, each in a pod of its own")
	f.IntVar(&c.pods, "pods", 1, "pods of each workload")
	f.IntVar(&c.days, "days", 8, "of history")
	f.DurationVar(&c.scrape, "scrape", 30*time.Second, "between two samples of a series")
	f.Uint64Var(&c.seed, "seed", 1, "of the random histories")
	f.BoolVar(&c.queries, "queries", false, "have the Prometheus give no chunks, so that all is read by queries")
}

func (c *fleetFlags) args() []string {
	return []string{
		"-workloads", strconv.Itoa(c.workloads), "-containers", strconv.Itoa(c.containers), "-pods", strconv.Itoa(c.pods),
		"-days", strconv.Itoa(c.days), "-scrape", c.scrape.String(), "-seed", strconv.FormatUint(c.seed, 10),
		"-queries=" + strconv.FormatBool(c.queries),
	}
}

func (c *fleetFlags) fleet() *fleet {
	if c.containers > 0 {
		return newFleet(c.containers, 1, c.days, c.scrape, c.seed)
	}
	return newFleet(c.workloads, c.pods, c.days, c.scrape, c.seed)
}

// loaded is what a process that loads the histories says of itself, on one line.
type loaded struct {
	Containers, Findings  int
	Queries, Chunks       int   // requests, and those of them that read chunks
	Samples, Most, Held   int64 // read in all; read by one query, and held at once for any request, at most
	Carried               int64 // in the chunks of one answer, at most
	Slowest, Load, Detect time.Duration
	Gaps                  []string
	Resident, OwnCPU      int64 // bytes at the most; milliseconds
	Server                serverCost
}

// serverCost is what Prometheus itself took for a load.
type serverCost struct {
	CPU    time.Duration
	Before int64 // memory of its own, without the files that it maps, in bytes
	Peak   int64
}

// wasteScan measures the load of a fleet's histories and the detection on them, beside the way of VPA's recommender.
func wasteScan(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench waste", flag.ContinueOnError)
	var c fleetFlags
	c.bind(f)
	small := f.Bool("alone", false, "with -containers: do not run 2,700 beside it for the ratio")
	if err := parse(f, args); err != nil {
		return err
	}
	base, err := measure(ctx, c, out)
	if err != nil || c.containers == 0 || *small {
		return err
	}
	less := c
	less.containers = 2700
	few, err := measure(ctx, less, out)
	if err != nil {
		return err
	}
	t := table{{"", fmt.Sprint(few.Containers), fmt.Sprint(base.Containers), "ratio"}}
	row := func(what string, a, b float64, unit string) {
		t.add(what, fmt.Sprintf("%.2f%s", a, unit), fmt.Sprintf("%.2f%s", b, unit), fmt.Sprintf("%.2f", b/a))
	}
	row("containers", float64(few.Containers), float64(base.Containers), "")
	row("load and detection", (few.Load + few.Detect).Seconds(), (base.Load + base.Detect).Seconds(), " s")
	row("queries", float64(few.Queries), float64(base.Queries), "")
	row("samples", float64(few.Samples)/1e6, float64(base.Samples)/1e6, " M")
	row("our processor time", float64(few.OwnCPU)/1000, float64(base.OwnCPU)/1000, " s")
	row("Prometheus' processor time", few.Server.CPU.Seconds(), base.Server.CPU.Seconds(), " s")
	row("our memory at the most", float64(few.Resident)/(1<<20), float64(base.Resident)/(1<<20), " MiB")
	return t.print(out, "Growth")
}

// measure runs a Prometheus on a fleet's history, and both loaders against it, each in a process of its own.
func measure(ctx context.Context, c fleetFlags, out io.Writer) (ours loaded, err error) {
	fleet := c.fleet()
	history, err := fleet.blocks()
	if err != nil {
		return ours, err
	}
	self, err := os.Executable()
	if err != nil {
		return ours, err
	}
	vpa, err := buildVPA(ctx)
	if err != nil {
		return ours, err
	}
	ours, err = against(ctx, history, self, append([]string{"waste-load"}, c.args()...)...)
	if err != nil {
		return ours, err
	}
	theirs, err := against(ctx, history, vpa, "-end", strconv.FormatInt(fleetEnd.Unix(), 10))
	if err != nil {
		return ours, err
	}
	t := table{{"", "autopilot", "VPA recommender's way"}}
	row := func(what string, say func(loaded) string) {
		t.add(what, say(ours), say(theirs))
	}
	row("containers with a history", func(l loaded) string { return fmt.Sprint(l.Containers) })
	row("requests in all", func(l loaded) string { return fmt.Sprint(l.Queries) })
	row("of them for chunks", func(l loaded) string { return fmt.Sprint(l.Chunks) })
	row("samples in all", func(l loaded) string { return millions(l.Samples) })
	row("samples read by one query, at most", func(l loaded) string { return millions(l.Most) })
	row("samples in the chunks of one answer, at most", func(l loaded) string { return millions(l.Carried) })
	row("samples held for one request, at most", func(l loaded) string { return millions(l.Held) })
	row("slowest request", func(l loaded) string { return seconds(l.Slowest) })
	row("load", func(l loaded) string { return seconds(l.Load) })
	row("detection", func(l loaded) string { return seconds(l.Detect) })
	row("processor time, of the loader", func(l loaded) string { return seconds(time.Duration(l.OwnCPU) * time.Millisecond) })
	row("processor time, of Prometheus", func(l loaded) string { return seconds(l.Server.CPU) })
	row("memory of the loader, at the most", func(l loaded) string { return mebibytes(l.Resident) })
	row("memory of Prometheus before", func(l loaded) string { return mebibytes(l.Server.Before) })
	row("memory of Prometheus, at the most", func(l loaded) string { return mebibytes(l.Server.Peak) })
	row("findings", func(l loaded) string { return fmt.Sprint(l.Findings) })
	title := fmt.Sprintf("%d workloads, %d containers, %d days scraped every %s, on %s", len(fleet.workloads), fleet.containers(), c.days, c.scrape, machine())
	if err := t.print(out, title); err != nil {
		return ours, err
	}
	for _, gap := range ours.Gaps {
		fmt.Fprintf(out, "  said of it: %s\n", gap)
	}
	return ours, ours.judge(fleet, out)
}

func millions(n int64) string { return fmt.Sprintf("%.2f M", float64(n)/1e6) }

// judge fails for what must be right whatever the machine; the rest is said.
func (l loaded) judge(f *fleet, out io.Writer) error {
	if l.Containers != len(f.workloads) {
		return fmt.Errorf("%w: %d workloads have a history, want %d", errMissed, l.Containers, len(f.workloads))
	}
	if l.Most > wantSamples || l.Held > wantSamples {
		return fmt.Errorf("%w: a query read %d samples and held %d, want at most %d", errMissed, l.Most, l.Held, wantSamples)
	}
	if len(f.workloads) <= 2700 && f.containers() <= 2700 && l.Queries > wantQueries {
		return fmt.Errorf("%w: %d queries, want at most %d", errMissed, l.Queries, wantQueries)
	}
	took := l.Load + l.Detect
	fmt.Fprintf(out, "  wanted for 2,700: at most %d requests, %s samples a query, %d s, %s; this: %d, %s, %s, %s; processor time of both on two cores %s\n", wantQueries, millions(wantSamples),
		wantSeconds, mebibytes(wantMemory), l.Queries, millions(max(l.Most, l.Held)), seconds(took), mebibytes(l.Resident),
		seconds((time.Duration(l.OwnCPU)*time.Millisecond+l.Server.CPU)/2))
	return nil
}

// buildVPA builds the loader that uses the recommender's own package.
func buildVPA(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	here, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "github.com/eks-autopilot/autopilot/test/bench").Output()
	if err != nil {
		return "", fmt.Errorf("find the sources: %w", err)
	}
	program := filepath.Join(cache, "autopilot", "bench", "vpahistory")
	cmd := exec.CommandContext(ctx, "go", "build", "-C", filepath.Join(strings.TrimSpace(string(here)), "vpahistory"), "-o", program, ".")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the recommender's loader: %w: %s", err, said)
	}
	return program, nil
}

// against starts a Prometheus that has done nothing yet on a history, and runs a loader against it.
func against(ctx context.Context, history, loader string, args ...string) (l loaded, err error) {
	// Beside the history, for links do not cross file systems.
	dir, err := os.MkdirTemp(filepath.Dir(history), "running-")
	if err != nil {
		return l, err
	}
	defer os.RemoveAll(dir)
	server, url, err := startPrometheus(ctx, dir, history)
	if err != nil {
		return l, err
	}
	defer func() { _ = server.Stop(context.WithoutCancel(ctx)) }()
	progress("running %s against %s", filepath.Base(loader), url)
	w, err := observe(server.Pid())
	if err != nil {
		return l, err
	}
	cmd := exec.CommandContext(ctx, loader, append(args, "-url", url)...)
	cmd.Stderr = os.Stderr
	line, err := cmd.Output()
	cost, watchErr := w.stop()
	if err != nil {
		return l, fmt.Errorf("%s: %w", loader, err)
	}
	if watchErr != nil {
		return l, watchErr
	}
	if err := json.Unmarshal(line, &l); err != nil {
		return l, fmt.Errorf("%s said %q: %w", loader, line, err)
	}
	l.Server = cost
	l.OwnCPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Milliseconds()
	return l, nil
}

// startPrometheus runs Debian's Prometheus on blocks that are kept, with a storage of its own that links to them.
func startPrometheus(ctx context.Context, dir, history string) (*stand.Process, string, error) {
	path, err := exec.LookPath("prometheus")
	if err != nil {
		return nil, "", fmt.Errorf("prometheus is not installed: apt-get install prometheus")
	}
	data := filepath.Join(dir, "data")
	blocks, err := os.ReadDir(history)
	if err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, "", err
	}
	for _, b := range blocks {
		if err := link(filepath.Join(history, b.Name()), filepath.Join(data, b.Name())); err != nil {
			return nil, "", err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yaml"), []byte("{}\n"), 0o600); err != nil {
		return nil, "", err
	}
	var held ports.Held // until it listens
	defer held.Close()
	port, err := held.Take()
	if err != nil {
		return nil, "", err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	p := &stand.Process{Dir: dir, Name: "prometheus", Path: path, Args: []string{
		"--config.file=prometheus.yaml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=1y", "--web.listen-address=" + address, "--log.level=warn",
		// It must not begin to compact what it is measured on.
		"--storage.tsdb.min-block-duration=1d", "--storage.tsdb.max-block-duration=1d",
	}}
	if err := p.Start(ctx); err != nil {
		return nil, "", err
	}
	url := "http://" + address
	if err := answers(ctx, url+"/-/ready"); err != nil {
		return nil, "", fmt.Errorf("prometheus, whose log is %s: %w", p.LogFile(), err)
	}
	return p, url, nil
}

// link copies a block by hard links: a storage deletes what it opens when it is told to, and what is kept must stay.
func link(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		return os.Link(path, filepath.Join(to, rel)) //nolint:gosec // both folders are our own
	})
}
