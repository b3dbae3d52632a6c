package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// spoken reads lines that were told.
func spoken(t *testing.T, out []byte) []line {
	t.Helper()
	var all []line
	for text := range strings.Lines(string(out)) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("it said %q: %v", text, err)
		}
		all = append(all, l)
	}
	return all
}

func TestHowAFaultEnds(t *testing.T) {
	broken := errors.New("the kernel is gone")
	for _, c := range []struct {
		name     string
		say      func(in *io.PipeWriter, cancel func(), broke chan<- error)
		beginErr error
		endErr   error
		after    time.Duration // from the start
		begins   bool
		code     int
		want     line
	}{
		{
			name: "deadline, though beats go on",
			say: func(in *io.PipeWriter, _ func(), _ chan<- error) {
				for {
					if _, err := io.WriteString(in, "beat\n"); err != nil {
						return
					}
					time.Sleep(3 * time.Second)
				}
			},
			after: time.Minute, begins: true, want: line{Clean: true, Reason: endDeadline, How: "test"},
		},
		{
			name: "silence after the last beat",
			say: func(in *io.PipeWriter, _ func(), _ chan<- error) {
				_, _ = io.WriteString(in, "beat\n")
				time.Sleep(10 * time.Second)
				_, _ = io.WriteString(in, "beat\n")
			},
			after: 25 * time.Second, begins: true, want: line{Clean: true, Reason: endSilence, How: "test"},
		},
		{
			name: "stop",
			say: func(in *io.PipeWriter, _ func(), _ chan<- error) {
				_, _ = io.WriteString(in, "beat\n")
				time.Sleep(2 * time.Second)
				_, _ = io.WriteString(in, " stop \r\n")
			},
			after: 2 * time.Second, begins: true, want: line{Clean: true, Reason: endStop, How: "test"},
		},
		{
			name: "closed", say: func(in *io.PipeWriter, _ func(), _ chan<- error) {
				_, _ = io.WriteString(in, "beat\n")
				time.Sleep(time.Second)
				in.Close()
			},
			after: time.Second, begins: true, want: line{Clean: true, Reason: endEOF, How: "test"},
		},
		{
			name: "a line without end", say: func(in *io.PipeWriter, _ func(), _ chan<- error) {
				_, _ = io.WriteString(in, "beat\n")
				_, _ = io.WriteString(in, strings.Repeat("x", 2*longestWord))
			},
			begins: true, want: line{Clean: true, Reason: endEOF, How: "test"},
		},
		{
			name: "signal", say: func(in *io.PipeWriter, cancel func(), _ chan<- error) {
				_, _ = io.WriteString(in, "beat\n")
				time.Sleep(time.Second)
				cancel()
			},
			after: time.Second, begins: true, want: line{Clean: true, Reason: endSignal, How: "test"},
		},
		{
			name: "it breaks", say: func(in *io.PipeWriter, _ func(), broke chan<- error) {
				_, _ = io.WriteString(in, "beat\n")
				time.Sleep(time.Second)
				broke <- broken
			},
			after: time.Second, begins: true, code: codeRefused, want: line{Clean: true, Reason: endFailed, How: "test"},
		},
		{
			name: "it cannot be undone", say: func(in *io.PipeWriter, _ func(), _ chan<- error) { _, _ = io.WriteString(in, "beat\nstop\n") },
			endErr: broken, begins: true, code: codeLeft, want: line{Reason: endStop, How: "test"},
		},
		{
			name: "it cannot be begun", say: func(in *io.PipeWriter, _ func(), _ chan<- error) { _, _ = io.WriteString(in, "beat\n") },
			beginErr: broken, code: codeRefused, want: line{Clean: true, Reason: endFailed},
		},
		{
			name: "it cannot be begun, and something is left", say: func(in *io.PipeWriter, _ func(), _ chan<- error) { _, _ = io.WriteString(in, "beat\n") },
			beginErr: errors.Join(broken, left("a rule is left")), code: codeLeft, want: line{Reason: endFailed},
		},
		{
			name: "nobody ever speaks", say: func(*io.PipeWriter, func(), chan<- error) {},
			after: 15 * time.Second, want: line{Clean: true, Reason: endSilence},
		},
		{
			name: "closed before", say: func(in *io.PipeWriter, _ func(), _ chan<- error) { in.Close() },
			want: line{Clean: true, Reason: endEOF},
		},
		{
			name: "stopped before", say: func(in *io.PipeWriter, _ func(), _ chan<- error) { _, _ = io.WriteString(in, "stop\n") },
			want: line{Clean: true, Reason: endStop},
		},
		{
			name: "a signal before", say: func(_ *io.PipeWriter, cancel func(), _ chan<- error) { cancel() },
			want: line{Clean: true, Reason: endSignal},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				in, words := io.Pipe()
				broke := make(chan error, 1)
				var out bytes.Buffer
				began, ended := 0, 0
				var speaking sync.WaitGroup
				speaking.Go(func() { c.say(words, cancel, broke) })
				start := time.Now()
				code := keep(ctx, options{last: time.Minute, silence: 15 * time.Second}, in, &out, func(options) (fault, error) {
					began++
					return fault{how: "test", broke: broke, end: func() error { ended++; return c.endErr }}, c.beginErr
				})
				if took := time.Since(start); took != c.after {
					t.Errorf("it ended after %v, want %v", took, c.after)
				}
				in.CloseWithError(io.ErrClosedPipe)
				speaking.Wait()
				said := spoken(t, out.Bytes())
				last := said[len(said)-1]
				if c.want.State = stateEnded; last.Text == "" {
					t.Errorf("it does not say why it ended")
				}
				last.Text = ""
				if last != c.want || code != c.code {
					t.Errorf("code %d, %+v; want %d, %+v", code, last, c.code, c.want)
				}
				if begun := said[0].State == stateBegun; begun != c.begins {
					t.Errorf("begun: %v, want %v", begun, c.begins)
				}
				if want := map[bool]int{true: 1}[c.begins]; ended != want {
					t.Errorf("it was undone %d times after it was begun %d times", ended, began)
				}
			})
		})
	}
}

func TestBeatsAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, words := io.Pipe()
		var out bytes.Buffer
		go func() {
			_, _ = io.WriteString(words, "beat\n")
			time.Sleep(20 * time.Second)
			_, _ = io.WriteString(words, "beat\nstop\n")
		}()
		keep(t.Context(), options{last: time.Minute, silence: time.Minute}, in, &out, func(options) (fault, error) {
			return fault{how: "test", end: func() error { return nil }, report: func() string { return "much was done" }}, nil
		})
		in.CloseWithError(io.ErrClosedPipe)
		want := []line{
			{State: stateBegun, How: "test"},
			{State: stateHolds, How: "test", Left: "40s"},
			{State: stateEnded, How: "test", Clean: true, Reason: endStop, Text: "it was stopped; much was done"},
		}
		got := spoken(t, out.Bytes())
		if len(got) != len(want) {
			t.Fatalf("it said %s", out.String())
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("line %d: %+v, want %+v", i, got[i], want[i])
			}
		}
	})
}

func TestWhatIsDoneInAMomentEndsAtOnce(t *testing.T) {
	in, words := io.Pipe()
	go func() { _, _ = io.WriteString(words, "beat\n") }()
	done := make(chan struct{})
	close(done)
	var out bytes.Buffer
	code := keep(t.Context(), options{last: time.Hour, silence: time.Hour}, in, &out, func(options) (fault, error) {
		return fault{how: "test", done: done, end: func() error { return nil }}, nil
	})
	in.Close()
	if got := spoken(t, out.Bytes()); code != codeClean || len(got) != 2 || got[0].State != stateBegun || got[1].Reason != endDone {
		t.Errorf("code %d; it said %s", code, out.String())
	}
}

// stuck is a reader that does not read.
type stuck struct{ ctx context.Context }

func (s stuck) Write([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func TestAReaderThatDoesNotReadHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, words := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for range 200 {
				_, _ = io.WriteString(words, "beat\n")
			}
			_, _ = io.WriteString(words, "stop\n")
		}()
		start, ended := time.Now(), time.Time{}
		keep(t.Context(), options{last: time.Hour, silence: time.Minute}, in, stuck{ctx}, func(options) (fault, error) {
			return fault{end: func() error { ended = time.Now(); return nil }}, nil
		})
		if !ended.Equal(start) || time.Since(start) != patience {
			t.Errorf("undone after %v, ended after %v", ended.Sub(start), time.Since(start))
		}
		cancel()
		in.CloseWithError(io.ErrClosedPipe)
	})
}
