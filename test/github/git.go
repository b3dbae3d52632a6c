package github

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// gitDir is a bare repository. Everything in it is made and read by git itself.
type gitDir struct {
	path string
	said *memory
}

// errNoObject says that git has no such object or ref.
var errNoObject = errors.New("no such object")

// entry is one line of a tree.
type entry struct {
	Mode, Kind, SHA, Path string
	Size                  int64 // of a blob
}

// person is an author or a committer.
type person struct {
	Name, Email string
	At          time.Time
}

// commit is a commit as git has it.
type commit struct {
	SHA, Tree, Message string
	Parents            []string
	Author, Committer  person
}

// isolated keeps git from the configuration of the machine and of the person.
func isolated(dir string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"LC_ALL=C", "TZ=UTC",
	}
}

func initGit(dir, branch string) (gitDir, error) {
	g := gitDir{path: dir, said: &memory{}}
	cmd := exec.Command("git", "init", "--quiet", "--bare", "--template=", "--initial-branch="+branch, dir)
	cmd.Env = isolated(dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return g, fmt.Errorf("git init: %w: %s", err, out)
	}
	config, err := os.OpenFile(filepath.Join(dir, "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return g, err
	}
	_, err = config.WriteString("[http]\n\treceivepack = true\n")
	if err := errors.Join(err, config.Close(), os.MkdirAll(filepath.Join(dir, "hooks"), 0o755)); err != nil {
		return g, err
	}
	return g, os.WriteFile(filepath.Join(dir, "hooks", "update"), []byte(updateHook), 0o755)
}

// run runs git with stdin, and gives what it prints.
func (g gitDir) run(stdin []byte, args ...string) ([]byte, error) {
	return g.runAs(nil, stdin, args...)
}

func (g gitDir) runAs(env []string, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...) //nolint:gosec // names from outside go through resolve or check-ref-format, or stand behind --
	cmd.Dir = g.path
	cmd.Env = append(isolated(g.path), env...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}

// refs are the branches and tags, by full name.
func (g gitDir) refs() (map[string]string, error) {
	out, err := g.run(nil, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if sha, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			refs[name] = sha
		}
	}
	return refs, nil
}

// setRef moves a ref from what it was; "" as new removes it, "" as old makes it.
func (g gitDir) setRef(name, to, from string) error {
	args := []string{"update-ref", name, to, cmp.Or(from, zeroSHA)}
	if to == "" {
		args = []string{"update-ref", "-d", name, from}
	}
	_, err := g.run(nil, args...)
	return err
}

const zeroSHA = "0000000000000000000000000000000000000000"

// commitOf resolves a name of a commit: a full id, a branch, a tag or a full ref.
func (g gitDir) commitOf(name string) (string, error) { return g.resolve(name, "commit") }

func (g gitDir) resolve(name, kind string) (string, error) {
	if name == "" || strings.HasPrefix(name, "-") || strings.ContainsAny(name, " ~^:?*[\\\x00\n") || strings.Contains(name, "@{") {
		return "", errNoObject
	}
	for _, full := range []string{name, "refs/heads/" + name, "refs/tags/" + name, "refs/" + name} {
		if !isSHA(full) && !strings.HasPrefix(full, "refs/") && full != "HEAD" {
			continue
		}
		if out, err := g.ask("rev-parse", "--verify", "--quiet", full+"^{"+kind+"}"); err == nil {
			return strings.TrimSpace(string(out)), nil
		}
	}
	return "", errNoObject
}

func isSHA(s string) bool {
	return len(s) == len(zeroSHA) && strings.Trim(s, "0123456789abcdef") == ""
}

