// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package doctor

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestLeftoverFile(t *testing.T) {
	dir := nstest.NewNames(t)
	file := dir.File("old", "")
	p := newPatient(t).in(dir)
	f := p.expect(t, "leftover-file")[0]
	if f.Severity != doctor.Warning || len(f.Fix) != 1 || f.Fix[0] != "rm -- "+file {
		t.Errorf("finding %+v", f)
	}
	shell(t, f.Fix[0])
	p.expect(t)
}

// The commands are for pasting into a shell: names that other users chose do in them
// what they do in a directory, nothing.
func TestLeftoverOddNames(t *testing.T) {
	need.Program(t, "dash")
	dir := nstest.NewNames(t)
	odd := append([]string{"$(touch pwned)", "`touch pwned`", "a; touch pwned", "it's", `"`, "~", "*", "a\nrm b"}, nstest.OddNames...)
	for _, name := range odd {
		dir.File(name, "")
	}
	unwritten := 0
	for _, f := range newPatient(t).in(dir).inspect(t).Findings {
		if f.Check != "leftover-file" || len(f.Fix) > 1 {
			t.Errorf("finding %+v", f)
			continue
		}
		if len(f.Fix) == 0 { // not to be pasted into every shell
			unwritten++
			if len(f.Advice) != 1 || !strings.HasPrefix(f.Advice[0], "Remove "+f.Path) {
				t.Errorf("%q: advice %q", f.Path, f.Advice)
			}
			if err := os.Remove(f.Path); err != nil {
				t.Error(err)
			}
			continue
		}
		if strings.ContainsFunc(f.Fix[0], func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("command %q cannot be printed as it is", f.Fix[0])
		}
		cmd := exec.Command("dash", "-c", f.Fix[0])
		cmd.Dir = dir.Dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", f.Fix[0], err, out)
		}
	}
	if unwritten == 0 || unwritten == len(odd) {
		t.Errorf("%d of %d names are in no command", unwritten, len(odd))
	}
	if left, err := os.ReadDir(dir.Dir); err != nil || len(left) > 0 {
		t.Errorf("left of %d: %v, %v", len(odd), left, err)
	}
}

// pinElsewhere mounts a new namespace on a file in a mount namespace that only
// the process returned is in. Here the file stays a plain one.
func pinElsewhere(t *testing.T, file string) (pid int, inode uint64) {
	t.Helper()
	cmd := run(t, "unshare", "-m", "--propagation", "private", "sh", "-c",
		`unshare -n mount --bind /proc/self/ns/net "$0" && exec sleep 600`, file)
	pid = cmd.Process.Pid
	name := fmt.Sprintf("/proc/%d/root%s", pid, file)
	until(t, "the mount elsewhere", func() bool {
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		return string(comm) == "sleep\n"
	})
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	return pid, st.Ino
}

// neverRemoves fails if any command or word of a report has the file removed.
func neverRemoves(t *testing.T, r *doctor.Report, file string) {
	t.Helper()
	removal := regexp.MustCompile(`\b(rm|unlink|del)\b.*` + regexp.QuoteMeta(file))
	for _, f := range r.Findings {
		if f.Check == "leftover-file" && f.Severity != doctor.Unknown {
			t.Errorf("a live pin is called left over: %+v", f)
		}
		for _, command := range append(f.Fix, f.Alternative...) {
			if removal.MatchString(command) && !strings.Contains(command, "umount -i -n -N ") {
				t.Errorf("%s: %q would remove a live pin", f.Check, command)
			}
		}
	}
}

