package collect

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestReadLine(t *testing.T) {
	when := time.Date(2026, 11, 22, 11, 59, 28, 5e8, time.UTC)
	for _, tt := range []struct {
		in         string
		at         time.Time
		text       string
		redactions int
	}{
		{"2026-11-22T11:59:28.5Z hello", when, "hello", 0},
		{"2026-11-22T12:59:28.5+01:00 2026-11-22 its own time", when, "2026-11-22 its own time", 0},
		{"no time at all", time.Time{}, "no time at all", 0},
		{"2026-11-22T11:59:28.5Z \x1b[1;31mred\x1b[0m\x07 bell\r", when, "red bell", 0},
		{"2026-11-22T11:59:28.5Z password=hunter2", when, "password=***", 1},
		{"2026-11-22T11:59:28.5Z bad \xff byte", when, "bad � byte", 0},
		{"2026-11-22T11:59:28.5Z unfinished \x1b[31", when, "unfinished ", 0},
		{"", time.Time{}, "", 0},
	} {
		got := readLines([]string{tt.in})[0]
		if !got.At.Equal(tt.at) || got.Text != tt.text || got.Redactions != tt.redactions {
			t.Errorf("readLines(%q) = %+v; want %v %q %d", tt.in, got, tt.at, tt.text, tt.redactions)
		}
	}
	if got := readLines([]string{strings.Repeat("é", 1000)})[0]; len(got.Text) > 1000 || !utf8.ValidString(got.Text) {
		t.Errorf("a long line is %d bytes, valid: %t", len(got.Text), utf8.ValidString(got.Text))
	}
}

func TestReadLinesHidesAKeyThatRunsOverSeveral(t *testing.T) {
	key := strings.Repeat("Ab0+", 16)
	var raw []string
	for _, s := range []string{key, "Nb2u1w==", "-----END EC PRIVATE KEY-----", "listening"} {
		raw = append(raw, "2026-11-22T11:59:28.5Z "+s+"\r")
	}
	for k, want := range []string{"***", "***", "***", "listening"} {
		if got := readLines(raw)[k]; got.Text != want || got.At.IsZero() {
			t.Errorf("line %d is %q at %s; want %q", k, got.Text, got.At, want)
		}
	}
	if got := clean("begin\n-----BEGIN EC PRIVATE KEY-----\nNb2u1w==", 100); got != "begin\n***\n***" {
		t.Errorf("a text of several lines: %q", got)
	}
}

func FuzzReadLine(f *testing.F) {
	for _, s := range []string{"2026-11-22T11:59:28.5Z hello", "\x1b[", "\x1b[31m\xff", "password=hunter2", strings.Repeat("a", 3000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l := readLines([]string{s})[0]
		if len(l.Text) > 1000 || !utf8.ValidString(l.Text) || strings.ContainsAny(l.Text, "\x1b\x00\n\r") {
			t.Errorf("readLines(%q) = %q", s, l.Text)
		}
	})
}

func TestTail(t *testing.T) {
	c := client(podOf("api-1-a", "api-1", template("api:1")))
	serves(c, map[string]string{"app/false": "2026-11-22T11:59:28Z one\n2026-11-22T11:59:29Z token=hunter2\n2026-11-22T11:59:30Z three\n"})
	got, err := Tail(t.Context(), c, "pay", "api-1-a", "", false, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := engine.LogExcerpt{Pod: "api-1-a", Container: "app", Lines: []string{"token=***", "three"}, Redactions: 1, Truncated: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Tail (-want +got):\n%s", diff)
	}
	if got, err := Tail(t.Context(), c, "pay", "api-1-a", "app", false, 10); err != nil || len(got.Lines) != 3 || got.Truncated {
		t.Errorf("all of the log: %+v, %v", got, err)
	}
	if _, err := Tail(t.Context(), c, "pay", "api-1-a", "app", true, 2); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("no earlier run: %v", err)
	}
	if _, err := Tail(t.Context(), c, "pay", "absent", "", false, 2); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("no such pod: %v", err)
	}
	forbid(c, "get", "pods")
	if _, err := Tail(t.Context(), c, "pay", "api-1-a", "app", false, 2); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("not allowed: %v", err)
	}
}

