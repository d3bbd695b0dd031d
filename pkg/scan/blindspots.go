// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/mounts"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// The errors of gaps that no single read meets.
var (
	ErrOtherPIDNS = procscan.ErrOtherPIDNS
	ErrHidepid    = procscan.ErrHidepid
)

// blindSpots are gaps that no single read meets: processes that /proc does not
// even list. walked is whether processes were found by what it lists.
func blindSpots(h *host.Host, types []ns.Type, walked bool) []ns.Gap {
	gaps := missingTypes(h, types)
	if h.Recorded() {
		return gaps
	}
	switch {
	case h.Live() && hidden(h): // kernel threads, too: which PID namespace this is cannot be known
		gaps = append(gaps, ns.Gap{Sources: []string{"process"}, Path: "/proc", Err: ErrHidepid})
	case !h.IsKernelThread(2):
		gaps = append(gaps, ns.Gap{Sources: []string{"process"}, Path: strings.TrimRight(h.Root(), "/") + "/proc", Err: ErrOtherPIDNS})
	case h.Live() && walked && lacksFirst(h):
		gaps = append(gaps, ns.Gap{Sources: []string{"process"}, Path: "/proc", Err: ErrHidepid})
	}
	return gaps
}

// missingTypes are gaps of the types wanted that the kernel does not have: /proc
// shows no links of them then, for no process (fs/proc/namespaces.c, ns_entries, 5.10).
func missingTypes(h *host.Host, types []ns.Type) []ns.Gap {
	dir := "/proc/1/ns"
	if h.Live() {
		dir = "/proc/self/ns"
	}
	var gaps []ns.Gap
	for _, t := range types {
		if !h.Recorded() || t == ns.Net { // what was recorded of the others is not known
			if h.LacksType(dir, t) {
				gaps = append(gaps, ns.Gap{Sources: []string{"process"}, Path: path.Join(dir, t.String()), Err: kernel.NoTypeError{Type: t}})
			}
		}
	}
	return gaps
}

// hidden reports whether /proc is mounted so that processes the caller may not
// trace are left out of it (fs/proc/base.c, has_pid_permissions, 6.18).
func hidden(h *host.Host) bool {
	member := inGroup
	switch {
	case kernel.InUserNamespace():
		// A capability does not reach the host's processes, and groups have other numbers here.
		member = func(int) bool { return h.IsKernelThread(2) }
	case kernel.HasCapability(unix.CAP_SYS_PTRACE):
		return false // before a mount table of any length is parsed for it: see lacksFirst
	}
	f, err := h.OpenRegular("/proc/self/mountinfo")
	if err != nil {
		return false // its own gap, from the source mount
	}
	defer f.Close()
	mounts, _ := mounts.Parse(f) // as above
	var proc *mountinfo.Info
	for _, m := range mounts {
		if m.Mountpoint == "/proc" {
			proc = m
		}
	}
	return proc != nil && hides(proc.VFSOptions, member)
}

// lacksFirst reports whether /proc has no process 1, which every PID namespace has. Where it
// shows only what may be traced, it leaves out what a security module keeps even from
// CAP_SYS_PTRACE (fs/proc/base.c, has_pid_permissions, 6.18).
func lacksFirst(h *host.Host) bool {
	_, err := h.ReadStat("1")
	return host.IsGone(err)
}

// hides reports whether proc's mount options leave processes out for a member of
// the given groups. The members of its group, 0 if no other is named, see all
// unless only what may be traced is shown.
func hides(options string, inGroup func(gid int) bool) bool {
	invisible, gid := false, 0
	for opt := range strings.SplitSeq(options, ",") {
		switch opt {
		case "hidepid=4", "hidepid=ptraceable":
			return true
		case "hidepid=2", "hidepid=invisible":
			invisible = true
		}
		if text, ok := strings.CutPrefix(opt, "gid="); ok {
			n, err := strconv.Atoi(text)
			if err != nil {
				return true // cannot happen
			}
			gid = n
		}
	}
	return invisible && !inGroup(gid)
}

// inGroup reports whether this process is a member of a group.
func inGroup(gid int) bool {
	groups, err := os.Getgroups()
	return os.Getegid() == gid || err == nil && slices.Contains(groups, gid)
}
