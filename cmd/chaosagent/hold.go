package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// fault is one that is in place.
type fault struct {
	how    string          // by which the kernel, or we, do it
	broke  <-chan error    // gets what ended it before it should have; nil when nothing can
	done   <-chan struct{} // closed when there is nothing to hold; nil for what lasts
	end    func() error    // undoes it, and fails when something is left; called once
	report func() string
}

// The words that are read. Any line counts as a sign of life.
const wordStop = "stop"

// why a fault has ended.
const (
	endDeadline = "deadline"
	endStop     = "stop"
	endEOF      = "eof"
	endSilence  = "silence"
	endSignal   = "signal"
	endFailed   = "failed"
	endDone     = "done"
)

// keep waits for the first line, begins the fault and keeps it until there is a reason to end it, which comes to pass in any case. It returns
// the exit code.
func keep(ctx context.Context, o options, in io.Reader, out io.Writer, begin func(options) (fault, error)) int {
	say := newSpeaker(out)
	defer say.close()
	gone := make(chan struct{})
	defer close(gone)
	words := listen(in, gone)
	silence := time.NewTimer(o.silence)
	defer silence.Stop()

	if why := wait(ctx, words, silence.C); why != "" {
		say.line(line{State: stateEnded, Clean: true, Reason: why, Text: "not begun: " + reasons[why]})
		return codeClean
	}
	deadline := time.NewTimer(o.last)
	defer deadline.Stop()
	ends := time.Now().Add(o.last)
	f, err := begin(o)
	if err != nil {
		say.line(line{State: stateEnded, Clean: !isLeft(err), Reason: endFailed, Text: "not begun: " + err.Error()})
		if isLeft(err) {
			return codeLeft
		}
		return codeRefused
	}
	say.line(line{State: stateBegun, How: f.how})
	silence.Reset(o.silence)
	var why string
	var broken error
	for why == "" {
		select {
		case word, open := <-words:
			switch {
			case !open:
				why = endEOF
			case word == wordStop:
				why = endStop
			default:
				silence.Reset(o.silence)
				say.line(line{State: stateHolds, How: f.how, Left: max(0, time.Until(ends)).Round(time.Millisecond).String()})
			}
		case <-deadline.C:
			why = endDeadline
		case <-silence.C:
			why = endSilence
		case <-ctx.Done():
			why = endSignal
		case <-f.done:
			why = endDone
		case broken = <-f.broke:
			why = endFailed
		}
	}
	last := line{State: stateEnded, How: f.how, Clean: true, Reason: why, Text: reasons[why]}
	if broken != nil {
		last.Text = "it failed: " + broken.Error()
	}
	if f.report != nil {
		last.Text += "; " + f.report()
	}
	err = f.end()
	if err != nil {
		last.Clean = false
		last.Text += "; " + err.Error()
	}
	say.line(last)
	switch {
	case err != nil:
		return codeLeft
	case broken != nil:
		return codeRefused
	}
	return codeClean
}

var reasons = map[string]string{
	endDeadline: "its time was over",
	endStop:     "it was stopped",
	endEOF:      "the stream that held it was closed",
	endSilence:  "nobody was heard of for too long",
	endSignal:   "the agent was asked to end, or its guard died",
	endFailed:   "it failed",
	endDone:     "it was done",
}

// wait returns "" at the first line, or why there will be none that counts.
func wait(ctx context.Context, words <-chan string, silence <-chan time.Time) string {
	select {
	case word, open := <-words:
		switch {
		case !open:
			return endEOF
		case word == wordStop:
			return endStop
		}
		return ""
	case <-silence:
		return endSilence
	case <-ctx.Done():
		return endSignal
	}
}

// longestWord bounds what one line may take up; the words that mean something are short.
const longestWord = 4096

// listen reads lines until the input ends or one is too long, then closes the channel. It gives up when gone is closed, though it may stay
// in a read until the process ends.
func listen(in io.Reader, gone <-chan struct{}) <-chan string {
	words := make(chan string)
	go func() {
		defer close(words)
		lines := bufio.NewScanner(in)
		lines.Buffer(make([]byte, 0, 256), longestWord)
		for lines.Scan() {
			select {
			case words <- strings.TrimSpace(lines.Text()):
			case <-gone:
				return
			}
		}
	}()
	return words
}

// leftError says that something of a fault is left.
type leftError struct{ error }

func (e leftError) Unwrap() error { return e.error }

// left marks that something stays behind.
func left(format string, args ...any) error { return leftError{fmt.Errorf(format, args...)} }
