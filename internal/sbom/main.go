// SPDX-License-Identifier: Apache-2.0

// Command sbom writes down what a Go program is made of, from what the Go tool
// wrote into it: a bill of materials (CycloneDX 1.5), and the licences of all that
// is linked in. The same program gives the same bytes.
//
//	go run ./internal/sbom PROGRAM sbom.json copyright
package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/sbom PROGRAM SBOM COPYRIGHT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(program, sbom, copyright string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return fmt.Errorf("read what the program is built of: %w", err)
	}
	text, err := json.MarshalIndent(materials(info), "", "  ")
	if err != nil {
		return fmt.Errorf("write bill of materials: %w", err)
	}
	if err := os.WriteFile(sbom, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write bill of materials: %w", err)
	}
	licences, err := licencesOf(info)
	if err != nil {
		return err
	}
	if err := os.WriteFile(copyright, licences, 0o644); err != nil {
		return fmt.Errorf("write licences: %w", err)
	}
	return nil
}

// bom is what is used here of CycloneDX 1.5.
type bom struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// materials lists the program, the modules in it with their checksums in the
// manner of go.sum, and the toolchain, whose library is linked in too.
func materials(info *debug.BuildInfo) bom {
	b := bom{Format: "CycloneDX", Spec: "1.5", Version: 1}
	b.Metadata.Component = module("application", info.Main)
	for _, s := range info.Settings {
		b.Metadata.Component.Properties = append(b.Metadata.Component.Properties, property{"go:" + s.Key, s.Value})
	}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		b.Components = append(b.Components, module("library", *d))
	}
	version := strings.TrimPrefix(info.GoVersion, "go")
	b.Components = append(b.Components, component{
		Type: "library", Ref: "pkg:golang/std@" + version, Name: "std", Version: version, PURL: "pkg:golang/std@" + version,
	})
	all := dependency{Ref: b.Metadata.Component.Ref}
	for _, c := range b.Components {
		all.On = append(all.On, c.Ref)
	}
	b.Dependencies = []dependency{all}
	return b
}

func module(kind string, m debug.Module) component {
	purl := "pkg:golang/" + m.Path + "@" + strings.ReplaceAll(m.Version, "+", "%2B")
	c := component{Type: kind, Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
	if m.Sum != "" {
		c.Properties = []property{{"go:sum", m.Sum}}
	}
	return c
}

// licencesOf puts together our own licence and those of everything linked in.
func licencesOf(info *debug.BuildInfo) ([]byte, error) {
	var out bytes.Buffer
	own, err := os.ReadFile("LICENSE")
	if err != nil {
		return nil, fmt.Errorf("read own licence: %w", err)
	}
	out.WriteString("nsinspect is under the Apache License 2.0. The BPF programs in it, which are of the\n" +
		"directory bpf/ of its source, are GPL-2.0-only OR BSD-2-Clause. What else is\n" +
		"linked in stands below, with its licence.\n\n")
	out.Write(own)
	type part struct{ name, dir string }
	var parts []part
	for _, d := range info.Deps {
		dir, err := goTool("list", "-m", "-f", "{{.Dir}}", d.Path)
		if err != nil {
			return nil, fmt.Errorf("find module %s: %w", d.Path, err)
		}
		parts = append(parts, part{d.Path + " " + d.Version, dir})
	}
	root, err := goTool("env", "GOROOT")
	if err != nil {
		return nil, fmt.Errorf("find the Go library: %w", err)
	}
	for _, p := range append(parts, part{"the Go library, " + info.GoVersion, root}) {
		fmt.Fprintf(&out, "\n%s\n%s\n\n", strings.Repeat("=", 72), p.name)
		if err := appendLicences(&out, p.dir); err != nil {
			return nil, fmt.Errorf("find the licence of %s: %w", p.name, err)
		}
	}
	return out.Bytes(), nil
}

func goTool(args ...string) (string, error) {
	out, err := exec.Command("go", args...).Output()
	return strings.TrimSpace(string(out)), err
}

// appendLicences adds the licence and notice files of a directory.
func appendLicences(out *bytes.Buffer, dir string) error {
	var files []string
	for _, pattern := range []string{"LICENSE*", "LICENCE*", "COPYING*", "NOTICE*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return errors.New("no such file")
	}
	slices.Sort(files)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		out.Write(bytes.TrimSpace(text))
		out.WriteString("\n")
	}
	return nil
}
