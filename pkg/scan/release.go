// SPDX-License-Identifier: Apache-2.0

package scan

import "fmt"

// release says what to do to free the namespace: every holder must go.
func (n *Namespace) release(s *Snapshot) string {
	var steps []string
	tasks := append(n.listed(KindProcess, 3, (*Holder).who), n.listed(KindThread, 3, (*Holder).who)...)
	if len(tasks) > 0 {
		steps = append(steps, "end "+andJoin(tasks))
	}
	if files := n.listed(KindFD, 3, (*Holder).descriptor); len(files) > 0 {
		steps = append(steps, "close "+andJoin(files))
	}
	steps = append(steps, n.unmountSteps(s)...)
	sockets := append(n.listed(KindSocket, 3, (*Holder).descriptor), n.listed(KindTun, 3, (*Holder).descriptor)...)
	if len(sockets) > 0 {
		steps = append(steps, "close "+andJoin(sockets))
	}
	if maps := n.listed(KindMmap, 3, (*Holder).who); len(maps) > 0 {
		steps = append(steps, "end the mapping of a packet ring by "+andJoin(maps))
	}
	if queued := n.listed(KindInflight, 3, (*Holder).queue); len(queued) > 0 {
		steps = append(steps, "have received, or close, "+andJoin(queued))
	}
	if refs := n.listed(KindKernel, 1, (*Holder).unexplained); len(refs) > 0 {
		steps = append(steps, refs...)
	}
	return andJoin(steps)
}

// who names a task as a user knows it.
func (h *Holder) who() string {
	switch {
	case h.PID == 0:
		return "a process that cannot be seen from here"
	case h.Kind == KindThread:
		return fmt.Sprintf("thread %d (%s) of pid %d", h.TID, h.comm(), h.PID)
	}
	return fmt.Sprintf("%s (pid %d)", h.comm(), h.PID)
}

// descriptor names an open file.
func (h *Holder) descriptor() string {
	text := fmt.Sprintf("fd %d of %s", h.FD, h.who())
	if h.TID != 0 {
		text = fmt.Sprintf("fd %d of thread %d (%s) of pid %d", h.FD, h.TID, h.comm(), h.PID)
	}
	switch {
	case h.Via != "":
		return text + fmt.Sprintf(" (%s)", h.Via)
	case h.Kind == KindSocket:
		return text + fmt.Sprintf(" (%s %s socket)", h.Family, h.Type)
	case h.Kind == KindTun && h.Device != "":
		return text + fmt.Sprintf(" (device %s)", h.Device)
	}
	return text
}

// queue names the unix socket that a file in flight waits in.
func (h *Holder) queue() string {
	if h.PID == 0 {
		return "a file in flight whose socket no process here has"
	}
	return fmt.Sprintf("what waits in the unix socket at fd %d of %s", h.FD, h.who())
}

func (h *Holder) unexplained() string {
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

func (h *Holder) comm() string {
	if h.Process == nil {
		return "process"
	}
	return h.Process.Comm
}
