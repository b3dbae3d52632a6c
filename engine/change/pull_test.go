package change

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestBranch(t *testing.T) {
	for name, c := range map[string]struct{ team, cluster, want string }{
		"team":           {"Payments Team!", "prod", "autopilot/payments-team-"},
		"cluster":        {"", "eks/prod_1", "autopilot/eks-prod-1-"},
		"neither":        {"...", "~^:", "autopilot/change-"},
		"no .lock":       {"a.lock", "", "autopilot/a-lock-"},
		"letters beyond": {"команда", "prod", "autopilot/prod-"},
		"long":           {strings.Repeat("ab-", 40), "", "autopilot/" + strings.Repeat("ab-", 13) + "a-"},
	} {
		got := Branch(engine.Proposal{ID: 1, Team: c.team, Cluster: c.cluster})
		if rest, ok := strings.CutPrefix(got, c.want); !ok || len(rest) != pullDigits {
			t.Errorf("%s: %q, want %q and a key", name, got, c.want)
		}
	}
}

// TestBranchIsOfTheProposal changes what happens to a proposal in its life, and then what makes it another one.
func TestBranchIsOfTheProposal(t *testing.T) {
	p := proposal(item())
	later := p
	later.Status, later.Version, later.Approved, later.Pull, later.Monthly = engine.ProposalOpened, 9, nil, engine.Pull{Number: 3}, 1
	later.Items = []engine.ProposalItem{item()}
	later.Items[0].Commit = "another"
	if Branch(later) != Branch(p) || Marker(later) != Marker(p) {
		t.Errorf("%s became %s", Branch(p), Branch(later))
	}
	others := []engine.Proposal{p}
	for _, f := range []func(*engine.Proposal){
		func(p *engine.Proposal) { p.ID++ },
		func(p *engine.Proposal) { p.Key += "x" },
		func(p *engine.Proposal) { p.Repo += "x" },
		func(p *engine.Proposal) { p.Base += "x" },
		func(p *engine.Proposal) { p.Cluster += "x" },
		func(p *engine.Proposal) { p.CreatedAt = p.CreatedAt.Add(time.Hour) },
	} {
		other := p
		f(&other)
		for _, o := range others {
			if Branch(o) == Branch(other) || Marker(o) == Marker(other) {
				t.Errorf("two proposals share %s", Branch(other))
			}
		}
		others = append(others, other)
	}
}

func TestBranchIsARef(t *testing.T) {
	form := regexp.MustCompile(`^autopilot/[a-z0-9]+(-[a-z0-9]+)*-[0-9a-f]{12}$`)
	rapid.Check(t, func(t *rapid.T) {
		p := engine.Proposal{ID: rapid.Int64().Draw(t, "id"), Team: rapid.String().Draw(t, "team"), Cluster: rapid.String().Draw(t, "cluster")}
		if b := Branch(p); !form.MatchString(b) || len(b) > 100 {
			t.Fatalf("%q is no branch", b)
		}
	})
}

