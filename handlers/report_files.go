package handlers

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/report"
)

// Files makes the files that go with a digest: its page and, where there is a printer, the page as a PDF. What could not be made is said
// in sentences for people, and is no error.
func (r *Reports) Files(ctx context.Context, d engine.Digest) (files []engine.File, without []string, err error) {
	page, err := Page(d)
	if err != nil {
		return nil, nil, err
	}
	files = append(files, page)
	if r.Print == nil {
		return files, []string{"There is no PDF: no Chromium is configured."}, nil
	}
	pdf, err := r.Print(ctx, []byte(page.Content))
	if err != nil {
		return files, []string{"There is no PDF: " + engine.UserMessage(err, d.Period.String()) + "."}, nil
	}
	return append(files, engine.File{Name: reportName(d) + ".pdf", Title: page.Title, Content: string(pdf)}), nil, nil
}

// Page is a digest as an HTML file.
func Page(d engine.Digest) (engine.File, error) {
	var page strings.Builder
	if err := report.HTML(&page, d); err != nil {
		return engine.File{}, err
	}
	return engine.File{Name: reportName(d) + ".html", Title: reportTitle(d), Content: page.String()}, nil
}

// Tables are those of a digest as CSV files.
func Tables(d engine.Digest) []engine.File {
	tables := report.Tables(d)
	for k := range tables {
		tables[k].Name = reportName(d) + "-" + tables[k].Name
	}
	return tables
}

// archive puts files into one, the same for the same ones.
func archive(name string, files []engine.File) (engine.File, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.Name)
		if err == nil {
			_, err = io.WriteString(w, f.Content)
		}
		if err != nil {
			return engine.File{}, engine.Wrap(engine.Internal, err, "the tables cannot be put into one file")
		}
	}
	if err := z.Close(); err != nil {
		return engine.File{}, engine.Wrap(engine.Internal, err, "the tables cannot be put into one file")
	}
	return engine.File{Name: name, Title: "Tables", Content: b.String()}, nil
}

// reportName is how the files of a digest begin: "autopilot-2026-W47-payments".
func reportName(d engine.Digest) string {
	words := []string{"autopilot", d.Period.String()}
	for _, part := range []string{d.Scope.Team, d.Scope.Cluster} {
		if part != "" {
			words = append(words, fileWord(part))
		}
	}
	return strings.Join(words, "-")
}

// fileWord makes a name one that any file system, any key of S3 and any header of a mail can hold.
func fileWord(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, cut(s, 60))
}

func reportTitle(d engine.Digest) string {
	title := "Week " + d.Period.String()
	if d.Period.Kind == engine.Monthly {
		title = d.Period.From.Format("January 2006")
	}
	return title + scopeWords(d.Scope)
}

// scopeWords says whose digest it is: ", team payments, cluster prod".
func scopeWords(s engine.DigestScope) string {
	words := ""
	if s.Team != "" {
		words += ", team " + s.Team
	}
	if s.Cluster != "" {
		words += ", cluster " + s.Cluster
	}
	return words
}
