// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Status is what is used of /proc/PID/status.
type Status struct {
	UID          int  // the effective user; -1 if the file has none
	OutlivesTerm bool // see Host.OutlivesTerm
}

// ReadStatus reads the status file of a task: "PID" or "PID/task/TID".
func (h *Host) ReadStatus(task string) (Status, error) {
	var buf [4096]byte
	text, err := h.readRecord(task, "status", buf[:], 64<<10)
	if err != nil {
		return Status{UID: -1}, err
	}
	st := Status{-1, outlivesTerm(text)}
	if state(text) == 'Z' && !st.OutlivesTerm {
		st.OutlivesTerm = h.isStopped(task)
	}
	if ids := userIDs(text); len(ids) > 1 {
		if st.UID, err = strconv.Atoi(ids[1]); err != nil {
			st.UID = -1
		}
	}
	return st, nil
}

// OutlivesTerm reports whether SIGTERM does not end a process: it ignores the signal, as an
// interactive shell does, or is the first of a PID namespace and does not catch it
// (kernel/signal.c, sig_task_ignored, 6.18), or it is stopped, by a signal or a tracer: then the
// signal waits until it goes on, as any but SIGKILL does (kernel/signal.c, wants_signal, 6.18). Where
// its first thread has ended the others are looked at. It is false where that cannot be read.
func (h *Host) OutlivesTerm(pid ns.TaskID) bool {
	st, err := h.ReadStatus(pid.String())
	return err == nil && st.OutlivesTerm
}

// isStopped reports whether a thread that is left of a process is stopped.
func (h *Host) isStopped(task string) bool {
	pid, ok := ns.ParseTaskID(task)
	if !ok {
		return false
	}
	tids, err := h.Threads(pid, make([]byte, 4<<10))
	if err != nil {
		return false
	}
	var buf [4096]byte
	for _, tid := range tids {
		text, err := h.readRecord(task+"/task/"+tid.String(), "status", buf[:], 64<<10)
		if s := state(text); err == nil && (s == 'T' || s == 't') {
			return true
		}
	}
	return false
}

// state returns the letter of a task's state in its status file, 0 if there is none.
func state(status []byte) byte {
	_, rest, _ := bytes.Cut(status, []byte("\nState:"))
	rest = bytes.TrimLeft(rest, "\t ")
	if len(rest) == 0 {
		return 0
	}
	return rest[0]
}

func outlivesTerm(status []byte) bool {
	first, caught := false, false
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); name {
		case "State":
			if strings.HasPrefix(value, "T") || strings.HasPrefix(value, "t") {
				return true
			}
		case "NSpid": // in each PID namespace that it is in, the innermost last
			all := strings.Fields(value)
			first = len(all) > 1 && all[len(all)-1] == "1"
		case "SigIgn":
			if hasTerm(value) {
				return true
			}
		case "SigCgt":
			caught = hasTerm(value)
		}
	}
	return first && !caught
}

// hasTerm reports whether a set of signals in a status file has SIGTERM.
func hasTerm(set string) bool {
	bits, err := strconv.ParseUint(set, 16, 64)
	return err == nil && bits&(1<<(unix.SIGTERM-1)) != 0
}
