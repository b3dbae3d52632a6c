package hurt_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/cluster"
)

// A child of this test holds a blow until it is killed.
const childVariable = "HURT_CHILD"

type held struct {
	Kubeconfig string
	Strike     engine.Strike
	Target     engine.Victim
	Handle     string
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		var b held
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(injector(&testing.T{}, b.Kubeconfig).Inject(context.Background(), b.Strike, b.Target, b.Handle, time.Now().Add(10*time.Minute), func() { fmt.Println("begun") }).Outcome)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestHurt(t *testing.T) {
	if cluster.Auto.Resolve() != cluster.Node {
		t.Logf("not root on Linux: there are no containers here to be hurt")
		return
	}
	w := newWorld(t)
	outside := w.deploy(space, "outside", 1, calm)[0]
	t.Run("each", func(t *testing.T) {
		for name, try := range map[string]func(*world){
			"kill": kill, "container kill": containerKill, "cpu": cpu, "memory": memory, "lag": lag, "agent's memory and dns": others, "death": death, "nothing is faked": unfit, "pod security": strict, "two at once": atOnce,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				own := *w
				own.T = t
				try(&own)
			})
		}
	})
	for what := range w.written() {
		if strings.Contains(what, "/outside") || !strings.HasPrefix(what, "pods "+space+"/") && !strings.HasPrefix(what, "pods "+restricted+"/") {
			t.Errorf("%s was written to", what)
		}
	}
	if now := w.pod(outside); now.UID != outside.UID || now.Status.ContainerStatuses[0].RestartCount != 0 || len(now.Spec.EphemeralContainers) != 0 {
		t.Errorf("a pod that nobody meant was touched: %+v", now.Status)
	}
	t.Run("drain", func(t *testing.T) {
		own := *w
		own.T = t
		drain(&own)
	})
}

// blow injects until stop is called, which gives the blow, and waits until it has begun.
func (w *world) blow(s engine.Strike, t engine.Victim, handle string) (stop func() engine.Blow) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	begun, over := make(chan struct{}), make(chan engine.Blow, 1)
	go func() {
		over <- w.h.Inject(ctx, s, t, handle, time.Now().Add(5*time.Minute), func() { close(begun) })
	}()
	select {
	case <-begun:
	case b := <-over:
		cancel()
		w.Fatalf("%s did not begin: %s", s.Fault, b.Outcome)
	}
	return func() engine.Blow {
		w.Helper()
		cancel()
		b := <-over
		w.Logf("%s: %s (%s)", handle, b.Outcome, b.Ended.Sub(b.Began).Round(time.Millisecond))
		if !b.Clean || b.Began.IsZero() || b.Ended.Before(b.Began) {
			w.Errorf("%s: not clean: %+v", handle, b)
		}
		return b
	}
}

func (w *world) rehearsed(s engine.Strike, targets ...engine.Victim) []engine.Victim {
	w.Helper()
	s.Targets = targets
	e, err := w.h.Rehearse(w.Context(), engine.Experiment{Strikes: []engine.Strike{s}})
	w.must(err)
	return e.Strikes[0].Targets
}