// TestTheKubeletsExcuseIsNoLog has a kubelet send its own words in place of a log that it no longer has: they name a file that is missing, of which
// the program said nothing.
func TestTheKubeletsExcuseIsNoLog(t *testing.T) {
	is := template("api:1")
	for _, excuse := range []string{
		`unable to retrieve container logs for containerd://6e1f2a`,
		`failed to try resolving symlinks in path "/var/log/pods/pay_api-1-b_1/app/3.log": lstat /var/log/pods/pay_api-1-b_1/app/3.log: no such file or directory`,
		`failed to open log file "/var/log/pods/pay_api-1-b_1/app/3.log": open /var/log/pods/pay_api-1-b_1/app/3.log: no such file or directory`,
	} {
		c := client(deployment(is), replicaSet(1, time.Hour, is), crashing(podOf("api-1-b", "api-1", is), 4))
		logs := map[string]string{"app/true": excuse, "app/false": "2026-11-22T11:59:28Z cannot connect to db:5432: connection refused\n"}
		serves(c, logs)
		found, failed := gather(t, c, incident("Deployment", "api"))
		if got := texts(found["logs"]); failed["logs"] != nil || len(got) != 1 || got[0] != "cannot connect to db:5432: connection refused" {
			t.Errorf("%s\nread as %q, %v; want the log of the run after", excuse, got, failed["logs"])
		}
		logs["app/false"] = excuse
		found, failed = gather(t, c, incident("Deployment", "api"))
		if got := texts(found["logs"]); len(got) > 0 || engine.CodeOf(failed["logs"]) != engine.NotFound {
			t.Errorf("%s\nread as %q, %v; want a gap", excuse, got, failed["logs"])
		}
		logs["app/false"] = "2026-11-22T11:59:28Z " + excuse + "\n" // a program that says so itself
		if found, _ = gather(t, c, incident("Deployment", "api")); len(found["logs"]) != 1 {
			t.Errorf("%s\nof a program is left out", excuse)
		}
	}
}

// TestARunThatEndedIsReadAfterItsRestart has a kubelet restart a container between the news of its end and the reading of its log.
func TestARunThatEndedIsReadAfterItsRestart(t *testing.T) {
	is := template("api:1")
	ended := podOf("api-1-b", "api-1", is)
	status := &ended.Status.ContainerStatuses[0]
	status.Ready = false
	status.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", FinishedAt: at(30 * time.Second)}} // 11:59:30
	const failed, began = "2026-11-22T11:59:30.4Z bind: address already in use", "2026-11-22T11:59:31.1Z starting"
	for _, tt := range []struct{ name, current, before, want string }{
		{"not restarted", failed, "", "bind: address already in use"},
		{"not restarted, and it failed before", failed, "2026-11-22T11:59:01Z another failure", "bind: address already in use"},
		{"restarted, and has said nothing", "", failed, "bind: address already in use"},
		{"restarted, and has begun", began, failed, "bind: address already in use"},
		{"said nothing at all", "", "", ""},
		{"restarted, and the run before is not kept", began, "", "starting"},
	} {
		c := client(deployment(is), replicaSet(1, time.Hour, is), ended.DeepCopy())
		logs := map[string]string{"app/false": tt.current}
		if tt.before != "" {
			logs["app/true"] = tt.before
		}
		serves(c, logs)
		found, broken := gather(t, c, incident("Deployment", "api"))
		if got := strings.Join(texts(found["logs"]), "|"); got != tt.want || broken["logs"] != nil {
			t.Errorf("%s: read %q, %v; want %q", tt.name, got, broken["logs"], tt.want)
		}
	}
}

func TestTailOfChoosesTheRunThatFailed(t *testing.T) {
	is := template("api:1")
	c := client(deployment(is), replicaSet(1, time.Hour, is), podOf("api-1-a", "api-1", is), crashing(podOf("api-1-b", "api-1", is), 4))
	logs := map[string]string{"app/true": "2026-11-22T11:59:28Z the end\n", "app/false": "2026-11-22T11:59:28Z well\n"}
	serves(c, logs)
	got, err := TailOf(t.Context(), source(c), incident("Deployment", "api"), 5)
	want := engine.LogExcerpt{Pod: "api-1-b", Container: "app", Previous: true, Lines: []string{"the end"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("TailOf: %v (-want +got):\n%s", err, diff)
	}
	delete(logs, "app/true") // the kubelet has thrown the earlier run away
	if got, err = TailOf(t.Context(), source(c), incident("Deployment", "api"), 5); err != nil || got.Previous || got.Lines[0] != "well" {
		t.Errorf("TailOf without an earlier run: %+v, %v", got, err)
	}
	if _, err := TailOf(t.Context(), source(c), incident("Deployment", "other"), 5); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("TailOf what is gone: %v", err)
	}
}
