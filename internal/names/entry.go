// SPDX-License-Identifier: Apache-2.0

package names

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// isSymlink reports whether there is a symlink at a path.
func (s *Dirs) isSymlink(name string) bool {
	dir, err := s.Host.Locate(path.Dir(name))
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	fd, err := s.Host.OpenEntry(dir, path.Base(name))
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK
}

// readName identifies one entry of a names directory.
func (s *Dirs) readName(d *namesDir, dir int, name string) {
	full := path.Join(d.path, name)
	fd, err := s.Host.OpenEntry(dir, name)
	if err == host.ErrMayHang {
		d.Dangling = append(d.Dangling, ns.DanglingName{Path: full, Reason: "a mount of another file system"})
		return
	}
	if err != nil {
		if !host.IsGone(err) { // deleted meanwhile
			d.Gaps = append(d.Gaps, ns.Gap{Sources: []string{"name"}, Path: full, Err: err})
		}
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		d.Gaps = append(d.Gaps, ns.Gap{Sources: []string{"name"}, Path: full, Err: err})
		return
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		s.readSymlink(d, fd, full, &st)
	case unix.S_IFREG:
		s.readRegular(d, fd, full, &st)
	default:
		d.Dangling = append(d.Dangling, ns.DanglingName{Path: full, Reason: fileKind(st.Mode), Authority: d.authority.And(s.Host.FileAuthority(&st))})
	}
}

func (s *Dirs) readRegular(d *namesDir, fd int, full string, st *unix.Stat_t) {
	made := host.ChangeTime(st)
	t, inode, cookie, err := s.namespaceOf(fd)
	switch {
	case err == nil:
		name := ns.Name{Name: path.Base(full), Path: full, Kind: ns.NameMount, Made: made, Authority: d.authority}
		s.addName(d, record.Name{Key: record.Key{Type: t, Inode: inode}, Name: name, Cookie: cookie})
	case err != nsfs.ErrNotNamespace:
		d.Gaps = append(d.Gaps, ns.Gap{Sources: []string{"name"}, Path: full, Err: err})
	default:
		if _, ok := s.Mounted[full]; ok {
			return // see addMounted
		}
		d.Dangling = append(d.Dangling, ns.DanglingName{Path: full, Kind: ns.NameFile, Made: made,
			Authority: d.authority.And(s.Host.FileAuthority(st)),
			Reason:    "a plain file; it may be a mount point in another mount namespace"})
	}
}

// readSymlink reads a symlink. One of root's to a process is root's word, though the
// process may be anybody's.
func (s *Dirs) readSymlink(d *namesDir, fd int, full string, st *unix.Stat_t) {
	made, authority := host.ChangeTime(st), d.authority.And(s.Host.AuthorityOf(int(st.Uid)))
	target, err := host.ReadlinkFD(fd)
	if err != nil {
		d.Gaps = append(d.Gaps, ns.Gap{Sources: []string{"name"}, Path: full, Err: err})
		return
	}
	dangling := func(what string) {
		d.Dangling = append(d.Dangling, ns.DanglingName{Path: full, Kind: ns.NameSymlink, Target: target, Made: made, Authority: authority,
			Reason: fmt.Sprintf("a symlink to %s, %s", target, what)})
	}
	t, inode, err := s.Host.LookupNamespace(full)
	switch {
	case err == nil:
		its, err := s.Host.NameAuthority(full)
		if host.IsGone(err) {
			return // removed since, and nobody's word
		}
		if err != nil {
			s.unknown(d, full, err)
		}
		authority = authority.And(its)
		name := ns.Name{Name: path.Base(full), Path: full, Kind: ns.NameSymlink, Target: target, Made: made, Authority: authority}
		s.addName(d, record.Name{Key: record.Key{Type: t, Inode: inode}, Name: name, Cookie: 0})
	case err == nsfs.ErrNotNamespace:
		dangling("which is not a namespace")
	case host.IsGone(err) || err == unix.ENOTDIR:
		dangling(missing(target))
	case err == unix.ELOOP:
		dangling("a loop of symlinks")
	default:
		d.Gaps = append(d.Gaps, ns.Gap{Sources: []string{"name"}, Path: full, Err: err})
	}
}

// unknown records that whose word something is could not be read, if it is still there.
func (s *Dirs) unknown(d *namesDir, path string, err error) {
	if !host.IsGone(err) {
		d.Gaps = append(d.Gaps, ns.Gap{Sources: []string{"name"}, Path: path, Err: err})
	}
}

// addName keeps a name of a wanted type. Others are looked for when they are
// asked for.
func (s *Dirs) addName(d *namesDir, n record.Name) {
	if slices.Contains(s.Types, n.Type) {
		d.Names = append(d.Names, n)
	}
}

// namespaceOf identifies an open file, with its cookie if those are wanted and it
// has it.
func (s *Dirs) namespaceOf(fd int) (t ns.Type, inode, cookie uint64, err error) {
	again, err := nsfs.Reopen(fd)
	if err != nil {
		return 0, 0, 0, err
	}
	defer unix.Close(again)
	t, inode, err = nsfs.Read(again)
	if err == nil && t == ns.Net && s.Cookies {
		cookie = nsfs.ID(again)
	}
	return t, inode, cookie, err
}

// missing returns why the target of a dangling symlink is missing.
func missing(target string) string {
	if rest, ok := strings.CutPrefix(path.Clean(target), "/proc/"); ok {
		pid, _, _ := strings.Cut(rest, "/")
		if n, err := strconv.ParseUint(pid, 10, 64); err == nil {
			return fmt.Sprintf("but process %d is gone", n)
		}
	}
	return "which does not exist"
}
