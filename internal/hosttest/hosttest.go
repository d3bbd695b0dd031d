// SPDX-License-Identifier: Apache-2.0

// Package hosttest makes fake machines: trees with a /proc, /run and all, read
// with --root, that need no root to make. A machine is a txtar archive whose
// file names give the kind of each entry:
//
//	-- proc/42/cmdline --             a file with the text below; "\z" is a NUL byte
//	-- proc/42/ns/net -> net:[4026532177] --  a symlink
//	-- run/netns/pipe (fifo) --       a FIFO
//	-- run/netns (dir) --             an empty directory
//	-- proc/42 (process) --           a process; the text gives its fields, see process
//
// A last newline is not part of a file.
package hosttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"golang.org/x/tools/txtar"
)

// New unpacks a machine into a directory of the test's own, and returns it.
func New(t testing.TB, archive string) string {
	t.Helper()
	dir := t.TempDir()
	if err := Unpack(dir, []byte(archive)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Unpack makes the machine of an archive in dir.
func Unpack(dir string, archive []byte) error {
	for _, f := range txtar.Parse(archive).Files {
		if err := unpack(dir, f.Name, strings.TrimSuffix(string(f.Data), "\n")); err != nil {
			return fmt.Errorf("make %s: %w", f.Name, err)
		}
	}
	return nil
}

func unpack(dir, entry, text string) error {
	name, target, isLink := strings.Cut(entry, " -> ")
	name, kind, hasKind := strings.Cut(name, " (")
	path := filepath.Join(dir, unescape(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch {
	case isLink:
		return os.Symlink(target, path)
	case !hasKind:
		return os.WriteFile(path, []byte(unescape(text)), 0o644)
	case kind == "dir)":
		return os.MkdirAll(path, 0o755)
	case kind == "closed dir)":
		return os.Mkdir(path, 0)
	case kind == "fifo)":
		return unix.Mkfifo(path, 0o644)
	case kind == "process)":
		return process(path, text)
	}
	return fmt.Errorf("unknown kind of entry %q", kind)
}

var unescape = strings.NewReplacer(`\z`, "\x00", `\n`, "\n", `\e`, "\x1b", `\xff`, "\xff").Replace

// process makes /proc/PID, or /proc/PID/task/TID, of lines "field value":
//
//	comm sleep       the name
//	cmdline sleep 1  the arguments, split at spaces
//	start 1200       clock ticks after boot
//	uid 1000
//	flags 2097152    PF_KTHREAD and its like
//	net 4026531833   one namespace link for each such line
func process(path, text string) error {
	if err := os.MkdirAll(filepath.Join(path, "ns"), 0o755); err != nil {
		return err
	}
	field := map[string]string{"comm": "fake", "start": "100", "uid": "0", "flags": "0"}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		field[key] = unescape(value)
	}
	id := filepath.Base(path)
	cmdline := ""
	if c := field["cmdline"]; c != "" {
		cmdline = strings.ReplaceAll(c, " ", "\x00") + "\x00"
	}
	files := map[string]string{
		"comm":    field["comm"] + "\n",
		"cmdline": cmdline,
		"stat": fmt.Sprintf("%s (%s) S 1 1 1 0 -1 %s 0 0 0 0 0 0 0 0 20 0 1 0 %s 0 0 0\n",
			id, field["comm"], field["flags"], field["start"]),
		"status": fmt.Sprintf("Name:\t%s\nPid:\t%s\nUid:\t%[3]s\t%[3]s\t%[3]s\t%[3]s\n", field["comm"], id, field["uid"]),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(path, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	for _, t := range []string{"net", "mnt", "user", "pid", "pid_for_children", "ipc", "uts", "cgroup", "time", "time_for_children"} {
		if inode, ok := field[t]; ok {
			link := fmt.Sprintf("%s:[%s]", strings.TrimSuffix(t, "_for_children"), inode)
			if err := os.Symlink(link, filepath.Join(path, "ns", t)); err != nil {
				return err
			}
		}
	}
	return nil
}
