package report_test

import (
	"bytes"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/report"
	"github.com/eks-autopilot/autopilot/test/year"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil { //nolint:gosec // as all that is in the repository
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s differs (-update writes it anew):\n%.4000s", name, diff)
	}
}

func TestGoldenPage(t *testing.T) { golden(t, "week.html", render(t, week())) }

func parse(t testing.TB, content []byte) *html.Node {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func elements(root *html.Node, name string) (all []*html.Node) {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && (name == "" || n.Data == name) {
			all = append(all, n)
		}
	}
	return all
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// TestSameDigestSameBytes draws each digest several times, side by side too.
func TestSameDigestSameBytes(t *testing.T) {
	for name, d := range digests() {
		first := render(t, d)
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				if !bytes.Equal(first, render(t, d)) {
					t.Errorf("%s: another page of the same digest", name)
				}
			})
		}
		group.Wait()
		if !reflect.DeepEqual(report.Tables(d), report.Tables(d)) {
			t.Errorf("%s: other tables of the same digest", name)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestWriterThatFails(t *testing.T) {
	if err := report.HTML(full{}, empty()); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("the error is %v", err)
	}
}

// TestPageStandsAlone holds that nothing of the page is elsewhere, that its policy lets nothing in, and what screen readers walk by.
func TestPageStandsAlone(t *testing.T) {
	for name, d := range digests() {
		root := parse(t, render(t, d))
		ids, last := map[string]bool{}, 0
		for _, n := range elements(root, "") {
			if id := attribute(n, "id"); id != "" && ids[id] {
				t.Errorf("%s: two elements are %q", name, id)
			} else if id != "" {
				ids[id] = true
			}
			if level, found := strings.CutPrefix(n.Data, "h"); found && len(level) == 1 {
				at, err := strconv.Atoi(level)
				if err == nil && at > last+1 {
					t.Errorf("%s: a heading of level %d follows one of %d", name, at, last)
				}
				last = at
			}
		}
		for _, n := range elements(root, "") {
			for _, a := range n.Attr {
				if to, inside := strings.CutPrefix(a.Val, "#"); a.Key == "href" && inside && !ids[to] {
					t.Errorf("%s: a link leads to %q, which is not there", name, to)
				}
				if a.Key == "aria-labelledby" {
					for id := range strings.FieldsSeq(a.Val) {
						if !ids[id] {
							t.Errorf("%s: nothing is %q, which is what a %s is called by", name, id, n.Data)
						}
					}
				}
			}
		}
		for _, of := range []string{"header", "nav", "main", "footer", "h1"} {
			if len(elements(root, of)) != 1 {
				t.Errorf("%s: %d times %s", name, len(elements(root, of)), of)
			}
		}
		for _, table := range elements(root, "table") {
			if len(elements(table, "caption")) != 1 || len(elements(table, "thead")) != 1 {
				t.Errorf("%s: table %s lacks a caption or a head", name, attribute(table, "id"))
			}
			for _, th := range elements(table, "th") {
				if attribute(th, "scope") == "" {
					t.Errorf("%s: a header of %s has no scope", name, attribute(table, "id"))
				}
			}
		}
		for _, figure := range elements(root, "figure") {
			for _, svg := range elements(figure, "svg") {
				if attribute(svg, "class") != "swatch" && (attribute(svg, "role") != "img" || len(elements(svg, "title")) != 1 || len(elements(svg, "desc")) != 1) {
					t.Errorf("%s: a chart of %s says nothing to who cannot see it", name, attribute(figure, "id"))
				}
			}
		}
		if !strings.Contains(string(render(t, d)), `content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
			t.Errorf("%s: no policy", name)
		}
	}
}

// TestWhatIsNotKnownIsNotZero reads the pages of which little or nothing is known.
func TestWhatIsNotKnownIsNotZero(t *testing.T) {
	page := words(elements(parse(t, render(t, empty())), "main")[0])
	for _, want := range []string{"There is no bill of these days yet.", "none measured", "Too few days are known", "No day of this time has a bill.", "No budget is configured."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of nothing does not say %q", want)
		}
	}
	if strings.Contains(page, "Spend$0.00") {
		t.Error("what is not known is shown as 0")
	}
	for _, f := range report.Tables(empty()) {
		if f.Name == "headline.csv" && !strings.Contains(f.Content, "\r\nspend,,USD\r\n") {
			t.Error("the table of nothing has a spend")
		}
	}
	page = words(parse(t, render(t, oneDay())))
	for _, want := range []string{"Estimated at list prices", "6 days have no bill yet", "Missing: 28 December and 29 December", "One day is known", "Nothing to compare with in week 52", "Week 53 of 2026"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of one day does not say %q", want)
		}
	}
}

// TestLinks holds that only plain web addresses are links.
func TestLinks(t *testing.T) {
	seen := map[string]int{}
	for _, a := range elements(parse(t, render(t, crowd())), "a") {
		if href := attribute(a, "href"); !strings.HasPrefix(href, "#") {
			seen[href]++
		}
	}
	want := []string{"https://evil.example/%22%3E%3Cscript%3E", "https://github.com/a/b/pull/1"}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("the links lead to %q, want %q", got, want)
	}
}

// TestLinksWithinThePage: each leads to one place, and each change to who approved it.
func TestLinksWithinThePage(t *testing.T) {
	for name, d := range digests() {
		root, ids := parse(t, render(t, d)), map[string]int{}
		for _, n := range elements(root, "") {
			if id := attribute(n, "id"); id != "" {
				ids[id]++
			}
		}
		jumps := 0
		for _, a := range elements(root, "a") {
			to, within := strings.CutPrefix(attribute(a, "href"), "#")
			if !within {
				continue
			}
			if ids[to] != 1 {
				t.Errorf("%s: %d places are %q", name, ids[to], to)
			}
			if strings.HasPrefix(to, "decision-") {
				jumps++
			}
		}
		for id, n := range ids {
			if n > 1 {
				t.Errorf("%s: %d places are %q", name, n, id)
			}
		}
		if len(d.Decisions) > 0 && jumps == 0 {
			t.Errorf("%s: no change says who approved it", name)
		}
	}
}

func table(t *testing.T, d engine.Digest, id string) string {
	t.Helper()
	for _, n := range elements(parse(t, render(t, d)), "table") {
		if attribute(n, "id") == id {
			return words(n)
		}
	}
	return ""
}

// TestWhatMayStandTwiceIsSaid: capacity that was freed and then let a node go is in two sums.
func TestWhatMayStandTwiceIsSaid(t *testing.T) {
	const said = "of the freed capacity let nodes go"
	d := week()
	for _, d.Ledger.Twice = range []engine.MicroUSD{0, 12_300_000} {
		page := string(render(t, d))
		if strings.Contains(page, "Up to $12.30 "+said) != (d.Ledger.Twice > 0) || strings.Contains(page, said) != (d.Ledger.Twice > 0) {
			t.Errorf("of %s that may stand twice the page says otherwise", d.Ledger.Twice)
		}
	}
}

// TestMoversAreOfOneKind: what comes to the whole is not beside clusters, which are the same dollars once more.
func TestMoversAreOfOneKind(t *testing.T) {
	d := few()
	d.Spend.SameDays = 7
	d.Movers = []engine.Mover{
		{By: "cluster", Name: "prod", Before: 5 * engine.USD, Now: 9 * engine.USD},
		{By: "team", Name: "shop", Before: 2 * engine.USD, Now: 5 * engine.USD},
		{By: "kind", Name: "workload", Before: engine.USD, Now: 2 * engine.USD},
	}
	for _, c := range []struct {
		of           engine.DigestScope
		teams, where string
	}{
		{engine.DigestScope{}, "shopteam$2.00$5.00+$3.00+150 % No known team$1.00$2.00+$1.00+100 %", "prod$5.00$9.00+$4.00+80 %"},
		{engine.DigestScope{Team: "shop"}, "", "prod$5.00$9.00+$4.00+80 %"},
		{engine.DigestScope{Cluster: "prod"}, "shopteam$2.00$5.00+$3.00+150 % No known team$1.00$2.00+$1.00+100 %", ""},
	} {
		d.Scope = c.of
		for id, want := range map[string]string{"movers-table": c.teams, "movers-clusters": c.where} {
			_, got, _ := strings.Cut(strings.Join(strings.Fields(table(t, d, id)), " "), "Change ")
			if got != want {
				t.Errorf("%+v: %s is %q, want %q", c.of, id, got, want)
			}
		}
	}
}

var amount = regexp.MustCompile(`^([+−-]?)\$([0-9,]+)\.([0-9]{2})`)

// centsOf reads an amount at the beginning of a cell.
func centsOf(s string) (int64, bool) {
	m := amount.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(m[2], ",", "")+m[3], 10, 64)
	if m[1] != "" && m[1] != "+" {
		n = -n
	}
	return n, err == nil
}

// checkSums adds up each column of each table that has a sum, to the cent.
func checkSums(t interface{ Errorf(string, ...any) }, root *html.Node) (checked int) {
	for _, table := range elements(root, "table") {
		foot := elements(table, "tfoot")
		id := attribute(table, "id")
		if len(foot) == 0 {
			continue
		}
		for k, cell := range elements(foot[0], "td") {
			want, ok := centsOf(words(cell))
			if !ok {
				continue
			}
			var sum, last int64
			for _, row := range elements(elements(table, "tbody")[0], "tr") {
				n, ok := centsOf(words(elements(row, "td")[k]))
				if !ok && id != "own-table" {
					t.Errorf("%s has %q among its amounts", id, words(elements(row, "td")[k]))
				}
				sum, last = sum+n, n
			}
			if checked++; id == "waterfall-table" {
				sum = last // its column is what it had come to
			}
			if sum != want {
				t.Errorf("column %d of %s comes to %d cents, and says %d", k+1, id, sum, want)
			}
		}
	}
	return checked
}

func TestTablesAddUp(t *testing.T) {
	for name, d := range digests() {
		if n := checkSums(t, parse(t, render(t, d))); n < 10 && name != "empty" && name != "one day" {
			t.Errorf("%s: only %d columns have a sum", name, n)
		}
	}
}

// TestAnyTimeAddsUp draws weeks and months of three years, of which the second has more teams than a table shows at once.
func TestAnyTimeAddsUp(t *testing.T) {
	for seed, teams := range []int{1, 30, 8} {
		y := year.New(year.Options{Seed: uint64(seed), Teams: teams, Chains: 9}) //nolint:gosec // small
		for at := year.From.AddDate(0, 0, 3*seed); at.Before(year.To); at = at.AddDate(0, 0, 80) {
			for _, kind := range []engine.PeriodKind{engine.Weekly, engine.Monthly} {
				p := engine.PeriodOf(kind, at)
				if checkSums(t, parse(t, render(t, y.Digest(p, engine.DigestScope{})))); t.Failed() {
					t.Fatalf("in %s of year %d", p, seed)
				}
			}
		}
	}
}

// allowed is every element and attribute that a page may have.
var allowed = map[string][]string{
	"html": {"lang"}, "head": nil, "meta": {"charset", "http-equiv", "content", "name"}, "title": {"id"}, "style": nil, "body": nil, "a": {"class", "href", "rel"}, "header": nil,
	"p": {"class"}, "h1": nil, "h2": {"id", "class"}, "h3": nil, "ul": {"class"}, "ol": {"class"}, "li": {"class"}, "strong": {"class"}, "nav": {"aria-label"}, "main": {"id"},
	"section": {"id", "aria-labelledby"}, "dl": {"class"}, "div": {"class"}, "dt": nil, "dd": {"class"}, "span": {"class"}, "bdi": nil, "details": nil, "summary": nil, "figure": {"id"},
	"figcaption": nil, "svg": {"class", "viewBox", "role", "aria-labelledby", "aria-hidden"}, "desc": {"id"}, "path": {"class", "d"}, "circle": {"class", "cx", "cy", "r"},
	"text": {"class", "x", "y", "text-anchor"}, "table": {"id", "class", "role"}, "caption": {"id"}, "thead": {"role"}, "tbody": {"role"}, "tfoot": {"role"}, "tr": {"role"},
	"th": {"scope", "class", "role", "id"}, "td": {"class", "role", "data-of"}, "footer": {"id"}, "code": nil,
}

// checkInert holds that a page has nothing but what pages have.
func checkInert(t interface{ Errorf(string, ...any) }, content []byte) {
	if !utf8.Valid(content) || bytes.ContainsAny(content, "\x00\u202e\u2066") {
		t.Errorf("the page has characters that no page should have")
	}
	root, err := html.Parse(bytes.NewReader(content))
	if err != nil {
		t.Errorf("the page is no HTML: %v", err)
		return
	}
	for _, n := range elements(root, "") {
		attributes, known := allowed[n.Data]
		if !known {
			t.Errorf("the page has an element %q", n.Data)
		}
		for _, a := range n.Attr {
			if !slices.Contains(attributes, a.Key) {
				t.Errorf("%s has an attribute %q", n.Data, a.Key)
			}
			if a.Key == "href" && !strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "https://") && !strings.HasPrefix(a.Val, "http://") {
				t.Errorf("a link leads to %q", a.Val)
			}
		}
	}
	if n := len(elements(root, "style")); n != 1 {
		t.Errorf("the page has %d style sheets", n)
	}
}

func TestNamesAreInert(t *testing.T) {
	for _, d := range digests() {
		checkInert(t, render(t, d))
	}
}

// fill puts a text into every string that a value has.
func fill(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Struct:
		for k := range v.NumField() {
			if f := v.Field(k); f.CanSet() && v.Type().Field(k).Name != "By" {
				fill(f, s)
			}
		}
	case reflect.Slice:
		for k := range v.Len() {
			fill(v.Index(k), s)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem(), s)
		}
	default:
	}
}

// firsts are the first two, of which a test may change what it likes.
func firsts[T any](all []T) []T { return slices.Clone(all[:min(2, len(all))]) }

func FuzzHTML(f *testing.F) {
	for _, s := range []string{wild, "", "</style><script>alert(1)</script>", `" onload="x`, "'><svg onload=x>", "\xff", "]]>", "<!--", "&#0;", "javascript:x", "https://x.example/", strings.Repeat("W", 5000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := week()
		d.Trend, d.Waterfall, d.Movers, d.Breakdowns = firsts(d.Trend), firsts(d.Waterfall), firsts(d.Movers), firsts(d.Breakdowns)
		for k := range d.Breakdowns {
			d.Breakdowns[k].Lines = firsts(d.Breakdowns[k].Lines)
		}
		d.Budgets, d.Units, d.Open.Top, d.Open.ByKind = firsts(d.Budgets), firsts(d.Units), firsts(d.Open.Top), firsts(d.Open.ByKind)
		d.Ledger.Lines, d.Ledger.Shares, d.ByType, d.ByCluster = firsts(d.Ledger.Lines), firsts(d.Ledger.Shares), firsts(d.ByType), firsts(d.ByCluster)
		d.Incidents.Top, d.Incidents.BySeverity, d.Insights = firsts(d.Incidents.Top), firsts(d.Incidents.BySeverity), firsts(d.Insights)
		d.Corrections, d.Bills.Payers, d.Missing = []engine.Correction{{}}, firsts(d.Bills.Payers), []engine.Gap{{}}
		card := *d.Trust
		card.Lines, card.Misses, card.Reliable, card.Before = firsts(card.Lines), firsts(card.Misses), firsts(card.Reliable), nil
		d.Trust = &card
		d.Audit, d.Forecast, d.Ledger.Calibration = &engine.Anchor{}, nil, firsts(d.Ledger.Calibration)
		fill(reflect.ValueOf(&d).Elem(), s)
		checkInert(t, render(t, d))
		checkTables(t, report.Tables(d))
	})
}
