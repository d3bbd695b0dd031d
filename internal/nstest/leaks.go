// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// made lists the namespaces of all scenes of this process.
var made register

type register struct {
	mu   sync.Mutex
	list []Namespace
}

func (r *register) add(t Truth) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, t.all()...)
}

func (r *register) byNSID(id int32) (Namespace, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.list, func(n Namespace) bool { return n.NSID == id })
	if i < 0 {
		return Namespace{}, false
	}
	return r.list[i], true
}

// CheckLeaks is to be called first in a test. It fails it if at its end, after all scenes
// were freed, anything is left that was not there before: a namespace made by
// this process, whoever holds it; a mount, a file or a child of a scene; in this
// process itself, an open nsfs file or a thread in a foreign namespace.
//
// Namespaces are distinguished by the ID that each was given (Namespace.NSID): the kernel
// drops it together with the namespace's place in its list, no other program's
// namespaces disturb the count, and any kernel has it. /proc/slabinfo counts the
// free objects of per-CPU slabs as used and, since Linux 6.13, dead namespaces
// whose memory awaits the next one's death; a scan of /proc would miss just the
// hidden holders that matter here.
func CheckLeaks(t testing.TB) {
	t.Helper()
	before, err := takeStock()
	if err != nil {
		t.Fatalf("take stock: %v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		err := poll(30*time.Second, func() error {
			now, err := takeStock()
			if err != nil {
				return err
			}
			return now.since(before)
		})
		if err != nil {
			t.Errorf("check for leaks: %v", err)
		}
	})
}

// stock is the set of things of ours that are there, in words.
type stock map[string]bool

// since returns an error that lists what was not there before.
func (s stock) since(before stock) error {
	var errs []error
	for _, what := range slices.Sorted(maps.Keys(s)) {
		if !before[what] {
			errs = append(errs, fmt.Errorf("left behind: %s", what))
		}
	}
	return errors.Join(errs...)
}

func takeStock() (stock, error) {
	s := stock{}
	err := errors.Join(s.namespaces(), s.mounts(), s.files(), s.children(), s.threads(), s.fds())
	return s, err
}

func (s stock) namespaces() error {
	ids, err := listNSIDs()
	for id := range ids {
		ns, ours := made.byNSID(id)
		switch {
		case ours:
			s[fmt.Sprintf("namespace %s:[%d], cookie %d", ns.Type, ns.Inode, ns.Cookie)] = true
		case id&nsidMask == nsidPrefix(os.Getpid()):
			s[fmt.Sprintf("a namespace with ID %d", id)] = true
		}
	}
	return err
}

func (s stock) mounts() error {
	list, err := readMounts()
	for _, m := range list {
		if m.fstype == "nsfs" && strings.Contains(m.path, namePrefix) {
			s[fmt.Sprintf("mount %d of %s on %q", m.id, m.root, m.path)] = true
		}
	}
	return err
}

func (s stock) files() error {
	for _, pattern := range []string{
		filepath.Join(os.TempDir(), namePrefix+"*", "*"),
		filepath.Join(RunNetns, namePrefix+"*"),
	} {
		list, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, path := range list {
			s[fmt.Sprintf("file %q", path)] = true
		}
	}
	return nil
}

// children lists the living processes that have this one's token in their
// environment, but for the guardian, and the dead ones it has not waited for.
func (s stock) children() error {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		// A process that is gone by now is no leak.
		env, _ := os.ReadFile(dir + "/environ")
		stat, _ := os.ReadFile(dir + "/stat")
		head, tail, _ := bytes.Cut(stat, []byte(") "))
		zombie := bytes.HasPrefix(tail, fmt.Appendf(nil, "Z %d ", os.Getpid()))
		ours := bytes.Contains(env, []byte(tokenEnv+"="+token+"\x00")) &&
			!bytes.Contains(env, []byte(`"Scene":"`+guardian+`"`))
		if zombie || ours {
			s[fmt.Sprintf("process %s)", head)] = true
		}
	}
	return nil
}

func (s stock) threads() error {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	tasks, err := os.ReadDir("/proc/self/task")
	for _, task := range tasks {
		link, err := os.Readlink(filepath.Join("/proc/self/task", task.Name(), "ns/net"))
		if err == nil && link != own {
			s[fmt.Sprintf("own thread %s in %s", task.Name(), link)] = true
		}
	}
	return err
}

func (s stock) fds() error {
	var nsfs unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &nsfs); err != nil {
		return err
	}
	fds, err := os.ReadDir("/proc/self/fd")
	for _, e := range fds {
		n, err := strconv.Atoi(e.Name())
		var st unix.Stat_t
		if err == nil && unix.Fstat(n, &st) == nil && st.Dev == nsfs.Dev {
			s[fmt.Sprintf("own fd %d of namespace %d", n, st.Ino)] = true
		}
	}
	return err
}
