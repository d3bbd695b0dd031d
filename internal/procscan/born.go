// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"time"

	"golang.org/x/sys/unix"

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
// A directory of the process in /proc is open while those holders are read, and the start
// time is read from beside it afterwards. An open directory is of one process: once that
// has been reaped nothing is found in it (fs/proc/base.c, proc_pident_lookup, 6.18),
// whoever has its PID. So if the stat file can be opened from there, the PID was the same
// process's throughout, and no other's holders are among them.

// finding is a holder that was found and is not taken yet.
type finding struct {
	key    record.Key
	holder ns.Holder
	pin    bool // it holds a mount namespace that is not wanted itself

	watcher bool   // it holds what it watches; see record.Found
	netFile string // name of a file of /proc/PID/net, with the inode of key
}

// pin keeps an open directory of the process, from which stat is the path of its stat
// file, and closes it when the process is settled. It reports false, and leaves the
// directory to the caller, if there is one already.
func (v *Process) pin(dir int, stat string) bool {
	if v.pinned {
		return false
	}
	v.pinned, v.dir, v.statPath = true, dir, stat
	return true
}

// pinProcess pins a process by its directory in /proc. What is read of it after that is
// what settle takes.
func (w *Worker) pinProcess(v *Process) {
	if v.pinned || w.host.Recorded() {
		return
	}
	dir, err := w.host.OpenProc(v.pid.String(), unix.O_PATH|unix.O_DIRECTORY)
	if err == nil { // if not, it has ended, or its start stays unknown
		v.pin(dir, "stat")
	}
}

// found keeps a holder until settle. The process was pinned before the holder was read.
func (w *Worker) found(k record.Key, h ns.Holder) {
	w.findings = append(w.findings, finding{key: k, holder: h})
}

// settle takes the holders that were found of a process, with its start time; none if
// it has ended. A start time that cannot be read is unknown.
func (w *Worker) settle(v *Process) {
	if v.pinned {
		defer unix.Close(v.dir)
	}
	if len(w.findings) == 0 {
		return
	}
	defer func() { w.findings = w.findings[:0] }()
	born, err := v.born()
	if host.IsGone(err) {
		return
	}
	for i := range w.findings {
		f := &w.findings[i]
		f.holder.Born = born
		switch {
		case f.watcher:
			w.Watchers = append(w.Watchers, f.holder)
		case f.netFile != "":
			w.NetFiles = append(w.NetFiles, record.NetFile{Name: f.netFile, Inode: f.key.Inode, Holder: f.holder})
		case f.pin:
			w.Pins = append(w.Pins, record.Pin{MountNS: f.key.Inode, Holder: f.holder})
		default:
			w.holds(f.key, f.holder)
		}
	}
}

// born returns when a process that is pinned started, 0 if it is not pinned.
func (v *Process) born() (time.Duration, error) {
	if !v.pinned {
		return 0, nil
	}
	f, err := host.OpenStatAt(v.dir, v.statPath, v.pid.String())
	if err != nil {
		return 0, err
	}
	defer f.Close()
	st, err := f.Read()
	if err != nil {
		return 0, err
	}
	return st.Born(), nil
}

// statBeside is where the stat file of a process is, from the directory of its
// descriptors or those of a thread.
func statBeside(tid ns.TaskID) string {
	if tid != 0 {
		return "../../../stat"
	}
	return "../stat"
}
