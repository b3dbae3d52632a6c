package report_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/report"
)

func mail(t testing.TB, d engine.Digest, notes ...string) string {
	t.Helper()
	text, err := report.Mail(d, notes)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestGoldenMail(t *testing.T) {
	golden(t, "mail.html", []byte(mail(t, week(), "The whole report is attached.")))
}

// TestMailIsShownByAnyReader: no style sheet, picture, script or chart, for those are what mail loses; and short, since what is longer
// than 100 kB is cut off.
func TestMailIsShownByAnyReader(t *testing.T) {
	elementsOf := []string{"html", "head", "meta", "title", "body", "table", "tbody", "tr", "td", "th", "p", "h1", "h2", "strong", "span", "bdi"}
	attributesOf := []string{"lang", "charset", "name", "content", "style", "role", "width", "cellpadding", "cellspacing", "valign", "align", "scope"}
	for name, d := range digests() {
		text := mail(t, d, `<b onclick="x">&`)
		if len(text) > 50_000 {
			t.Errorf("%s: the mail has %d bytes", name, len(text))
		}
		for _, n := range elements(parse(t, []byte(text)), "") {
			if !slices.Contains(elementsOf, n.Data) {
				t.Errorf("%s: an element %s", name, n.Data)
			}
			if k := slices.IndexFunc(n.Attr, func(a html.Attribute) bool { return !slices.Contains(attributesOf, a.Key) }); k >= 0 {
				t.Errorf("%s: %s has an attribute %s", name, n.Data, n.Attr[k].Key)
			}
		}
	}
}

// TestMailSaysWhatThePageSays: the headline is the same in both.
func TestMailSaysWhatThePageSays(t *testing.T) {
	for name, d := range digests() {
		page, text := words(parse(t, render(t, d))), words(parse(t, []byte(mail(t, d))))
		for _, m := range []engine.MicroUSD{d.Spend.Total, d.Funnel.Identified.Monthly, d.Open.Monthly} {
			if amount := strings.Replace(m.String(), "-", "−", 1); strings.Contains(page, amount) != strings.Contains(text, amount) {
				t.Errorf("%s: the mail does not have %s as the page does", name, amount)
			}
		}
		for _, i := range d.Insights {
			if strings.Contains(page, i.Text) && !strings.Contains(text, i.Text) {
				t.Errorf("%s: the mail does not say %q", name, i.Text)
			}
		}
	}
	d := few()
	d.Scope = engine.DigestScope{}
	d.Movers = []engine.Mover{{By: "cluster", Name: "prod", Now: 3}, {By: "team", Name: "shop", Now: 2 * engine.USD}}
	if text := words(parse(t, []byte(mail(t, d)))); strings.Contains(text, "prod") || !strings.Contains(text, "shop") {
		t.Errorf("of all it says who moved:\n%s", text)
	}
}
