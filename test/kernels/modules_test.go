// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
)

// What a kernel is to unpack, cpio unpacks.
func TestArchive(t *testing.T) {
	need.Program(t, "cpio")
	from := t.TempDir()
	if err := os.MkdirAll(filepath.Join(from, "a/b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "a/b/run"), []byte("odd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("b/run", filepath.Join(from, "a/link")); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := newArchive(&out)
	a.tree(from, "/")
	a.file("/etc/deep/file", 0o644, []byte("12345"))
	if err := a.end(); err != nil {
		t.Fatal(err)
	}
	list := exec.Command("cpio", "-itv", "--quiet")
	list.Stdin = &out
	got, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	for _, want := range []string{"drwxr-xr-x", " a/b/run\n", "-rwxr-xr-x", " a/link -> b/run\n", " etc/deep/file\n", " 5 "} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

func TestModulesOf(t *testing.T) {
	root := t.TempDir()
	if got, err := modulesOf(root, []string{"tun"}); err != nil || len(got) != 0 {
		t.Errorf("of a kernel that has it built in: %q, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(root, "tun.ko"), []byte("no ELF"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := modulesOf(root, []string{"tun"}); err == nil {
		t.Error("a broken module is no error")
	}
}
