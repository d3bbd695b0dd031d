// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package doctor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
)

// programDir is where the program under test is, once it was built.
var programDir string

var buildProgram = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "nsinspect-doctor-")
	if err != nil {
		return fmt.Errorf("make a directory for the program: %w", err)
	}
	programDir = dir
	cmd := exec.Command("go", "build", "-o", dir, "../../cmd/nsinspect")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w: %s", err, out)
	}
	return nil
})

// brokenHost is a mount and network namespace with a /run of its own, in which something
// is wrong with one namespace.
type brokenHost struct {
	pid    int
	inode  uint64 // of what is wrong
	cookie uint64 // of it, once that is known: another namespace may have the inode afterwards
}

// breakHost runs a script in new mount and network namespaces. It prints the inode of the
// network namespace that something is wrong with, and goes on until its input ends.
func breakHost(t *testing.T, script string) *brokenHost {
	t.Helper()
	need.Root(t)
	testlock.Shared(t)
	for _, name := range []string{"go", "unshare", "nsenter", "ip", "stat", "umount", "mount", "setpriv", "python3"} {
		need.Program(t, name)
	}
	if err := buildProgram(); err != nil {
		t.Fatal(err)
	}
	const around = `set -e; mount -t tmpfs -o mode=755 run /run; mkdir /run/netns /run/x /run/mount
ready() { stat -Lc %%i "$1"; }
until_there() { while ! [ -e "$1" ]; do sleep .02; done; }
%s
read line || true; for p in $(jobs -p); do kill -9 $p || true; done; wait || true
`
	cmd := exec.Command("unshare", "-m", "-n", "--propagation", "private", "bash", "-c", fmt.Sprintf(around, script))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Logf("the broken host: %v", err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the broken host printed %q: %v", line, err)
	}
	inode, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return &brokenHost{pid: cmd.Process.Pid, inode: inode}
}

// command is one that runs there.
func (h *brokenHost) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"-m", "-n", "-t", strconv.Itoa(h.pid), name}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+programDir+":"+os.Getenv("PATH"))
	return cmd
}

// printedFinding is a finding as JSON has it.
type printedFinding struct {
	Check, Severity, Summary   string
	Path                       string
	Evidence, Fix, Alternative []string
	Advice                     []string
	Subject                    *subject
}

// subject is a namespace as JSON has it.
type subject struct {
	Type          string
	Inode, Cookie uint64
}

// findings returns what the program prints about the namespace that is broken.
func (h *brokenHost) findings(t *testing.T) []printedFinding {
	t.Helper()
	return h.report(t, func(f printedFinding) bool { return f.Subject != nil && h.is(f.Subject) })
}

// is reports whether that is the namespace that is broken.
func (h *brokenHost) is(s *subject) bool {
	if s.Inode != h.inode || h.cookie != 0 && s.Cookie != h.cookie {
		return false
	}
	h.cookie = s.Cookie
	return true
}

// report returns those findings that a test asks for. Others are about the rest of the machine.
func (h *brokenHost) report(t *testing.T, wanted func(printedFinding) bool) (all []printedFinding) {
	t.Helper()
	out, err := h.command("nsinspect", "doctor", "--min-age", "0", "-o", "json").Output()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatal(err)
	}
	if err := wiretest.Validate(out); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var document struct{ Findings []printedFinding }
	if err := json.Unmarshal(out, &document); err != nil {
		t.Fatal(err)
	}
	for _, f := range document.Findings {
		if wanted(f) {
			all = append(all, f)
		}
	}
	return all
}

// expect returns the one finding, of this check.
func (h *brokenHost) expect(t *testing.T, check string) printedFinding {
	t.Helper()
	found := h.findings(t)
	if len(found) != 1 || found[0].Check != check {
		t.Fatalf("findings %+v, want one of %s", found, check)
	}
	return found[0]
}

// paste runs commands in a shell there, one after the other.
func (h *brokenHost) paste(t *testing.T, commands []string) {
	t.Helper()
	if len(commands) == 0 {
		t.Fatal("no command")
	}
	for _, command := range commands {
		if out, err := h.command("dash", "-c", command).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", command, err, out)
		}
	}
}

