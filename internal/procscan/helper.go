// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"errors"
	"slices"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func init() { host.Serve("descriptors", answerDescriptors) }

// question is what a helper is asked: what some descriptors of a process hold.
type question struct {
	Root  string
	PID   ns.TaskID
	Files []fileOf
}

type fileOf struct {
	TID ns.TaskID
	FD  int
}

// reply has what each of them holds.
type reply struct{ Answers []answer }

type answer struct {
	Tun                  bool // it is no socket
	Family, Type, Device string
	Inode                uint64
	Replaced             bool // it is neither any more
	Failure              host.Failure
}

// answerDescriptors is what a helper does.
func answerDescriptors(q question) (r reply, err error) {
	h, err := host.OpenUnguarded(q.Root)
	if err != nil {
		return r, err
	}
	defer h.Close()
	b := duplicator{w: &Worker{walker: newWalker(h, nil), cookies: map[uint64]uint64{}}, pid: q.PID, pidfds: map[ns.TaskID]int{}}
	defer b.close()
	for _, f := range q.Files {
		holder, inode, err := b.duplicate(&openFile{tid: f.TID, fd: f.FD})
		s := holder.Socket.Words()
		a := answer{Tun: holder.Kind == ns.KindTun, Family: s.Family, Type: s.Type, Device: s.Device, Inode: inode}
		if a.Replaced = err == errReplaced; !a.Replaced {
			a.Failure = host.FailureOf(err)
		}
		r.Answers = append(r.Answers, a)
	}
	return r, nil
}

var errAnswers = errors.New("a child process answered something else")

// mostAsked is how many descriptors a helper is asked about at once: far fewer than it can read
// within host.Patience.
const mostAsked = 1024

// ask has a helper inspect some files, with one answer each.
func (b *duplicator) ask(files []*openFile) ([]answer, error) {
	q := question{Root: b.w.host.Root(), PID: b.pid}
	for _, f := range files {
		q.Files = append(q.Files, fileOf{f.tid, f.fd})
	}
	r, err := host.AskOf[question, reply](b.w.host, "descriptors", b.pid, q)
	if err == nil && len(r.Answers) != len(files) {
		err = errAnswers
	}
	return r.Answers, err
}

// take returns what an answer is of a file, as duplicate does.
func (a *answer) take(pid ns.TaskID, f *openFile) (ns.Holder, uint64, error) {
	h := ns.Holder{Kind: ns.KindSocket, PID: pid, TID: f.tid, FD: int32(f.fd), Socket: ns.NewSocket(ns.SocketWords{Family: a.Family, Type: a.Type, Device: a.Device})}
	if a.Tun {
		h.Kind = ns.KindTun
	}
	if a.Replaced {
		return h, a.Inode, errReplaced
	}
	return h, a.Inode, a.Failure.Err()
}

// askAhead has a helper inspect the sockets and tun files of a process, whose answers inspect
// then has. It reports false, after a gap, if the helper does not answer.
func (b *duplicator) askAhead(v *Process) bool {
	var files []*openFile
	for i := range v.files {
		if f := &v.files[i]; f.kind == socketFile || f.kind == tunFile {
			files = append(files, f)
		}
	}
	b.known = map[fileOf]answer{}
	for some := range slices.Chunk(files, mostAsked) {
		answers, err := b.ask(some)
		if err != nil {
			b.w.gap("socket", host.FDPath(v.pid, some[0].tid, some[0].fd), host.Cause(err))
			return false
		}
		for i, f := range some {
			b.known[fileOf{f.tid, f.fd}] = answers[i]
		}
	}
	return true
}
