package cluster

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// registryName is the registry's name on the node. It is in no DNS: containerd is told its address.
const registryName = "autopilot.local"

const goos, goarch = "linux", runtime.GOARCH

// A registry serves images to the node from memory. What is under private/ wants credentials
// that nobody has.
type registry struct {
	url    string
	server *http.Server
}

// registryURL is where containerd finds the registry. The address is the cluster's own.
func (c *Cluster) registryURL() string { return "http://" + c.net.Host + ":5000" }

func startRegistry(url string) (*registry, error) {
	l, err := net.Listen("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return nil, fmt.Errorf("start the image registry: %w", err)
	}
	images := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	r := &registry{url: url}
	r.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, "/v2/private/") {
			w.Header().Set("WWW-Authenticate", `Basic realm="`+registryName+`"`)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
			return
		}
		images.ServeHTTP(w, req)
	})}
	// It ends with close, which nobody needs to hear of.
	go func() { _ = r.server.Serve(l) }()
	return r, nil
}

// push stores an image under its name, if that is one of this registry's. It speaks the three
// requests that a push is: go-containerregistry's own client would bring in Docker's.
func (r *registry) push(ctx context.Context, tag name.Tag, img v1.Image) error {
	if tag.RegistryStr() != registryName {
		return nil
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	repo := r.url + "/v2/" + tag.RepositoryStr()
	for i, layer := range layers {
		body, err := layer.Compressed()
		if err != nil {
			return err
		}
		if err := send(ctx, http.MethodPost, repo+"/blobs/uploads/?digest="+manifest.Layers[i].Digest.String(), "application/octet-stream", body); err != nil {
			return fmt.Errorf("push image %s: %w", tag, err)
		}
	}
	raw, err := img.RawManifest()
	if err != nil {
		return err
	}
	if err := errors.Join(
		send(ctx, http.MethodPost, repo+"/blobs/uploads/?digest="+manifest.Config.Digest.String(), "application/octet-stream", bytes.NewReader(config)),
		send(ctx, http.MethodPut, repo+"/manifests/"+tag.TagStr(), string(manifest.MediaType), bytes.NewReader(raw)),
	); err != nil {
		return fmt.Errorf("push image %s: %w", tag, err)
	}
	return nil
}

func send(ctx context.Context, method, url, contentType string, body io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s %s: %s", method, url, resp.Status)
	}
	return nil
}

func (r *registry) close() error { return r.server.Close() }

// static says whether a file is a Linux program without an interpreter.
func static(path string) bool {
	file, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	for _, prog := range file.Progs {
		if prog.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}
