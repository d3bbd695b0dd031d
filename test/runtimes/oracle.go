// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// netns is the inode of the network namespace that the container's first process
// is in, as the kernel shows it.
func (c container) netns(t testing.TB) uint64 {
	t.Helper()
	return inodeOf(t, fmt.Sprintf("/proc/%d/ns/net", c.pid))
}

// basename is the name of the container's namespace, as a user would type it.
func (c container) basename() string { return filepath.Base(c.sandboxKey) }

func inodeOf(t testing.TB, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatalf("stat %s: %v", path, err)
	}
	return st.Ino
}

// processesIn are the processes in a network namespace, sorted.
func processesIn(t testing.TB, inode uint64) []int {
	t.Helper()
	proc, err := os.Open("/proc")
	if err != nil {
		t.Fatal(err)
	}
	defer proc.Close()
	entries, err := proc.Readdirnames(-1)
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	want := fmt.Sprintf("net:[%d]", inode)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry)
		if err != nil {
			continue // not a process
		}
		if target, err := os.Readlink("/proc/" + entry + "/ns/net"); err == nil && target == want {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// checkOracles checks that the runtime, mountinfo and /proc agree about the
// members of one named namespace, before nsinspect is measured by them.
func checkOracles(t *testing.T, named container, members ...container) {
	t.Helper()
	inode := inodeOf(t, named.sandboxKey)
	mounts, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(named.sandboxKey))
	if err != nil || len(mounts) != 1 {
		t.Fatalf("mounts at %s: %v, %v", named.sandboxKey, mounts, err)
	}
	if want := fmt.Sprintf("net:[%d]", inode); mounts[0].Root != want || mounts[0].FSType != "nsfs" {
		t.Errorf("mount at %s: %+v, want nsfs %s", named.sandboxKey, mounts[0], want)
	}
	var pids []int
	for _, c := range append([]container{named}, members...) {
		if got := c.netns(t); got != inode {
			t.Errorf("%s is in net:[%d], want net:[%d]", c.name, got, inode)
		}
		pids = append(pids, c.pid)
	}
	slices.Sort(pids)
	if got := processesIn(t, inode); !slices.Equal(got, pids) {
		t.Errorf("processes %v are in net:[%d], the runtime has %v", got, inode, pids)
	}
}

// waitProcesses waits until that many processes are in the container's namespace.
func waitProcesses(t *testing.T, c container, want int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if len(processesIn(t, c.netns(t))) == want {
			return
		}
	}
	t.Fatalf("processes %v are in the namespace of %s, want %d", processesIn(t, c.netns(t)), c.name, want)
}

// waitOwnNetns waits until a process is in another network namespace than this one.
func waitOwnNetns(t *testing.T, pid int) {
	t.Helper()
	own := inodeOf(t, "/proc/self/ns/net")
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if inodeOf(t, fmt.Sprintf("/proc/%d/ns/net", pid)) != own {
			return
		}
	}
	t.Fatalf("process %d stays in net:[%d]", pid, own)
}