// kill evicts one of two, and then the budget refuses: in the dry run and in the deed, which becomes no delete.
func kill(w *world) {
	pods := w.deploy(space, "killed", 2, calm)
	one := intstr.FromInt32(1)
	_, err := w.c.Client().PolicyV1().PodDisruptionBudgets(space).Create(w.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "killed"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "killed"}}},
	}, metav1.CreateOptions{})
	w.must(err)
	w.eventually("the budget allows one", func() error {
		b, err := w.c.Client().PolicyV1().PodDisruptionBudgets(space).Get(w.Context(), "killed", metav1.GetOptions{})
		if err == nil && b.Status.DisruptionsAllowed != 1 {
			err = errors.New("not yet")
		}
		return err
	})
	s := engine.Strike{Fault: engine.FaultKill, Namespace: space}
	got := w.rehearsed(s, victim(pods[0], ""))
	if got[0].Mechanism != engine.ByEviction || got[0].Refused != "" {
		w.Errorf("rehearsed: %+v", got[0])
	}
	w.blow(s, got[0], "autopilot-chaos-1-1")()
	pods = w.ready(space, "killed", 2)
	all := intstr.FromInt32(2)
	b, err := w.c.Client().PolicyV1().PodDisruptionBudgets(space).Get(w.Context(), "killed", metav1.GetOptions{})
	w.must(err)
	b.Spec.MinAvailable = &all
	_, err = w.c.Client().PolicyV1().PodDisruptionBudgets(space).Update(w.Context(), b, metav1.UpdateOptions{})
	w.must(err)
	w.eventually("the budget allows none", func() error {
		b, err := w.c.Client().PolicyV1().PodDisruptionBudgets(space).Get(w.Context(), "killed", metav1.GetOptions{})
		if err == nil && (b.Status.DisruptionsAllowed != 0 || b.Status.ObservedGeneration != b.Generation) {
			err = errors.New("not yet")
		}
		return err
	})
	if got := w.rehearsed(s, victim(pods[0], ""))[0]; !strings.Contains(got.Refused, "disruption budget") {
		w.Errorf("the dry run says %+v, want that the budget refuses", got)
	}
	over := w.h.Inject(w.Context(), s, victim(pods[0], engine.ByEviction), "autopilot-chaos-1-2", time.Now().Add(time.Minute), func() { w.Error("begun in spite of the budget") })
	if !strings.Contains(over.Outcome, "disruption budget") || w.pod(pods[0]).DeletionTimestamp != nil {
		w.Errorf("the budget was not kept to: %+v", over)
	}
	other := victim(pods[0], engine.ByEviction)
	other.Object.UID = "another"
	if over := w.h.Inject(w.Context(), s, other, "autopilot-chaos-1-3", time.Now().Add(time.Minute), func() {}); !strings.Contains(over.Outcome, "another one") {
		w.Errorf("another pod of the name: %+v", over)
	}
	forced := s
	forced.Dose.Force = true
	if got := w.rehearsed(forced, victim(pods[0], ""))[0]; got.Mechanism != engine.ByDelete {
		w.Errorf("forced: %+v", got)
	}
}

// containerKill signals process 1 by a shell, and by the agent.
func containerKill(w *world) {
	p := w.deploy(space, "signalled", 1, calm)[0]
	s := engine.Strike{Fault: engine.FaultContainerKill, Namespace: space}
	if got := w.rehearsed(s, victim(p, ""))[0]; got.Mechanism != engine.ByExec || got.Refused != "" {
		w.Errorf("rehearsed: %+v", got)
	}
	for n, by := range []engine.Mechanism{engine.ByExec, engine.ByAgent} {
		w.ready(space, "signalled", 1)
		w.blow(s, victim(p, by), fmt.Sprintf("autopilot-chaos-2-%d", n))()
		w.eventually("a restart", func() error {
			if got := int(w.pod(p).Status.ContainerStatuses[0].RestartCount); got != n+1 {
				return fmt.Errorf("%d restarts", got)
			}
			return nil
		})
	}
}

// unfit is a pod whose process 1 ignores SIGTERM: nothing is sent, and nothing is said to be done.
func unfit(w *world) {
	p := w.deploy(space, "unfit", 1, "trap '' TERM; exec sleep 3600")[0]
	s := engine.Strike{Fault: engine.FaultContainerKill, Namespace: space}
	for n, by := range []engine.Mechanism{engine.ByExec, engine.ByAgent} {
		over := w.h.Inject(w.Context(), s, victim(p, by), fmt.Sprintf("autopilot-chaos-9-%d", n), time.Now().Add(time.Minute), func() { w.Error("begun") })
		if !strings.Contains(over.Outcome, "does not handle SIGTERM") {
			w.Errorf("by %s: %+v", by, over)
		}
	}
	if got := w.pod(p).Status.ContainerStatuses[0].RestartCount; got != 0 {
		w.Errorf("%d restarts", got)
	}
}

