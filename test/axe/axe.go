// Package axe gives tests of pages the script of axe-core, which finds what people who cannot see or point would stumble over.
package axe

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Run is JavaScript that gives the violations of the page that the script is in, a text each: those of the impacts that are listed, or
// all of them when there is none.
func Run(impacts ...string) string {
	wanted, err := json.Marshal(append([]string{}, impacts...))
	if err != nil {
		panic(err) // of strings it never fails
	}
	return fmt.Sprintf(`axe.run(document, { resultTypes: ["violations"] }).then((result) => result.violations
		.filter((violation) => %[1]s.length === 0 || %[1]s.includes(violation.impact))
		.flatMap((violation) => violation.nodes.map((node) => violation.id + ": " + node.html.slice(0, 200) + "\n" + node.failureSummary)))`, wanted)
}

// Source is axe-core as an npm lock file pins it, fetched once by npm into the user's cache. Anything amiss ends the test.
func Source(t testing.TB, lockFile string) string {
	t.Helper()
	var lock struct {
		Packages map[string]struct{ Version, Integrity string }
	}
	raw, err := os.ReadFile(lockFile)
	if err == nil {
		err = json.Unmarshal(raw, &lock)
	}
	if err != nil {
		t.Fatal(err)
	}
	axe := lock.Packages["node_modules/axe-core"]
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "autopilot")
	packed := filepath.Join(cache, "axe-core-"+axe.Version+".tgz")
	if _, err := os.Stat(packed); errors.Is(err, os.ErrNotExist) {
		if err := fetch(cache, packed, axe.Version); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(content)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != axe.Integrity {
		t.Fatalf("%s has integrity %s, and %s asks for %s; remove the file", packed, got, lockFile, axe.Integrity)
	}
	source, err := unpack(content, "package/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// fetch asks npm, into a folder of its own: tests of two packages may ask at once.
func fetch(cache, packed, version string) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(cache, "axe-core-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out, err := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, "axe-core@"+version).CombinedOutput()
	if err != nil {
		return fmt.Errorf("axe-core cannot be fetched (it needs npm: apt-get install npm): %w\n%s", err, out)
	}
	return os.Rename(filepath.Join(dir, filepath.Base(packed)), packed)
}

func unpack(tgz []byte, name string) (string, error) {
	plain, err := gzip.NewReader(bytes.NewReader(tgz))
	if err != nil {
		return "", err
	}
	for files := tar.NewReader(plain); ; {
		header, err := files.Next()
		if err != nil {
			return "", fmt.Errorf("no %s: %w", name, err)
		}
		if strings.TrimPrefix(header.Name, "./") == name {
			source, err := io.ReadAll(files)
			return string(source), err
		}
	}
}
