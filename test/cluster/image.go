package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// The images that a real node has from the start. BusyboxImage's shell is at /bin/sh.
const (
	BusyboxImage = registryName + "/busybox:1"
	pauseImage   = registryName + "/pause:1"
)

// An Image says what to put into a container image of one layer.
type Image struct {
	// Files maps absolute paths in the image to regular files of this machine, whose
	// permissions they keep.
	Files map[string]string
	// Links maps absolute paths in the image to what they are symbolic links to.
	Links map[string]string
	// Entrypoint, Cmd, Env and User are as in a Dockerfile. User defaults to root.
	Entrypoint, Cmd, Env []string
	User                 string
}

// ImportImage gives the real node an image under a name such as "autopilot.local/shop/api:v1", and the
// registry too if the name is under autopilot.local. Without a real node it does nothing, as
// simulated pods run no image. It fails in External mode and if a file cannot be read.
func (c *Cluster) ImportImage(ctx context.Context, ref string, img Image) error {
	if err := c.ours(); err != nil {
		return err
	}
	if c.cfg.Mode != Node {
		return nil
	}
	tag, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("image name %q: want registry, path and tag, such as %q: %w", ref, BusyboxImage, err)
	}
	built, err := img.build()
	if err != nil {
		return fmt.Errorf("build image %s: %w", ref, err)
	}
	file, err := os.CreateTemp(filepath.Join(c.dir, "conf"), "image-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := errors.Join(tarball.Write(tag, built, file), file.Close()); err != nil {
		return fmt.Errorf("write image %s: %w", ref, err)
	}
	if _, err := c.ctr(ctx, "images", "import", "--local", c.path("conf", filepath.Base(file.Name()))); err != nil {
		return fmt.Errorf("import image %s: %w", ref, err)
	}
	return c.registry.push(ctx, tag, built)
}

func (img Image) build() (v1.Image, error) {
	layerTar, err := img.layer()
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layerTar)), nil })
	if err != nil {
		return nil, err
	}
	built, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	conf, err := built.ConfigFile()
	if err != nil {
		return nil, err
	}
	conf = conf.DeepCopy()
	conf.OS, conf.Architecture = goos, goarch
	conf.Config = v1.Config{Entrypoint: img.Entrypoint, Cmd: img.Cmd, Env: img.Env, User: img.User}
	return mutate.ConfigFile(built, conf)
}

// layer is a tar of the files, their folders first, in an order that does not change.
func (img Image) layer() ([]byte, error) {
	var paths []string
	for p := range img.Files {
		paths = append(paths, p)
	}
	for p := range img.Links {
		paths = append(paths, p)
	}
	for _, p := range slices.Clone(paths) {
		if !path.IsAbs(p) {
			return nil, fmt.Errorf("path %q in an image: want an absolute one", p)
		}
		for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
			paths = append(paths, dir+"/")
		}
	}
	paths = append(paths, "/tmp/")
	slices.Sort(paths)
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, p := range slices.Compact(paths) {
		if err := img.addFile(w, p); err != nil {
			return nil, err
		}
	}
	return buf.Bytes(), w.Close()
}

func (img Image) addFile(w *tar.Writer, p string) error {
	head := &tar.Header{Name: strings.TrimPrefix(p, "/")}
	switch source, isFile := img.Files[p]; {
	case p == "/tmp/":
		head.Typeflag, head.Mode = tar.TypeDir, 0o1777
	case strings.HasSuffix(p, "/"):
		head.Typeflag, head.Mode = tar.TypeDir, 0o755
	case !isFile:
		head.Typeflag, head.Mode, head.Linkname = tar.TypeSymlink, 0o777, img.Links[p]
	default:
		info, err := os.Stat(source)
		if err != nil {
			return err
		}
		body, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		head.Typeflag, head.Mode, head.Size = tar.TypeReg, int64(info.Mode().Perm()), int64(len(body))
		if err := w.WriteHeader(head); err != nil {
			return err
		}
		_, err = w.Write(body)
		return err
	}
	return w.WriteHeader(head)
}

func (c *Cluster) pauseImage() (Image, error) {
	return Image{Files: map[string]string{"/pause": filepath.Join(c.bin, "pause")}, Entrypoint: []string{"/pause"}}, nil
}

// applets are busybox's names in its image.
var applets = []string{
	"awk", "basename", "cat", "chmod", "cp", "cut", "date", "dd", "df", "dirname", "echo", "env", "expr", "false", "find", "free",
	"grep", "head", "hostname", "httpd", "id", "ip", "kill", "ls", "mkdir", "mv", "nc", "nslookup", "od", "printf", "ps", "rm", "sed", "seq",
	"sh", "sleep", "sort", "stat", "tail", "tar", "tee", "test", "time", "timeout", "top", "touch", "tr", "true", "uname", "wc", "wget", "whoami", "xargs", "yes",
}

func busyboxImage() (Image, error) {
	file, err := busyboxFile()
	if err != nil {
		return Image{}, err
	}
	img := Image{Files: map[string]string{"/bin/busybox": file}, Links: map[string]string{}, Cmd: []string{"sh"}, Env: []string{"PATH=/bin"}}
	for _, applet := range applets {
		img.Links["/bin/"+applet] = "busybox"
	}
	return img, nil
}

// busyboxFile finds a busybox that needs no library: Debian's busybox-static.
func busyboxFile() (string, error) {
	for _, file := range []string{"/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static", "/bin/busybox-static"} {
		if static(file) {
			return file, nil
		}
	}
	return "", errors.New("no static busybox on this machine: install busybox-static")
}
