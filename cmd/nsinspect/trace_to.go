// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
)

// toFile is the file of --to. What it had stays until the trace has started.
type toFile struct {
	*os.File
	dir int // that it was created in, -1 if it was there
}

// openTo opens the file of --to. It is opened before the trace starts, as it may be a
// FIFO that nobody reads yet, and to append: another program may empty it meanwhile, as
// logrotate does with copytruncate.
func openTo(name string) (*toFile, error) {
	if err := checkAnswers(name); err != nil {
		return nil, fmt.Errorf("write events: open %s: %w", name, err)
	}
	dir, err := unix.Open(filepath.Dir(name), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		dir = -1 // the next error has the name
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o666)
	if err == nil {
		return &toFile{f, dir}, nil
	}
	if dir >= 0 {
		_ = unix.Close(dir)
	}
	if errors.Is(err, os.ErrExist) {
		f, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	}
	if err != nil {
		return nil, fmt.Errorf("write events: %w", err)
	}
	return &toFile{f, -1}, nil
}

// begin empties it, now that there is something to be written.
func (f *toFile) begin() error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return f.Truncate(0)
}

// drop closes it after a start that failed, and removes it if it is new. It removes
// nothing elsewhere, whoever moves directories meanwhile.
func (f *toFile) drop() {
	if f == nil {
		return
	}
	var mine, there unix.Stat_t
	name := filepath.Base(f.Name())
	if f.dir >= 0 && unix.Fstat(int(f.Fd()), &mine) == nil &&
		unix.Fstatat(f.dir, name, &there, unix.AT_SYMLINK_NOFOLLOW) == nil && mine.Dev == there.Dev && mine.Ino == there.Ino {
		_ = unix.Unlinkat(f.dir, name, 0) // else an empty file is left, and the start has failed anyhow
	}
	_ = f.Close() // nothing was written
}

// Close closes it.
func (f *toFile) Close() error {
	if f.dir >= 0 {
		_ = unix.Close(f.dir)
	}
	return f.File.Close()
}

// openOutput opens what events are written to: a file, which is returned too; else
// stdout, or stderr while a command has that.
func (a *app) openOutput(j *traceJob) (io.Writer, *toFile, error) {
	switch {
	case j.to != "":
		f, err := openTo(j.to)
		if err != nil {
			return nil, nil, err
		}
		return f.File, f, nil
	case j.command != nil:
		return a.stderr, nil, nil
	}
	if closed(a.stdout) {
		return nil, nil, fmt.Errorf("write events: %w", unix.EBADF)
	}
	return a.stdout, nil, nil
}

// checkAnswers returns an error if the way to a file leads to a file system that does not
// answer.
func checkAnswers(name string) error {
	h, err := host.Open("/")
	if err != nil {
		return err
	}
	defer h.Close()
	if _, _, err := h.LookupNamespace(name); errors.Is(err, host.ErrNoAnswer) {
		return err
	}
	return nil // any other error is one of opening it
}

// closed reports whether nothing can be written to a file: see package startup.
func closed(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDONLY
}