// used is the CPU time of all processes of a container, in seconds.
func (w *world) used(p corev1.Pod) (seconds float64) {
	w.Helper()
	const ticks = 100 // a second
	for line := range strings.Lines(w.in(p, "sh", "-c", "cat /proc/[0-9]*/stat")) {
		_, rest, _ := strings.Cut(line, ") ")
		if f := strings.Fields(rest); len(f) > 13 {
			for _, field := range f[11:13] {
				n, err := strconv.ParseFloat(field, 64)
				w.must(err)
				seconds += n / ticks
			}
		}
	}
	return seconds
}

// cpu burns what the container may, by a shell in it.
func cpu(w *world) {
	p := w.deploy(space, "burned", 1, calm)[0]
	s := engine.Strike{Fault: engine.FaultCPU, Namespace: space, Duration: time.Minute}
	got := w.rehearsed(s, victim(p, ""))[0]
	if got.Mechanism != engine.ByExec || got.Refused != "" {
		w.Fatalf("rehearsed: %+v", got)
	}
	stop := w.blow(s, got, "autopilot-chaos-3-1")
	before, at := w.used(p), time.Now()
	w.eventually("it has burned for a while", func() error {
		if used := w.used(p) - before; used < 0.5 {
			return fmt.Errorf("%.2f s", used)
		}
		return nil
	})
	if rate := (w.used(p) - before) / time.Since(at).Seconds(); rate > 0.3 {
		w.Errorf("it burns %.2f cores, beyond its limit of 0.2", rate)
	}
	stop()
	if n := w.processes(p, "autopilot-chaos-3-1"); n != 0 {
		w.Errorf("%d processes are left", n)
	}
	// And on time, with nobody to stop it.
	s.Duration = 3 * time.Second
	over := w.h.Inject(w.Context(), s, got, "autopilot-chaos-3-2", time.Now().Add(time.Minute), func() {})
	if !over.Clean || over.Began.IsZero() || w.processes(p, "autopilot-chaos-3-2") != 0 {
		w.Errorf("on time: %+v", over)
	}
}

// memory holds bytes in a container.
func memory(w *world) {
	p := w.deploy(space, "filled", 1, calm)[0]
	s := engine.Strike{Fault: engine.FaultMemory, Namespace: space, Duration: 3 * time.Minute} // up to 90 % of 128 MiB
	stop := w.blow(s, victim(p, engine.ByExec), "autopilot-chaos-4-1")
	w.eventually("115 MiB are held", func() error {
		n := 0
		for line := range strings.Lines(w.in(p, "sh", "-c", "grep -h RssAnon /proc/[0-9]*/status")) {
			if f := strings.Fields(line); len(f) == 3 {
				kb, _ := strconv.Atoi(f[1])
				n += kb
			}
		}
		if n < 109<<10 || n > 120<<10 {
			return fmt.Errorf("%d kB", n)
		}
		return nil
	})
	stop()
	if n := w.processes(p, "dd if=/dev/zero") + w.processes(p, "autopilot-chaos-4-1"); n != 0 {
		w.Errorf("%d processes are left", n)
	}
}

var roundTrip = regexp.MustCompile(`= [0-9.]+/([0-9.]+)/`)

// ping gives the middle round trip from one pod to another.
func (w *world) ping(from, to corev1.Pod) time.Duration {
	w.Helper()
	var m []string
	w.eventually("an answer", func() error {
		out := w.in(from, "busybox", "ping", "-c", "4", "-i", "0.3", "-W", "5", to.Status.PodIP)
		if m = roundTrip.FindStringSubmatch(out); m == nil {
			return fmt.Errorf("ping: %q", out)
		}
		return nil
	})
	ms, err := strconv.ParseFloat(m[1], 64)
	w.must(err)
	return time.Duration(ms * float64(time.Millisecond))
}

// takes waits for a round trip of that length: a busy machine adds its own to some.
func (w *world) takes(from, to corev1.Pod, least, most time.Duration) {
	w.Helper()
	w.eventually("the round trip takes what it should", func() error {
		if rtt := w.ping(from, to); rtt < least || rtt > most {
			return fmt.Errorf("it takes %s, want %s to %s", rtt, least, most)
		}
		return nil
	})
}

