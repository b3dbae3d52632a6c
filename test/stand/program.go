package stand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"

	"github.com/eks-autopilot/autopilot/test/cluster"
)

const module = "github.com/eks-autopilot/autopilot/"

// Build builds a program of the module, such as cmd/autopilot, as file out. It needs Go and a working directory inside the module, and
// fails with the compiler's words.
func Build(ctx context.Context, pkg, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", out, module+pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// ImportProgram builds a program of the module and gives it to the cluster's real node as an image that holds nothing else. Without
// a real node it does nothing.
func ImportProgram(ctx context.Context, c *cluster.Cluster, pkg, image string) (err error) {
	if c.Mode() != cluster.Node {
		return nil
	}
	dir, err := os.MkdirTemp("", "autopilot-program-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	name := path.Base(pkg)
	file := filepath.Join(dir, name)
	if err := Build(ctx, pkg, file); err != nil {
		return err
	}
	return c.ImportImage(ctx, image, cluster.Image{Files: map[string]string{"/" + name: file}, Entrypoint: []string{"/" + name}})
}
