package change

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/eks-autopilot/autopilot/engine"
)

// Located is where a wish is made: either Edits, or ByHand and Why.
type Located struct {
	Edits  []engine.FileEdit // one for each file, by path
	Files  map[string][]byte // new contents of the files of Edits; nil removes the file
	ByHand []engine.Place    // where a person must look, when the bot must not guess
	Why    string            // why there is no edit; "" when there are Edits
	Steps  []string          // what a person does besides Edits, exactly: what no file brings about
	Absent bool              // every file was read, and none declares it; of a WishRevert also that no commit brought it
	Wish   *engine.Wish      // of a WishRevert: with the commit, and without what that did not bring; nil for other wishes
	Note   string            // what a WishRevert takes back, for people
}

// The bounds of a search. A repository beyond them is searched only where a mapping or an annotation names a folder.
const (
	maxFiles    = 20_000  // looked at by name
	maxRead     = 4_000   // read
	maxFileSize = 1 << 20 // bytes; longer ones are generated
	maxPlaces   = 12      // named in a refusal
	maxText     = 160     // runes of a line in a Place
)

// Locate finds the file that declares what w wants changed, below one of paths ("" and none are all of the tree), and edits it.
// A wish and what goes With it are made together or not at all. What must not be guessed is no error: Located then says Why, and
// where a person would look. It fails only where the tree cannot be read.
func Locate(ctx context.Context, t Tree, paths []string, w engine.Wish) (Located, error) {
	if w.Kind == engine.WishRevert {
		return locateRevert(ctx, t, paths, w)
	}
	files, steps := map[string][]byte{}, []string(nil)
	for _, one := range append([]engine.Wish{w}, w.With...) {
		s, err := newSearch(Overlay(t, files), paths)
		if err != nil {
			return refusalOf(err)
		}
		found, err := s.locate(ctx, one)
		if err != nil {
			return refusalOf(err)
		}
		if found.Why != "" {
			if len(w.With) > 0 {
				found.Why = fmt.Sprintf("%s: %s", WishTitle(alone(one)), found.Why)
			}
			return Located{ByHand: found.ByHand, Why: found.Why, Absent: found.Absent}, nil
		}
		maps.Copy(files, found.Files)
		steps = append(steps, found.Steps...)
	}
	l, err := edited(ctx, t, files)
	l.Steps = steps
	return l, err
}

func alone(w engine.Wish) engine.Wish {
	w.With = nil
	return w
}

// refusal is why there is no edit, on its way up.
type refusal struct {
	why    string
	places []engine.Place
}

func (r *refusal) Error() string { return r.why }

// refuse makes a refusal. Places may be none.
func refuse(places []engine.Place, format string, args ...any) error {
	return &refusal{why: fmt.Sprintf(format, args...), places: places}
}

// refusalOf makes a Located of a refusal, and hands on any other error.
func refusalOf(err error) (Located, error) {
	if r, ok := errors.AsType[*refusal](err); ok {
		places := slices.Clone(r.places)
		slices.SortStableFunc(places, func(a, b engine.Place) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
		})
		places = slices.Compact(places)
		return Located{ByHand: places[:min(len(places), maxPlaces)], Why: r.why}, nil
	}
	return Located{}, err
}

// locate makes one wish. YAML and Terraform are both asked: a value which both declare is found twice.
func (s *search) locate(ctx context.Context, w engine.Wish) (Located, error) {
	inYAML, err := s.attempt(s.locateYAML(ctx, w))
	if err != nil {
		return Located{}, err
	}
	inHCL, err := s.attempt(locateTerraform(ctx, s, w))
	if err != nil {
		return Located{}, err
	}
	switch {
	case inYAML.isNothing() && inHCL.isNothing():
		return Located{Why: fmt.Sprintf("no file of %s declares %s%s", s.tree.Repo(), wanted(w), s.below()), Absent: true}, nil
	case inHCL.isNothing():
		return inYAML, nil
	case inYAML.isNothing():
		return inHCL, nil
	}
	places := slices.Concat(inYAML.places(), inHCL.places())
	return refusalOf(refuse(places, "%s is declared twice: in YAML and in Terraform", wanted(w)))
}

// attempt turns a refusal into a Located, so that the other languages are still asked.
func (s *search) attempt(l Located, err error) (Located, error) {
	if err != nil {
		return refusalOf(err)
	}
	return l, nil
}