// object reads one object.
func (g gitDir) object(sha string) (kind string, data []byte, err error) {
	if !isSHA(sha) {
		return "", nil, errNoObject
	}
	key := "object " + sha
	out, known := g.said.get(key)
	if !known {
		if out, err = g.run([]byte(sha+"\n"), "cat-file", "--batch"); err != nil {
			return "", nil, err
		}
	}
	head, rest, _ := bytes.Cut(out, []byte("\n"))
	parts := strings.Fields(string(head))
	if len(parts) != 3 {
		return "", nil, errNoObject
	}
	size, err := strconv.Atoi(parts[2])
	if err != nil || size > len(rest) {
		return "", nil, fmt.Errorf("git cat-file: %q", head)
	}
	g.said.put(key, out)
	return parts[1], rest[:size:size], nil
}

func (g gitDir) writeBlob(data []byte) (string, error) {
	out, err := g.run(data, "hash-object", "-w", "--stdin")
	return strings.TrimSpace(string(out)), err
}

// list lists a tree, or what it holds at every depth.
func (g gitDir) list(tree string, recursive bool) ([]entry, error) {
	args := []string{"ls-tree", "-z", "-l", "--full-tree"}
	if recursive {
		args = append(args, "-r", "-t")
	}
	out, err := g.ask(append(args, tree)...)
	if err != nil {
		return nil, err
	}
	var list []entry
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		facts, path, ok := strings.Cut(line, "\t")
		f := strings.Fields(facts)
		if !ok || len(f) != 4 {
			continue
		}
		e := entry{Mode: f[0], Kind: f[1], SHA: f[2], Path: path}
		e.Size, _ = strconv.ParseInt(f[3], 10, 64) // "-" for what is no blob
		list = append(list, e)
	}
	return list, nil
}

// at is what a tree or commit holds at a path.
func (g gitDir) at(tree, path string) (entry, error) {
	out, err := g.ask("ls-tree", "-z", "-l", "--full-tree", tree, "--", path)
	if err != nil {
		return entry{}, err
	}
	facts, name, ok := strings.Cut(strings.TrimSuffix(string(out), "\x00"), "\t")
	f := strings.Fields(facts)
	if !ok || len(f) != 4 || name != path {
		return entry{}, errNoObject
	}
	size, _ := strconv.ParseInt(f[3], 10, 64)
	return entry{Mode: f[0], Kind: f[1], SHA: f[2], Path: name, Size: size}, nil
}

// writeTree makes a tree of base ("" for none) and entries; one without SHA is removed.
func (g gitDir) writeTree(base string, entries []entry) (string, error) {
	index, err := os.CreateTemp(g.path, "index-")
	if err != nil {
		return "", err
	}
	name := index.Name()
	index.Close()
	os.Remove(name) // git wants to make it
	defer os.Remove(name)
	env := []string{"GIT_INDEX_FILE=" + name}
	if base != "" {
		if _, err := g.runAs(env, nil, "read-tree", base); err != nil {
			return "", err
		}
	}
	entries, err = g.flat(base, entries)
	if err != nil {
		return "", err
	}
	var lines strings.Builder
	for _, e := range entries {
		if e.SHA == "" {
			fmt.Fprintf(&lines, "0 %s\t%s\x00", zeroSHA, e.Path)
			continue
		}
		fmt.Fprintf(&lines, "%s %s\t%s\x00", e.Mode, e.SHA, e.Path)
	}
	if _, err := g.runAs(env, []byte(lines.String()), "update-index", "-z", "--replace", "--index-info"); err != nil {
		return "", err
	}
	out, err := g.runAs(env, nil, "write-tree")
	return strings.TrimSpace(string(out)), err
}

// flat puts what is in a folder, before and after, in the place of the folder, as an index has files alone.
func (g gitDir) flat(base string, entries []entry) ([]entry, error) {
	var out []entry
	for _, e := range entries {
		var was entry
		if base != "" {
			was, _ = g.at(base, e.Path) // nothing there is no error
		}
		if was.Kind == "tree" {
			files, err := g.list(was.SHA, true)
			if err != nil {
				return nil, err
			}
			for _, f := range files {
				out = append(out, entry{Path: e.Path + "/" + f.Path})
			}
		}
		if e.Kind != "tree" || e.SHA == "" {
			if was.Kind != "tree" || e.SHA != "" {
				out = append(out, e)
			}
			continue
		}
		files, err := g.list(e.SHA, true)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.Kind != "tree" {
				f.Path = e.Path + "/" + f.Path
				out = append(out, f)
			}
		}
	}
	return out, nil
}

