package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// TestImages builds the smallest of the images, twice.
func TestImages(t *testing.T) {
	dir := t.TempDir()
	var said [2]strings.Builder
	for i := range said {
		if err := run(t.Context(), []string{"-out", dir, "-only", "industry", "-arch", "amd64", "-tag", "v1.2.3"}, &said[i], io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	if said[0].String() != said[1].String() || !strings.HasPrefix(said[0].String(), "industry@sha256:") {
		t.Errorf("the same source gave %q, then %q", &said[0], &said[1])
	}
	image := read(t, filepath.Join(dir, "industry"))
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c := config.Config; config.Architecture != "amd64" || config.OS != "linux" || c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/industry"}) ||
		c.Labels["org.opencontainers.image.version"] != "v1.2.3" || c.Labels["org.opencontainers.image.licenses"] != "Apache-2.0" {
		t.Errorf("the image's configuration: %+v", config)
	}
	files := unpack(t, image, filepath.Join(dir, "root"))
	if want := []string{"etc/", "etc/group", "etc/passwd", "industry", "industry.spdx.json", "tmp/"}; !slices.Equal(files, want) {
		t.Errorf("the image has %q, want %q", files, want)
	}
	// Static: it runs where there is nothing else. It has no root of its own here, so its linking is asked for.
	out, err := exec.CommandContext(t.Context(), "go", "version", "-m", filepath.Join(dir, "root", "industry")).Output()
	if err != nil || !strings.Contains(string(out), "CGO_ENABLED=0") || !strings.Contains(string(out), "-trimpath=true") {
		t.Errorf("how it was built: %s, %v", out, err)
	}
	bill, err := os.ReadFile(filepath.Join(dir, "industry-amd64.spdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(bill, &d); err != nil || d.Version != "SPDX-2.3" || len(d.Relationships) != len(d.Packages) {
		t.Errorf("%d packages with %d relationships of %s, %v", len(d.Packages), len(d.Relationships), d.Version, err)
	}
	program, err := os.ReadFile(filepath.Join(dir, "root", "industry"))
	if sum := fmt.Sprintf("%x", sha256.Sum256(program)); err != nil || len(d.Packages) == 0 || d.Packages[0].Checksums[0].Value != sum {
		t.Errorf("the bill of materials is of another program than %s, %v", sum, err)
	}
	if inside, err := os.ReadFile(filepath.Join(dir, "root", "industry.spdx.json")); err != nil || !bytes.Equal(inside, bill) {
		t.Errorf("the bill of materials in the image is another one: %v", err)
	}
	if !slices.ContainsFunc(d.Packages, func(p spdxPackage) bool {
		return len(p.External) > 0 && strings.HasPrefix(p.External[0].Locator, "pkg:golang/github.com/prometheus/client_golang@v1.")
	}) {
		t.Error("the bill of materials lacks a module that the program is linked with")
	}
	ids := map[string]bool{}
	for _, p := range d.Packages {
		if ids[p.ID] || p.Name == "" || p.Version == "" {
			t.Errorf("a package without a name, a version or an id of its own: %+v", p)
		}
		ids[p.ID] = true
	}
}

// read gives the only image of a layout.
func read(t *testing.T, dir string) v1.Image {
	t.Helper()
	path, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	top, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := top.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("%+v, %v", manifest, err)
	}
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if manifest, err = index.IndexManifest(); err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("%+v, %v", manifest, err)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// unpack writes the files of an image's one layer below dir and lists them, sorted.
func unpack(t *testing.T, image v1.Image, dir string) (files []string) {
	t.Helper()
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	data, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	for r := tar.NewReader(data); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if head.ModTime.Unix() != 0 || head.Uid != 0 {
			t.Errorf("%s has what differs from build to build: %+v", head.Name, head)
		}
		files = append(files, head.Name)
		if head.Typeflag != tar.TypeReg {
			continue
		}
		to := filepath.Join(dir, head.Name)
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, body, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(files)
	return files
}

func TestOptions(t *testing.T) {
	for args, want := range map[string]string{
		"":                                "say where to",
		"-out x extra":                    `no argument "extra"`,
		"-out x -arch s390x":              "want amd64, arm64",
		"-out x -only bot":                "the images are autopilot, chaosagent, industry",
		"-out x -only industry,autopilot": "",
		"-push ghcr.io/x -tag v1":         "",
		"-push x/a@b -tag v1":             "-push and -tag",
		"-push ghcr.io/x -tag v_1/2":      "-push and -tag",
		"-nothing":                        "not defined",
	} {
		_, err := parse(strings.Fields(args), io.Discard)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}
