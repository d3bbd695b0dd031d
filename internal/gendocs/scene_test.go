// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

func TestOnly(t *testing.T) {
	keep := map[uint64]bool{4026532177: true}
	tests := map[string]struct{ in, want string }{
		"table": {
			"     INODE  NAMES\n4026531833  (host)\n4026532177  blue\nnsinspect: a note\n",
			"     INODE  NAMES\n4026532177  blue\nnsinspect: a note\n",
		},
		"table of types": {"net   4026531833  -\nmnt   4026532177  -\n", "mnt   4026532177  -\n"},
		"names":          {"net:[4026531833]\nnet:[4026532177]\n", "net:[4026532177]\n"},
		"JSON": {
			"{\n  \"gaps\": [\n    {\n      \"path\": \"p\"\n    }\n  ],\n  \"namespaces\": [\n" +
				"    {\n      \"inode\": 4026532177,\n      \"names\": []\n    },\n" +
				"    {\n      \"inode\": 4026531833,\n      \"names\": []\n    }\n  ]\n}\nnote\n",
			"{\n  \"gaps\": [\n    {\n      \"path\": \"p\"\n    }\n  ],\n  \"namespaces\": [\n" +
				"    {\n      \"inode\": 4026532177,\n      \"names\": []\n    }\n  ]\n}\nnote\n",
		},
		"YAML": {
			"gaps:\n- path: p\nnamespaces:\n- holders:\n    fd: 0\n  inode: 4026531833\n- holders:\n    fd: 0\n  inode: 4026532177\nschema: s\n",
			"gaps:\n- path: p\nnamespaces:\n- holders:\n    fd: 0\n  inode: 4026532177\nschema: s\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := only(test.in, keep); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// generator builds this program and returns a command for it whose processes
// can be distinguished from any other's.
func generator(t *testing.T, page string) (cmd *exec.Cmd, left func() []string) {
	t.Helper()
	program(t) // so that the scene, which has the machine alone, finds all but the link in the cache
	exe := filepath.Join(t.TempDir(), "gendocs")
	if out, err := exec.Command("go", "build", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("build gendocs: %v\n%s", err, out)
	}
	mark := fmt.Sprintf("NSINSPECT_TEST_MARK=%d-%d", os.Getpid(), time.Now().UnixNano())
	cmd = exec.Command(exe, "-o", page)
	cmd.Env = append(os.Environ(), mark)
	cmd.Stderr = os.Stderr
	return cmd, func() []string { return marked(mark) }
}

// marked lists the command lines of the processes with an environment entry.
func marked(mark string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		env, err := os.ReadFile(f)
		if err != nil || !slices.Contains(strings.Split(string(env), "\x00"), mark) {
			continue
		}
		if line, err := os.ReadFile(filepath.Join(filepath.Dir(f), "cmdline")); err == nil && len(line) > 0 {
			found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
	}
	return found
}

var (
	digits = regexp.MustCompile(`\d+`)
	status = regexp.MustCompile(`(?m)^[#$] (nsinspect.*)$|^[#$] echo \$\?\n(\d+)$`)
)

// outcomes lists the commands of a page with their exit statuses.
func outcomes(page string) []string {
	var all []string
	for _, m := range status.FindAllStringSubmatch(page, -1) {
		if m[2] != "" {
			all[len(all)-1] += " -> " + m[2]
			continue
		}
		all = append(all, digits.ReplaceAllString(m[1], "N"))
	}
	return all
}

func TestPageMatchesRun(t *testing.T) {
	need.Root(t)
	file := filepath.Join(t.TempDir(), "usage.md")
	cmd, left := generator(t, file)
	testlock.Exclusive(t) // its scene has names and addresses that others may have
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, want := outcomes(string(page)), outcomes(readPage(t))
	if len(got) < 20 {
		t.Errorf("only %d commands were run", len(got))
	}
	if !slices.Equal(got, want) {
		t.Errorf("commands or exit statuses are not those of docs/usage.md%s:\ngot  %q\nwant %q", again, got, want)
	}
	for _, want := range []string{"  blue ", "  web ", "1 thread ", "(host)"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the new page does not have %q", want)
		}
	}
	until(t, "all its processes to end", func() bool { return len(left()) == 0 })
}

func TestKilledLeavesNothingBehind(t *testing.T) {
	need.Root(t)
	cmd, left := generator(t, filepath.Join(t.TempDir(), "usage.md"))
	testlock.Exclusive(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the scene to be played", func() bool {
		return slices.ContainsFunc(left(), func(c string) bool { return strings.HasPrefix(c, "agent") })
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	until(t, "all its processes to end", func() bool { return len(left()) == 0 })
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
