package main

import (
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"
)

// The states that are told.
const (
	stateBegun = "begun" // the fault is in place
	stateHolds = "holds" // it still is: the answer to a beat
	stateEnded = "ended" // it is not, or never was
)

// line is what is told, one a line.
type line struct {
	State  string `json:"state"`
	How    string `json:"how,omitempty"`    // the way that was taken
	Left   string `json:"left,omitempty"`   // until its deadline
	Clean  bool   `json:"clean,omitempty"`  // it was seen that nothing is left
	Reason string `json:"reason,omitempty"` // why it ended
	Text   string `json:"text,omitempty"`
}

// speaker writes lines. A reader that does not read cannot keep the fault from ending: what does not fit is dropped.
type speaker struct {
	lines chan []byte
	done  sync.WaitGroup
}

const patience = time.Second // for the last line to be read

func newSpeaker(out io.Writer) *speaker {
	s := &speaker{lines: make(chan []byte, 64)}
	s.done.Go(func() {
		for l := range s.lines {
			if _, err := out.Write(l); err != nil {
				for range s.lines { // nobody listens any more
				}
			}
		}
	})
	return s
}

func (s *speaker) line(l line) {
	data, err := json.Marshal(l)
	if err != nil {
		return // a struct of strings can always be marshalled
	}
	select {
	case s.lines <- append(data, '\n'):
	default:
	}
}

// close waits until all is written, or for a while.
func (s *speaker) close() {
	close(s.lines)
	written := make(chan struct{})
	go func() {
		s.done.Wait()
		close(written)
	}()
	select {
	case <-written:
	case <-time.After(patience):
	}
}

func isLeft(err error) bool {
	_, ok := errors.AsType[leftError](err)
	return ok
}
