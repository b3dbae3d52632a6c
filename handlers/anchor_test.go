package handlers

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// fakeChain is an audit log: the hash of row n is at n-1.
type fakeChain []string

func (f fakeChain) AuditHead(context.Context) (int64, string, error) {
	if len(f) == 0 {
		return 0, "", nil
	}
	return int64(len(f)), f[len(f)-1], nil
}

func (f fakeChain) AuditHashes(_ context.Context, seqs []int64) (map[int64]string, error) {
	out := map[int64]string{}
	for _, n := range seqs {
		if n <= int64(len(f)) {
			out[n] = f[n-1]
		}
	}
	return out, nil
}

// fakeKeeper keeps anchors in memory.
type fakeKeeper struct {
	kept []engine.Anchor
	fail error
}

func (f *fakeKeeper) Key(a engine.Anchor) string {
	return fmt.Sprint(a.At.Format(time.DateOnly), a.Seq)
}

func (f *fakeKeeper) Newest(_ context.Context, since time.Time) (engine.Anchor, error) {
	if f.fail != nil {
		return engine.Anchor{}, f.fail
	}
	if len(f.kept) == 0 || since.IsZero() {
		return engine.Anchor{}, engine.Errorf(engine.NotFound, "none")
	}
	return f.kept[len(f.kept)-1], nil
}

func (f *fakeKeeper) Write(_ context.Context, a engine.Anchor) error {
	f.kept = append(f.kept, a)
	return nil
}

// The clock goes on and rows come; each line is one run of the task.
func TestAnchorIsWrittenWhenItIsDue(t *testing.T) {
	keeper, now := &fakeKeeper{}, noon
	var log bytes.Buffer
	h := &Handlers{
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Anchoring: &Anchoring{Keeper: keeper, Every: 6 * time.Hour, Version: "v1"},
	}
	for _, step := range []struct {
		name  string
		after time.Duration
		chain fakeChain
		kept  int
		says  string
		not   string
	}{
		{"no row", 0, nil, 0, "", "anchored"},
		{"the first", time.Minute, fakeChain{"a"}, 1, "anchored the audit log", ""},
		{"again", 0, fakeChain{"a"}, 1, "", "anchored"},
		{"too soon", time.Hour, fakeChain{"a", "b"}, 1, "", "anchored"},
		{"due", 5 * time.Hour, fakeChain{"a", "b"}, 2, "seq=2", "for long"},
		{"nothing new, the same day", 5*time.Hour + 30*time.Minute, fakeChain{"a", "b"}, 2, "", "anchored"},
		{"nothing new, the next day", 6 * time.Hour, fakeChain{"a", "b"}, 3, "seq=2", "for long"},
		{"late", 13 * time.Hour, fakeChain{"a", "b", "c"}, 4, "was not anchored for long", "level=ERROR"},
		{"cut off", 7 * time.Hour, fakeChain{"a", "b"}, 4, "level=ERROR", "anchored the audit log"},
		{"written anew", 7 * time.Hour, fakeChain{"x", "y", "z", "z"}, 4, "the chain was written anew", "anchored the audit log"},
		{"put right", 0, fakeChain{"a", "b", "c", "d"}, 5, "seq=4", "level=ERROR"},
	} {
		now = now.Add(step.after)
		h.Anchoring.Chain = step.chain
		log.Reset()
		if err := h.Tasks()[engine.TaskAnchor](t.Context(), engine.Task{Kind: engine.TaskAnchor}); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if len(keeper.kept) != step.kept {
			t.Fatalf("%s: %d are kept, want %d", step.name, len(keeper.kept), step.kept)
		}
		if !strings.Contains(log.String(), step.says) || step.not != "" && strings.Contains(log.String(), step.not) {
			t.Errorf("%s: the log says %q, and should %q and not %q", step.name, log.String(), step.says, step.not)
		}
	}
	want := engine.Anchor{Seq: 1, Hash: "a", At: noon.Add(time.Minute), Version: "v1"}
	if diff := cmp.Diff(want, keeper.kept[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnchorTellsWhatFails(t *testing.T) {
	h := &Handlers{Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)}
	if h.Tasks()[engine.TaskAnchor] != nil {
		t.Error("there is a task though nobody asks for anchors")
	}
	h.Anchoring = &Anchoring{Chain: fakeChain{"a"}, Keeper: &fakeKeeper{fail: engine.Errorf(engine.Unavailable, "S3 is away")}, Every: time.Hour}
	if err := h.anchor(t.Context(), engine.Task{}); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestHoldAnchors(t *testing.T) {
	chain := fakeChain{"a", "b", "c"}
	at := func(seq int64, hash string) engine.Anchor { return engine.Anchor{Seq: seq, Hash: hash, At: noon} }
	for name, c := range map[string]struct {
		anchors []engine.Anchor
		want    string // of the error; "" for none
	}{
		"none":             {nil, ""},
		"all hold":         {[]engine.Anchor{at(3, "c"), at(1, "a"), at(1, "a")}, ""},
		"an older differs": {[]engine.Anchor{at(3, "c"), at(2, "x")}, "audit row 2 was anchored on 2026"},
		"two of one row":   {[]engine.Anchor{at(2, "b"), at(2, "x")}, "the chain was written anew"},
		"cut off":          {[]engine.Anchor{at(5, "e"), at(4, "d")}, "audit row 4 was anchored"},
	} {
		err := HoldAnchors(t.Context(), chain, c.anchors)
		if c.want == "" && err != nil || c.want != "" && (engine.CodeOf(err) != engine.Conflict || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
