package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v2"

	"github.com/eks-autopilot/autopilot/engine/change"
)

// edits changes every value of every YAML and HCL file below a folder, one at a time, and looks at what else changed. YAML is
// decoded before and after by another parser than the editor's own, as a witness.
func edits(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench edits", flag.ContinueOnError)
	corpus := f.String("corpus", filepath.Join("test", "corpus"), "folder with YAML and HCL files")
	every := f.Bool("every", false, "print each refusal with its file")
	if err := parse(f, args); err != nil {
		return err
	}
	tallies := map[string]*editTally{}
	for _, l := range editLanguages {
		tallies[l.name] = &editTally{refused: map[string]int{}}
	}
	err := filepath.WalkDir(*corpus, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		for _, l := range editLanguages {
			if !slices.Contains(l.suffixes, filepath.Ext(p)) {
				continue
			}
			src, err := os.ReadFile(p) //nolint:gosec // the corpus that the person named
			if err != nil {
				return err
			}
			t := tallies[l.name]
			t.files++
			before := maps.Clone(t.refused)
			l.edit(t, p, src)
			for why, n := range t.refused {
				if *every && n > before[why] {
					_, _ = fmt.Fprintf(out, "%s: %s (%d)\n", p, why, n-before[why])
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return printEdits(out, *corpus, tallies)
}

// editTally is what came of the files of one language.
type editTally struct {
	files, whole  int // whole: refused as a file
	edits         int
	outside       int // bytes changed outside of the value
	wrong         int // edits after which the other parser saw another difference than the one wanted
	unwitnessed   int // edits in files that the other parser does not read
	insideTargets int // bytes of the values before
	refused       map[string]int
	took          time.Duration
	problems      []string // the first few
}

func (t *editTally) problem(format string, args ...any) {
	if len(t.problems) < 20 {
		t.problems = append(t.problems, fmt.Sprintf(format, args...))
	}
}

var editLanguages = []struct {
	name     string
	suffixes []string
	edit     func(t *editTally, path string, src []byte)
}{
	{"YAML", []string{".yaml", ".yml"}, editYAML},
	{"HCL", []string{".tf", ".hcl", ".tfvars"}, editHCL},
}

// editYAML changes each value of a YAML file.
func editYAML(t *editTally, path string, src []byte) {
	all, err := change.ScalarsYAML(src)
	if err != nil {
		t.whole++
		t.refused[whyNoYAML(src)]++
		return
	}
	before, witnessed := decodeYAML(src)
	for _, s := range all {
		if s.Refused != "" {
			t.refused[s.Refused]++
			continue
		}
		value := another(s.Value)
		after, ok := t.try(path, src, s.Start, s.End, func() ([]byte, error) { return change.SetYAML(src, s, value) })
		if !ok {
			continue
		}
		if !witnessed {
			t.unwitnessed++
			continue
		}
		got, ok := decodeYAML(after)
		if n := differences(before, got); !ok || n != 1 {
			t.wrong++
			t.problem("%s: %s: the other parser sees %d differences", path, s.Path, n)
		}
	}
}

// editHCL changes each value of an HCL file.
func editHCL(t *editTally, path string, src []byte) {
	all, err := change.ScalarsHCL(src)
	if err != nil {
		t.whole++
		t.refused["the file is no HCL"]++
		return
	}
	for _, s := range all {
		if s.Refused != "" {
			t.refused[s.Refused]++
			continue
		}
		t.try(path, src, s.Start, s.End, func() ([]byte, error) { return change.SetHCL(src, s, another(s.Value)) })
		t.unwitnessed++
	}
}

// try makes one edit, and counts the bytes outside of [start, end) that are not what they were.
func (t *editTally) try(path string, src []byte, start, end int, edit func() ([]byte, error)) (after []byte, ok bool) {
	from := time.Now()
	after, err := edit()
	t.took += time.Since(from)
	if err != nil {
		t.refused[err.Error()]++
		return nil, false
	}
	t.edits++
	t.insideTargets += end - start
	if n := outside(src, after, start, end); n > 0 {
		t.outside += n
		t.problem("%s: %d bytes changed outside of %d-%d", path, n, start, end)
	}
	return after, true
}

// outside counts the bytes before start, and those from end on, that changed. What was put between them may be of any length.
func outside(before, after []byte, start, end int) int {
	changed := 0
	for i := range start {
		if i >= len(after) || before[i] != after[i] {
			changed++
		}
	}
	for i := 1; i <= len(before)-end; i++ {
		if i > len(after) || before[len(before)-i] != after[len(after)-i] {
			changed++
		}
	}
	return changed
}

// another gives another value of the same sort.
func another(value string) string {
	switch value {
	case "true":
		return "false"
	case "false":
		return "true"
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		return strconv.FormatInt(n+7, 10)
	}
	if x, err := strconv.ParseFloat(value, 64); err == nil {
		return strconv.FormatFloat(x+0.5, 'f', -1, 64)
	}
	return strings.TrimSpace(value) + "-2"
}

// decodeYAML reads all documents of a file with the second parser. ok is false where that one does not.
func decodeYAML(src []byte) (docs []any, ok bool) {
	d := yaml.NewDecoder(bytes.NewReader(src))
	for {
		var doc any
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return docs, true
		case err != nil:
			return nil, false
		}
		docs = append(docs, doc)
	}
}

// differences counts the leaves in which two decoded values differ.
func differences(a, b any) int {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return 1000
		}
		n := 0
		for i := range a {
			n += differences(a[i], b[i])
		}
		return n
	case map[any]any:
		b, ok := b.(map[any]any)
		if !ok || len(a) != len(b) {
			return 1000
		}
		n := 0
		for key, value := range a {
			other, ok := b[key]
			if !ok {
				return 1000
			}
			n += differences(value, other)
		}
		return n
	}
	if x, ok := a.(float64); ok && math.IsNaN(x) {
		y, ok := b.(float64)
		if ok && math.IsNaN(y) {
			return 0
		}
	}
	if reflect.DeepEqual(a, b) {
		return 0
	}
	return 1
}

// whyNoYAML says why a file is refused as a whole.
func whyNoYAML(src []byte) string {
	if bytes.Contains(src, []byte("{{")) {
		return "the file is a template"
	}
	return "the file is no YAML"
}

func printEdits(out io.Writer, corpus string, tallies map[string]*editTally) error {
	figures := table{{"", "files", "refused whole", "edits", "bytes edited", "bytes changed elsewhere", "wrong to another parser", "not witnessed", "edits/s"}}
	refusals := table{{"", "refused because", "times"}}
	bad := 0
	for _, l := range editLanguages {
		t := tallies[l.name]
		rate := "-"
		if t.took > 0 {
			rate = fmt.Sprintf("%.0f", float64(t.edits)/t.took.Seconds())
		}
		figures.add(l.name, fmt.Sprint(t.files), fmt.Sprint(t.whole), fmt.Sprint(t.edits), fmt.Sprint(t.insideTargets),
			fmt.Sprint(t.outside), fmt.Sprint(t.wrong), fmt.Sprint(t.unwitnessed), rate)
		for _, why := range slices.Sorted(maps.Keys(t.refused)) {
			refusals.add(l.name, why, fmt.Sprint(t.refused[why]))
		}
		bad += t.outside + t.wrong
		for _, p := range t.problems {
			_, _ = fmt.Fprintln(out, p)
		}
	}
	if err := errors.Join(figures.print(out, "every value below "+corpus+" edited ("+machine()+")"), refusals.print(out, "what is not edited")); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%w: something else than the value changed", errMissed)
	}
	return nil
}
