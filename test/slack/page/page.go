// Package page is the workspace page of the Slack stand-in: channels, threads, cards, modals and the Home tab as a
// person sees and uses them. It is one static bundle that talks to the stand-in's control API on its own origin.
// The demo and the stand hand Handler to slack.Config.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"time"
)

//go:generate ./build.sh

//go:embed dist/index.html dist/page.js dist/page.css
var bundle embed.FS

// policy lets the page load only what is embedded here, pictures of cards, and the control API. Text that comes from
// a cluster is never markup; were it ever, this would keep it from running.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src data:; img-src 'self' data: https:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// files are what the handler serves: path to name in dist and content type.
var files = map[string]struct{ name, contentType string }{
	"/":         {"index.html", "text/html; charset=utf-8"},
	"/page.js":  {"page.js", "text/javascript; charset=utf-8"},
	"/page.css": {"page.css", "text/css; charset=utf-8"},
}

// Handler serves the page at "/" and its script and style beside it. Every other path is 404: the page keeps its
// place in the address's fragment.
func Handler() http.Handler {
	mux := http.NewServeMux()
	for path, file := range files {
		content, err := fs.ReadFile(bundle, "dist/"+file.name)
		if err != nil {
			panic("page: the bundle was compiled in without " + file.name) // a build without it does not pass the tests
		}
		if path == "/" {
			path = "/{$}"
		}
		mux.Handle("GET "+path, serve(file.name, file.contentType, content))
	}
	return mux
}

func serve(name, contentType string, content []byte) http.Handler {
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256(content))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache") // ask again, so that a rebuilt page is never half old
		h.Set("ETag", etag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}