// isNothing tells that the object was not found: there is neither an edit nor a reason against one.
func (l Located) isNothing() bool { return len(l.Files) == 0 && l.Why == "" }

func (l Located) places() []engine.Place {
	places := slices.Clone(l.ByHand)
	for _, e := range l.Edits {
		places = append(places, engine.Place{Path: e.Path, Line: e.Line, Text: bounded(e.Before), Note: "could be edited"})
	}
	return places
}

// wanted names what a wish looks for.
func wanted(w engine.Wish) string {
	switch w.Kind {
	case engine.WishTarget:
		return fmt.Sprintf("HorizontalPodAutoscaler %s of %s", w.Name, w.Target.Workload)
	case engine.WishVolume:
		return "volume " + w.Target.Provider
	case engine.WishGroup:
		return "node group " + w.Name
	case engine.WishRequest, engine.WishLimit, engine.WishImage, engine.WishProbe, engine.WishRevert:
	}
	return w.Target.Kind + " " + w.Target.String()
}

// search is a Tree and the part of it that is searched.
type search struct {
	tree  Tree
	paths []string        // cleaned; "." is all
	files map[string]File // all regular ones, by path
	texts map[string][]byte

	kustomized map[string]*kustomization // by folder; nil until they were read
	released   *[]release                // nil until they were read
}

func newSearch(t Tree, paths []string) (*search, error) {
	s := &search{tree: t, files: map[string]File{}, texts: map[string][]byte{}}
	for _, p := range paths {
		s.paths = append(s.paths, cleaned(p))
	}
	if len(s.paths) == 0 {
		s.paths = []string{"."}
	}
	for _, f := range t.Files() {
		if !strings.HasPrefix(f.Mode, "100") && f.Mode != "" {
			continue // links and submodules are declared elsewhere
		}
		s.files[f.Path] = f
	}
	if inScope := len(s.scope(func(string) bool { return true })); inScope > maxFiles {
		return nil, refuse(nil, "%s has %d files; a mapping must name the folder to search", t.Repo(), inScope)
	}
	return s, nil
}

// cleaned makes a path relative to the root of the tree: "." is the root.
func cleaned(p string) string { return path.Clean(strings.TrimLeft(path.Clean("/"+p), "/")) }

// below says which part is searched, for people: " below deploy/, apps/", "" for all.
func (s *search) below() string {
	if slices.Contains(s.paths, ".") {
		return ""
	}
	return " below " + strings.Join(s.paths, ", ")
}

// scope gives the paths that are searched and that match, sorted.
func (s *search) scope(match func(p string) bool) []string {
	var all []string
	for p := range s.files {
		if match(p) && slices.ContainsFunc(s.paths, func(top string) bool { return within(p, top) }) {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}

// within tells whether p is top or below it.
func within(p, top string) bool { return top == "." || p == top || strings.HasPrefix(p, top+"/") }

// has tells whether there is such a file.
func (s *search) has(p string) bool {
	_, ok := s.files[p]
	return ok
}

// read gives a file's bytes, once fetched. A file that is too long to be written by people reads as empty.
func (s *search) read(ctx context.Context, p string) ([]byte, error) {
	if text, ok := s.texts[p]; ok {
		return text, nil
	}
	if s.files[p].Size > maxFileSize {
		s.texts[p] = nil
		return nil, nil
	}
	if len(s.texts) >= maxRead {
		return nil, refuse(nil, "%s has more than %d files to read; a mapping must name the folder to search", s.tree.Repo(), maxRead)
	}
	text, err := s.tree.Read(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", p, s.tree.Repo(), err)
	}
	s.texts[p] = text
	return text, nil
}

// at names a line of a file.
func (s *search) at(p string, line int, format string, args ...any) engine.Place {
	place := engine.Place{Path: p, Line: line, Note: fmt.Sprintf(format, args...)}
	if line > 0 {
		lines := strings.Split(string(s.texts[p]), "\n")
		place.Text = bounded(lines[min(line, len(lines))-1])
	}
	return place
}

// bounded makes a line of a file short enough for a card. Bytes that are no text become U+FFFD.
func bounded(line string) string {
	line = strings.TrimSpace(strings.ToValidUTF8(line, "\uFFFD"))
	line, _, _ = strings.Cut(line, "\n")
	if utf8.RuneCountInString(line) <= maxText {
		return line
	}
	return string([]rune(line)[:maxText-1]) + "…"
}