// gone demands that the namespace ends.
func (h *brokenHost) gone(t *testing.T) {
	t.Helper()
	for range 50 {
		if !h.listed(t, "net") {
			if left := h.findings(t); len(left) > 0 {
				t.Errorf("still there: %+v", left)
			}
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%d is still there: %s", h.inode, h.uses(t).text)
}

// listed reports whether the namespace is among those of the type.
func (h *brokenHost) listed(t *testing.T, typ string) bool {
	t.Helper()
	out, err := h.command("nsinspect", "list", "--type", typ, "-o", "json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Namespaces []subject }
	if err := json.Unmarshal(out, &document); err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(document.Namespaces, func(s subject) bool { return h.is(&s) })
}

// Every fix that is printed frees the namespace that it is for.
func TestFixesFree(t *testing.T) {
	for _, c := range []struct {
		name, check, script string
		commands            int
		summary             string
	}{
		{"a mount", "no-process", `ip netns add blue; ready /run/netns/blue`, 1, "its name alone keeps it"},
		{"a descriptor and a mount elsewhere", "no-process",
			`touch /run/x/ns; unshare --net=/run/x/ns true; sleep 600 7</run/x/ns & ready /run/x/ns`, 2, "so does what processes elsewhere have open"},
		{"a socket and a name", "no-process", `ip netns add blue
python3 -c 'import os,ctypes,socket,time
l=ctypes.CDLL(None); h=os.open("/proc/self/ns/net",0); f=os.open("/run/netns/blue",0)
l.setns(f,0x40000000); os.close(f); s=socket.socket(socket.AF_NETLINK,socket.SOCK_RAW,0); l.setns(h,0x40000000); os.close(h)
open("/run/x/there","w"); time.sleep(600)' & until_there /run/x/there; ready /run/netns/blue`, 2, "so does what processes elsewhere have open"},
		{"a mount namespace that is mounted here", "foreign-mount", `mount --bind /run/x /run/x; mount --make-private /run/x; touch /run/x/m
until unshare --mount=/run/x/m true; do sleep .1; done # it fails now and then (util-linux 2.38)
nsenter --mount=/run/x/m sh -c 'mount -t tmpfs t /mnt; touch /mnt/ns; unshare --net=/mnt/ns true; stat -c %i /mnt/ns >/run/x/i'; cat /run/x/i`, 1, ""},
		{"a mount in another mount namespace", "foreign-mount", `mkdir /run/y; mount -t tmpfs -o mode=755 t /run/y
unshare -m --propagation private sh -c 'touch /run/y/ns; unshare --net=/run/y/ns true; stat -c %i /run/y/ns >/run/x/i; touch /run/x/there; exec sleep 600' &
until_there /run/x/there; cat /run/x/i`, 1, ""},
		{"thirty descriptors", "held-elsewhere", `ip netns add leak; ready /run/netns/leak >/run/x/i
exec 41</run/netns/leak; for i in $(seq 30); do sleep 600 & done; exec 41<&-; ip netns del leak; cat /run/x/i`, 30, ""},
		{"a user's mount namespace", "foreign-mount", `mkdir /run/u; chown 1000 /run/u
cat >/run/u/sh <<'X'
cd /run/u; : >pin; printf '#!/bin/sh\nid >/run/u/pwned\n' >umount; chmod 755 umount
exec unshare -Urm bash -c 'unshare -n sh -c "mount --bind /proc/self/ns/net /run/u/pin"; mount --bind /run/u/umount /usr/bin/umount; stat -c %i pin >i; : >there; exec sleep 600'
X
setpriv --reuid 1000 --regid 1000 --clear-groups bash /run/u/sh & until_there /run/u/there; cat /run/u/i`, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := breakHost(t, c.script)
			f := h.expect(t, c.check)
			before, uses := h.watch(t), h.uses(t)
			t.Logf("%s: fix %q, advice %q", f.Summary, f.Fix, f.Advice)
			if len(f.Fix) != c.commands || !strings.Contains(f.Summary, c.summary) {
				t.Errorf("summary %q, want %q, and %d commands", f.Summary, c.summary, c.commands)
			}
			h.paste(t, f.Fix)
			h.gone(t)
			h.untouched(t, before, uses.text)
			if _, err := os.Stat(filepath.Join("/proc", strconv.Itoa(h.pid), "root/run/u/pwned")); err == nil {
				t.Error("the fix ran a user's program as root")
			}
		})
	}
}

// The fix of a live pin brings the name here; the other one takes it away there.
func TestFixesOfLivePins(t *testing.T) {
	const chroot = `mkdir -p /run/jail/host
unshare -m --propagation private sh -c 'mount --rbind / /run/jail/host; exec chroot /run/jail/host sh -c "ip netns add blue; : >/run/x/there; exec sleep 600"' &
until_there /run/x/there; inode=$(sed -n 's/.*net:\[\([0-9]*\)\].*netns.blue .*/\1/p' /proc/$!/mountinfo | head -n1); echo $inode`
	const covered = `mount --make-shared /run
unshare -m --propagation slave sh -c 'mount --make-rshared /; ip netns add blue; stat -c %i /run/netns/blue >/run/x/i; : >/run/x/there; exec sleep 600' &
until_there /run/x/there; ip netns add other; cat /run/x/i`
	const apart = `unshare -m --propagation private sh -c 'ip netns add blue; stat -c %i /run/netns/blue >/run/x/i; : >/run/x/there; exec sleep 600' &
until_there /run/x/there; cat /run/x/i`
	for name, script := range map[string]string{"in a chroot": chroot, "covered": covered, "in a private mount namespace": apart} {
		t.Run(name, func(t *testing.T) {
			h := breakHost(t, script)
			f := h.expect(t, "live-pin")
			t.Logf("%s: fix %q, or %q, advice %q", f.Summary, f.Fix, f.Alternative, f.Advice)
			before := h.watch(t)
			h.paste(t, f.Fix)
			h.untouched(t, before, paths("/run/netns/blue"))
			out, err := h.command("stat", "-c", "%i", "/run/netns/blue").Output()
			if err != nil || strings.TrimSpace(string(out)) != fmt.Sprint(h.inode) {
				t.Errorf("the name leads to %s, want %d: %v", out, h.inode, err)
			}
			for _, left := range h.findings(t) {
				if left.Check == "live-pin" {
					t.Errorf("still found: %+v", left)
				}
			}
		})
	}
	t.Run("taken away", func(t *testing.T) {
		h := breakHost(t, apart)
		h.paste(t, h.expect(t, "live-pin").Alternative)
		h.gone(t)
	})
}
