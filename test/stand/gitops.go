package stand

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/eks-autopilot/autopilot/test/scenario"
)

// GitOps gives what a branch declares to a cluster, as Argo CD does: again and again, and under its name.
type GitOps struct {
	URL    string // to clone from
	Branch string
	Path   string // the folder with manifests, from the root; "" for all of it
	Dir    string // where the clone goes
	Every  time.Duration

	applier *scenario.Applier
	seen    string
	end     context.CancelFunc
	ended   chan struct{}
}

// gitopsManager is the field manager of Argo CD's server-side apply.
const gitopsManager = "argocd-controller"

// Start syncs once, and then whenever the branch moved, until Stop. It fails when the first sync does.
func (g *GitOps) Start(ctx context.Context, cfg *rest.Config) error {
	var err error
	if g.applier, err = scenario.NewApplier(cfg, gitopsManager); err != nil {
		return err
	}
	if err := os.RemoveAll(g.Dir); err != nil { // a stand that failed leaves its own
		return err
	}
	if _, err := git(ctx, "", "clone", "--quiet", "--branch", g.Branch, g.URL, g.Dir); err != nil {
		return err
	}
	if _, err := g.Sync(ctx); err != nil {
		return err
	}
	ctx, g.end = context.WithCancel(context.WithoutCancel(ctx))
	g.ended = make(chan struct{})
	go func() {
		defer close(g.ended)
		tick := time.NewTicker(max(g.Every, 100*time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_, _ = g.Sync(ctx) // what failed is tried at the next tick, as Argo CD does
			}
		}
	}()
	return nil
}

// Stop ends the syncing.
func (g *GitOps) Stop(context.Context) error {
	if g.end != nil {
		g.end()
		<-g.ended
	}
	return nil
}

// Sync brings the cluster to the branch's newest commit, and gives that commit.
func (g *GitOps) Sync(ctx context.Context) (string, error) {
	if _, err := git(ctx, g.Dir, "fetch", "--quiet", "origin", g.Branch); err != nil {
		return "", err
	}
	head, err := git(ctx, g.Dir, "rev-parse", "FETCH_HEAD")
	if err != nil || head == g.seen {
		return head, err
	}
	if _, err := git(ctx, g.Dir, "reset", "--quiet", "--hard", head); err != nil {
		return "", err
	}
	var problems []error
	err = filepath.WalkDir(filepath.Join(g.Dir, g.Path), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return filepath.SkipDir
		case d.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)):
			return nil
		}
		data, err := os.ReadFile(path) //nolint:gosec // a file of the clone that was just made
		if err != nil {
			return err
		}
		if err := g.applier.Apply(ctx, "", string(data)); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", path, err))
		}
		return nil
	})
	if err = errors.Join(append(problems, err)...); err != nil {
		return "", err
	}
	g.seen = head
	return head, nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // our own arguments
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