// writeCommit makes a commit.
func (g gitDir) writeCommit(c commit) (string, error) {
	args := []string{"commit-tree", c.Tree}
	for _, p := range c.Parents {
		args = append(args, "-p", p)
	}
	stamp := func(p person) string { return fmt.Sprintf("@%d %s", p.At.Unix(), p.At.Format("-0700")) }
	env := []string{
		"GIT_AUTHOR_NAME=" + c.Author.Name, "GIT_AUTHOR_EMAIL=" + c.Author.Email, "GIT_AUTHOR_DATE=" + stamp(c.Author),
		"GIT_COMMITTER_NAME=" + c.Committer.Name, "GIT_COMMITTER_EMAIL=" + c.Committer.Email, "GIT_COMMITTER_DATE=" + stamp(c.Committer),
	}
	out, err := g.runAs(env, []byte(c.Message), args...)
	return strings.TrimSpace(string(out)), err
}

// commits reads up to most commits that git rev-list would name, newest first; 0 for all.
func (g gitDir) commits(most int, revs ...string) ([]commit, error) {
	args := []string{"log", "-z", "--format=%H%n%T%n%P%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B"}
	if most > 0 {
		args = append(args, "-n"+strconv.Itoa(most))
	}
	out, err := g.ask(append(args, revs...)...)
	if err != nil {
		return nil, err
	}
	var list []commit
	for text := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		const facts = 10
		f := strings.SplitN(text, "\n", facts)
		if len(f) < facts {
			continue
		}
		list = append(list, commit{
			SHA: f[0], Tree: f[1], Parents: strings.Fields(f[2]), Message: strings.TrimRight(f[9], "\n"),
			Author: person{f[3], f[4], parseTime(f[5])}, Committer: person{f[6], f[7], parseTime(f[8])},
		})
	}
	return list, nil
}

// commit reads one commit.
func (g gitDir) commit(sha string) (commit, error) {
	list, err := g.commits(1, sha, "--")
	if err != nil || len(list) == 0 {
		return commit{}, errNoObject
	}
	return list[0], nil
}

func parseTime(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s) // git writes it
	return t.UTC()
}

// isAncestor tells whether old is in the history of young.
func (g gitDir) isAncestor(old, young string) bool {
	_, err := g.ask("merge-base", "--is-ancestor", old, young)
	return err == nil
}

// mergeBase is the newest common ancestor, "" when there is none.
func (g gitDir) mergeBase(a, b string) string {
	out, err := g.ask("merge-base", a, b)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// count is how many commits to has that from has not.
func (g gitDir) count(from, to string) (int, error) {
	out, err := g.ask("rev-list", "--count", from+".."+to)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}

// merge is the tree that merging head into base gives. ok is false when they conflict.
func (g gitDir) merge(base, head string) (tree string, ok bool, err error) {
	out, err := g.ask("merge-tree", "--write-tree", "--no-messages", base, head)
	tree, _, _ = strings.Cut(string(out), "\n")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return "", false, nil
	}
	return tree, err == nil, err
}

// updateHook guards what is pushed, as GitHub does: protected branches, and refs that are GitHub's own.
const updateHook = `#!/bin/sh
if [ -z "$GH_BYPASS" ] && [ -f protected ] && grep -Fxq -- "$1" protected; then
  echo "error: GH006: Protected branch update failed for $1." >&2
  echo "error: Changes must be made through a pull request." >&2
  exit 1
fi
case "$1" in refs/heads/*|refs/tags/*) exit 0 ;; esac
echo "error: deny updating a hidden ref" >&2
exit 1
`
