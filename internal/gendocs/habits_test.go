// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// habit is a row of docs/habits.md.
type habit struct {
	theirs, ours, same string
	oracle             string // what is run for theirs
}

var (
	habitCell = regexp.MustCompile(`(?:[^|\\]|\\.)+`)
	inCode    = regexp.MustCompile("^`(.*)`$")
)

// habits reads the tables of the page.
func habits(t *testing.T) (all []habit) {
	t.Helper()
	page, err := os.ReadFile("../../docs/habits.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(page), "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := habitCell.FindAllString(line, -1)
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), `\|`, "|")
			if m := inCode.FindStringSubmatch(cells[i]); m != nil {
				cells[i] = m[1]
			}
		}
		if len(cells) != 3 && len(cells) != 4 {
			t.Fatalf("%d cells, want three or four: %s", len(cells), line)
		}
		h := habit{cells[0], cells[1], cells[2], cells[0]}
		if len(cells) == 4 {
			h.oracle = cells[3]
		}
		if !strings.HasPrefix(h.ours, "nsinspect ") && h.same != "hint" {
			t.Errorf("what is ours is not in the second column: %s", line)
		}
		all = append(all, h)
	}
	return all
}

// TestHabits runs both commands of each row of docs/habits.md, and compares.
func TestHabits(t *testing.T) {
	all := habits(t)
	if len(all) < 30 {
		t.Fatalf("only %d rows are read", len(all))
	}
	h := startHabitHost(t)
	for _, row := range all {
		t.Run(row.theirs+" = "+row.ours, func(t *testing.T) {
			if row.same == "hint" {
				h.checkHint(t, row)
				return
			}
			theirs, ours := h.run(t, row.oracle), h.run(t, row.ours)
			check := habitChecks[row.same]
			if check == nil {
				t.Fatalf("nothing compares %q", row.same)
			}
			if wrong := check(h, theirs, ours); wrong != "" {
				t.Errorf("%s\n%s:\n%s\n%s:\n%s", wrong, row.oracle, theirs, row.ours, ours)
			}
		})
	}
}

// habitChecks compares the output of two commands, by the third column of the page, and
// returns what is wrong.
var habitChecks = map[string]func(h *habitHost, theirs, ours string) string{
	"namespaces": func(h *habitHost, theirs, ours string) string {
		return different(sorted(h.namespaces(theirs)), sorted(h.namespaces(ours)))
	},
	"namespaces, and more": func(h *habitHost, theirs, ours string) string {
		a, b := h.namespaces(theirs), h.namespaces(ours)
		for _, n := range a {
			if !slices.Contains(b, n) {
				return n + " is missing in ours"
			}
		}
		if len(a) == 0 || len(b) <= len(a) {
			return fmt.Sprintf("%d and %d namespaces: not more", len(a), len(b))
		}
		return ""
	},
	"order": func(h *habitHost, theirs, ours string) string {
		return different(h.namespaces(theirs), h.namespaces(ours))
	},
	"processes": func(_ *habitHost, theirs, ours string) string {
		return different(sorted(processes(theirs)), sorted(processes(ours)))
	},
	"output": func(_ *habitHost, theirs, ours string) string {
		return different(strings.Split(theirs, "\n"), strings.Split(ours, "\n"))
	},
}

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}

// different returns "" if two lists are equal and not empty.
func different(theirs, ours []string) string {
	if len(theirs) == 0 || theirs[0] == "" {
		return "there is nothing to compare"
	}
	if !slices.Equal(theirs, ours) {
		return fmt.Sprintf("different: %v and %v", theirs, ours)
	}
	return ""
}

// habitHost is the host that habits.sh prepares.
type habitHost struct {
	pid   int    // of its first process
	blue  string // a process in the namespace that is named so
	names map[string]string
	known []string // its namespaces, by inode
	env   []string
}

