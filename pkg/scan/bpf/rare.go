// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"errors"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// rare is the one table of passes that look for sockets and namespace files which no descriptor
// refers to: what keeps them is seldom there. Each is loaded and read only where references are
// unexplained by what comes before it.
var rare = []struct {
	pass  bpfreader.Pass
	read  func(*finder, *bpfreader.Reader) error
	files bool // it finds namespace files, too
}{
	{bpfreader.Requests, (*finder).requests, false},
	{bpfreader.Closing, (*finder).closing, false},
	{bpfreader.Mappings, (*finder).mappings, true},
	{bpfreader.ClosedPeers, (*finder).closedPeers, false},
}

// unopened reads the rare passes if the kernel counts references to one of the namespaces that
// are not explained yet, and no task is in that or its account is to balance. What this
// kernel's programs cannot read stays unexplained.
func (f *finder) unopened() error {
	if _, wanted := f.byFlag[uint32(ns.Net.Flag())]; !wanted {
		return nil
	}
	left, known := false, false
	for _, p := range rare {
		if !known {
			nets, err := f.r.Nets()
			if err != nil {
				return nil // List has the error
			}
			left, known = f.unexplained(nets), true
		}
		if hidden := p.files && f.wanted.HiddenFile; !left && !hidden {
			continue
		}
		if err := f.rarely(p.pass, p.read); err != nil {
			return err
		}
		known = false
	}
	return nil
}

// rarely reads a pass that has a reader of its own, which is opened when it is first needed.
func (f *finder) rarely(p bpfreader.Pass, read func(*finder, *bpfreader.Reader) error) error {
	r, err := f.e.rareReader(p)
	if err == nil {
		err = read(f, r)
	}
	if errors.As(err, &kernel.SinceError{}) {
		return nil
	}
	return err
}

// rareReader is the reader of a rare pass, or why this kernel has none: it is not asked again in
// every look at what moves.
type rareReader struct {
	r   *bpfreader.Reader
	err error
}

// rareReader returns the reader of a rare pass.
func (e *engine) rareReader(p bpfreader.Pass) (*bpfreader.Reader, error) {
	opened, ok := e.rare[p]
	if !ok {
		opened.r, opened.err = bpfreader.Open(bpfreader.Options{Passes: p, Account: true})
		if e.rare == nil {
			e.rare = map[bpfreader.Pass]rareReader{}
		}
		e.rare[p] = opened
	}
	return opened.r, opened.err
}

// unexplained reports whether there are references to a namespace beyond those that were found.
// Of one that a task is in that is asked only where its account is to balance.
func (f *finder) unexplained(nets []bpfreader.Net) bool {
	inhabited := map[uint32]bool{}
	var within account // of the tasks in the namespace whose account is to balance
	for i := range f.taskAccount.n {
		e := f.taskAccount.at(i)
		inhabited[e.namespace] = true
		if uint64(e.namespace) == f.wanted.Balance {
			within.count(*e)
		}
	}
	counts, tasks := f.fileAccount.counts(), within.counts()
	for i, n := range nets {
		inode := uint64(n.Inode)
		looked := !inhabited[n.Inode] || inode == f.wanted.Balance
		if i > 0 && looked && n.Refs > counts[inode].Direct+tasks[inode].Direct+min(n.Opened, 1) { // the first is the initial one
			return true
		}
	}
	return false
}
