// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/mounts"
)

// Cgroups selects the callers in some cgroups. A call has the number of its caller's,
// which becomes a path as long as the cgroup exists. It is for one goroutine.
type Cgroups struct {
	fits      *regexp.Regexp
	mounts    []cgroupMount
	hierarchy int
	paths     map[uint64]string
}

// cgroupMount is where cgroups of a hierarchy are.
type cgroupMount struct {
	fd        *os.File
	path      string
	root      string // the cgroup that is there
	hierarchy int    // 0 for version 2
}

// controllers are those of cgroup v1 that a path without a mount point may be of, the one
// that most programs use first.
var controllers = []string{"pids", "devices", "memory", "cpu", "freezer"}

// maxCgroupPaths bounds how many paths are kept.
const maxCgroupPaths = 4096

// NewCgroups reads paths of cgroups, as /proc/PID/cgroup or the file system has them,
// with * and ? for any characters. The paths may be of version 2 and of the hierarchy of
// version 1 whose mount point one begins with or else, of those that are there, of pids,
// devices, memory, cpu or freezer. Becoming a path needs CAP_DAC_READ_SEARCH.
func NewCgroups(patterns []string) (*Cgroups, error) {
	f := &Cgroups{paths: map[uint64]string{}}
	if err := f.findMounts(patterns); err != nil {
		f.Close()
		return nil, err
	}
	var all []string
	for _, p := range patterns {
		quoted := regexp.QuoteMeta(path.Clean("/" + f.below(p)))
		quoted = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(strings.TrimSuffix(quoted, "/"))
		all = append(all, quoted)
	}
	re, err := regexp.Compile("(?s)^(" + strings.Join(all, "|") + ")(/|$)")
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read cgroups: %w", err)
	}
	f.fits = re
	return f, nil
}

// below returns a path as /proc/PID/cgroup has it.
func (f *Cgroups) below(p string) string {
	for i := range f.mounts {
		if m := &f.mounts[i]; p == m.path || strings.HasPrefix(p, m.path+"/") {
			return m.root + strings.TrimPrefix(p, m.path)
		}
	}
	return p
}

// findMounts opens the mount of version 2, and that of the hierarchy of version 1 that the
// patterns are of.
func (f *Cgroups) findMounts(patterns []string) error {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("find cgroups: %w", err)
	}
	defer file.Close()
	all, err := mounts.Parse(file)
	if len(all) == 0 {
		return fmt.Errorf("find cgroups: %w", errors.Join(err, unix.ENOENT))
	}
	ids, err := hierarchies()
	if err != nil {
		return err
	}
	best := len(controllers)
	var first *cgroupMount
	for _, one := range all {
		if one.FSType != "cgroup" && one.FSType != "cgroup2" {
			continue
		}
		m := cgroupMount{path: one.Mountpoint, root: strings.TrimSuffix(one.Root, "/")}
		if one.FSType == "cgroup2" {
			if !slices.ContainsFunc(f.mounts, func(m cgroupMount) bool { return m.hierarchy == 0 }) {
				f.mounts = append(f.mounts, m)
			}
			continue
		}
		for _, option := range strings.Split(one.VFSOptions, ",") {
			rank := slices.Index(controllers, option)
			if ids[option] == 0 {
				continue
			}
			m.hierarchy = ids[option]
			if slices.ContainsFunc(patterns, func(p string) bool { return strings.HasPrefix(p, m.path+"/") }) {
				rank = -1
			} else if rank < 0 {
				continue
			}
			if rank < best {
				best, first = rank, &m
			}
		}
	}
	if first != nil {
		f.hierarchy, f.mounts = first.hierarchy, append(f.mounts, *first)
	}
	for i := range f.mounts {
		if f.mounts[i].fd, err = os.Open(f.mounts[i].path); err != nil {
			return fmt.Errorf("find cgroups: %w", err)
		}
	}
	if f.mounts == nil {
		return errors.New("find cgroups: none are mounted")
	}
	return nil
}

// hierarchies returns the IDs of the hierarchies of cgroup v1, by controller.
func hierarchies() (map[string]int, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find cgroups: %w", err)
	}
	ids := map[string]int{}
	for c := range host.Cgroups(string(text)) {
		n, err := strconv.Atoi(c.Hierarchy)
		if err != nil {
			return nil, fmt.Errorf("find cgroups: %w", err)
		}
		for name := range strings.SplitSeq(c.Controllers, ",") {
			ids[name] = n
		}
	}
	return ids, nil
}

// Match reports whether a caller is in one of the cgroups, or below. known is false if
// its cgroup has been removed before its path was read.
func (f *Cgroups) Match(c *Caller) (fits, known bool) {
	known = true
	for i := range f.mounts {
		id := c.Cgroup
		if f.mounts[i].hierarchy != 0 {
			id = c.CgroupV1
		}
		p := f.pathOf(&f.mounts[i], id)
		if p != "" && f.fits.MatchString(p) {
			return true, true
		}
		known = known && p != ""
	}
	return false, known
}

// pathOf returns the path of a cgroup, "" if it is gone.
func (f *Cgroups) pathOf(m *cgroupMount, id uint64) string {
	if p, ok := f.paths[id]; ok {
		return p
	}
	handle := unix.NewFileHandle(fileidKernfs, binary.NativeEndian.AppendUint64(nil, id))
	fd, err := unix.OpenByHandleAt(int(m.fd.Fd()), handle, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	full, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return ""
	}
	full = strings.TrimSuffix(full, " (deleted)")
	if len(f.paths) == maxCgroupPaths {
		clear(f.paths)
	}
	p := m.root + strings.TrimPrefix(full, m.path)
	if p == "" {
		p = "/"
	}
	f.paths[id] = p
	return p
}

// fileidKernfs is FILEID_KERNFS of include/linux/exportfs.h (6.18), the same since 4.14.
const fileidKernfs = 0xfe

// Hierarchy is Options.Hierarchy for these: the ID of that of cgroup v1, 0 if only version 2
// is there.
func (f *Cgroups) Hierarchy() int { return f.hierarchy }

// Close closes the files. It may be called on nil.
func (f *Cgroups) Close() {
	if f == nil {
		return
	}
	for _, m := range f.mounts {
		if m.fd != nil {
			_ = m.fd.Close() // only read
		}
	}
}
