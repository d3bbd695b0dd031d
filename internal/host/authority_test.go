// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// layout makes files below a directory that only root controls, each "MODE UID:GID PATH",
// with " -> TARGET" for a symlink and "/" behind a directory.
func layout(t *testing.T, lines string) string {
	t.Helper()
	need.Root(t)                                  // to make files of other users
	dir, err := os.MkdirTemp("/tmp", "authority") // which is sticky
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	type entry struct {
		mode     os.FileMode
		uid, gid int
		path     string
	}
	var all []entry
	for line := range strings.Lines(lines) {
		var e entry
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		for _, c := range f[0] {
			e.mode = e.mode*8 + os.FileMode(c-'0')
		}
		owner := map[string]int{"root": 0, "u1": 1001, "u2": 1002, "daemon": 1}
		uid, gid, _ := strings.Cut(f[1], ":")
		e.uid, e.gid, e.path = owner[uid], owner[gid], filepath.Join(dir, f[2])
		switch {
		case len(f) == 5:
			err, e.mode = os.Symlink(strings.ReplaceAll(f[4], "DIR", dir), e.path), 0
		case strings.HasSuffix(f[2], "/"):
			err = os.Mkdir(e.path, 0o755)
		default:
			err = os.WriteFile(e.path, nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	for _, e := range all { // when all is there
		err := os.Lchown(e.path, e.uid, e.gid)
		if e.mode != 0 {
			bits := e.mode & 0o777
			if e.mode&0o1000 != 0 {
				bits |= os.ModeSticky
			}
			err = errors.Join(err, os.Chmod(e.path, bits))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPathAuthority(t *testing.T) {
	dir := layout(t, `
		0755 root:root run/
		0644 root:root run/file
		0644 u1:root run/his
		0664 root:root run/group0
		0664 root:daemon run/group
		0646 root:root run/anybody
		0777 root:root run/link -> file
		0777 root:root run/out -> ../home/x
		0777 u1:root run/hislink -> file
		0777 root:root run/tosticky -> ../tmp/rootfile
		1777 root:root tmp/
		0644 root:root tmp/rootfile
		0644 u1:root tmp/his
		0777 u2:root tmp/link -> ../run/file
		0755 u1:u1 home/
		0644 root:root home/x
		0644 u2:u2 home/y
		0777 root:root home/abs -> DIR/run/file
		0777 root:root open/
		0644 root:root open/file
		0700 root:root closed/
		0755 u1:u1 closed/dir/
		0644 u1:u1 closed/dir/file
		0777 root:root closed/dir/up -> ../../home/x
		0777 root:root loop -> loop
	`)
	h, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for name, want := range map[string]string{
		"run": "root", "run/file": "root", "run/his": "user:1001", "run/group0": "root", "run/group": "user", "run/anybody": "user",
		"run/link": "root", "run/out": "user:1001", "run/hislink": "user:1001", "run/tosticky": "root",
		"tmp": "root", "tmp/rootfile": "root", "tmp/his": "user:1001", "tmp/link": "user:1002",
		"home/x": "user:1001", "home/y": "user", "home/abs": "user:1001", "home/../run/file": "user:1001",
		"open/file": "user", "closed/dir/file": "root", "closed/dir/up": "user:1001", "closed/../home/x": "user:1001",
	} {
		got, err := h.Authority(filepath.Join(dir, "run") + "/../" + name)
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, want)
		}
		if got.Trusted != (want == "root") {
			t.Errorf("%s: trusted is %v", name, got.Trusted)
		}
	}
	for _, name := range []string{"nothing", "run/file/x", "loop"} {
		if got, err := h.Authority(filepath.Join(dir, name)); err == nil || got.Trusted {
			t.Errorf("%s: %v, want an error", name, got)
		}
	}
}

func TestProcessAuthority(t *testing.T) {
	need.Root(t)
	h, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if got := h.ProcessAuthority(ns.TaskID(os.Getpid())); got != ns.RootAuthority {
		t.Errorf("this process is %v's", got)
	}
	for _, uid := range []uint32{0, 1001} {
		cmd := exec.Command("sleep", "60")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid}, Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		want := h.AuthorityOf(int(uid))
		if got := h.ProcessAuthority(ns.TaskID(cmd.Process.Pid)); got != want {
			t.Errorf("a process of UID %d is %v's", uid, got)
		}
		if got, err := h.Authority(fmt.Sprintf("/proc/%d/root/proc/self/ns/net", cmd.Process.Pid)); err != nil || got.Source != want.Source {
			t.Errorf("what the root directory of a process of UID %d has is %v's, %v", uid, got, err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	}
	if got := h.ProcessAuthority(1 << 22); got.Trusted {
		t.Errorf("no process is %v's", got)
	}
	for _, name := range []string{"/proc/self/ns/net", "/proc/thread-self/ns/net"} {
		if got, err := h.Authority(name); err != nil || got != ns.RootAuthority {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// The way below the root of a process is judged with what is around that root, and without
// the process.
func TestAuthorityInside(t *testing.T) {
	need.Program(t, "perl")
	dir := layout(t, `
		755 root:root jail/
		755 root:root jail/run/
		777 root:root jail/open/
		777 root:root jail/link -> run
		755 u1:root home/
		755 root:root home/jail/
		755 root:root home/jail/run/`)
	h, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for jail, want := range map[string]map[string]ns.Authority{
		"jail":      {"/run": ns.RootAuthority, "/": ns.RootAuthority, "/open": ns.UnknownAuthority, "/link": ns.UnknownAuthority},
		"home/jail": {"/run": ns.UserAuthority(1001)},
	} {
		cmd := exec.Command("perl", "-e", `chroot $ARGV[0] or die; $( = $) = 1002; $< = $> = 1002; $| = 1; print "."; <STDIN>`, filepath.Join(dir, jail))
		stdin, inErr := cmd.StdinPipe()
		stdout, outErr := cmd.StdoutPipe()
		if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		if _, err := stdout.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		for name, authority := range want {
			if got, err := h.AuthorityInside(ns.TaskID(cmd.Process.Pid), name); err != nil || got != authority {
				t.Errorf("%s in %s: %v, %v, want %v", name, jail, got, err, authority)
			}
		}
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}
