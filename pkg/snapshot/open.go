// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Open reads the snapshot in a file; of "-" that in stdin. Commands and advice in a file
// that another user controls are left out.
func Open(name string, stdin io.Reader) (*File, error) { return open(name, stdin, 0, false) }

// OpenToCompare is Open, without what neither Compare nor a Tracker looks at: the answers, the
// listening sockets and the routes are left out.
func OpenToCompare(name string, stdin io.Reader) (*File, error) { return open(name, stdin, 0, true) }

// OpenEntry is OpenToCompare for a file that was found in a directory. What is there by now can be
// something else, and whose: no symlink is followed, and no FIFO waited for.
func OpenEntry(name string, stdin io.Reader) (*File, error) {
	return open(name, stdin, unix.O_NOFOLLOW|unix.O_NONBLOCK, true)
}

func open(name string, stdin io.Reader, flags int, comparing bool) (*File, error) {
	if name == "-" {
		f, err := read(stdin, comparing)
		if err != nil {
			return nil, fmt.Errorf("read the snapshot on stdin: %w", err)
		}
		f.Authority = authorityOf("/proc/self/fd/0", stdin)
		f.believe()
		return f, nil
	}
	in, err := openFile(name, flags)
	if err != nil {
		return nil, fmt.Errorf("read the snapshot: %w", err)
	}
	defer in.Close()
	f, err := read(in, comparing)
	if err != nil {
		return nil, fmt.Errorf("read the snapshot %s: %w", name, err)
	}
	f.Authority = authorityOf(name, in)
	f.believe()
	return f, nil
}

func (f *File) believe() {
	if !f.Authority.Trusted {
		f.Distrust()
	}
}

// openFile opens a file that is no directory, and with any flags a regular one.
func openFile(name string, flags int) (*os.File, error) {
	in, err := os.OpenFile(name, os.O_RDONLY|flags, 0)
	if err != nil {
		return nil, err
	}
	switch st, err := in.Stat(); {
	case err == nil && st.IsDir():
		in.Close()
		return nil, fmt.Errorf("%s is a directory", name)
	case flags != 0 && (err != nil || !st.Mode().IsRegular()):
		in.Close()
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	return in, nil
}

// authorityOf returns who could have written what is read. A pipe is the reader's: whatever
// it is from, the reader has connected it.
func authorityOf(name string, in io.Reader) ns.Authority {
	f, ok := in.(*os.File)
	if !ok {
		return ns.RootAuthority
	}
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		return ns.RootAuthority
	}
	h, err := host.Open("/")
	if err != nil {
		return ns.UnknownAuthority
	}
	defer h.Close()
	if linked, err := os.Readlink(name); err == nil && filepath.Dir(name) == "/proc/self/fd" {
		name = linked
	}
	if name, err = filepath.Abs(name); err != nil {
		return ns.UnknownAuthority
	}
	a, err := h.Authority(name)
	if err != nil || st.Mode&0o002 != 0 || st.Mode&0o020 != 0 && st.Gid != 0 {
		return ns.UnknownAuthority
	}
	return a.And(h.AuthorityOf(int(st.Uid))) // who owns a file has written it, wherever it is now
}
