// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"unsafe"

	"golang.org/x/sys/unix"
)

// chunks returns at most n bytes a read, with EAGAIN before each, as an iterator
// does after an idle period.
type chunks struct {
	rest  []byte
	n     int
	tired bool
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.tired = !c.tired; c.tired {
		return 0, unix.EAGAIN
	}
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest[:min(c.n, len(c.rest))])
	c.rest = c.rest[n:]
	return n, nil
}

// FuzzDrain feeds any bytes in any pieces: whole records come out unchanged,
// and half ones are an error.
func FuzzDrain(f *testing.F) {
	const size = int(unsafe.Sizeof(scanFileRecord{}))
	f.Add(bytes.Repeat([]byte{1, 0, 0xff}, size), size)
	f.Add(bytes.Repeat([]byte{7}, 3*size), 2*size)
	f.Add([]byte("short"), 3)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		if n <= 0 {
			return
		}
		var got []byte
		count, err := drain(&chunks{rest: data, n: n}, make([]scanFileRecord, 4), func(r *scanFileRecord) {
			var file File
			file.set(r)
			if len(file.DeviceName()) > 16 || file.FD != int(r.Fd) {
				t.Errorf("record became %+v", file)
			}
			got = append(got, bytesOf(r)...)
		})
		whole := min(n, 4*size)%size == 0 && len(data)%size == 0
		if whole != (err == nil) && len(data) > 0 && n < len(data) {
			t.Errorf("%d bytes in pieces of %d: %v", len(data), n, err)
		}
		if err == nil && !bytes.Equal(got, data) || int(count)*size != len(got) {
			t.Errorf("%d bytes became %d, in %d records", len(data), len(got), count)
		}
	})
}

func FuzzTask(f *testing.F) {
	f.Add(make([]byte, unsafe.Sizeof(scanTaskRecord{})))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r scanTaskRecord
		copy(bytesOf(&r), data)
		var task Task
		task.set(&r)
		if bytes.IndexByte([]byte(task.Command()), 0) >= 0 || task.NS != r.Ns || task.PID != int(r.Pid) {
			t.Errorf("%+v became %+v", r, task)
		}
	})
}

func TestDrainErrors(t *testing.T) {
	broken := errors.New("broken")
	_, err := drain(iotest.ErrReader(broken), buffer[scanTaskRecord](), func(*scanTaskRecord) {})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	_, err = drain(bytes.NewReader(make([]byte, 100)), buffer[scanTaskRecord](), func(*scanTaskRecord) {})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a record: got %v", err)
	}
}

// TestLayout checks what the comments in bpf/scan.h promise: no hidden padding,
// and sizes that keep records aligned.
func TestLayout(t *testing.T) {
	for name, size := range map[string]uintptr{
		"task": unsafe.Sizeof(scanTaskRecord{}), "file": unsafe.Sizeof(scanFileRecord{}), "net": unsafe.Sizeof(scanNetRecord{}),
	} {
		if size%8 != 0 {
			t.Errorf("%s record has %d bytes", name, size)
		}
	}
	if got := unsafe.Sizeof(scanTaskRecord{}); got != 112 {
		t.Errorf("task record has %d bytes, want 112", got)
	}
	if got := unsafe.Sizeof(scanFileRecord{}); got != 112 {
		t.Errorf("file record has %d bytes, want 112", got)
	}
}

// TestPackedSockets checks that a record of packed sockets is recognised as one where a
// file's is read.
func TestPackedSockets(t *testing.T) {
	var file scanFileRecord
	var own scanOwnRecord
	if unsafe.Sizeof(own) != unsafe.Sizeof(file) || unsafe.Offsetof(own.Kind) != unsafe.Offsetof(file.Kind) || unsafe.Offsetof(own.Ns) != unsafe.Offsetof(file.Ns) {
		t.Errorf("a record of packed sockets %d bytes, kind at %d, ns at %d; of a file %d, %d, %d",
			unsafe.Sizeof(own), unsafe.Offsetof(own.Kind), unsafe.Offsetof(own.Ns), unsafe.Sizeof(file), unsafe.Offsetof(file.Kind), unsafe.Offsetof(file.Ns))
	}
}

// TestFinish checks that every sort of loss is an error.
func TestFinish(t *testing.T) {
	for _, k := range []scanTotals{
		{Written: 1}, {Written: 2, Ended: 1}, {Written: 1, Ended: 1, Lost: 1},
		{Written: 1, Ended: 1, Unreadable: 1}, {Written: 1, Ended: 1, Changed: 1},
	} {
		if _, err := check(&k, 1, 1); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%+v: %v", k, err)
		}
	}
	if _, err := check(&scanTotals{Written: 1, Ended: 1}, 1, 1); err != nil {
		t.Error(err)
	}
}
