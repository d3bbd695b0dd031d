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
// while it is read; what reads it then takes pieces itself, so that a small machine's processes do
// not wait for another thread to start.
func Walk(ctx context.Context, h *host.Host, types []ns.Type, visitors []func(*Worker, *Process)) (record.Found, error) {
	w := newWalker(h, types)
	w.anon = anonymous()
	pieces := make(chan []ns.TaskID, 64)
	var all record.Found
	var mu sync.Mutex
	visit := func() {
		got := w.visitAll(ctx, pieces, visitors)
		mu.Lock()
		defer mu.Unlock()
		all.Add(got)
	}
	var wg sync.WaitGroup
	for range max(1, runtime.GOMAXPROCS(0)-1) { // one at least takes what does not fit into the channel
		pool.Go(&wg, visit)
	}
	err := w.listProcesses(ctx, pieces)
	close(pieces)
	visit()
	wg.Wait()
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
func (s *walker) visitAll(ctx context.Context, pieces <-chan []ns.TaskID, visitors []func(*Worker, *Process)) record.Found {
	w := &Worker{walker: s, path: make([]byte, 0, 64), cookies: map[uint64]uint64{}, Found: record.Found{Threads: map[record.Key]int{}, Members: record.Members{}}}
	for pids := range pieces {
		if ctx.Err() != nil {
			continue
		}
		for _, pid := range pids {
			v := Process{pid: pid}
			for _, f := range visitors {
				f(w, &v)
			}
			w.settle(&v)
		}
	}
	return w.Found
}

func (s *walker) wants(t ns.Type) bool { return slices.Contains(s.types, t) }

// listProcesses sends the PIDs in /proc to pieces.
func (s *walker) listProcesses(ctx context.Context, pieces chan<- []ns.TaskID) error {
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
			pieces <- pids[:piece]
			pids = pids[piece:]
		}
		pieces <- pids
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
