// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// defaultNamesDirs are where names are kept by common custom; the user
// directories of /run/user are added to them.
var defaultNamesDirs = []string{
	"/run/netns",             // ip netns, CRI-O, containerd's CNI, Podman, neutron
	"/var/run/netns",         // the same where /var/run is no link to /run
	"/run/docker/netns",      // Docker's sandbox keys
	"/var/run/docker/netns",  //
	"/run/snap.docker/netns", // Docker from a snap
}

// namesDirPatience is how long one names directory may take. A user's own can
// be a file system that never answers (FUSE, a dead NFS server).
const namesDirPatience = 2 * time.Second

// namesScan reads the names directories.
type namesScan struct {
	host    *Host
	dirs    []string       // beside the customary ones
	types   []Type         // names of other types are left out
	mounted map[string]key // namespace mounts in our own mount namespace, by mount point
	cookies bool           // read the cookies of network namespaces, where that takes no more than a system call
}

// find reads the names directories: what each entry is, is told by opening
// it with O_PATH, which neither follows into nor blocks on a FIFO or device.
func (s *namesScan) find(ctx context.Context) found {
	type result struct {
		i int
		namesDir
	}
	var out found
	dirs, err := s.namesDirs()
	if err != nil {
		out.gaps = append(out.gaps, Gap{"name", "/run/user", err})
	}
	results := make(chan result, len(dirs)) // a late directory must not wait for a reader
	for i, d := range dirs {
		go func() { results <- result{i, s.readNamesDir(d)} }()
	}
	read := make([]namesDir, len(dirs))
	answered := make([]bool, len(dirs))
	late := time.After(namesDirPatience)
	for range dirs {
		select {
		case r := <-results:
			read[r.i], answered[r.i] = r.namesDir, true
			continue
		case <-ctx.Done():
		case <-late:
		}
		break
	}
	seen := map[dirID]bool{}
	listed := map[string]bool{}
	for i, d := range dirs {
		switch {
		case !answered[i]:
			out.gaps = append(out.gaps, Gap{"name", d.path, fmt.Errorf("no answer within %s", namesDirPatience)})
		case read[i].id == dirID{} || !seen[read[i].id]:
			seen[read[i].id] = true
			out.add(read[i].found)
			if read[i].path != "" {
				out.dirs = append(out.dirs, read[i].path)
			}
		}
		listed[d.path], listed[read[i].path] = true, true
	}
	out.names = append(out.names, s.mountedNames(out, listed)...)
	return out
}

// mountedNames returns the names that only the mount table shows: those in
// directories that could not be read, or whose mounts another root's tree does
// not carry.
func (s *namesScan) mountedNames(out found, dirs map[string]bool) []sightedName {
	have := map[string]bool{}
	for _, n := range out.names {
		have[n.Path] = true
	}
	var more []sightedName
	for p, k := range s.mounted {
		if dirs[path.Dir(p)] && !have[p] {
			more = append(more, sightedName{k, Name{Name: path.Base(p), Path: p, Kind: NameMount}, 0})
		}
	}
	return more
}

type dirID struct{ dev, ino uint64 }

// namesDir is one names directory, read.
type namesDir struct {
	id   dirID
	path string // canonical
	found
}

type namesDirSpec struct {
	path  string
	asked bool // by the user: it must be there
}

// namesDirs returns the directories to read, and why a user's may be missing.
func (s *namesScan) namesDirs() ([]namesDirSpec, error) {
	var dirs []namesDirSpec
	for _, d := range s.dirs {
		dirs = append(dirs, namesDirSpec{d, true})
	}
	same := s.sameVarRun()
	for _, d := range defaultNamesDirs {
		if same && strings.HasPrefix(d, "/var/run/") {
			continue
		}
		dirs = append(dirs, namesDirSpec{d, false})
	}
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" && s.host.Live() {
		dirs = append(dirs, namesDirSpec{path.Join(run, "netns"), false})
	}
	users, err := s.host.readDir("/run/user")
	if isEnd(err) {
		err = nil
	}
	for _, u := range users {
		dirs = append(dirs, namesDirSpec{path.Join("/run/user", u.Name(), "netns"), false})
	}
	return dirs, err
}

// sameVarRun reports whether /var/run is /run, as on most machines. What lies in
// it may be closed to the caller, so that only the path can tell.
func (s *namesScan) sameVarRun() bool {
	fd, err := s.host.open("/var/run", unix.O_PATH)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return s.host.canonical(fd, "/var/run") == "/run"
}

