package cluster_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/eks-autopilot/autopilot/test/cluster"
)

// TestNode runs a real node once and tries on it what containers and nodes really do. Without
// root, TestKWOK is all that this package can show.
func TestNode(t *testing.T) {
	t.Parallel()
	if cluster.Auto.Resolve() != cluster.Node {
		t.Logf("not root on Linux: Auto is %s here, and TestKWOK covers it", cluster.Auto.Resolve())
		return
	}
	var left traces
	t.Cleanup(func() { left.gone(t) }) // registered first, so it runs when the cluster has stopped
	c := start(t, cluster.Config{Name: "real", Dir: t.TempDir()})
	left = tracesOf(t, c.HostIP(), c.Processes())
	if c.Mode() != cluster.Node {
		t.Fatalf("mode %s, want %s", c.Mode(), cluster.Node)
	}

	weighed := 0
	for group := range left.groups {
		for file, want := range map[string]string{"cpu.shares": "10240", "cpu.weight": "1000"} {
			if body, err := os.ReadFile(filepath.Join(group, file)); err == nil {
				weighed++
				if strings.TrimSpace(string(body)) != want {
					t.Errorf("all pods weigh %q by %s in %s, want %s: they would be starved beside other processes", body, file, group, want)
				}
			}
		}
	}
	if weighed != 1 {
		t.Errorf("all pods weigh something in %d groups, want one", weighed)
	}

	t.Run("containers", func(t *testing.T) {
		t.Run("crash", func(t *testing.T) { t.Parallel(); crash(t, c) })
		t.Run("out of memory", func(t *testing.T) { t.Parallel(); outOfMemory(t, c) })
		t.Run("images", func(t *testing.T) { t.Parallel(); images(t, c) })
		t.Run("services", func(t *testing.T) { t.Parallel(); services(t, c) })
		t.Run("metrics", func(t *testing.T) { t.Parallel(); metrics(t, c) })
		t.Run("second cluster", func(t *testing.T) { t.Parallel(); second(t, c) })
	})
	t.Run("health", func(t *testing.T) {
		health := c.Health(t.Context())
		for _, name := range c.Parts() {
			if err, asked := health[name]; asked == (name == "kwok") || err != nil {
				t.Errorf("part %s: asked %t, %v", name, asked, err)
			}
		}
	})
	t.Run("node down and up", func(t *testing.T) {
		if err := c.KillNode(t.Context(), c.NodeName()); err != nil {
			t.Fatal(err)
		}
		waitNode(t, c, c.NodeName(), corev1.ConditionUnknown)
		if err := c.RestoreNode(t.Context(), c.NodeName()); err != nil {
			t.Fatal(err)
		}
		waitNode(t, c, c.NodeName(), corev1.ConditionTrue)
	})
	t.Run("killed run", killedRun)
}

func crash(t *testing.T, c *cluster.Cluster) {
	create(t, c, "crash", shell("echo 'FATAL: cannot connect to db:5432'; sleep 1; exit 3"))
	got := waitContainer(t, c, "crash", waits("CrashLoopBackOff"))
	if last := got.LastTerminationState.Terminated; last == nil || last.ExitCode != 3 || last.Reason != "Error" {
		t.Errorf("last state %+v, want exit code 3", last)
	}
	logs(t, c, "crash", "FATAL: cannot connect to db:5432", corev1.PodLogOptions{})
	logs(t, c, "crash", "FATAL: cannot connect to db:5432", corev1.PodLogOptions{Previous: true})
	waitFor(t, func() error { return hasEvent(t, c, "crash", "BackOff", "Back-off restarting failed container") })
}

// hasEvent wants an event about the pod.
func hasEvent(t *testing.T, c *cluster.Cluster, pod, reason, text string) error {
	events, err := c.Client().CoreV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=" + pod})
	if err != nil {
		return err
	}
	var seen []string
	for _, e := range events.Items {
		if e.Reason == reason && strings.Contains(e.Message, text) {
			return nil
		}
		seen = append(seen, e.Reason+": "+e.Message)
	}
	return fmt.Errorf("no event %s with %q about %s among %q", reason, text, pod, seen)
}

