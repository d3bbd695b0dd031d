// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func init() { host.Serve("descriptor", answerDescriptor) }

// question is what a helper is asked: what a descriptor of a task holds.
type question struct {
	Root     string
	PID, TID ns.TaskID
	FD       int
}

type answer struct {
	Tun                  bool // it is no socket
	Family, Type, Device string
	Inode                uint64
	Replaced             bool // it is neither any more
}

// answerDescriptor is what a helper does.
func answerDescriptor(q question) (a answer, err error) {
	h, err := host.OpenUnguarded(q.Root)
	if err != nil {
		return a, err
	}
	defer h.Close()
	b := duplicator{w: &Worker{walker: newWalker(h, nil), cookies: map[uint64]uint64{}}, pid: q.PID, pidfds: map[ns.TaskID]int{}}
	defer b.close()
	holder, inode, err := b.duplicate(&openFile{tid: q.TID, fd: q.FD})
	a = answer{holder.Kind == ns.KindTun, holder.Family, holder.Type, holder.Device, inode, false}
	if a.Replaced = err == errReplaced; a.Replaced {
		err = nil
	}
	return a, err
}
