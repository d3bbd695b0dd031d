// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nsfs"
)

// OpenRegular opens a regular file of the host for reading. A FIFO, device or
// socket in its place is refused without being opened.
func (h *Host) OpenRegular(name string) (*os.File, error) {
	fd, err := h.Open(name, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.New("not a regular file")
	}
	again, err := unix.Open(nsfs.SelfFD(fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(again), name), nil
}

const (
	// maxFile is more than any file of /proc has: a mount namespace has 100,000 mounts at
	// most (fs.mount-max), of a few hundred bytes each as a rule.
	maxFile = 64 << 20
	// maxEntries is more than a directory of /proc has: PIDs are below 2^22.
	maxEntries = 1 << 22
)

// ReadFile returns the text of a file of the host. It returns ErrTooLarge for one of more
// than 64 MiB.
func (h *Host) ReadFile(name string) (string, error) {
	f, err := h.OpenRegular(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		return "", ErrTooLarge
	}
	return string(text), err
}

// ReadLines calls f with the lines of a file of the host, some at a time, of which the last may
// be none, until f returns an error. It returns that, or ErrTooLarge for a file of more than
// 64 MiB, when f has had a part of it.
func (h *Host) ReadLines(name string, f func(lines []byte, last bool) error) error {
	file, err := h.OpenRegular(name)
	if err != nil {
		return err
	}
	defer file.Close()
	buf := make([]byte, 0, 32<<10)
	for size := 0; size <= maxFile; {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, len(buf))
		}
		n, err := file.Read(buf[len(buf):cap(buf)])
		buf, size = buf[:len(buf)+n], size+n
		switch {
		case err == io.EOF:
			return f(buf, true)
		case err != nil:
			return err
		case len(buf) < cap(buf):
			continue
		}
		whole := bytes.LastIndexByte(buf, '\n') + 1
		if whole > 0 {
			if err := f(buf[:whole], false); err != nil {
				return err
			}
			buf = buf[:copy(buf, buf[whole:])]
		}
	}
	return ErrTooLarge
}

// ReadDir lists a directory of the host, and returns ErrTooLarge together with the first
// entries for one that no directory of /proc is as large as.
func (h *Host) ReadDir(name string) ([]os.DirEntry, error) {
	fd, err := h.Open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	entries, err := dir.ReadDir(maxEntries)
	switch {
	case errors.Is(err, io.EOF):
		return entries, nil
	case err == nil && len(entries) == maxEntries:
		return entries, ErrTooLarge
	}
	return entries, err
}
