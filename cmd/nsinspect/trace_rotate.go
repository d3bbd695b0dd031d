// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// rotation has a file of events begin anew before it becomes larger than a size: FILE is
// the current one, FILE.1 the one before. Files are renamed within the directory that was
// opened at the start, the oldest first, so that whenever it is interrupted each is whole.
type rotation struct {
	to   *toFile
	most int // bytes of a file, but for a single line that is longer
	keep int // files beside the current one, 1 or more
	dir  int // that the file is in
	name string
	size int           // of what is in the current one
	head func() []byte // what each begins with
	fail func(error)
	bad  bool // the last attempt failed, and was reported
}

// newRotation returns the rotation of a file, which must be a regular one.
func newRotation(f *toFile, most, keep int) (*rotation, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("rotate %s: it is not a regular file", f.Name())
	}
	if link, err := os.Lstat(f.Name()); err != nil || !link.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("rotate %s: it is a symlink", f.Name()), err)
	}
	dir, err := unix.Open(filepath.Dir(f.Name()), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("rotate %s: %w", f.Name(), err)
	}
	return &rotation{to: f, most: most, keep: keep, dir: dir, name: filepath.Base(f.Name())}, nil
}

// full reports whether a line would make the file too large.
func (r *rotation) full(line int) bool {
	return r != nil && r.size > 0 && r.size+line > r.most
}

// next renames the files, and returns a new one. Where it fails, the one there is goes on.
func (r *rotation) next() (*os.File, error) {
	r.size = 0 // after a failure it is tried again once as much was written
	var st unix.Stat_t
	if err := unix.Fstat(int(r.to.Fd()), &st); err != nil {
		return nil, fmt.Errorf("stat %s: %w", r.name, err)
	}
	number := func(n int) string {
		if n == 0 {
			return r.name
		}
		return fmt.Sprintf("%s.%d", r.name, n)
	}
	for n := r.keep; n > 0; n-- {
		err := unix.Renameat(r.dir, number(n-1), r.dir, number(n))
		if err != nil && (n == 1 || !errors.Is(err, unix.ENOENT)) {
			return nil, fmt.Errorf("rename %s to %s: %w", number(n-1), number(n), err)
		}
	}
	fd, err := r.create(&st)
	if err != nil {
		err = errors.Join(err, unix.Renameat2(r.dir, number(1), r.dir, r.name, unix.RENAME_NOREPLACE))
		return nil, fmt.Errorf("create %s: %w", r.name, err)
	}
	return os.NewFile(uintptr(fd), r.name), nil
}

// create makes a file that those may read who may read one with the status old.
func (r *rotation) create(old *unix.Stat_t) (fd int, err error) {
	fd, err = unix.Openat(r.dir, r.name, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && (st.Uid != old.Uid || st.Gid != old.Gid) {
		err = unix.Fchown(fd, int(old.Uid), int(old.Gid))
	}
	if err == nil {
		err = unix.Fchmod(fd, old.Mode&0o777)
	}
	if err != nil {
		_ = unix.Unlinkat(r.dir, r.name, 0) // it is empty, and the error that matters is the first
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (r *rotation) close() {
	if r != nil {
		_ = unix.Close(r.dir)
	}
}

// rotate has a line that is in the buffer begin the next file, if the current one is full.
func (o *output) rotate() {
	start := o.from
	if n := len(o.items); n > 0 {
		start = o.items[n-1].end
	}
	if !o.rotation.full(len(o.buf) - start) {
		o.rotation.wrote(len(o.buf) - start)
		return
	}
	line := append([]byte(nil), o.buf[start:]...)
	o.buf = o.buf[:start]
	if o.flush(); o.err != nil {
		return
	}
	f, err := o.rotation.next()
	switch {
	case err == nil:
		o.replace(f)
		o.rotation.to.File = f
		head := o.rotation.head()
		o.buf = append(o.buf, head...)
		o.rotation.wrote(len(head))
		if len(head) > 0 {
			o.items = append(o.items, item{end: len(o.buf)})
		}
	case !o.rotation.bad:
		o.rotation.fail(fmt.Errorf("rotate the file of --to, which goes on: %w", err))
	}
	o.rotation.bad = err != nil
	o.buf = append(o.buf, line...)
	o.rotation.wrote(len(line))
}

func (r *rotation) wrote(n int) {
	if r != nil {
		r.size += n
	}
}