func startHabitHost(t *testing.T) *habitHost {
	t.Helper()
	need.Root(t)
	need.Program(t, "ip", "lsns", "nsenter", "unshare", "setpriv", "ps", "ss")
	testlock.Shared(t)
	bin := t.TempDir()
	if err := os.Rename(program(t), filepath.Join(bin, "program")); err != nil {
		t.Fatal(err)
	}
	// The bpf engine reads the kernel's list too, which has other tests' namespaces.
	wrapper := "#!/bin/sh\nexec " + bin + "/program --engine proc \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "nsinspect"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", bin+"/nshold", "../nstest/cmd/nshold")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build nshold: %v\n%s", err, out)
	}
	h := &habitHost{env: append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TMPDIR=/run", "LC_ALL=C")}
	cmd := exec.Command("sh", "habits.sh")
	cmd.Env, cmd.Stderr = h.env, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL, Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNET, Unshareflags: unix.CLONE_NEWNS,
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() // and with it all in its PID namespace
		cmd.Wait()
	})
	late := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if !late.Stop() || err != nil {
		t.Fatalf("the host is not there: %v", err)
	}
	h.pid, h.blue = cmd.Process.Pid, strings.TrimSpace(line)
	h.learn(t)
	return h
}

// learn reads which namespaces there are, without the program.
func (h *habitHost) learn(t *testing.T) {
	t.Helper()
	h.names = map[string]string{}
	for _, line := range strings.Fields(h.run(t, "cd /run/netns && stat -L -c %n=%i *")) {
		name, inode, _ := strings.Cut(line, "=")
		h.names[name] = inode
		h.known = append(h.known, inode)
	}
	links := h.run(t, `find /proc/[0-9]*/task/*/ns -type l ! -name '*children' -printf '%l\n' | sort -u`)
	for _, m := range regexp.MustCompile(`\[(\d+)\]`).FindAllStringSubmatch(links, -1) {
		h.known = append(h.known, m[1])
	}
	if len(h.names) != 3 || len(h.known) < 15 {
		t.Fatalf("the host has the names %v and the namespaces %v", h.names, h.known)
	}
}

// command returns a command on the host.
func (h *habitHost) command(args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"-t", strconv.Itoa(h.pid), "-m", "-p", "-n", "--"}, args...)...)
	cmd.Env = h.env
	return cmd
}

// checkHint runs what is typed out of habit: it is refused, in two lines of which the second
// has what is typed here.
func (h *habitHost) checkHint(t *testing.T, row habit) {
	t.Helper()
	cmd := h.command("sh", "-c", row.theirs)
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || len(lines) != 2 || !strings.HasPrefix(lines[1], "hint: ") || !strings.Contains(lines[1], row.ours) {
		t.Errorf("%v, want status 2 and the hint %s:\n%s", err, row.ours, out)
	}
}

// run runs a row's command on the host, with what is there in place of the examples.
func (h *habitHost) run(t *testing.T, command string) string {
	t.Helper()
	command = strings.NewReplacer("4026532177", h.names["blue"], "4242", h.blue).Replace(command)
	cmd := h.command("sh", "-c", command)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, stderr.String())
	}
	return string(out)
}

var (
	hostWord = regexp.MustCompile(`\w+`)
	jsonNS   = regexp.MustCompile(`"ns": \d+|"type": "\w+",\s*"inode": \d+`) // of lsns, and ours
)

// namespaces returns those of the host that an output has, by inode or name, in the order
// in which they are first there.
func (h *habitHost) namespaces(out string) (all []string) {
	if strings.HasPrefix(out, "{") {
		out = strings.Join(jsonNS.FindAllString(out, -1), "\n")
	}
	for _, word := range hostWord.FindAllString(out, -1) {
		if inode, ok := h.names[word]; ok {
			word = inode
		}
		if slices.Contains(h.known, word) && !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

var (
	pidTitle  = regexp.MustCompile(`(?:^|\s)PID(?:\s|$)`)
	pidAlone  = regexp.MustCompile(`(?m)^ *(\d+)(?: +40\d{8})? *$`) // and the namespace, of ps
	lastDigit = regexp.MustCompile(`\d+$`)
)

// processes returns the process IDs that an output has: below PID or, where nothing has
// that title, alone on their lines.
func processes(out string) (all []string) {
	lines := strings.Split(out, "\n")
	for i, title := range lines {
		at := pidTitle.FindStringIndex(title)
		if at == nil {
			continue
		}
		end := strings.Index(title[at[0]:], "PID") + at[0] + len("PID") // right-aligned
		for _, line := range lines[i+1:] {
			if len(line) < end {
				break
			}
			if pid := lastDigit.FindString(line[:end]); pid != "" && !slices.Contains(all, pid) {
				all = append(all, pid)
			}
		}
		return all
	}
	for _, m := range pidAlone.FindAllStringSubmatch(out, -1) {
		all = append(all, m[1])
	}
	return all
}
