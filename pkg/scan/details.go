// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// errLeft is the error for a task that has ended, or has left the namespace, since it was
// seen in it.
var errLeft = errors.New("has left the namespace")

// details reads what tables show of a task. The few processes that are shown
// are read with prometheus/procfs; the loop over all of them is not.
type details struct {
	host *host.Host
	fs   procfs.FS
	full bool      // read what costs more, too: the UID and the start time
	boot time.Time // zero if unreadable; start times are then unknown
}

func newDetails(h *host.Host, full bool) (*details, error) {
	fs, err := procfs.NewFS(nsfs.SelfFD(h.ProcFD()))
	if err != nil {
		return nil, fmt.Errorf("open proc: %w", err)
	}
	return &details{host: h, fs: fs, full: full}, nil
}

// Describe fills in the process of every process and thread that holds n, and
// drops the holders that have ended or left since the scan; one that cannot be
// read stays without. It needs no
// capability beyond what the scan had. It returns an error only if proc itself
// cannot be read or ctx ends.
func Describe(ctx context.Context, h *host.Host, n *ns.Namespace) error {
	d, err := newDetails(h, true)
	if err != nil {
		return err
	}
	if boot, err := h.BootTime(); err == nil { // if not, the scan has a gap
		d.boot = boot
	}
	left := make([]bool, len(n.Holders))
	pool.Each(ctx, len(n.Holders), func(i int) {
		holder := &n.Holders[i]
		if pin := holder.Pin; pin != nil && pin.Kind != ns.KindMount && pin.PID != 0 {
			whole := *pin // which is other mounts' pin, too
			if p, err := d.read(pin, n.Type, n.Inode); err == nil {
				whole.Process = p
			}
			holder.Pin = &whole
		}
		if holder.Kind == ns.KindMount || holder.PID == 0 {
			return
		}
		p, err := d.read(holder, n.Type, n.Inode)
		holder.Process, left[i] = p, d.gone(err)
	})
	kept := n.Holders[:0]
	for i := range n.Holders {
		if !left[i] {
			kept = append(kept, n.Holders[i])
		}
	}
	n.Holders = kept
	return ctx.Err()
}

// ReadProcess returns what a user needs to recognise a process, whatever
// namespaces it is in. Its start is a second early at most: the kernel shows its
// boot time in whole seconds. The error of one that has ended is os.ErrNotExist or
// ESRCH. It needs no capability.
func ReadProcess(h *host.Host, pid ns.TaskID) (*ns.Process, error) {
	d, err := newDetails(h, true)
	if err != nil {
		return nil, err
	}
	if boot, err := h.BootTime(); err == nil { // if not, the scan has a gap
		d.boot = boot
	}
	st, err := h.ReadStat(pid.String())
	if err != nil {
		return nil, err
	}
	p := &ns.Process{PID: pid, Comm: st.Comm, UID: -1}
	return p, d.fill(p, &ns.Holder{PID: pid}, st)
}

// gone reports whether an error of read means that the task has ended, or is no
// holder any more. Any other, and a file missing in a recorded tree, whose tasks do not
// end, only hides what it is.
func (d *details) gone(err error) bool {
	return errors.Is(err, errLeft) || !d.host.Recorded() && host.IsGone(err)
}

// read returns the details of a process or thread that was seen in a namespace.
// PIDs are reused and programs replaced at any moment: what is returned was
// read between two looks at one task that found the same name, in the namespace.
func (d *details) read(h *ns.Holder, t ns.Type, inode uint64) (*ns.Process, error) {
	task := h.PID.String()
	if h.TID != 0 {
		task = path.Join(task, "task", h.TID.String())
	}
	stat, err := d.host.OpenStat(task)
	if err != nil {
		return nil, err
	}
	defer stat.Close()
	before, err := stat.Read()
	for tries := 1; err == nil; tries++ {
		p := &ns.Process{PID: h.PID, Comm: before.Comm, UID: -1}
		if err := d.fill(p, h, before); err != nil {
			return nil, err
		}
		if h.IsTask() && d.left(h, task, t, inode) {
			return nil, errLeft
		}
		var after host.Stat
		after, err = stat.Read()
		// A task that renames itself or execs all the time is shown as last read,
		// and cannot hide that way.
		if err == nil && (after.Comm == before.Comm || tries == 8) {
			return p, nil
		}
		before = after
	}
	return nil, err
}

// left reports whether a task is no more, or no more in the namespace.
func (d *details) left(h *ns.Holder, task string, t ns.Type, inode uint64) bool {
	link := t.Links()[0]
	if h.Via != "" {
		link = h.Via
	}
	now, err := d.host.NamespaceLink(path.Join(task, "ns", link))
	return err == nil && now != inode || host.IsGone(err)
}

func (d *details) fill(p *ns.Process, h *ns.Holder, st host.Stat) error {
	task := h.PID.String()
	if h.TID != 0 {
		task = path.Join(task, "task", h.TID.String())
	}
	if err := d.host.CheckRegular(task, "cmdline", "status"); err != nil {
		return nil // a recorded tree may have kept less
	}
	proc, err := d.proc(h)
	if err != nil {
		return err
	}
	if p.Cmdline, err = d.cmdline(task); err != nil && host.IsGone(err) {
		return err
	}
	if !d.full {
		return nil
	}
	if !d.boot.IsZero() {
		p.Started = d.boot.Add(time.Duration(st.Start) * (time.Second / host.UserHZ))
	}
	status, err := newStatus(proc)
	if host.IsGone(err) {
		return err
	}
	if err == nil {
		p.UID = int(status.UIDs[1])
	}
	return nil
}

// maxCmdline is how much of a command line is kept. It can have megabytes, and a namespace
// thousands of processes.
const maxCmdline = 64 << 10

// cmdline returns the arguments of a task, the last one with "…" at its end if there is
// more.
func (d *details) cmdline(task string) ([]string, error) {
	text, err := d.host.ReadTask(task, "cmdline", maxCmdline)
	cut := errors.Is(err, host.ErrTooLarge)
	if err != nil && !cut || len(text) == 0 {
		return nil, err
	}
	args := strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
	if cut {
		args[len(args)-1] += "…"
	}
	return args, nil
}

// newStatus is proc.NewStatus, which panics on lines that no kernel writes and a
// recorded tree may have (procfs 0.23, fillStatus: a fifth UID).
func newStatus(proc procfs.Proc) (status procfs.ProcStatus, err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("odd status file: %v", what)
		}
	}()
	return proc.NewStatus()
}

func (d *details) proc(h *ns.Holder) (procfs.Proc, error) {
	if h.TID != 0 {
		return d.fs.Thread(int(h.PID), int(h.TID))
	}
	return d.fs.Proc(int(h.PID))
}