// A live pin in a private mount namespace is never called safe to remove,
// whatever can be seen of it.
func TestLivePin(t *testing.T) {
	dir := nstest.NewNames(t)
	file := dir.File("pinned", "")
	pid, inode := pinElsewhere(t, file)
	p := newPatient(t).in(dir)
	p.inodes = append(p.inodes, inode)

	f := p.expect(t, "live-pin")[0]
	neverRemoves(t, p.inspect(t), file)
	if text := strings.Join(f.Evidence, "\n"); !strings.Contains(text, fmt.Sprintf("net:[%d] is mounted on it", inode)) ||
		!strings.Contains(text, fmt.Sprintf("sleep (pid %d)", pid)) || !strings.Contains(f.Summary, "do not rm") {
		t.Errorf("finding %+v", f)
	}

	for name, change := range map[string]func(*ns.Snapshot){
		"mount namespaces unread": func(s *ns.Snapshot) { forget(s); s.MountsAll = false },
		"a mount namespace is a gap": func(s *ns.Snapshot) {
			forget(s)
			s.Gaps = append(s.Gaps, ns.Gap{Sources: []string{"mount"}, Path: "mnt:[4026532901]", Err: errRefused})
		},
		"detached mounts unread": func(s *ns.Snapshot) { forget(s); s.LoneMounts = false },
		"no kernel list":         func(s *ns.Snapshot) { forget(s); s.Sources = []string{"process", "thread", "mount", "name"} },
		"another root":           func(s *ns.Snapshot) { forget(s); s.Dangling[0].Compared = false },
		"something is unknown":   func(s *ns.Snapshot) { forget(s); unexplained(s, inode) },
	} {
		t.Run(name, func(t *testing.T) {
			p := *p
			p.change = change
			r := p.inspect(t)
			neverRemoves(t, r, file)
			if r.Status() == doctor.OK {
				t.Errorf("nothing is reported of it")
			}
		})
	}
	t.Run("by proc", func(t *testing.T) {
		p := *p
		p.engine = nil
		r := p.inspect(t)
		neverRemoves(t, r, file)
		if got := checks(r); len(got) != 1 || got[0] != "live-pin" {
			t.Errorf("findings of %v, want live-pin", got)
		}
	})
	t.Run("brought here", func(t *testing.T) {
		need.Program(t, "go")
		if err := buildProgram(); err != nil {
			t.Fatal(err)
		}
		shell(t, `PATH="`+programDir+`:$PATH"; `+f.Fix[0])
		t.Cleanup(func() { shell(t, "umount "+file) })
		p.expect(t, "no-process") // its process is not in it
	})
}

// forget takes away what was seen of the mounts on plain files.
func forget(s *ns.Snapshot) {
	for i := range s.Dangling {
		s.Dangling[i].Pins = nil
	}
}

// unexplained has a namespace as the bpf engine shows one that is mounted in a
// detached tree.
func unexplained(s *ns.Snapshot, inode uint64) {
	if n := s.Find(inode); n != nil {
		n.Holders = []ns.Holder{{Kind: ns.KindKernel, Refs: 1}}
	}
}

// The same in our own mount namespace, below a directory that was bound onto
// itself without what is mounted in it.
func TestLivePinBelow(t *testing.T) {
	dir := nstest.NewNames(t)
	lone := dir.Add("below")
	if err := unix.Mount(dir.Dir, dir.Dir, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(dir.Dir, 0); err != nil {
			t.Error(err)
		}
	}()
	p := newPatient(t).in(dir).with(lone)
	p.expect(t, "live-pin")
	neverRemoves(t, p.inspect(t), dir.Path("below"))
}

// And in a detached tree that only a descriptor holds: no list of mounts has it.
func TestLivePinDetached(t *testing.T) {
	dir := nstest.NewNames(t)
	lone := dir.Add("detached")
	tree, err := unix.OpenTree(unix.AT_FDCWD, dir.Dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(tree)
	if err := unix.Unmount(dir.Path("detached"), unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	p := newPatient(t).in(dir).with(lone)
	r := p.inspect(t)
	neverRemoves(t, r, dir.Path("detached"))
	if got := strings.Join(checks(r), " "); got != "held-elsewhere leftover-file" {
		t.Errorf("findings of %s: %+v", got, r.Findings)
	}
	if err := os.Remove(dir.Path("detached")); err != nil {
		t.Fatal(err)
	}
}