func (s *namesScan) readNamesDir(spec namesDirSpec) (d namesDir) {
	fd, err := s.host.open(spec.path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		if spec.asked || !errors.Is(err, unix.ENOENT) {
			d.gaps = append(d.gaps, Gap{"name", spec.path, err})
		}
		return d
	}
	dir := os.NewFile(uintptr(fd), spec.path)
	defer dir.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err == nil {
		d.id = dirID{st.Dev, st.Ino}
	}
	d.path = s.host.canonical(fd, spec.path)
	entries, err := dir.ReadDir(-1)
	if err != nil {
		d.gaps = append(d.gaps, Gap{"name", spec.path, plain(err)})
	}
	for _, e := range entries {
		s.readName(&d, fd, e.Name())
	}
	return d
}

// readName tells what one entry of a names directory is.
func (s *namesScan) readName(d *namesDir, dir int, name string) {
	full := path.Join(d.path, name)
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		if !isEnd(err) { // deleted meanwhile
			d.gaps = append(d.gaps, Gap{"name", full, err})
		}
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		d.gaps = append(d.gaps, Gap{"name", full, err})
		return
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		s.readSymlink(d, fd, full, made(&st))
	case unix.S_IFREG:
		s.readRegular(d, fd, full, made(&st))
	default:
		d.strays = append(d.strays, Stray{Path: full, Reason: fileKind(st.Mode)})
	}
}

func (s *namesScan) readRegular(d *namesDir, fd int, full string, made time.Time) {
	t, inode, cookie, err := s.namespaceOf(fd)
	switch {
	case err == nil:
		name := Name{Name: path.Base(full), Path: full, Kind: NameMount, Made: made}
		s.addName(d, sightedName{key{t, inode}, name, cookie})
	case err != errNotNamespace:
		d.gaps = append(d.gaps, Gap{"name", full, err})
	default:
		if _, ok := s.mounted[full]; ok {
			return // see mountedNames
		}
		d.strays = append(d.strays, Stray{Path: full, Kind: NameFile, Made: made,
			Reason: "a plain file; it may be a mount point in another mount namespace"})
	}
}

func (s *namesScan) readSymlink(d *namesDir, fd int, full string, made time.Time) {
	target, err := readlinkFD(fd)
	if err != nil {
		d.gaps = append(d.gaps, Gap{"name", full, err})
		return
	}
	stray := func(what string) {
		d.strays = append(d.strays, Stray{Path: full, Kind: NameSymlink, Target: target, Made: made,
			Reason: fmt.Sprintf("a symlink to %s, %s", target, what)})
	}
	t, inode, err := s.host.NamespaceAt(full)
	switch {
	case err == nil:
		s.addName(d, sightedName{key{t, inode}, Name{path.Base(full), full, NameSymlink, target, made}, 0})
	case err == errNotNamespace:
		stray("which is not a namespace")
	case isEnd(err) || err == unix.ENOTDIR:
		stray(missing(target))
	case err == unix.ELOOP:
		stray("a loop of symlinks")
	default:
		d.gaps = append(d.gaps, Gap{"name", full, err})
	}
}

// addName keeps a name of a wanted type. Others are looked for when they are
// asked for.
func (s *namesScan) addName(d *namesDir, n sightedName) {
	if slices.Contains(s.types, n.Type) {
		d.names = append(d.names, n)
	}
}

// namespaceOf identifies an open file, with its cookie if those are wanted and it
// tells.
func (s *namesScan) namespaceOf(fd int) (t Type, inode, cookie uint64, err error) {
	again, err := openNamespace(fd)
	if err != nil {
		return 0, 0, 0, err
	}
	defer unix.Close(again)
	t, inode, err = readNamespace(again)
	if err == nil && t == Net && s.cookies {
		cookie = namespaceID(again)
	}
	return t, inode, cookie, err
}

// missing says why the target of a dangling symlink may be missing.
func missing(target string) string {
	if rest, ok := strings.CutPrefix(path.Clean(target), "/proc/"); ok {
		pid, _, _ := strings.Cut(rest, "/")
		if n, err := strconv.ParseUint(pid, 10, 64); err == nil {
			return fmt.Sprintf("but process %d is gone", n)
		}
	}
	return "which does not exist"
}

func fileKind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "a device"
	}
	return "no regular file"
}
