package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// document is an SPDX 2.3 document, as far as one says what a Go program is made of.
type document struct {
	Version       string         `json:"spdxVersion"`
	License       string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Creation      creation       `json:"creationInfo"`
	Packages      []spdxPackage  `json:"packages"`
	Relationships []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	ID        string     `json:"SPDXID"`
	Name      string     `json:"name"`
	Version   string     `json:"versionInfo"`
	Location  string     `json:"downloadLocation"`
	Analyzed  bool       `json:"filesAnalyzed"`
	Supplier  string     `json:"supplier"`
	Checksums []checksum `json:"checksums,omitempty"`
	External  []external `json:"externalRefs,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type external struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

// spdx lists the modules that a program was linked with, as the linker wrote them into it.
func spdx(name, version, file string) ([]byte, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("what %s is made of: %w", file, err)
	}
	program, err := os.ReadFile(file) //nolint:gosec // It was just built.
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(program)
	const root = "SPDXRef-program"
	d := document{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: name + "-" + version,
		Namespace: "https://" + module + "/spdx/" + name + "/" + hex.EncodeToString(sum[:]),
		// The same program gives the same document, so no clock is asked.
		Creation: creation{Created: "1970-01-01T00:00:00Z", Creators: []string{"Tool: " + module + "/deploy/image"}},
		Packages: []spdxPackage{
			{
				ID: root, Name: module + strings.TrimPrefix(info.Path, module), Version: version, Location: "git+https://" + module, Supplier: "Organization: Autopilot",
				Checksums: []checksum{{"SHA256", hex.EncodeToString(sum[:])}},
			},
			goPackage(0, "stdlib", strings.TrimPrefix(info.GoVersion, "go")),
		},
		Relationships: []relationship{{"SPDXRef-DOCUMENT", "DESCRIBES", root}},
	}
	for i, dep := range info.Deps {
		dep = cmp.Or(dep.Replace, dep)
		d.Packages = append(d.Packages, goPackage(i+1, dep.Path, dep.Version))
	}
	for _, p := range d.Packages[1:] {
		d.Relationships = append(d.Relationships, relationship{root, "DEPENDS_ON", p.ID})
	}
	return json.MarshalIndent(d, "", " ")
}

func goPackage(n int, path, version string) spdxPackage {
	return spdxPackage{
		ID: fmt.Sprintf("SPDXRef-module-%d", n), Name: path, Version: version, Location: "https://proxy.golang.org/" + path, Supplier: "NOASSERTION",
		External: []external{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + path + "@" + version}},
	}
}