func outOfMemory(t *testing.T, c *cluster.Cluster) {
	create(t, c, "oom", func(pod *corev1.Pod) {
		shell("sleep 1; x=a; while true; do x=$x$x; done")(pod)
		pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("32Mi")}
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	})
	got := waitContainer(t, c, "oom", func(s corev1.ContainerStatus) bool { return s.State.Terminated != nil })
	if end := got.State.Terminated; end.Reason != "OOMKilled" || end.ExitCode != 137 {
		t.Errorf("ended as %s with %d, want OOMKilled with 137", end.Reason, end.ExitCode)
	}
}

// images asks for three that cannot be had, each for another reason, and for one that is new.
func images(t *testing.T, c *cluster.Cluster) {
	image := func(ref string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = ref }
	}
	create(t, c, "no-tag", image("autopilot.local/busybox:v9"))
	create(t, c, "no-credentials", image("autopilot.local/private/api:v1"))
	create(t, c, "no-registry", image("registry.invalid/shop/api:v1"))
	for pod, want := range map[string]string{
		"no-tag":         "autopilot.local/busybox:v9: not found",
		"no-credentials": "may require authorization",
		"no-registry":    "no such host",
	} {
		if got := waitContainer(t, c, pod, waits("ImagePullBackOff")); !strings.Contains(got.State.Waiting.Message, want) {
			t.Errorf("%s: message %q, want %q in it", pod, got.State.Waiting.Message, want)
		}
	}

	greeting := filepath.Join(t.TempDir(), "greeting")
	if err := os.WriteFile(greeting, []byte("hello from a layer\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	img := cluster.Image{
		Files:      map[string]string{"/bin/busybox": "/bin/busybox", "/etc/greeting": greeting},
		Entrypoint: []string{"/bin/busybox", "cat", "/etc/greeting"}, User: "1000",
	}
	// Always pulls, so that it comes out of the registry and not out of the import.
	if err := c.ImportImage(t.Context(), "autopilot.local/shop/greeter:v1", img); err != nil {
		t.Fatal(err)
	}
	create(t, c, "greeter", func(pod *corev1.Pod) {
		pod.Spec.Containers[0].Image, pod.Spec.Containers[0].ImagePullPolicy = "autopilot.local/shop/greeter:v1", corev1.PullAlways
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	})
	logs(t, c, "greeter", "hello from a layer", corev1.PodLogOptions{})
	for ref, img := range map[string]cluster.Image{
		"no-registry-and-tag":     img,
		"autopilot.local/x:1":     {Files: map[string]string{"relative": greeting}},
		"autopilot.local/y:1":     {Files: map[string]string{"/absent": greeting + ".absent"}},
		"autopilot.local/UPPER:1": img,
	} {
		if err := c.ImportImage(t.Context(), ref, img); err == nil {
			t.Errorf("image %s of %v was imported", ref, img.Files)
		}
	}
}

// services has two replicas behind one name, and a pod which asks for them, for the API server and
// for a server of this machine. That both are ready reaches the Deployment before it reaches the
// node's proxy, so the pod asks until both have answered.
func services(t *testing.T, c *cluster.Cluster) {
	host := &http.Server{Addr: c.HostIP() + ":8099", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "from the host")
	})}
	go host.ListenAndServe()
	t.Cleanup(func() { host.Close() })

	labels, replicas := map[string]string{"app": "web"}, int32(2)
	pod := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web", Image: cluster.BusyboxImage,
			Command:        []string{"sh", "-c", "mkdir /www && hostname >/www/index.html && httpd -f -p 8080 -h /www"},
			ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(8080)}}},
		}}},
	}
	if _, err := c.Client().AppsV1().Deployments("default").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: pod},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	service, err := c.Client().CoreV1().Services("default").Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() error {
		web, err := c.Client().AppsV1().Deployments("default").Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil || web.Status.ReadyReplicas != replicas {
			return fmt.Errorf("%d replicas ready: %w", web.Status.ReadyReplicas, err)
		}
		return nil
	})
	create(t, c, "client", shell(`
until wget -q -O- http://web.default.svc.cluster.local; do sleep 0.2; done
until [ "$(for i in $(seq 30); do wget -q -O- http://web; done | sort -u | wc -l)" = 2 ]; do sleep 0.5; done
echo replicas: 2
nslookup kubernetes.default.svc.cluster.local | grep Address | tail -1
echo | nc -w 3 kubernetes.default 443 >/dev/null && echo api server reached
wget -q -O- http://`+c.HostIP()+`:8099
nslookup nowhere.example.com 2>&1 | grep -m1 -o NXDOMAIN
echo done
sleep 600`))
	text := logs(t, c, "client", "done\n", corev1.PodLogOptions{})
	for _, want := range []string{"replicas: 2\n", "api server reached\n", "from the host\n", "NXDOMAIN\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the client wrote %q, want %q in it", text, want)
		}
	}
	// The host reaches the Service too, as Prometheus and the tests do.
	resp, err := (&http.Client{Timeout: patience}).Get("http://" + service.Spec.ClusterIP)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the Service answers the host %s", resp.Status)
	}
}

