package github

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const docs = "https://docs.github.com/"

// route is one endpoint, and what it asks for.
type route struct {
	pattern string
	need    string // permission and level: "contents:write"; "" for none, "app" for an app's own token, "person" for a user's
	doc     string // of the reference, below docs
	do      func(*call) (reply, error)
	content bool // it makes content, which has a limit of its own
}

// call is one request to REST.
type call struct {
	s    *Server
	r    *http.Request
	w    http.ResponseWriter
	at   route
	path string // without /api/v3
	base string // of addresses in answers, without a slash at its end
	id   string
	body []byte
	who  actor
	repo *repo // of the path
}

// obj is a JSON object.
type obj = map[string]any

// reply is what a call gave.
type reply struct {
	status int
	value  any    // JSON, unless raw is there
	raw    []byte // as it is
	kind   string // of raw
}

func ok(v any) (reply, error)      { return reply{status: http.StatusOK, value: v}, nil }
func created(v any) (reply, error) { return reply{status: http.StatusCreated, value: v}, nil }
func nothing() (reply, error)      { return reply{status: http.StatusNoContent}, nil }

// refusal is an error as GitHub words it.
type refusal struct {
	status  int
	message string
	doc     string // below docs; the route's own when ""
	errors  any
	header  http.Header
}

// Error is its message.
func (r *refusal) Error() string { return r.message }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, message: fmt.Sprintf(format, args...)}
}

func notFound() error { return refuse(http.StatusNotFound, "Not Found") }

// invalid is GitHub's 422 with its list of errors.
func invalid(errs ...obj) error {
	return &refusal{status: http.StatusUnprocessableEntity, message: "Validation Failed", errors: errs}
}

func unprocessable(format string, args ...any) error {
	return refuse(http.StatusUnprocessableEntity, format, args...)
}

const maxBody = 100 << 20

// serveAPI gives a request to its route, or 404 as GitHub says it.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for _, at := range s.api {
		if at.matches(r, parts) {
			s.serve(w, r, at)
			return
		}
	}
	s.serve(w, r, route{doc: "rest", do: func(*call) (reply, error) { return reply{}, notFound() }})
}

// matches tells whether a request is for the route, and hands over the parts of its path: {x} is one, {x...} is all that follow,
// {id} and {number} are numbers. net/http's patterns cannot tell issues/comments/7 from issues/7/comments.
func (at route) matches(r *http.Request, parts []string) bool {
	method, pattern, _ := strings.Cut(at.pattern, " ")
	if method != r.Method {
		return false
	}
	wanted := strings.Split(strings.Trim(pattern, "/"), "/")
	for n, want := range wanted {
		name, isPart := strings.CutPrefix(strings.TrimSuffix(want, "}"), "{")
		name, rest := strings.CutSuffix(name, "...")
		switch {
		case n >= len(parts):
			return rest && n > 0 && set(r, name, "")
		case rest:
			return set(r, name, strings.Join(parts[n:], "/"))
		case !isPart && parts[n] != want, isPart && !set(r, name, parts[n]):
			return false
		}
	}
	return len(wanted) == len(parts)
}

// set hands over one part of a path; a number must be one.
func set(r *http.Request, name, part string) bool {
	value, err := url.PathUnescape(part)
	r.SetPathValue(name, value)
	return err == nil && (name != "id" && name != "number" || value != "" && strings.Trim(value, "0123456789") == "")
}

// serve answers a call.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, at route) {
	c := &call{s: s, r: r, w: w, at: at, path: r.URL.Path}
	c.base = "http://" + r.Host
	if strings.HasPrefix(r.RequestURI, "/api/v3/") {
		c.base += "/api/v3"
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the caller has gone away
	}
	c.body = body
	fault := s.strike(c)
	if fault != nil && !fault.before(c) {
		return
	}
	s.mu.Lock()
	out := c.word(c.run())
	s.mu.Unlock()
	if fault != nil && fault.Kind == DropAfter {
		c.note(0)
		panic(http.ErrAbortHandler)
	}
	c.answer(out)
}

// run checks what GitHub checks of every call, and does it. s.mu is held.
func (c *call) run() (reply, error) {
	c.id = fmt.Sprintf("%04X:%06X:%08X", 0xA11, 0x5E7, c.s.next())
	if c.r.UserAgent() == "" {
		return reply{raw: []byte("Request forbidden by administrative rules. Please make sure your request has a User-Agent header.\n"), kind: "text/html", status: http.StatusForbidden}, nil
	}
	if err := c.identify(); err != nil {
		return reply{}, err
	}
	if err := c.spend(); err != nil {
		return reply{}, err
	}
	if err := c.admit(); err != nil {
		return reply{}, err
	}
	return c.at.do(c)
}

