// SPDX-License-Identifier: Apache-2.0

// Package atomicfile writes files that are there whole or not at all.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// File is a new file that is not there before Commit. It needs no name until then where the
// file system has files without one, and a process that is killed leaves nothing behind.
type File struct {
	*os.File
	name    string // what it is to be
	unnamed bool
}

// Check returns an error if Create will not be able to make a file of that name as things are:
// for who has much to do until then.
func Check(name string) error {
	if err := replaceable(name); err != nil {
		return err
	}
	dir := filepath.Dir(name)
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return &os.PathError{Op: "create a file in", Path: dir, Err: err}
	}
	return nil
}

func replaceable(name string) error {
	if st, err := os.Lstat(name); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	return nil
}

// Create makes a file that is to have a name, or to replace the one that has it, with a mode
// that the umask does not change.
func Create(name string, mode fs.FileMode) (*File, error) {
	if err := replaceable(name); err != nil {
		return nil, err
	}
	dir := filepath.Dir(name)
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, uint32(mode.Perm()))
	if err == nil {
		f := &File{os.NewFile(uintptr(fd), name), name, true}
		return f, f.Chmod(mode)
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EINVAL) {
		return nil, &os.PathError{Op: "create a file in", Path: dir, Err: err}
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return nil, err
	}
	return &File{f, name, false}, f.Chmod(mode)
}

// Commit gives the file its name when all of it is on the disk, and closes it.
func (f *File) Commit() error { return f.commit(f.rename) }

// CommitNew is Commit, which replaces no file: where there is one of the name by now, the next name
// is tried. It returns the name that the file has got.
func (f *File) CommitNew(next func() string) (name string, err error) {
	err = f.commit(func() error {
		for {
			err := f.link()
			if !errors.Is(err, fs.ErrExist) {
				return err
			}
			if name := next(); name != f.name {
				f.name = name
			} else {
				return err
			}
		}
	})
	return f.name, err
}

// link gives the file a name that no file has.
func (f *File) link() error {
	if f.unnamed {
		from := "/proc/self/fd/" + strconv.Itoa(int(f.Fd()))
		return wrap(f.name, unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, f.name, unix.AT_SYMLINK_FOLLOW))
	}
	err := unix.Renameat2(unix.AT_FDCWD, f.Name(), unix.AT_FDCWD, f.name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // not every file system can
		return f.rename()
	}
	return wrap(f.name, err)
}

func (f *File) commit(rename func() error) error {
	err := f.Sync()
	if err == nil {
		err = rename()
	}
	if err != nil {
		f.Discard()
		return err
	}
	return f.Close()
}

func (f *File) rename() error {
	if !f.unnamed {
		return os.Rename(f.Name(), f.name)
	}
	from := "/proc/self/fd/" + strconv.Itoa(int(f.Fd()))
	err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, f.name, unix.AT_SYMLINK_FOLLOW)
	if !errors.Is(err, unix.EEXIST) {
		return wrap(f.name, err)
	}
	// The old file is to be replaced, and a link replaces nothing: one with another name is
	// there for a moment.
	other := filepath.Join(filepath.Dir(f.name), "."+filepath.Base(f.name)+"."+strconv.Itoa(os.Getpid()))
	if err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, other, unix.AT_SYMLINK_FOLLOW); err != nil {
		return wrap(other, err)
	}
	if err := os.Rename(other, f.name); err != nil {
		_ = os.Remove(other) // the error that matters is the first
		return err
	}
	return nil
}

func wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: "link", Path: name, Err: err}
}

// Discard closes the file, and takes it away.
func (f *File) Discard() {
	if !f.unnamed {
		_ = os.Remove(f.Name()) // it is not wanted, whatever has become of it
	}
	_ = f.Close()
}
