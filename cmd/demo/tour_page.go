package main

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
)

//go:embed tour
var tourFiles embed.FS

// tourPolicy lets the page of the tour load what is embedded here, and show the workspace page.
const tourPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// handler serves the tour at /tour/ beside the workspace page.
func (t *tour) handler(workspace http.Handler) http.Handler {
	files, err := fs.Sub(tourFiles, "tour")
	if err != nil {
		panic(err) // the name is a good one
	}
	mux := http.NewServeMux()
	mux.Handle("/", workspace)
	static := http.StripPrefix("/tour/", http.FileServerFS(files))
	mux.HandleFunc("GET /tour/", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", tourPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		static.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /tour/state", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(t.shown()) // it fails only when the reader has gone
	})
	mux.HandleFunc("POST /tour/next", func(w http.ResponseWriter, _ *http.Request) {
		t.press()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// shownStep is a step as the page reads it.
type shownStep struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Tell   string `json:"tell"`
	Look   string `json:"look"`
	Link   string `json:"link,omitempty"`
	Saw    string `json:"saw,omitempty"`
}

type shownTour struct {
	Steps   []shownStep `json:"steps"`
	Current int         `json:"current"`
	Note    string      `json:"note"`
	Over    bool        `json:"over"`
}

func (t *tour) shown() shownTour {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := shownTour{Steps: []shownStep{}, Current: t.current, Note: t.note, Over: t.over}
	look := ""
	for n, p := range t.steps {
		if p.look != "" {
			look = p.look
		}
		s.Steps = append(s.Steps, shownStep{p.name, t.states[n].status, p.tell, look, p.link, t.states[n].text})
	}
	return s
}
