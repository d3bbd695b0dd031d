// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// headSize is what every record has; a path may follow.
const headSize = int(unsafe.Offsetof(callsEvent{}.Path))

// clock turns the kernel's time since boot into the time of day.
type clock struct{ boot time.Time }

// newClock reads both clocks, one just before the other. The thread may have to wait for
// its CPU in between, so the closest of some pairs counts.
func newClock() (c clock) {
	const tries, limit = 5, 50 * time.Microsecond
	best := time.Duration(math.MaxInt64)
	for range tries {
		before := time.Now()
		sinceBoot := kernel.SinceBoot()
		apart := time.Since(before)
		if apart < best {
			best, c.boot = apart, before.Round(0).Add(-sinceBoot)
		}
		if apart < limit {
			break
		}
	}
	return c
}

func (c clock) at(sinceBoot uint64) time.Time { return c.boot.Add(time.Duration(sinceBoot)) }

// decode fills an event from a record of the kernel side.
func decode(e *Event, record []byte, c clock) error {
	var raw callsEvent
	if len(record) < headSize || len(record) > int(unsafe.Sizeof(raw)) {
		return fmt.Errorf("decode event: a record of %d bytes", len(record))
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&raw)), unsafe.Sizeof(raw)), record)
	call := Call(raw.Call)
	if call < Setns || call > Clone || int(raw.Abi) >= len(abiNames) || raw.Type >= uint32(callsNsIndexNS_TYPES) ||
		int(raw.PathSize) != len(record)-headSize || raw.Via > uint8(callsViaVIA_OTHER) {
		return fmt.Errorf("decode event: call %d, abi %d, type %d, via %d, path of %d bytes in a record of %d",
			raw.Call, raw.Abi, raw.Type, raw.Via, raw.PathSize, len(record))
	}
	*e = Event{
		Call: call, Time: c.at(raw.Time), Boot: time.Duration(raw.Time), Duration: time.Duration(raw.Duration),
		PID: int(raw.Pid), TID: int(raw.Tid), PPID: int(raw.Ppid), Child: int(raw.Child),
		Comm: cString(raw.Comm[:]), UID: int(raw.Uid), Flags: Flags(raw.Flags), FD: int(raw.Fd), Ret: raw.Ret,
		ABI: abiNames[raw.Abi], From: raw.From.set(), To: raw.To.set(),
		Partial: raw.Note&uint8(callsNoteNOTE_PARTIAL) != 0, Caller: raw.Caller.caller(),
	}
	filtered := raw.Note&uint8(callsNoteNOTE_FILTERED) != 0
	e.Refused, e.Answered = filtered && raw.Ret < 0, filtered && raw.Ret >= 0
	if raw.Ret < 0 {
		e.Ret, e.Errno = -1, unix.Errno(-raw.Ret)
	}
	if raw.Uid == math.MaxUint32 {
		e.UID = -1
	}
	if raw.Note&uint8(callsNoteNOTE_KILLED) != 0 {
		e.Errno = 0
	}
	switch callsVia(raw.Via) {
	case callsViaVIA_NSFS:
		e.Target = Target{Type: ns.Type(raw.Type), NS: raw.Target.set()}
		e.Via = Via{Kind: ViaNSFS, Path: filePath(record[headSize:], raw.Note&uint8(callsNoteNOTE_FULL_PATH) != 0)}
		if e.Via.Path == "" {
			e.Via.Path = ns.FormatLink(e.Target.Type, e.Target.NS[e.Target.Type].Inode)
		}
	case callsViaVIA_PIDFD:
		e.Target.NS = raw.Target.set()
		e.Via = Via{Kind: ViaPidfd, PID: int(raw.ViaPid)}
	case callsViaVIA_OTHER:
		e.Via = Via{Kind: ViaOther, Path: filePath(record[headSize:], raw.Note&uint8(callsNoteNOTE_FULL_PATH) != 0)}
	}
	if e.Errno != 0 {
		f := raw.facts()
		e.Reason = reasonOf(e, &f)
	}
	return nil
}

// facts returns what the kernel side found of why a call failed.
func (raw *callsEvent) facts() facts {
	is := func(f callsFact) bool { return raw.Facts&uint32(f) != 0 }
	return facts{
		noAdminThere: is(callsFactFACT_NO_ADMIN_THERE), noAdmin: is(callsFactFACT_NO_ADMIN), noChroot: is(callsFactFACT_NO_CHROOT),
		threads: is(callsFactFACT_THREADS), sharedFS: is(callsFactFACT_SHARED_FS), chrooted: is(callsFactFACT_CHROOTED),
		userDepth: is(callsFactFACT_USER_DEPTH), pidDepth: is(callsFactFACT_PID_DEPTH),
		owner: uint64(raw.Owner), full: limitFlags(raw.Full), fullIn: uint64(raw.FullIn),
	}
}

func (c *callsCaller) caller() Caller {
	return Caller{
		Program: File{device(c.ProgramDev), c.Program}, Parent: File{device(c.ParentDev), c.Parent},
		Unlinked: c.Note&uint32(callsCallerNoteCALLER_UNLINKED) != 0, Root: c.Note&uint32(callsCallerNoteCALLER_ROOT) != 0,
		Cgroup: c.Cgroup, CgroupV1: c.CgroupV1,
	}
}

// device turns a device as the kernel has it into one as user space has it: MINORBITS is
// 20 (include/linux/kdev_t.h).
func device(dev uint32) uint64 { return unix.Mkdev(dev>>20, dev&(1<<20-1)) }

func (s *callsNsSet) set() Set {
	var to Set
	for i, inode := range s.Inode {
		to[i].Inode = uint64(inode)
	}
	to[ns.Net].Cookie = s.NetCookie
	return to
}

// filePath joins the names of a path, which come from the last upwards,
// each ended by a 0.
func filePath(names []byte, whole bool) string {
	if len(names) == 0 {
		return ""
	}
	var b strings.Builder
	if !whole {
		b.WriteString("…")
	}
	for names = bytes.TrimSuffix(names, []byte{0}); ; {
		end := bytes.LastIndexByte(names, 0)
		b.WriteByte('/')
		b.Write(names[end+1:])
		if end < 0 {
			return b.String()
		}
		names = names[:end]
	}
}

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
