package cluster

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
)

func testImage(t *testing.T) Image {
	t.Helper()
	file := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(file, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	return Image{
		Files: map[string]string{"/usr/bin/server": file}, Links: map[string]string{"/bin/sh": "../usr/bin/server"},
		Entrypoint: []string{"/usr/bin/server"}, Env: []string{"A=b"}, User: "1000",
	}
}

func TestImageLayer(t *testing.T) {
	img := testImage(t)
	body, err := img.layer()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(bytes.NewReader(body)); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimRight(head.FileInfo().Mode().String()+" "+head.Name+" "+head.Linkname+string(content), " "))
	}
	want := []string{
		"drwxr-xr-x bin/", "Lrwxrwxrwx bin/sh ../usr/bin/server", "dtrwxrwxrwx tmp/",
		"drwxr-xr-x usr/", "drwxr-xr-x usr/bin/", "-rwxr-xr-x usr/bin/server program",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
	if again, err := img.layer(); err != nil || !bytes.Equal(again, body) {
		t.Errorf("the same image is another layer: %v", err)
	}
}

func TestImageConfig(t *testing.T) {
	built, err := testImage(t).build()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := built.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if conf.OS != "linux" || conf.Architecture == "" || conf.Config.User != "1000" || len(conf.RootFS.DiffIDs) != 1 {
		t.Errorf("config %+v", conf)
	}
	if diff := cmp.Diff([]string{"/usr/bin/server"}, conf.Config.Entrypoint); diff != "" {
		t.Errorf("entry point (-want +got):\n%s", diff)
	}
}

// TestRegistry asks as containerd does: for an image that is there, one that is not, and one that
// it may not see.
func TestRegistry(t *testing.T) {
	probe := httptest.NewServer(nil)
	url := probe.URL
	probe.Close()
	r, err := startRegistry(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.close() })
	built, err := testImage(t).build()
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"autopilot.local/shop/api:v1", "elsewhere.example/shop/api:v2"} {
		tag, err := name.NewTag(ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.push(t.Context(), tag, built); err != nil {
			t.Fatalf("push %s: %v", ref, err)
		}
	}
	digest, err := built.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path, text string
		status     int
	}{
		{path: "shop/api/manifests/v1", status: http.StatusOK, text: `"schemaVersion"`},
		{path: "shop/api/manifests/" + digest.String(), status: http.StatusOK, text: `"schemaVersion"`},
		{path: "shop/api/manifests/v2", status: http.StatusNotFound, text: "MANIFEST_UNKNOWN"},
		{path: "shop/web/manifests/v1", status: http.StatusNotFound, text: "NAME_UNKNOWN"},
		{path: "private/api/manifests/v1", status: http.StatusUnauthorized, text: "UNAUTHORIZED"},
	} {
		resp, err := http.Get(url + "/v2/" + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(body), tt.text) {
			t.Errorf("%s: %s %s (%v), want %d with %s", tt.path, resp.Status, body, err, tt.status, tt.text)
		}
	}
	resp, err := http.Get(url + "/v2/private/api/manifests/v1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Basic") {
		t.Error("a private image does not say how to authenticate")
	}
}

func TestLastLines(t *testing.T) {
	for _, tt := range []struct {
		n    int
		want string
	}{{0, ""}, {1, "c\n"}, {2, "b\nc\n"}, {3, "a\nb\nc\n"}, {9, "a\nb\nc\n"}, {-1, ""}} {
		if got := lastLines("a\nb\nc\n", tt.n); got != tt.want {
			t.Errorf("last %d lines are %q, want %q", tt.n, got, tt.want)
		}
	}
}

func TestStatic(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, text + ".absent"} {
		if static(path) {
			t.Errorf("%s was taken for a static program", path)
		}
	}
}
