// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"errors"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// No file or directory of a runtime is larger than this, unless something is
// wrong with it.
const (
	mostBytes   = 8 << 20
	mostEntries = 100_000
	mostArgs    = 64 << 10 // of a command line
)

// Source is what gaps of this package name as theirs.
const Source = "owner"

// reader is what reading a machine's runtimes shares.
type reader struct {
	done    <-chan struct{} // closed when the reader's time is over
	host    *host.Host
	daemons []daemon
	shims   []ns.TaskID // of containerds
	above   sync.Map    // what readAbove found, by process

	cgroups  cgroups
	late     atomic.Bool // what is being read takes too long
	monitors atomic.Bool // containers are started by shims or conmons here

	mu         sync.Mutex
	seen       map[string]bool // directories that were read; true if by the word of somebody who is trusted
	gaps       []ns.Gap
	containers []*Container
	ids        map[string]bool // of those
	claims     []claim
	pods       map[string]string // "NAMESPACE/NAME" by UID
	finders    []func(id string) // read what a directory has of one container, which may be new there
}

// claim is what somebody other than its runtime has written down of a container.
type claim struct {
	Container
	log bool // that it has written a log, which it may have done long ago
}

func (r *reader) gap(name string, err error) {
	if gone(err) {
		return // it has ended, or never was
	}
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gaps = append(r.gaps, ns.Gap{Sources: []string{Source}, Path: name, Err: err})
}

// gone reports whether an error means that something is not there.
func gone(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ESRCH)
}

// add keeps a container, unless it is a gap that no runtime would have made it so.
func (r *reader) add(c *Container) {
	if err := c.check(); err != nil {
		r.gap(c.Dir, err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.containers = append(r.containers, c)
	r.ids[c.ID] = true
}

func (r *reader) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[id]
}

// again has a directory looked at once more when a container is met that was not
// there when it was read.
func (r *reader) again(dir string, find func(t *host.Tree, id string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finders = append(r.finders, func(id string) {
		t, err := r.host.OpenTree(dir)
		if err != nil {
			r.gap(dir, err)
			return
		}
		defer t.Close()
		find(t, id)
	})
}

// open opens a directory that was not read yet, nil if there is nothing to read. by is
// whose word it is that there is something to read: what root has said is read though
// another user has said it before.
func (r *reader) open(dir string, by ns.Authority) *host.Tree {
	dir = path.Clean(dir)
	r.mu.Lock()
	trusted, again := r.seen[dir]
	r.seen[dir] = trusted || by.Trusted
	r.mu.Unlock()
	if again && (trusted || !by.Trusted) {
		return nil
	}
	t, err := r.host.OpenTree(dir)
	if err != nil {
		r.gap(dir, err)
		return nil
	}
	return t
}

// list returns the names in a directory of a tree for which ok is true, sorted.
func (r *reader) list(t *host.Tree, dir string, ok func(string) bool) []string {
	entries, err := t.ReadDir(dir, mostEntries)
	if err != nil {
		r.gap(path.Join(t.Path(), dir), err)
	}
	var names []string
	for _, e := range entries {
		if ok == nil || ok(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// read returns a file of a tree and who can change it, nil if there is none or it
// cannot be read.
func (r *reader) read(t *host.Tree, name string) ([]byte, ns.Authority) {
	text, authority, err := t.ReadFile(name, mostBytes)
	if err != nil {
		r.gap(path.Join(t.Path(), name), err)
		return nil, ns.UnknownAuthority
	}
	return text, authority
}

// pid reads the PID that a runtime has put down, 0 if none.
func (r *reader) pid(name string) ns.TaskID {
	text, _ := r.readAt(name)                                 // whether the process is the container's is looked at
	pid, _ := ns.ParseTaskID(strings.TrimSpace(string(text))) // if it is none, it is not written yet
	return pid
}

// config returns a file by its whole path, nil if somebody can change it who is not
// trusted.
func (r *reader) config(name string) []byte {
	text, authority := r.readAt(name)
	if text != nil && !authority.Trusted {
		r.gap(name, errUserConfig)
		return nil
	}
	return text
}

// readAt is read by a whole path.
func (r *reader) readAt(name string) ([]byte, ns.Authority) {
	t, err := r.host.OpenTree(path.Dir(name))
	if err != nil {
		r.gap(name, err)
		return nil, ns.UnknownAuthority
	}
	defer t.Close()
	return r.read(t, path.Base(name))
}

// each calls f for every name, on all cores.
func (r *reader) each(names []string, f func(string)) {
	r.eachIndex(len(names), func(i int) { f(names[i]) })
}

// over reports whether the reader's time is over.
func (r *reader) over() bool {
	if r.late.Load() {
		return true
	}
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// eachIndex calls f for 0 to n-1, on all cores, until the reader's time is over.
func (r *reader) eachIndex(n int, f func(int)) {
	const piece = 64
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min((n+piece-1)/piece, runtime.GOMAXPROCS(0)) {
		pool.Go(&wg, func() {
			for !r.over() {
				from := int(next.Add(piece)) - piece
				if from >= n {
					return
				}
				for i := from; i < min(from+piece, n); i++ {
					f(i)
				}
			}
		})
	}
	wg.Wait()
}

// absolute reports whether a path from a command line or a configuration is absolute:
// where something is.
func absolute(name string) bool {
	return strings.HasPrefix(name, "/") && !strings.Contains(name, "\x00")
}