// lag delays what a pod sends, by the agent, until it is stopped.
func lag(w *world) {
	pods := w.deploy(space, "late", 2, calm)
	s := engine.Strike{Fault: engine.FaultLag, Namespace: space, Duration: 2 * time.Minute, Dose: engine.Dose{Delay: 300 * time.Millisecond}}
	got := w.rehearsed(s, victim(pods[0], ""))[0]
	if got.Mechanism != engine.ByAgent || got.Refused != "" {
		w.Fatalf("rehearsed: %+v", got)
	}
	stop := w.blow(s, got, "autopilot-chaos-5-1")
	w.takes(pods[1], pods[0], 270*time.Millisecond, 450*time.Millisecond)
	stop()
	w.takes(pods[1], pods[0], 0, 150*time.Millisecond)
}

// others are two more faults of the agent, which end on time.
func others(w *world) {
	p := w.deploy(space, "hit", 1, calm)[0]
	for n, s := range []engine.Strike{
		{Fault: engine.FaultMemory, Duration: 3 * time.Second},
		{Fault: engine.FaultCPU, Duration: 3 * time.Second, Dose: engine.Dose{CPU: 0.1}},
		{Fault: engine.FaultDNS, Duration: 3 * time.Second, Dose: engine.Dose{Names: []string{"db.shop"}}},
		{Fault: engine.FaultLoss, Duration: 3 * time.Second, Dose: engine.Dose{Loss: 30}},
		{Fault: engine.FaultThrottle, Duration: 3 * time.Second, Dose: engine.Dose{Rate: 1_000_000}},
	} {
		over := w.h.Inject(w.Context(), s, victim(p, engine.ByAgent), fmt.Sprintf("autopilot-chaos-6-%d", n), time.Now().Add(time.Minute), func() {})
		if !over.Clean || over.Began.IsZero() || over.Ended.Sub(over.Began) < 2*time.Second {
			w.Errorf("%s: %+v", s.Fault, over)
		}
	}
}

// death kills the process that holds a blow: the fault ends itself, and whoever looks afterwards finds nothing.
func death(w *world) {
	pods := w.deploy(space, "orphan", 2, calm)
	for n, b := range []held{
		{Strike: engine.Strike{Fault: engine.FaultCPU, Duration: 5 * time.Minute}, Target: victim(pods[0], engine.ByExec)},
		{Strike: engine.Strike{Fault: engine.FaultLag, Duration: 5 * time.Minute, Dose: engine.Dose{Delay: 300 * time.Millisecond}}, Target: victim(pods[1], engine.ByAgent)},
	} {
		b.Kubeconfig, b.Handle = w.kubeconfig, fmt.Sprintf("autopilot-chaos-7-%d", n)
		w.dies(b)
		ended := func() error {
			if b.Target.Mechanism == engine.ByExec {
				if n := w.processes(pods[0], b.Handle); n != 0 {
					return fmt.Errorf("%d processes", n)
				}
				return nil
			}
			for _, s := range w.pod(pods[1]).Status.EphemeralContainerStatuses {
				if s.Name == b.Handle && s.State.Terminated == nil {
					return errors.New("the agent runs")
				}
			}
			return nil
		}
		w.eventually("the fault ends itself, long before its time", ended)
		e := engine.Experiment{Strikes: []engine.Strike{b.Strike}, Blows: []engine.Blow{{Target: b.Target, Handle: b.Handle}}}
		if left, err := w.h.Left(w.Context(), e); err != nil || len(left) != 0 {
			w.Errorf("%s: left %v, %v", b.Handle, left, err)
		}
	}
	w.takes(pods[0], pods[1], 0, 150*time.Millisecond)
	// One that looks at once does not wait for the silence to end it.
	again := held{
		Kubeconfig: w.kubeconfig, Handle: "autopilot-chaos-7-8", Target: victim(pods[1], engine.ByAgent),
		Strike: engine.Strike{Fault: engine.FaultLag, Duration: 5 * time.Minute, Dose: engine.Dose{Delay: 300 * time.Millisecond}},
	}
	w.dies(again)
	e := engine.Experiment{Strikes: []engine.Strike{again.Strike}, Blows: []engine.Blow{{Target: again.Target, Handle: again.Handle}}}
	if left, err := w.h.Left(w.Context(), e); err != nil || len(left) != 0 {
		w.Errorf("left %v, %v", left, err)
	}
	for _, s := range w.pod(pods[1]).Status.EphemeralContainerStatuses {
		if s.State.Terminated == nil || s.State.Terminated.ExitCode != 0 {
			w.Errorf("%s: %+v", s.Name, s.State)
		}
	}
}

