// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A holder is of the process that had the PID when the holder was read. That process is
// known by its start time, in PID/stat. Reading that for every process would cost more
// than the walk does: it is read for those that have more than a namespace that they
// are in, as a thread elsewhere or an open file, and once for all of it. When a process
// itself started is read with its other details, together with its namespace (pkg/scan,
// details.read): one that has its PID by then holds, too, or is not shown.
//
// The file is opened before those holders are read, or from the directory in which they
// were, and read after them. An open file of /proc/PID is of one process: once that has
// been reaped, reading is ESRCH (fs/proc/base.c, proc_single_show, 6.18), whoever has
// its PID. So if it can be read, that PID was the same process's throughout, and no
// other's holders are among them.

// finding is a holder that was found and is not taken yet.
type finding struct {
	key    record.Key
	holder ns.Holder
	pin    bool // it holds a mount namespace that is not wanted itself
}

// pin opens the stat file of the process unless that is done: at a path from an open
// directory of it, or of /proc.
func (w *Worker) pin(v *Process, dir int, path string) {
	if v.pinned || w.host.Recorded() {
		return
	}
	v.pinned = true
	v.stat, v.statErr = host.OpenStatAt(dir, path, v.pid.String())
}

// found keeps a holder until settle. The process was pinned before the holder was read.
func (w *Worker) found(k record.Key, h ns.Holder) {
	w.findings = append(w.findings, finding{key: k, holder: h})
}

// settle takes the holders that were found of a process, with its start time; none if
// it has ended. A start time that cannot be read is unknown.
func (w *Worker) settle(v *Process) {
	defer v.release()
	if len(w.findings) == 0 {
		return
	}
	defer func() { w.findings = w.findings[:0] }()
	var st host.Stat
	err := v.statErr
	if v.pinned && err == nil {
		st, err = v.stat.Read()
	}
	if host.IsGone(err) {
		return
	}
	for i := range w.findings {
		f := &w.findings[i]
		f.holder.Born = st.Born()
		if f.pin {
			w.Pins = append(w.Pins, record.Pin{MountNS: f.key.Inode, Holder: f.holder})
		} else {
			w.holds(f.key, f.holder)
		}
	}
}

// release closes what pin opened.
func (v *Process) release() {
	if v.pinned && v.statErr == nil {
		v.stat.Close()
	}
	v.pinned = false
}

// statBeside is where the stat file of a process is, from the directory of its
// descriptors or those of a thread.
func statBeside(tid ns.TaskID) string {
	if tid != 0 {
		return "../../../stat"
	}
	return "../stat"
}
