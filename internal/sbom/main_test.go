// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

func TestMaterials(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Main:      debug.Module{Path: "example.org/tool", Version: "v1.0.0+dirty"},
		Deps: []*debug.Module{
			{Path: "example.org/a", Version: "v1.2.3", Sum: "h1:x="},
			{Path: "example.org/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/new", Version: "v2.0.0"}},
		},
	}
	text, err := json.Marshal(materials(info))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"bomFormat":"CycloneDX","specVersion":"1.5"`, `"purl":"pkg:golang/example.org/tool@v1.0.0%2Bdirty"`,
		`"name":"example.org/a","version":"v1.2.3","purl":"pkg:golang/example.org/a@v1.2.3","properties":[{"name":"go:sum","value":"h1:x="}]`,
		`"name":"example.org/new"`, `"purl":"pkg:golang/std@1.26.8"`, `"dependsOn":["pkg:golang/example.org/a@v1.2.3","pkg:golang/example.org/new@v2.0.0","pkg:golang/std@1.26.8"]`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(string(text), "example.org/old") {
		t.Errorf("lists what was replaced: %s", text)
	}
}

func TestAppendLicences(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	if err := appendLicences(&out, dir); err == nil {
		t.Error("found a licence where there is none")
	}
	for _, name := range []string{"NOTICE", "LICENSE.txt", "README"} {
		if err := os.WriteFile(dir+"/"+name, []byte(name+" text\n\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := appendLicences(&out, dir); err != nil || out.String() != "LICENSE.txt text\nNOTICE text\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