// metrics reads cadvisor's page from the kubelet, with the token, and by way of the API server.
func metrics(t *testing.T, c *cluster.Cluster) {
	create(t, c, "busy", shell("while true; do true; done"))
	pem, err := os.ReadFile(c.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	direct := func() ([]byte, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.KubeletURL()+"/metrics/cadvisor", nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+c.Token())
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		return io.ReadAll(resp.Body)
	}
	proxied := func() ([]byte, error) { return c.NodeMetrics(t.Context(), c.NodeName()) }
	for name, read := range map[string]func() ([]byte, error){"direct": direct, "proxied": proxied} {
		waitFor(t, func() error {
			page, err := read()
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(page)) {
				if strings.HasPrefix(line, "container_cpu_usage_seconds_total{") && strings.Contains(line, `container="main"`) && strings.Contains(line, `pod="busy"`) {
					return nil
				}
			}
			return fmt.Errorf("%s: no CPU of pod busy in %d bytes", name, len(page))
		})
	}
	zero := int64(0)
	if err := c.Client().CoreV1().Pods("default").Delete(t.Context(), "busy", metav1.DeleteOptions{GracePeriodSeconds: &zero}); err != nil {
		t.Error(err)
	}
}

// second runs another real node beside the first, with a simulated one, and stops it.
func second(t *testing.T, first *cluster.Cluster) {
	c := start(t, cluster.Config{Name: "second", Dir: t.TempDir(), KWOKNodes: 1, CrashLoopMax: 2 * time.Second})
	if c.HostIP() == first.HostIP() {
		t.Errorf("both clusters have the address %s", c.HostIP())
	}
	create(t, c, "quick", shell("exit 1"))
	waitContainer(t, c, "quick", func(s corev1.ContainerStatus) bool { return s.RestartCount >= 4 })
	create(t, c, "simulated", func(pod *corev1.Pod) {
		pod.Spec.Tolerations = []corev1.Toleration{{Key: "kwok.x-k8s.io/node", Operator: corev1.TolerationOpExists}}
		pod.Spec.NodeSelector = map[string]string{"type": "simulated"}
	})
	waitContainer(t, c, "simulated", func(s corev1.ContainerStatus) bool { return s.Ready })
	left, began := tracesOf(t, c.HostIP(), c.Processes()), time.Now()
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	left.gone(t)
	t.Logf("stopped in %s", time.Since(began).Round(10*time.Millisecond))
	if _, err := first.Client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("the first cluster suffered: %v", err)
	}
}

// killedRun lets another process start a cluster, kills it with no warning, and starts again.
func killedRun(t *testing.T) {
	dir := t.TempDir()
	ready, wrote, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestKilledChild$")
	child.Env = append(os.Environ(), "CLUSTER_KILLED_DIR="+dir)
	child.ExtraFiles = []*os.File{wrote}
	child.Stdout, child.Stderr = os.Stderr, os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	wrote.Close()
	var told struct {
		HostIP    string
		Processes map[string]int
	}
	if err := json.NewDecoder(ready).Decode(&told); err != nil {
		t.Fatalf("the child did not tell of its cluster: %v", err)
	}
	left := tracesOf(t, told.HostIP, told.Processes)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()
	// The kernel ends the node at once; folders and control groups stay.
	waitFor(t, left.running)
	if _, err := os.Stat(filepath.Join(dir, "etcd")); err != nil {
		t.Errorf("the killed run left no state, so this shows nothing: %v", err)
	}
	start(t, cluster.Config{Name: "after", Dir: t.TempDir()})
	left.gone(t)
	if _, err := os.Stat(filepath.Join(dir, "etcd")); !os.IsNotExist(err) {
		t.Errorf("the killed run's state is still there: %v", err)
	}
}

