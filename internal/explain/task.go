// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// who names a task as a user knows it.
func who(h *ns.Holder) string {
	switch {
	case h.PID == 0:
		return "a process that cannot be seen from here"
	case h.Kind == ns.KindThread:
		return fmt.Sprintf("thread %d (%s) of pid %d", h.TID, comm(h), h.PID)
	}
	return fmt.Sprintf("%s (pid %d)", comm(h), h.PID)
}

// whoSince is who with the start time, by which another process with the same PID is
// noticed.
func whoSince(h *ns.Holder) string {
	switch {
	case h.PID == 0 || h.Process == nil || h.Process.Started.IsZero():
		return who(h)
	case h.Kind == ns.KindThread:
		return fmt.Sprintf("thread %d (%s, started %s) of pid %d", h.TID, comm(h), Stamp(h.Process.Started), h.PID)
	}
	return fmt.Sprintf("%s (pid %d, started %s)", comm(h), h.PID, Stamp(h.Process.Started))
}

// descriptor names an open file, or what keeps one without a descriptor, with who or whoSince for its process.
func descriptor(h *ns.Holder, name func(*ns.Holder) string) string {
	of := asTask(h)
	s := h.Socket.Words()
	file := fmt.Sprintf("fd %d of %s", h.FD, name(of))
	switch {
	case s.Family != "" && (h.Via == ns.ViaRequest || h.Via == ns.ViaAIO):
		return fmt.Sprintf("the %s of %s for its closed %s %s socket", h.Via, name(of), s.Family, s.Type)
	case h.FD < 0:
		return fmt.Sprintf("the %s of %s", h.Via, name(of))
	case h.Via == ns.ViaPeer:
		return file + fmt.Sprintf(" (connected to a closed %s %s socket)", s.Family, s.Type)
	case h.Via != ns.NoVia:
		return file + fmt.Sprintf(" (%s)", h.Via)
	case h.Kind == ns.KindSocket:
		return file + fmt.Sprintf(" (%s %s socket)", s.Family, s.Type)
	case h.Kind == ns.KindTun && s.Device != "":
		return file + fmt.Sprintf(" (device %s)", text.Name(s.Device))
	}
	return file
}

// asTask returns the task that has a descriptor, as a holder.
func asTask(h *ns.Holder) *ns.Holder {
	of := *h
	if of.Kind = ns.KindProcess; h.TID != 0 {
		of.Kind = ns.KindThread
	}
	return &of
}

// queue names the unix socket that a file in flight waits in.
func queue(h *ns.Holder) string {
	if h.PID == 0 {
		return "a file in flight whose socket no process here has"
	}
	return fmt.Sprintf("what waits in the unix socket at fd %d of %s", h.FD, who(h))
}

func comm(h *ns.Holder) string {
	if h.Process == nil {
		return "process"
	}
	return text.Name(h.Process.Comm)
}

// Stamp returns a time as sentences have it.
func Stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// kill returns the command that ends the process of a holder, "" if it may not be the same
// process any more, cannot be ended, or has another PID here. Until the
// command is pasted the PID may be another process's: the command looks at the start
// time first.
func (a *Adviser) kill(h *ns.Holder) string {
	if !a.live() || h.PID <= 1 {
		return ""
	}
	st, err := a.Machine.ReadStat(h.PID.String())
	if err != nil || !a.same(h, st) || a.guarded(h, st.Comm) {
		return ""
	}
	signal, freezer := "", a.freezer(h.PID)
	if freezer.V2 || a.Machine.OutlivesTerm(h.PID) {
		signal = "-s KILL "
	}
	cmd := fmt.Sprintf("%s && kill %s%d", guard(h.PID, st), signal, h.PID)
	for _, file := range freezer.V1 { // the signal comes first: it is not to run again before
		thaw := command("echo THAWED > %s", file)
		if thaw == "" {
			return ""
		}
		cmd += " && " + thaw
	}
	return cmd
}

// freezer returns what keeps a process from running by its cgroups.
func (a *Adviser) freezer(pid ns.TaskID) host.Freezer {
	if !a.live() {
		return host.Freezer{}
	}
	cgroups, err := a.Machine.ReadCgroup(pid.String())
	if err != nil {
		return host.Freezer{}
	}
	f, known := a.freezers[string(cgroups)]
	if !known {
		f = a.Machine.FreezerOf(string(cgroups))
		if a.freezers == nil {
			a.freezers = map[string]host.Freezer{}
		}
		a.freezers[string(cgroups)] = f
	}
	return f
}

// guard returns a test of the shell that a PID is still that of a task that started
// when st was read of it. The start time is the 22nd word of its stat file; the
// second is its name, which may have spaces and line breaks in it. Where it has, what comes
// after its last parenthesis is looked at: to count from the beginning would compare
// another field of another process, which its user could choose.
func guard(task ns.TaskID, st host.Stat) string {
	read := fmt.Sprintf("cut -d' ' -f22 /proc/%d/stat", task)
	if strings.ContainsAny(st.Comm, " \n") {
		read = fmt.Sprintf(`tr '\n' ' ' </proc/%d/stat | LC_ALL=C sed 's/.*) //' | cut -d' ' -f20`, task)
	}
	return fmt.Sprintf(`[ "$(%s)" = %d ]`, read, st.Start)
}

// same reports whether a stat file is of the process that a holder was found with, by
// when that started. It is not known of one that only a thread was read of, or nothing.
func (a *Adviser) same(h *ns.Holder, st host.Stat) bool {
	const tick = time.Second / host.UserHZ
	switch {
	case h.Born != 0:
		return st.IsOf(h.Born)
	case h.Process == nil || h.Process.Started.IsZero():
		return false
	case h.TID != 0: // what was read is the thread's
		thread, err := a.Machine.ReadStat(path.Join(h.PID.String(), "task", h.TID.String()))
		if err != nil {
			return false
		}
		st = thread
	}
	boot, err := a.Machine.BootTime()
	return err == nil && boot.Add(time.Duration(st.Start)*tick).Equal(h.Process.Started)
}