func TestCompose(t *testing.T) {
	i := item()
	p := proposal(i)
	files := map[string][]byte{"b.tf": []byte("b"), "a.yaml": []byte("a"), "gone.tf": nil}
	d := Compose(p, files, Options{
		Labels: []string{"autopilot", "finops", "autopilot", "", strings.Repeat("l", 60)}, AsDraft: true,
		Owners: ParseOwners([]byte("*.yaml @ada\n*.tf @shop/infra\n")),
	})
	want := Draft{
		Repo: "shop/deploy", Base: "main", Commit: "c0ffee", Branch: Branch(p), Marker: Marker(p), Title: p.Title,
		Files: files, Labels: []string{"autopilot", "finops", strings.Repeat("l", 49) + "…"}, Reviewers: []string{"ada"}, Teams: []string{"infra"}, AsDraft: true,
		Body: Body(p, Options{}),
		Message: `payments/api memory 2 → 1.2 GiB

- payments/api memory 2 → 1.2 GiB

Estimate: saves $41.00 a month. Risk: low.

Approved in Slack by Ada Lovelace, Grace Hopper.

` + Trailer(Branch(p)) + "\n",
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !HasTrailer(d.Message, d.Branch) || HasTrailer(d.Message, Branch(engine.Proposal{})) || HasTrailer("a commit of somebody", d.Branch) {
		t.Error("the commit is not known by its trailer")
	}
	if !HasMarker("text\r\n"+d.Marker+"\r\nmore", d.Marker) || HasMarker("`"+d.Marker+"`", d.Marker) {
		t.Error("the pull request is not known by its marker")
	}
}

func TestPullTitle(t *testing.T) {
	for in, want := range map[string]string{
		"payments/api memory 2 → 1.2 GiB, −$41.20/month, low risk": "payments/api memory 2 → 1.2 GiB, −$41.20/month, low risk",
		"fixes #12\nby @octocat": "fixes #\u200b12 by @\u200boctocat",
		"\u202e\x00":             "Change of shop/deploy",
	} {
		if got := PullTitle(engine.Proposal{Title: in, Repo: "shop/deploy"}); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := PullTitle(engine.Proposal{Title: strings.Repeat("ä", 300)}); utf8.RuneCountInString(got) != titleLimit {
		t.Errorf("a title has %d letters", utf8.RuneCountInString(got))
	}
}

// TestRollback does with git what the body says, after each of the three ways to merge.
func TestRollback(t *testing.T) {
	p := proposal(item())
	p.Base = "release/it's 1"[:12] // "release/it's": legal for git, and not for a shell
	body := Body(p, Options{})
	_, script, _ := strings.Cut(body, "```sh\n")
	script, _, ok := strings.Cut(script, "```")
	if !ok {
		t.Fatalf("no commands in\n%s", body)
	}
	for name, merge := range map[string][]string{
		"merge":  {"merge", "--no-ff", "--no-edit", Branch(p)},
		"squash": {"merge", "--squash", Branch(p)},
		"rebase": {"cherry-pick", Branch(p)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			origin, work := filepath.Join(dir, "origin"), filepath.Join(dir, "work")
			git := func(where string, args ...string) string {
				t.Helper()
				return runIn(t, where, "git", args...)
			}
			git(dir, "init", "-q", "--bare", origin)
			git(dir, "init", "-q", "-b", p.Base, work)
			git(work, "remote", "add", "origin", origin)
			write := func(file, text string) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(work, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				git(work, "add", file)
			}
			write("api.yaml", "memory: 2Gi\n")
			git(work, "commit", "-q", "-m", "first")
			git(work, "switch", "-q", "-c", Branch(p))
			write("api.yaml", "memory: 1229Mi\n")
			git(work, "commit", "-q", "-m", Compose(p, nil, Options{}).Message)
			git(work, "switch", "-q", p.Base)
			write("other.yaml", "other: 1\n")
			git(work, "commit", "-q", "-m", "other")
			git(work, merge...)
			if name == "squash" {
				git(work, "commit", "-q", "-m", Compose(p, nil, Options{}).Message)
			}
			write("later.yaml", "later: 1\n")
			git(work, "commit", "-q", "-m", "later")
			git(work, "push", "-q", "origin", p.Base)
			runIn(t, work, "sh", "-e", "-c", script)
			if got := git(origin, "show", "revert-"+pullKey(p)+":api.yaml"); got != "memory: 2Gi\n" {
				t.Errorf("after the rollback: %q", got)
			}
			if got := git(origin, "show", "revert-"+pullKey(p)+":later.yaml"); got != "later: 1\n" {
				t.Errorf("the rollback took back more: %q", got)
			}
		})
	}
}

func runIn(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(slices.Clone(os.Environ()), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b.example", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b.example")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
