package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const module = "github.com/eks-autopilot/autopilot"

// program is one image: a program, and the user that runs it.
type program struct {
	name, pkg, title string
	user             string
}

// programs are the images. The agent runs as root, since what it does to a network needs NET_ADMIN, which the kernel gives to no other
// user of a container; the pod that it is put into says which capabilities it really has.
var programs = []program{
	{"autopilot", "./cmd/autopilot", "A Slack-first bot for teams on EKS", "65532:65532"},
	{"chaosagent", "./cmd/chaosagent", "The agent that holds a fault of an experiment and ends it", "0:0"},
	{"industry", "./cmd/industry", "A demo workload with callees and metrics", "65532:65532"},
}

func names() []string {
	all := make([]string, len(programs))
	for i, p := range programs {
		all[i] = p.name
	}
	return all
}

// index builds the image of each architecture, and the bill of materials of each, which is in it too.
func (p program) index(ctx context.Context, work, tag string, arches []string) (v1.ImageIndex, map[string][]byte, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	bills := map[string][]byte{}
	for _, arch := range arches {
		file := filepath.Join(work, p.name+"-"+arch)
		if err := p.compile(ctx, file, tag, arch); err != nil {
			return nil, nil, err
		}
		bill, err := spdx(p.name, tag, file)
		if err != nil {
			return nil, nil, err
		}
		bills[arch] = bill
		image, err := p.image(file, tag, arch, bill)
		if err != nil {
			return nil, nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index, bills, nil
}

// compile builds the program so that the same source gives the same bytes, wherever it stands.
func (p program) compile(ctx context.Context, out, tag, arch string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version="+tag, "-o", out, p.pkg) //nolint:gosec // The package is one of the list above.
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s for %s: %w\n%s", p.pkg, arch, err, output)
	}
	return nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("run it within the clone: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// image is one layer: the program, its bill of materials, and a folder to write to for who mounts one.
func (p program) image(file, tag, arch string, bill []byte) (v1.Image, error) {
	program, err := os.ReadFile(file) //nolint:gosec // It was just built.
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for _, f := range []tarFile{
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, body: []byte("root:x:0:\nnonroot:x:65532:\n")},
		{name: "etc/passwd", mode: 0o644, body: []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n")},
		{name: "tmp/", mode: 0o1777},
		{name: p.name, mode: 0o755, body: program},
		{name: p.name + ".spdx.json", mode: 0o644, body: bill},
	} {
		if err := f.add(w); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data.Bytes())), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layer)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, p.config(image, tag, arch))
}

func (p program) config(image v1.Image, tag, arch string) *v1.ConfigFile {
	c, err := image.ConfigFile()
	if err != nil {
		c = &v1.ConfigFile{}
	}
	c = c.DeepCopy()
	c.OS, c.Architecture = "linux", arch
	c.Config = v1.Config{
		Entrypoint: []string{"/" + p.name}, User: p.user, WorkingDir: "/", Env: []string{"PATH=/"},
		Labels: map[string]string{
			"org.opencontainers.image.title": p.name, "org.opencontainers.image.description": p.title, "org.opencontainers.image.version": tag,
			"org.opencontainers.image.source": "https://" + module, "org.opencontainers.image.licenses": "Apache-2.0",
		},
	}
	return c
}

// tarFile is a file, or a folder where its name ends in a slash, without anything that differs from build to build.
type tarFile struct {
	name string
	mode int64
	body []byte
}

func (f tarFile) add(w *tar.Writer) error {
	head := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.body)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	if strings.HasSuffix(f.name, "/") {
		head.Typeflag = tar.TypeDir
	}
	if err := w.WriteHeader(head); err != nil {
		return err
	}
	_, err := w.Write(f.body)
	return err
}
