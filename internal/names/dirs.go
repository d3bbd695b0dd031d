// SPDX-License-Identifier: Apache-2.0

// Package names reads the names directories: /run/netns, /run/docker/netns and others
// in which files refer to namespaces.
package names

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
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

// Customary reports whether a directory is one that Dirs reads on every machine that has it.
func Customary(dir string) bool {
	user, base := path.Split(dir)
	return slices.Contains(defaultNamesDirs, dir) || base == "netns" && path.Dir(path.Clean(user)) == "/run/user"
}

// maxNames is how many entries of one directory are looked at.
const maxNames = 1 << 16

// Dirs reads the names directories.
type Dirs struct {
	Host    *host.Host
	Extra   []string              // beside the customary ones
	Types   []ns.Type             // names of other types are left out
	Mounted map[string]record.Key // namespace mounts in our own mount namespace, by mount point
	Cookies bool                  // read the cookies of network namespaces, where that takes no more than a system call
}

// Read reads the names directories: what each entry is, is found by opening
// it with O_PATH, which neither follows into nor blocks on a FIFO or device. What a
// user has mounted may never answer: a helper of the host looks at it.
func (s *Dirs) Read(ctx context.Context) record.Found {
	var out record.Found
	dirs, err := s.namesDirs()
	if err != nil {
		out.Gaps = append(out.Gaps, ns.Gap{Sources: []string{"name"}, Path: "/run/user", Err: err})
	}
	read := make([]namesDir, len(dirs))
	s.each(ctx, dirs, func(i int) { read[i] = s.readNamesDir(dirs[i]) })
	seen := map[dirID]bool{}
	listed := map[string]bool{}
	for i, d := range dirs {
		if read[i].id == (dirID{}) || !seen[read[i].id] {
			seen[read[i].id] = true
			out.Add(read[i].Found)
			if read[i].path != "" {
				out.Dirs = append(out.Dirs, read[i].path)
			}
		}
		listed[d.path], listed[read[i].path] = true, true
	}
	s.addMounted(&out, listed)
	return out
}

// each calls f for every directory: all at once, since a helper may take its time, but not
// for more than a few at a time.
func (s *Dirs) each(ctx context.Context, dirs []namesDirSpec, f func(int)) {
	const most = 16
	var wg sync.WaitGroup
	free := make(chan struct{}, most)
	for i := range dirs {
		free <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		pool.Go(&wg, func() {
			defer func() { <-free }()
			f(i)
		})
	}
	wg.Wait()
}

// addMounted adds the names that only the mount table shows: those in
// directories that could not be read, or whose mounts another root's tree does
// not carry.
func (s *Dirs) addMounted(out *record.Found, dirs map[string]bool) {
	have := map[string]bool{}
	for i := range out.Names {
		have[out.Names[i].Path] = true
	}
	missing := func(p string) bool { return dirs[path.Dir(p)] && !have[p] }
	more := 0 // there can be a hundred thousand
	for p := range s.Mounted {
		if missing(p) {
			more++
		}
	}
	out.Mounted = make([]record.MountedName, 0, more)
	authorities := map[string]ns.Authority{}
	for p, k := range s.Mounted {
		if dir := path.Dir(p); missing(p) {
			authority, known := authorities[dir]
			if !known {
				var err error
				if authority, err = s.Host.Authority(dir); err != nil {
					authority = ns.UnknownAuthority // a gap already
				}
				authorities[dir] = authority
			}
			out.Mounted = append(out.Mounted, record.MountedName{Key: k, Path: p, Authority: authority})
		}
	}
}

type dirID struct{ dev, ino uint64 }

// namesDir is one names directory, read.
type namesDir struct {
	id        dirID
	path      string       // canonical
	authority ns.Authority // who can change what is in it
	record.Found
}

type namesDirSpec struct {
	path  string
	asked bool // by the user: it must be there
	users bool // in a directory of another user's: a symlink is not followed, and is no names directory
}

// namesDirs returns the directories to read, and why a user's may be missing.
func (s *Dirs) namesDirs() ([]namesDirSpec, error) {
	var dirs []namesDirSpec
	for _, d := range s.Extra {
		dirs = append(dirs, namesDirSpec{path: d, asked: true})
	}
	same := s.sameVarRun()
	for _, d := range defaultNamesDirs {
		if same && strings.HasPrefix(d, "/var/run/") {
			continue
		}
		dirs = append(dirs, namesDirSpec{path: d})
	}
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" && s.Host.Live() {
		dirs = append(dirs, namesDirSpec{path: path.Join(run, "netns"), users: true})
	}
	users, err := s.Host.ReadDir("/run/user")
	if host.IsGone(err) {
		err = nil
	}
	for _, u := range users {
		dirs = append(dirs, namesDirSpec{path: path.Join("/run/user", u.Name(), "netns"), users: true})
	}
	return dirs, err
}

// sameVarRun reports whether /var/run is /run, as on most machines. What lies in
// it may be closed to the caller, so that only the path decides.
func (s *Dirs) sameVarRun() bool {
	fd, err := s.Host.Open("/var/run", unix.O_PATH)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return s.Host.Canonical(fd, "/var/run") == "/run"
}

func (s *Dirs) readNamesDir(spec namesDirSpec) (d namesDir) {
	if spec.users && s.isSymlink(spec.path) {
		return d
	}
	fd, err := s.Host.OpenDir(spec.path)
	if err == host.ErrMayHang {
		return s.askDir(spec)
	}
	if err != nil {
		if spec.asked || !host.IsGone(err) {
			d.Gaps = append(d.Gaps, ns.Gap{Sources: []string{"name"}, Path: spec.path, Err: err})
		}
		return d
	}
	dir := os.NewFile(uintptr(fd), spec.path)
	defer dir.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err == nil {
		d.id = dirID{st.Dev, st.Ino}
	}
	d.path = s.Host.Canonical(fd, spec.path)
	if d.authority, err = s.Host.Authority(spec.path); err != nil {
		s.unknown(&d, spec.path, err)
	}
	entries, err := dir.ReadDir(maxNames)
	if err == nil && len(entries) == maxNames {
		err = fmt.Errorf("it has more entries than the first %d", maxNames)
	}
	if err != nil && err != io.EOF {
		d.Gaps = append(d.Gaps, ns.Gap{Sources: []string{"name"}, Path: spec.path, Err: host.Cause(err)})
	}
	for _, e := range entries {
		s.readName(&d, fd, e.Name())
	}
	return d
}
