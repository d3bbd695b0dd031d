// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// perfRing is one CPU's buffer of records.
type perfRing struct {
	fd   int
	page *unix.PerfEventMmapPage
	all  []byte // as mapped: the page, then the data
	data []byte
}

// perfRecord is where a thread is that was created or moved, or how one is called that got a name.
type perfRecord struct {
	time      uint64 // nanoseconds since boot
	pid, tid  uint32 // who is there
	byPID, by uint32 // who made the call
	set       Set
	renamed   bool
	comm      string // the name, if it was renamed
}

const perfPages = 64 // of data; a power of two

const perfBitNamespaces = unix.CBitFieldMaskBit28

// openPerfRing starts to record on one CPU. It needs CAP_PERFMON, or that
// kernel.perf_event_paranoid is 0 or less (perf_event_open, kernel/events/core.c).
func openPerfRing(cpu int) (*perfRing, error) {
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_DUMMY, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Sample_type: unix.PERF_SAMPLE_TID | unix.PERF_SAMPLE_TIME, Wakeup: 1,
		// Names too: by the time that an event is read its thread may have another one.
		// Namespaces alone would be delivered to no event of a CPU: is_sb_event
		// (kernel/events/core.c, 6.18) forgets them.
		Bits:    unix.PerfBitSampleIDAll | unix.PerfBitUseClockID | perfBitNamespaces | unix.PerfBitComm,
		Clockid: unix.CLOCK_BOOTTIME,
	}
	fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open perf event on CPU %d: %w", cpu, err)
	}
	page := os.Getpagesize()
	all, err := unix.Mmap(fd, 0, (1+perfPages)*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("map perf events of CPU %d: %w", cpu, err)
	}
	return &perfRing{fd: fd, page: (*unix.PerfEventMmapPage)(unsafe.Pointer(&all[0])), all: all, data: all[page:]}, nil
}

// read takes all records out, and reports whether some did not fit before.
func (r *perfRing) read() (records []perfRecord, lost bool) {
	head := atomic.LoadUint64(&r.page.Data_head)
	tail := r.page.Data_tail
	for tail < head {
		raw := r.at(tail, 8)
		size := uint64(binary.NativeEndian.Uint16(raw[6:]))
		if size < 8 || tail+size > head {
			lost = true // cannot be: the rest is of no use
			break
		}
		raw = r.at(tail, size)
		switch binary.NativeEndian.Uint32(raw) {
		case unix.PERF_RECORD_NAMESPACES:
			if rec, ok := parsePerfRecord(raw[8:]); ok {
				records = append(records, rec)
			}
		case unix.PERF_RECORD_COMM:
			if rec, ok := parsePerfComm(raw[8:]); ok {
				records = append(records, rec)
			}
		case unix.PERF_RECORD_LOST:
			lost = true
		}
		tail += size
	}
	atomic.StoreUint64(&r.page.Data_tail, head)
	return records, lost
}

// at copies what is at a position, which may wrap around.
func (r *perfRing) at(pos, size uint64) []byte {
	b := make([]byte, size)
	start := pos % uint64(len(r.data))
	n := copy(b, r.data[start:])
	copy(b[n:], r.data)
	return b
}

// parsePerfRecord reads a PERF_RECORD_NAMESPACES after its header: pid, tid, a
// count, a device and an inode for each type, then who was running and when.
func parsePerfRecord(b []byte) (perfRecord, bool) {
	if len(b) < 16+perfSampleID {
		return perfRecord{}, false
	}
	u64 := binary.NativeEndian.Uint64
	r := perfRecord{pid: perfPID(b), tid: perfPID(b[4:])}
	n := u64(b[8:])
	if n > uint64(len(b)-16-perfSampleID)/16 {
		return perfRecord{}, false
	}
	for i, t := range perfMap[:min(n, uint64(len(perfMap)))] {
		if t != ns.PID { // that is not what a Set has
			r.set[t].Inode = u64(b[16+16*i+8:])
		}
	}
	r.readSampleID(b[16+16*n:])
	return r, true
}

// perfSampleID is the size of what every record ends with: who was running and when.
const perfSampleID = 16

func (r *perfRecord) readSampleID(b []byte) {
	r.byPID, r.by, r.time = perfPID(b), perfPID(b[4:]), binary.NativeEndian.Uint64(b[8:])
}

// perfPID reads a number in our PID namespace, 0 if it has none there. That of a task
// which ends may be -1 (perf_event_pid_type, kernel/events/core.c, 6.18).
func perfPID(b []byte) uint32 {
	if n := binary.NativeEndian.Uint32(b); n != math.MaxUint32 {
		return n
	}
	return 0
}

// parsePerfComm reads a PERF_RECORD_COMM after its header: pid, tid and the name, ended
// and filled up with zeros.
func parsePerfComm(b []byte) (perfRecord, bool) {
	if len(b) < 8+perfSampleID {
		return perfRecord{}, false
	}
	name := len(b) - perfSampleID
	r := perfRecord{pid: perfPID(b), tid: perfPID(b[4:]), renamed: true, comm: cString(b[8:name])}
	r.readSampleID(b[name:])
	return r, true
}

func (r *perfRing) close() error {
	err := unix.Munmap(r.all)
	unix.Close(r.fd)
	return err
}

// parseCPUs reads a list of CPUs such as "0-3,8".
func parseCPUs(list string) ([]int, error) {
	var cpus []int
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 16)
		last, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil || last < first {
			return nil, fmt.Errorf("list CPUs: %q is not a range", part)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, int(cpu))
		}
	}
	return cpus, nil
}
