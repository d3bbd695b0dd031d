// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// archive writes the "newc" format that a kernel unpacks as its first root
// (Documentation/driver-api/early-userspace/buffer-format.rst). Everything in it
// is root's. The first error sticks.
type archive struct {
	w     io.Writer
	at    int
	inode int
	dirs  map[string]bool
	err   error
}

func newArchive(w io.Writer) *archive { return &archive{w: w, dirs: map[string]bool{"": true}} }

func (a *archive) write(p []byte) {
	if a.err != nil {
		return
	}
	pad := (4 - (a.at+len(p))%4) % 4
	_, a.err = a.w.Write(append(slices.Clip(p), make([]byte, pad)...))
	a.at += len(p) + pad
}

func (a *archive) entry(name string, mode uint32, data []byte) {
	a.inode++
	head := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	a.write([]byte(head + name + "\x00"))
	a.write(data)
}

// dir adds a directory with all above it, once.
func (a *archive) dir(name string) {
	name = strings.Trim(name, "/")
	if a.dirs[name] || name == "." {
		return
	}
	a.dir(filepath.Dir(name))
	a.dirs[name] = true
	a.entry(name, 0o40755, nil)
}

func (a *archive) file(name string, mode uint32, data []byte) {
	name = strings.Trim(name, "/")
	a.dir(filepath.Dir(name))
	a.entry(name, 0o100000|mode, data)
}

func (a *archive) symlink(name, target string) {
	name = strings.Trim(name, "/")
	a.dir(filepath.Dir(name))
	a.entry(name, 0o120777, []byte(target))
}

// tree adds a directory of this machine under a name.
func (a *archive) tree(from, name string) {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || a.err != nil {
			return err
		}
		to := filepath.Join(name, strings.TrimPrefix(path, from))
		switch {
		case d.IsDir():
			a.dir(to)
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			a.symlink(to, target)
		case d.Type().IsRegular():
			return a.copy(path, to)
		}
		return nil
	})
	if a.err == nil {
		a.err = err
	}
}

// copy adds a file of this machine, without its set-UID bits.
func (a *archive) copy(from, name string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	st, err := os.Stat(from)
	if err != nil {
		return err
	}
	a.file(name, uint32(st.Mode().Perm()), data)
	return nil
}

// end closes the archive.
func (a *archive) end() error {
	a.entry("TRAILER!!!", 0, bytes.Repeat([]byte{0}, 0))
	return a.err
}
