package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "image:", err)
			os.Exit(1)
		}
	}
}

// options is what the command line says.
type options struct {
	out, push, tag string
	only, arches   []string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var only, arches string
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.out, "out", "", "the folder to write OCI layouts to, one folder an image")
	flags.StringVar(&o.push, "push", "", "the registry and path to push to, such as ghcr.io/eks-autopilot")
	flags.StringVar(&o.tag, "tag", "dev", "the tag, which is the version that the programs print too")
	flags.StringVar(&only, "only", "", "some of the images, by commas: "+strings.Join(names(), ", "))
	flags.StringVar(&arches, "arch", "amd64,arm64", "the architectures, by commas")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.arches = strings.Split(arches, ",")
	for _, a := range o.arches {
		if !slices.Contains([]string{"amd64", "arm64"}, a) {
			return o, fmt.Errorf("-arch %s: want amd64, arm64 or both by a comma", a)
		}
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	for _, n := range o.only {
		if !slices.Contains(names(), n) {
			return o, fmt.Errorf("-only %s: the images are %s", n, strings.Join(names(), ", "))
		}
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("no argument %q is taken", flags.Arg(0))
	case o.out == "" && o.push == "":
		return o, errors.New("say where to: -out FOLDER, or -push REGISTRY/PATH, or both")
	}
	for _, n := range names() {
		if _, err := o.ref(n); o.push != "" && err != nil {
			return o, fmt.Errorf("-push and -tag: %w", err)
		}
	}
	return o, nil
}

// ref is the name that an image is pushed under.
func (o options) ref(image string) (name.Tag, error) {
	return name.NewTag(o.push + "/" + image + ":" + o.tag)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	for _, p := range programs {
		if len(o.only) > 0 && !slices.Contains(o.only, p.name) {
			continue
		}
		index, bills, err := p.index(ctx, work, o.tag, o.arches)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		digest, err := index.Digest()
		if err != nil {
			return err
		}
		if o.out != "" {
			if err := write(filepath.Join(o.out, p.name), index, bills); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
		where := p.name
		if o.push != "" {
			if where, err = o.publish(ctx, p.name, index); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
		size, err := compressed(index)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(stdout, "%s@%s  %.1f MB an architecture, compressed\n", where, digest, float64(size)/1e6/float64(len(o.arches))); err != nil {
			return err
		}
	}
	return nil
}

// write puts an image's index into a folder, in the place of what was there, and the bill of materials of each architecture beside it.
func write(dir string, index v1.ImageIndex, bills map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := path.AppendIndex(index); err != nil {
		return err
	}
	for arch, bill := range bills {
		if err := os.WriteFile(dir+"-"+arch+".spdx.json", bill, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (o options) publish(ctx context.Context, image string, index v1.ImageIndex) (string, error) {
	ref, err := o.ref(image)
	if err != nil {
		return "", err
	}
	return ref.String(), remote.WriteIndex(ref, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// compressed adds up the layers of all architectures, in bytes.
func compressed(index v1.ImageIndex) (total int64, err error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return 0, err
	}
	for _, m := range manifest.Manifests {
		image, err := index.Image(m.Digest)
		if err != nil {
			return 0, err
		}
		layers, err := image.Layers()
		if err != nil {
			return 0, err
		}
		for _, l := range layers {
			n, err := l.Size()
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}