// TestKilledChild is the process that killedRun kills; on its own it has nothing to do.
func TestKilledChild(t *testing.T) {
	dir := os.Getenv("CLUSTER_KILLED_DIR")
	if dir == "" {
		return
	}
	c, err := cluster.Start(t.Context(), cluster.Config{Name: "killed", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	create(t, c, "sleeper", shell("sleep 600"))
	waitContainer(t, c, "sleeper", func(s corev1.ContainerStatus) bool { return s.Ready })
	if err := json.NewEncoder(os.NewFile(3, "ready")).Encode(map[string]any{"HostIP": c.HostIP(), "Processes": c.Processes()}); err != nil {
		t.Fatal(err)
	}
	select {}
}

// traces are what one cluster has on this machine, by marks that the next one in its place
// does not share: other tests start clusters at the same time.
type traces struct {
	processes map[string]string // path of a process's stat to its start
	link      int               // index of the host's interface
	groups    map[string]uint64 // control group to its inode
}

func tracesOf(t *testing.T, hostIP string, parts map[string]int) traces {
	t.Helper()
	left := traces{processes: map[string]string{}, groups: map[string]uint64{}}
	// All that is in the PID namespace: parts, shims and containers.
	node, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", parts["containerd"]))
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range all {
		if ns, err := os.Readlink(dir + "/ns/pid"); err == nil && ns == node {
			left.processes[dir+"/stat"] = started(dir + "/stat")
		}
	}
	if len(left.processes) <= len(parts) {
		t.Errorf("%d processes in the node, want more than the %d parts", len(left.processes), len(parts))
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		addrs, err := link.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		if len(addrs) > 0 && strings.HasPrefix(addrs[0].String(), hostIP+"/") {
			left.link = link.Index
		}
	}
	var slot int
	if _, err := fmt.Sscanf(hostIP, "10.%d.0.1", &slot); err != nil || left.link == 0 {
		t.Fatalf("no interface with the address %s: %v", hostIP, err)
	}
	groups, err := filepath.Glob(fmt.Sprintf("/sys/fs/cgroup/*/autopilot-%d", slot-100))
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range append(groups, fmt.Sprintf("/sys/fs/cgroup/autopilot-%d", slot-100)) {
		if inode := inode(group); inode != 0 {
			left.groups[group] = inode
		}
	}
	if len(left.groups) == 0 {
		t.Fatal("the cluster has no control group")
	}
	return left
}

// started is the start time of a process, the 20th field after its name; empty without one.
func started(stat string) string {
	body, err := os.ReadFile(stat)
	if err != nil {
		return ""
	}
	return strings.Fields(string(body[strings.LastIndexByte(string(body), ')')+1:]))[19]
}

func inode(path string) uint64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// running says which process of the cluster is left.
func (left traces) running() error {
	for stat, start := range left.processes {
		if started(stat) == start {
			cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(stat), "cmdline"))
			return fmt.Errorf("%s still runs: %q", stat, cmdline)
		}
	}
	return nil
}

// gone fails the test for anything that is left. The kernel may take a moment for what was killed:
// a process is there until its parent has waited for it.
func (left traces) gone(t *testing.T) {
	t.Helper()
	waitFor(t, left.remains)
}

// remains says what is left of the cluster.
func (left traces) remains() error {
	problems := []error{left.running()}
	if link, err := net.InterfaceByIndex(left.link); err == nil {
		problems = append(problems, fmt.Errorf("interface %s is left", link.Name))
	}
	for group, was := range left.groups {
		if inode(group) == was {
			problems = append(problems, fmt.Errorf("control group %s is left", group))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		for _, mark := range []string{"/run/containerd", "/kubelet/pods", "/run/netns/cni-"} {
			if strings.Contains(line, mark) {
				problems = append(problems, fmt.Errorf("a mount got out of the node: %s", line))
			}
		}
	}
	return errors.Join(problems...)
}