// dies begins a blow in a process of its own, which is killed then.
func (w *world) dies(b held) {
	w.Helper()
	text, err := json.Marshal(b)
	w.must(err)
	child := exec.CommandContext(w.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+string(text))
	out, err := child.StdoutPipe()
	w.must(err)
	w.must(child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "begun\n" {
		w.Fatalf("the child said %q, %v", line, err)
	}
	w.must(child.Process.Kill())
	_ = child.Wait()
}

// drain takes from the node what was planned, for as long as it lasts: a pod of a namespace that has not opted in keeps it from beginning, and
// one that nobody planned stays.
func drain(w *world) {
	node := w.c.NodeName()
	s := engine.Strike{Fault: engine.FaultDrain, Node: node, Duration: 20 * time.Second}
	t := engine.Victim{Workload: engine.Workload{Kind: engine.KindNode, Name: node}, Object: engine.ObjectRef{Kind: engine.KindNode, Name: node}, Mechanism: engine.ByEviction}
	quiet := w.deploy("quiet", "quiet", 1, calm)[0]
	kept := w.ready(space, "killed", 2) // by their budget
	outside := w.ready(space, "outside", 1)[0]
	s.Targets = []engine.Victim{t, victim(quiet, engine.ByEviction)}
	over := w.h.Inject(w.Context(), s, t, "autopilot-chaos-8-1", time.Now().Add(time.Minute), func() { w.Error("begun") })
	if !strings.Contains(over.Outcome, "has not opted in") {
		w.Errorf("%+v", over)
	}
	s.Targets = []engine.Victim{t, victim(outside, engine.ByEviction)}
	for _, p := range kept {
		s.Targets = append(s.Targets, victim(p, engine.ByEviction))
	}
	got := w.rehearsed(s, t)[0]
	if got.Refused != "" || got.Mechanism != engine.ByEviction {
		w.Errorf("rehearsed: %+v", got)
	}
	over = w.h.Inject(w.Context(), s, t, "autopilot-chaos-8-2", time.Now().Add(time.Minute), func() {
		n, err := w.c.Client().CoreV1().Nodes().Get(w.Context(), node, metav1.GetOptions{})
		if err != nil || !n.Spec.Unschedulable {
			w.Errorf("the node is not cordoned: %v", err)
		}
	})
	w.Logf("%s", over.Outcome)
	if !over.Clean || over.Ended.Sub(over.Began) < 20*time.Second || !strings.Contains(over.Outcome, "disruption budget") || !strings.Contains(over.Outcome, quiet.Name+" came after the plan") {
		w.Errorf("%+v", over)
	}
	n, err := w.c.Client().CoreV1().Nodes().Get(w.Context(), node, metav1.GetOptions{})
	w.must(err)
	if n.Spec.Unschedulable || len(n.Annotations["autopilot.dev/cordoned-by"]) > 0 {
		w.Errorf("the node is left as %+v", n.Spec)
	}
	for _, p := range append(kept, quiet) {
		if w.pod(p).UID != p.UID {
			w.Errorf("%s was evicted, in spite of its budget or of not being planned", p.Name)
		}
	}
	if now := w.ready(space, "outside", 1)[0]; now.UID == outside.UID {
		w.Errorf("%s was not evicted", outside.Name)
	}
}

// restricted is the namespace of strict, which opted in.
const restricted = "strict"

// strict is a namespace that lets no container in which may change a network: the plan says so in the API server's own words, nothing is put
// into the pod, and what needs no such container is still possible.
func strict(w *world) {
	w.namespace(restricted, true)
	patch := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
	_, err := w.c.Client().CoreV1().Namespaces().Patch(w.Context(), restricted, types.MergePatchType, patch, metav1.PatchOptions{})
	w.must(err)
	p := w.deploy(restricted, "kept", 1, calm, func(s *corev1.PodSpec) {
		yes, no, nobody := true, false, int64(65532)
		s.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &nobody, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
		s.Containers[0].SecurityContext = &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
	})[0]
	const words = `violates PodSecurity "restricted:latest"`
	lag := engine.Strike{Fault: engine.FaultLag, Namespace: restricted, Duration: time.Minute, Dose: engine.Dose{Delay: 300 * time.Millisecond}}
	w.eventually("the label counts", func() error {
		if got := w.rehearsed(lag, victim(p, ""))[0]; !strings.Contains(got.Refused, words) || !strings.Contains(got.Refused, "NET_ADMIN") || !strings.Contains(got.Refused, "enforce=privileged") {
			return fmt.Errorf("rehearsed: %+v", got)
		}
		return nil
	})
	over := w.h.Inject(w.Context(), lag, victim(p, engine.ByAgent), "autopilot-chaos-10-1", time.Now().Add(time.Minute), func() { w.Error("begun") })
	if !over.Clean || !over.Began.IsZero() || !strings.Contains(over.Outcome, words) {
		w.Errorf("it was done in spite of it: %+v", over)
	}
	if now := w.pod(p); len(now.Spec.EphemeralContainers) > 0 {
		w.Errorf("containers were put into it: %+v", now.Spec.EphemeralContainers)
	}
	for fault, by := range map[engine.Fault]engine.Mechanism{engine.FaultKill: engine.ByEviction, engine.FaultCPU: engine.ByExec, engine.FaultMemory: engine.ByExec} {
		if got := w.rehearsed(engine.Strike{Fault: fault, Namespace: restricted, Duration: time.Minute}, victim(p, ""))[0]; got.Mechanism != by || got.Refused != "" {
			w.Errorf("%s: %+v", fault, got)
		}
	}
}

// atOnce evicts both pods of a workload at the same time, whose budget lets one go: it is never broken.
func atOnce(w *world) {
	pods := w.deploy(space, "paired", 2, calm)
	one := intstr.FromInt32(1)
	_, err := w.c.Client().PolicyV1().PodDisruptionBudgets(space).Create(w.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "paired"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "paired"}}},
	}, metav1.CreateOptions{})
	w.must(err)
	w.eventually("the budget allows one", func() error {
		b, err := w.c.Client().PolicyV1().PodDisruptionBudgets(space).Get(w.Context(), "paired", metav1.GetOptions{})
		if err == nil && b.Status.DisruptionsAllowed != 1 {
			err = errors.New("not yet")
		}
		return err
	})
	came := make([]engine.Blow, len(pods))
	var both sync.WaitGroup
	for k, p := range pods {
		both.Go(func() {
			came[k] = w.h.Inject(w.Context(), engine.Strike{Fault: engine.FaultKill, Namespace: space}, victim(p, engine.ByEviction), fmt.Sprintf("autopilot-chaos-11-%d", k), time.Now().Add(time.Minute), func() {})
		})
	}
	both.Wait()
	evicted := 0
	for _, b := range came {
		switch {
		case strings.HasPrefix(b.Outcome, "evicted"):
			evicted++
		case !strings.Contains(b.Outcome, "disruption budget"):
			w.Errorf("%+v", b)
		}
	}
	// The second may go once the first has a successor, and not before.
	if gap := came[0].Began.Sub(came[1].Began).Abs(); evicted == 0 || evicted == 2 && gap < 500*time.Millisecond {
		w.Errorf("%d were evicted, %s apart: %+v", evicted, gap, came)
	}
}
