package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"github.com/eks-autopilot/autopilot/engine"
)

//go:embed page
var pageFiles embed.FS

var (
	pageTemplate = template.Must(template.New("page").ParseFS(pageFiles, "page/*.html"))
	pageStyle    = mustRead("page/style.css")
	// The page's policy lets in this very style sheet and nothing else: no script, no picture, no font, no request, no form.
	pagePolicy = fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", sha(pageStyle))
)

func mustRead(path string) string {
	data, err := pageFiles.ReadFile(path)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(data)
}

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// page is what the templates show, a field a section.
type page struct {
	Style  template.CSS
	Policy string
	Title  string

	Head        head
	Insights    []insight
	Funnel      funnel
	Trend       trend
	Allocation  section
	Waterfall   section
	Breakdowns  []section
	Movers      section
	Budgets     section
	Units       section
	Open        section
	Ledger      section
	Incidents   incidents
	Trust       trust
	Own         section
	Corrections section
	Data        data
}

// section is a part of the page: a chart, and tables with the same numbers. Empty says what is not there, and why.
type section struct {
	ID, Title string
	Lead      []string
	Empty     string
	Figure    *figure
	Tables    []*table
}

// HTML writes the page of a digest: one file with all that it needs. It fails when w does; a chart that cannot be drawn is Internal.
func HTML(w io.Writer, d engine.Digest) error {
	p, err := newPage(d)
	if err != nil {
		return engine.Wrap(engine.Internal, err, "the report's charts cannot be drawn")
	}
	var b bytes.Buffer // so that what fails is not half written
	if err := pageTemplate.ExecuteTemplate(&b, "page.html", p); err != nil {
		return engine.Wrap(engine.Internal, err, "the report's page cannot be made")
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func newPage(d engine.Digest) (page, error) {
	p := page{
		Style: template.CSS(pageStyle), Policy: pagePolicy, //nolint:gosec // our own file
		Head: newHead(d), Insights: newInsights(d), Movers: newMovers(d), Budgets: newBudgets(d), Units: newUnits(d),
		Open: newOpen(d), Own: newOwn(d), Corrections: newCorrections(d), Data: newData(d), Incidents: newIncidents(d),
	}
	p.Title = p.Head.Kind + ", " + p.Head.Period + ": " + p.Head.Scope
	var err error
	for _, part := range []func() error{
		func() error { p.Funnel, err = newFunnel(d); return err },
		func() error { p.Trend, err = newTrend(d); return err },
		func() error { p.Allocation, err = newAllocation(d); return err },
		func() error { p.Waterfall, err = newWaterfall(d); return err },
		func() error { p.Breakdowns, err = newBreakdowns(d); return err },
		func() error { p.Ledger, err = newLedger(d); return err },
		func() error { p.Trust, err = newTrust(d); return err },
	} {
		if err := part(); err != nil {
			return page{}, err
		}
	}
	return p, nil
}