// word puts what came of a call into bytes, errors as GitHub words them.
func (c *call) word(out reply, err error) reply {
	if no, ok := errors.AsType[*refusal](err); ok {
		maps.Copy(c.w.Header(), no.header)
		body := obj{"message": no.message, "documentation_url": c.documentation(no), "status": strconv.Itoa(no.status)}
		if no.errors != nil {
			body["errors"] = no.errors
		}
		out = reply{status: no.status, value: body}
	} else if err != nil {
		out = reply{status: http.StatusInternalServerError, value: obj{"message": "Server Error: " + err.Error()}}
	}
	if out.raw != nil || out.status == http.StatusNoContent {
		return out
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out.value); err != nil {
		panic("github stand-in: " + err.Error()) // what is encoded is ours
	}
	return reply{status: out.status, raw: buf.Bytes(), kind: "application/json; charset=utf-8"}
}

// answer writes an answer, and notes it in the journal.
func (c *call) answer(out reply) {
	data, kind := out.raw, out.kind
	h := c.w.Header()
	h.Set("X-Github-Request-Id", c.id)
	h.Set("X-Github-Media-Type", "github.v3; format=json")
	h.Set("Server", "github.com")
	h.Set("Date", c.s.cfg.Now().UTC().Format(http.TimeFormat))
	if out.status == http.StatusOK && c.r.Method == http.MethodGet {
		sum := sha256.Sum256(data)
		etag := `"` + hex.EncodeToString(sum[:]) + `"`
		h.Set("Etag", etag)
		h.Set("Cache-Control", "private, max-age=60, s-maxage=60")
		if same(c.r.Header.Get("If-None-Match"), etag) {
			c.s.refund(c)
			c.limits()
			c.note(http.StatusNotModified)
			c.w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	c.limits()
	c.note(out.status)
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	c.w.WriteHeader(out.status)
	_, _ = c.w.Write(data) // a caller that has gone away cannot be told so
}

func same(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == etag || tag == "*" {
			return true
		}
	}
	return false
}

func (c *call) documentation(no *refusal) string {
	if no.doc != "" {
		return docs + no.doc
	}
	return docs + c.at.doc
}

// read decodes the body into v; it refuses what is no JSON as GitHub does.
func (c *call) read(v any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return unprocessable("Invalid request.\n\nFor '%s', %s is not the type that is asked for.", wrong.Field, wrong.Value)
		}
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	return nil
}

// accepts tells whether the caller asks for a media type such as "raw" or "diff".
func (c *call) accepts(what string) bool {
	for kind := range strings.SplitSeq(c.r.Header.Get("Accept"), ",") {
		kind, _, _ = strings.Cut(strings.TrimSpace(kind), ";")
		kind = strings.TrimSuffix(strings.TrimSuffix(kind, "+json"), ".json")
		if strings.HasPrefix(kind, "application/vnd.github.") && strings.HasSuffix(kind, "."+what) {
			return true
		}
	}
	return false
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }
func (c *call) part(name string) string  { return c.r.PathValue(name) }

// number reads a number of the path; what is none is not found.
func (c *call) number(name string) (int64, error) {
	n, err := strconv.ParseInt(c.part(name), 10, 64)
	if err != nil {
		return 0, notFound()
	}
	return n, nil
}

const perPage, maxPerPage = 30, 100

// page cuts one page of items and sets the Link header.
func page[T any](c *call, items []T) []T {
	read := func(name string, or, most int) int {
		n, err := strconv.Atoi(c.query(name))
		if err != nil || n < 1 {
			return or
		}
		return min(n, most)
	}
	size := read("per_page", perPage, maxPerPage)
	at := read("page", 1, 1<<30)
	last := max(1, (len(items)+size-1)/size)
	var links []string
	link := func(rel string, n int) {
		q := c.r.URL.Query()
		q.Set("page", strconv.Itoa(n))
		links = append(links, fmt.Sprintf(`<%s%s?%s>; rel="%s"`, c.base, c.r.URL.EscapedPath(), q.Encode(), rel))
	}
	if at > 1 {
		link("prev", min(at-1, last))
	}
	if at < last {
		link("next", at+1)
		link("last", last)
	}
	if at > 1 {
		link("first", 1)
	}
	if len(links) > 0 {
		c.w.Header().Set("Link", strings.Join(links, ", "))
	}
	from := min((at-1)*size, len(items))
	return items[from:min(from+size, len(items))]
}

// stamp is a time as GitHub writes it, null for none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// orNull is null for "".
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// each makes a list of what f makes of each item, and never null.
func each[T any](items []T, f func(T) obj) []obj {
	out := make([]obj, 0, len(items))
	for _, i := range items {
		out = append(out, f(i))
	}
	return out
}

func escapePath(p string) string { return (&url.URL{Path: p}).EscapedPath() }

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
