// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// passState is the program of a pass, which is loaded when it is first needed.
type passState struct {
	passSpec
	mu   sync.Mutex
	done bool
	prog *ebpf.Program
	err  error // why there is no program
}

// loadPasses loads the first of the requested passes, in the caller's thread with its
// capabilities, and starts to load the others beside it and beside what is read first:
// all but Mapped and InFlight, which few machines need.
func (r *Reader) loadPasses() error {
	var wanted []Pass
	for _, p := range programs {
		if r.options.Passes&p.pass != 0 {
			wanted = append(wanted, p.pass)
			r.passes[p.pass] = &passState{passSpec: p}
		}
	}
	for _, p := range wanted[1:] {
		if p == Mapped || p == InFlight {
			continue
		}
		go func() { _, _ = r.Load(p) }() // its error is returned to who uses the pass
	}
	_, err := r.Load(wanted[0])
	if err == nil || errors.Is(err, unix.EPERM) { // the others would be refused too
		return err
	}
	refused := r.Refused()
	if len(refused) == len(slices.DeleteFunc(wanted, func(p Pass) bool { return p == queued })) {
		return refused[0].Err
	}
	return nil
}

// program returns the program of a pass, or why there is none.
func (r *Reader) program(p Pass) (*ebpf.Program, error) {
	if r.passes[p] == nil {
		return nil, errors.New("pass was not requested when the reader was opened")
	}
	prog, err := r.Load(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return prog, nil
}

// Load loads a pass that was asked for, once.
func (r *Reader) Load(p Pass) (*ebpf.Program, error) {
	load := r.passes[p]
	load.mu.Lock()
	defer load.mu.Unlock()
	if load.done {
		return load.prog, load.err
	}
	load.done = true
	candidates := load.candidates
	if p == Files && r.options.oneByOne {
		candidates = []string{scanProgFiles, scanProgFilesNoRings}
	}
	var err error
	if load.prog, err = r.first(candidates); err != nil {
		if !errors.Is(err, unix.EPERM) && kernel.Running().Before(load.since[0], load.since[1]) {
			err = kernel.SinceError{Major: load.since[0], Minor: load.since[1]} // more useful than the verifier's message
		}
		load.err = fmt.Errorf("%s: %w", load.action, kernel.ExplainBPF(err))
	}
	return load.prog, load.err
}

// Refused returns the requested passes, queued apart, whose programs this kernel did not load, in the
// order of their constants. It loads those that were not loaded before.
func (r *Reader) Refused() []Refusal {
	var refused []Refusal
	for _, p := range programs {
		if r.passes[p.pass] == nil {
			continue
		}
		if _, err := r.Load(p.pass); err != nil && p.pass != queued {
			refused = append(refused, Refusal{p.pass, err})
		}
	}
	r.loadedAll.Do(func() { r.object = nil }) // the types
	return refused
}

// unload unloads the program; the pass cannot be used any more.
func (l *passState) unload() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.prog != nil {
		l.prog.Close()
	}
	l.done, l.prog, l.err = true, nil, errClosed
}
