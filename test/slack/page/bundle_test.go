package page_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/test/slack/page"
)

// TestBundleIsBuiltFromTheseSources holds dist to src without Node: the build wrote the hash of everything that went
// in and of everything that came out.
func TestBundleIsBuiltFromTheseSources(t *testing.T) {
	names := []string{
		"build.mjs", "package.json", "package-lock.json", "tsconfig.json",
		"dist/index.html", "dist/licenses.txt", "dist/page.css", "dist/page.js",
	}
	err := filepath.WalkDir("src", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var now []string
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		now = append(now, fmt.Sprintf("%x  %s", sha256.Sum256(content), name))
	}
	manifest, err := os.ReadFile("dist/manifest.txt")
	if err != nil {
		t.Fatal(err)
	}
	built := strings.Split(strings.TrimSpace(string(manifest)), "\n")
	if diff := cmp.Diff(now, built); diff != "" {
		t.Errorf("the bundle was not built from these sources; run go generate ./test/slack/page (-now +built):\n%s", diff)
	}
}

func TestBundleIsSmallAndPlain(t *testing.T) {
	entries, err := os.ReadDir("dist")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var size int64
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, entry.Name())
		if !strings.HasSuffix(entry.Name(), ".txt") { // those are not served
			size += info.Size()
		}
	}
	if diff := cmp.Diff([]string{"index.html", "licenses.txt", "manifest.txt", "page.css", "page.js"}, names); diff != "" {
		t.Errorf("files in dist (-want +got):\n%s", diff)
	}
	if limit := int64(1_200_000); size > limit {
		t.Errorf("the bundle has %d bytes, more than %d", size, limit)
	}
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(lock)); lines.Scan(); {
		if strings.Contains(lines.Text(), `"resolved"`) {
			t.Errorf("the lock file names a registry: %s", lines.Text())
		}
	}
}

func TestHandler(t *testing.T) {
	handler := page.Handler()
	for _, tc := range []struct {
		method, path string
		status       int
		contentType  string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/?user=U1", 200, "text/html; charset=utf-8"},
		{"GET", "/page.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/page.css", 200, "text/css; charset=utf-8"},
		{"GET", "/manifest.txt", 404, ""},
		{"GET", "/index.html", 404, ""},
		{"GET", "/licenses.txt", 404, ""},
		{"POST", "/", 405, ""},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(tc.method, tc.path, nil))
			if status := w.Code; status != tc.status {
				t.Fatalf("status %d, want %d", status, tc.status)
			}
			if tc.contentType == "" {
				return
			}
			if got := w.Header().Get("Content-Type"); got != tc.contentType {
				t.Errorf("Content-Type %q, want %q", got, tc.contentType)
			}
			policy := w.Header().Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'self'"} {
				if !strings.Contains(policy, part) {
					t.Errorf("the policy %q lacks %q", policy, part)
				}
			}
			if strings.Contains(policy, "unsafe") {
				t.Errorf("the policy %q allows what is unsafe", policy)
			}
		})
	}
}

func TestHandlerAnswersNotModified(t *testing.T) {
	first := httptest.NewRecorder()
	page.Handler().ServeHTTP(first, httptest.NewRequest("GET", "/page.js", nil))
	again := httptest.NewRequest("GET", "/page.js", nil)
	again.Header.Set("If-None-Match", first.Header().Get("ETag"))
	second := httptest.NewRecorder()
	page.Handler().ServeHTTP(second, again)
	if second.Code != http.StatusNotModified || second.Body.Len() != 0 {
		t.Errorf("status %d with %d bytes, want 304 with none", second.Code, second.Body.Len())
	}
}
