package loki

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// server answers query_range as the documentation of Loki 3 says, with its errors in its own words.
type server struct {
	t       *testing.T
	url     string
	entries []entry
	tenant  string // wanted in X-Scope-OrgID; "" wants none
	auth    string // wanted in Authorization
	most    int    // max_entries_limit_per_query

	mu    sync.Mutex
	asked []string // selectors
}

type entry struct {
	labels map[string]string
	at     time.Time
	line   string
}

func serve(t *testing.T) *server {
	s := &server{t: t, most: 5000}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

// log adds lines of one container, a second apart, the last of them at a time.
func (s *server) log(pod, container string, last time.Time, lines ...string) {
	for n, line := range lines {
		s.entries = append(s.entries, entry{
			map[string]string{"namespace": "pay", "pod": pod, "container": container}, last.Add(time.Duration(n+1-len(lines)) * time.Second), line,
		})
	}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/loki/api/v1/query_range" {
		http.NotFound(w, r)
		return
	}
	if r.Header.Get("X-Scope-OrgID") != s.tenant || r.Header.Get("Authorization") != s.auth {
		http.Error(w, "no org id", http.StatusUnauthorized)
		return
	}
	q := r.URL.Query()
	s.mu.Lock()
	s.asked = append(s.asked, q.Get("query"))
	s.mu.Unlock()
	matches, err := parse(q.Get("query"))
	if err != nil {
		http.Error(w, "parse error at line 1, col 2: "+err.Error(), http.StatusBadRequest)
		return
	}
	limit, from, to := s.number(q.Get("limit")), s.number(q.Get("start")), s.number(q.Get("end"))
	if int(limit) > s.most {
		http.Error(w, fmt.Sprintf("max entries limit per query exceeded, limit > max_entries_limit_per_query (%d > %d)", limit, s.most), http.StatusBadRequest)
		return
	}
	if q.Get("direction") != "backward" {
		s.t.Errorf("direction is %q", q.Get("direction"))
	}
	var found []entry
	for _, e := range s.entries {
		if at := e.at.UnixNano(); at >= from && at < to && matches(e.labels) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b entry) int { return b.at.Compare(a.at) })
	found = found[:min(len(found), int(limit))]
	type result struct {
		Stream map[string]string `json:"stream"`
		Values [][2]string       `json:"values"`
	}
	byStream, order := map[string]*result{}, []string{}
	for _, e := range found {
		key := fmt.Sprint(e.labels)
		if byStream[key] == nil {
			byStream[key], order = &result{Stream: e.labels}, append(order, key)
		}
		byStream[key].Values = append(byStream[key].Values, [2]string{strconv.FormatInt(e.at.UnixNano(), 10), e.line})
	}
	results := []*result{}
	for _, key := range order {
		results = append(results, byStream[key])
	}
	err = json.NewEncoder(w).Encode(map[string]any{
		"status": "success", "data": map[string]any{"resultType": "streams", "result": results, "stats": map[string]any{}},
	})
	if err != nil {
		s.t.Error(err)
	}
}

func (s *server) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Errorf("%q is not a number", text)
	}
	return n
}

var matcher = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)(=~|=)`)

// parse reads a selector of = and =~ as Loki does: names, operators and quoted strings, at least one of which matches no empty value.
func parse(selector string) (func(map[string]string) bool, error) {
	rest, ok := strings.CutPrefix(selector, "{")
	if !ok {
		return nil, fmt.Errorf("syntax error: unexpected %q, expecting {", selector[:min(len(selector), 1)])
	}
	type match struct {
		name, value string
		re          *regexp.Regexp
	}
	var all []match
	selective := false
	for {
		m := matcher.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("syntax error: no matcher in %q", rest)
		}
		quoted, err := strconv.QuotedPrefix(rest[len(m[0]):])
		if err != nil {
			return nil, fmt.Errorf("syntax error: no string in %q", rest)
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		one := match{name: m[1], value: value}
		if m[2] == "=~" {
			if one.re, err = regexp.Compile("^(?:" + value + ")$"); err != nil {
				return nil, err
			}
		}
		selective = selective || (one.re == nil && value != "") || (one.re != nil && !one.re.MatchString(""))
		all = append(all, one)
		rest = rest[len(m[0])+len(quoted):]
		if rest == "}" {
			break
		}
		if rest, ok = strings.CutPrefix(rest, ", "); !ok {
			return nil, fmt.Errorf("syntax error: unexpected %q", rest)
		}
	}
	if !selective {
		return nil, fmt.Errorf("queries require at least one regexp or equality matcher that does not have an empty-compatible value")
	}
	return func(labels map[string]string) bool {
		for _, m := range all {
			if m.re == nil && labels[m.name] != m.value || m.re != nil && !m.re.MatchString(labels[m.name]) {
				return false
			}
		}
		return true
	}, nil
}

func FuzzSelector(f *testing.F) {
	f.Add("pay", "api-1", "app")
	f.Add(`"} |= "x`, "`", "\\")
	f.Add("a\nb", "\xff\x00", "é{}")
	f.Fuzz(func(t *testing.T, namespace, pod, extra string) {
		l := &Loki{cfg: Config{Match: map[string]string{"cluster": extra}, Labels: Labels{"namespace", "pod", "container"}}}
		named := wanted(incident("Pod", cmp.Or(pod, "x")))
		selector := l.selector(map[string]string{"namespace": namespace}, map[string]string{"pod": named[len(named)-1].pods})
		matches, err := parse(selector)
		if err != nil {
			t.Fatalf("%s: %v", selector, err)
		}
		valid := func(s string) string { return strings.ToValidUTF8(s, "�") }
		labels := map[string]string{"cluster": valid(extra), "namespace": valid(namespace), "pod": valid(cmp.Or(pod, "x"))}
		if !matches(labels) {
			t.Errorf("%s does not match %q", selector, labels)
		}
		for name := range labels {
			other := maps.Clone(labels)
			other[name] += "x"
			if matches(other) {
				t.Errorf("%s matches %q", selector, other)
			}
		}
	})
}
