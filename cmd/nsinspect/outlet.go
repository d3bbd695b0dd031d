// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// outlet writes without waiting, as far as what it writes to allows that.
//
// O_NONBLOCK belongs to the open file description, which stdout shares with other
// processes. A pipe or terminal is therefore opened again by /proc/self/fd, for a
// description of its own. Where that is refused, as for a pipe of another user's,
// poll(2) is called before each write. Writing to regular files and other devices
// does not wait for a reader.
type outlet struct {
	to   io.Writer
	fd   int // -1 if it is no file
	how  writeMethod
	size uint // the ioctl for the bytes that the far end has not read
	left int  // those, as seen last
}

// replace has it write to another file.
func (o *outlet) replace(f *os.File) {
	if old, ok := o.to.(*os.File); ok {
		_ = old.Close() // what was written to it has been, or has failed
	}
	*o = *newOutlet(f)
}

type writeMethod int

const (
	writeDirect writeMethod = iota // files, devices, what is no file
	writeOwn                       // by a descriptor of its own that does not block
	writeSocket                    // by sendmsg with MSG_DONTWAIT
	writePolled                    // when poll reports room
)

// wholeWrite is how many bytes a pipe takes whole or not at all (PIPE_BUF).
const wholeWrite = 4096

func newOutlet(w io.Writer) *outlet {
	o := &outlet{to: w, fd: -1, size: unix.TIOCOUTQ}
	f, ok := w.(*os.File)
	if !ok {
		return o
	}
	fd := int(f.Fd())
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return o // closed; the first write reports it
	}
	o.fd = fd
	switch format := st.Mode & unix.S_IFMT; {
	case format == unix.S_IFSOCK:
		o.how = writeSocket
	case format == unix.S_IFIFO, isTerminal(w):
		o.how = writePolled
		if format == unix.S_IFIFO {
			o.size = unix.TIOCINQ // FIONREAD by another name
		}
		if st.Rdev == unix.Mkdev(5, 2) {
			break // /dev/ptmx: opening it again makes another terminal
		}
		own, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err == nil {
			o.fd, o.how = own, writeOwn
		}
	}
	return o
}

// write writes some of p. The error is EAGAIN if there is no room.
func (o *outlet) write(p []byte) (n int, err error) {
	for {
		switch o.how {
		case writeDirect:
			return o.to.Write(p)
		case writeSocket:
			n, err = unix.SendmsgN(o.fd, p, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		case writePolled:
			if !o.room(0) {
				return 0, unix.EAGAIN
			}
			n, err = unix.Write(o.fd, p)
		case writeOwn:
			n, err = unix.Write(o.fd, p)
		}
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// room waits for room and reports whether there is some, or an error to be had by
// writing.
func (o *outlet) room(most time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(o.fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(fds, int(most.Milliseconds()))
	return err == nil && n > 0
}

// drained reports whether the far end has read since the last call. A pipe has room
// only once a whole page of it was read.
func (o *outlet) drained() bool {
	left, err := unix.IoctlGetInt(o.fd, o.size)
	if err != nil {
		return false
	}
	less := left < o.left
	o.left = left
	return less
}

// gone reports whether nothing can read any more what is written.
func (o *outlet) gone() bool {
	if o.how == writeDirect {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(o.fd)}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&unix.POLLERR != 0
}

// cut takes the last n bytes off a regular file, if they are its end, and reports
// whether it did.
func (o *outlet) cut(n int) bool {
	if o.how != writeDirect || o.fd < 0 {
		return false
	}
	at, err := unix.Seek(o.fd, 0, io.SeekCurrent)
	var st unix.Stat_t
	if err != nil || unix.Fstat(o.fd, &st) != nil || st.Size != at || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false
	}
	if unix.Ftruncate(o.fd, at-int64(n)) != nil {
		return false
	}
	_, err = unix.Seek(o.fd, at-int64(n), io.SeekStart)
	return err == nil
}

func (o *outlet) close() {
	if o.how == writeOwn {
		_ = unix.Close(o.fd) // what is written is in the pipe already
	}
}

// readerGone reports whether an error of write means that the reading end is closed.
func readerGone(err error) bool { return errors.Is(err, unix.EPIPE) }
