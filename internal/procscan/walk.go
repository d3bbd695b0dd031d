// SPDX-License-Identifier: Apache-2.0

// Package procscan finds holders of namespaces by walking over /proc.
package procscan

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// The errors of gaps that no single read meets: processes that /proc does not list.
var (
	ErrOtherPIDNS = errors.New("only the processes of this PID namespace can be seen")
	ErrHidepid    = errors.New("mounted with hidepid: other users' processes are hidden")
)

// HidesProcesses reports whether a gap is that /proc does not list some processes.
func HidesProcesses(g ns.Gap) bool { return g.Err == ErrOtherPIDNS || g.Err == ErrHidepid }

// Process is one process in the walk over all of them. What a source reads of it is
// kept for the sources after it.
type Process struct {
	pid    ns.TaskID
	known  bool
	own    [ns.NumTypes]uint64 // the process's namespaces; 0 where it has none left
	denied bool                // the kernel refuses to show its namespaces

	tidsKnown bool
	tids      []ns.TaskID // its threads; nil if it has one alone

	filesKnown bool
	files      []openFile
	nsFiles    bool // its namespace files are wanted

	pinned   bool // see pin
	dir      int
	statPath string
}

// Worker is what one thread of the walk owns: its buffers and what it found.
type Worker struct {
	*walker
	path     []byte
	link     [64]byte
	stx      unix.Statx_t
	dirents  []byte
	fds      []int
	cookies  map[uint64]uint64 // inodes of network namespaces, by cookie
	findings []finding         // of the process that is visited
	record.Found
}

// walker is what the workers of one walk share.
type walker struct {
	host  *host.Host
	types []ns.Type
	nsfs  uint64 // the device number of namespace files
	proc  uint64 // that of the host's /proc
	anon  file   // the one inode of all anonymous files; zero if it is unknown
}

// file identifies a file.
type file struct{ dev, inode uint64 }

// Walk calls visitors for every process, on all cores. The listing of /proc is handed on in pieces
// while it is read. What reads it visits the pieces that no other takes yet, so that on a small
// machine none waits for another thread to start.
func Walk(ctx context.Context, h *host.Host, types []ns.Type, visitors []func(*Worker, *Process)) (record.Found, error) {
	shared := newWalker(h, types)
	shared.anon = anonymous()
	pieces := make(chan []ns.TaskID, 64)
	workers := make([]*Worker, runtime.GOMAXPROCS(0))
	for i := range workers {
		workers[i] = &Worker{walker: shared, path: make([]byte, 0, 64), cookies: map[uint64]uint64{}, Found: record.Found{Threads: map[record.Key]int{}, Members: record.Members{}}}
	}
	var wg sync.WaitGroup
	for _, w := range workers[1:] {
		pool.Go(&wg, func() { w.visitAll(ctx, pieces, visitors) })
	}
	err := shared.listProcesses(ctx, func(piece []ns.TaskID) {
		select {
		case pieces <- piece:
		default:
			workers[0].visit(ctx, piece, visitors)
		}
	})
	close(pieces)
	workers[0].visitAll(ctx, pieces, visitors)
	wg.Wait()
	var all record.Found
	for _, w := range workers {
		all.Add(w.Found)
	}
	return all, err
}

func newWalker(h *host.Host, types []ns.Type) *walker {
	w := &walker{host: h, types: types}
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &st); err == nil { // if not, there are no namespace files at all
		w.nsfs = st.Dev
	}
	if err := unix.Fstat(h.ProcFD(), &st); err == nil && !h.Recorded() {
		w.proc = st.Dev
	}
	return w
}

// visitAll calls visitors for the processes that it gets.
func (w *Worker) visitAll(ctx context.Context, pieces <-chan []ns.TaskID, visitors []func(*Worker, *Process)) {
	for piece := range pieces {
		w.visit(ctx, piece, visitors)
	}
}

func (w *Worker) visit(ctx context.Context, pids []ns.TaskID, visitors []func(*Worker, *Process)) {
	if ctx.Err() != nil {
		return
	}
	for _, pid := range pids {
		v := Process{pid: pid}
		for _, f := range visitors {
			f(w, &v)
		}
		w.settle(&v)
	}
}

func (s *walker) wants(t ns.Type) bool { return slices.Contains(s.types, t) }

// listProcesses hands on the PIDs in /proc, in pieces.
func (s *walker) listProcesses(ctx context.Context, take func([]ns.TaskID)) error {
	const piece = 32
	fd, err := s.host.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	buf := make([]byte, 16<<10)
	for ctx.Err() == nil {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		pids := host.NumericEntries[ns.TaskID](nil, buf[:n], unix.DT_DIR)
		for len(pids) > piece {
			take(pids[:piece])
			pids = pids[piece:]
		}
		take(pids)
	}
	return ctx.Err()
}

// readLink reads a namespace link of a process. A missing process, and a
// zombie's missing link, are ENOENT or ESRCH.
func (w *Worker) readLink(t ns.Type, pid ns.TaskID, rest ...string) (uint64, unix.Errno) {
	w.path = procPath(w.path, pid, rest...)
	var n int
	var errno unix.Errno
	if !w.host.Recorded() {
		n, errno = readlinkat(w.host.ProcFD(), w.path, w.link[:])
	} else {
		n, errno = w.host.ReadlinkRecorded(string(w.path[:len(w.path)-1]), w.link[:])
	}
	if errno != 0 {
		return 0, errno
	}
	got, inode, ok := ns.ParseLink(string(w.link[:n]))
	if !ok || got != t {
		return 0, unix.EINVAL
	}
	return inode, 0
}

// gone reports whether a process is no more. The kernel answers EACCES, not
// ENOENT, when a process ends between the look-up of its namespace link and the
// reading of it (fs/proc/namespaces.c, proc_ns_readlink, 6.18).
func (w *Worker) gone(pid ns.TaskID) bool {
	w.path = procPath(w.path, pid)
	_, errno := linkCount(w.host.ProcFD(), w.path, &w.stx)
	return errno == unix.ENOENT || errno == unix.ESRCH
}

func (w *Worker) gap(source, path string, err error) {
	w.Gaps = append(w.Gaps, ns.Gap{Sources: []string{source}, Path: path, Err: err})
}

// buffer is where directory listings are read into.
func (w *Worker) buffer() []byte {
	if w.dirents == nil {
		w.dirents = make([]byte, 16<<10)
	}
	return w.dirents
}
