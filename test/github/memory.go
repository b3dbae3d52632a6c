package github

import (
	"strings"
	"sync"
)

// memory is what git said of objects that were named by their full ids. What such a name means never changes, so git, which is a process
// for every question, is asked once.
type memory struct {
	mu     sync.Mutex
	answer map[string][]byte
}

// mostAnswers bounds a memory: when it is full, it is begun anew.
const mostAnswers = 10_000

func (m *memory) get(key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answer, ok := m.answer[key]
	return answer, ok
}

func (m *memory) put(key string, answer []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answer == nil || len(m.answer) >= mostAnswers {
		m.answer = map[string][]byte{}
	}
	m.answer[key] = answer
}

// ask runs git with a question. An answer that can never be another is remembered; a failure is not, for an object may come later. What
// is given must not be changed.
func (g gitDir) ask(args ...string) ([]byte, error) {
	if !lasting(args) {
		return g.run(nil, args...)
	}
	key := strings.Join(args, "\x00")
	if answer, ok := g.said.get(key); ok {
		return answer, nil
	}
	answer, err := g.run(nil, args...)
	if err == nil {
		g.said.put(key, answer)
	}
	return answer, err
}

// lasting tells whether every revision in a command is a full id, and nothing depends on what the time is.
func lasting(args []string) bool {
	for _, a := range args[1:] {
		if a == "--" {
			return true
		}
		if strings.HasPrefix(a, "--since") || strings.HasPrefix(a, "--until") {
			return false
		}
		if strings.HasPrefix(a, "-") {
			continue
		}
		for rev := range strings.SplitSeq(a, "..") {
			id, _, _ := strings.Cut(rev, "^{")
			if !isSHA(id) {
				return false
			}
		}
	}
	return true
}
