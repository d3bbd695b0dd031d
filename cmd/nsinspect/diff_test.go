// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// fakeSnapshots are snapshots by the last element of a file's name, which has no other
// content: "same", and "0" to "9" for those of every hour, with one namespace more each.
func fakeSnapshots(_ context.Context, file string, _ openFile) (*snapshot.File, error) {
	name := strings.TrimSuffix(filepath.Base(file), ".json.gz")
	hour := 0
	if name != "-" && name != "." { // stdin, or the machine
		if _, err := fmt.Sscanf(name, "%d", &hour); err != nil {
			return nil, fmt.Errorf("%s: it is not a snapshot", file)
		}
	}
	s := &ns.Snapshot{
		Taken: time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC), Root: "/", Engine: "bpf", Machine: ns.Machine{Host: "node1", MachineID: "m", BootID: "b"},
		Sources: []string{"process", "thread", "kernel", "mount", "name"}, Types: []ns.Type{ns.Net}, NamesDirs: []string{"/run/netns"},
	}
	for i := range hour {
		path := fmt.Sprintf("/run/netns/lab%d", i)
		s.Namespaces = append(s.Namespaces, ns.Namespace{
			Type: ns.Net, Inode: uint64(100 + i), Cookie: uint64(1 + i), Names: []ns.Name{{Name: filepath.Base(path), Path: path, Kind: ns.NameMount, Authority: ns.RootAuthority}},
			Holders: []ns.Holder{{Kind: ns.KindMount, Path: path, FD: -1}},
		})
	}
	return &snapshot.File{Snapshot: s}, nil
}

func runSnapshots(args ...string) (status int, stdout, stderr string) {
	var out, errOut bytes.Buffer
	a := &app{stdout: &out, stderr: &errOut, openSnapshot: fakeSnapshots}
	status = a.run(context.Background(), args)
	return status, out.String(), errOut.String()
}

func TestDiffStatus(t *testing.T) {
	for _, tt := range []struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		{[]string{"0", "0"}, 0, "", "nsinspect: not compared, as neither has it: "},
		{[]string{"0", "2"}, 1, "+ net:[100] (lab0): 1 mount\n+ net:[101] (lab1): 1 mount\n2 created\n", ""},
		{[]string{"2", "-"}, 1, "2 freed\n", ""},
		{[]string{"1"}, 1, "+++ the running machine  ", ""},
		{[]string{"1", "3", "--filter", "names == lab2 and change == created"}, 1, "\n1 created\n", ""},
		{[]string{"1", "3", "--filter", "change == freed"}, 0, "", ""},
		{[]string{"1", "3", "-o", "json"}, 1, `"change": "created"`, ""},
		{[]string{"3", "3", "-o", "yaml", "--ignore", "none"}, 0, "\nsame: true\n", ""},
		{[]string{"1", "nosuch"}, 2, "", "nsinspect: nosuch: it is not a snapshot\n"},
		{[]string{}, 2, "", "missing snapshot\nhint: "},
		{[]string{"1", "2", "3"}, 2, "", "two snapshots at most"},
		{[]string{"-", "-"}, 2, "", "both snapshots are stdin"},
		{[]string{"1", ""}, 2, "", "empty file name"},
		{[]string{"1", "2", "--ignore", "links,none"}, 2, "", "none stands alone"},
		{[]string{"1", "2", "--ignore", "people"}, 2, "", "no part \"people\"\nhint: use processes, holders, "},
		{[]string{"1", "2", "--ignore", ""}, 2, "", "no part is named"},
		{[]string{"1", "2", "--filter", "colour == red"}, 2, "", "bad filter"},
		{[]string{"1", "2", "-o", "csv"}, 2, "", "unknown output format"},
		{[]string{"1", "2", "--nosuch"}, 2, "", "unknown flag"},
		{[]string{"1", "2", "--root", "/"}, 2, "", "--root is for reading this machine, and diff reads only files here\nhint: leave it out\n"},
	} {
		status, stdout, stderr := runSnapshots(append([]string{"diff"}, tt.args...)...)
		if status != tt.status || !strings.Contains(stdout, tt.stdout) || tt.stdout == "" && stdout != "" || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%q: status %d, want %d\n%s%s", tt.args, status, tt.status, stdout, stderr)
		}
		if strings.HasPrefix(stdout, "{") {
			if err := wiretest.Validate([]byte(stdout)); err != nil {
				t.Error(err)
			}
		}
	}
	a := &app{stdout: fullWriter{}, stderr: &bytes.Buffer{}, openSnapshot: fakeSnapshots}
	if status := a.run(context.Background(), []string{"diff", "1", "2"}); status != exitTrouble {
		t.Errorf("a full disk: status %d", status)
	}
}

func TestLeaksStatus(t *testing.T) {
	dir := t.TempDir()
	dirWith := func(sub string, names ...string) string {
		path := filepath.Join(dir, sub)
		err := os.Mkdir(path, 0o700)
		for _, name := range names {
			err = errors.Join(err, os.WriteFile(filepath.Join(path, name), nil, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	grows := dirWith("grows", "1.json.gz", "2.json.gz", "3.json.gz", "5.json.gz", "README")
	if err := os.Mkdir(filepath.Join(grows, "4.json.gz"), 0o700); err != nil { // a directory is no file of it
		t.Fatal(err)
	}
	still, none := dirWith("still", "2.json.gz", "README"), dirWith("none", "README")
	for _, tt := range []struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		{[]string{grows}, 1, "grew last  by 2 between " + grows + "/3.json.gz and " + grows + "/5.json.gz\n", "skipped " + grows + "/README: "},
		{[]string{grows, "-o", "json"}, 1, `"names": "lab*"`, ""},
		{[]string{grows, grows + "/3.json.gz"}, 1, "grew", "skipped " + grows + "/3.json.gz: the same snapshot"},
		{[]string{still}, 0, "", "too few snapshots"},
		{[]string{still, "-o", "yaml"}, 0, "\nseries:\n", ""},
		{[]string{none}, 2, "", "skipped " + none + "/README: "},
		{[]string{none}, 2, "", "no snapshot that can be used in " + none + "\n"},
		{[]string{grows, still + "/README"}, 2, "", "it is not a snapshot\n"},
		{[]string{dir + "/nosuch"}, 2, "", "no such file"},
		{[]string{}, 2, "", "missing snapshots\nhint: "},
		{[]string{"-"}, 2, "", "is not a file or directory"},
		{[]string{grows, "--engine", "proc"}, 2, "", "--engine is for reading this machine, and leaks reads only files here\nhint: leave it out\n"},
		{[]string{grows, "-o", "csv"}, 2, "", "unknown output format"},
	} {
		status, stdout, stderr := runSnapshots(append([]string{"leaks"}, tt.args...)...)
		if status != tt.status || !strings.Contains(stdout, tt.stdout) || tt.stdout == "" && stdout != "" || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%q: status %d, want %d\n%s%s", tt.args, status, tt.status, stdout, stderr)
		}
		if strings.HasPrefix(stdout, "{") {
			if err := wiretest.Validate([]byte(stdout)); err != nil {
				t.Error(err)
			}
		}
	}
}
