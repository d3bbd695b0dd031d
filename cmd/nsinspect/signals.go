// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

const (
	// signalPatience is how long a command may go on after a signal. A pipe without
	// a reader, or a dead file system, blocks for ever after a caught signal; only a
	// fatal one ends that.
	signalPatience = time.Second
	// beatPatience is the same for a trace, which writes what was recorded after
	// the signal, since it last reported that it is at work.
	beatPatience = 3 * time.Second
	// unloadPatience is the same for a trace that unloads its programs: the kernel waits for grace periods then, on a busy machine for seconds.
	unloadPatience = 20 * time.Second
)

// signals is what SIGINT, SIGTERM, SIGQUIT and SIGHUP do. The first one ends the context of the
// command that runs. By default the Go runtime would print all stacks at SIGQUIT, and a
// SIGHUP lose what a trace has not written yet.
type signals struct {
	forwarded atomic.Bool  // a COMMAND runs, and signals are for that
	tracing   atomic.Bool  // a trace runs, and reports that it is at work
	unloading atomic.Bool  // a trace unloads its programs
	ending    atomic.Bool  // a trace is at its end: a signal is to end it at once
	atOnce    atomic.Bool  // such a signal has come
	returned  atomic.Bool  // the command has returned, and nothing can be stuck any more
	at        atomic.Int64 // when there last was a reason to wait, in ns since 1970
	ignored   []os.Signal  // which of SIGHUP and SIGINT were, at the start
}

// takeSignals has signals do what they are to do to a command. What only reads, and prints once, is
// ended by them, as any program is that has nothing to do then: to catch them takes two threads,
// which is a twentieth of a short command.
func (a *app) takeSignals(cmd *cobra.Command) {
	switch name := cmd.Name(); {
	case a.cancel == nil:
	case name == "version", name == "who-uses", name == "list" && !cmd.Flags().Changed("watch"):
		quitSilently()
	default:
		a.signals.catch(a.cancel)
	}
}

// quitSilently gives SIGQUIT its default action, without the stacks that the Go runtime prints.
// os/signal has no way to do so, and does not know of it.
func quitSilently() {
	const setSize = 64 / 8  // of the signals
	var byDefault [4]uint64 // struct sigaction (include/linux/signal_types.h, 6.18): SIG_DFL
	// It cannot fail.
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGQUIT), uintptr(unsafe.Pointer(&byDefault)), 0, setSize, 0, 0)
}

// catch catches signals until the process exits: one that comes when everything is
// done does not change the exit status. The first one calls cancel.
func (s *signals) catch(cancel func()) {
	for _, sig := range []os.Signal{unix.SIGHUP, unix.SIGINT} { // of others the Go runtime does not know it
		if signal.Ignored(sig) {
			s.ignored = append(s.ignored, sig)
		}
	}
	caught := make(chan os.Signal, 4)
	signal.Notify(caught, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT)
	if !slices.Contains(s.ignored, os.Signal(unix.SIGHUP)) {
		signal.Notify(caught, unix.SIGHUP)
	}
	go s.serve(caught, cancel)
}

func (s *signals) serve(caught <-chan os.Signal, cancel func()) {
	var look <-chan time.Time
	for {
		select {
		case <-caught:
			if s.forwarded.Load() {
				continue
			}
			if s.ending.Load() {
				s.atOnce.Store(true)
			}
			cancel()
			if look == nil {
				s.alive()
				look = time.Tick(signalPatience / 8)
			}
		case <-look:
			if s.stuck() {
				signal.Reset(unix.SIGTERM)
				_ = unix.Kill(unix.Getpid(), unix.SIGTERM) // cannot fail
			}
		}
	}
}

// stuck reports whether nothing happens after the signal.
func (s *signals) stuck() bool {
	if s.forwarded.Load() || s.returned.Load() {
		return false
	}
	patience := signalPatience
	switch {
	case s.tracing.Load():
		patience = beatPatience
	case s.unloading.Load():
		patience = unloadPatience
	}
	return time.Since(time.Unix(0, s.at.Load())) > patience
}

// alive has the time that a command may go on begin again.
func (s *signals) alive() { s.at.Store(time.Now().UnixNano()) }

// beat records that a trace makes progress.
func (s *signals) beat() {
	s.tracing.Store(true)
	s.alive()
}

// unloads records that a trace has written everything, and unloads its programs.
func (s *signals) unloads() {
	s.unloading.Store(true)
	s.silent()
}

// unloaded records that they are.
func (s *signals) unloaded() {
	s.unloading.Store(false)
	s.alive()
}

// silent records that no trace runs any more.
func (s *signals) silent() {
	s.tracing.Store(false)
	s.alive()
}
