// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

var (
	// errLeft is the error for a task that has ended, or has left the namespace, since it
	// was seen in it.
	errLeft = errors.New("has left the namespace")

	errUnknownStart = errors.New("the start time of the process that holds is unknown")
)

// details reads what tables show of a task. The few processes that are shown
// are read with prometheus/procfs; the loop over all of them is not.
type details struct {
	host *host.Host
	fs   procfs.FS
	full bool      // read what costs more, too: the UID and the start time
	many *cgroups  // of every process, which is not read with procfs; nil: of few
	boot time.Time // zero if unreadable; start times are then unknown

	fileTasks map[task]answer // of those that have something open which holds one namespace
}

func newDetails(h *host.Host, full bool) (*details, error) {
	if h.Live() && h.Recorded() {
		return nil, procscan.ErrNoProcfs
	}
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
	d.readFileTasks(ctx, n)
	left := make([]bool, len(n.Holders))
	pool.Each(ctx, len(n.Holders), func(i int) { left[i] = !d.describe(&n.Holders[i], n.Type, n.Inode) })
	kept := n.Holders[:0]
	for i := range n.Holders {
		if !left[i] {
			kept = append(kept, n.Holders[i])
		}
	}
	n.Holders = kept
	c := children{details: d, tasks: map[task]*ns.Process{}, described: map[uint64]*ns.Namespace{}}
	c.describe(ctx, n)
	return ctx.Err()
}

// describe fills in the process of a holder, and reports whether it still holds.
func (d *details) describe(h *ns.Holder, t ns.Type, inode uint64) bool {
	if h.Kind == ns.KindMount {
		d.describePin(h)
		if h.PID != 0 && !d.checkMember(h) {
			h.PID, h.TID, h.Born = 0, 0, 0
		}
		return true
	}
	if h.PID == 0 {
		return true
	}
	p, err := d.readOnce(h, t, inode)
	h.Process = p
	switch {
	case err == nil:
		h.Born = cmp.Or(h.Born, p.Born)
	case d.gone(err) && h.Kind == ns.KindInflight:
		// Another process may have the socket in whose queue the file waits.
		h.PID, h.TID, h.FD, h.Born = 0, 0, -1, 0
	case d.gone(err):
		return false
	}
	return true
}

// describePin fills in the process of what keeps a mount's namespace, or takes it out if
// that process has ended.
func (d *details) describePin(h *ns.Holder) {
	pin := h.Pin
	if pin == nil || pin.Kind == ns.KindMount || pin.PID == 0 {
		return
	}
	whole := *pin // which is other mounts' pin, too
	h.Pin = &whole
	if p, err := d.read(pin, ns.Mnt, h.MountNS); err == nil {
		whole.Process = p
	} else if d.gone(err) {
		h.Pin = nil
	}
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
	r, err := d.readTask(&ns.Holder{PID: pid}, nil)
	return r.Process, err
}

// gone reports whether an error of read means that the task has ended, or is no
// holder any more. Any other, and a file missing in a recorded tree, whose tasks do not
// end, only hides what it is.
func (d *details) gone(err error) bool {
	return errors.Is(err, errLeft) || !d.host.Recorded() && host.IsGone(err)
}

// read returns the details of the process of a holder that was found in a namespace.
// PIDs are reused and programs replaced at any moment, so what is returned was read
// between two looks at one task:
//
//   - Where Born is known, the process started then: it is the one that was found.
//   - Otherwise, and also where it is known, a process or thread was in the namespace
//     between the two looks. If it is not the one that was found, it holds as well.
//   - Of anything else without Born, nothing is returned: whose file it is is unknown.
//
// What remains is two processes that got one PID within a tick (host.Stat.IsOf), and
// what happens after the second look.
func (d *details) read(h *ns.Holder, t ns.Type, inode uint64) (*ns.Process, error) {
	if h.Born == 0 && !h.IsTask() && !d.host.Recorded() {
		return nil, errUnknownStart
	}
	r, err := d.readTask(h, func(task string) bool { return h.IsTask() && d.left(h, task, t, inode) })
	return r.Process, err
}

// reading is what was read of a task.
type reading struct {
	*ns.Process
	host.Task
}

// readTask is read, of any task for which left, unless that is nil, is false.
func (d *details) readTask(h *ns.Holder, left func(task string) bool) (reading, error) {
	task := taskOf(h)
	look, err := d.open(h)
	if err != nil {
		return reading{}, err
	}
	defer look.close()
	before, err := look.read()
	for tries := 1; err == nil; tries++ {
		if h.Born != 0 && !look.process.IsOf(h.Born) {
			return reading{}, errLeft // another process has its PID
		}
		r := reading{&ns.Process{PID: h.PID, Comm: before.Comm, UID: -1, Born: cmp.Or(h.Born, look.process.Born())}, host.Task{Stat: before}}
		if err := d.fill(&r, h); err != nil {
			return reading{}, err
		}
		if left != nil && left(task) {
			return reading{}, errLeft
		}
		var after host.Stat
		after, err = look.read()
		// A task that renames itself or execs all the time is shown as last read,
		// and cannot hide that way.
		if err == nil && (after.Comm == before.Comm || tries == 8) {
			return r, nil
		}
		before = after
	}
	return reading{}, err
}

// fill reads the rest of a task whose stat file was read.
func (d *details) fill(r *reading, h *ns.Holder) error {
	if err := d.host.CheckRegular(taskOf(h), "cmdline", "status"); err != nil {
		return nil // a recorded tree may have kept less
	}
	var err error
	if r.Cmdline, err = d.cmdline(taskOf(h)); err != nil && host.IsGone(err) {
		return err
	}
	if !d.full {
		return nil
	}
	if !d.boot.IsZero() {
		r.Started = d.boot.Add(time.Duration(r.Stat.Start) * host.Tick)
	}
	st, err := d.status(h)
	if host.IsGone(err) {
		return err
	}
	if err == nil {
		r.UID, r.OutlivesTerm = st.UID, st.OutlivesTerm
	}
	if d.many != nil {
		if text, err := d.host.ReadCgroup(taskOf(h)); err == nil { // else whoever needs it reports that
			r.Cgroup = d.many.same(text)
		}
	}
	return nil
}

// status returns what the status file of a task has: of one of few, only the user.
func (d *details) status(h *ns.Holder) (host.Status, error) {
	if d.many != nil {
		return d.host.ReadStatus(taskOf(h))
	}
	proc, err := d.proc(h)
	if err != nil {
		return host.Status{}, err
	}
	status, err := newStatus(proc)
	if err != nil {
		return host.Status{}, err
	}
	return host.Status{UID: int(status.UIDs[1])}, nil
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
