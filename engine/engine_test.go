package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	s := struct {
		Token engine.Secret
		In    map[string]engine.Secret
	}{"xoxb-hidden", map[string]engine.Secret{"k": "xoxb-hidden"}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("started", "token", s.Token, "all", s)
	slog.New(slog.NewTextHandler(&log, nil)).Info("started", "token", s.Token, "all", s)
	j, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s.Token, s.Token), string(j), log.String(),
		fmt.Errorf("connect with %v: %w", s.Token, io.EOF).Error(),
	} {
		if strings.Contains(out, "hidden") {
			t.Errorf("the secret shows in %s", out)
		}
	}
	if s.Token.Reveal() != "xoxb-hidden" {
		t.Error("Reveal does not give the value")
	}
}

func TestErrors(t *testing.T) {
	ours := engine.Errorf(engine.NotFound, "no incident %d", 7)
	wrapped := fmt.Errorf("show: %w", ours)
	cases := []struct {
		err     error
		code    engine.Code
		message string
	}{
		{nil, "", "internal error, ref r1"},
		{ours, engine.NotFound, "no incident 7"},
		{wrapped, engine.NotFound, "no incident 7"},
		{io.EOF, engine.Internal, "internal error, ref r1"},
		{engine.Errorf(engine.Internal, "row 7 is torn"), engine.Internal, "internal error, ref r1"},
		{engine.Wrap(engine.Unavailable, io.EOF, "Prometheus does not answer"), engine.Unavailable, "Prometheus does not answer"},
	}
	for _, c := range cases {
		if got := engine.CodeOf(c.err); got != c.code {
			t.Errorf("CodeOf(%v) = %q, want %q", c.err, got, c.code)
		}
		if got := engine.UserMessage(c.err, "r1"); got != c.message {
			t.Errorf("UserMessage(%v) = %q, want %q", c.err, got, c.message)
		}
	}
	if !errors.Is(engine.Wrap(engine.Unavailable, io.EOF, "x"), io.EOF) {
		t.Error("Wrap loses the wrapped error")
	}
	if !errors.Is(engine.Errorf(engine.Unavailable, "x: %w", io.EOF), io.EOF) {
		t.Error("Errorf loses the wrapped error")
	}
	if engine.Wrap(engine.Unavailable, nil, "x") != nil {
		t.Error("Wrap of nil is not nil")
	}
}

func TestFingerprint(t *testing.T) {
	a := engine.Workload{Cluster: "c", Namespace: "n", Kind: "Deployment", Name: "api"}
	seen := map[string]engine.Workload{}
	for _, w := range []engine.Workload{
		a,
		{Cluster: "c", Namespace: "n", Kind: "StatefulSet", Name: "api"},
		{Cluster: "cn", Kind: "Deployment", Name: "api"},
		{Cluster: "c", Namespace: "nD", Kind: "eployment", Name: "api"},
		{Cluster: "d", Namespace: "n", Kind: "Deployment", Name: "api"},
	} {
		f := w.Fingerprint()
		if other, ok := seen[f]; ok {
			t.Errorf("%v and %v share a fingerprint", w, other)
		}
		seen[f] = w
	}
	if same := (engine.Workload{Cluster: "c", Namespace: "n", Kind: "Deployment", Name: "api"}); same.Fingerprint() != a.Fingerprint() || len(a.Fingerprint()) != 16 {
		t.Errorf("Fingerprint = %q; want the same 16 digits each time", a.Fingerprint())
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "", 1},
		{"", "abc", 3},
		{"status", "status", 0},
		{"statsu", "status", 2},
		{"incident", "incidents", 1},
		{"kitten", "sitting", 3},
		{"größe", "grösse", 2},
	} {
		if got := engine.EditDistance(c.a, c.b); got != c.want {
			t.Errorf("EditDistance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := engine.EditDistance(c.b, c.a); got != c.want {
			t.Errorf("EditDistance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestPageDetail(t *testing.T) {
	for _, c := range []struct {
		what     string
		reopened int
		want     string
	}{{"trigger", 0, "trigger"}, {"resolve", 12, "resolve/12"}} {
		got := engine.PageDetail(c.what, c.reopened)
		if what, reopened := engine.ReadPageDetail(got); got != c.want || what != c.what || reopened != c.reopened {
			t.Errorf("%q reads %q, %d; want %q of %q, %d", got, what, reopened, c.want, c.what, c.reopened)
		}
	}
	if what, reopened := engine.ReadPageDetail("resolve/x"); what != "resolve/x" || reopened != 0 {
		t.Errorf("what nobody wrote reads %q, %d", what, reopened)
	}
}
