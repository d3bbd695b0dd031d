// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// release returns what to do to free the namespace: every holder must go.
func release(n *ns.Namespace, s *ns.Snapshot) string {
	var steps []string
	tasks := append(listed(n, ns.KindProcess, 3, who), listed(n, ns.KindThread, 3, who)...)
	if len(tasks) > 0 {
		steps = append(steps, "end "+andJoin(tasks))
	}
	if files := listed(n, ns.KindFD, 3, descriptor); len(files) > 0 {
		steps = append(steps, "close "+andJoin(files))
	}
	steps = append(steps, unmountSteps(n, s)...)
	sockets := append(listed(n, ns.KindSocket, 3, descriptor), listed(n, ns.KindTun, 3, descriptor)...)
	if len(sockets) > 0 {
		steps = append(steps, "close "+andJoin(sockets))
	}
	if maps := listed(n, ns.KindMmap, 3, who); len(maps) > 0 {
		steps = append(steps, "end the mapping of a packet ring by "+andJoin(maps))
	}
	if queued := listed(n, ns.KindInflight, 3, queue); len(queued) > 0 {
		steps = append(steps, "have received, or close, "+andJoin(queued))
	}
	if refs := listed(n, ns.KindKernel, 1, unexplained); len(refs) > 0 {
		steps = append(steps, refs...)
	}
	return andJoin(steps)
}

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

// descriptor names an open file.
func descriptor(h *ns.Holder) string {
	file := fmt.Sprintf("fd %d of %s", h.FD, who(h))
	if h.TID != 0 {
		file = fmt.Sprintf("fd %d of thread %d (%s) of pid %d", h.FD, h.TID, comm(h), h.PID)
	}
	switch {
	case h.Via != "":
		return file + fmt.Sprintf(" (%s)", h.Via)
	case h.Kind == ns.KindSocket:
		return file + fmt.Sprintf(" (%s %s socket)", h.Family, h.Type)
	case h.Kind == ns.KindTun && h.Device != "":
		return file + fmt.Sprintf(" (device %s)", text.Name(h.Device))
	}
	return file
}

// queue names the unix socket that a file in flight waits in.
func queue(h *ns.Holder) string {
	if h.PID == 0 {
		return "a file in flight whose socket no process here has"
	}
	return fmt.Sprintf("what waits in the unix socket at fd %d of %s", h.FD, who(h))
}

func unexplained(h *ns.Holder) string {
	refs := "reference"
	switch h.Refs {
	case 0:
		return "find what refers to it (the bpf engine sees more)"
	case 1:
	default:
		refs = fmt.Sprintf("%d references", h.Refs)
	}
	return fmt.Sprintf("find what has the %s that nothing visible explains (an open file below its /proc/net, for one)", refs)
}

func comm(h *ns.Holder) string {
	if h.Process == nil {
		return "process"
	}
	return text.Name(h.Process.Comm)
}
