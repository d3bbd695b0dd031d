// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// printed runs a command, and returns what it prints, with its exit status.
func printed(args ...string) string {
	var stdout, stderr bytes.Buffer
	status := run(args, &stdout, &stderr, os.Environ())
	return fmt.Sprintf("%s\n%s\nexit status %d", stdout.String(), stderr.String(), status)
}

// times are what two looks at one machine have in different words.
var times = []*regexp.Regexp{
	regexp.MustCompile(`"taken": ".*"`),
	regexp.MustCompile(`\b([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?( old)? by (boot|name|file|process)\b`),
	regexp.MustCompile(`kworker/[^]"]*`), // it has what it does now in its name
	regexp.MustCompile(` +\n`),           // the last column may be narrower
}

var asOfLine = regexp.MustCompile(`(?m)^as of .*\n`)

func timeless(text string) string {
	text = asOfLine.ReplaceAllString(text, "")
	for _, t := range times {
		text = t.ReplaceAllString(text, "\n")
	}
	return regexp.MustCompile(`  +`).ReplaceAllString(text, "  ") // and so may others
}

// fromFile takes a snapshot, and returns a command's output by it.
func fromFile(t *testing.T, file string, args ...string) string {
	t.Helper()
	return printed(append(args, "--from", file)...)
}

func takeSnapshot(t *testing.T, more ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "snapshot.json.gz")
	if got := printed(append([]string{"snapshot", "-o", file}, more...)...); !strings.HasSuffix(got, "exit status 0") {
		t.Fatal(got)
	}
	return file
}

// compareWithFile compares what a command prints live, before a snapshot is taken by an engine,
// with what it prints from that. Where the machine has changed meanwhile it looks again.
func compareWithFile(t *testing.T, engine string, commands ...[]string) {
	t.Helper()
	nstest.Eventually(t, func() string {
		var before []string
		for _, c := range commands {
			before = append(before, timeless(printed(append(c, "--engine", engine)...)))
		}
		file := takeSnapshot(t, "--engine", engine)
		for i, c := range commands {
			if diff := cmp.Diff(before[i], timeless(fromFile(t, file, c...))); diff != "" {
				return fmt.Sprintf("%s --from is not what it is live (-live +file):\n%s", strings.Join(c, " "), diff)
			}
		}
		return ""
	})
}

// What who-uses answers from a file is what it answers live, for whatever holds a namespace.
func TestRoundTripOfScenes(t *testing.T) {
	need.Root(t)
	testlock.Exclusive(t)
	var refs []string
	for _, kind := range nstest.Kinds() {
		refs = append(refs, fmt.Sprintf("net:[%d]", nstest.Make(t, kind).Inode))
	}
	var commands [][]string
	for _, format := range []string{"table", "wide", "json"} {
		for _, command := range []string{"who-uses", "list"} {
			commands = append(commands, append([]string{command, "-o", format}, refs...))
		}
	}
	compareWithFile(t, "auto", commands...)
}

// And so it is with lists of everything, and doctor, whose checks cannot all see everything here:
// the bpf engine would see what other tests make and end all the time.
func TestRoundTripOfTheMachine(t *testing.T) {
	need.Root(t)
	if !nstest.OwnPIDs(t) {
		return
	}
	testlock.Exclusive(t)
	nstest.Make(t, nstest.Mount)
	nstest.Make(t, nstest.Thread)
	nstest.Make(t, nstest.Veth)
	compareWithFile(t, "proc", []string{"list"}, []string{"list", "-o", "wide", "--type", "all"}, []string{"list", "-o", "json"},
		[]string{"list", "-o", "csv", "--type", "mnt,user,pid"}, []string{"list", "--tree", "owner"}, []string{"list", "--no-process", "--sort", "-inode"},
		[]string{"who-uses", "host"}, []string{"who-uses", "host", "--type", "pid", "-o", "json"}, []string{"who-uses", "--dev", "lo"},
		[]string{"doctor"}, []string{"doctor", "-o", "json"}, []string{"doctor", "--type", "all", "--skip", "no-process"})
}

// A snapshot in memory, as diff takes one of the running machine, is the same as its file.
func TestFileIsTheSame(t *testing.T) {
	need.Root(t)
	testlock.Exclusive(t)
	for _, kind := range nstest.Kinds() {
		nstest.Make(t, kind)
	}
	for _, engine := range []string{"auto", "proc"} {
		a := &app{stdout: io.Discard, stderr: io.Discard, root: "/", engine: engine}
		live, err := a.takeWhole(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		live.Snapshot.Dangling = append(live.Snapshot.Dangling, ns.DanglingName{Path: "/run/netns/x", Kind: ns.NameSymlink, Target: "y", Authority: ns.RootAuthority})
		var text bytes.Buffer
		if err := live.Write(&text, snapshot.Encoding{}, func() (*doctor.Report, error) { return live.Report, nil }); err != nil {
			t.Fatal(err)
		}
		file, err := snapshot.Read(&text)
		if err != nil {
			t.Fatal(err)
		}
		for _, two := range [][2]*snapshot.File{{live, file}, {file, live}} {
			d := snapshot.Compare(two[0], two[1], snapshot.Options{})
			if !d.Same() {
				var out bytes.Buffer
				_ = render.Diff(&out, d, render.DiffNames{}, render.Table, render.Style{}) // a buffer takes all
				t.Errorf("engine %s:\n%s", engine, &out)
			}
			for _, u := range d.Unread {
				if u.Old != u.New {
					t.Errorf("engine %s: one has not read %s", engine, u.What)
				}
			}
		}
	}
}
